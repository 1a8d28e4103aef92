"""Figures as SVG, drawn by a Chromium while the site is built, and kept for the next build."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from myst_nb_plotly.chromium import PATIENCE, Chromium
from myst_nb_plotly.figure import Figure, digest


class Pictures:
    """The pictures of figures, in a folder that outlives a build.

    Parameters
    ----------
    folder : Path
        Where to keep them.
    bundle, script : Path
        plotly.js, and the script that draws the same figures on the page.
    """

    FOR_PAPER = "wide-light.svg"

    def __init__(self, folder: Path, bundle: Path, script: Path) -> None:
        self.folder = folder
        self.bundle = bundle
        self.script = script
        self._version = digest(bundle.read_bytes() + script.read_bytes())

    def path(self, figure: Figure) -> Path:
        """Return the folder of a figure's pictures, another one if its content or the way to draw it changes."""
        return self.folder / digest(f"{figure.digest} {self._version}".encode())

    def of(self, figure: Figure) -> Path | None:
        """Return the folder of a figure's pictures, or None when they are not drawn."""
        path = self.path(figure)
        return path if path.is_dir() else None

    def forget_all_but(self, figures: Iterable[Figure]) -> None:
        """Take away the pictures of all other figures."""
        wanted = {self.path(figure) for figure in figures}
        for path in self.folder.glob("*"):
            if path not in wanted:
                shutil.rmtree(path)


class Studio:
    """A Chromium that draws one figure after the other.

    Raises
    ------
    NoChromiumError
        On entering, when there is none, or it does not start.
    """

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures

    def __enter__(self) -> Studio:
        with ExitStack() as opened:
            self._chromium = opened.enter_context(Chromium())
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="plotly-pictures-"))
            page = Path(folder, "page.html")
            scripts = (self.pictures.bundle, self.pictures.script)
            page.write_text(
                '<!doctype html><meta charset="utf-8"><body>'
                + "".join(f'<script src="{script.resolve().as_uri()}"></script>' for script in scripts),
                encoding="utf-8",
            )
            self._chromium.open(page)
            self._opened = opened.pop_all()
        return self

    def draw(self, figure: Figure) -> str | None:
        """Draw the pictures of a figure; return what went wrong, or None."""
        try:
            drawn = self._chromium.run(f"mystNbPlotly.pictures({figure.json})")
        except (RuntimeError, TimeoutError) as error:
            # What follows the first line says where in plotly.js.
            return str(error).split("\n")[0] or f"it took longer than {PATIENCE} s"
        path = self.pictures.path(figure)
        # All of them or none, also when the build is interrupted here.
        unfinished = path.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, svg in drawn.items():
            (unfinished / f"{name}.svg").write_text(svg, encoding="utf-8")
        unfinished.rename(path)
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
