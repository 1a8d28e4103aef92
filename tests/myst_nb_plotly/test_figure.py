"""One figure: its data as a script, its words, its table, and its HTML."""

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
    return figure_html(Figure.from_json(content), folder="_static/figures", bundle="plotly.js", pictures=pictures)


def with_layout(**layout):
    return {"data": [{"type": "bar", "y": [1, 2]}], "layout": layout}


HOSTILE = {
    "an end of a script": "</script><script>document.title = 'broken'</script>",
    "a comment": "<!-- <script> -->",
    "quotes": "'\"`\\'\\\\\"",
    "ends of lines": "\u2028\u2029\r\n\u0085\0",
    "half a character": "\ud800 and \udc00",
    "escapes that are text": "\\x3c \\u2028 \\n ${1}",
    "the end of the script's string": "');alert(1);('",
    "characters outside ASCII": "θ 𝜃 🙂",
}


@pytest.fixture(scope="module")
def run_script(chromium):
    """What a page receives when it loads a script: the name, and the text as a list of UTF-16 units."""
    with chromium.new_page() as page:

        def run(script):
            page.evaluate("window.mystNbPlotly = { receive: (name, text) => { window.got = [name, text]; } }")
            page.add_script_tag(content=script)
            return page.evaluate("[got[0], [...got[1]].join('')]")

        yield run


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_script_hands_over_the_figure_as_it_is(run_script, text):
    figure = Figure.from_json({"data": [{"y": [1, 2.5], "text": [text]}], "layout": {"title": {"text": text}}})
    name, received = run_script(figure.script)
    assert name == figure.digest
    assert json.loads(received) == {"data": [{"y": [1, 2.5], "text": [text]}], "layout": {"title": {"text": text}}}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_script_is_one_line_of_ascii_without_anything_like_a_tag(text):
    script = Figure.from_json(with_layout(title={"text": text}, **{text: 1})).script
    assert script.isascii()
    assert "<" not in script
    assert len(script.splitlines()) == 1


def test_a_key_that_javascript_gives_a_meaning_arrives_as_a_key(run_script):
    content = {"data": [], "layout": {"__proto__": {"height": 7}, "constructor": 1}}
    _, received = run_script(Figure.from_json(content).script)
    assert json.loads(received) == content


def test_values_that_json_does_not_know_are_missing_values():
    figure = Figure.from_json({"data": [{"y": [float("nan"), float("inf"), -float("inf"), 1.0]}], "layout": {}})
    assert json.loads(figure.json)["data"][0]["y"] == [None, None, None, 1.0]


def test_figures_have_the_same_digest_when_they_are_the_same_and_else_another():
    one, same, other = (Figure.from_json(with_layout(height=height)) for height in (300, 300, 301))
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    "content", [{}, {"data": None}, {"data": [], "layout": None}, {"layout": "?", "frames": None}]
)
def test_a_figure_with_next_to_nothing_in_it_has_a_place_on_the_page(content):
    figure = Figure.from_json(content)
    assert (figure.layout, figure.traces, figure.trace_types, figure.alt) == ({}, [], [], "")
    assert "--plotly-wide: 450px; --plotly-narrow: 450px" in html_of(content)


def test_a_trace_without_a_type_is_a_scatter_trace():
    figure = Figure.from_json({"data": [{"y": [1]}, {"type": "bar"}, {"type": None}, {"type": "bar"}]})
    assert figure.trace_types == ["bar", "scatter"]


NO_HEIGHTS = [None, 0, -3, float("nan"), float("inf"), "300", [300]]


@pytest.mark.parametrize(
    ("height", "style"), [(300, "300px"), (300.5, "300.5px"), *((height, "450px") for height in NO_HEIGHTS)]
)
def test_the_place_of_a_figure_is_as_high_as_the_figure(height, style):
    assert f"--plotly-wide: {style}; --plotly-narrow: {style}" in html_of(with_layout(height=height))
    narrow = with_layout(height=200, meta={"narrow": {"height": height}})
    wanted = style if height not in NO_HEIGHTS else "200px"
    assert f"--plotly-wide: 200px; --plotly-narrow: {wanted}" in html_of(narrow)


