"""Bytes done come in, one moving line on a terminal goes out, once the work has proved to be long."""

import sys
import time

from riverrun.cli.voice import is_terminal
from riverrun.report.wording import size

_PATIENCE = 1.0  # seconds: what is done sooner needs no word
_ERASE = "\r\x1b[K"


class Meter:
    """Called with the bytes done since `next`; writes to stderr, only where a person sees it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before = 0
        self._now = 0
        self._is_seen = is_terminal(sys.stderr) and is_terminal(sys.stdout)
        self._is_drawn = False

    def __call__(self, count: int) -> None:
        self._now = count
        seconds = time.monotonic() - self._began
        if self._is_seen and seconds >= _PATIENCE:
            done = self._before + count
            sys.stderr.write(f"{_ERASE}{size(done)} read, {size(round(done / seconds))} a second")
            sys.stderr.flush()
            self._is_drawn = True

    def next(self) -> None:
        """What is counted from now on comes on top; lines may be printed."""
        self._before += self._now
        self._now = 0
        if self._is_drawn:
            sys.stderr.write(_ERASE)
            sys.stderr.flush()
            self._is_drawn = False
