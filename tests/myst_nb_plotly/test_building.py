"""Building small sites that are nothing but MyST-NB and this extension."""

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

CARTESIAN = Path(__file__).parents[2] / "node_modules" / "plotly.js-cartesian-dist-min" / "plotly-cartesian.min.js"

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
import plotly.graph_objects as go

line = go.Figure(go.Scatter(x=[1, 2, 3], y=[2, 1, 3]), layout={"meta": {"alt": "A line that dips."}})
bars = go.Figure(go.Bar(y=[1.5, 2.5]), layout={"meta": {"alt": "Two bars."}})
"""

RUN = {
    "index": f"""{HEAD}
# Shown

```{{code-cell}} ipython3
{FIGURES}
line
```

```{{code-cell}} ipython3
bars.show()
```

```{{code-cell}} ipython3
line
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
""",
    "plain": "# Plain\n\nNo figure here.\n",
}


def page_of(built, name="index"):
    return (built.output / f"{name}.html").read_text(encoding="utf-8")


def published(built):
    """What a site has for its figures, by name."""
    folder = built.output / "_static" / "plotly-figures"
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def shown(page):
    return re.findall(r'<div class="plotly-figure" data-figure="(\w+)"', page)


def data_of(built, name):
    """The figure in a script, read as JavaScript reads a string."""
    text = re.fullmatch(
        rf"mystNbPlotly\.receive\('{name}', '(.*)'\);\n", published(built)[f"{name}.js"].read_text(encoding="ascii")
    )[1]
    return json.loads(re.sub(r"\\(x3c|.)", lambda match: {"x3c": "<"}.get(match[1], match[1]), text))


def bars(*heights, alt="Bars.", **layout):
    return go.Figure(go.Bar(y=heights), layout={"meta": {"alt": alt}, **layout})


@pytest.fixture(scope="module")
def run(build, tmp_path_factory):
    """A site of pages that ran in a kernel."""
    built = build(tmp_path_factory.mktemp("run"), RUN)
    assert (built.status, built.warned) == (0, "")
    return built


@pytest.fixture(scope="module")
def figures():
    scope = {}
    exec(FIGURES, scope)
    return {name: json.loads(scope[name].to_json()) for name in ("line", "bars")}


def test_figures_at_the_end_of_a_cell_shown_glued_and_numbered_are_on_the_page(run, figures):
    def names(page):
        return [
            next(name for name, figure in figures.items() if figure == data_of(run, digest))
            for digest in shown(page_of(run, page))
        ]

    assert names("index") == ["line", "bars", "line"]
    assert names("glued") == ["bars", "bars", "line"]


def test_a_figure_is_published_once_and_its_data_is_on_no_page(run):
    assert len([name for name in published(run) if re.fullmatch(r"\w{16}\.js", name)]) == 2
    for name in RUN:
        assert not re.search(r"\by(?:\"|&quot;):", page_of(run, name))


def test_a_numbered_figure_has_its_caption_and_can_be_referred_to(run):
    page = page_of(run, "glued")
    for number, name, caption in ((1, "fig-bars", "Two bars."), (2, "fig-line", "A line of three points.")):
        figure = re.search(rf'<figure[^>]* id="{name}">(.*?)</figure>', page, re.DOTALL)[1]
        assert figure.count('class="plotly-figure"') == 1
        words = re.sub(r"<[^>]+>", "", figure.rpartition("<figcaption>")[2])
        assert f"Fig. {number} {caption}" in words
    assert 'href="#fig-line"><span class="std std-numref">Fig. 2</span>' in page


def test_no_id_is_on_a_page_twice(run):
    for name in RUN:
        ids = re.findall(r'\bid="([^"]*)"', page_of(run, name))
        assert len(ids) == len(set(ids))


def test_a_page_with_figures_loads_the_script_once_and_no_page_loads_plotly(run):
    for name, wanted in {"index": 1, "glued": 1, "plain": 0}.items():
        page = page_of(run, name)
        assert len(re.findall(r'<script[^>]* src="_static/myst-nb-plotly\.js', page)) == wanted
        assert len(re.findall(r'<link[^>]* href="_static/myst-nb-plotly\.css', page)) == wanted
        assert not re.search(r"<(?:script|link)[^>]*plotly-figures", page)
    assert "plotly" not in page_of(run, "plain")


def test_every_picture_of_a_page_is_there(run):
    for name in ("index", "glued"):
        sources = re.findall(r'<img class="plotly-picture[^>]* src="([^"]*)"', page_of(run, name))
        assert len(sources) == 4 * 3
        for source in sources:
            assert (run.output / source).read_text(encoding="utf-8").startswith("<svg")


def test_plotly_js_is_the_one_that_comes_with_plotly_py_under_a_name_of_its_content(run):
    (bundle,) = [name for name in published(run) if name.startswith("plotly-")]
    assert published(run)[bundle].read_text(encoding="utf-8") == get_plotlyjs()
    for name in ("index", "glued"):
        assert set(re.findall(r'data-bundle="([^"]*)"', page_of(run, name))) == {bundle}


@pytest.fixture
def lone(monkeypatch, tmp_path):
    """Whatever Chromium there is cannot be found."""
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def test_without_a_text_alternative_the_build_warns_and_names_the_page(build, notebook, tmp_path, lone):
    built = build(tmp_path, {"index": notebook("# Page", bars(1, alt=""))})
    assert built.status != 0
    (warning,) = built.warned.strip().splitlines()
    assert re.match(r"\S*index\.ipynb:\d+: WARNING: a Plotly figure has no text alternative", warning)
    silenced = build(
        tmp_path, {"index": notebook("# Page", bars(2, alt=""))}, 'suppress_warnings = ["myst_nb_plotly.alt"]'
    )
    assert (silenced.status, silenced.warned) == (0, "")


@pytest.mark.usefixtures("lone")
def test_the_text_alternative_of_a_cell_is_that_of_its_figure(build, notebook, tmp_path):
    alt = 'Less than "<", more than ">", and </div>'
    pages = {"index": notebook("# Page", (bars(1, alt=None), {"mystnb": {"image": {"alt": alt}}}))}
    built = build(tmp_path, pages)
    assert (built.status, built.warned) == (0, "")
    (name,) = shown(page_of(built))
    assert unescape(re.search(r'role="img" aria-label="([^"]*)"', page_of(built))[1]) == alt
    assert data_of(built, name)["layout"]["meta"] == {"alt": alt}


@pytest.mark.parametrize("asked", [[0, 1], [-1], ["0"], "all", {}], ids=str)
def test_a_table_of_traces_that_are_not_there_is_a_warning_and_no_table(build, notebook, tmp_path, asked):
    figure = {"data": [{"type": "bar", "y": [1]}], "layout": {"meta": {"alt": "To be seen.", "table": asked}}}
    built = build(tmp_path, {"index": notebook("# Page", figure)})
    assert built.status != 0
    wanted = f"layout.meta['table'] of a Plotly figure is {asked!r}: it must be True, or positions from 0 to 0"
    assert wanted in built.warned
    assert "plotly-numbers" not in page_of(built)


def test_hostile_and_nearly_empty_figures_are_built_and_have_pictures(build, notebook, tmp_path):
    text = "</script><!-- \u2028\u2029 \" ' \\ <b>θ</b>"
    alt = {"mystnb": {"image": {"alt": "To be seen."}}}
    contents = [
        {
            "data": [{"y": [1.0, None], "text": [text] * 2}],
            "layout": {"title": {"text": text}, "meta": {"alt": text}},
        },
        {"data": [{"y": [1.0], "name": "__proto__"}], "layout": {"meta": {"alt": "a", "__proto__": {"a": 1}}}},
        {},
        {"data": [], "layout": None},
        {"data": [{"type": "bar", "y": [3]}], "layout": {"meta": "notes"}},
        {"data": [{"type": "bar", "y": [4]}], "layout": {"meta": ["notes"], "sliders": None, "updatemenus": [{}]}},
    ]
    built = build(tmp_path, {"index": notebook("# Page", *((content, alt) for content in contents))})
    assert (built.status, built.warned) == (0, "")
    names = shown(page_of(built))
    assert len(names) == len(contents)
    assert all(f"{name}/wide-dark.svg" in published(built) for name in names)
    assert data_of(built, names[0]) == contents[0]
    assert page_of(built).count("<script") == page_of(built).count("</script>")


def test_a_figure_of_five_megabytes_makes_no_page_larger(build, notebook, tmp_path):
    values = np.linspace(0.1, 1, 250_000).reshape(500, 500).tolist()
    big = {"data": [{"type": "heatmap", "z": values}], "layout": {"meta": {"alt": "Many values."}}}
    built = build(tmp_path, {"index": notebook("# Page", big)})
    assert (built.status, built.warned) == (0, "")
    (name,) = shown(page_of(built))
    assert published(built)[f"{name}.js"].stat().st_size > 4.5e6
    assert len(page_of(built)) < 20_000
    assert f"{name}/narrow-light.svg" in published(built)


def drawn(built):
    """How many figures a build drew."""
    return len(set(re.findall(r"drawing figures\.\.\. \[ *(\d+)%\]", built.said)))


def test_only_new_and_changed_figures_are_drawn_and_unused_ones_leave_nothing_behind(build, notebook, tmp_path):
    pages = {"index": notebook("# Page", bars(1, alt="One."), bars(2, alt="Two."))}
    first = build(tmp_path, pages)
    assert drawn(first) == 2
    again = build(tmp_path, pages, options=["-E"])
    assert (drawn(again), again.status) == (0, 0)
    before = published(first)
    pictures = {path: path.stat().st_mtime_ns for path in (tmp_path / "_build" / ".plotly-pictures").rglob("*.svg")}
    assert len(pictures) == 8
    changed = build(tmp_path, {"index": notebook("# Page", bars(1, alt="One."), bars(3, alt="Three."))})
    assert (drawn(changed), changed.status) == (1, 0)
    assert "Three." in changed.said
    after = published(changed)
    kept = [path for path in pictures if path.is_file()]
    assert len(kept) == 4
    assert all(path.stat().st_mtime_ns == pictures[path] for path in kept)
    assert len(list((tmp_path / "_build" / ".plotly-pictures").iterdir())) == 2
    assert set(shown(page_of(changed))) == {name.split("/")[0] for name in after if name.endswith(".svg")}
    assert len(before.keys() - after.keys()) == len(after.keys() - before.keys()) == 5
    none = build(tmp_path, {"index": notebook("# Page")})
    assert none.status == 0
    assert published(none) == {}
    assert list((tmp_path / "_build" / ".plotly-pictures").iterdir()) == []


def test_drawing_a_figure_again_gives_the_same_pictures_to_the_byte(build, notebook, tmp_path):
    contour = go.Figure(
        [go.Contour(z=[[1, 2], [3, 5]], line={"width": 0}), go.Scatter(y=[0, 1], name="Two")],
        layout={"meta": {"alt": "A contour."}, "showlegend": True},
    )
    found = []
    for folder, order in (("one", 1), ("two", -1)):
        built = build(tmp_path / folder, {"index": notebook("# Page", *[contour, bars(1, 2)][::order])})
        assert built.status == 0
        found.append({name: path.read_bytes() for name, path in published(built).items()})
    assert len([name for name in found[0] if name.endswith(".svg")]) == 8
    assert found[0] == found[1]


def test_without_a_chromium_the_site_is_built_and_a_later_build_adds_the_pictures(
    build, notebook, tmp_path, lone, monkeypatch
):
    pages = {"index": notebook("# Page\n\n```{toctree}\nother\n```", bars(1, 2)), "other": "# Other"}
    without = build(tmp_path, pages)
    assert (without.status, without.warned) == (0, "")
    assert "myst_nb_plotly: without a picture, 1 of 1 figures: " in without.said
    page = page_of(without)
    assert "<img" not in page
    assert re.search(r"<noscript>.*Bars\..*</noscript>", page)
    assert not [name for name in published(without) if name.endswith(".svg")]
    monkeypatch.delenv("BROWSER_PATH")
    found = build(tmp_path, pages)
    assert found.status == 0
    page = page_of(found)
    assert page.count("<img") == 4
    assert "noscript" not in page
    assert len([name for name in published(found) if name.endswith(".svg")]) == 4
    # And the other way round.
    shutil.rmtree(tmp_path / "_build" / ".plotly-pictures")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    lost = build(tmp_path, pages)
    assert lost.status == 0
    assert "<img" not in page_of(lost)


@pytest.mark.parametrize("kind", ["ends at once", "is no program"])
def test_a_chromium_that_does_not_start_is_as_none(build, notebook, tmp_path, monkeypatch, kind):
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    browser.chmod(0o755 if kind == "ends at once" else 0o644)
    monkeypatch.setenv("BROWSER_PATH", str(browser))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    built = build(tmp_path, {"index": notebook("# Page", bars(1, 2))})
    assert built.status == 0
    assert "without a picture, 1 of 1 figures: " in built.said


# In a program of its own, since what is left running shows when a program is to end.
OPEN_CHROMIUM = """
from myst_nb_plotly import chromium

chromium.PATIENCE = 1
try:
    with chromium.Chromium():
        print("There is one.")
except chromium.NoChromiumError:
    print("There is none.")
"""


def test_a_chromium_that_never_answers_is_as_none_and_holds_nothing_up(tmp_path, monkeypatch):
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(browser))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    command = [sys.executable, "-c", OPEN_CHROMIUM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=40)
    assert done.stdout == "There is none.\n"


def test_a_figure_that_plotly_cannot_draw_is_named_and_the_others_are_drawn(build, notebook, tmp_path):
    wrong = {"data": [{"type": "sankey", "link": 3, "node": 4}], "layout": {"meta": {"alt": "Not to be drawn."}}}
    pages = {
        "index": notebook("# Page\n\n```{toctree}\nother\n```", bars(1)),
        "other": notebook("# Other", wrong, bars(2)),
    }
    built = build(tmp_path, pages)
    assert built.status != 0
    assert built.warned.count("WARNING") == 1
    wanted = r"\S*other\.ipynb: WARNING: a Plotly figure \(Not to be drawn\.\) has no picture: .*Error"
    assert re.match(wanted, built.warned)
    assert page_of(built).count("<img") == 4
    assert page_of(built, "other").count("<img") == 4
    silenced = build(tmp_path, pages, 'suppress_warnings = ["myst_nb_plotly.picture"]')
    assert (silenced.status, silenced.warned) == (0, "")


def test_the_configured_bundle_is_for_pages_that_need_no_more(build, notebook, tmp_path):
    contents = "# Page\n\n```{toctree}\npolar\nsankey\nfew\n```"
    alt = {"meta": {"alt": "Something."}}
    polar = go.Figure([go.Bar(y=[1]), go.Scatterpolar(r=[1, 2])], layout=alt)
    sankey = go.Figure(
        go.Sankey(node={"label": ["a", "b"]}, link={"source": [0], "target": [1], "value": [1]}), layout=alt
    )
    few = [
        go.Figure(trace, layout=alt)
        for trace in (go.Contour(z=[[1, 2], [3, 4]]), go.Heatmap(z=[[1]]), go.Box(y=[1]))
    ]
    built = build(
        tmp_path,
        {
            "index": notebook(contents, bars(1)),
            "polar": notebook("# Polar", polar),
            "sankey": notebook("# Sankey", sankey),
            "few": notebook("# Few", *few),
        },
        f"myst_nb_plotly_bundle = {os.path.relpath(CARTESIAN, tmp_path)!r}\n",
    )
    assert (built.status, built.warned) == (0, "")

    def bundle(page):
        (name,) = set(re.findall(r'data-bundle="([^"]*)"', page_of(built, page)))
        return published(built)[name].read_text(encoding="utf-8")

    assert bundle("index") == bundle("few") == CARTESIAN.read_text(encoding="utf-8")
    assert bundle("polar") == bundle("sankey") == get_plotlyjs()


def test_a_bundle_that_is_not_there_stops_the_build_and_says_so(build, tmp_path):
    built = build(tmp_path, {"index": "# Page"}, 'myst_nb_plotly_bundle = "js/own.js"\n')
    assert built.status != 0
    assert "myst_nb_plotly_bundle='js/own.js': no such file" in built.warned
    assert "Traceback" not in built.warned
    assert not (built.output / "index.html").exists()


@pytest.fixture(scope="module")
def project(tmp_path_factory, notebook):
    """A folder for a project, and its pages."""
    figure = {"mystnb": {"figure": {"name": "fig-bars", "caption": "A caption."}}}
    deep = notebook("# Deep", bars(1, 2, alt="Deep bars."), (bars(2, 3, alt="Numbered bars."), figure))
    folder = tmp_path_factory.mktemp("builders")
    (folder / "chapter").mkdir()
    return folder, {"index": "# Page\n\n```{toctree}\nchapter/deep\n```", "chapter/deep": deep}


@pytest.mark.parametrize(
    ("builder", "page"), [("dirhtml", "chapter/deep/index"), ("singlehtml", "index"), ("html", "chapter/deep")]
)
def test_a_page_of_each_kind_of_site_finds_its_figures(build, project, builder, page):
    built = build(*project, builder=builder)
    assert (built.status, built.warned) == (0, "")
    text = page_of(built, page)
    here = (built.output / page).parent
    assert len(shown(text)) == 2
    for name, folder, bundle in re.findall(
        r'data-figure="(\w+)" data-folder="([^"]*)" data-bundle="([^"]*)"', text
    ):
        assert (here / folder / f"{name}.js").is_file()
        assert (here / folder / bundle).is_file()
    for address in re.findall(r'<(?:img class="plotly|script defer|link)[^>]* (?:src|href)="([^"#:?]*)', text):
        assert (here / address).exists() or address in {"#", "genindex.html", "search.html"}
    assert re.search(r"myst-nb-plotly\.js", text)


def test_text_says_what_is_to_be_seen(build, project):
    built = build(*project, builder="text")
    assert (built.status, built.warned) == (0, "")
    text = (built.output / "chapter" / "deep.txt").read_text(encoding="utf-8")
    assert "Deep bars." in text
    assert "Numbered bars." in text
    assert "A caption." in text


@pytest.mark.parametrize("builder", ["latex", "man", "texinfo", "xml"])
def test_builders_for_paper_and_others_have_no_problem_with_a_figure(build, project, builder):
    built = build(*project, builder=builder)
    assert (built.status, built.warned) == (0, "")


def test_latex_without_a_chromium_says_what_is_to_be_seen(build, notebook, tmp_path, lone):
    built = build(tmp_path, {"index": notebook("# Page", bars(1, 2, alt="Two bars on paper."))}, builder="latex")
    assert (built.status, built.warned) == (0, "")
    assert "Two bars on paper." in (built.output / "small.tex").read_text(encoding="utf-8")
