"""riverrun: bring large-data pipelines to their desired end state, by content and never by clocks."""

from riverrun.native import Digest, Hasher, Index, Scan, __version__, hash_file, hash_files

__all__ = ["Digest", "Hasher", "Index", "Scan", "__version__", "hash_file", "hash_files"]
