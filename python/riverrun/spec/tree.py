"""The project as globs see it: sources on disk, what steps declare, and what settled folders hold, as one tree.

What an earlier run left behind, riverrun's own folder, and links to folders are not in it.
"""

import os
from bisect import bisect_left
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from riverrun.model.fact import Entry, Kind
from riverrun.model.names import OWN
from riverrun.model.step import ArtifactKind
from riverrun.spec.disk import Disk, Standing
from riverrun.spec.glob import DEEP, Glob
from riverrun.spec.outputs import Outputs
from riverrun.spec.paths import parents


@dataclass(slots=True)
class Match:
    """What a glob found: paths sorted by their bytes, which of them are sources, and folders not known yet."""

    paths: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    unsettled: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Listing:
    """A folder, sorted by bytes."""

    version: int  # how many declared outputs it counts
    keys: list[bytes]
    names: list[str]
    standing: Mapping[str, Standing]
    declared: Mapping[str, Standing]


class Tree:
    """Answers globs; each folder is listed once."""

    def __init__(
        self, disk: Disk, outputs: Outputs, made: Container[str], listings: Mapping[str, Sequence[Entry]]
    ) -> None:
        self._disk = disk
        self._outputs = outputs
        self._made = made
        self._settled: dict[str, dict[str, Standing]] = {}
        self._listings: dict[str, _Listing] = {}
        for folder, entries in listings.items():
            self._settled.setdefault(folder, {})
            for entry in entries:
                if entry.path:
                    path = f"{folder}/{entry.path}"
                    above, _, name = path.rpartition("/")
                    standing = Standing.FOLDER if entry.kind is Kind.FOLDER else Standing.FILE
                    self._settled.setdefault(above, {})[name] = standing
                    if standing is Standing.FOLDER:
                        self._settled.setdefault(path, {})

    def match(self, glob: Glob, base: str = "") -> Match:
        """All that a pattern matches, from the workspace (or from "/") on. OSError where a folder cannot be read."""
        found = Match()
        paths: dict[str, bool] = {}
        self._walk(base, 0, glob, paths, found)
        found.paths = sorted(paths, key=os.fsencode)
        found.sources = [path for path in found.paths if paths[path]]
        return found

    def is_source(self, path: str) -> bool:
        """Whether a path is there and no run made it."""
        return not self._left_behind(path) and self._disk.exists(path)

    def near(self, folder: str) -> list[str]:
        """The names in a folder, for hints."""
        return self._listing(folder).names

    def _left_behind(self, path: str) -> bool:
        return path in self._made or any(folder in self._made for folder in parents(path))

    def _walk(self, folder: str, at: int, glob: Glob, paths: dict[str, bool], found: Match) -> None:
        own = self._outputs.by_path.get(folder)
        if own is not None and folder not in self._settled:
            if own.kind is ArtifactKind.FOLDER:
                found.unsettled[folder] = None
            return
        segment = glob.segments[at]
        last = at == len(glob.segments) - 1
        if segment is DEEP:
            if not last:
                self._walk(folder, at + 1, glob, paths, found)
            listing = self._listing(folder)
            for name in listing.names:
                if listing.standing[name] is Standing.FOLDER and not name.startswith("."):
                    below = _join(folder, name)
                    if last:
                        self._take(below, listing, name, paths)
                    self._walk(below, at, glob, paths, found)
            return
        if segment.plain is not None and not last:
            if segment.plain != OWN:
                self._walk(_join(folder, segment.plain), at + 1, glob, paths, found)
            return
        listing = self._listing(folder)
        matches = segment.matcher()
        for name in _beginning(listing, segment.prefix):
            if name == OWN or not matches(name):
                continue
            is_folder = listing.standing[name] is Standing.FOLDER
            if not last:
                if is_folder:
                    self._walk(_join(folder, name), at + 1, glob, paths, found)
            elif is_folder is glob.folder:
                self._take(_join(folder, name), listing, name, paths)

    def _take(self, path: str, listing: _Listing, name: str, paths: dict[str, bool]) -> None:
        if name in listing.declared:
            paths[path] = False
        elif path not in self._made:
            paths[path] = True

    def _listing(self, folder: str) -> _Listing:
        settled = self._settled.get(folder)
        declared = settled if settled is not None else self._outputs.children.get(folder, {})
        known = self._listings.get(folder)
        if known is not None and known.version == len(declared):
            return known
        bare = settled is not None or self._left_behind(folder)
        standing = dict(declared) if bare else {**self._disk.list(folder), **declared}
        pairs = sorted((os.fsencode(name), name) for name in standing)
        listing = _Listing(
            len(declared), [key for key, _ in pairs], [name for _, name in pairs], standing, declared
        )
        self._listings[folder] = listing
        return listing


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and folder != "/" else folder + name


def _beginning(listing: _Listing, prefix: str) -> Sequence[str]:
    if not prefix:
        return listing.names
    start = os.fsencode(prefix)
    first = last = bisect_left(listing.keys, start)
    while last < len(listing.keys) and listing.keys[last].startswith(start):
        last += 1
    return listing.names[first:last]
