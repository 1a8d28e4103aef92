"""Figures on the pages of a small site that is nothing but MyST-NB and this extension."""

import html
import json
import re

import plotly.graph_objects as go
import pytest

HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

# The same lines run in the pages and in these tests.
FIGURES = """\
import numpy as np
import plotly.graph_objects as go

line = go.Figure(go.Scatter(x=[1, 2, 3], y=[2, 1, 3]), layout={"meta": {"alt": "A line that dips."}})
bars = go.Figure(go.Bar(y=np.array([1.5, 2.5])))
hostile = go.Figure(
    go.Scatter(x=[0, 1, 2, 3], y=[1.0, float("nan"), float("inf"), 4.0], text=["</script><b>", "'", '"', "&amp;"]),
    layout={
        "title": "</script><script>document.title = 'broken'</script> <!-- \\u2028 \\u2029 \\" ' &lt; \\\\",
        "height": 400.5,
        "meta": {"alt": 'Less than "<", more than ">", and </div>'},
    },
)
"""

PAGES = {
    "index": f"""{HEAD}
# Shown

```{{code-cell}} ipython3
{FIGURES}
line
```

```{{code-cell}} ipython3
bars.show()
```

```{{toctree}}
glued
plain
```
""",
    "glued": f"""{HEAD}
# Glued and numbered

```{{code-cell}} ipython3
:tags: [remove-cell]
{FIGURES}
from types import SimpleNamespace
from myst_nb import glue

glue("bars", SimpleNamespace(_repr_mimebundle_=bars._repr_mimebundle_), display=False)
```

Pasted below, and {{numref}}`fig-line` has a number.

```{{glue}} bars
```

```{{glue:figure}} bars
:name: fig-bars

Two bars.
```

```{{code-cell}} ipython3
---
mystnb:
  figure:
    name: fig-line
    caption: |
      A line of three points.
---
line
```

```{{code-cell}} ipython3
hostile
```
""",
    "plain": "# Plain\n\nNo figure here.\n",
}


@pytest.fixture(scope="module")
def figures():
    scope = {}
    exec(FIGURES, scope)
    return scope


@pytest.fixture(scope="module")
def site(build, tmp_path_factory):
    done, site = build(tmp_path_factory.mktemp("small"), PAGES)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture(scope="module")
def shown(site):
    """The figures of each page, as a browser would read them."""
    pattern = re.compile(r'<div class="plotly-figure".*?<script type="application/json">(.*?)</script>', re.DOTALL)
    return {
        name: [json.loads(data) for data in pattern.findall((site / f"{name}.html").read_text(encoding="utf-8"))]
        for name in PAGES
    }


def as_json(figure: go.Figure):
    return json.loads(figure.to_json())


def test_a_figure_at_the_end_of_a_cell_and_one_that_is_shown_are_on_the_page(shown, figures):
    assert shown["index"] == [as_json(figures["line"]), as_json(figures["bars"])]


def test_glued_and_numbered_figures_are_on_the_page_and_a_hostile_one_arrives_unchanged(shown, figures):
    assert shown["glued"] == [as_json(figures[name]) for name in ("bars", "bars", "line", "hostile")]


def test_a_page_without_figures_has_none(shown):
    assert shown["plain"] == []


def test_a_numbered_figure_has_its_caption_and_can_be_referred_to(site):
    page = (site / "glued.html").read_text(encoding="utf-8")
    for number, name, caption in ((1, "fig-bars", "Two bars."), (2, "fig-line", "A line of three points.")):
        figure = re.search(rf'<figure[^>]* id="{name}">(.*?)</figure>', page, re.DOTALL)[1]
        assert figure.count('class="plotly-figure"') == 1
        words = re.sub(r"<[^>]+>", "", figure.rpartition("<figcaption>")[2])
        assert f"Fig. {number} {caption}" in words
    assert '<a class="reference internal" href="#fig-line"><span class="std std-numref">Fig. 2</span>' in page


def test_every_figure_is_named_by_its_text_alternative(site):
    page = (site / "glued.html").read_text(encoding="utf-8")
    names = [html.unescape(name) for name in re.findall(r'plotly-figure" role="group" aria-label="([^"]*)"', page)]
    assert names == ["", "", "A line that dips.", 'Less than "<", more than ">", and </div>']


def test_no_page_holds_what_would_end_or_start_a_script(site, figures):
    for name in PAGES:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        for data in re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL):
            assert "<" not in data
            assert "\u2028" not in data
        assert page.count("<script") == page.count("</script>")
    assert "<" in figures["hostile"].layout.title.text


def test_plotly_js_comes_with_plotly_py(site):
    from plotly.offline import get_plotlyjs

    assert (site / "_static" / "plotly.min.js").read_text(encoding="utf-8") == get_plotlyjs()


def test_every_page_has_one_drawing_script_and_none_loads_plotly_by_itself(site):
    for name in PAGES:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        assert len(re.findall(r"<script[^>]* src=\"_static/myst-nb-plotly.js", page)) == 1
        assert "plotly.min.js" not in page
    assert (site / "_static" / "myst-nb-plotly.js").is_file()
    assert (site / "_static" / "myst-nb-plotly.css").is_file()


def test_another_bundle_takes_its_place(build, tmp_path):
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "own.js").write_text("window.Plotly = {};\n", encoding="utf-8")
    done, site = build(tmp_path, {"index": PAGES["plain"]}, conf='myst_nb_plotly_bundle = "js/own.js"\n')
    assert done.returncode == 0, done.stderr
    assert (site / "_static" / "plotly.min.js").read_text(encoding="utf-8") == "window.Plotly = {};\n"


def test_a_bundle_that_is_not_there_stops_the_build_and_says_so(build, tmp_path):
    done, site = build(tmp_path, {"index": PAGES["plain"]}, conf='myst_nb_plotly_bundle = "js/own.js"\n')
    assert done.returncode != 0
    assert "myst_nb_plotly_bundle='js/own.js': no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (site / "index.html").exists()
