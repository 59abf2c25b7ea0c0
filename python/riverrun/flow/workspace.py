"""The workspace: a folder comes in; its spec, its machine facts and all that lies in `.riverrun/` go out, opened."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from riverrun.errors import LockedError
from riverrun.ledger import Access, Ledger
from riverrun.native import Index
from riverrun.spec import Document, Found, Local, find, load, load_local
from riverrun.store import Store

OWN = ".riverrun"
_POLL_SECONDS = 0.05  # the kernel has no lock with a time limit


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of the top spec, and the machine's own facts about it."""

    root: str
    spec: str
    tributary: str | None
    environ: Mapping[str, str]
    local: Local = field(repr=False)

    @classmethod
    def find(cls, path: str | None, file: str | None) -> "Workspace":
        """Looks for the spec from a folder (the current one, where none is given) upwards. Raises `UsageError` and `SpecError`."""
        found: Found = find(os.path.abspath(path or "."), file)
        environ = dict(os.environ)
        config = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        return cls(found.root, found.file, found.tributary, environ, load_local(found.root, config))

    def load(self, params: Mapping[str, str]) -> Document:
        """The specs of the workspace, read and checked."""
        return load(self.root, self.spec, overrides=params)

    def own(self, *parts: str) -> str:
        """A path in `.riverrun/`."""
        return os.path.join(self.root, OWN, *parts)

    def ledger(self, access: Access) -> Ledger:
        """The ledger; a damaged one is set aside, and says so in its `note`."""
        return Ledger.open(self.own("ledger.db"), access)

    def index(self) -> Index:
        """The fingerprints; an unusable file costs only time, and says so in `note`."""
        return Index(os.fsencode(self.own("index")), root=os.fsencode(self.root))

    def store(self) -> Store:
        """The store of this workspace, which may be elsewhere and shared."""
        return Store.open(self.local.cache_path or self.own("store"), self.root)

    @contextlib.contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Holds the workspace for one run, by a lock of the kernel's that no crash leaves behind.

        Raises `LockedError` when another run does not let go within `wait` seconds.
        """
        os.makedirs(self.own(), exist_ok=True)
        handle = os.open(self.own("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            deadline = time.monotonic() + wait
            while not _try_lock(handle):
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                    raise LockedError(
                        f"another run holds the workspace '{self.root}'"
                        + (f" (process {holder})" if holder else ""),
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
