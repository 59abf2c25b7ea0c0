"""The store's lock: who uses it shares it, who removes from it is alone (rule 10). A file comes in, turns go out."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from enum import Enum

from riverrun.errors import LockedError, StoreError

PAUSE = 0.02  # seconds between attempts: a wait that a signal can end


class Hold(Enum):
    """How the lock is held by this process."""

    NOT = "not"
    SHARED = "shared"
    ALONE = "alone"


class StoreLock:
    """One lock of the kernel's on one file; nested use within a process is counted."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = -1
        self._depth = 0
        self.hold = Hold.NOT

    @contextlib.contextmanager
    def using(self, wait: float) -> Iterator[None]:
        """Shared with all others who use the store."""
        self.acquire(wait)
        try:
            yield
        finally:
            self.release()

    def acquire(self, wait: float) -> None:
        if self.hold is Hold.NOT:
            self._take(Hold.SHARED, wait, "bytes are being removed from it")
        self._depth += 1

    @contextlib.contextmanager
    def alone(self, wait: float) -> Iterator[None]:
        """No one else uses the store meanwhile."""
        if self.hold is not Hold.NOT:
            raise StoreError("the store cannot be cleared while this process uses it")
        self._take(Hold.ALONE, wait, "a run uses it")
        self._depth += 1
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            os.close(self._file)
            self.hold = Hold.NOT

    def _take(self, hold: Hold, wait: float, why: str) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        kind = fcntl.LOCK_SH if hold is Hold.SHARED else fcntl.LOCK_EX
        end = time.monotonic() + wait
        try:
            while not locked(file, kind):
                if time.monotonic() >= end:
                    raise LockedError(
                        f"the store '{os.path.dirname(self._path)}' is locked: {why}",
                        hint="try again when that has ended",
                    )
                time.sleep(PAUSE)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        self.hold = hold


def locked(file: int, kind: int) -> bool:
    """Take a lock if it is free."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
