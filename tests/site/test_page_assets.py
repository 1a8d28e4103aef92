"""What every page loads, and what its policy forbids."""

import base64
import re
from io import BytesIO

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import expect
from sphinx.errors import ExtensionError

CHAPTER = "book/adagrad.html"


@pytest.fixture(scope="module")
def page_assets(load, root):
    return load(root / "book" / "_ext" / "page_assets.py")


@pytest.fixture(scope="module")
def style(site):
    return (site / "_static" / "site.css").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("a{b:c}.used{d:e}.unused{f:g}", "a{b:c}.used{d:e}"),
        (".used:before,.unused:before{g:h}", ".used:before{g:h}"),
        ("p .used.unused>b{c:d}", ""),
        ("@media (min-width:1.5px){.unused{a:b}.used{c:d}}", "@media (min-width:1.5px){.used{c:d}}"),
        ("a:not(.unused){b:c}a:is(.used,.unused) b{c:d}", "a:not(.unused){b:c}a:is(.used,.unused) b{c:d}"),
        (".bs-tooltip-auto{a:b}", ".bs-tooltip-auto{a:b}"),
        (".un\\:used{a:b}", ".un\\:used{a:b}"),
        ("@font-face{src:url(a.unused)}", "@font-face{src:url(a.unused)}"),
        ("@keyframes unused{0%{a:b}1.5%{c:d}}", "@keyframes unused{0%{a:b}1.5%{c:d}}"),
        ('/* .used{} */.used{a:b;content:".x"}', '.used{a:b;content:".x"}'),
        ("/*! by x.org */.used{a:b}/*! y */.unused{c:d}", "/*! by x.org */.used{a:b}/*! y */"),
    ],
)
def test_classes_that_no_page_uses_leave_the_style_and_all_else_stays(page_assets, style, kept):
    assert page_assets.without_unused(style, {"used", "a", "p"}) == kept


def test_a_theme_that_measures_in_another_way_is_told(page_assets, tmp_path):
    script = tmp_path / "theme.js"
    script.write_text(f"before({page_assets.MEASURING}.forEach(f))", encoding="utf-8")
    for _ in range(2):
        page_assets._measure_later(script)
        assert script.read_text(encoding="utf-8") == f"before({page_assets.NOT_MEASURING}.forEach(f))"
    script.write_text("before(after)", encoding="utf-8")
    with pytest.raises(ExtensionError, match=r"theme\.js: has no document\.querySelectorAll"):
        page_assets._measure_later(script)


def test_only_modern_fonts_are_asked_for(page_assets):
    style = 'src:url(a.woff2) format("woff2"),url(a.woff) format("woff"), url(a.ttf) format("truetype");b{}'
    assert page_assets.modern_fonts(style) == 'src:url(a.woff2) format("woff2");b{}'


def test_every_icon_of_a_page_has_its_rule_and_its_drawing(site, page_names, style):
    used = {
        icon
        for name in page_names
        for icon in re.findall(r"(?:fa-solid|fas) (fa-[a-z-]+)", (site / name).read_text("utf-8"))
    }
    codes = {icon: re.search(rf'\.{icon}:before[^{{]*\{{content:"(.+?)"', style) for icon in used}
    assert used
    assert [icon for icon, code in codes.items() if code is None] == []
    font = re.search(r"font-weight:900;src:url\(data:font/woff2;base64,([^)]*)\)", style)[1]
    drawn = TTFont(BytesIO(base64.b64decode(font))).getBestCmap()
    assert [icon for icon, code in codes.items() if int(code[1].lstrip("\\"), 16) not in drawn] == []


def test_every_file_that_the_style_names_is_there(site, style):
    named = re.findall(r"url\(\"?(?!data:)([^)\"]+)\"?\)", style)
    assert any("KaTeX_Main" in name for name in named)
    assert [name for name in named if not (site / "_static" / name).is_file()] == []


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


def test_a_page_is_held_against_its_policy(page_assets):
    def page(script, *allowed, body=""):
        policy = page_assets.policy(list(allowed)).replace("'", "&#x27;")
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        return f"{meta}<script>{script}</script>{body}"

    assert page_assets.violations(page("start()", "start()")) == []
    assert page_assets.violations(page("start()", "start()", body='<script src="a.js"></script>')) == []
    assert page_assets.violations(page("", body='<script type="application/json">{}</script>')) == []
    assert page_assets.violations("<p>no policy</p>") == ["no policy"]
    assert page_assets.violations(page("stop()", "start()")) == ["script not in the policy: stop()"]
    for body in ('<b class="x"\n onclick="stop()">', '<a href="javascript:stop()">'):
        assert len(page_assets.violations(page("start()", "start()", body=body))) == 1


