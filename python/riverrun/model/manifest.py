"""The digest of a folder from the entries of its manifest; the same bytes that the Rust index hashes."""

import os
from collections.abc import Sequence

from riverrun.model.fact import Entry, Kind
from riverrun.native import Hasher

MANIFEST_TAG = b"riverrun manifest 1\0"
_KIND_BYTES = {Kind.FILE: b"f", Kind.EXEC: b"x", Kind.LINK: b"l", Kind.FOLDER: b"d"}


def manifest_digest(entries: Sequence[Entry]) -> bytes:
    """BLAKE3 over the tag, the count (u64), and each entry sorted by path: kind, path, value, with u32 lengths."""
    parts = [MANIFEST_TAG, len(entries).to_bytes(8, "little")]
    for entry in sorted(entries, key=lambda entry: os.fsencode(entry.path)):
        path = os.fsencode(entry.path)
        value = entry.link if entry.kind is Kind.LINK else entry.digest
        parts += [
            _KIND_BYTES[entry.kind],
            len(path).to_bytes(4, "little"),
            path,
            len(value).to_bytes(4, "little"),
            value,
        ]
    hasher = Hasher()
    hasher.update(b"".join(parts))
    return hasher.digest()


def below(entries: Sequence[Entry], folder: str) -> tuple[Entry, ...]:
    """The entries of a folder inside a folder, with paths relative to it; an empty one has none."""
    prefix = folder + "/"
    return tuple(
        Entry(entry.path.removeprefix(prefix), entry.kind, entry.digest, entry.link, entry.size)
        for entry in entries
        if entry.path.startswith(prefix)
    )
