"""Collects what is wrong with specs, one problem a place, and finds the name that was probably meant."""

import difflib
from collections.abc import Iterable

from riverrun.errors import Location, Problem, SpecError


class Problems:
    """What was found so far. A family of many items tells a fault once: further problems at one place are dropped."""

    def __init__(self) -> None:
        self._found: dict[object, Problem] = {}

    def add(self, message: str, where: Location | None, hint: str = "") -> None:
        key: object = where if where is not None else message
        self._found.setdefault(key, Problem(SpecError.kind, message, where, hint))

    def __len__(self) -> int:
        return len(self._found)

    def raise_any(self) -> None:
        """Raise one error for all, file by file as they were met, and down each file."""
        if not self._found:
            return
        files: dict[str, int] = {}
        for problem in self._found.values():
            files.setdefault(problem.where.file if problem.where else "", len(files))

        def place(problem: Problem) -> tuple[int, int, int]:
            where = problem.where
            return (files[where.file], where.line, where.column) if where else (files[""], 0, 0)

        raise SpecError.of(sorted(self._found.values(), key=place))


def distance(one: str, other: str, most: int) -> int:
    """How many letters must be added, dropped, changed or swapped with their neighbour; above `most` it is not told."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def mistaken(name: str, known: Iterable[str]) -> str:
    """The known name that `name` is a slip of ("" if none): one letter off, in words of five letters and more two."""
    for other in known:
        if other.casefold() == name.casefold() and other != name:
            return other
        shorter = min(len(name), len(other))
        most = 0 if shorter < 3 else 1 if shorter < 5 else 2
        if most and name != other and distance(name, other, most) <= most:
            return other
    return ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is surely wrong."""
    close = difflib.get_close_matches(name, sorted(set(known)), 1, 0.6)
    return f"did you mean '{close[0]}'?" if close else ""