def test_the_policy_lets_no_inline_script_run_that_it_does_not_name(chromium, address):
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
        page.locator("[data-does=print]").click()
        assert page.evaluate("window.printed") is True
        page.locator("[data-does=full-screen]").click()
        page.wait_for_function("() => document.fullscreenElement !== null")
        page.evaluate("document.exitFullscreen()")
        page.locator(".search-button__button:visible").first.click()
        expect(page.locator("#pst-search-dialog")).to_be_visible()


def test_the_search_page_awaits_a_word(chromium, address):
    with chromium.new_page() as page:
        page.goto(f"{address}/search.html")
        expect(page.locator(".bd-search-container input")).to_be_focused()


def test_the_licences_of_what_is_merged_stay(style):
    assert "Font Awesome Free" in style
    assert "Bootstrap" in style


def test_the_keyboard_reaches_code_that_scrolls_and_stops_at_no_other(chromium, address):
    with chromium.new_page(viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{address}/{CHAPTER}")
        # What is folded has no size of its own until it is opened.
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


def test_formulas_have_the_characters_of_their_font(page_assets):
    page = (
        '<span class="mord mathnormal">θ</span><span class="mrel">&lt;</span><span class="vlist-s">\u200b</span>'
        '<span class="mord mathnormal" style="margin-right:0.1em">G</span><span class="n">other</span>'
        '<span class="mord mathbb">E</span><span class="mop op-symbol large-op">∑</span>'
        '<span class="mop op-symbol small-op">∏</span><span class="mopen"><span class="delimsizing size1">(</span>'
        '<span class="delimsizing size2">)</span><span class="delimsizing size4">[</span></span>'
    )
    letters = page_assets.formulas(page)
    assert letters == {
        "KaTeX_Main-Regular": {ord("<"), 0x200B, ord("[")},
        "KaTeX_Math-Italic": {ord("θ"), ord("G")},
        "KaTeX_AMS-Regular": {ord("E")},
        "KaTeX_Size1-Regular": {ord("∏"), ord("(")},
        "KaTeX_Size2-Regular": {ord("∑"), ord(")")},
    }


def test_a_font_is_cut_once_for_its_characters_and_forgotten_with_them(page_assets, root, tmp_path, monkeypatch):
    font = root / "node_modules" / "katex" / "dist" / "fonts" / "KaTeX_Math-Italic.woff2"

    def build(*characters):
        subsets = page_assets.Subsets(tmp_path)
        named = [subsets.inline(font, {ord(character)}) for character in characters]
        subsets.forget_others()
        return named

    def characters_in(named):
        content = base64.b64decode(named.removeprefix("url(data:font/woff2;base64,").removesuffix(")"))
        return set(TTFont(BytesIO(content)).getBestCmap())

    first = build("θ", "G")
    assert [characters_in(named) for named in first] == [{ord("θ")}, {ord("G")}]
    (tmp_path / "killed.unfinished").touch()
    with monkeypatch.context() as patched:
        patched.delattr(page_assets, "subset")
        assert build("θ") == first[:1]
        assert len(list(tmp_path.iterdir())) == 1
        with pytest.raises(NameError):
            build("G")


def test_no_page_asks_for_a_file_of_letters(chromium, address, site, page_names):
    names = [name for name in page_names if 'class="katex' in (site / name).read_text(encoding="utf-8")]
    assert len(names) > 10
    for name in names:
        with chromium.new_page() as page:
            asked = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(f"{address}/{name}")
            page.keyboard.press("Tab")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            page.wait_for_function("() => document.fonts.status === 'loaded'")
            assert [url for url in asked if ".woff2" in url] == [], name


def test_a_letter_that_no_page_has_comes_from_the_whole_font(chromium, address):
    with chromium.new_page() as page:
        page.goto(f"{address}/book/notation.html")
        with page.expect_request("**/KaTeX_Math-Italic-*.woff2"):
            page.evaluate("document.querySelector('.katex .mathnormal').textContent = 'ψ'")


def test_a_style_that_is_merged_stays_what_its_maker_compares_it_with(site, root):
    for name in ("myst-nb-plotly.css", "book.css"):
        (source,) = [*root.glob(f"src/*/static/{name}"), *root.glob(f"book/_static/{name}")]
        assert (site / "_static" / name).read_bytes() == source.read_bytes(), name
