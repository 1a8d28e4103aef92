"""Every figure: what it says without being seen, what it draws, and what it weighs."""

import gzip
import json
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
import test_figures_inspection

import adaptive_optim
from adaptive_optim import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    Momentum,
    ProblemStack,
    RMSProp,
    SparseRegression,
    leader,
    median_interval,
    minimize,
    plot_activity_slider,
    plot_bands,
    plot_curves,
    plot_leaders,
    plot_paths,
    plot_playback,
    plot_rate_bars,
    plot_rates,
    plot_seeds,
)
from adaptive_optim.figures import LEVELS

START = [-1.0, -1.0]
BOOK = {
    "SGD": SGD(0.05),
    "Momentum": Momentum(0.005),
    "Adagrad": Adagrad(0.4),
    "RMSProp": RMSProp(0.02, rho=0.99),
    "Adam": Adam(0.05),
}
ACTIVITIES = [
    0.01,
    0.02,
    0.03,
    0.04,
    0.05,
    0.07,
    0.1,
    0.13,
    0.17,
    0.2,
    0.25,
    0.3,
    0.35,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
]
ALT = "Five paths lead to one minimum."
PROBLEM = SparseRegression(activity=0.05)
ROTATED = SparseRegression(activity=0.05, rotation=30)


def run_all(problem, num_steps=400, **others):
    return {
        label: minimize(optimizer, problem.gradient, START, num_steps)
        for label, optimizer in {**BOOK, **others}.items()
    }


RUNS = run_all(PROBLEM)
WITH_DIVERGED = run_all(PROBLEM, SGD=SGD(30.0))
BRIEF = run_all(PROBLEM, num_steps=30, SGD=SGD(1e9))


@cache
def problems():
    return {activity: SparseRegression(activity) for activity in ACTIVITIES}


@cache
def runs_at_each():
    return {activity: run_all(problem) for activity, problem in problems().items()}


@cache
def excess_of_seeds():
    stack = ProblemStack([SparseRegression(seed=seed) for seed in range(64)])
    start = np.tile(START, (64, 1))
    return {
        label: stack.excess_loss(minimize(optimizer, stack.gradient, start, 200).params[::10])
        for label, optimizer in BOOK.items()
    }


RATES = np.logspace(-2, 0, 3)
# How often each was first at each activity and rate. In the last cell nobody was.
FIRSTS = np.zeros((len(BOOK), 2, 3), int)
FIRSTS[0, 0] = 80, 40, 0
FIRSTS[2, 0] = 10, 50, 0
FIRSTS[4, 1] = 100, 0, 0
FIRSTS[1, 1] = 0, 70, 0
LEADERS = {title: leader(FIRSTS, trials=100) for title in ("one world", "another")}

# One row per figure: how the book would draw these runs.
FIGURES = {
    "plot_paths": lambda runs, alt: plot_paths({"one": (PROBLEM, runs), "other": (ROTATED, RUNS)}, alt=alt),
    "plot_rates": lambda runs, alt: plot_rates(runs, alt=alt),
    "plot_rate_bars": lambda runs, alt: plot_rate_bars(runs, alt=alt),
    "plot_curves": lambda runs, alt: plot_curves(
        {label: PROBLEM.excess_loss(run.params) for label, run in runs.items()}, y_title="excess loss", alt=alt
    ),
    "plot_bands": lambda runs, alt: plot_bands(
        np.arange(21) + 1, excess_of_seeds(), x_title="step", y_title="excess loss", log_x=True, alt=alt
    ),
    "plot_seeds": lambda runs, alt: plot_seeds(
        {label: losses[-1] for label, losses in excess_of_seeds().items()}, x_title="excess loss", alt=alt
    ),
    "plot_leaders": lambda runs, alt: plot_leaders(
        RATES, 100 * np.array([0.05, 1.0]), LEADERS, list(BOOK), x_title="rate", y_title="activity (%)", alt=alt
    ),
    "plot_activity_slider": lambda runs, alt: plot_activity_slider(
        problems(), {**runs_at_each(), 0.05: runs}, start=0.05, alt=alt
    ),
    "plot_playback": lambda runs, alt: plot_playback(PROBLEM, runs, alt=alt),
}
each_figure = pytest.mark.parametrize("name", FIGURES)
sound_or_not = pytest.mark.parametrize("diverged", [False, True], ids=["", "diverged"])


