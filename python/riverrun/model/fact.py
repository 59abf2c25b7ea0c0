"""What is known of an artifact's content: facts that go into a plan, and manifests of what a step made."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What stands at a path, or in an entry of a manifest."""

    FILE = "file"
    EXEC = "exec"  # a file that its owner may execute
    FOLDER = "folder"
    LINK = "link"  # counted by its text
    MISSING = "missing"
    OTHER = "other"  # fifo, socket, device
    ERROR = "error"  # could not be read


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a path told: kind, strong digest (of a folder: its manifest's), and how far to believe it."""

    kind: Kind
    digest: bytes = b""
    size: int = 0
    certified: bool = True
    problem: str = ""  # for OTHER and ERROR

    @property
    def state(self) -> tuple[str, bytes]:
        """What two looks must agree on to be of the same content."""
        return (self.kind.value, self.digest)


MISSING = Seen(Kind.MISSING)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a manifest: a path below the artifact ("" for a plain file) and what is there."""

    path: str
    kind: Kind
    digest: bytes = b""  # of a file: strong; else empty
    link: bytes = b""  # the text of a link
    size: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """One output as a step made it: its path in the workspace, its content, and the entries of a folder."""

    path: str
    shown: str
    kind: Kind
    digest: bytes
    size: int = 0
    entries: tuple[Entry, ...] = ()  # for folders only

    @property
    def state(self) -> tuple[str, bytes]:
        """Comparable with `Seen.state`."""
        return (self.kind.value, self.digest)

    def blobs(self) -> tuple[tuple[bytes, int], ...]:
        """(strong digest, size) of every file that must be in the store to restore this output."""
        if self.kind is not Kind.FOLDER:
            return ((self.digest, self.size),)
        return tuple((e.digest, e.size) for e in self.entries if e.kind in (Kind.FILE, Kind.EXEC))
