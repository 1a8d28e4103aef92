"""Tests of single figures: the data script, the text alternative, the table and the HTML."""

import html
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest

from myst_nb_plotly import PLOTLY_MIME_TYPE, PlotlyRenderer
from myst_nb_plotly.figure import Figure, figure_html


def html_of(content, *, pictures=None):
    return figure_html(Figure.from_dict(content), folder="_static/figures", bundle="plotly.js", pictures=pictures)


def with_layout(**layout):
    return {"data": [{"type": "bar", "y": [1, 2]}], "layout": layout}


SPECIAL_TEXTS = {
    "end of a script": "</script><script>document.title = 'broken'</script>",
    "comment": "<!-- <script> -->",
    "quotes": "'\"`\\'\\\\\"",
    "line ends": "\u2028\u2029\r\n\u0085\0",
    "unpaired surrogates": "\ud800 and \udc00",
    "escape sequences": "\\x3c \\u2028 \\n ${1}",
    "end of a string": "');alert(1);('",
    "non-ASCII": "θ 𝜃 🙂",
    "JavaScript prototype": "__proto__",
}


@pytest.fixture(scope="module")
def run_script(chromium):
    """Return a function that runs a data script, and returns the digest and the JSON that the page receives."""
    with chromium.new_page() as page:

        def run(script):
            page.evaluate("window.mystNbPlotly = { receive: (name, text) => { window.got = [name, text]; } }")
            page.add_script_tag(content=script)
            return page.evaluate("[got[0], [...got[1]].join('')]")

        yield run


@pytest.mark.parametrize("text", SPECIAL_TEXTS.values(), ids=SPECIAL_TEXTS)
def test_the_data_script_is_safe_and_passes_the_unchanged_figure_to_the_page(run_script, text):
    content = {"data": [{"y": [1, 2.5], "text": [text]}], "layout": {text: {"height": 7}, "title": {"text": text}}}
    figure = Figure.from_dict(content)
    assert figure.script.isascii()
    assert "<" not in figure.script
    assert len(figure.script.splitlines()) == 1
    digest, received = run_script(figure.script)
    assert digest == figure.digest
    assert json.loads(received) == content


def test_nan_and_infinity_become_missing_values():
    figure = Figure.from_dict({"data": [{"y": [float("nan"), float("inf"), -float("inf"), 1.0]}], "layout": {}})
    assert json.loads(figure.json)["data"][0]["y"] == [None, None, None, 1.0]


def test_the_digest_depends_on_the_content_but_not_on_the_order_of_keys():
    one = Figure.from_dict({"data": [{"x": [1], "type": "bar"}], "layout": {"height": 1, "meta": {"alt": "a"}}})
    same = Figure.from_dict({"layout": {"meta": {"alt": "a"}, "height": 1}, "data": [{"type": "bar", "x": [1]}]})
    other = Figure.from_dict({"data": [{"x": [1], "type": "bar"}], "layout": {"height": 2, "meta": {"alt": "a"}}})
    assert (one.digest, one.json) == (same.digest, same.json)
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "content", [{}, {"data": None}, {"data": [], "layout": None}, {"layout": "?", "frames": None}], ids=str
)
def test_an_empty_figure_has_the_default_height(content):
    figure = Figure.from_dict(content)
    assert (figure.layout, figure.traces, figure.trace_types, figure.alt) == ({}, [], [], "")
    assert "--plotly-wide: 450px; --plotly-narrow: 450px" in html_of(content)


def test_a_trace_without_a_type_is_a_scatter_trace():
    figure = Figure.from_dict({"data": [{"y": [1]}, {"type": "bar"}, {"type": None}, {"type": "bar"}]})
    assert figure.trace_types == ["bar", "scatter"]


INVALID_HEIGHTS = [None, 0, -3, float("nan"), float("inf"), "300", [300]]


@pytest.mark.parametrize("height", [300, 300.5, *INVALID_HEIGHTS])
def test_the_html_has_the_height_of_the_figure_or_a_default(height):
    valid = height not in INVALID_HEIGHTS
    wide = height if valid else 450
    assert f"--plotly-wide: {wide}px; --plotly-narrow: {wide}px" in html_of(with_layout(height=height))
    content = with_layout(height=200, meta={"narrow": {"height": height}})
    assert f"--plotly-wide: 200px; --plotly-narrow: {height if valid else 200}px" in html_of(content)


@pytest.mark.parametrize("meta", [None, "notes", ["notes"], {"author": "me"}, {"alt": 3}, {"alt": " "}], ids=str)
def test_the_text_alternative_of_the_cell_is_used_if_the_figure_has_none(meta):
    assert Figure.from_dict(with_layout(meta=meta)).alt == ""
    figure = Figure.from_dict(with_layout(meta=meta), alt="From the cell.")
    assert figure.alt == "From the cell."
    assert figure.meta == {**(meta if isinstance(meta, dict) else {}), "alt": "From the cell."}


def test_the_text_alternative_of_the_figure_wins_and_is_written_on_one_line():
    assert Figure.from_dict(with_layout(meta={"alt": " Its\n own. "}), alt="From the cell.").alt == "Its own."