@cache
def figure(name, diverged=False):
    return FIGURES[name](WITH_DIVERGED if diverged else RUNS, ALT)


def strict_json(fig):
    return json.dumps(fig.to_plotly_json(), allow_nan=False, separators=(",", ":"))


def traces(fig):
    """All traces, those of the frames with what they inherit from the trace they move."""
    every = [trace.to_plotly_json() for trace in fig.data]
    for frame in fig.frames:
        targets = frame.traces or range(len(fig.data))
        first = [fig.data[target].to_plotly_json() for target in targets]
        for old, new in zip(first, frame.data, strict=True):
            new = new.to_plotly_json()
            every.append({**old, **new, "marker": {**old.get("marker", {}), **new.get("marker", {})}})
    return every


def test_every_plot_function_is_tested_here():
    tested = set(FIGURES) | set(test_figures_inspection.FIGURES)
    assert tested == {name for name in adaptive_optim.__all__ if name.startswith("plot_")}


@each_figure
def test_a_figure_carries_its_text_alternative(name):
    assert figure(name).layout.meta["alt"] == ALT


@each_figure
@pytest.mark.parametrize("bad", ["", "  \n", None, 3])
def test_a_figure_without_a_text_alternative_is_refused(name, bad):
    with pytest.raises(ValueError, match=r"alt=.*: must say what is to be seen"):
        FIGURES[name](RUNS, bad)


@each_figure
def test_every_axis_with_numbers_has_a_title(name):
    fig = figure(name)
    layout = fig.layout.to_plotly_json()
    axes = {trace.get(f"{letter}axis", letter) for trace in traces(fig) for letter in "xy"}
    titled = 0
    for axis in axes:
        settings = layout[f"{axis[0]}axis{axis[1:]}"]
        words = settings.get("ticktext") or [
            entry
            for trace in traces(fig)
            if trace.get(f"{axis[0]}axis", axis[0]) == axis
            for entry in trace[axis[0]]
        ]
        if all(str(word).split(",")[0] in BOOK for word in words if word is not None):
            continue  # names of optimizers say what they are
        assert settings.get("title", {}).get("text", "").strip(), axis
        titled += 1
    assert titled


@each_figure
@sound_or_not
def test_a_figure_is_json_without_nan_or_infinity(diverged, name):
    assert json.loads(strict_json(figure(name, diverged)))["data"]


@each_figure
def test_a_figure_is_light(name):
    limit = 200_000 if name == "plot_activity_slider" else 60_000
    assert len(gzip.compress(strict_json(figure(name)).encode())) <= limit


def colors_by_label(fig):
    """Pairs of a label and a colour it is drawn in, from every line, bar and dot."""
    for trace in traces(fig):
        marker = trace.get("marker", {})
        if isinstance(marker.get("color"), list):
            labels = trace["y"] if trace["type"] == "bar" else trace["text"]
            colors = zip(labels, marker["color"], strict=True)
            yield from ((label, color) for label, color in colors if label != "minimum")
        elif trace.get("name", "").startswith(tuple(BOOK)):
            if "color" in trace.get("line", {}):
                yield trace["name"], trace["line"]["color"]
            if "color" in marker:
                yield trace["name"], marker["color"]


@each_figure
@sound_or_not
def test_an_optimizer_has_one_colour_in_every_figure(diverged, name):
    colors = {label: set() for label in BOOK}
    for label, color in colors_by_label(figure(name, diverged)):
        colors[label.replace(",", " ").replace(":", " ").split()[0]].add(color)
    expected = {trace.name: trace.line.color for trace in figure("plot_curves").data}
    assert colors == {label: {expected[label]} for label in BOOK}


