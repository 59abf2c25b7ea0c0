"""A folder on the store's filesystem for copies in the making: it is this process's alone, and gone when it ends."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from riverrun.store.lock import locked


class Staging:
    """Made with a lock of the kernel's on the folder itself: where the lock is free, its owner is gone."""

    def __init__(self, nest: str) -> None:
        while True:
            self.path = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=nest)
            self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            # Between making and locking, another process may have taken it for a stale one.
            if locked(self._folder, fcntl.LOCK_EX) and Path(self.path).is_dir():
                return
            os.close(self._folder)

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._folder)


def alive(nest: str, name: str) -> bool:
    """Whether the process that made this folder is still there."""
    try:
        folder = os.open(
            os.path.join(nest, name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        )
    except OSError:
        return False
    try:
        return not locked(folder, fcntl.LOCK_SH)
    finally:
        os.close(folder)


def remove_stale(nest: str) -> None:
    """Remove what processes that are gone left behind. What cannot be removed is only in the way of gc."""
    with contextlib.suppress(OSError):
        for name in os.listdir(nest):
            path = os.path.join(nest, name)
            with contextlib.suppress(OSError):
                folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    if locked(folder, fcntl.LOCK_EX):
                        shutil.rmtree(path, ignore_errors=True)
                finally:
                    os.close(folder)
