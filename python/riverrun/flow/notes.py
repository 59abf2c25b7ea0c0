"""What belongs to no single step: what is known of earlier runs comes in, notes for people go out (rules 12, 13)."""

import os
from collections.abc import Iterable, Mapping, Sequence

from riverrun.graph import Graph
from riverrun.report import Note

_NAMED = 20  # paths in one note


def orphans(root: str, placed: Iterable[str], graph: Graph) -> list[Note]:
    """Artifacts that an earlier run made and that no step declares any more."""
    if graph.waiting:
        return []  # what waits may declare them yet
    left = [
        path
        for path in placed
        if graph.maker_of(path) is None
        and not graph.makers_below(path)
        and os.path.lexists(os.path.join(root, path))
    ]
    if not left:
        return []
    return [
        Note(
            "orphan",
            f"made by an earlier run, and no step declares it any more: {_listed(sorted(left))} "
            "('riverrun clean --orphans' lists and removes)",
            tuple(sorted(left)),
        )
    ]


def vanished(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> list[Note]:
    """Sources that a glob or foreach matched at the last run and that are gone."""
    notes = []
    for pattern, paths in before.items():
        if pattern in now:
            gone = sorted(set(paths) - set(now[pattern]))
            if gone:
                notes.append(Note("vanished", f"{pattern} no longer matches: {_listed(gone)}"))
    return notes


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
