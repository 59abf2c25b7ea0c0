"""The workspace: a folder comes in; its spec, its machine facts and all that lies in `.riverrun/` go out, opened."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from riverrun.flow.lock import locked
from riverrun.ledger import Access, Ledger
from riverrun.model.names import OWN
from riverrun.native import Index
from riverrun.spec import Document, Found, Local, find, load, load_local
from riverrun.store import Store


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
        """Looks for the spec from a folder (else the current one) upwards. Raises `UsageError` and `SpecError`."""
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
        folder = self.local.cache_path or self.own("store")
        return Store.open(folder, self.root, most=self.local.max_size)

    def locked(self, wait: float) -> contextlib.AbstractContextManager[None]:
        """Holds the workspace for one run. Raises `LockedError` when another does not let go in time."""
        return locked(self.root, wait)