@pytest.mark.parametrize("meta", [None, "notes", ["notes"], {"author": "me"}, {"alt": 3}, {"alt": " "}])
def test_a_figure_without_a_text_alternative_takes_that_of_its_cell(meta):
    assert Figure.from_json(with_layout(meta=meta)).alt == ""
    given = Figure.from_json(with_layout(meta=meta), alt="From the cell.")
    assert given.alt == "From the cell."
    if isinstance(meta, dict):
        assert given.meta == {**meta, "alt": "From the cell."}


def test_the_text_alternative_of_a_figure_is_its_own_rather_than_its_cells_and_on_one_line():
    assert Figure.from_json(with_layout(meta={"alt": " Its\n own. "}), alt="From the cell.").alt == "Its own."


@pytest.mark.parametrize("pictures", [None, Path("pictures")])
def test_all_words_of_a_figure_are_text_on_the_page(pictures):
    words = "<b>\"&'</b>"
    button = {"label": words, "args": []}
    layout = {
        "meta": {"alt": words, "table": True},
        "sliders": [{"currentvalue": {"prefix": words, "suffix": words}, "steps": [button]}, {"name": words}],
        "updatemenus": [{"name": words, "buttons": [button]}, {"type": "buttons", "buttons": [button]}],
    }
    page = html_of({"data": [{"name": words, "x": [words], "y": [words]}], "layout": layout}, pictures=pictures)
    assert "<b>" not in page
    # One by one, as a parser of HTML reads them.
    tags = re.findall(r"<[a-z]+(?: [a-z-]+(?:=\"[^\"<>]*\")?)*>", page)
    assert len(tags) == len(re.findall(r"<(?!/)", page))
    assert html.escape(words) in page


def test_a_figure_has_four_pictures_with_its_text_alternative():
    page = html_of(with_layout(meta={"alt": "Two bars."}, height=300), pictures=Path("pictures"))
    pictures = re.findall(r"<img [^>]*>", page)
    assert [re.search(r"/([a-z-]+)\.svg", picture)[1] for picture in pictures] == [
        "wide-light",
        "wide-dark",
        "narrow-light",
        "narrow-dark",
    ]
    assert all('alt="Two bars."' in picture and 'height="300"' in picture for picture in pictures)
    assert "noscript" not in page


def test_a_figure_without_pictures_says_without_javascript_what_is_to_be_seen():
    page = html_of(with_layout(meta={"alt": "Two bars."}))
    assert "<img" not in page
    assert re.search(r"<noscript>.*Two bars\..*</noscript>", page)


def test_no_figure_has_an_id_so_that_one_can_be_on_a_page_twice():
    steps = [{"label": "a"}, {"label": "b"}]
    layout = {"meta": {"table": True}, "sliders": [{"steps": steps}], "updatemenus": [{"buttons": steps}]}
    assert not re.search(r"\b(id|for)=", html_of(with_layout(**layout), pictures=Path("pictures")))


@pytest.mark.parametrize(
    "entries", [None, [], [{}], [{"steps": [], "buttons": []}], [{"steps": None, "buttons": None}]]
)
def test_sliders_and_menus_without_anything_to_choose_have_no_controls(entries):
    assert "plotly-controls" not in html_of(with_layout(sliders=entries, updatemenus=entries))


def test_what_an_author_hides_has_no_control():
    shown, hidden = {"label": "shown"}, {"label": "hidden", "visible": False}
    both = [hidden, shown]
    page = html_of(
        with_layout(
            sliders=[{"steps": both}, {"visible": False, "steps": both}],
            updatemenus=[
                {"buttons": both},
                {"visible": False, "buttons": both},
                {"type": "buttons", "buttons": both},
            ],
        )
    )
    assert "hidden" not in page
    assert len(re.findall(r"<(?:input|select|button) ", page)) == 3
    assert 'data-slider="0" min="0" max="0"' in page
    # A button is known by its place among all.
    assert '<option value="1">shown' in page
    assert 'data-menu="2" data-button="1"' in page


