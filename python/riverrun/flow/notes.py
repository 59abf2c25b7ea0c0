"""What belongs to no single step: what is known of earlier runs comes in, notes for people go out (rules 12, 13)."""

import os
from collections.abc import Iterable, Mapping, Sequence

from riverrun.flow.outline import Outline
from riverrun.flow.targets import may_make
from riverrun.graph import Graph
from riverrun.model.names import SPEC_NAME
from riverrun.report import Note

_NAMED = 20  # paths in one note
_OF = "\0"  # between a spec's name and one of its patterns
_OUTPUTS = "outputs"  # in place of a pattern, which has a space in it


def undeclared(
    placed: Iterable[str], graph: Graph, *, spec: str, matches: Mapping[str, Sequence[str]], root: str
) -> list[str]:
    """What earlier runs made and no step declares any more, nor may declare once it is spelled out.

    `matches` is what the ledger remembers: what other specs of this folder declare is theirs, as long as they exist.
    Which of all is left behind can be told from the spec that the folder is known by, and from no other.
    """
    if spec != SPEC_NAME:
        return []
    others = {
        path
        for key, paths in matches.items()
        for file, _, pattern in [key.partition(_OF)]
        if pattern == _OUTPUTS and os.path.exists(os.path.join(root, file))
        for path in paths
    }
    return sorted(
        path
        for path in placed
        if path not in others
        and graph.maker_of(path) is None
        and not graph.makers_below(path)
        and not any(may_make(family, path) for family in graph.waiting)
    )


def orphans(
    placed: Iterable[str], graph: Graph, *, spec: str, matches: Mapping[str, Sequence[str]], root: str
) -> list[Note]:
    """Undeclared artifacts that are still there."""
    found = undeclared(placed, graph, spec=spec, matches=matches, root=root)
    left = [path for path in found if os.path.lexists(os.path.join(root, path))]
    if not left:
        return []
    return [
        Note(
            "orphan",
            f"made by an earlier run, and no step declares it any more: {_listed(left)} "
            "('riverrun clean --orphans' lists and removes)",
            tuple(left),
        )
    ]


def vanished(
    remembered: Mapping[str, Sequence[str]], spec: str, now: Mapping[str, Sequence[str]]
) -> list[Note]:
    """Sources that a glob or foreach of this spec matched at its last run and that are gone."""
    notes = []
    for pattern, paths in now.items():
        gone = sorted(set(remembered.get(f"{spec}{_OF}{pattern}", ())) - set(paths))
        if gone:
            notes.append(Note("vanished", f"{pattern} no longer matches: {_listed(gone)}"))
    return notes


def to_remember(
    remembered: Mapping[str, Sequence[str]], spec: str, outline: Outline
) -> dict[str, Sequence[str]]:
    """What the ledger is to remember now: of other specs what it did, of this one what it matched and declares."""
    kept = {key: paths for key, paths in remembered.items() if not key.startswith(f"{spec}{_OF}")}
    own = dict(outline.matches)
    if spec != SPEC_NAME:
        own[_OUTPUTS] = tuple(outline.graph.makers)
    return kept | {f"{spec}{_OF}{pattern}": paths for pattern, paths in own.items()}


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
