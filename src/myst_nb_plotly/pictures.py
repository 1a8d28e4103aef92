"""Render figures as SVG with Chromium, and cache them between builds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from myst_nb_plotly.chromium import Chromium
from myst_nb_plotly.figure import Figure, digest


class PictureCache:
    """A folder with the pictures of figures, which is kept between builds.

    Parameters
    ----------
    folder : Path
        The folder.
    bundle, script : Path
        plotly.js, and the script that renders the figures. A change of either invalidates all pictures.
    """

    # The picture for output formats other than HTML.
    STATIC = "wide-light.svg"

    def __init__(self, folder: Path, bundle: Path, script: Path) -> None:
        self.folder = folder
        self.bundle = bundle
        self.script = script
        self._version = digest(bundle.read_bytes() + script.read_bytes())

    def get(self, figure: Figure) -> Path | None:
        """Return the folder with a figure's pictures, or None if they are not in the cache."""
        path = self._path(figure)
        return path if path.is_dir() else None

    def add(self, figure: Figure, svgs: dict[str, str]) -> None:
        """Write the pictures of a figure, given by name."""
        path = self._path(figure)
        # The rename makes all of them visible at once, so an interrupted build leaves no incomplete entry.
        unfinished = path.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, svg in svgs.items():
            (unfinished / f"{name}.svg").write_text(svg, encoding="utf-8")
        unfinished.rename(path)

    def remove_unused(self, figures: Iterable[Figure]) -> None:
        """Remove all pictures except those of these figures."""
        used = {self._path(figure) for figure in figures}
        for path in self.folder.glob("*"):
            if path not in used:
                shutil.rmtree(path)

    def _path(self, figure: Figure) -> Path:
        return self.folder / digest(f"{figure.digest} {self._version}".encode())


@contextmanager
def picture_renderer(cache: PictureCache) -> Iterator[Callable[[Figure], None]]:
    """Start Chromium, and yield a function that renders the pictures of one figure into the cache.

    The function raises ``RuntimeError`` if Plotly cannot draw the figure, ``TimeoutError`` if it takes too long.

    Raises
    ------
    NoChromiumError
        On entering the context, if Chromium is not installed or does not start.
    """
    with Chromium() as chromium, tempfile.TemporaryDirectory(prefix="plotly-pictures-") as folder:
        page = Path(folder, "page.html")
        scripts = [f'<script src="{path.resolve().as_uri()}"></script>' for path in (cache.bundle, cache.script)]
        page.write_text(f'<!doctype html><meta charset="utf-8"><body>{"".join(scripts)}', encoding="utf-8")
        chromium.open(page)
        yield lambda figure: cache.add(figure, chromium.run(f"mystNbPlotly.renderPictures({figure.json})"))
