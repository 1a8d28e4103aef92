"""Figures of the rates of a model: text alternatives, titles and data."""

import gzip
import json

import numpy as np
import pytest

from adaptive_optim import (
    RateRecord,
    plot_layer_rates,
    plot_rate_histogram,
    plot_rate_map,
    plot_row_rates,
    rate_histogram,
)

ALT = "Rates of three layers fall."
NAMES = [f"{number}.weight" for number in range(4)]


def record(names=NAMES, quantiles=(0.05, 0.25, 0.5, 0.75, 0.95), records=50):
    rng = np.random.default_rng(0)
    rates = {name: np.sort(rng.lognormal(size=(records, len(quantiles))), axis=1) for name in names}
    if names:
        rates[names[0]][:3] = np.nan
    return RateRecord(
        np.arange(1, records + 1) * 10, np.array(quantiles), rates, {name: np.full(records, 0.25) for name in names}
    )


def matrix(rows=8, columns=5):
    rates = np.random.default_rng(1).lognormal(size=(rows, columns))
    rates[2, 1] = np.nan
    return rates


COUNTS = np.array([0, 1, 10, 100])
ROWS = np.array([np.nan, 1.0, 0.1, 0.01])
FIGURES = {
    "plot_layer_rates": lambda alt: plot_layer_rates(record(), alt=alt),
    "plot_rate_histogram": lambda alt: plot_rate_histogram(
        rate_histogram({"a": [0.1, 0.2, np.nan], "b": [np.nan]}), alt=alt
    ),
    "plot_row_rates": lambda alt: plot_row_rates(COUNTS, ROWS, alt=alt),
    "plot_rate_map": lambda alt: plot_rate_map(matrix(), alt=alt),
}
each_figure = pytest.mark.parametrize("name", FIGURES)


def titles(fig):
    return [annotation.text for annotation in fig.layout.annotations]


@each_figure
def test_a_figure_has_its_text_alternative_and_an_empty_one_raises(name):
    assert FIGURES[name](ALT).layout.meta["alt"] == ALT
    with pytest.raises(ValueError, match=r"alt=' ': must describe the figure"):
        FIGURES[name](" ")


@each_figure
def test_a_figure_is_small_json_without_nan_and_its_axes_have_titles(name):
    fig = FIGURES[name](ALT)
    packed = gzip.compress(json.dumps(fig.to_plotly_json(), allow_nan=False).encode())
    assert len(packed) < 20_000
    axis_titles = {axis.title.text for axis in [*fig.select_xaxes(), *fig.select_yaxes()]}
    if name != "plot_rate_map":
        assert axis_titles & {"effective learning rate", "effective rate"}
    assert len(axis_titles - {None}) == 2


@each_figure
def test_coordinates_without_a_gradient_are_labelled(name):
    assert any("no gradient yet" in text for text in titles(FIGURES[name](ALT)))


def test_rates_of_a_layer_are_a_median_within_two_bands():
    expected = record()
    fig = FIGURES["plot_layer_rates"](ALT)
    for number, name in enumerate(NAMES):
        outer, inner, median = fig.data[3 * number : 3 * number + 3]
        np.testing.assert_allclose(np.array(median.y, float), expected.rates[name][:, 2], rtol=6e-3)
        present = expected.rates[name][~np.isnan(expected.rates[name][:, 0])]
        for band, (low, high) in ((outer, (0, 4)), (inner, (1, 3))):
            np.testing.assert_allclose(sorted(band.y), np.sort(present[:, [low, high]].ravel()), rtol=6e-3)
        assert f"{name} (25% no gradient yet)" in titles(fig)
    assert [trace.name for trace in fig.data if trace.showlegend] == [
        "5% to 95% of the coordinates",
        "25% to 75% of the coordinates",
        "median",
    ]
    scales = {(axis.type, axis.range) for axis in fig.select_yaxes()}
    assert len(scales) == 1, "Panels with different axes cannot be compared."
    assert scales.pop()[0] == "log"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_no_two_panels_overlap(count, size):
    fig = plot_layer_rates(record([f"layer {number}" for number in range(count)]), alt=ALT)
    narrow = fig.layout.meta["narrow"]
    boxes = []
    for number in range(1, count + 1):
        suffix = "" if number == 1 else str(number)
        domains = [
            fig.layout[f"{letter}axis{suffix}"].domain if size == "wide" else narrow[f"{letter}axis{suffix}.domain"]
            for letter in "xy"
        ]
        assert all(0 <= low < high <= 1 for low, high in domains)
        boxes.append(domains)
    for number, (across, up) in enumerate(boxes):
        for other_across, other_up in boxes[:number]:
            assert across[0] >= other_across[1] or other_across[0] >= across[1] or up[1] <= other_up[0], (
                "The first panel is on top, and no panel overlaps another."
            )