@pytest.mark.parametrize("pictures", [None, Path("pictures")], ids=str)
def test_all_texts_are_escaped_and_no_element_has_an_id(pictures):
    text = "<b>\"&'</b>"
    button = {"label": text, "args": []}
    layout = {
        "meta": {"alt": text, "table": True},
        "sliders": [{"currentvalue": {"prefix": text, "suffix": text}, "steps": [button]}, {"name": text}],
        "updatemenus": [{"name": text, "buttons": [button]}, {"type": "buttons", "buttons": [button]}],
    }
    page = html_of({"data": [{"name": text, "x": [text], "y": [text]}], "layout": layout}, pictures=pictures)
    well_formed_tags = re.findall(r"<[a-z]+(?: [a-z-]+(?:=\"[^\"<>]*\")?)*>", page)
    assert len(well_formed_tags) == len(re.findall(r"<(?!/)", page))
    assert "<b>" not in page
    assert html.escape(text) in page
    # A page can show the same figure twice.
    assert not re.search(r"\b(id|for)=", page)


def test_a_figure_has_four_pictures_with_its_text_alternative():
    page = html_of(with_layout(meta={"alt": "Two bars."}, height=300), pictures=Path("pictures"))
    pictures = re.findall(r"<img [^>]*>", page)
    names = [re.search(r"/([a-z-]+)\.svg", picture)[1] for picture in pictures]
    assert names == ["wide-light", "wide-dark", "narrow-light", "narrow-dark"]
    assert all('alt="Two bars."' in picture and 'height="300"' in picture for picture in pictures)
    assert "noscript" not in page


@pytest.mark.parametrize(
    "entries", [None, [], [{}], [{"steps": [], "buttons": []}], [{"steps": None, "buttons": None}]], ids=str
)
def test_sliders_and_menus_without_entries_have_no_controls(entries):
    assert "plotly-controls" not in html_of(with_layout(sliders=entries, updatemenus=entries))


def test_hidden_sliders_menus_and_entries_have_no_controls():
    both = [{"label": "hidden", "visible": False}, {"label": "shown"}]
    menus = [{"buttons": both}, {"visible": False, "buttons": both}, {"type": "buttons", "buttons": both}]
    page = html_of(with_layout(sliders=[{"steps": both}, {"visible": False, "steps": both}], updatemenus=menus))
    assert "hidden" not in page
    assert len(re.findall(r"<(?:input|select|button) ", page)) == 3
    assert 'data-slider="0" min="0" max="0"' in page
    # Positions count the hidden entries, too.
    assert '<option value="1">shown' in page
    assert 'data-menu="2" data-button="1"' in page


@pytest.mark.parametrize(("active", "value"), [(None, 0), (2, 2), (9, 2), (-1, 0)])
def test_a_slider_starts_at_the_active_step(active, value):
    page = html_of(with_layout(sliders=[{"active": active, "steps": [{"label": name} for name in "abc"]}]))
    assert f'max="2" value="{value}" aria-label="Slider" aria-valuetext="{"abc"[value]}"' in page


def test_the_active_button_is_pressed_and_a_button_for_an_animation_has_no_pressed_state():
    buttons = [{"label": "a", "method": "restyle"}, {"label": "b", "method": "restyle"}, {"method": "animate"}]
    page = html_of(with_layout(updatemenus=[{"type": "buttons", "active": 1, "buttons": buttons}]))
    assert re.findall(r"<button [^>]*?(?: aria-pressed=\"(\w+)\")?>", page) == ["false", "true", ""]


def test_the_table_has_a_row_for_each_point_and_a_column_for_each_trace():
    traces = [
        {"name": "one", "x": ["a", "b"], "y": [1, None], "hovertext": ["", "no gradient yet"]},
        {"x": ["b", "c"], "y": [3, None]},
        {"name": "horizontal", "orientation": "h", "y": ["c"], "x": [1 / 3]},
        {"name": "not listed", "y": [9]},
    ]
    figure = Figure.from_dict({"data": traces, "layout": {"meta": {"table": [0, 1, 2]}}})
    assert figure.table() == (
        ["one", "trace 1", "horizontal"],
        [["a", "1", "–", "–"], ["b", "no gradient yet", "3", "–"], ["c", "–", "–", "0.3333"]],
    )


@pytest.mark.parametrize("table", [None, False, []], ids=str)
def test_a_figure_has_no_table_by_default(table):
    assert "<table" not in html_of(with_layout(meta={"table": table}))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_the_table_shows_arrays_that_plotly_encodes(dtype):
    values = np.array([1, 0, 100], dtype=dtype)
    if dtype.startswith("f"):
        values[:2] = np.nan, np.inf
    figure = go.Figure(go.Bar(y=values), layout={"meta": {"table": True}})
    content = json.loads(figure.to_json())
    assert "bdata" in content["data"][0]["y"]
    expected = ["–", "–", "100"] if dtype.startswith("f") else ["1", "0", "100"]
    assert Figure.from_dict(content).table()[1] == [[str(row), text] for row, text in enumerate(expected)]


def test_the_renderer_ignores_other_outputs_inline_outputs_and_documents_without_sphinx():
    def renderer(env):
        return SimpleNamespace(renderer=SimpleNamespace(sphinx_env=env))

    figure = SimpleNamespace(mime_type=PLOTLY_MIME_TYPE, content={"data": []})
    text = SimpleNamespace(mime_type="text/plain", content="2")
    assert PlotlyRenderer.handle_mime(renderer(object()), text, inline=False) is None
    assert PlotlyRenderer.handle_mime(renderer(object()), figure, inline=True) is None
    assert PlotlyRenderer.handle_mime(renderer(None), figure, inline=False) is None
