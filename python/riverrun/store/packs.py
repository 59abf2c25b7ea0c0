"""All packs of a store: small blobs come in and go to this process's own pack; pieces go out of any."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from riverrun.native import sync_files
from riverrun.store.blob import Piece
from riverrun.store.pack import (
    PackWriter,
    Place,
    Sealing,
    broken_path,
    index_path,
    mark_broken,
    read_broken,
    read_places,
    write_index,
)

END = ".pack"


class PackList(NamedTuple):
    """The records of one pack that are not marked as broken."""

    path: str
    places: list[Place]


class Packs:
    """Looks packs up once, and again when their folder has changed and something is missed."""

    def __init__(self, folder: str, alive: Callable[[str], bool]) -> None:
        self.folder = folder
        self._alive = alive  # whether the writer of the pack of this name is still there
        self._known: set[str] = set()
        self._found: dict[bytes, tuple[str, int, int]] = {}
        self._looked: tuple[int, int] | None = None
        self._own: PackWriter | None = None
        self._synced = 0

    def locate(self, digest: bytes) -> Piece | None:
        place = self._found.get(digest)
        if place is None and self._refresh():
            place = self._found.get(digest)
        return Piece(*place) if place is not None else None

    def __iter__(self) -> Iterator[bytes]:
        self._refresh()
        return iter(tuple(self._found))

    def add(self, blobs: Sequence[tuple[bytes, bytes]], name: str) -> None:
        if self._own is None:
            self._own = PackWriter(os.path.join(self.folder, name + END))
            self._known.add(name + END)
        for digest, offset, length in self._own.append(blobs):
            self._found[digest] = (self._own.path, offset, length)

    def unsynced(self) -> list[str]:
        """Files to be synced: the own pack, when it has grown since this was last asked."""
        if self._own is None or self._own.size == self._synced:
            return []
        self._synced = self._own.size
        return [self._own.path]

    def seal(self) -> None:
        own, self._own = self._own, None
        self._synced = 0
        if own is not None:
            own.seal()

    def mark_broken(self, digest: bytes, path: str, offset: int) -> None:
        mark_broken(path, digest, offset)
        if self._found.get(digest, ("", 0))[:2] == (path, offset):
            del self._found[digest]

    def forget(self) -> None:
        """Look everything up anew when next asked."""
        self._known.clear()
        self._found.clear()
        self._looked = None

    def lists(self) -> Iterator[PackList]:
        """Every finished pack with its records, for gc and verify."""
        for name in self._finished():
            with contextlib.suppress(FileNotFoundError):
                yield self._read(name)

    def rewrite(self, pack: PackList, keep: Sequence[Place]) -> None:
        """Put the given records of a pack into a new one, durably, then remove it."""
        if keep:
            number = 1
            while os.path.lexists(new := f"{pack.path.removesuffix(END)}+{number}{END}"):
                number += 1
            writer = PackWriter(new)
            try:
                with open(pack.path, "rb") as file:
                    for digest, offset, length in keep:
                        content = os.pread(file.fileno(), length, offset)
                        if len(content) == length:
                            writer.append([(digest, content)])
            finally:
                writer.seal()
            sync_files([os.fsencode(self.folder)])
        for path in (pack.path, index_path(pack.path), broken_path(pack.path)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _refresh(self) -> bool:
        """Read packs that are new; whether there were any. The folder's stamp only spares the listing of it."""
        try:
            stat = os.stat(self.folder)
        except OSError:
            return False
        if self._looked == (stat.st_ino, stat.st_mtime_ns):
            return False
        self._looked = (stat.st_ino, stat.st_mtime_ns)
        new = [name for name in self._finished() if name not in self._known]
        for name in new:
            with contextlib.suppress(OSError):
                pack = self._read(name)
                self._known.add(name)
                for digest, offset, length in pack.places:
                    self._found.setdefault(digest, (pack.path, offset, length))
        return bool(new)

    def _finished(self) -> list[str]:
        """Names of packs that no one writes any more."""
        try:
            names = set(os.listdir(self.folder))
        except OSError:
            return []
        packs = sorted(name for name in names if name.endswith(END))
        return [
            n for n in packs if n.removesuffix(END) + ".idx" in names or not self._alive(n.removesuffix(END))
        ]

    def _read(self, name: str) -> PackList:
        path = os.path.join(self.folder, name)
        places, sealing, size = read_places(path)
        if sealing is Sealing.OPEN:  # of a process that is gone: sealed in its place, if we may write
            with contextlib.suppress(OSError):
                sync_files([os.fsencode(path)])
                write_index(path, size, places)
        broken = read_broken(path)
        if broken:
            places = [place for place in places if place[:2] not in broken]
        return PackList(path, places)
