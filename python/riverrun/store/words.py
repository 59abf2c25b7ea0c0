"""Errors of the disk come in, errors of the store go out: with the path, and what to do."""

import contextlib
import errno
from collections.abc import Iterator

from riverrun.errors import StoreError

_SPACE = "free some space ('riverrun cache gc' shows what can go), or set another '[cache] path'"
_RIGHTS = "make it writable, or set another '[cache] path' in riverrun.local.toml"
_HINTS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EIO: "the disk reports an error: look at the system's log",
}


@contextlib.contextmanager
def told(path: str, doing: str) -> Iterator[None]:
    """Whatever the disk refuses inside is told as `cannot <doing> '<path>': <why>`."""
    try:
        yield
    except OSError as error:
        name = error.filename if error.filename is not None else path
        raise StoreError(
            f"cannot {doing} '{_shown(name)}': {error.strerror or error}",
            hint=_HINTS.get(error.errno or 0, "look at this path, or set another '[cache] path'"),
        ) from error


def _shown(name: object) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)
