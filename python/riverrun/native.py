"""The one door to the Rust extension: what `_native` holds comes in, the same names go out."""

from riverrun._native import (
    Digest,
    Fact,
    Hasher,
    Index,
    Scan,
    Taken,
    TomlError,
    __version__,
    exchange,
    hash_file,
    hash_files,
    now_ns,
    parse_toml,
    sync_files,
)

__all__ = [
    "Digest",
    "Fact",
    "Hasher",
    "Index",
    "Scan",
    "Taken",
    "TomlError",
    "__version__",
    "exchange",
    "hash_file",
    "hash_files",
    "now_ns",
    "parse_toml",
    "sync_files",
]
