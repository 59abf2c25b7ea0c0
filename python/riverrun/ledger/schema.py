"""The tables of the ledger: an open connection comes in, a ledger of the known schema goes out, or a word why not."""

import functools
import sqlite3
from enum import Enum

APPLICATION_ID = 0x72697672  # "rivr": tells our file from any other SQLite file
SCHEMA = 1

# Texts are kept as BLOB (see codec). No table may be dropped without a new SCHEMA.
TABLES = """
CREATE TABLE trace (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL,
    step BLOB NOT NULL,
    run BLOB NOT NULL,
    started REAL NOT NULL,
    seconds REAL NOT NULL,
    containment BLOB NOT NULL,
    log BLOB NOT NULL,
    outputs BLOB NOT NULL,
    description BLOB NOT NULL
);
CREATE INDEX trace_by_key ON trace (key, id);
CREATE INDEX trace_by_step ON trace (step, id);
CREATE TABLE placed (
    path BLOB PRIMARY KEY,
    kind BLOB NOT NULL,
    digest BLOB NOT NULL,
    trace INTEGER REFERENCES trace (id) ON DELETE SET NULL
) WITHOUT ROWID;
CREATE INDEX placed_by_trace ON placed (trace);
CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    started REAL NOT NULL,
    ended REAL,
    command BLOB NOT NULL,
    level BLOB NOT NULL,
    counts BLOB NOT NULL,
    interrupted INTEGER NOT NULL
);
CREATE TABLE attempt (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run BLOB NOT NULL,
    step BLOB NOT NULL,
    outcome BLOB NOT NULL,
    action BLOB NOT NULL,
    seconds REAL NOT NULL,
    reasons BLOB NOT NULL,
    log BLOB NOT NULL
);
CREATE INDEX attempt_by_run ON attempt (run, number);
CREATE INDEX attempt_by_step ON attempt (step, number);
CREATE TABLE matched (
    pattern BLOB PRIMARY KEY,
    paths BLOB NOT NULL
) WITHOUT ROWID;
"""
# An attempt does not refer to its run by a foreign key: a ledger made anew during a run does not know that run.


class Form(Enum):
    """What a file that SQLite can open turns out to be."""

    EMPTY = "empty"
    OURS = "ours"
    NEWER = "newer"
    FOREIGN = "foreign"


def form(connection: sqlite3.Connection) -> Form:
    """Whose file this is. Its schema must be ours to the letter: no view or trigger that someone put in is executed."""
    found = _objects(connection)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and version == 0 and not found:
        return Form.EMPTY
    if application != APPLICATION_ID:
        return Form.FOREIGN
    if version > SCHEMA:
        return Form.NEWER
    if version != SCHEMA or found != _expected():
        return Form.FOREIGN
    return Form.OURS


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def create(connection: sqlite3.Connection) -> None:
    """All tables and the marks in one transaction: a crash leaves an empty file, not half a ledger."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if form(connection) is Form.EMPTY:  # no one else was quicker
            for statement in TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _objects(connection: sqlite3.Connection) -> set[tuple[object, ...]]:
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@functools.cache
def _expected() -> set[tuple[object, ...]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.text_factory = bytes
    try:
        create(connection)
        return _objects(connection)
    finally:
        connection.close()