def test_no_two_optimizers_share_a_colour_and_no_two_lines_a_look():
    names = [optimizer.__name__ for optimizer in OPTIMIZERS]
    labels = [*names, "Adam, no correction", "theory", "Adamant"]
    fig = plot_curves({label: [1.0, 2.0] for label in labels}, y_title="loss", alt=ALT)
    colors = {trace.name: trace.line.color for trace in fig.data}
    assert len({colors[name] for name in names}) == len(names)
    assert colors["Adam, no correction"] == colors["Adam"]
    assert colors["theory"] == colors["Adamant"]
    rgb = {name: np.array([int(colors[name][at : at + 2], 16) for at in (1, 3, 5)]) for name in (*names, "theory")}
    for one, other in combinations(rgb, 2):
        assert np.linalg.norm(rgb[one] - rgb[other]) > 60, (one, other)
    assert len({trace.line.dash for trace in fig.data if trace.name in names}) == len(names)
    for color in rgb.values():
        light = np.where(color <= 10, color / 255 / 12.92, ((color / 255 + 0.055) / 1.055) ** 2.4)
        luminance = light @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) >= 3, "on white"
        assert (luminance + 0.05) / (0.006 + 0.05) >= 3, "on #121212"
    assert len({(trace.line.color, trace.line.dash, trace.opacity) for trace in fig.data}) == len(labels)


# What is drawn.


def on_axes(fig, number):
    return [trace for trace in fig.data if (trace.xaxis or "x") == ("x" if number == 1 else f"x{number}")]


def test_contours_are_level_lines_of_the_loss():
    for number, problem in enumerate((PROBLEM, ROTATED), 1):
        (contours,) = [trace for trace in on_axes(figure("plot_paths"), number) if trace.fill == "toself"]
        points = np.array([contours.x, contours.y], float).T
        lines = np.split(points, np.flatnonzero(np.isnan(points[:, 0])))
        assert len(lines) == len(LEVELS)
        for level, line in zip(LEVELS[::-1], lines, strict=True):
            middle = line[np.abs(line).max(1) < 3]
            # Points are rounded to 0.01, which moves the loss by up to the slope times that.
            room = 0.03 * level + 0.01 * np.linalg.norm(problem.full_gradient(middle), axis=-1) + 1e-4
            assert (np.abs(problem.excess_loss(middle) - level) <= room).all()


def test_a_path_is_drawn_from_its_start_to_its_end_with_the_extremes_of_both_coordinates():
    for label, run in RUNS.items():
        (path,) = [trace for trace in on_axes(figure("plot_paths"), 1) if trace.name == label]
        drawn = np.transpose([path.x, path.y])
        assert len(drawn) < len(run.params)
        np.testing.assert_allclose(drawn[[0, -1]], run.params[[0, -1]], atol=6e-4)
        np.testing.assert_allclose(drawn.min(0), run.params.min(0), atol=6e-4)
        np.testing.assert_allclose(drawn.max(0), run.params.max(0), atol=6e-4)


def test_no_two_runs_on_the_same_axes_look_the_same():
    labels = ["Adam", "Adam, slow", "Adam, fast", "mine", "yours"]
    runs = {label: RUNS["Adam"] for label in labels}
    for fig in (
        plot_paths({"": (PROBLEM, runs)}, alt=ALT),
        plot_activity_slider({0.05: PROBLEM}, {0.05: runs}, start=0.05, alt=ALT),
    ):
        for axis in {trace.xaxis for trace in fig.data}:
            lines = [trace for trace in fig.data if trace.xaxis == axis and trace.name in labels]
            looks = {(line.line.color, line.line.dash, line.opacity) for line in lines}
            assert len(looks) == len(lines)
    drawn = plot_playback(PROBLEM, runs, alt=ALT).select_traces({"type": "scatter", "mode": "lines+markers"})
    heads = list(drawn)
    assert len(heads) == len(labels)
    assert len({(head.line.color, head.line.dash, head.opacity) for head in heads}) == len(labels)


