"""Mark the slow tests, which make check leaves out."""


def pytest_collection_modifyitems(items):
    """Mark the tests that build a site or use a browser; ``make check`` leaves them out."""
    for item in items:
        if {"chromium", "site", "sphinx"} & set(item.fixturenames):
            item.add_marker("integration")
