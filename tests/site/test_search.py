"""The site's search."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("place", ["served", "opened as a file"])
def test_a_word_typed_into_the_search_is_found_where_it_is_used(chromium, address, site, place):
    home = address if place == "served" else site.as_uri()
    with chromium.new_page() as page:
        page.goto(f"{home}/book/adagrad.html")
        page.keyboard.press("ControlOrMeta+k")
        page.keyboard.type("adagrad")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=adagrad*")
        found = page.locator("#search-results li a")
        expect(found.first).to_be_visible()
        expect(page.locator("#search-results a[href*='book/adagrad.html']").first).to_be_visible()


def test_a_word_that_is_nowhere_is_not_found(chromium, address):
    with chromium.new_page() as page:
        page.goto(f"{address}/search.html?q=zyzzyva")
        expect(page.locator("#search-results")).to_contain_text("did not match any documents")
        assert page.locator("#search-results li").count() == 0
