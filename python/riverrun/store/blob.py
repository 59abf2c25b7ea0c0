"""The nouns of the store: what is handed in, what is found, and what is told of it."""

from dataclasses import dataclass

HEX = 64  # characters of a strong digest
SMALL = 64 << 10  # bytes; up to here a blob goes into a pack: one barrier for many, and no file of its own


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy made while its bytes were hashed, in the store's staging folder; the store takes the file."""

    digest: bytes
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class Small:
    """The bytes of a small file, taken while they were hashed: there is no file to take."""

    digest: bytes
    content: bytes

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the bytes of a blob lie."""

    path: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A blob that is not what its name says."""

    digest: bytes
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Stats:
    """What a store holds."""

    blobs: int
    bytes: int  # of blobs, without what packs need around them
    packs: int
    loose: int  # blobs with a file of their own
    broken: int  # files set aside
    workspaces: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A workspace that uses the store."""

    workspace: str
    ledger: str
    card: str  # the file that says so; who removes it says that the workspace is gone


@dataclass(frozen=True, slots=True)
class Garbage:
    """What no trace wants: blobs, the bytes that their removal frees, and the files that go or are rewritten."""

    digests: frozenset[bytes]
    bytes: int
    paths: tuple[str, ...]