def test_a_label_looks_the_same_in_every_panel_as_in_the_legend():
    one, other = {"Adam, slow": RUNS["Adam"]}, {"Adam": RUNS["Adam"], "Adam, slow": RUNS["Adam"]}
    fig = plot_paths({"one": (PROBLEM, one), "other": (PROBLEM, other)}, alt=ALT)
    slow = [trace for trace in fig.data if trace.name == "Adam, slow"]
    assert [trace.showlegend for trace in slow] == [True, False]
    assert (slow[0].line, slow[0].opacity) == (slow[1].line, slow[1].opacity)


def test_a_long_curve_keeps_its_spikes():
    spiky = np.ones(5000)
    spiky[[1234, 4001]] = 50.0, 0.02
    (line,) = plot_curves({"SGD": spiky}, y_title="loss", alt=ALT).data
    assert len(line.y) < 1000
    assert line.y[line.x.index(1234)] == 50
    assert line.y[line.x.index(4001)] == 0.02


def test_the_axes_hold_what_is_drawn():
    for name in ("plot_rates", "plot_rate_bars", "plot_curves"):
        fig = figure(name)
        for trace in fig.data:
            letter = "x" if name == "plot_rate_bars" else "y"
            axis = fig.layout[f"{letter}axis{(trace[f'{letter}axis'] or letter)[1:]}"]
            values = [value for value in trace[letter] if value is not None]
            if not values:
                continue  # words that are not drawn
            low, high = 10.0 ** np.array(axis.range)
            assert axis.type == "log"
            assert low <= min(values) * 1.01
            assert high >= max(values) * 0.99
            assert len(set(axis.ticktext)) == len(axis.ticktext)


def test_a_tick_says_its_own_value_however_large_or_small():
    axis = plot_curves({"SGD": [2e-6, 2e-4]}, y_title="loss", alt=ALT).layout.yaxis
    words = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert [words[tick] for tick in (1e-6, 2e-6, 5e-5, 2e-4)] == [
        "10<sup>−6</sup>",
        "2·10<sup>−6</sup>",
        "5·10<sup>−5</sup>",
        "0.0002",
    ]
    axis = plot_curves({"SGD": [2e5, 3e7]}, y_title="loss", alt=ALT).layout.yaxis
    words = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert [words[tick] for tick in (5e5, 1e6, 2e6)] == ["500,000", "10<sup>6</sup>", "2·10<sup>6</sup>"]
    assert len(set(axis.ticktext)) == len(axis.ticktext)


def test_places_on_the_x_axis_keep_six_digits():
    places = [1.00125, 1.0025]
    (line,) = plot_curves({"SGD": [1.0, 2.0]}, x=places, y_title="loss", alt=ALT).data
    band, median = plot_bands(places, {"SGD": np.ones((2, 3))}, x_title="x", y_title="y", alt=ALT).data
    assert list(line.x) == list(median.x) == list(band.x[:2]) == places


RUNS_OF = {
    "plot_paths": lambda runs: plot_paths({"": (PROBLEM, runs)}, alt=ALT),
    "plot_rates": lambda runs: plot_rates(runs, alt=ALT),
    "plot_rate_bars": lambda runs: plot_rate_bars(runs, alt=ALT),
    "plot_activity_slider": lambda runs: plot_activity_slider({0.05: PROBLEM}, {0.05: runs}, start=0.05, alt=ALT),
    "plot_playback": lambda runs: plot_playback(PROBLEM, runs, alt=ALT),
}


@pytest.mark.parametrize("name", RUNS_OF)
def test_what_is_not_single_runs_of_two_parameters_is_refused(name):
    assert RUNS_OF[name](RUNS)
    with pytest.raises(ValueError, match="runs: must hold at least one run"):
        plot_activity_slider({0.05: PROBLEM}, {}, start=0.05, alt=ALT)
    with pytest.raises(ValueError, match="runs: must hold at least one run"):
        RUNS_OF[name]({})
    several = minimize(SGD(0.05), PROBLEM.gradient, np.tile(START, (3, 1)), 5)
    three = minimize(SGD(0.05), lambda params, step: params, [1.0, 2.0, 3.0], 5)
    for bad in (several, three, RUNS["SGD"].params, None):
        with pytest.raises(ValueError, match="runs: 'SGD' must be a single run of two parameters"):
            RUNS_OF[name]({"Adam": RUNS["Adam"], "SGD": bad})


