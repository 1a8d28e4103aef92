"""The audit turns red where something is wrong, and only there: each defect is planted in a page that is good."""

import itertools
import json
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
    """What looks at one page, by its column."""

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


PALE = 'style="color: #888; background: #777"'
DEFECTS = {
    "a pale text": ("axe", "<p>A text", f"<p {PALE}>A text", "color-contrast (light, 1280 px)"),
    "a pale text in a fold": ("axe", "<p>A folded", f"<p {PALE}>A folded", "color-contrast (dark, 390 px)"),
    "a text that is pale in the dark": (
        "axe",
        "</style>",
        "@media (prefers-color-scheme: dark) { p { color: #333 } }</style>",
        "color-contrast (dark, 1280 px)",
    ),
    "a fault that only a phone shows": (
        "axe",
        "</style>",
        "@media (width < 400px) { p { color: #888; background: #777 } }</style>",
        "color-contrast (light, 390 px)",
    ),
    "a pale button that shows on the way back up": (
        "axe",
        "<h1>",
        f'<button id="pst-back-to-top" {PALE}>Up</button><script>addEventListener("resize", () => '
        '{ document.getElementById("pst-back-to-top").style.display = "none" })</script><h1>',
        "color-contrast (light, 390 px)",
    ),
    "a picture without words": ("axe", "<h1>", '<img src="data:," ><h1>', "image-alt"),
    "no skip link": (
        "keyboard",
        '<a href="#main-content">To the text</a>',
        "",
        "the first stop is not the skip link",
    ),
    "a skip link to nowhere": ("keyboard", 'id="main-content"', 'id="main"', "does not lead into main"),
    "a focus that is not seen": (
        "keyboard",
        "outline: 3px solid CanvasText",
        "outline: none",
        "the focus is not seen",
    ),
    "a focus that is hardly seen": ("keyboard", "solid CanvasText", "solid #8886", "the focus has a contrast of"),
    "a link out of sight": (
        "keyboard",
        "<h1>",
        '<a href="#" style="position: absolute; left: -99px">x</a><h1>',
        "out of sight",
    ),
    "something wide without a stop": ("keyboard", 'tabindex="0" ', "", "the keyboard does not reach it"),
    "something wide without a name": ("keyboard", ' role="region" aria-label="Numbers"', "", "no role and name"),
    "something cut off": ("keyboard", 'class="scroll"', 'style="overflow: hidden"', "is cut off"),
    "a page that is too wide": ("keyboard", 'class="scroll"', "", "the page is 6"),
    "no policy": ("policy", "Content-Security-Policy", "X-Nothing", "there is no Content-Security-Policy"),
    "a policy that allows any inline script": (
        "policy",
        "style-src",
        "script-src 'self' 'unsafe-inline'; style-src",
        "script-src allows 'unsafe-inline'",
    ),
    "a policy that comes too late": (
        "policy",
        '<meta charset="utf-8">',
        '<meta charset="utf-8"><script src="page.js"></script>',
        "a script before the policy",
    ),
    "a handler in the HTML": ("policy", "<button", '<button onclick="alert()"', "a handler in the HTML: <button"),
    "an inline script": (
        "policy",
        "<h1>",
        "<script>window.ran = true</script><h1>",
        "script-src-elem stops inline",
    ),
    "a picture from elsewhere": ("elsewhere", "<h1>", f'<img src="{ELSEWHERE}" alt="x"><h1>', ELSEWHERE),
    "a missing file": ("console", "<h1>", '<img src="missing.png" alt="x"><h1>', "404"),
    "a button under something": (
        "console",
        "<h1>",
        '<div style="position: fixed; inset: 0; z-index: 9"></div><h1>',
        "cannot be used: <button",
    ),
    "a paragraph in a summary": (
        "HTML",
        "<summary>More",
        "<summary><p>More</p>",
        "not allowed as child of element “summary”",
    ),
    "an id that stands twice": ("HTML", "<h1>", '<h1 id="main-content">', "Duplicate ID"),
}


