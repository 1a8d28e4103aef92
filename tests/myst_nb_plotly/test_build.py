"""Tests that build small sites with MyST-NB and this extension."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

from myst_nb_plotly.figure import Figure

CARTESIAN = Path(__file__).parents[2] / "node_modules" / "plotly.js-cartesian-dist-min" / "plotly-cartesian.min.js"

# Runs in the page and in the test.
FIGURES = """\
import plotly.graph_objects as go

line = go.Figure(go.Scatter(x=[1, 2, 3], y=[2, 1, 3]), layout={"meta": {"alt": "A line."}})
bars = go.Figure(go.Bar(y=[1.5, 2.5]), layout={"meta": {"alt": "Two bars."}})
"""
PAGES = {
    "index": f"""---
file_format: mystnb
kernelspec:
  name: python3
---
# Figures

```{{code-cell}} ipython3
{FIGURES}
from types import SimpleNamespace
from myst_nb import glue

glue("bars", SimpleNamespace(_repr_mimebundle_=bars._repr_mimebundle_), display=False)
line
```

```{{code-cell}} ipython3
bars.show()
```

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

See {{numref}}`fig-line`.

```{{toctree}}
plain
```
""",
    "plain": "# Plain\n\nNo figure here.\n",
}


def bars(*heights, **meta):
    return go.Figure(go.Bar(y=heights), layout={"meta": {"alt": "Bars.", **meta}})


def published_files(result):
    """Return the files of the site's figures by name."""
    folder = result.output / "_static" / "plotly-figures"
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def digests(page):
    return re.findall(r'<div class="plotly-figure" data-figure="(\w+)"', page)


@pytest.fixture(scope="module")
def executed(build, tmp_path_factory):
    """A site whose page is executed by the build."""
    return build(tmp_path_factory.mktemp("executed"), PAGES)


def test_displayed_glued_and_numbered_figures_are_on_the_page_and_published_once(executed):
    figures = {}
    exec(FIGURES, figures)
    line, bars = (Figure.from_dict(json.loads(figures[name].to_json())).digest for name in ("line", "bars"))
    assert digests(executed.html()) == [line, bars, bars, bars, line]
    scripts = {name for name in published_files(executed) if re.fullmatch(r"\w{16}\.js", name)}
    assert scripts == {f"{line}.js", f"{bars}.js"}


def test_a_numbered_figure_has_a_caption_and_can_be_referenced(executed):
    page = executed.html()
    for number, name, caption in ((1, "fig-bars", "Two bars."), (2, "fig-line", "A line of three points.")):
        figure = re.search(rf'<figure[^>]* id="{name}">(.*?)</figure>', page, re.DOTALL)[1]
        assert figure.count('class="plotly-figure"') == 1
        text = re.sub(r"<[^>]+>", "", figure.rpartition("<figcaption>")[2])
        assert f"Fig. {number} {caption}" in text
    assert 'href="#fig-line"><span class="std std-numref">Fig. 2</span>' in page


def test_only_pages_with_figures_load_the_script_and_no_page_loads_plotly_at_once(executed):
    page = executed.html()
    assert len(re.findall(r'<script[^>]* src="_static/myst-nb-plotly\.js', page)) == 1
    assert len(re.findall(r'<link[^>]* href="_static/myst-nb-plotly\.css', page)) == 1
    assert not re.search(r"<(?:script|link)[^>]*plotly-figures", page)
    assert "plotly" not in executed.html("plain")


def test_missing_text_alternatives_and_invalid_tables_are_warnings(build, notebook, tmp_path, no_chromium):
    tables = [[0, 1], [-1], ["0"], "all", {}]
    pages = {"index": notebook("# Page", *(bars(1, alt="", table=table) for table in tables))}
    result = build(tmp_path, pages, fails=True)
    assert len(re.findall(r"index\.ipynb:\d+: WARNING: a Plotly figure has no text alter", result.warnings)) == 5
    for table in tables:
        assert f"layout.meta['table'] of a Plotly figure is {table!r}: it must be True" in result.warnings
    assert "plotly-numbers" not in result.html()
    build(tmp_path, pages, 'suppress_warnings = ["myst_nb_plotly.alt", "myst_nb_plotly.table"]', options=["-E"])


def test_figures_with_special_characters_or_without_content_are_rendered(build, notebook, tmp_path):
    text = "</script><!-- \u2028\u2029 \" ' \\ <b>θ</b>"
    traces = [{"y": [1.0, None], "text": [text] * 2}]
    contents = [
        {"data": traces, "layout": {"title": {"text": text}, "meta": {"alt": text}}},
        {"data": [{"y": [1.0], "name": "__proto__"}], "layout": {"meta": {"alt": "a", "__proto__": {"a": 1}}}},
        {},
        {"data": [], "layout": None},
        {"data": [{"type": "bar", "y": [3]}], "layout": {"meta": "notes"}},
        {"data": [{"type": "bar", "y": [4]}], "layout": {"meta": ["notes"], "sliders": None, "updatemenus": [{}]}},
    ]
    alt = {"mystnb": {"image": {"alt": "From the cell."}}}
    result = build(tmp_path, {"index": notebook("# Page", *((content, alt) for content in contents))})
    page = result.html()
    assert page.count('role="img" aria-label="From the cell."') == 4
    assert page.count("<script") == page.count("</script>")
    names = digests(page)
    assert len(names) == len(contents)
    assert all(f"{name}/wide-dark.svg" in published_files(result) for name in names)