def test_runs_of_different_lengths_diverge_and_end_each_at_its_own_step():
    at = int(BRIEF["SGD"].diverged_at)
    runs = {"Adam": RUNS["Adam"], "SGD": BRIEF["SGD"]}
    for order in (runs, dict(reversed(runs.items()))):
        assert said(plot_rate_bars(order, alt=ALT).data[-1]) == {"SGD": "diverged"}
        assert len(plot_playback(PROBLEM, order, alt=ALT, every=1).frames) == 30
    # Counted from its end, the step before the one that diverged.
    early = plot_rate_bars(dict(runs), alt=ALT, step=at - 31).data[-1]
    assert "diverged" not in said(early).values()


def test_bars_are_the_rates_of_the_step_that_was_asked_for():
    for step in (100, -1):
        dense, sparse, _ = plot_rate_bars(RUNS, step=step, alt=ALT).data
        assert list(dense.y) == list(sparse.y) == list(RUNS)
        expected = np.array([run.rates[step] for run in RUNS.values()])
        np.testing.assert_allclose(np.transpose([dense.x, sparse.x]), expected, rtol=6e-3)


def said(trace):
    """What a row of words says, by optimizer; rows without a place are not drawn."""
    return {label: word.strip() for label, place, word in zip(trace.y, trace.x, trace.text, strict=True) if place}


def said_in(trace):
    return [word.strip() for place, word in zip(trace.x, trace.text, strict=True) if place]


def test_a_coordinate_without_a_gradient_has_words_and_no_bar():
    assert not RUNS["SGD"].grads[:3, 1].any()
    for fig in (plot_rate_bars(RUNS, step=2, alt=ALT), figure("plot_playback")):
        dense, sparse, words = fig.data[-3:]
        assert None not in dense.x
        assert list(sparse.x) == [None] * 5
        assert said(words) == dict.fromkeys(BOOK, "no gradient yet")
        assert fig.layout[f"xaxis{dense.xaxis[1:]}"].range[1] < np.log10(100)
    assert said(figure("plot_rate_bars").data[-1]) == {}
    first = int(np.flatnonzero(RUNS["SGD"].grads[:, 1])[0])
    for line in [trace for trace in on_axes(figure("plot_rates"), 2) if trace.mode == "lines"]:
        assert list(line.y[:first]) == [None] * first
        assert line.y[first] < 100


def test_words_go_when_the_first_gradient_comes():
    first = int(np.flatnonzero(BRIEF["Adam"].grads[:, 1])[0])
    frames = plot_playback(PROBLEM, {"Adam": BRIEF["Adam"]}, alt=ALT, every=1).frames
    for step, words in ((first - 1, 1), (first, 0)):
        *_, sparse, silent = frames[step].data
        assert sum(place is not None for place in silent.x) == words
        assert sum(rate is None for rate in sparse.x) == words


def test_a_diverged_run_is_called_so_in_every_figure_of_runs():
    step = int(WITH_DIVERGED["SGD"].diverged_at) + 1
    assert 1 < step < 400
    for name in ("plot_paths", "plot_rates"):
        fig = figure(name, diverged=True)
        legend = {trace.name for trace in fig.data if trace.showlegend is not False}
        assert f"SGD, diverged at step {step}" in legend
        assert not any("diverged" in label and not label.startswith("SGD") for label in legend)
    for name in ("plot_rate_bars", "plot_activity_slider"):
        words = next(
            trace for trace in figure(name, diverged=True).data if trace.type == "scatter" and trace.mode == "text"
        )
        assert said(words) == {"SGD": "diverged"}
    (ends,) = [
        trace for trace in on_axes(figure("plot_paths", diverged=True), 1) if isinstance(trace.marker.symbol, tuple)
    ]
    assert ends.marker.symbol == ("cross-thin", "x", "circle", "circle", "circle", "circle")
    assert f"diverged at step {step}" in ends.text[1]


