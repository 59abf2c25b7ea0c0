"""Ctrl-C and its like: signals come in, a run is asked to stop; once to end cleanly, twice to end at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from riverrun.report import Haste

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def listening(stop: Callable[[Haste], None]) -> Iterator[None]:
    """While inside, the first signal calls `stop(GENTLE)` and each further one `stop(AT_ONCE)`.

    `stop` runs in the main thread, between two steps of whatever it does; it may raise. Elsewhere than in the main
    thread Python takes no signals, and this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    count = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        stop(Haste.GENTLE if count == 1 else Haste.AT_ONCE)

    before = {number: signal.signal(number, hear) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)
