"""Gates for steps: a fifo on which a command of a test waits, so that a test may act in its middle and never sleeps."""

import os
import select
import shlex
import time
from collections.abc import Callable
from pathlib import Path

LIMIT = 60.0  # seconds that a test waits for what must come; no test takes so long unless something hangs


class Gate:
    """`hold` goes into a command: it tells its process's number and waits there until `let_go`."""

    def __init__(self, folder: Path, name: str = "gate") -> None:
        self._bell = folder / f"{name}.bell"
        self._way = folder / f"{name}.way"
        for fifo in (self._bell, self._way):
            os.mkfifo(fifo)
        # Held open at both ends: neither side of a fifo ever waits for the other to open it.
        self._bell_end = os.open(self._bell, os.O_RDWR | os.O_CLOEXEC)
        self._way_end = os.open(self._way, os.O_RDWR | os.O_CLOEXEC)

    @property
    def hold(self) -> str:
        """A command for a shell.

        bash runs no trap for a signal that comes between two commands until the next one has ended, were it a `read` that
        waits for ever; so it waits a little, again and again.
        """
        bell, way = shlex.quote(str(self._bell)), shlex.quote(str(self._way))
        return f"echo $$ > {bell}; until read -r -t 0.2 _ < {way}; do :; done"

    def arrived(self) -> int:
        """Wait until a command stands at the gate; its process's number."""
        said = b""
        while not said.endswith(b"\n"):
            assert select.select([self._bell_end], [], [], LIMIT)[0], "no command came to the gate"
            said += os.read(self._bell_end, 1)
        return int(said)

    def let_go(self) -> None:
        """Let one command pass: the one that waits, or the next one."""
        os.write(self._way_end, b"go\n")

    def close(self) -> None:
        """Let go of the fifos; a command that waits sees an end."""
        for end in (self._bell_end, self._way_end):
            os.close(end)


def until(come: Callable[[], bool], what: str) -> None:
    """Wait for a condition that no one tells of."""
    end = time.monotonic() + LIMIT
    while not come():
        assert time.monotonic() < end, f"this did not come: {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process still does something."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
