"""Test doubles for progress bars: a bar that records its count, and a stream that is a terminal."""

import io
from typing import ClassVar

from tqdm import tqdm


class RecordingBar(tqdm):
    """Records count and total when it is closed."""

    monitor_interval = 0
    closed: ClassVar[list] = []

    def close(self):
        if not self.disable:
            self.closed.append((self.n, self.total))
        super().close()


class Terminal(io.StringIO):
    def isatty(self):
        return True