@pytest.mark.parametrize(("column", "sound", "defect", "told"), DEFECTS.values(), ids=DEFECTS)
def test_a_planted_defect_is_found(serve, checks, column, sound, defect, told):
    assert sound in GOOD
    problems = checks[column](serve(GOOD.replace(sound, defect)))
    assert any(told in problem for problem in problems), problems


SCRIPTS = {
    "a request after a click": (
        "elsewhere",
        f'document.querySelector("button").onclick = () => (new Image().src = "{ELSEWHERE}");',
        ELSEWHERE,
    ),
    "an error while a slider moves": (
        "console",
        'document.querySelector("input").oninput = () => { throw new Error("stuck"); };',
        "stuck",
    ),
    "a text that is made into a script": ("policy", 'setTimeout("1 + 1")', "stops eval"),
    "an error in a dialog's search": (
        "console",
        """const dialog = document.body.appendChild(document.createElement("dialog"));
        dialog.innerHTML = "<input aria-label=search>";
        dialog.firstChild.oninput = () => console.error("no index");
        document.querySelector("button").onclick = () => dialog.showModal();""",
        "no index",
    ),
}


@pytest.mark.parametrize(("column", "script", "told"), SCRIPTS.values(), ids=SCRIPTS)
def test_what_a_script_does_wrong_is_found_when_the_page_is_used(serve, checks, column, script, told):
    assert any(told in problem for problem in checks[column](serve(script=script)))


# Without the checker itself.


def answering(monkeypatch, *messages):
    monkeypatch.setattr(audit_html, "ask", lambda urls: list(urls) and list(messages))


def test_faults_of_the_theme_are_known_by_name_and_told_when_they_are_gone(monkeypatch):
    [kept, *gone] = audit_html.KNOWN
    fault = {
        "type": "error",
        "url": "home/a.html",
        "message": "Stray end tag.",
        "lastLine": 3,
        "extract": " </p>\n",
    }
    answering(
        monkeypatch,
        fault,
        fault | {"message": f"{kept} And more.", "type": "info", "subType": "warning"},
        fault | {"message": "Trailing slash.", "type": "info"},
    )
    problems, told = audit_html.check("home", ["a.html", "b.html"])
    assert problems == {"a.html": ["line 3: Stray end tag. · </p>"], "b.html": []}
    assert told == [f"known, and not there any more: {start}" for start in gone]


def test_without_java_no_page_is_valid(monkeypatch):
    monkeypatch.setenv("PATH", "")
    problems, _ = audit_html.check("home", ["a.html"])
    assert "needs Java" in problems["a.html"][0]


# Numbers.


class Loads:
    """A Lighthouse that has these (performance, blocking) to say, page by page, and notes what it is asked."""

    def __init__(self, **scores):
        self.scores = {url: iter(said) for url, said in scores.items()}
        self.asked = []

    def load(self, url, form, *categories):
        self.asked.append(f"{url} {form}")
        if form == "desktop":
            performance, blocking = 100, 0
        elif (said := next(self.scores[url])) is None:
            raise audit_lighthouse.LighthouseError("no answer")
        else:
            performance, blocking = said
        return {
            "scores": {"performance": performance} | dict.fromkeys(categories, 100),
            "failures": dict.fromkeys(categories, ()),
            "numbers": dict.fromkeys([*audit_lighthouse.TIMES, "cumulative-layout-shift"], 0)
            | {"total-blocking-time": blocking},
        }


@pytest.mark.parametrize(
    ("scores", "median", "left"),
    [
        ([(96, 80), (99, 20), (10, 900)], (96, 80), 1),
        ([(90, 80), (94, 20), (100, 0)], (90, 80), 1),
        ([(96, 80), (94, 20), (97, 30)], (96, 30), 0),
        ([(96, 180), (98, 20), (90, 130)], (96, 130), 0),
    ],
)
def test_the_median_of_three_loads_is_judged_and_the_third_is_made_where_it_counts(
    scores, median, left, monkeypatch
):
    monkeypatch.setenv("CI", "true")
    lighthouse = Loads(a=scores)
    (row,) = audit_lighthouse.check(lighthouse, ["a"])
    shown = {name: row[name].shown.partition(",")[0] for name in ("mobile", "desktop", "blocking", "shift")}
    assert shown == {"mobile": str(median[0]), "desktop": "100", "blocking": str(median[1]), "shift": "0"}
    assert len(list(lighthouse.scores["a"])) == left


