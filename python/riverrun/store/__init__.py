"""The store room: bytes come in, kept under their strong digest; where they lie goes out, and what may go."""

from riverrun.store.blob import SMALL, Broken, Copy, Garbage, Piece, Registered, Small, Stats
from riverrun.store.gc import Claims, Everything, Reach, reachable
from riverrun.store.store import Store

__all__ = [
    "SMALL",
    "Broken",
    "Claims",
    "Copy",
    "Everything",
    "Garbage",
    "Piece",
    "Reach",
    "Registered",
    "Small",
    "Stats",
    "Store",
    "reachable",
]
