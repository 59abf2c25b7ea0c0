"""riverrun: bring large-data pipelines to their desired end state, by content and never by clocks."""

from typing import TYPE_CHECKING, Any

from riverrun.native import Digest, Hasher, Index, Scan, __version__, hash_file, hash_files

if TYPE_CHECKING:
    from riverrun.flow import Pipeline

__all__ = ["Digest", "Hasher", "Index", "Pipeline", "Scan", "__version__", "hash_file", "hash_files"]


def __getattr__(name: str) -> Any:
    # What only hashes does not wait for the rest to be imported.
    if name == "Pipeline":
        from riverrun.flow import Pipeline

        return Pipeline
    raise AttributeError(f"module 'riverrun' has no attribute {name!r}")
