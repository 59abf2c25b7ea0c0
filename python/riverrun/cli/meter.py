"""Bytes done come in, one moving line on a terminal goes out, once the work has proved to be long."""

import sys
import time

from riverrun.cli.voice import is_terminal
from riverrun.report.wording import size

_PATIENCE = 1.0  # seconds: what is done sooner needs no word
_EVERY = 0.05  # seconds between two pictures
_ERASE = "\r\x1b[K"


class Meter:
    """Called with the bytes done since `next`; writes to stderr, only where a person sees it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before = 0
        self._now = 0
        self._is_seen = is_terminal(sys.stderr) and is_terminal(sys.stdout)
        self._is_drawn = False
        self._drawn = 0.0

    def __call__(self, count: int) -> None:
        self._now = count
        if not self._is_seen:
            return
        now = time.monotonic()
        seconds = now - self._began
        if seconds >= _PATIENCE and now - self._drawn >= _EVERY:
            self._drawn = now
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