@pytest.mark.parametrize(("active", "value"), [(None, 0), (2, 2), (9, 2), (-1, 0)])
def test_a_slider_begins_where_the_figure_says(active, value):
    page = html_of(with_layout(sliders=[{"active": active, "steps": [{"label": name} for name in "abc"]}]))
    assert f'max="2" value="{value}" aria-label="Slider" aria-valuetext="{"abc"[value]}"' in page


def test_a_button_that_plays_is_not_pressed_and_another_is_when_it_is_active():
    buttons = [{"label": "a", "method": "restyle"}, {"label": "b", "method": "restyle"}, {"method": "animate"}]
    page = html_of(with_layout(updatemenus=[{"type": "buttons", "active": 1, "buttons": buttons}]))
    assert re.findall(r"<button [^>]*?(?: aria-pressed=\"(\w+)\")?>", page) == ["false", "true", ""]


def test_the_table_has_a_row_for_each_point_and_a_column_for_each_trace():
    figure = Figure.from_json(
        {
            "data": [
                {"name": "one", "x": ["a", "b"], "y": [1, None], "hovertext": ["", "no gradient yet"]},
                {"x": ["b", "c"], "y": [3, None]},
                {"name": "flat", "orientation": "h", "y": ["c"], "x": [1 / 3]},
                {"name": "not asked for", "y": [9]},
            ],
            "layout": {"meta": {"table": [0, 1, 2]}},
        }
    )
    assert figure.table() == (
        ["one", "trace 1", "flat"],
        [["a", "1", "–", "–"], ["b", "no gradient yet", "3", "–"], ["c", "–", "–", "0.3333"]],
    )


@pytest.mark.parametrize("asked", [None, False, []])
def test_a_figure_that_does_not_ask_for_a_table_has_none(asked):
    figure = with_layout(meta={"table": asked})
    assert Figure.from_json(figure).table() is None
    assert "<table" not in html_of(figure)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_numbers_that_plotly_packs_are_read(kind):
    figure = go.Figure(go.Bar(y=np.array([1, 0, 100], dtype=kind)), layout={"meta": {"table": True}})
    content = json.loads(figure.to_json())
    assert "bdata" in content["data"][0]["y"]
    assert Figure.from_json(content).table()[1] == [["0", "1"], ["1", "0"], ["2", "100"]]


def test_packed_numbers_that_are_not_finite_are_missing():
    figure = go.Figure(go.Bar(y=np.array([np.nan, np.inf, 1.0])), layout={"meta": {"table": True}})
    assert Figure.from_json(json.loads(figure.to_json())).table()[1] == [["0", "–"], ["1", "–"], ["2", "1"]]


def test_the_renderer_leaves_other_outputs_inline_ones_and_pages_without_sphinx_to_others():
    def renderer(env):
        return SimpleNamespace(renderer=SimpleNamespace(sphinx_env=env))

    figure = SimpleNamespace(mime_type=PLOTLY_MIME_TYPE, content={"data": []})
    text = SimpleNamespace(mime_type="text/plain", content="2")
    assert PlotlyRenderer.handle_mime(renderer(object()), text, inline=False) is None
    assert PlotlyRenderer.handle_mime(renderer(object()), figure, inline=True) is None
    assert PlotlyRenderer.handle_mime(renderer(None), figure, inline=False) is None


def test_the_order_in_which_a_figure_comes_back_from_a_file_does_not_matter():
    one = Figure.from_json({"data": [{"x": [1], "type": "bar"}], "layout": {"height": 1, "meta": {"alt": "a"}}})
    other = Figure.from_json({"layout": {"meta": {"alt": "a"}, "height": 1}, "data": [{"type": "bar", "x": [1]}]})
    assert (one.digest, one.json) == (other.digest, other.json)
