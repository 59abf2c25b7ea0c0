"""Names as a person gave them come in, digests go out: of files, of folders by their manifests, of streams."""

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Literal, cast

from riverrun.cli.meter import Meter
from riverrun.native import Digest, Hasher, Index, hash_as_xxhsum, hash_files

Algorithm = Literal["blake3", "xxh3"]
Found = Digest | OSError

_BATCH = 1024  # files hashed in parallel before their lines are printed
_PIECE_BYTES = 1 << 20  # of a stream
_CHUNK_BYTES = 4 << 20  # up to here xxh3 is what xxhsum prints (docs/hashing.md)


def digests(names: Sequence[str], algorithm: Algorithm, meter: Meter) -> Iterator[list[tuple[str, Found]]]:
    """The names in order, a batch at a time; "-" is standard input."""
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        files = [name for name in batch if name != "-"]
        found = iter(hash_files(files, algorithm=algorithm, on_progress=meter))
        entries: list[tuple[str, Found]] = []
        for name in batch:
            meter.next()
            if name == "-":
                entries.append((name, _stdin(algorithm, meter)))
            else:
                entries.append((name, _or_else(name, next(found), algorithm, meter)))
        meter.next()
        yield entries


def is_as_xxhsum_says(name: str, wanted: Digest, meter: Meter) -> bool:
    """Whether a file of several chunks, which riverrun's xxh3 names otherwise, is what `xxhsum -H128` named so."""
    try:
        if wanted.algorithm != "xxh3" or os.stat(name).st_size <= _CHUNK_BYTES:
            return False
        return hash_as_xxhsum(name, on_progress=meter) == wanted
    except OSError:
        return False
    finally:
        meter.next()


def _or_else(name: str, found: Found, algorithm: Algorithm, meter: Meter) -> Found:
    """What was found; of a folder its manifest's digest; of a pipe or a device, which may be asked for here, its bytes."""
    if isinstance(found, IsADirectoryError) and algorithm == "blake3":
        return _folder(name, meter)
    if not (isinstance(found, OSError) and found.errno == errno.EINVAL):
        return found
    try:
        mode = os.stat(name).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            return found
        with open(name, "rb", buffering=0) as stream:
            return _streamed(cast(BinaryIO, stream), algorithm, meter)
    except OSError as error:
        return error


def _folder(name: str, meter: Meter) -> Found:
    # An index that no one saves, at a path where no file can be.
    (fact,) = Index(f"{os.devnull}/none").look([os.fsencode(name)], check="strong", on_progress=meter)
    if fact.digest is not None:
        return fact.digest
    return fact.error or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def _stdin(algorithm: Algorithm, meter: Meter) -> Found:
    try:
        return _streamed(sys.stdin.buffer, algorithm, meter)
    except OSError as error:
        return error


def _streamed(stream: BinaryIO, algorithm: Algorithm, meter: Meter) -> Digest:
    hasher = Hasher(algorithm)
    count = 0
    while piece := stream.read(_PIECE_BYTES):
        hasher.update(piece)
        count += len(piece)
        meter(count)
    return Digest(hasher.digest(), algorithm)
