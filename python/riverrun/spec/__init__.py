"""From text to steps: `riverrun.toml` files come in, filled-in steps (or located errors) go out.

`load` reads and checks, without a look at artifacts; `expand` spells out the steps, with a look at folders only.
"""

from riverrun.spec.disk import Disk, Listings
from riverrun.spec.document import Document, SpecFile
from riverrun.spec.expand import Expansion, expand
from riverrun.spec.find import Found, find
from riverrun.spec.load import load
from riverrun.spec.local import Local, load_local

__all__ = [
    "Disk",
    "Document",
    "Expansion",
    "Found",
    "Listings",
    "Local",
    "SpecFile",
    "expand",
    "find",
    "load",
    "load_local",
]
