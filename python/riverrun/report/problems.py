"""Show what is wrong and where: a problem in, lines for a person out (the place, its text, a caret, a hint)."""

import unicodedata
from collections.abc import Iterator

from riverrun.errors import Location, Problem
from riverrun.report.wording import escape


def spell(problem: Problem) -> Iterator[str]:
    """The lines of one problem, without its first word ("error: "), which the command line paints."""
    yield "\n".join(escape(line) for line in problem.message.split("\n"))
    if problem.where is not None:
        yield f"  --> {escape(str(problem.where))}"
        if problem.where.text:
            yield from _excerpt(problem.where)
    if problem.hint:
        yield f"hint: {escape(problem.hint)}"


def _excerpt(where: Location) -> Iterator[str]:
    start = min(where.column - 1, len(where.text))
    before, marked, after = (
        escape(part.replace("\t", " "))
        for part in (
            where.text[:start],
            where.text[start : start + where.width],
            where.text[start + where.width :],
        )
    )
    number = str(where.line)
    margin = " " * len(number)
    yield f"{margin} |"
    yield f"{number} | {before}{marked}{after}".rstrip()
    yield f"{margin} | {' ' * _columns(before)}{'^' * max(1, _columns(marked))}"


def _columns(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
