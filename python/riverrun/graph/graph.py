"""Which step needs which: spelled-out steps come in, a graph goes out. Touches no disk."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

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
        self.steps = steps
        self.waiting = tuple(waiting)
        self.makers = _makers(steps)  # output path -> name of its step
        self._needs = {
            name: tuple(dict.fromkeys(maker for read in step.reads for maker in self.makers_of(read)))
            for name, step in steps.items()
        }
        self._order = _sorted(steps, self._needs)

    @cached_property
    def _readers(self) -> dict[str, list[str]]:
        readers: dict[str, list[str]] = {}
        for name in self._order:
            for need in self._needs[name]:
                readers.setdefault(need, []).append(name)
        return readers

    @cached_property
    def _made(self) -> list[str]:
        """All outputs in order, so that those below a folder are one slice."""
        return sorted(self.makers)

    def needs(self, name: str) -> tuple[str, ...]:
        """The steps whose outputs this one reads, in the order in which it declares them."""
        return self._needs[name]

    def readers(self, name: str) -> tuple[str, ...]:
        """The steps that read an output of this one."""
        return tuple(self._readers.get(name, ()))

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
        return self._reach(names, self._needs.__getitem__)

    def downstream(self, names: Iterable[str]) -> set[str]:
        """These steps and all that need them, however far."""
        return self._reach(names, self.readers)

    def _reach(self, names: Iterable[str], near_of: Callable[[str], Iterable[str]]) -> set[str]:
        found = set(names)
        edge = list(found)
        while edge:
            for near in near_of(edge.pop()):
                if near not in found:
                    found.add(near)
                    edge.append(near)
        return found


def _makers(steps: Mapping[str, Step]) -> dict[str, str]:
    """Who makes which path. Raises `SpecError` where two make one, or one lies in another."""
    makers: dict[str, str] = {}
    problems = []
    for step in steps.values():
        for output in step.outputs:
            other = makers.get(output.path)
            if other is not None:
                both = f"two steps make '{output.path}': '{other}' and '{step.name}'"
                twice = f"'{step.name}' declares '{output.path}' twice"
                message = twice if other == step.name else both
                problems.append(
                    Problem("conflict", message, output.where or step.where, "rename one of the outputs")
                )
            makers.setdefault(output.path, step.name)
    for step in steps.values():
        for output in step.outputs:
            around = next((folder for folder in parents(output.path) if folder in makers), None)
            if around is not None:
                problems.append(
                    Problem(
                        "conflict",
                        f"'{output.path}' of '{step.name}' lies inside '{around}', which '{makers[around]}' makes",
                        output.where or step.where,
                        "an output may not lie inside another output",
                    )
                )
    if problems:
        raise SpecError.of(problems)
    return makers


def _sorted(steps: Mapping[str, Step], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """All steps, each after those that it needs. Raises `SpecError` that names the members of a circle."""
    import networkx as nx  # late: it takes longer than all the rest, and a kept graph needs none of it

    digraph: nx.DiGraph[str] = nx.DiGraph()
    digraph.add_nodes_from(steps)
    digraph.add_edges_from((need, name) for name, names in needs.items() for need in names)
    try:
        return list(nx.topological_sort(digraph))
    except nx.NetworkXUnfeasible:
        members = [edge[0] for edge in nx.find_cycle(digraph)]
        circle = " -> ".join([*members, members[0]])
        raise SpecError(
            f"steps need each other in a circle: {circle}",
            where=steps[members[0]].where,
            hint="each of them reads what the one before it makes; one of these inputs must go",
        ) from None
