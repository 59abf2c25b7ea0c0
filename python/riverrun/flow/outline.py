"""What the wanted end state needs: a document and what is known of folders come in, graph and wanted steps go out.

Where a family waits for a folder that another step makes, the outline is drawn anew when that folder is known.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from riverrun.flow.options import Upstream
from riverrun.flow.targets import Targets
from riverrun.graph import Graph
from riverrun.ledger import Ledger
from riverrun.model.fact import Entry
from riverrun.model.step import Waiting
from riverrun.spec import Document, Listings, expand


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for."""

    words: tuple[str, ...] = ()
    tributary: str | None = None
    upstream: Upstream = Upstream.INCLUDED
    forced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """The spelled-out steps, which of them are wanted, and which families must still wait."""

    graph: Graph
    named: frozenset[str]  # steps asked for in words, or bringing about the end state
    asked: frozenset[str]  # paths asked for themselves: they stay, though temporary
    wanted: frozenset[str]
    waiting: tuple[Waiting, ...]  # wanted ones
    forced: frozenset[str]
    matches: Mapping[str, Sequence[str]]  # pattern -> sources that it matched
    listed: Listings  # folders whose names were looked at for patterns
    absent: tuple[str, ...]  # paths that were looked for and are not there
    grown: tuple[str, ...]  # folders made by steps whose listings were used
    besides: int = 0  # wanted steps that are known to be kept, and are not in `wanted`

    def in_order(self) -> list[str]:
        """The wanted steps, each after those that it needs."""
        return [name for name in self.graph.order() if name in self.wanted]


def draw(
    document: Document,
    asked: Asked,
    *,
    root: str,
    made: Container[str],
    listings: Mapping[str, Sequence[Entry]] | None = None,
    environ: Mapping[str, str],
) -> Outline:
    """Spells out the steps as far as folders are known, and finds what is wanted of them.

    `made` holds the paths that earlier runs made, `listings` the entries of folders that steps have made in this one.
    Raises `SpecError`, and `UsageError` for words that mean nothing.
    """
    expansion = expand(document, made=made, listings=listings or {}, environment=environ)
    graph = Graph(expansion.steps, expansion.waiting)
    targets = Targets(root, expansion, graph, asked.tributary)
    named, named_waiting = targets.wanted(asked.words)
    waiting = {family.name: family for family in expansion.waiting}
    forced, forced_waiting = targets.wanted(asked.forced) if asked.forced else (set[str](), set[str]())
    wanted = set(named)
    if asked.upstream is Upstream.INCLUDED:
        needed = _with_via(named_waiting | forced_waiting, waiting)
        makers = (graph.maker_of(folder) for name in needed for folder in waiting[name].folders)
        wanted = graph.upstream(wanted | {maker for maker in makers if maker is not None})
        wanted |= graph.upstream(forced)
    else:
        needed = _with_via(named_waiting, waiting)
        forced &= wanted
    whole = not asked.words and asked.tributary is None
    outputs = (output.path for name in named for output in graph.steps[name].outputs)
    return Outline(
        graph,
        frozenset(named),
        frozenset(expansion.ends if whole else outputs),
        frozenset(wanted),
        tuple(family for family in expansion.waiting if family.name in needed),
        frozenset(forced),
        expansion.matches,
        expansion.listed,
        expansion.absent,
        tuple(listings or ()),
    )


def draw_as_made(
    document: Document,
    asked: Asked,
    *,
    root: str,
    made: Container[str],
    environ: Mapping[str, str],
    ledger: Ledger,
) -> Outline:
    """The outline of the last run: in a folder that a step made lies what it held when it was put in its place."""
    listings: dict[str, Sequence[Entry]] = {}
    while True:
        outline = draw(document, asked, root=root, made=made, listings=listings, environ=environ)
        waited = {folder for family in outline.graph.waiting for folder in family.folders}
        new: dict[str, Sequence[Entry]] = {}
        for folder in waited - listings.keys():
            trace = ledger.latest(outline.graph.maker_of(folder) or "", [folder])
            new |= {one.path: one.entries for one in (trace.outputs if trace else ()) if one.path == folder}
        if not new:
            return outline
        listings |= new


def _with_via(names: set[str], waiting: Mapping[str, Waiting]) -> set[str]:
    """Waiting families, and those that they wait for: as such, or as makers of their folders."""
    makers = {path: name for name, family in waiting.items() for path in family.outputs}
    found = set(names)
    edge = list(names)
    while edge:
        family = waiting[edge.pop()]
        for other in (*family.via, *(makers[folder] for folder in family.folders if folder in makers)):
            if other not in found:
                found.add(other)
                edge.append(other)
    return found
