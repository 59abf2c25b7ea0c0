"""The lock of a workspace: one run at a time, held by the kernel, so that no crash leaves it behind."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from riverrun.errors import LockedError
from riverrun.model.names import OWN

_POLL_SECONDS = 0.05  # the kernel has no lock with a time limit


@contextlib.contextmanager
def locked(root: str, wait: float) -> Iterator[None]:
    """Holds the workspace for one run, by a lock of the kernel's that no crash leaves behind.

    Raises `LockedError` when another run does not let go within `wait` seconds.
    """
    own = os.path.join(root, OWN)
    if not os.path.isdir(own):
        os.makedirs(own, exist_ok=True)
        with open(os.path.join(own, ".gitignore"), "w") as file:
            file.write("*\n")  # nothing in here is anyone's source
    handle = os.open(os.path.join(own, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait
        while not _try_lock(handle):
            if time.monotonic() >= deadline:
                holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                raise LockedError(
                    f"another run holds the workspace '{root}'" + (f" (process {holder})" if holder else ""),
                    hint="wait for it, or give --wait SECONDS; 'status', 'explain' and 'log' work meanwhile",
                )
            time.sleep(_POLL_SECONDS)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
