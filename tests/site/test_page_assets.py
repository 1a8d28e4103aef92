"""What every page loads, and what its policy forbids."""

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

CHAPTER = "book/adagrad.html"


@pytest.fixture(scope="module")
def page_assets(load, root):
    return load(root / "book" / "_ext" / "page_assets.py")


@pytest.fixture(scope="module")
def style(site):
    return (site / "_static" / "site.css").read_text(encoding="utf-8")


def test_every_font_and_image_that_the_style_names_is_there(site, style):
    named = re.findall(r"url\(\"?(?!data:)([^)\"]+)\"?\)", style)
    assert any("KaTeX_Main" in name for name in named)
    # What comes after a font in WOFF2 is for browsers that the site does not support.
    used = [name for name in named if not name.endswith((".woff", ".ttf"))]
    assert [name for name in used if not (site / "_static" / name).is_file()] == []


def test_all_pages_load_one_style_and_no_script_that_they_wait_for(site, page_names):
    for name in page_names:
        page = (site / name).read_text(encoding="utf-8")
        if 'http-equiv="refresh"' in page:
            continue
        sheets = re.findall(r'<link rel="stylesheet"[^>]*href="([^"]*)"', page)
        files = [sheet.removeprefix("../").lstrip("/").partition("?v=")[0] for sheet in sheets]
        assert files == ["_static/site.css"], name
        tags = re.findall(r"<script\b([^>]*src=[^>]*)>", page)
        assert len(tags) >= 1, name
        assert [tag for tag in tags if "defer" not in tag] == [], name


def test_the_build_checks_each_page_against_its_policy(page_assets):
    def page(script, *allowed, body=""):
        policy = page_assets.escape(page_assets.policy(*allowed))
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        return f"{meta}<script>{script}</script>{body}"

    good = page("if (a </b/.source) start()", "if (a </b/.source) start()", body='<script src="a.js"></script>')
    assert page_assets.violations(good) == []
    assert page_assets.violations("<p>no policy</p>") == ["no policy"]
    assert page_assets.violations(page("stop()", "start()")) == ["script not in the policy: stop()"]
    for body in ('<b class="x"\n onclick="stop()">', '<a href="javascript:stop()">'):
        assert len(page_assets.violations(page("start()", "start()", body=body))) == 1


def test_the_policy_blocks_other_inline_scripts(chromium, address):
    with chromium.new_page() as page:
        page.goto(f"{address}/{CHAPTER}")
        page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "window.intruder = true";
            document.body.append(script);
        }""")
        assert page.evaluate("window.intruder") is None


def test_the_buttons_of_the_theme_do_what_they_say(chromium, address):
    with chromium.new_page() as page:
        page.goto(f"{address}/{CHAPTER}")
        page.evaluate("window.print = () => { window.printed = true; }")
        page.get_by_label("Download this page").click()
        page.locator("[data-action=print]").click()
        assert page.evaluate("window.printed") is True
        page.locator("[data-action=full-screen]").click()
        page.wait_for_function("() => document.fullscreenElement !== null")
        page.evaluate("document.exitFullscreen()")
        page.locator(".search-button__button:visible").first.click()
        expect(page.locator("#pst-search-dialog")).to_be_visible()


def test_every_icon_of_a_page_is_in_the_font(site, page_names, style, page_assets):
    # Where the repository is known, pages have more buttons.
    used = {"fa-rocket", "fa-github", "fa-gitlab", "fa-bitbucket", "fa-pencil-alt", "fa-lightbulb"}
    for name in page_names:
        used.update(re.findall(r"(?:fa-solid|fas) (fa-[a-z-]+)", (site / name).read_text(encoding="utf-8")))
    codes = {icon: re.search(rf'\.{icon}:before[^{{]*\{{content:"\\(.+?)"', style)[1] for icon in used}
    assert {icon for icon, code in codes.items() if code not in page_assets.ICONS.split()} == set()


def test_a_formula_with_a_character_that_the_fonts_lack_fails_the_build(root, tmp_path):
    (tmp_path / "node_modules").symlink_to(root / "node_modules")
    (tmp_path / "conf.py").write_text(
        'extensions = ["katex_math"]\nhtml_math_renderer = "katex"\n', encoding="utf-8"
    )
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "--no-color", tmp_path, tmp_path / "_build"]
    environment = os.environ | {"PYTHONPATH": str(root / "book" / "_ext")}
    for formula, message in ((r"\theta + 1", ""), (r"\aleph", "has no {'ℵ'}"), (r"\frac{1", "KaTeX parse error")):
        (tmp_path / "index.rst").write_text(f"Page\n====\n\n:math:`{formula}`\n", encoding="utf-8")
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert (done.returncode == 0) == (message == ""), done.stderr
        assert message in done.stderr


def test_the_search_page_has_its_field_selected(chromium, address):
    with chromium.new_page() as page:
        page.goto(f"{address}/search.html")
        expect(page.locator(".bd-search-container input")).to_be_focused()


def test_the_style_sheet_names_the_licences_of_its_parts(style):
    assert "Font Awesome Free" in style
    assert "Bootstrap" in style


def test_the_keyboard_reaches_code_that_scrolls_and_stops_at_no_other(chromium, address):
    with chromium.new_page(viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{address}/{CHAPTER}")
        # Code in a closed fold has no size.
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true;")
        for width, least in ((1280, 1), (390, 10)):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(
                """least => {
                    const boxes = [...document.querySelectorAll("main pre")];
                    const wide = boxes.filter(box => box.scrollWidth > box.clientWidth);
                    const stops = boxes.filter(box => box.tabIndex === 0);
                    return wide.length >= least && boxes.every(box => wide.includes(box) === stops.includes(box));
                }""",
                arg=least,
            )