def test_the_data_of_a_large_figure_is_not_on_the_page(build, notebook, tmp_path):
    values = np.linspace(0.1, 1, 250_000).reshape(500, 500).tolist()
    large = {"data": [{"type": "heatmap", "z": values}], "layout": {"meta": {"alt": "Many values."}}}
    result = build(tmp_path, {"index": notebook("# Page", large)})
    (name,) = digests(result.html())
    assert published_files(result)[f"{name}.js"].stat().st_size > 4.5e6
    assert len(result.html()) < 20_000
    assert f"{name}/narrow-light.svg" in published_files(result)


def rendered(result):
    """Return how many figures a build rendered."""
    return len(set(re.findall(r"drawing figures\.\.\. \[ *(\d+)%\]", result.log)))


def test_only_new_figures_are_rendered_and_files_of_old_figures_are_removed(build, notebook, tmp_path):
    cache = tmp_path / "_build" / ".plotly-pictures"
    pages = {"index": notebook("# Page", bars(1, alt="One."), bars(2, alt="Two."))}
    first = build(tmp_path, pages)
    before = published_files(first).keys()
    times = {path: path.stat().st_mtime_ns for path in cache.rglob("*.svg")}
    assert (rendered(first), len(times)) == (2, 8)
    assert rendered(build(tmp_path, pages, options=["-E"])) == 0

    changed = build(tmp_path, {"index": notebook("# Page", bars(1, alt="One."), bars(3, alt="Three."))})
    assert rendered(changed) == 1
    assert "Three." in changed.log
    kept = [path for path in times if path.is_file()]
    assert [path.stat().st_mtime_ns for path in kept] == [times[path] for path in kept]
    assert (len(kept), len(list(cache.iterdir()))) == (4, 2)
    after = published_files(changed).keys()
    assert len(before - after) == len(after - before) == 5

    assert published_files(build(tmp_path, {"index": notebook("# Page")})) == {}
    assert list(cache.iterdir()) == []


def test_pictures_are_reproducible(build, notebook, tmp_path):
    contour = go.Figure(
        [go.Contour(z=[[1, 2], [3, 5]], line={"width": 0}), go.Scatter(y=[0, 1], name="Two")],
        layout={"meta": {"alt": "A contour."}, "showlegend": True},
    )
    files = []
    for folder, order in (("one", 1), ("two", -1)):
        result = build(tmp_path / folder, {"index": notebook("# Page", *[contour, bars(1, 2)][::order])})
        files.append({name: path.read_bytes() for name, path in published_files(result).items()})
    assert len([name for name in files[0] if name.endswith(".svg")]) == 8
    assert files[0] == files[1]


def test_the_site_is_built_without_chromium_and_a_later_build_adds_the_pictures(
    build, notebook, tmp_path, no_chromium, monkeypatch
):
    pages = {"index": notebook("# Page\n\n```{toctree}\nother\n```", bars(1, 2)), "other": "# Other"}
    without = build(tmp_path, pages)
    assert "myst_nb_plotly: 1 of 1 figures have no picture: " in without.log
    assert "<img" not in without.html()
    assert re.search(r"<noscript>.*Bars\..*</noscript>", without.html())
    monkeypatch.delenv("BROWSER_PATH")
    page = build(tmp_path, pages).html()
    assert page.count("<img") == 4
    assert "noscript" not in page
    shutil.rmtree(tmp_path / "_build" / ".plotly-pictures")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    again = build(tmp_path, pages)
    assert "<img" not in again.html()
    assert not [name for name in published_files(again) if name.endswith(".svg")]


