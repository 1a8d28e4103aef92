"""Every figure: its text alternative, what it draws, its animation and its size."""

import gzip
import json
import re
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
import test_figures_inspection
from own_problems import Rosenbrock

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
from adaptive_optim.figures import CONTOUR_LEVELS

START = [-1.0, -1.0]
BOOK = {
    "SGD": SGD(0.05),
    "Momentum": Momentum(0.005),
    "Adagrad": Adagrad(0.4),
    "RMSProp": RMSProp(0.02, rho=0.99),
    "Adam": Adam(0.05),
}
PERCENTAGES = (1, 2, 3, 4, 5, 7, 10, 13, 17, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100)
ACTIVITIES = [percentage / 100 for percentage in PERCENTAGES]
ALT = "Five paths lead to one minimum."
PROBLEM = SparseRegression(activity=0.05)
ROTATED = SparseRegression(activity=0.05, rotation=30)


def run_all(problem, num_steps=400, **changed):
    optimizers = {**BOOK, **changed}
    return {name: minimize(each, problem.gradient, START, num_steps) for name, each in optimizers.items()}


RUNS = run_all(PROBLEM)
RUNS_WITH_DIVERGED = run_all(PROBLEM, SGD=SGD(30.0))
SHORT_RUNS = run_all(PROBLEM, num_steps=30, SGD=SGD(1e9))


@cache
def problems():
    return {activity: SparseRegression(activity) for activity in ACTIVITIES}


@cache
def runs_by_activity():
    return {activity: run_all(problem) for activity, problem in problems().items()}


@cache
def losses_of_seeds():
    stack = ProblemStack([SparseRegression(seed=seed) for seed in range(64)])
    start = np.tile(START, (64, 1))
    return {
        label: stack.excess_loss(minimize(optimizer, stack.gradient, start, 200).params[::10])
        for label, optimizer in BOOK.items()
    }


RATES = np.logspace(-2, 0, 3)
# Number of wins at each activity and rate. In the last cell no optimizer wins.
WINS = np.zeros((len(BOOK), 2, 3), int)
WINS[0, 0] = 80, 40, 0
WINS[2, 0] = 10, 50, 0
WINS[4, 1] = 100, 0, 0
WINS[1, 1] = 0, 70, 0
LEADERS = {title: leader(WINS, trials=100) for title in ("first panel", "second panel")}

# Each figure as a function of runs and a text alternative.
FIGURES = {
    "plot_paths": lambda runs, alt: plot_paths({"one": (PROBLEM, runs), "other": (ROTATED, RUNS)}, alt=alt),
    "plot_rates": lambda runs, alt: plot_rates(runs, alt=alt),
    "plot_rate_bars": lambda runs, alt: plot_rate_bars(runs, alt=alt),
    "plot_curves": lambda runs, alt: plot_curves(
        {label: PROBLEM.excess_loss(run.params) for label, run in runs.items()}, y_title="excess loss", alt=alt
    ),
    "plot_bands": lambda runs, alt: plot_bands(
        np.arange(21) + 1, losses_of_seeds(), x_title="step", y_title="excess loss", log_x=True, alt=alt
    ),
    "plot_seeds": lambda runs, alt: plot_seeds(
        {label: losses[-1] for label, losses in losses_of_seeds().items()}, x_title="excess loss", alt=alt
    ),
    "plot_leaders": lambda runs, alt: plot_leaders(
        RATES, 100 * np.array([0.05, 1.0]), LEADERS, list(BOOK), x_title="rate", y_title="activity (%)", alt=alt
    ),
    "plot_activity_slider": lambda runs, alt: plot_activity_slider(
        problems(), {**runs_by_activity(), 0.05: runs}, start=0.05, alt=alt
    ),
    "plot_playback": lambda runs, alt: plot_playback(PROBLEM, runs, alt=alt),
}
each_figure = pytest.mark.parametrize("name", FIGURES)
with_and_without_divergence = pytest.mark.parametrize("diverged", [False, True], ids=["", "diverged"])


@cache
def figure(name, diverged=False):
    return FIGURES[name](RUNS_WITH_DIVERGED if diverged else RUNS, ALT)


def strict_json(fig):
    return json.dumps(fig.to_plotly_json(), allow_nan=False, separators=(",", ":"))


def traces(fig):
    """Return all traces, including those of frames with the properties that they inherit."""
    result = [trace.to_plotly_json() for trace in fig.data]
    for frame in fig.frames:
        initial = [fig.data[index].to_plotly_json() for index in frame.traces or range(len(fig.data))]
        for old, new in zip(initial, frame.data, strict=True):
            new = new.to_plotly_json()
            result.append({**old, **new, "marker": {**old.get("marker", {}), **new.get("marker", {})}})
    return result


def on_panel(fig, number):
    return [trace for trace in fig.data if (trace.xaxis or "x") == ("x" if number == 1 else f"x{number}")]


def visible_texts(trace):
    """Return the texts of a trace by label; texts without a position are not drawn."""
    return {label: text.strip() for label, x, text in zip(trace.y, trace.x, trace.text, strict=True) if x}