def test_a_record_that_cannot_be_drawn_raises():
    def check(message, invalid, **arguments):
        with pytest.raises(ValueError, match=message):
            plot_layer_rates(invalid, alt=ALT, **arguments)

    check("record: is empty", record(records=0))
    check("record: is empty", record([]))
    check("layers: 'other' is not in the record, which has 0.weight, 1.weight", record(), layers=["other"])
    check("layers: has 13 tensors, must have from 1 to 12", record([str(number) for number in range(13)]))
    for quantiles in ((0.1, 0.9), (0.1, 0.5, 0.8)):
        check("must be symmetric around 0.5", record(quantiles=quantiles))
    assert len(plot_layer_rates(record(), alt=ALT, layers=NAMES[:1]).data) == 3


def test_a_histogram_draws_the_share_of_each_bin():
    histogram = rate_histogram({"a": [0.1, 0.1, 1.0, np.nan]}, bins=2)
    (line,) = plot_rate_histogram(histogram, alt=ALT).data
    assert line.y == (0.5, 0.25, 0.25)
    assert line.line.shape == "hv"
    with pytest.raises(ValueError, match="histogram: has 13 tensors"):
        plot_rate_histogram(rate_histogram({str(number): [1.0] for number in range(13)}), alt=ALT)


def test_a_row_is_a_dot_with_its_label():
    (dots,) = plot_row_rates(COUNTS, ROWS, alt=ALT, labels=list("abcd")).data
    assert (dots.x, dots.y, dots.text) == ((1, 10, 100), (1.0, 0.1, 0.01), ("b", "c", "d"))
    assert titles(FIGURES["plot_row_rates"](ALT)) == ["one dot per row (1: no gradient yet)"]
    for counts, rates, labels, message in (
        (COUNTS, ROWS[:2], None, r"rates: have shape \(2,\), must be one per row"),
        (COUNTS, ROWS, ["a"], "labels: are 1, must be one per row, 4"),
        (np.ones(5001), np.ones(5001), None, "rates: have 5,001 rows, must have at most 5,000"),
        (COUNTS, np.full(4, np.nan), None, "rates: no row has both"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_row_rates(counts, rates, alt=ALT, labels=labels)


def test_a_map_shows_exponents_and_marks_weights_without_a_gradient():
    rates = matrix()
    cells, missing = plot_rate_map(rates, alt=ALT).data
    np.testing.assert_allclose(np.array(cells.z, float), np.log10(rates), rtol=1e-3)
    np.testing.assert_array_equal(np.array(missing.z, float) == 1, np.isnan(rates))
    assert len(plot_rate_map(np.ones((2, 2)), alt=ALT).data) == 1
    for bad, message in (
        (np.ones(3), r"rates: have shape \(3,\), must be a matrix"),
        (np.ones((201, 200)), "rates: have 40,200 cells"),
        (np.full((2, 2), np.nan), "rates: must contain at least one number above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_rate_map(bad, alt=ALT)
