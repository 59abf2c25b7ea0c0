"""The ledger of a workspace: a path comes in; traces, runs and what was placed are kept there, in SQLite."""

from types import TracebackType
from typing import Self

from riverrun.ledger.file import Access, Condition, LedgerFile
from riverrun.ledger.history import History
from riverrun.ledger.traces import Traces


class Ledger(Traces, History):
    """The authority on what made what. May be used from several threads; readers work beside the one writer."""

    def __init__(self, file: LedgerFile) -> None:
        super().__init__(file)

    @classmethod
    def open(cls, path: str, access: Access) -> Self:
        """For reading, what is missing counts as empty. Damage never raises: see `note`. A newer schema does."""
        return cls(LedgerFile(path, access))

    @property
    def path(self) -> str:
        return self._file.path

    @property
    def note(self) -> str:
        """What of the ledger could not be used, and that only time is lost; empty when all is well."""
        return self._file.note

    @property
    def condition(self) -> Condition:
        """Whether a ledger stood there and could be used."""
        return self._file.condition

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