def test_the_playback_says_diverged_from_that_step_on():
    at = int(BRIEF["SGD"].diverged_at)
    assert np.flatnonzero(BRIEF["SGD"].grads[:, 1])[0] < at < 29
    frames = plot_playback(PROBLEM, {"SGD": BRIEF["SGD"]}, alt=ALT, every=1).frames
    before, after = (frames[step].data[-1] for step in (at - 1, at))
    assert list(before.x) == [None]
    assert said_in(after) == ["diverged"]


def test_a_diverged_run_does_not_flatten_the_others():
    low, high = figure("plot_curves", diverged=True).layout.yaxis.range
    assert high - low < 20
    assert max(loss for loss in figure("plot_curves", diverged=True).data[0].y if loss is not None) > 1e100
    only = {"SGD": PROBLEM.excess_loss(WITH_DIVERGED["SGD"].params)}
    axis = plot_curves(only, y_title="loss", alt=ALT).layout.yaxis
    assert np.isfinite([*axis.range, *axis.tickvals]).all()
    assert len(axis.tickvals) < 12
    for low in 10.0 ** np.arange(-307, 307, 17):
        wide = plot_curves({"SGD": [low, 1e308, 1e308]}, y_title="loss", alt=ALT).layout.yaxis
        assert all(0 < tick < np.inf for tick in wide.tickvals)


@pytest.mark.parametrize("log", [True, False])
def test_values_that_are_not_finite_are_gaps(log):
    values = np.array([1.0, np.nan, 3.0, np.inf, 0.5])
    fig = plot_curves({"SGD": values}, y_title="loss", log_y=log, alt=ALT)
    assert list(fig.data[0].y) == [1.0, None, 3.0, None, 0.5]
    nothing = plot_curves({"SGD": values * np.nan}, y_title="loss", log_y=log, alt=ALT)
    assert list(nothing.data[0].y) == [None] * 5
    strict_json(nothing)


def test_a_band_holds_the_middle_80_percent_of_the_seeds_and_ends_at_a_point_without_any():
    seeds = np.arange(101.0)
    samples = np.stack([seeds + 1, seeds + 101, seeds * np.nan, seeds + 201, seeds + 301, seeds * np.nan])
    band, median = plot_bands(np.arange(6), {"Adam": samples}, x_title="x", y_title="y", alt=ALT).data
    assert list(median.y) == [51, 151, None, 251, 351, None]
    assert list(band.x) == [0, 1, 1, 0, None, 3, 4, 4, 3]
    assert list(band.y) == [11, 111, 191, 91, None, 211, 311, 391, 291]


def test_a_bar_is_the_interval_of_the_median_where_there_are_seeds_enough():
    seeds = np.arange(1.0, 102.0)
    few = np.where(seeds <= 5, seeds, np.nan)
    samples = np.stack([seeds, np.where(seeds <= 6, seeds, np.nan), few, seeds * np.nan])
    _, plain = plot_bands(np.arange(4), {"Adam": samples}, x_title="x", y_title="y", alt=ALT).data
    band, median = plot_bands(
        np.arange(4), {"Adam": samples}, x_title="x", y_title="y", alt=ALT, intervals=True
    ).data
    low, high = median_interval(seeds)
    assert plain.error_y.array is None
    assert list(median.y) == list(plain.y) == [51, 3.5, 3, None]
    assert list(median.error_y.arrayminus) == [51 - low, 2.5, None, None]
    assert list(median.error_y.array) == [high - 51, 2.5, None, None]
    assert list(median.customdata) == [f" ({low:.3g} to {high:.3g})", " (1 to 6)", "", ""]
    assert median.error_y.color == median.line.color
    assert len(band.x) == 6  # a band for every point with seeds


