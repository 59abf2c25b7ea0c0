"""Which step needs which: spelled-out steps come in, a graph goes out. The one door to networkx; touches no disk."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import networkx as nx

from riverrun.errors import Problem, SpecError
from riverrun.model.step import ArtifactKind, Input, Step, Waiting


def parents(path: str) -> Iterator[str]:
    """Every folder above a path, the nearest first, without the workspace itself."""
    cut = path.rfind("/")
    while cut > 0:
        path = path[:cut]
        yield path
        cut = path.rfind("/")


class Graph:
    """The steps of a workspace and what they need of each other.

    Raises `SpecError` where two steps make one path, or steps need each other in a circle.
    """

    def __init__(self, steps: Mapping[str, Step], waiting: Sequence[Waiting] = ()) -> None:
        self.steps = dict(steps)
        self.waiting = tuple(waiting)
        self.makers: dict[str, str] = {}  # output path -> name of its step
        self._find_makers()
        self._made = sorted(self.makers)  # so that all outputs below a folder are one slice
        self._digraph: nx.DiGraph[str] = nx.DiGraph()
        self._digraph.add_nodes_from(self.steps)
        self._needs: dict[str, tuple[str, ...]] = {}
        for name, step in self.steps.items():
            needs = dict.fromkeys(maker for read in step.reads for maker in self.makers_of(read))
            self._needs[name] = tuple(needs)
            self._digraph.add_edges_from((maker, name) for maker in needs)
        self._order = self._sorted()

    def needs(self, name: str) -> tuple[str, ...]:
        """The steps whose outputs this one reads, in the order in which it declares them."""
        return self._needs[name]

    def readers(self, name: str) -> tuple[str, ...]:
        """The steps that read an output of this one."""
        return tuple(self._digraph.successors(name))

    def order(self) -> list[str]:
        """All steps, each after those that it needs; stable for one spec."""
        return self._order

    def maker_of(self, path: str) -> str | None:
        """The step that makes this path, or the output folder in which it lies."""
        if path in self.makers:
            return self.makers[path]
        for folder in parents(path):
            if folder in self.makers:
                return self.makers[folder]
        return None

    def makers_below(self, folder: str) -> list[str]:
        """The steps that make something inside a folder."""
        prefix = folder + "/" if folder else ""
        names: dict[str, None] = {}
        for path in self._made[bisect_left(self._made, prefix) :]:
            if not path.startswith(prefix):
                break
            names[self.makers[path]] = None
        return list(names)

    def makers_of(self, read: Input) -> list[str]:
        """The steps that must have run before this input is what it should be."""
        if read.outside:
            return []
        maker = self.maker_of(read.path)
        if maker is not None:
            return [maker]
        return self.makers_below(read.path) if read.kind is ArtifactKind.FOLDER else []

    def upstream(self, names: Iterable[str]) -> set[str]:
        """These steps and all that they need, however far."""
        return self._reach(names, self._digraph.predecessors)

    def downstream(self, names: Iterable[str]) -> set[str]:
        """These steps and all that need them, however far."""
        return self._reach(names, self._digraph.successors)

    def _reach(self, names: Iterable[str], near_of: Callable[[str], Iterable[str]]) -> set[str]:
        found = set(names)
        edge = list(found)
        while edge:
            for near in near_of(edge.pop()):
                if near not in found:
                    found.add(near)
                    edge.append(near)
        return found

    def _find_makers(self) -> None:
        problems = []
        places = {}
        for step in self.steps.values():
            for output in step.outputs:
                other = self.makers.setdefault(output.path, step.name)
                if other != step.name or output.path in places:
                    problems.append(
                        Problem(
                            "conflict",
                            f"two steps make '{output.path}': '{other}' and '{step.name}'"
                            if other != step.name
                            else f"'{step.name}' declares '{output.path}' twice",
                            output.where or step.where,
                            "rename one of the outputs",
                        )
                    )
                places[output.path] = output.where or step.where
        for path, name in self.makers.items():
            for folder in parents(path):
                if folder in self.makers:
                    problems.append(
                        Problem(
                            "conflict",
                            f"'{path}' of '{name}' lies inside '{folder}', which '{self.makers[folder]}' makes",
                            places[path],
                            "an output may not lie inside another output",
                        )
                    )
                    break
        if problems:
            raise SpecError.of(problems)

    def _sorted(self) -> list[str]:
        try:
            return list(nx.topological_sort(self._digraph))
        except nx.NetworkXUnfeasible:
            edges = nx.find_cycle(self._digraph)
            members = [edge[0] for edge in edges]
            first = self.steps[members[0]]
            circle = " -> ".join([*members, members[0]])
            raise SpecError(
                f"steps need each other in a circle: {circle}",
                where=first.where,
                hint="each of them reads what the one before it makes; one of these inputs must go",
            ) from None
