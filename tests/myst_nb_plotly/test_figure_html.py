"""The HTML of one figure."""

import json
import re
from types import SimpleNamespace

import pytest

from myst_nb_plotly import PLOTLY_MIME_TYPE, PlotlyRenderer, figure_html


def read(page):
    return json.loads(re.search(r'<script type="application/json">(.*)</script>', page)[1])


def test_data_layout_and_frames_are_written_as_they_are():
    figure = {"data": [{"y": [1, 2.5, None]}], "layout": {"title": {"text": "θ"}}, "frames": [{"name": "1"}]}
    assert read(figure_html(figure)) == figure


def test_values_that_json_does_not_know_are_missing_values():
    page = figure_html({"data": [{"y": [float("nan"), float("inf"), -float("inf"), 1.0]}]})
    assert read(page)["data"][0]["y"] == [None, None, None, 1.0]


NO_HEIGHTS = [None, 0, -3, float("nan"), float("inf"), "300", [300]]


@pytest.mark.parametrize(
    ("height", "style"), [(300, "300px"), (300.5, "300.5px"), *((height, "450px") for height in NO_HEIGHTS)]
)
def test_the_place_of_a_figure_is_as_high_as_the_figure(height, style):
    assert f'style="min-height: {style}"' in figure_html({"data": [], "layout": {"height": height}})


@pytest.mark.parametrize(
    "layout", [None, {}, *({"meta": meta} for meta in (None, "notes", ["notes"], {"author": "me"}, {"alt": 3}))]
)
def test_a_figure_without_a_text_alternative_has_an_empty_one(layout):
    assert 'aria-label=""' in figure_html({"data": [], "layout": layout})


def test_the_renderer_leaves_other_outputs_and_inline_ones_to_others():
    figure = SimpleNamespace(mime_type=PLOTLY_MIME_TYPE, content={"data": []})
    text = SimpleNamespace(mime_type="text/plain", content="2")
    assert PlotlyRenderer.handle_mime(None, text, inline=False) is None
    assert PlotlyRenderer.handle_mime(None, figure, inline=True) is None
    (node,) = PlotlyRenderer.handle_mime(None, figure, inline=False)
    assert node["format"] == "html"