# All figures.


@each_figure
def test_a_figure_has_a_text_alternative(name):
    tested = {*FIGURES, *test_figures_inspection.FIGURES}
    assert tested == {each for each in adaptive_optim.__all__ if each.startswith("plot_")}
    assert figure(name).layout.meta["alt"] == ALT
    for bad in ("", "  \n", None, 3):
        with pytest.raises(ValueError, match=r"alt=.*: must describe the figure"):
            FIGURES[name](RUNS, bad)


@each_figure
def test_every_numeric_axis_has_a_title(name):
    fig = figure(name)
    layout = fig.layout.to_plotly_json()
    num_titles = 0
    for axis in {trace.get(f"{letter}axis", letter) for trace in traces(fig) for letter in "xy"}:
        settings = layout[f"{axis[0]}axis{axis[1:]}"]
        labels = settings.get("ticktext") or [
            value
            for trace in traces(fig)
            if trace.get(f"{axis[0]}axis", axis[0]) == axis
            for value in trace[axis[0]]
        ]
        if all(str(label).split(",")[0] in BOOK for label in labels if label is not None):
            continue  # an axis of optimizers
        assert settings.get("title", {}).get("text", "").strip(), axis
        num_titles += 1
    assert num_titles


@each_figure
@with_and_without_divergence
def test_a_figure_is_valid_json_and_small(diverged, name):
    text = strict_json(figure(name, diverged))
    assert json.loads(text)["data"]
    assert len(gzip.compress(text.encode())) <= (200_000 if name == "plot_activity_slider" else 60_000)


def colors_by_label(fig):
    """Yield label and colour of every line, bar and dot of an optimizer."""
    for trace in traces(fig):
        marker = trace.get("marker", {})
        if isinstance(marker.get("color"), list):
            labels = trace["y"] if trace["type"] == "bar" else trace["text"]
            pairs = zip(labels, marker["color"], strict=True)
            yield from ((label, color) for label, color in pairs if label != "minimum")
        elif trace.get("name", "").startswith(tuple(BOOK)):
            for part in (trace.get("line", {}), marker):
                if "color" in part:
                    yield trace["name"], part["color"]


@each_figure
@with_and_without_divergence
def test_an_optimizer_has_the_same_colour_in_every_figure(diverged, name):
    colors = {label: set() for label in BOOK}
    for label, color in colors_by_label(figure(name, diverged)):
        colors[label.replace(",", " ").replace(":", " ").split()[0]].add(color)
    assert colors == {trace.name: {trace.line.color} for trace in figure("plot_curves").data}


