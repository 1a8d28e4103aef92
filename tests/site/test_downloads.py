"""What readers can download from a page."""

import nbformat
import pytest


@pytest.fixture(scope="module")
def notebooks(root):
    """The names of all chapters that are notebooks."""
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
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_every_page_offers_its_source_and_every_chapter_its_notebook(site, root, notebooks):
    for path in (root / "book").glob("*.md"):
        assert (site / "_sources" / "book" / path.name).read_bytes() == path.read_bytes()
        page = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert f'href="../_sources/book/{path.name}" download' in page
        assert (f'href="../_sources/book/{path.stem}.ipynb" download' in page) == (path.stem in notebooks)


def test_a_notebook_is_the_same_each_time(load, root):
    downloads = load(root / "book" / "_ext" / "downloads.py")
    path = root / "book" / "adam.md"
    assert downloads.notebook(path) == downloads.notebook(path)