def test_a_band_warns_of_more_than_a_point_without_seeds():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        plot_bands([1], {"Adam": [[1.0, np.inf, np.inf]]}, x_title="x", y_title="y", alt=ALT)


def test_a_dot_stands_for_each_seed_and_a_bar_for_their_median():
    fig = plot_seeds({"SGD": np.arange(1.0, 8.0), "Adam": [3.0, 1.0, 2.0]}, x_title="gap", alt=ALT)
    drawn = {trace.name: list(trace.x) for trace in fig.data}
    assert drawn["SGD"] == [1, 2, 3, 4, 5, 6, 7]
    assert drawn["Adam"] == [1, 2, 3]
    assert drawn["SGD: median"] == [4, 4]
    assert drawn["Adam: median"] == [2, 2]
    rows = dict(zip(fig.layout.yaxis.ticktext, fig.layout.yaxis.tickvals, strict=True))
    for trace in fig.data:
        assert abs(np.mean(trace.y) - rows[trace.name.split(":")[0]]) < 0.1


# What moves.


def parts(fig, data):
    """The moving traces of a frame by what they show."""
    shown = {"contours": [], "paths": [], "bars": [], "losses": []}
    for trace, new in zip(fig.data, data, strict=True):
        here = json.dumps([new.x, new.y])
        if trace.type == "bar":
            shown["bars"].append(here)
        elif trace.fill == "toself":
            shown["contours"].append(here)
        elif trace.mode == "lines" and trace.xaxis == "x":
            shown["paths"].append(here)
        elif trace.mode == "lines" and trace.xaxis == "x3":
            shown["losses"].append(here)
    return shown


def test_every_step_of_the_activity_slider_moves_contours_paths_bars_and_losses():
    fig = figure("plot_activity_slider")
    assert len(fig.frames) == len(ACTIVITIES) >= 15
    frames = [parts(fig, frame.data) for frame in fig.frames]
    for before, after in pairwise(frames):
        for part, least in (("contours", 1), ("paths", 5), ("bars", 1), ("losses", 5)):
            moved = sum(old != new for old, new in zip(before[part], after[part], strict=True))
            assert moved >= least, part


def test_the_activity_slider_goes_from_1_to_100_percent_and_starts_where_it_says():
    fig = figure("plot_activity_slider")
    (slider,) = fig.layout.sliders
    labels = [step.label for step in slider.steps]
    assert labels == [f"{activity:.0%}" for activity in ACTIVITIES]
    assert (labels[0], labels[-1], labels[slider.active]) == ("1%", "100%", "5%")
    frames = {frame.name: frame for frame in fig.frames}
    for step in slider.steps:
        (name,) = step.args[0]
        assert frames[name]
    assert parts(fig, fig.data) == parts(fig, fig.frames[slider.active].data)


def test_activities_that_are_no_whole_percent_have_their_own_labels():
    activities = (0.005, 0.07, 0.075)
    fig = plot_activity_slider(
        dict.fromkeys(activities, PROBLEM), dict.fromkeys(activities, RUNS), start=0.07, alt=ALT
    )
    assert [step.label for step in fig.layout.sliders[0].steps] == ["0.5%", "7%", "7.5%"]


def test_every_activity_is_drawn_in_the_order_of_the_first_picture_and_has_its_labels():
    some = {label: RUNS[label] for label in ("SGD", "Adam")}
    both = {0.05: PROBLEM, 0.1: PROBLEM}
    fig = plot_activity_slider(both, {0.05: some, 0.1: dict(reversed(some.items()))}, start=0.05, alt=ALT)
    assert parts(fig, fig.frames[0].data) == parts(fig, fig.frames[1].data)
    with pytest.raises(
        ValueError, match=r"runs at activity 0\.1: have labels \['SGD'\], must have \['SGD', 'Adam'\]"
    ):
        plot_activity_slider(both, {0.05: some, 0.1: {"SGD": RUNS["SGD"]}}, start=0.05, alt=ALT)