def test_all_pages_are_loaded_before_one_is_loaded_again():
    lighthouse = Loads(a=[(99, 20), (99, 20)], b=[(99, 120), (99, 20), (99, 20)])
    rows = audit_lighthouse.check(lighthouse, ["a", "b"])
    once = ["a mobile", "a desktop", "b mobile", "b desktop"]
    assert lighthouse.asked == [*once, *once, "b mobile"]
    assert [row["blocking"].shown for row in rows] == ["20", "20"]


def test_a_page_that_lighthouse_cannot_load_is_told_and_the_others_are_measured():
    bad, good = audit_lighthouse.check(Loads(a=[None], b=[(99, 20), (99, 20)]), ["a", "b"])
    assert bad["mobile"].problems == ["no answer"]
    assert good["mobile"].state == "good"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("mobile", 95, 94), ("desktop", 99, 98), ("blocking", 100, 100.5), ("shift", 0, 0.001)],
)
def test_a_number_is_judged_by_its_limit(name, good, bad, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert audit_lighthouse.judge(good, name, "").state == "good"
    assert audit_lighthouse.judge(bad, name, "first paint 5 s").problems[0].endswith("first paint 5 s")


@pytest.mark.parametrize(
    ("name", "number", "state"),
    [("mobile", 94, "unknown"), ("blocking", 100.5, "unknown"), ("shift", 0.001, "bad"), ("mobile", 95, "good")],
)
def test_a_machine_that_others_use_tells_of_a_slow_page_and_finds_no_fault(name, number, state, monkeypatch):
    monkeypatch.setenv("CI", "true")
    cell = audit_lighthouse.judge(number, name, "")
    assert cell.state == state
    assert ("wanted at" in cell.shown) == (state == "unknown")


def test_a_score_that_is_not_full_says_what_failed():
    assert audit_lighthouse.judge_score(100, []).state == "good"
    assert audit_lighthouse.judge_score(99, ["label: no name"]).problems == ["label: no name"]
    assert audit_lighthouse.judge_score(0, []).state == "bad"


def test_lighthouse_finds_a_good_page_good_and_a_pale_text_bad(serve):
    with audit_lighthouse.Lighthouse() as lighthouse:
        (row,) = audit_lighthouse.check(lighthouse, [serve()])
        pale = lighthouse.load(serve(GOOD.replace("<p>", f"<p {PALE}>")), "mobile", "accessibility")
    assert set(row) == {"mobile", "desktop", "blocking", "shift", "accessibility", "best practices", "SEO"}
    assert [row[name].problems for name in ("accessibility", "best practices", "SEO")] == [[], [], []]
    assert pale["scores"]["accessibility"] < 100
    assert "color-contrast" in pale["failures"]["accessibility"][0]


def test_a_page_is_weighed_by_its_own_limit():
    assert audit_weight.judge("book/adam.html", bench_figures.PAGE_KB) == []
    assert audit_weight.judge("book/adam.html", bench_figures.PAGE_KB + 1)
    assert audit_weight.judge(bench_live_demo.PAGE, bench_live_demo.PAGE_KB) == []
    assert audit_weight.judge(bench_live_demo.PAGE, bench_live_demo.PAGE_KB + 1)


def test_the_weight_is_what_is_sent_before_the_reader_acts(serve, chromium):
    light, heavy = (
        audit_weight.check(chromium, serve(script=f"// {text}")) for text in ("", "".join(map(str, range(9999))))
    )
    assert 0 < light < 2
    assert heavy > light + 10


def test_the_weight_waits_for_pictures_that_come_when_the_browser_is_idle(serve, chromium):
    late = """const picture = document.querySelector("img");
        picture.onload = () => fetch("page.html?again");
        setTimeout(() => (picture.src = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"), 1500);"""
    page = GOOD.replace("<p>", '<img class="plotly-wide plotly-light" alt="A picture."><p>', 1)
    assert audit_weight.check(chromium, serve(page, late)) > 1.5 * audit_weight.check(chromium, serve())


# What is known of packages.

PACKAGE = {"name": "numpy", "version": "1.0"}


@pytest.mark.parametrize(
    ("package", "state", "shown"),
    [
        ({"vulns": []}, "good", "0 known"),
        ({"vulns": [{"id": "X-1", "fix_versions": ["1.1"]}]}, "bad", "1 known"),
        ({"vulns": [{"id": "X-1", "fix_versions": []}]}, "unknown", "1 known"),
        ({"skip_reason": "not found"}, "unknown", "0 known, 1 packages not asked for"),
    ],
)
def test_what_a_newer_version_repairs_is_wrong_and_what_could_not_be_asked_is_told(package, state, shown):
    cell = audit_advisories.judge_python({"dependencies": [PACKAGE | package]})
    assert (cell.state, cell.shown) == (state, shown)


@pytest.mark.parametrize(("fix", "state"), [(True, "bad"), ({"name": "x"}, "bad"), (False, "unknown")])
def test_advisories_for_node_are_judged_alike(fix, state):
    found = {"x": {"range": "<2", "severity": "high", "fixAvailable": fix}}
    assert audit_advisories.judge_node({"vulnerabilities": found}).state == state


@pytest.mark.parametrize("answer", ["", '{"message": "405 Method Not Allowed"}'])
def test_without_a_network_that_is_told_and_not_wrong(monkeypatch, answer):
    done = subprocess.CompletedProcess([], 1, answer, "npm warn x\nnpm error no network\n")
    monkeypatch.setattr(audit_advisories.subprocess, "run", lambda *arguments, **settings: done)
    cells = audit_advisories.check()
    assert {cell.state for cell in cells.values()} == {"unknown"}
    assert cells["npm audit"].shown == "not reachable: npm error no network"


# The report.

ROWS = {
    "a.html": {"axe": Cell("0"), "KB": Cell("151", ["151 KB, wanted at most 150"])},
    "b.html": {"axe": audit_report.count(["region: <div>", "label"]), "asked": Cell("no", unknown=True)},
}


def test_one_problem_makes_the_whole_red_and_so_does_nothing_at_all():
    assert audit_report.is_green({"a.html": {"axe": Cell("0"), "asked": Cell("no", unknown=True)}}, {})
    assert not audit_report.is_green(ROWS)
    assert not audit_report.is_green({}, {"b.html": {}})


def test_the_table_has_a_line_for_each_page_and_a_column_for_each_check():
    assert audit_report.table(ROWS, "page").splitlines() == [
        "page    axe  KB    asked",
        "a.html  0    151!  -",
        "b.html  2!   -     no?",
    ]


def test_the_log_says_what_is_wrong_in_a_line_for_each_cell():
    assert audit_report.faults(ROWS) == ["a.html, KB: 151 KB, wanted at most 150", "b.html, axe: region: <div>"]
    (line,) = audit_report.faults({"a.html": {"axe": Cell("1", ["x" * 1000])}})
    assert len(line) == 300


def test_the_report_says_what_is_wrong_and_is_a_good_page_itself(chromium, tmp_path):
    audit_report.write(tmp_path, {"Pages": ROWS}, "something is wrong.")
    cells = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["Pages"]
    assert cells["b.html"]["axe"]["problems"] == ["region: <div>", "label"]
    assert cells["a.html"]["axe"]["state"] == "good"
    assert "<li>region: &lt;div&gt;</li>" in (tmp_path / "index.html").read_text(encoding="utf-8")
    with bench_figures.served(tmp_path) as home:
        assert audit_axe.check(chromium, f"{home}/index.html") == []
        assert audit_html.check(home, ["index.html"])[0] == {"index.html": []}
