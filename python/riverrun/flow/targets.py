"""What a person named on the command line: words come in, names of steps go out."""

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from riverrun.errors import UsageError
from riverrun.graph import Graph
from riverrun.model.step import Unknown, Waiting
from riverrun.spec import Expansion


class Targets:
    """Finds steps by the names of steps, items, families, tributaries and artifacts, in this order."""

    def __init__(self, root: str, expansion: Expansion, graph: Graph, tributary: str | None = None) -> None:
        self._root = root
        self._expansion = expansion
        self._graph = graph
        self._tributary = tributary
        self._waiting = {waiting.name: waiting for waiting in expansion.waiting}

    def wanted(self, words: Sequence[str]) -> tuple[set[str], set[str]]:
        """The steps, and the waiting families, that these words ask for: without words, those of the end state.

        `x+` adds everything downstream. Upstream steps are not added here. Raises `UsageError` for an unknown word.
        """
        if not words:
            named = self._expansion.promises[self._tributary] if self._tributary else self._expansion.end
            return self._split(named)
        names: dict[str, None] = {}
        for word in words:
            found = self.find(word.removesuffix("+") if word.endswith("+") and word != "+" else word)
            if word.endswith("+"):
                found = self._downstream(*self._split(found))
            names |= dict.fromkeys(found)
        return self._split(names)

    def _downstream(self, steps: set[str], waiting: set[str]) -> list[str]:
        """These and all that need them; of what waits, all that hangs on what these make."""
        found = self._graph.downstream(steps) | waiting
        left = [one for name, one in self._waiting.items() if name not in found]
        while near := [one for one in left if self._hangs_on(one, found)]:
            found.update(one.name for one in near)
            left = [one for one in left if one.name not in found]
        return list(found)

    def _hangs_on(self, one: Waiting, found: set[str]) -> bool:
        makers = (self._graph.maker_of(folder) for folder in one.folders)
        return not found.isdisjoint((*makers, *one.via))

    def _split(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        steps, waiting = set(), set()
        for name in names:
            if name in self._graph.steps:
                steps.add(name)
            else:
                waiting.add(name)
        return steps, waiting

    def find(self, word: str) -> list[str]:
        """The steps that one word means."""
        if not word.startswith("./"):
            for name in dict.fromkeys((word, f"{self._tributary}/{word}" if self._tributary else word)):
                if name in self._graph.steps:
                    return [name]
                if name in self._expansion.families:
                    waiting = [one for one in self._waiting if one == name or one.startswith(f"{name}@")]
                    return [*self._expansion.families[name], *waiting]
                if name in self._waiting:
                    return [name]
                # An item of a family that waits: it is found, or said not to be there, once the items are known.
                family = self._waiting.get(name.partition("@")[0])
                if family is not None and family.unknown is Unknown.ITEMS:
                    return [family.name]
                if name in self._expansion.promises:
                    return list(self._expansion.promises[name])
        return self._find_path(word)

    def _find_path(self, word: str) -> list[str]:
        place = os.path.normpath(os.path.join(os.getcwd(), word))
        path = os.path.relpath(place, self._root)
        path = "" if path == "." else path
        maker = self._graph.maker_of(path)
        if maker is not None:
            return [maker]
        below = [] if path.startswith("..") else self._graph.makers_below(path)
        below += [name for name, waiting in self._waiting.items() if may_make(waiting, path)]
        if below:
            return below
        if os.path.lexists(place):
            raise UsageError(
                f"'{word}' is a source: no step makes it", hint="name a step, or an artifact that one makes"
            )
        known = [
            *self._graph.steps,
            *self._expansion.families,
            *self._expansion.promises,
            *self._graph.makers,
        ]
        near = get_close_matches(word, known, n=1)
        raise UsageError(
            f"there is no step, tributary or artifact '{word}'",
            hint=f"did you mean '{near[0]}'?" if near else "'riverrun status --all' lists all steps",
        )


def may_make(waiting: Waiting, path: str) -> bool:
    """Whether what waits may make this path, something in it, or a folder around it."""
    return any(
        fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}/*") or pattern.startswith(f"{path}/")
        for pattern in waiting.outputs
    )