def test_each_frame_of_the_activity_slider_shows_the_runs_of_its_activity():
    fig = figure("plot_activity_slider")
    for activity, frame in zip(ACTIVITIES, fig.frames, strict=True):
        shown = dict(zip([trace.name for trace in fig.data], frame.data, strict=True))
        rates = np.array([run.rates[-1] for run in runs_at_each()[activity].values()])
        np.testing.assert_allclose(shown["sparse coordinate"].x, rates[:, 1], rtol=6e-3)
        np.testing.assert_allclose(shown["dense coordinate"].x, rates[:, 0], rtol=6e-3)
        marks = shown["minimum and ends"]
        ends = [run.params[-1] for run in runs_at_each()[activity].values()]
        places = [problems()[activity].minimum, *ends]
        np.testing.assert_allclose(np.transpose([marks.x, marks.y]), places, atol=6e-4)
        # The loss is the last trace of an optimizer's name.
        for label, run in runs_at_each()[activity].items():
            assert shown[label].y[0] == pytest.approx(problems()[activity].excess_loss(START), rel=6e-3)
            assert shown[label].y[-1] == pytest.approx(problems()[activity].excess_loss(run.params[-1]), rel=6e-3)


def test_each_step_of_the_playback_shows_the_head_of_every_path_and_its_rates():
    fig = figure("plot_playback")
    (slider,) = fig.layout.sliders
    assert [step.args[0][0] for step in slider.steps] == [frame.name for frame in fig.frames]
    assert [frame.name for frame in fig.frames] == [str(step + 1) for step in range(0, 400, 5)]
    for frame in fig.frames:
        step = int(frame.name) - 1
        heads, (dense, sparse, _) = frame.data[:5], frame.data[5:]
        for head, run in zip(heads, RUNS.values(), strict=True):
            np.testing.assert_allclose([head.x[-1], head.y[-1]], run.params[step + 1], atol=6e-3)
        for bars, coordinate in ((dense, 0), (sparse, 1)):
            rates = np.array([run.rates[step, coordinate] for run in RUNS.values()])
            np.testing.assert_allclose(np.array(bars.x, float), rates, rtol=6e-3)


def test_play_and_pause_are_buttons():
    (menu,) = figure("plot_playback").layout.updatemenus
    assert [(button.label, button.method) for button in menu.buttons] == [("Play", "animate"), ("Pause", "animate")]


@pytest.mark.parametrize("name", ["plot_paths", "plot_rates", "plot_activity_slider", "plot_playback"])
def test_side_by_side_panels_are_stacked_on_a_narrow_screen(name):
    fig = figure(name)
    narrow = fig.layout.meta["narrow"]
    assert narrow["height"] > fig.layout.height
    numbers = sorted({(trace.xaxis or "x")[1:] for trace in fig.data})
    spans = sorted(narrow[f"yaxis{number}.domain"] for number in numbers)
    assert len(spans) >= 2
    assert all(0 <= low < high <= 1 for low, high in spans)
    assert all(below[1] < above[0] for below, above in pairwise(spans))
    assert all(narrow[f"xaxis{number}.domain"][1] == 1 for number in numbers)


def test_a_map_of_leaders_colours_each_cell_once_and_pale_where_it_is_not_sure():
    fig = figure("plot_leaders")
    for axis, title in zip(("y", "y2"), LEADERS, strict=True):
        cells = [trace for trace in fig.data if trace.type == "heatmap" and trace.yaxis == axis]
        seen = {}
        for trace in cells:
            for row, column in np.argwhere(np.array(trace.z, float) >= 0):
                assert (row, column) not in seen
                seen[row, column] = trace.name, trace.z[row][column]
        assert seen == {
            (0, 0): ("SGD", 1),
            (0, 1): ("Adagrad", 0),
            (1, 0): ("Adam", 1),
            (1, 1): ("Momentum", 1),
        }
        assert [color.rpartition(",")[2] for _, color in cells[0].colorscale] == ["0.35)", "1)"]
        assert cells[0].text[0][0] == "80%"
        assert title in [note.text for note in fig.layout.annotations]
