"""The ledger room: finished actions and runs come in and are found again, in one SQLite file per workspace."""

from riverrun.ledger.file import Access, Condition
from riverrun.ledger.ledger import Ledger
from riverrun.ledger.traces import Placed, Placing

__all__ = ["Access", "Condition", "Ledger", "Placed", "Placing"]
