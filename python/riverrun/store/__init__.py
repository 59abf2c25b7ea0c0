"""The store room: bytes come in, kept under their strong digest; where they lie goes out, and what may go."""

from riverrun.store.blob import Broken, Copy, Garbage, Piece, Registered, Stats
from riverrun.store.gc import Claims, Everything, Reach, reachable
from riverrun.store.store import Store

__all__ = [
    "Broken",
    "Claims",
    "Copy",
    "Everything",
    "Garbage",
    "Piece",
    "Reach",
    "Registered",
    "Stats",
    "Store",
    "reachable",
]
