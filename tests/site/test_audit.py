"""Each check of the audit finds a defect that is planted in a good page, and nothing in the good page."""

import itertools
import subprocess
from functools import partial

import audit_advisories
import audit_axe
import audit_html
import audit_keyboard
import audit_lighthouse
import audit_report
import audit_use
import audit_weight
import bench_figures
import bench_live_demo
import pytest
from audit_report import Cell

POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src * data:"
GOOD = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="A page without a fault.">
<title>Good</title>
<link rel="icon" href="data:,">
<script src="page.js" defer></script>
<style>
body {{ color: CanvasText; background: Canvas; color-scheme: light dark; }}
:focus-visible {{ outline: 3px solid CanvasText; }}
.scroll {{ overflow-x: auto; }}
.wide {{ width: 600px; }}
nav, summary {{ padding: 1rem; }}
</style>
</head>
<body>
<a href="#main-content">To the text</a>
<nav><a href="other.html">Another page</a></nav>
<main id="main-content" tabindex="-1">
<h1>Good</h1>
<p>A text with <a href="other.html">a link</a>.</p>
<details><summary>More</summary><p>A folded text.</p></details>
<button type="button">Do it</button>
<label>How much <input type="range" max="9"></label>
<div class="scroll" tabindex="0" role="region" aria-label="Numbers"><pre class="wide">1 2 3</pre></div>
</main>
</body>
</html>
"""
# Another host than the page's, which gives no answer.
ELSEWHERE = "http://127.0.0.1:9/picture.png"
PALE = 'style="color: #888; background: #777"'


@pytest.fixture
def serve(tmp_path):
    """How to serve a page with a script; returns its address."""
    with bench_figures.served(tmp_path) as home:
        count = itertools.count()

        def serve(page=GOOD, script=""):
            # The server keeps what it has once sent.
            folder = tmp_path / str(next(count))
            folder.mkdir()
            (folder / "page.html").write_text(page, encoding="utf-8")
            (folder / "page.js").write_text(script, encoding="utf-8")
            return f"{home}/{folder.name}/page.html"

        yield serve


@pytest.fixture
def checks(chromium):
    """The checks of a page, by the name of their column."""

    def heard(part, url):
        return getattr(audit_use.check(chromium, url), part)

    def html(url):
        home, _, name = url.rpartition("/")
        return audit_html.check(home, [name])[0][name]

    return {
        "axe": partial(audit_axe.check, chromium),
        "keyboard": partial(audit_keyboard.check, chromium),
        **{part: partial(heard, part) for part in ("policy", "elsewhere", "console")},
        "HTML": html,
    }


def test_nothing_is_wrong_with_a_good_page(serve, checks):
    url = serve()
    assert {name: check(url) for name, check in checks.items()} == {name: [] for name in checks}


DEFECTS = {
    "a pale text in a fold": ("axe", "<p>A folded", f"<p {PALE}>A folded", "color-contrast (dark, 390 px)"),
    "no skip link": ("keyboard", '<a href="#main-content">To the text</a>', "", "not the skip link"),
    "a focus that is hardly seen": ("keyboard", "solid CanvasText", "solid #8886", "the focus has a contrast of"),
    "a wide area without a stop": ("keyboard", 'tabindex="0" ', "", "the keyboard does not reach it"),
    "an inline script": (
        "policy",
        "<h1>",
        "<script>window.ran = true</script><h1>",
        "script-src-elem stops inline",
    ),
    "no policy": ("policy", "Content-Security-Policy", "X-Nothing", "there is no Content-Security-Policy"),
    "an image of another host": ("elsewhere", "<h1>", f'<img src="{ELSEWHERE}" alt="x"><h1>', ELSEWHERE),
    "a missing file": ("console", "<h1>", '<img src="missing.png" alt="x"><h1>', "404"),
    "a button under another element": (
        "console",
        "<h1>",
        '<div style="position: fixed; inset: 0; z-index: 9"></div><h1>',
        "cannot be used: <button",
    ),
    "an id that stands twice": ("HTML", "<h1>", '<h1 id="main-content">', "Duplicate ID"),
}


@pytest.mark.parametrize(("column", "sound", "defect", "message"), DEFECTS.values(), ids=DEFECTS)
def test_a_planted_defect_is_found(serve, checks, column, sound, defect, message):
    assert sound in GOOD
    problems = checks[column](serve(GOOD.replace(sound, defect)))
    assert any(message in problem for problem in problems), problems


def test_an_error_is_found_when_the_page_is_used(serve, checks):
    script = 'document.querySelector("input").oninput = () => { throw new Error("stuck"); };'
    assert any("stuck" in problem for problem in checks["console"](serve(script=script)))


def test_lighthouse_finds_a_good_page_good_and_a_pale_text_bad(serve):
    with audit_lighthouse.Lighthouse() as lighthouse:
        (row,) = audit_lighthouse.check(lighthouse, [serve()])
        pale = lighthouse.load(serve(GOOD.replace("<p>", f"<p {PALE}>")), "mobile", "accessibility")
    assert set(row) == {"mobile", "desktop", "blocking", "shift", "accessibility", "best practices", "SEO"}
    assert [row[name].problems for name in ("accessibility", "best practices", "SEO")] == [[], [], []]
    assert "color-contrast" in pale["failures"]["accessibility"][0]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("mobile", 95, 94), ("desktop", 99, 98), ("blocking", 100, 100.5), ("shift", 0.02, 0.021)],
)
def test_a_number_is_compared_with_its_limit(name, good, bad, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert audit_lighthouse.judge(good, name, "").state == "good"
    assert audit_lighthouse.judge(bad, name, "").state == "bad"
    # A machine of CI is slow at times: only the shift does not depend on it.
    monkeypatch.setenv("CI", "true")
    assert audit_lighthouse.judge(bad, name, "").state == ("bad" if name == "shift" else "unknown")


def test_the_weight_is_what_is_sent_before_the_reader_acts(serve, chromium):
    script = "// " + "".join(map(str, range(9999)))
    light, heavy = (audit_weight.check(chromium, serve(script=text)) for text in ("", script))
    assert 0 < light < 2
    assert heavy > light + 10
    for name, limit in (("book/adam.html", bench_figures.PAGE_KB), (bench_live_demo.PAGE, bench_live_demo.PAGE_KB)):
        assert audit_weight.judge(name, limit) == []
        assert audit_weight.judge(name, limit + 1)


@pytest.mark.parametrize(
    ("package", "state"),
    [
        ({"vulns": []}, "good"),
        ({"vulns": [{"id": "X-1", "fix_versions": ["1.1"]}]}, "bad"),
        ({"vulns": [{"id": "X-1", "fix_versions": []}]}, "unknown"),
        ({"skip_reason": "not found"}, "unknown"),
    ],
)
def test_a_vulnerability_that_a_newer_version_repairs_is_a_fault(package, state):
    found = {"name": "numpy", "version": "1.0"} | package
    assert audit_advisories.judge_python({"dependencies": [found]}).state == state


def test_without_a_network_advisories_are_unknown(monkeypatch):
    done = subprocess.CompletedProcess([], 1, "", "npm warn x\nnpm error no network\n")
    monkeypatch.setattr(audit_advisories.subprocess, "run", lambda *arguments, **settings: done)
    assert {cell.state for cell in audit_advisories.check().values()} == {"unknown"}


ROWS = {
    "a.html": {"axe": Cell("0"), "KB": Cell("151", ["151 KB, wanted at most 150"])},
    "b.html": {"axe": audit_report.count(["region: <div>", "label"]), "asked": Cell("no", unknown=True)},
}


def test_the_report_shows_every_problem(chromium, tmp_path):
    assert audit_report.table(ROWS, "page").splitlines() == [
        "page    axe  KB    asked",
        "a.html  0    151!  -",
        "b.html  2!   -     no?",
    ]
    assert audit_report.faults(ROWS) == ["a.html, KB: 151 KB, wanted at most 150", "b.html, axe: region: <div>"]
    assert not audit_report.is_green(ROWS)
    assert not audit_report.is_green({})
    audit_report.write(tmp_path, {"Pages": ROWS}, "something is wrong.")
    assert "<li>region: &lt;div&gt;</li>" in (tmp_path / "index.html").read_text(encoding="utf-8")