# Runs in its own process, because threads that are left running would keep that process from ending.
START_CHROMIUM = """
from myst_nb_plotly import chromium

chromium.TIMEOUT = 1
try:
    with chromium.Chromium():
        print("started")
except chromium.NoChromiumError:
    print("not started")
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("program", "mode"),
    [("exit 1", 0o755), ("exit 1", 0o644), ("exec sleep 60", 0o755)],
    ids=["exits", "is not executable", "does not answer"],
)
def test_a_chromium_that_does_not_start_raises_an_error(tmp_path, no_chromium, program, mode):
    browser = tmp_path / "no-browser"
    browser.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    browser.chmod(mode)
    command = [sys.executable, "-c", START_CHROMIUM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=40)
    assert done.stdout == "not started\n"


def test_a_figure_that_plotly_cannot_draw_is_a_warning_and_the_others_are_rendered(build, notebook, tmp_path):
    broken = {"data": [{"type": "sankey", "link": 3, "node": 4}], "layout": {"meta": {"alt": "Broken."}}}
    pages = {
        "index": notebook("# Page\n\n```{toctree}\nother\n```", bars(1)),
        "other": notebook("# Other", broken, bars(2)),
    }
    result = build(tmp_path, pages, fails=True)
    (warning,) = result.warnings.strip().splitlines()
    assert re.match(r"\S*other\.ipynb: WARNING: a Plotly figure \(Broken\.\) has no picture: .*Error", warning)
    assert result.html().count("<img") == result.html("other").count("<img") == 4
    build(tmp_path, pages, 'suppress_warnings = ["myst_nb_plotly.picture"]')


@pytest.mark.parametrize("configured", [True, False], ids=["configured", "default"])
def test_a_page_uses_the_configured_bundle_unless_it_needs_more_trace_types(
    build, notebook, tmp_path, no_chromium, configured
):
    alt = {"meta": {"alt": "A figure."}}
    few = [go.Figure(trace, layout=alt) for trace in (go.Contour(z=[[1]]), go.Heatmap(z=[[1]]), go.Box(y=[1]))]
    pages = {
        "index": notebook("# Page\n\n```{toctree}\npolar\nsankey\n```", *few),
        "polar": notebook("# Polar", go.Figure([go.Bar(y=[1]), go.Scatterpolar(r=[1, 2])], layout=alt)),
        "sankey": notebook("# Sankey", go.Figure(go.Sankey(), layout=alt)),
    }
    path = os.path.relpath(CARTESIAN, tmp_path)
    result = build(tmp_path, pages, f"myst_nb_plotly_bundle = {path!r}\n" if configured else "")

    def bundle(page):
        (name,) = set(re.findall(r'data-bundle="([^"]*)"', result.html(page)))
        return published_files(result)[name].read_text(encoding="utf-8")

    assert bundle("index") == (CARTESIAN.read_text(encoding="utf-8") if configured else get_plotlyjs())
    assert bundle("polar") == bundle("sankey") == get_plotlyjs()


def test_a_missing_bundle_stops_the_build_with_a_message(build, tmp_path):
    result = build(tmp_path, {"index": "# Page"}, 'myst_nb_plotly_bundle = "js/own.js"\n', fails=True)
    assert "myst_nb_plotly_bundle='js/own.js': no such file" in result.warnings
    assert "Traceback" not in result.warnings
    assert not (result.output / "index.html").exists()


@pytest.fixture(scope="module")
def project(tmp_path_factory, notebook):
    """The folder and the pages of a project with a page in a subfolder."""
    figure = {"mystnb": {"figure": {"name": "fig-bars", "caption": "A caption."}}}
    deep = notebook("# Deep", bars(1, 2, alt="Deep bars."), (bars(2, 3, alt="Numbered bars."), figure))
    pages = {"index": "# Page\n\n```{toctree}\nchapter/deep\n```", "chapter/deep": deep}
    return tmp_path_factory.mktemp("builders"), pages


@pytest.mark.parametrize(
    ("builder", "page"), [("dirhtml", "chapter/deep/index"), ("singlehtml", "index"), ("html", "chapter/deep")]
)
def test_all_html_builders_write_correct_urls(build, project, builder, page):
    result = build(*project, builder=builder)
    html = result.html(page)
    folder = (result.output / page).parent
    assert len(digests(html)) == 2
    for name, url, bundle in re.findall(r'data-figure="(\w+)" data-folder="([^"]*)" data-bundle="([^"]*)"', html):
        assert (folder / url / f"{name}.js").is_file()
        assert (folder / url / bundle).is_file()
    assets = re.findall(r'(?:src|href)="([^"?]*myst-nb-plotly\.(?:js|css))', html)
    pictures = re.findall(r'<img class="plotly-picture[^>]* src="([^"]*)"', html)
    assert (len(assets), len(pictures)) == (2, 8)
    assert all((folder / url).is_file() for url in assets + pictures)


@pytest.mark.parametrize("builder", ["text", "latex", "man", "texinfo", "xml"])
def test_formats_without_svg_contain_the_text_alternatives_and_captions(build, project, builder):
    result = build(*project, builder=builder)
    files = [path for path in result.output.rglob("*") if path.is_file()]
    text = " ".join(path.read_text(encoding="utf-8", errors="ignore") for path in files)
    assert all(words in text for words in ("Deep bars.", "Numbered bars.", "A caption."))


@pytest.mark.parametrize("has_chromium", [True, False])
def test_an_epub_contains_the_pictures_or_the_text_alternatives(build, notebook, tmp_path, request, has_chromium):
    if not has_chromium:
        request.getfixturevalue("no_chromium")
    pages = {"index": notebook("# Page", bars(1, alt="In words."))}
    result = build(tmp_path, pages, 'epub_show_urls = "no"', builder="epub")
    with ZipFile(result.output / "small.epub") as epub:
        page = epub.read("index.xhtml").decode()
        sources = re.findall(r'<img [^>]*src="([^"]*)"', page)
        assert len(sources) == has_chromium
        assert all(b"<svg" in epub.read(source) for source in sources)
        assert ("<p>In words.</p>" in page) == (not has_chromium)
