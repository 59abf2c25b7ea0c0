"""Blobs come in, those that are not what their names say go out."""

import os
from collections.abc import Callable, Iterator, Sequence

from riverrun.native import Hasher, hash_files
from riverrun.store.blob import Broken, Piece
from riverrun.store.packs import PackList

AT_ONCE = 256  # files that are hashed between two words about progress


class Progress:
    """Tells how far a long look has come."""

    def __init__(self, total: int, tell: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._tell = 0, total, tell

    def add(self, blobs: int) -> None:
        self._done += blobs
        if self._tell is not None:
            self._tell(self._done, self._total)


def is_sound(piece: Piece, digest: bytes) -> bool:
    """Whether the bytes of one blob can be read and are what they should be."""
    hasher = Hasher("blake3")
    try:
        with open(piece.path, "rb") as file:
            file.seek(piece.offset)
            rest = piece.length
            while rest and (part := file.read(min(rest, 1 << 20))):
                hasher.update(part)
                rest -= len(part)
    except OSError:
        return False
    return rest == 0 and hasher.digest() == digest


def broken_loose(blobs: Sequence[tuple[bytes, str, int]], progress: Progress) -> Iterator[Broken]:
    """Of files named (digest, path, size)."""
    for start in range(0, len(blobs), AT_ONCE):
        some = blobs[start : start + AT_ONCE]
        found = hash_files([os.fsencode(path) for _, path, _ in some])
        for (digest, path, _), seen in zip(some, found, strict=True):
            if isinstance(seen, OSError):
                yield Broken(digest, path, seen.strerror or str(seen))
            elif bytes(seen) != digest:
                yield Broken(digest, path, "its bytes have changed")
        progress.add(len(some))


def broken_records(packs: Sequence[PackList], progress: Progress) -> Iterator[tuple[Broken, int]]:
    """Of records in packs, with their offsets."""
    for pack in packs:
        for digest, offset, length in pack.places:
            if not is_sound(Piece(pack.path, offset, length), digest):
                yield Broken(digest, pack.path, "its bytes have changed"), offset
        progress.add(len(pack.places))
