"""What is wanted comes in, what can go goes out, and is removed. What cannot be read wants everything (rule 10)."""

import contextlib
import os
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from itertools import count

from riverrun.errors import RiverrunError
from riverrun.store.blob import Garbage, Registered
from riverrun.store.loose import Loose
from riverrun.store.pack import RECORD, Place
from riverrun.store.packs import PackList, Packs

Claims = Callable[[], Iterable[tuple[bytes, int]]]
"""Opens a workspace's ledger and yields the (digest, size) that its traces want."""


class Everything:
    """Holds whatever one asks for."""

    def __contains__(self, digest: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Reach:
    """What is to be kept, and which workspaces could not be asked: (its path, why, what to do)."""

    keep: Container[bytes]
    unreadable: tuple[tuple[str, str, str], ...]


def reachable(claims: Iterable[tuple[Registered, Claims]]) -> Reach:
    """Ask every workspace. If one cannot be asked, all is kept: a disk may only not be mounted just now."""
    keep: set[bytes] = set()
    unreadable = []
    for registered, wanted in claims:
        gone = f"if this workspace is gone for good, remove '{registered.card}'"
        if not os.path.isdir(registered.workspace):
            unreadable.append((registered.workspace, "there is no such folder", gone))
            continue
        try:
            keep.update(digest for digest, _ in wanted())
        except (RiverrunError, OSError) as error:
            unreadable.append((registered.workspace, str(error), gone))
    return Reach(Everything() if unreadable else keep, tuple(unreadable))


def plan(loose: Loose, packs: Packs, broken: str, keep: Container[bytes]) -> Garbage:
    """What can go: loose blobs, packs that are garbage for more than half, and what was set aside as broken."""
    digests: set[bytes] = set()
    paths: list[str] = []
    freed = 0
    for digest, path, size in loose:
        if digest not in keep:
            digests.add(digest)
            paths.append(path)
            freed += size
    for pack in packs.lists():
        dead = [place for place in pack.places if place[0] not in keep]
        if _worth_rewriting(pack, dead):
            digests.update(digest for digest, _, _ in dead)
            paths.append(pack.path)
            freed += os.path.getsize(pack.path) - _bytes(pack.places) + _bytes(dead)
    if not isinstance(keep, Everything):
        for path in files_below(broken):
            paths.append(path)
            freed += os.path.getsize(path)
    return Garbage(frozenset(digests), freed, tuple(paths))


def collect(loose: Loose, packs: Packs, broken: str, garbage: Garbage) -> None:
    """Remove what was planned. Traces that wanted it must be gone by now, durably (rule 8)."""
    planned = set(garbage.paths)
    for digest, path, _ in list(loose):
        if digest in garbage.digests and path in planned:
            loose.remove(digest)
    for pack in list(packs.lists()):
        if pack.path in planned:
            packs.rewrite(pack, [place for place in pack.places if place[0] not in garbage.digests])
    for path in files_below(broken):
        if path in planned:
            os.unlink(path)
    _remove_widows(packs.folder)
    packs.forget()


def _worth_rewriting(pack: PackList, dead: list[Place]) -> bool:
    """A pack is written anew when more than half of it is of no use, broken records and torn tails included."""
    size = os.path.getsize(pack.path)
    useful = _bytes(pack.places) - _bytes(dead)
    return bool(dead or not pack.places) and 2 * useful < size


def _bytes(places: Iterable[Place]) -> int:
    return sum(RECORD.size + length for _, _, length in places)


def _remove_widows(folder: str) -> None:
    """Remove what lies beside packs that are gone, and what a crash left half written."""
    names = set(os.listdir(folder))
    for name in names:
        stem, _, end = name.rpartition(".")
        if end == "new" or (end in ("idx", "bad") and f"{stem}.pack" not in names):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))


def files_below(folder: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return []


def free_name(path: str) -> str:
    """`path`, or `path.2` and so on where that is taken."""
    if not os.path.lexists(path):
        return path
    return next(name for number in count(2) if not os.path.lexists(name := f"{path}.{number}"))
