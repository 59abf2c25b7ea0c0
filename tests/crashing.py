"""A run that is killed at a chosen point of the writing order: `crashing.py ROOT CLASS.METHOD before|after NUMBER`.

Exits as killed, or with 0 where that point was never reached.
"""

import importlib
import os
import signal
import sys
from typing import Any

PLACES = {
    "Recorder": "riverrun.record",
    "Aside": "riverrun.record.aside",
    "Store": "riverrun.store",
    "Ledger": "riverrun.ledger",
    "Course": "riverrun.flow.course",
}


def die() -> None:
    """As when someone sends kill -9: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def set_trap(point: str, when: str, number: int) -> None:
    """Die before or after the given call (from 1) of a method."""
    owner, _, method = point.partition(".")
    kind: Any = getattr(importlib.import_module(PLACES[owner]), owner)
    real = getattr(kind, method)
    calls = 0

    def trapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and when == "before":
            die()
        result = real(*args, **kwargs)
        if calls == number:
            die()
        return result

    setattr(kind, method, trapped)


def main() -> None:
    root, point, when, number = sys.argv[1:]
    set_trap(point, when, int(number))
    import riverrun

    riverrun.Pipeline.load(root).run(jobs=2)


if __name__ == "__main__":
    main()
