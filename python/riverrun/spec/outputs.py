"""What steps declare to make: paths come in, one by one; who makes a path, or what lies below one, goes out."""

import os
from bisect import bisect_left
from dataclasses import dataclass

from riverrun.model.step import ArtifactKind
from riverrun.spec.disk import Standing
from riverrun.spec.foreach import Item
from riverrun.spec.paths import parents


@dataclass(frozen=True, slots=True)
class Declared:
    """One output of one step."""

    path: str
    kind: ArtifactKind
    name: str  # of a named output
    step: str
    family: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class Member:
    """A step of a family, and what it makes."""

    step: str
    item: Item
    outputs: tuple[Declared, ...]


class Outputs:
    """All outputs known so far."""

    def __init__(self) -> None:
        self.by_path: dict[str, Declared] = {}
        self.families: dict[str, tuple[Member, ...]] = {}  # those whose items are known
        self.children: dict[str, dict[str, Standing]] = {}  # folder -> what lies in it once all is made
        self._sorted: list[tuple[bytes, Declared]] | None = None

    def add(self, family: str, members: tuple[Member, ...]) -> None:
        """All steps of a family. Of two that make one path the first counts here; the graph tells the fault."""
        self.families[family] = members
        self._sorted = None
        for member in members:
            for output in member.outputs:
                self.by_path.setdefault(output.path, output)
                standing = Standing.FOLDER if output.kind is ArtifactKind.FOLDER else Standing.FILE
                folder, _, name = output.path.rpartition("/")
                known = self.children.get(folder)
                if known is not None:
                    known.setdefault(name, standing)
                    continue
                self.children[folder] = {name: standing}
                for above in (*parents(folder), "") if folder else ():
                    name = folder[len(above) + 1 :] if above else folder
                    self.children.setdefault(above, {})[name] = Standing.FOLDER
                    folder = above

    def owner(self, path: str) -> Declared | None:
        """Who makes this path, or the folder it lies in."""
        found = self.by_path.get(path)
        if found is not None:
            return found
        for folder in parents(path):
            found = self.by_path.get(folder)
            if found is not None:
                return found
        return None

    def below(self, folder: str) -> list[Declared]:
        """All outputs that lie in a folder."""
        if self._sorted is None:
            self._sorted = sorted(((os.fsencode(path), one) for path, one in self.by_path.items()), key=_key)
        start = os.fsencode(folder) + b"/"
        found = []
        for at in range(bisect_left(self._sorted, start, key=_key), len(self._sorted)):
            if not self._sorted[at][0].startswith(start):
                break
            found.append(self._sorted[at][1])
        return found


def _key(entry: tuple[bytes, Declared]) -> bytes:
    return entry[0]
