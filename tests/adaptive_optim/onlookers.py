"""Who looks at a progress bar: a terminal, and a bar that notes what it counted."""

import io
from typing import ClassVar

from tqdm import tqdm


class Noted(tqdm):
    """A bar that says what it counted when it is gone."""

    monitor_interval = 0
    ends: ClassVar[list] = []

    def close(self):
        if not self.disable:
            self.ends.append((self.n, self.total))
        super().close()


class Terminal(io.StringIO):
    def isatty(self):
        return True
