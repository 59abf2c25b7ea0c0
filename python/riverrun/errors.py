"""What can go wrong, as types: each error carries what a person needs (place, cause, what to do). Imports nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file that a person wrote; lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int
    text: str = ""  # the line itself
    width: int = 1  # how many characters the caret marks

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a kind for programs, a message and a hint for people, and where it stands."""

    kind: str
    message: str
    where: Location | None = None
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        """The `errors` entry of the JSON document (design, section 6)."""
        where = self.where
        return {
            "kind": self.kind,
            "message": self.message,
            "file": where.file if where else None,
            "line": where.line if where else None,
            "column": where.column if where else None,
            "hint": self.hint or None,
        }


class RiverrunError(Exception):
    """The root of all errors that riverrun raises on purpose; `problems` holds at least one."""

    kind = "error"

    def __init__(self, message: str, *, where: Location | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = (Problem(self.kind, message, where, hint),)


class UsageError(RiverrunError):
    """The command line, or an argument of the Python interface, cannot be understood."""

    kind = "usage"


class SpecError(RiverrunError):
    """A spec cannot be used; all that is wrong with it is told at once."""

    kind = "spec"

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "SpecError":
        """One error for several problems (at least one), in the order given."""
        error = cls("; ".join(problem.message for problem in problems))
        error.problems = tuple(problems)
        return error


class LockedError(RiverrunError):
    """Another run holds the workspace and did not let go within the time given."""

    kind = "locked"


class StoreError(RiverrunError):
    """The store cannot be read or written."""

    kind = "store"


class LedgerError(RiverrunError):
    """The ledger cannot be read or written."""

    kind = "ledger"


class PromiseNotKept(RiverrunError):
    """A report was asked to raise, and a promise in it was not kept."""

    kind = "not_kept"


class Interrupted(RiverrunError):
    """The run was ended by the person who started it."""

    kind = "interrupted"