def test_optimizers_have_distinct_readable_colours_and_lines_have_distinct_styles():
    names = [optimizer.__name__ for optimizer in OPTIMIZERS]
    labels = [*names, "Adam, no correction", "theory", "Adamant"]
    fig = plot_curves({label: [1.0, 2.0] for label in labels}, y_title="loss", alt=ALT)
    colors = {trace.name: trace.line.color for trace in fig.data}
    assert colors["Adam, no correction"] == colors["Adam"]
    assert colors["theory"] == colors["Adamant"]
    rgb = {name: np.array([int(colors[name][i : i + 2], 16) for i in (1, 3, 5)]) for name in (*names, "theory")}
    for first, second in combinations(rgb, 2):
        assert np.linalg.norm(rgb[first] - rgb[second]) > 60, (first, second)
    for color in rgb.values():
        linear = np.where(color <= 10, color / 255 / 12.92, ((color / 255 + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) >= 3, "on white"
        assert (luminance + 0.05) / (0.006 + 0.05) >= 3, "on #121212"
    assert len({trace.line.dash for trace in fig.data if trace.name in names}) == len(names)
    assert len({(trace.line.color, trace.line.dash, trace.opacity) for trace in fig.data}) == len(labels)


FIGURES_OF_RUNS = {
    "plot_paths": lambda runs: plot_paths({"": (PROBLEM, runs)}, alt=ALT),
    "plot_rates": lambda runs: plot_rates(runs, alt=ALT),
    "plot_rate_bars": lambda runs: plot_rate_bars(runs, alt=ALT),
    "plot_activity_slider": lambda runs: plot_activity_slider({0.05: PROBLEM}, {0.05: runs}, start=0.05, alt=ALT),
    "plot_playback": lambda runs: plot_playback(PROBLEM, runs, alt=ALT),
}


@pytest.mark.parametrize("name", FIGURES_OF_RUNS)
def test_a_figure_of_runs_needs_single_runs_and_says_their_shape(name):
    assert FIGURES_OF_RUNS[name](RUNS)
    with pytest.raises(ValueError, match="runs: must contain at least one run"):
        FIGURES_OF_RUNS[name]({})
    batch = minimize(SGD(0.05), PROBLEM.gradient, np.tile(START, (3, 1)), 5)
    for bad, shape in ((batch, r".*: params have shape \(6, 3, 2\)"), (RUNS["SGD"].params, ""), (None, "")):
        with pytest.raises(ValueError, match=f"runs: 'SGD' must be a single run{shape}"):
            FIGURES_OF_RUNS[name]({"Adam": RUNS["Adam"], "SGD": bad})
    three = {"SGD": minimize(SGD(0.05), lambda params, step: params, [1.0, 2.0, 3.0], 5)}
    if name in ("plot_rates", "plot_rate_bars"):
        assert FIGURES_OF_RUNS[name](three)
    else:
        message = r"'SGD' must be a single run of two parameters: params have shape \(6, 3\), must be \(num_.* 2\)"
        with pytest.raises(ValueError, match=message):
            FIGURES_OF_RUNS[name](three)


@pytest.mark.parametrize("name", ["plot_paths", "plot_rates", "plot_activity_slider", "plot_playback"])
def test_panels_are_below_each_other_on_narrow_screens(name):
    fig = figure(name)
    narrow = fig.layout.meta["narrow"]
    assert narrow["height"] > fig.layout.height
    numbers = sorted({(trace.xaxis or "x")[1:] for trace in fig.data})
    domains = sorted(narrow[f"yaxis{number}.domain"] for number in numbers)
    assert len(domains) >= 2
    assert all(0 <= low < high <= 1 for low, high in domains)
    assert all(lower[1] < upper[0] for lower, upper in pairwise(domains))
    assert all(narrow[f"xaxis{number}.domain"][1] == 1 for number in numbers)


# Any number of parameters, and other losses.


def run_many(dim, optimizer=Adam(0.05), num_steps=300):  # noqa: B008
    """Return a run of many parameters; the last quarter of them gets no gradient."""
    scale = np.logspace(-2, 2, dim) * (np.arange(dim) < dim - dim // 4)
    return minimize(optimizer, lambda params, step: scale * params, np.ones(dim), num_steps)


@pytest.mark.parametrize("dim", [1, 3, 20])
def test_rates_of_many_coordinates_are_their_median_in_a_band_from_the_smallest_to_the_largest(dim):
    run = run_many(dim, Adagrad(0.1), num_steps=40)
    fig = plot_rates({"Adagrad": run}, alt=ALT)
    band, median = fig.data
    with_gradient = run.rates[:, : dim - dim // 4]
    np.testing.assert_allclose(median.y, np.median(with_gradient, axis=1), rtol=6e-3)
    np.testing.assert_allclose(band.y, [*with_gradient.min(1), *with_gradient.max(1)[::-1]], rtol=6e-3)
    assert list(median.x) == list(range(1, 41))
    assert fig.layout.annotations[0].text == "line: median of the coordinates, band: smallest to largest"


@pytest.mark.parametrize("dim", [1, 3, 20])
def test_each_of_many_coordinates_has_a_mark_at_its_rate(dim):
    runs = {"Adam": run_many(dim), "SGD": run_many(dim, SGD(1e9))}
    for names in (None, [f"weight {i}" for i in range(dim)]):
        first, second, texts = plot_rate_bars(runs, alt=ALT, names=names).data
        np.testing.assert_allclose(np.array(first.x, float), runs["Adam"].rates[-1], rtol=6e-3)
        assert set(first.y) == {"Adam"}
        assert list(first.text) == (names or [f"coordinate {i}" for i in range(dim)])
        assert set(second.x) == {None}
        missing = {"Adam": f"no gradient yet: {dim // 4} of {dim}"} if dim >= 4 else {}
        assert visible_texts(texts) == {**missing, "SGD": "diverged"}


def test_coordinates_have_the_names_that_are_given():
    dense, sparse, _ = plot_rate_bars(RUNS, names=("slope", "offset"), alt=ALT).data
    assert (dense.name, sparse.name) == ("slope", "offset")
    titles = [each.text for each in plot_rates(RUNS, names=("slope", "offset"), alt=ALT).layout.annotations]
    assert titles == ["slope", "offset (dots: it has a gradient)"]
    for function in (plot_rates, plot_rate_bars):
        with pytest.raises(ValueError, match=r"names=\['slope'\]: must be one for each parameter, and the runs"):
            function(RUNS, names=["slope"], alt=ALT)


def test_several_lines_of_a_label_have_gaps_between_them():
    rates = run_many(3, num_steps=4).rates
    (lines,) = plot_curves({"Adam": rates}, y_title="rate", alt=ALT).data
    assert list(lines.x) == [0, 1, 2, 3, None, 0, 1, 2, 3, None, 0, 1, 2, 3]
    expected = np.full((3, 5), np.nan)
    expected[:, :4] = rates.T
    np.testing.assert_allclose(np.array(lines.y, float), expected.ravel()[:-1], rtol=6e-3)
    message = r"curves: 'Adam' has shape \(.*\), must be \(points,\) or \(points, lines\)"
    for bad in (np.ones((4, 3, 2)), 1.0):
        with pytest.raises(ValueError, match=message):
            plot_curves({"Adam": bad}, y_title="rate", alt=ALT)
    with pytest.raises(ValueError, match=rf"{message}, and x has \(5,\)"):
        plot_curves({"Adam": rates}, x=range(5), y_title="rate", alt=ALT)


def test_samples_of_another_shape_raise_an_error_that_gives_the_shape():
    arguments = {"x_title": "x", "y_title": "y", "alt": ALT}
    for bad in (np.ones(3), np.ones((2, 8)), np.ones((3, 2, 8)), 1.0):
        message = re.escape(f"samples: 'SGD' has shape {np.shape(bad)}, must be (points, seeds), and x has (3,)")
        with pytest.raises(ValueError, match=message):
            plot_bands(range(3), {"SGD": bad}, **arguments)
    for bad in (1.0, np.ones((2, 8)), []):
        message = re.escape(f"samples: 'SGD' has shape {np.shape(bad)}, must be (seeds,)")
        with pytest.raises(ValueError, match=message):
            plot_seeds({"SGD": bad}, x_title="x", alt=ALT)


CURVED = Rosenbrock()
CURVED_RUNS = {"Adam": minimize(Adam(0.05), CURVED.gradient, [-1.0, 1.0], 100)}


def crossings(contours, level):
    """Return where a contour crosses the lines of the grid, by linear interpolation, as Plotly draws it."""
    x, heights = np.array(contours.x), np.array(contours.z, float) - level
    points = []
    for difference, order in ((heights, [1, 0]), (heights.T, [0, 1])):
        line, start = np.nonzero(difference[:, :-1] * difference[:, 1:] < 0)
        left, right = difference[line, start], difference[line, start + 1]
        across = x[start] + left / (left - right) * (x[start + 1] - x[start])
        points.append(np.stack([x[line], across], axis=-1)[:, order])
    return np.concatenate(points)


@pytest.mark.parametrize("loss", [CURVED, CURVED.loss], ids=["problem", "function"])
@pytest.mark.parametrize("name", ["plot_paths", "plot_playback"])
def test_contours_of_any_loss_are_smooth_and_at_the_documented_levels(name, loss):
    if name == "plot_paths":
        fig = plot_paths({"": (loss, CURVED_RUNS)}, alt=ALT)
    else:
        fig = plot_playback(loss, CURVED_RUNS, alt=ALT)
        assert fig.layout.annotations[0].text == "solid: θ₁, hatched: θ₂"
    contours = next(trace for trace in fig.data if trace.type == "contour")
    losses = CURVED.loss(np.stack(np.meshgrid(contours.x, contours.y), axis=-1))
    assert losses.shape == (201, 201)
    spacing = contours.contours.size
    levels = np.arange(contours.contours.start, contours.contours.end, spacing)
    assert len(levels) == 12
    assert np.mean(losses - losses.min() <= 10 ** levels[0]) == pytest.approx(0.02, abs=0.001)
    assert levels[-1] + spacing == pytest.approx(np.log10(np.ptp(losses)))
    for level in levels:
        points = crossings(contours, level)
        assert len(points) > 100
        assert abs(np.log10(CURVED.loss(points) - losses.min()) - level).max() < 0.1 * spacing
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("θ₁", "θ₂")
    assert len(gzip.compress(strict_json(fig).encode())) < 60_000


def test_a_figure_of_paths_takes_another_range_and_a_loss_that_is_not_finite_everywhere():
    def loss(params):
        return np.where(params[..., 0] < 0, np.inf, (params**2).sum(-1))

    fig = plot_playback(loss, CURVED_RUNS, axis_range=(-3, 3), axis_titles=("a", "b"), alt=ALT)
    contours = fig.data[0]
    assert (contours.x[0], contours.x[-1], contours.z[0][0]) == (-3, 3, None)
    assert contours.z[0][-1] == pytest.approx(np.log10(18), abs=0.01)
    assert fig.layout.xaxis.range == fig.layout.yaxis.range == (-3, 3)
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("a", "b")
    markers = next(trace for trace in fig.data if trace.name == "minimum and ends")
    assert list(markers.x) == [None]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (3, "loss=3: must have loss(params), or be a function"),
        (
            ProblemStack.from_product(seed=[0, 1]),
            "loss: has a hessian of shape (2, 2, 2), must be one problem, (2, 2)",
        ),
        (lambda params: params[0] ** 2, "loss: returned shape (201, 2) for params of shape (201, 201, 2), must be"),
        (lambda params: 1.0 + 0 * params[..., 0], "is constant or not finite on axis_range="),
        (lambda params: np.nan * params[..., 0], "is constant or not finite on axis_range="),
    ],
)
def test_a_loss_that_cannot_be_drawn_raises_an_error(loss, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        plot_paths({"": (loss, CURVED_RUNS)}, alt=ALT)


# The style of an optimizer that is not one of the book.


@dataclass(frozen=True)
class OwnAdam(Adam):
    color = "#aa3377"
    dash = "dot"


@dataclass(frozen=True)
class WithoutStyle(Adam):
    pass


@dataclass(frozen=True)
class WrongColor(Adam):
    color = "red"


@pytest.mark.parametrize("name", FIGURES_OF_RUNS)
def test_figures_of_runs_use_the_style_of_the_optimizer_whatever_the_label(name):
    run = minimize(OwnAdam(0.05), PROBLEM.gradient, START, 30)
    data = FIGURES_OF_RUNS[name]({"My Adam": run, "Adam": RUNS["Adam"]}).to_plotly_json()["data"]
    own = [trace for trace in data if trace.get("name", "").startswith("My Adam")]
    colors = {trace.get(part, {}).get("color", "#aa3377") for trace in own for part in ("line", "marker")}
    lists = [trace["marker"]["color"] for trace in data if isinstance(trace.get("marker", {}).get("color"), list)]
    assert colors <= {"#aa3377"}
    assert all("#aa3377" in each or len(each) == 1 for each in lists)
    assert own or lists
    lines = [trace["line"] for trace in own if trace["mode"] == "lines"]
    assert {line["dash"] for line in lines if "dash" in line} <= {"dot"}
    bad = minimize(WrongColor(0.05), PROBLEM.gradient, START, 30)
    with pytest.raises(ValueError, match=r"WrongColor\.color='red': must be a colour #rrggbb"):
        FIGURES_OF_RUNS[name]({"My Adam": bad})


def test_a_label_has_the_style_of_the_optimizer_whose_whole_name_starts_it():
    expected = {
        **dict.fromkeys(("OwnAdam", "OwnAdam, slow"), ("#aa3377", "dot")),
        **dict.fromkeys(("Adam", "Adam, slow", "Adam (wd)", "Adam+wd"), ("#d55e00", "16px,3px")),
        **dict.fromkeys(("Adam2", "My Adam", "WithoutStyle", "theory", "", "OwnAdams"), ("#74808b", "solid")),
    }
    for label, (color, dash) in expected.items():
        (line,) = plot_curves({label: [1.0, 2.0]}, y_title="loss", alt=ALT).data
        assert (line.line.color, line.line.dash) == (color, dash), label
    _, median = plot_bands([1, 2], {"OwnAdam": np.ones((2, 8))}, x_title="x", y_title="y", alt=ALT).data
    assert (
        median.line.color == plot_seeds({"OwnAdam": [1.0]}, x_title="x", alt=ALT).data[0].marker.color == "#aa3377"
    )


# Paths.


def test_contours_are_level_lines_of_the_loss():
    for number, problem in enumerate((PROBLEM, ROTATED), 1):
        (contours,) = [trace for trace in on_panel(figure("plot_paths"), number) if trace.fill == "toself"]
        points = np.array([contours.x, contours.y], float).T
        lines = np.split(points, np.flatnonzero(np.isnan(points[:, 0])))
        for level, line in zip(CONTOUR_LEVELS[::-1], lines, strict=True):
            visible = line[np.abs(line).max(1) < 3]
            # Points are rounded to 0.01, which changes the loss by up to 0.01 times its slope.
            tolerance = 0.03 * level + 0.01 * np.linalg.norm(problem.full_gradient(visible), axis=-1) + 1e-4
            assert (np.abs(problem.excess_loss(visible) - level) <= tolerance).all()


def test_a_path_keeps_start_end_and_extremes():
    for label, run in RUNS.items():
        (path,) = [trace for trace in on_panel(figure("plot_paths"), 1) if trace.name == label]
        drawn = np.transpose([path.x, path.y])
        assert len(drawn) < len(run.params)
        np.testing.assert_allclose(drawn[[0, -1]], run.params[[0, -1]], atol=6e-4)
        np.testing.assert_allclose(drawn.min(0), run.params.min(0), atol=6e-4)
        np.testing.assert_allclose(drawn.max(0), run.params.max(0), atol=6e-4)


def test_runs_in_a_panel_have_distinct_styles_and_a_label_has_one_style_in_all_panels():
    labels = ["Adam", "Adam, slow", "Adam, fast", "mine", "yours"]
    runs = {label: RUNS["Adam"] for label in labels}
    for name, mode, panels in (
        ("plot_paths", "lines", {"x"}),
        ("plot_activity_slider", "lines", {"x", "x3"}),
        ("plot_playback", "lines+markers", {"x"}),
    ):
        lines = [each for each in FIGURES_OF_RUNS[name](runs).select_traces({"mode": mode}) if each.name in labels]
        assert {line.xaxis for line in lines} == panels
        for panel in panels:
            styles = {(each.line.color, each.line.dash, each.opacity) for each in lines if each.xaxis == panel}
            assert len(styles) == len(labels)
    one = {"Adam, slow": RUNS["Adam"]}
    fig = plot_paths({"one": (PROBLEM, one), "other": (PROBLEM, {"Adam": RUNS["Adam"], **one})}, alt=ALT)
    slow = [trace for trace in fig.data if trace.name == "Adam, slow"]
    assert [trace.showlegend for trace in slow] == [True, False]
    assert (slow[0].line, slow[0].opacity) == (slow[1].line, slow[1].opacity)


# Curves and axes.


def test_a_long_curve_keeps_its_spikes():
    values = np.ones(5000)
    values[[1234, 4001]] = 50.0, 0.02
    (line,) = plot_curves({"SGD": values}, y_title="loss", alt=ALT).data
    assert len(line.y) < 1000
    assert line.y[line.x.index(1234)] == 50
    assert line.y[line.x.index(4001)] == 0.02


def test_log_axes_contain_all_values():
    for name, letter in (("plot_rates", "y"), ("plot_rate_bars", "x"), ("plot_curves", "y")):
        fig = figure(name)
        for trace in fig.data:
            axis = fig.layout[f"{letter}axis{(trace[f'{letter}axis'] or letter)[1:]}"]
            values = [value for value in trace[letter] if value is not None]
            low, high = 10.0 ** np.array(axis.range)
            assert axis.type == "log"
            assert all(low <= value * 1.01 and high >= value * 0.99 for value in values)
            assert len(set(axis.ticktext)) == len(axis.ticktext)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([2e-6, 2e-4], {1e-6: "10<sup>−6</sup>", 2e-6: "2·10<sup>−6</sup>", 2e-4: "0.0002"}),
        ([2e5, 3e7], {5e5: "500,000", 1e6: "10<sup>6</sup>", 2e6: "2·10<sup>6</sup>"}),
    ],
)
def test_a_tick_label_is_the_value_of_the_tick(values, labels):
    axis = plot_curves({"SGD": values}, y_title="loss", alt=ALT).layout.yaxis
    ticks = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert {value: ticks[value] for value in labels} == labels
    assert len(set(axis.ticktext)) == len(axis.ticktext)


@pytest.mark.parametrize("log_y", [True, False])
def test_values_that_are_not_finite_are_gaps(log_y):
    values = np.array([1.0, np.nan, 3.0, np.inf, 0.5])
    fig = plot_curves({"SGD": values, "Adam": values * np.nan}, y_title="loss", log_y=log_y, alt=ALT)
    assert [list(trace.y) for trace in fig.data] == [[1.0, None, 3.0, None, 0.5], [None] * 5]
    strict_json(fig)


def test_a_diverged_run_does_not_determine_the_range_of_the_axis():
    low, high = figure("plot_curves", diverged=True).layout.yaxis.range
    assert high - low < 20
    assert max(loss for loss in figure("plot_curves", diverged=True).data[0].y if loss is not None) > 1e100
    diverged_loss = PROBLEM.excess_loss(RUNS_WITH_DIVERGED["SGD"].params)
    for values in (diverged_loss, *([low, 1e308, 1e308] for low in 10.0 ** np.arange(-307, 307, 17))):
        axis = plot_curves({"SGD": values}, y_title="loss", alt=ALT).layout.yaxis
        assert np.isfinite(axis.range).all()
        assert len(axis.tickvals) < 12
        assert all(0 < tick < np.inf for tick in axis.tickvals)


# Rates.


def test_bars_are_the_rates_of_the_step():
    for step in (100, -1):
        dense, sparse, _ = plot_rate_bars(RUNS, step=step, alt=ALT).data
        assert list(dense.y) == list(sparse.y) == list(RUNS)
        expected = np.array([run.rates[step] for run in RUNS.values()])
        np.testing.assert_allclose(np.transpose([dense.x, sparse.x]), expected, rtol=6e-3)


def test_a_coordinate_without_gradient_has_a_text_instead_of_a_bar():
    assert not RUNS["SGD"].grads[:3, 1].any()
    for fig in (plot_rate_bars(RUNS, step=2, alt=ALT), figure("plot_playback")):
        dense, sparse, texts = fig.data[-3:]
        assert None not in dense.x
        assert list(sparse.x) == [None] * 5
        assert visible_texts(texts) == dict.fromkeys(BOOK, "no gradient yet")
        assert fig.layout[f"xaxis{dense.xaxis[1:]}"].range[1] < np.log10(100)
    assert visible_texts(figure("plot_rate_bars").data[-1]) == {}
    first = int(np.flatnonzero(RUNS["SGD"].grads[:, 1])[0])
    for line in [trace for trace in on_panel(figure("plot_rates"), 2) if trace.mode == "lines"]:
        assert list(line.y[:first]) == [None] * first
        assert line.y[first] < 100


def test_a_diverged_run_is_labelled_in_every_figure_of_runs():
    step = int(RUNS_WITH_DIVERGED["SGD"].diverged_at) + 1
    assert 1 < step < 400
    for name in ("plot_paths", "plot_rates"):
        labels = {trace.name for trace in figure(name, diverged=True).data if trace.showlegend is not False}
        assert {label for label in labels if "diverged" in label} == {f"SGD, diverged at step {step}"}
    for name in ("plot_rate_bars", "plot_activity_slider"):
        (texts,) = figure(name, diverged=True).select_traces({"mode": "text"})
        assert visible_texts(texts) == {"SGD": "diverged"}
    markers = on_panel(figure("plot_paths", diverged=True), 1)[-1]
    assert markers.marker.symbol == ("cross-thin", "x", "circle", "circle", "circle", "circle")
    assert f"diverged at step {step}" in markers.text[1]


def test_runs_of_different_lengths_are_drawn_until_the_end_of_each():
    step = int(SHORT_RUNS["SGD"].diverged_at)
    runs = {"Adam": RUNS["Adam"], "SGD": SHORT_RUNS["SGD"]}
    for ordered in (runs, dict(reversed(runs.items()))):
        assert visible_texts(plot_rate_bars(ordered, alt=ALT).data[-1]) == {"SGD": "diverged"}
        assert len(plot_playback(PROBLEM, ordered, alt=ALT, every=1).frames) == 30
    before = plot_rate_bars(runs, alt=ALT, step=step - 31).data[-1]  # negative: counted from the end
    assert "diverged" not in visible_texts(before).values()


# Seeds.


def test_a_band_is_the_middle_80_percent_of_the_seeds_with_gaps_where_there_are_none():
    seeds = np.arange(101.0)
    samples = np.stack([seeds + 1, seeds + 101, seeds * np.nan, seeds + 201, seeds + 301, seeds * np.nan])
    band, median = plot_bands(np.arange(6), {"Adam": samples}, x_title="x", y_title="y", alt=ALT).data
    assert list(median.y) == [51, 151, None, 251, 351, None]
    assert list(band.x) == [0, 1, 1, 0, None, 3, 4, 4, 3]
    assert list(band.y) == [11, 111, 191, 91, None, 211, 311, 391, 291]


def test_an_error_bar_is_the_interval_of_the_median_where_there_are_enough_seeds():
    seeds = np.arange(1.0, 102.0)
    samples = [seeds, *(np.where(seeds <= count, seeds, np.nan) for count in (6, 5, 0))]
    arguments = {"x_title": "x", "y_title": "y", "alt": ALT}
    _, without_bars = plot_bands(np.arange(4), {"Adam": samples}, **arguments).data
    band, median = plot_bands(np.arange(4), {"Adam": samples}, **arguments, intervals=True).data
    low, high = median_interval(seeds)
    assert without_bars.error_y.array is None
    assert list(median.y) == list(without_bars.y) == [51, 3.5, 3, None]
    assert list(median.error_y.arrayminus) == [51 - low, 2.5, None, None]
    assert list(median.error_y.array) == [high - 51, 2.5, None, None]
    assert list(median.customdata) == [f" ({low:.3g} to {high:.3g})", " (1 to 6)", "", ""]
    assert median.error_y.color == median.line.color
    assert len(band.x) == 6  # two points for each of three positions
    with pytest.warns(RuntimeWarning, match="invalid value"):
        plot_bands([1], {"Adam": [[1.0, np.inf, np.inf]]}, **arguments)


def test_x_values_keep_six_digits():
    x = [1.00125, 1.0025]
    (line,) = plot_curves({"SGD": [1.0, 2.0]}, x=x, y_title="loss", alt=ALT).data
    band, median = plot_bands(x, {"SGD": np.ones((2, 3))}, x_title="x", y_title="y", alt=ALT).data
    assert list(line.x) == list(median.x) == list(band.x[:2]) == x


def test_each_seed_has_a_dot_and_each_row_a_mark_at_the_median():
    fig = plot_seeds({"SGD": np.arange(1.0, 8.0), "Adam": [3.0, 1.0, 2.0]}, x_title="gap", alt=ALT)
    drawn = {trace.name: list(trace.x) for trace in fig.data}
    assert drawn == {"SGD": [*range(1, 8)], "Adam": [1, 2, 3], "SGD: median": [4, 4], "Adam: median": [2, 2]}
    rows = dict(zip(fig.layout.yaxis.ticktext, fig.layout.yaxis.tickvals, strict=True))
    for trace in fig.data:
        assert abs(np.mean(trace.y) - rows[trace.name.split(":")[0]]) < 0.1


def test_each_cell_of_a_map_has_the_colour_of_its_leader_pale_if_not_significant():
    fig = figure("plot_leaders")
    for axis, title in zip(("y", "y2"), LEADERS, strict=True):
        heatmaps = [trace for trace in fig.data if trace.type == "heatmap" and trace.yaxis == axis]
        cells = [
            ((row, column), (trace.name, trace.z[row][column]))
            for trace in heatmaps
            for row, column in np.argwhere(np.array(trace.z, float) >= 0)
        ]
        expected = {(0, 0): ("SGD", 1), (0, 1): ("Adagrad", 0), (1, 0): ("Adam", 1), (1, 1): ("Momentum", 1)}
        assert len(cells) == len(expected)
        assert dict(cells) == expected
        assert [color.rpartition(",")[2] for _, color in heatmaps[0].colorscale] == ["0.35)", "1)"]
        assert heatmaps[0].text[0][0] == "80%"
        assert title in [annotation.text for annotation in fig.layout.annotations]


# Animations.


def drawn_parts(fig, data):
    """Return the coordinates of the traces of a frame, by part of the figure."""
    parts = {"contours": [], "paths": [], "bars": [], "losses": []}
    for trace, new in zip(fig.data, data, strict=True):
        kind = "bars" if trace.type == "bar" else "contours" if trace.fill == "toself" else None
        if kind is None and trace.mode == "lines":
            kind = {"x": "paths", "x3": "losses"}[trace.xaxis]
        if kind:
            parts[kind].append(json.dumps([new.x, new.y]))
    return parts


def test_the_activity_slider_goes_from_1_to_100_percent_and_every_step_changes_all_parts():
    fig = figure("plot_activity_slider")
    (slider,) = fig.layout.sliders
    assert [step.label for step in slider.steps] == [f"{percentage}%" for percentage in PERCENTAGES]
    assert [step.args[0][0] for step in slider.steps] == [frame.name for frame in fig.frames]
    assert slider.steps[slider.active].label == "5%"
    assert drawn_parts(fig, fig.data) == drawn_parts(fig, fig.frames[slider.active].data)
    for before, after in pairwise([drawn_parts(fig, frame.data) for frame in fig.frames]):
        for part, minimum in (("contours", 1), ("paths", 5), ("bars", 1), ("losses", 5)):
            assert sum(old != new for old, new in zip(before[part], after[part], strict=True)) >= minimum, part


def test_activities_that_are_not_integer_percentages_have_distinct_labels():
    activities = (0.005, 0.07, 0.075)
    fig = plot_activity_slider(
        dict.fromkeys(activities, PROBLEM), dict.fromkeys(activities, RUNS), start=0.07, alt=ALT
    )
    assert [step.label for step in fig.layout.sliders[0].steps] == ["0.5%", "7%", "7.5%"]


def test_all_activities_need_the_same_labels_in_any_order():
    some = {label: RUNS[label] for label in ("SGD", "Adam")}
    both = {0.05: PROBLEM, 0.1: PROBLEM}
    fig = plot_activity_slider(both, {0.05: some, 0.1: dict(reversed(some.items()))}, start=0.05, alt=ALT)
    assert drawn_parts(fig, fig.frames[0].data) == drawn_parts(fig, fig.frames[1].data)
    message = r"runs at activity 0\.1: have labels \['SGD'\], must have \['SGD', 'Adam'\]"
    with pytest.raises(ValueError, match=message):
        plot_activity_slider(both, {0.05: some, 0.1: {"SGD": RUNS["SGD"]}}, start=0.05, alt=ALT)


def test_each_frame_of_the_activity_slider_has_the_runs_of_its_activity():
    fig = figure("plot_activity_slider")
    for activity, frame in zip(ACTIVITIES, fig.frames, strict=True):
        # By name. The loss is the last trace with the name of an optimizer.
        drawn = dict(zip([trace.name for trace in fig.data], frame.data, strict=True))
        problem, runs = problems()[activity], runs_by_activity()[activity]
        bars = [drawn[f"{coordinate} coordinate"].x for coordinate in ("dense", "sparse")]
        np.testing.assert_allclose(np.transpose(bars), [run.rates[-1] for run in runs.values()], rtol=6e-3)
        markers = drawn["minimum and ends"]
        expected = [problem.minimum, *(run.params[-1] for run in runs.values())]
        np.testing.assert_allclose(np.transpose([markers.x, markers.y]), expected, atol=6e-4)
        for label, run in runs.items():
            ends = [drawn[label].y[0], drawn[label].y[-1]]
            np.testing.assert_allclose(ends, problem.excess_loss(run.params[[0, -1]]), rtol=6e-3)


def test_each_frame_of_the_playback_has_the_position_and_the_rates_of_its_step():
    fig = figure("plot_playback")
    (slider,) = fig.layout.sliders
    assert [step.args[0][0] for step in slider.steps] == [frame.name for frame in fig.frames]
    assert [frame.name for frame in fig.frames] == [str(step + 1) for step in range(0, 400, 5)]
    for step, frame in zip(range(0, 400, 5), fig.frames, strict=True):
        heads, (dense, sparse, _) = frame.data[:5], frame.data[5:]
        for head, run in zip(heads, RUNS.values(), strict=True):
            np.testing.assert_allclose([head.x[-1], head.y[-1]], run.params[step + 1], atol=6e-3)
        rates = np.array([run.rates[step] for run in RUNS.values()])
        np.testing.assert_allclose(np.transpose([dense.x, sparse.x]).astype(float), rates, rtol=6e-3)
    (menu,) = fig.layout.updatemenus
    assert [(button.label, button.method) for button in menu.buttons] == [("Play", "animate"), ("Pause", "animate")]


def test_the_texts_of_the_playback_change_at_the_first_gradient_and_at_divergence():
    for label, step, before, after in (
        ("Adam", int(np.flatnonzero(SHORT_RUNS["Adam"].grads[:, 1])[0]), ["no gradient yet"], []),
        ("SGD", int(SHORT_RUNS["SGD"].diverged_at), [], ["diverged"]),
    ):
        frames = plot_playback(PROBLEM, {label: SHORT_RUNS[label]}, alt=ALT, every=1).frames
        for index, expected in ((step - 1, before), (step, after)):
            *_, texts = frames[index].data
            assert [text.strip() for x, text in zip(texts.x, texts.text, strict=True) if x] == expected
