"""Packs: small blobs come in, one file of records goes out, and is read back strictly; a torn tail counts for nothing.

A pack is a header, then records: digest (32 bytes), length (u64, little endian), bytes. A sealed pack has a checksummed
index beside it and never changes again. Each process writes to its own pack only; others see it when it is sealed, or
when its writer is gone: what they would build upon before might not outlive a power cut.
"""

import contextlib
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from riverrun.native import Hasher, sync_files
from riverrun.store.blob import SMALL

HEADER = b"riverrun pack 1\n"
INDEX_HEADER = b"riverrun idx  1\n"
RECORD = struct.Struct("<32sQ")
_INDEX = struct.Struct("<QQ")  # size of the pack, number of records
_PLACE = struct.Struct("<32sQQ")  # digest, offset of the bytes, length
_CHECK_BYTES = 32
LARGEST_INDEX = 1 << 30  # bytes; twenty million records
_NOTHING = Hasher("blake3").digest()  # the digest of no bytes

Place = tuple[bytes, int, int]
"""Digest, offset of the bytes, length."""


class Sealing(Enum):
    """Whether a pack has an index that vouches for it."""

    SEALED = "sealed"
    OPEN = "open"


class PackWriter:
    """A new pack that grows by whole batches. Not durable until it is synced."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self.size = 0
        self.places: list[Place] = []
        try:
            self._write([HEADER])
        except BaseException:
            os.close(self._file)
            os.unlink(path)
            raise

    def append(self, blobs: Sequence[tuple[bytes, bytes]]) -> list[Place]:
        """Add (digest, bytes) pairs, all or none: what a full disk cut off is taken back."""
        places, parts, at = [], [], self.size
        for digest, content in blobs:
            places.append((digest, at + RECORD.size, len(content)))
            parts += [RECORD.pack(digest, len(content)), content]
            at += RECORD.size + len(content)
        self._write(parts)
        self.places += places
        return places

    def _write(self, parts: Iterable[bytes]) -> None:
        rest = memoryview(b"".join(parts))
        at = self.size
        try:
            while rest:
                written = os.pwrite(self._file, rest, at)
                rest, at = rest[written:], at + written
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size = at

    def seal(self) -> None:
        """Make it durable and write its index; it is never written again. An empty one is removed."""
        try:
            if self.places:
                os.fdatasync(self._file)
                write_index(self.path, self.size, self.places)
                os.fchmod(self._file, 0o444)
            else:
                os.unlink(self.path)
        finally:
            os.close(self._file)


def index_path(pack: str) -> str:
    return pack.removesuffix(".pack") + ".idx"


def broken_path(pack: str) -> str:
    """The list of records in a pack that are not what they say; the pack itself is never changed."""
    return pack.removesuffix(".pack") + ".bad"


def write_index(pack: str, size: int, places: Sequence[Place]) -> None:
    """Atomically, by a name of this process: two that seal the pack of a third write the same."""
    body = INDEX_HEADER + _INDEX.pack(size, len(places)) + b"".join(_PLACE.pack(*place) for place in places)
    path = index_path(pack)
    new = f"{path}.{os.getpid()}.new"
    try:
        with open(new, "wb") as file:
            file.write(body + digest_of(body))
        sync_files([os.fsencode(new)])
        os.rename(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


def read_places(pack: str) -> tuple[list[Place], Sealing, int]:
    """The records of a pack, whether its index told them (else it was read through), and the size it had then."""
    size = os.path.getsize(pack)
    places = _read_index(index_path(pack), size)
    if places is not None:
        return places, Sealing.SEALED, size
    return list(_read_records(pack, size)), Sealing.OPEN, size


def _read_index(path: str, pack_size: int) -> list[Place] | None:
    head = len(INDEX_HEADER) + _INDEX.size
    try:
        with open(path, "rb") as file:
            if not head + _CHECK_BYTES <= os.fstat(file.fileno()).st_size <= LARGEST_INDEX:
                return None
            whole = file.read(LARGEST_INDEX)
    except OSError:
        return None
    body, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if digest_of(body) != check or not body.startswith(INDEX_HEADER):
        return None
    size, count = _INDEX.unpack_from(body, len(INDEX_HEADER))
    if size != pack_size or len(body) != head + count * _PLACE.size:
        return None
    places = list(_PLACE.iter_unpack(body[head:]))
    return places if all(length <= SMALL and at + length <= size for _, at, length in places) else None


def _read_records(pack: str, size: int) -> Iterator[Place]:
    """Records up to the first that is torn. That the bytes are what the digest says is checked by who uses them."""
    with open(pack, "rb") as file:
        if file.read(len(HEADER)) != HEADER:
            return
        at = len(HEADER)
        while at + RECORD.size <= size:
            digest, length = RECORD.unpack(file.read(RECORD.size))
            at += RECORD.size
            # After a power cut the tail may be zeros, which must not pass for an empty blob.
            if length > SMALL or at + length > size or (length == 0 and digest != _NOTHING):
                return
            yield digest, at, length
            at += length
            file.seek(at)


def digest_of(content: bytes) -> bytes:
    hasher = Hasher("blake3")
    hasher.update(content)
    return hasher.digest()


def mark_broken(pack: str, digest: bytes, offset: int) -> None:
    """Remember that a record is broken: one short line, appended in one write, so that several processes may."""
    file = os.open(broken_path(pack), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(file, f"{digest.hex()} {offset}\n".encode("ascii"))
    finally:
        os.close(file)


def read_broken(pack: str) -> set[tuple[bytes, int]]:
    """The (digest, offset) pairs that were marked; lines that cannot be read say nothing."""
    try:
        with open(broken_path(pack), "rb") as file:
            lines = file.read(LARGEST_INDEX).splitlines()
    except OSError:
        return set()
    marks = set()
    for line in lines:
        digest, _, offset = line.decode("latin-1").partition(" ")
        if offset.isascii() and offset.isdigit() and len(offset) < 20:
            with contextlib.suppress(ValueError):
                marks.add((bytes.fromhex(digest), int(offset)))
    return marks
