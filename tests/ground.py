"""Ground for the index's tests: a workspace with an index over it, which believes that it lies on a local filesystem."""

import os
from pathlib import Path

from clock import wait_settled
from riverrun import Hasher, Index
from riverrun.native import Digest, Fact


class Ground:
    """A workspace of its own; the file of its index lies beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "ground"
        self.root.mkdir()
        self.file = root / "state/index"
        self.index = self.open()

    def open(self) -> Index:
        index = Index(self.file, root=self.root)
        index._assume("local")  # type: ignore[attr-defined]  # tests also run where nothing is trusted
        return index

    def assume(self, kind: str) -> None:
        """Take the filesystem for one of this kind from now on."""
        self.index._assume(kind)  # type: ignore[attr-defined]

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, content: bytes = b"as it was", mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def known(self, name: str = "a", content: bytes = b"as it was") -> Path:
        """A file that the index has seen, with a stat that vouches for it."""
        path = self.write(name, content)
        wait_settled(path)
        self.index.scan([""])
        return path

    def look(self, place: str) -> Fact:
        return self.index.look([os.fsencode(place)])[0]

    def move(self, source: str, place: str) -> Fact:
        """Take and place one path."""
        taken = self.index.take([os.fsencode(source)])
        (fact,) = taken.place([(os.fsencode(source), os.fsencode(place))])
        taken.release()
        return fact


def named(content: bytes) -> Digest:
    """The digest of bytes in memory."""
    hasher = Hasher("blake3")
    hasher.update(content)
    return Digest(hasher.digest())
