"""Waiting for stamps: files come in, and it returns when any later change to them must show."""

import os
import time
from pathlib import Path

from riverrun.native import now_ns

TICK_NS = 10_000_000  # as in the core: the longest beat of the kernel's coarse clock


def wait_settled(*paths: Path) -> None:
    """Until the stamps of these files are more than a tick old."""
    last = max(os.lstat(path).st_ctime_ns for path in paths)
    tick = TICK_NS if last % 10**9 else 10**9 + TICK_NS
    while now_ns(paths[0].parent) <= last + tick:
        time.sleep(0.002)
