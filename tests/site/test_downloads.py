"""What a reader can take along from a page."""

import nbformat
import pytest


@pytest.fixture(scope="module")
def downloads(load, root):
    return load(root / "book" / "_ext" / "downloads.py")


@pytest.fixture(scope="module")
def notebooks(root):
    """Return the names of all chapters that are notebooks."""
    chapters = (root / "book").glob("*.md")
    return [path.stem for path in chapters if "\nkernelspec:" in path.read_text(encoding="utf-8")]


def read(path):
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def test_every_chapter_downloads_as_a_notebook_with_the_code_that_the_page_ran(site, notebooks):
    assert notebooks
    for name in notebooks:
        notebook = read(site / "_sources" / "book" / f"{name}.ipynb")
        nbformat.validate(notebook)
        ran = read(site.parent / "jupyter_execute" / "book" / f"{name}.ipynb")
        code = [[cell.source for cell in each.cells if cell.cell_type == "code"] for each in (notebook, ran)]
        assert code[0] == code[1] != []
        assert "pip install" in notebook.cells[0].source


def test_every_chapter_downloads_as_its_source(site, root):
    for path in (root / "book").glob("*.md"):
        assert (site / "_sources" / "book" / path.name).read_bytes() == path.read_bytes()


def test_every_page_offers_what_it_can(site, root, notebooks):
    for path in (root / "book").glob("*.md"):
        page = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert f'href="../_sources/book/{path.name}" download' in page
        assert (f'href="../_sources/book/{path.stem}.ipynb" download' in page) == (path.stem in notebooks)


def test_a_notebook_is_the_same_each_time_and_no_two_cells_have_one_name(downloads, root):
    path = root / "book" / "adam.md"
    made = downloads.notebook(path, "Hello.")
    assert made == downloads.notebook(path, "Hello.")
    cells = nbformat.reads(made, as_version=4).cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert cells[0].source == "Hello."


def test_a_notebook_says_where_it_comes_from_and_what_it_needs(downloads):
    published = downloads.introduction("Adam", "Book", "https://a.io/adam.html", "https://b.org/x/y", "abc")
    assert "[Adam](https://a.io/adam.html)" in published
    assert 'pip install "adaptive-optimizers-book[reader] @ git+https://b.org/x/y@abc"' in published
    local = downloads.introduction("Adam", "Book", None, "", "")
    assert "git+" not in local
    assert 'pip install ".[reader]"' in local
