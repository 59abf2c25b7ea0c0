"""One SQLite file: questions and changes come in, answers go out; damage is set aside, with a word."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import quote

from riverrun.errors import LedgerError
from riverrun.ledger.schema import SCHEMA, Form, create, form, version

BUSY_SECONDS = (
    30.0  # a writer holds the file for one batch; a checkpoint of a large one takes seconds on slow disks
)
LOST = "only time is lost: what it knew is made again"

T = TypeVar("T")


class Access(Enum):
    """What the ledger is opened for. The one who opens it to write holds the lock of the workspace."""

    READ = "read"
    WRITE = "write"


class Condition(Enum):
    """What stood at the path."""

    SOUND = "sound"
    MISSING = "missing"
    BROKEN = "broken"


class Durability(Enum):
    """When a change must have reached the disk.

    NOW: before the call returns, as index and seal are written on the strength of it (rule 8).
    LATER: with the next NOW, or checkpoint. What a power cut takes is history; the file is whole in any case.
    """

    NOW = "FULL"
    LATER = "NORMAL"


class LedgerFile:
    """A connection that heals: what SQLite calls malformed is renamed aside (when writing) and an empty ledger used."""

    def __init__(self, path: str, access: Access) -> None:
        self.path = path
        self.access = access
        self.condition = Condition.SOUND
        self._notes: list[str] = []
        self._lock = threading.RLock()
        self._connection = self._open()

    @property
    def note(self) -> str:
        """What could not be used of the ledger, in words for a person; empty when all is well."""
        return "; ".join(self._notes)

    def add_note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Pass a question. It may be passed twice, the second time to an empty ledger."""
        with self._lock:
            try:
                return ask(self._connection)
            except sqlite3.Error as error:
                self._heal(error)
                return ask(self._connection)

    def write(self, change: Callable[[sqlite3.Connection], T], durability: Durability) -> T:
        """Pass a change, as one transaction. It may be passed twice, the second time to an empty ledger."""
        if self.access is Access.READ:
            raise LedgerError(f"the ledger '{self.path}' is open for reading only")
        with self._lock:
            try:
                return self._transact(change, durability)
            except sqlite3.Error as error:
                self._heal(error)
            try:
                return self._transact(change, durability)
            except sqlite3.Error as error:
                self._refuse(error)

    def close(self) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _transact(self, change: Callable[[sqlite3.Connection], T], durability: Durability) -> T:
        connection = self._connection
        connection.execute(f"PRAGMA synchronous = {durability.value}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        if self.access is Access.READ and not os.path.lexists(self.path):
            self.condition = Condition.MISSING
            return self._nothing()
        try:
            return self._open_to_write() if self.access is Access.WRITE else self._open_to_read()
        except sqlite3.Error as error:
            if not _is_damage(error):
                self._refuse(error)
            return self._replace(str(error))

    def _open_to_write(self) -> sqlite3.Connection:
        parent = os.path.dirname(self.path) or "."
        try:
            os.makedirs(parent, exist_ok=True)
        except OSError as error:
            raise LedgerError(
                f"cannot make the folder '{parent}' of the ledger: {error.strerror}",
                hint="make it writable",
            ) from error
        stood = os.path.exists(self.path)
        connection = self._connect("rwc")
        try:
            found = self._checked(connection)  # before anything is written: the file may be someone else's
            connection.execute(
                "PRAGMA journal_mode = WAL"
            )  # elsewhere than on local disks it may stay as it was
            connection.execute("PRAGMA foreign_keys = ON")
            if found is Form.EMPTY:
                self.condition = Condition.BROKEN if stood else Condition.MISSING
                if stood:
                    self.add_note(f"the ledger '{self.path}' was empty; {LOST}")
                create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_to_read(self) -> sqlite3.Connection:
        connection = self._connect("ro")
        try:
            try:
                found = self._checked(connection)
            except sqlite3.OperationalError as error:
                if _code(error) & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                    raise
                # In a folder where nothing may be written, the log's index cannot be made. Without a log it needs none.
                if os.path.exists(self.path + "-wal"):
                    raise
                connection.close()
                connection = self._connect("ro&immutable=1")
                found = self._checked(connection)
        except BaseException:
            connection.close()
            raise
        if found is Form.EMPTY:
            connection.close()
            # Perhaps a writer is about to fill it; but gc must not take it for one that wants nothing.
            self.condition = Condition.BROKEN
            self.add_note(f"the ledger '{self.path}' is empty; {LOST}")
            return self._nothing()
        return connection

    def _checked(self, connection: sqlite3.Connection) -> Form:
        found = form(connection)
        if found is Form.NEWER:
            raise LedgerError(
                f"the ledger '{self.path}' was written by a newer riverrun (its schema is {version(connection)}, "
                f"this one knows {SCHEMA})",
                hint="use that version, or remove the file: only time is lost",
            )
        if found is Form.FOREIGN:
            raise _damage("it is not a ledger of riverrun")
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        if os.path.getsize(self.path) % page:
            raise _damage("its last page is cut short")  # SQLite would take the rest of that page for zeros
        return found

    def _connect(self, mode: str) -> sqlite3.Connection:
        # A URI of raw bytes: the path may be no UTF-8. It must be absolute, or its first part is taken for a host.
        place = quote(os.fsencode(os.path.abspath(self.path)))
        connection = sqlite3.connect(
            f"file:{place}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = bytes
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        return connection

    def _nothing(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.text_factory = bytes
        create(connection)
        return connection

    def _heal(self, error: sqlite3.Error) -> None:
        if not _is_damage(error):
            self._refuse(error)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = self._replace(str(error))

    def _replace(self, why: str) -> sqlite3.Connection:
        self.condition = Condition.BROKEN
        if self.access is Access.READ:
            self.add_note(f"the ledger '{self.path}' cannot be read ({why}) and counts as empty; {LOST}")
            return self._nothing()
        aside = _set_aside(self.path)
        self.add_note(
            f"the ledger '{self.path}' cannot be used ({why}) and was set aside as '{aside}'; {LOST}"
        )
        try:
            connection = self._open_to_write()
        except sqlite3.Error as error:
            self._refuse(error)
        self.condition = Condition.BROKEN
        return connection

    def _refuse(self, error: sqlite3.Error) -> NoReturn:
        message, hint = _WORDS.get(_code(error) & 0xFF, (str(error), ""))
        raise LedgerError(f"the ledger '{self.path}': {message}", hint=hint) from error


_WORDS = {
    sqlite3.SQLITE_FULL: (
        "no space is left on its disk",
        "free some space; 'riverrun cache gc' shows what can go",
    ),
    sqlite3.SQLITE_READONLY: ("it cannot be written", "make the file and its folder writable"),
    sqlite3.SQLITE_PERM: ("it cannot be opened", "make the file and its folder readable and writable"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "make the file and its folder readable and writable"),
    sqlite3.SQLITE_BUSY: ("another process holds it", "wait until that one has ended"),
    sqlite3.SQLITE_IOERR: (
        "its disk reports an error",
        "look at the system's log, and whether the disk is full",
    ),
}

# Nothing that is written here can violate a constraint of a sound file.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0)


def _damage(why: str) -> sqlite3.Error:
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) & 0xFF in _DAMAGE


def _set_aside(path: str) -> str:
    """Rename file and log. The log goes first: SQLite would play one that stays behind into the new file."""
    number = 1
    while any(os.path.lexists(f"{path}.broken-{number}{end}") for end in ("", "-wal")):
        number += 1
    aside = f"{path}.broken-{number}"
    try:
        for end in ("-wal", "-journal", ""):
            with contextlib.suppress(FileNotFoundError):
                os.rename(path + end, aside + end)
        Path(path + "-shm").unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(
            f"the ledger '{path}' is damaged and cannot be set aside: {error.strerror}",
            hint="remove it by hand: only time is lost",
        ) from error
    return aside
