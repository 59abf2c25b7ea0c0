"""Traces and what they placed: finished actions come in, and go out by key, by step or by path."""

import contextlib
import math
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from riverrun.errors import LedgerError
from riverrun.ledger.codec import (
    CodecError,
    KeptDescription,
    decode_number,
    decode_outputs,
    decode_text,
    encode_description,
    encode_outputs,
    encode_text,
)
from riverrun.ledger.file import LOST, Access, Condition, Durability, LedgerFile
from riverrun.model.fact import Made
from riverrun.model.trace import ActionKey, Trace

QUESTION = 500  # values in one SQL question; SQLite before 3.32 takes no more than 999
PAGE = 2000  # traces read at once where all are wanted

_COLUMNS = "id, key, step, run, started, seconds, containment, log, outputs, description"
_PLACED = "path, kind, digest, ifnull(trace, 0)"

K = TypeVar("K")


class Placed(NamedTuple):
    """What riverrun last put at a path of the workspace, and for which trace (0: none that is still known)."""

    kind: str
    digest: bytes
    trace: int


class Placing(NamedTuple):
    """What was put at a path just now."""

    path: str
    kind: str
    digest: bytes
    trace: int


class Traces:
    """The part of the ledger that says what made what."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def traces(self, key: ActionKey) -> list[Trace]:
        """All traces of a key, newest first."""
        return self.traces_of((key,)).get(key, [])

    def traces_of(self, keys: Sequence[ActionKey]) -> dict[ActionKey, list[Trace]]:
        """As `traces` for many keys; keys without a trace are left out."""
        found: dict[ActionKey, list[Trace]] = {}
        rows = self._chosen(
            keys, lambda marks: f"SELECT {_COLUMNS} FROM trace WHERE key IN ({marks}) ORDER BY id DESC"
        )
        for row in rows:
            trace = self._read(row)
            if trace is not None:
                found.setdefault(trace.key, []).append(trace)
        return found

    def latest(self, step: str, outputs: Sequence[str]) -> Trace | None:
        """The newest trace which placed these paths, else the newest of this step: to compare with, not to decide."""
        placed = self._chosen(
            [encode_text(path) for path in outputs],
            lambda marks: (
                f"SELECT {_COLUMNS} FROM trace WHERE id IN (SELECT trace FROM placed WHERE path IN ({marks})) "
                "ORDER BY id DESC LIMIT 1"
            ),
        )
        named = f"SELECT {_COLUMNS} FROM trace WHERE step = ? ORDER BY id DESC LIMIT 1"
        for row in sorted(placed, key=lambda row: -row[0]) or self._all(named, (encode_text(step),)):
            trace = self._read(row)
            if trace is not None:
                return trace
        return None

    def recorded_seconds(self, steps: Sequence[str]) -> dict[str, float]:
        """How long these steps took when they last ran; of unknown ones nothing is said."""
        rows = self._chosen(
            [encode_text(step) for step in steps],
            lambda marks: f"SELECT step, seconds FROM trace WHERE step IN ({marks}) ORDER BY id",
        )
        found = {}
        for step, seconds in rows:
            with contextlib.suppress(CodecError):
                if isinstance(seconds, float) and 0 <= seconds < math.inf:
                    found[decode_text(step)] = seconds
        return found

    def record(self, traces: Sequence[Trace]) -> list[Trace]:
        """Write traces and what they placed, all or none; durable on return. The bytes they claim must be durable before.

        A trace takes the place of an older one of the same key and outputs: a step that always runs must not fill the disk.
        """

        def change(connection: sqlite3.Connection) -> list[Trace]:
            recorded = [
                replace(trace, id=_insert(connection, row)) for trace, row in zip(traces, rows, strict=True)
            ]
            connection.executemany(
                "DELETE FROM trace WHERE key = ? AND outputs = ? AND id < ?",
                [(row[0], row[7], trace.id) for trace, row in zip(recorded, rows, strict=True)],
            )
            _put(
                connection,
                [
                    Placing(made.path, made.kind.value, made.digest, trace.id)
                    for trace in recorded
                    for made in trace.outputs
                ],
            )
            return recorded

        try:
            rows = [_row(trace) for trace in traces]
        except CodecError as error:
            raise LedgerError(f"a trace cannot be recorded: {error}") from error
        return self._file.write(change, Durability.NOW) if traces else []

    def placed(self) -> dict[str, Placed]:
        """Path -> what riverrun last put there."""
        return self._placed(self._all(f"SELECT {_PLACED} FROM placed", ()))

    def placed_at(self, paths: Iterable[str]) -> dict[str, Placed]:
        """As `placed`, of these paths; those where it put nothing are left out."""
        names = [encode_text(path) for path in paths]
        return self._placed(
            self._chosen(names, lambda marks: f"SELECT {_PLACED} FROM placed WHERE path IN ({marks})")
        )

    def _placed(self, rows: Iterable[Sequence[Any]]) -> dict[str, Placed]:
        found = {}
        for path, kind, digest, trace in rows:
            try:
                found[decode_text(path)] = Placed(decode_text(kind), bytes(digest), int(trace))
            except (CodecError, TypeError, ValueError):
                self._file.add_note(f"what was placed at {path!r} cannot be read; {LOST}")
        return found

    def place(self, placings: Sequence[Placing]) -> None:
        """Note what was restored."""
        if placings:
            self._file.write(lambda connection: _put(connection, placings), Durability.NOW)

    def unplace(self, paths: Sequence[str]) -> None:
        """Forget what lies at these paths: it is no longer there, or no longer ours."""
        rows = [(encode_text(path),) for path in paths]
        if rows:
            self._file.write(
                lambda connection: connection.executemany("DELETE FROM placed WHERE path = ?", rows),
                Durability.NOW,
            )

    def forget(self, traces: Iterable[int]) -> None:
        """Remove traces, durably, so that their bytes may go after them. What they placed stays noted as ours."""
        rows = [(trace,) for trace in traces]
        if rows:
            self._file.write(
                lambda connection: connection.executemany("DELETE FROM trace WHERE id = ?", rows),
                Durability.NOW,
            )

    def outdated(self, runs: int) -> list[int]:
        """Ids of traces of which nothing lies in the workspace, made by none of the last so many runs: gc may forget them."""
        asked = (
            "SELECT id FROM trace WHERE id NOT IN (SELECT trace FROM placed WHERE trace IS NOT NULL) "
            "AND run NOT IN (SELECT id FROM run ORDER BY number DESC LIMIT ?) ORDER BY id"
        )
        return [int(row[0]) for row in self._all(asked, (max(runs, 0),))]

    def blobs(self, without: Collection[int] = ()) -> Iterator[tuple[bytes, int]]:
        """(strong digest, size) of all bytes that a trace may want restored, some more than once; `without` some traces.

        For gc: what cannot be read raises, as it may want anything. Open to write, an unreadable trace is removed
        instead, durably: then no one wants its bytes.
        """
        yield from self._blobs("TRUE", frozenset(without))

    def current_blobs(self) -> Iterator[tuple[bytes, int]]:
        """As `blobs`, of the traces of which something lies in the workspace."""
        yield from self._blobs("id IN (SELECT trace FROM placed)", frozenset())

    def _blobs(self, which: str, without: frozenset[int]) -> Iterator[tuple[bytes, int]]:
        last = 0
        asked = f"SELECT id, key, outputs FROM trace WHERE id > ? AND {which} ORDER BY id LIMIT {PAGE}"
        while True:
            rows = self._all(asked, (last,))
            if self._file.condition is Condition.BROKEN and self._file.access is Access.READ:
                hint = "run riverrun in its workspace"
                raise LedgerError(f"the ledger '{self._file.path}' cannot be read", hint=hint)
            if not rows:
                return
            last = rows[-1][0]
            for trace, key, column in rows:
                if trace not in without:
                    for made in self._outputs_or_nothing(trace, key, column):
                        yield from made.blobs()

    def _outputs_or_nothing(self, trace: int, key: Any, column: Any) -> tuple[Made, ...]:
        try:
            return decode_outputs(column, _key(key))
        except CodecError as error:
            if self._file.access is Access.READ:
                raise LedgerError(
                    f"a trace in the ledger '{self._file.path}' cannot be read",
                    hint="run 'riverrun cache gc' in its workspace",
                ) from error
            self._file.add_note(f"trace {trace} could not be read and was removed; {LOST}")
            self.forget((trace,))
            return ()

    def _read(self, row: Sequence[Any]) -> Trace | None:
        """An undecodable row counts as absent: its step is judged as if it had never run."""
        try:
            identity, key, step, run, started, seconds, containment, log, outputs, description = row
            salt = _key(key)
            return Trace(
                id=identity,
                key=salt,
                step=decode_text(step),
                outputs=decode_outputs(outputs, salt),
                description=KeptDescription(description, salt),
                run=decode_text(run),
                started=decode_number(started),
                seconds=decode_number(seconds),
                containment=decode_text(containment),
                log=decode_text(log),
            )
        except CodecError as error:
            self._file.add_note(f"trace {row[0]} cannot be read ({error}) and counts as absent; {LOST}")
            return None

    def seconds(self, names: Sequence[str]) -> dict[str, float]:
        """Step -> how long it took when last it made its outputs."""
        rows = self._chosen(
            [encode_text(name) for name in names],
            # With max(), SQLite takes the other columns from the row that has it.
            lambda marks: f"SELECT step, seconds, max(id) FROM trace WHERE step IN ({marks}) GROUP BY step",
        )
        return {decode_text(step): seconds for step, seconds, _ in rows if isinstance(seconds, (int, float))}

    def _all(self, asked: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._file.read(lambda connection: connection.execute(asked, values).fetchall())

    def _chosen(self, values: Sequence[K], asked: Callable[[str], str]) -> Iterator[tuple[Any, ...]]:
        distinct = list(dict.fromkeys(values))
        for start in range(0, len(distinct), QUESTION):
            some = distinct[start : start + QUESTION]
            yield from self._all(asked(",".join("?" * len(some))), some)


def _key(column: Any) -> ActionKey:
    if not isinstance(column, bytes):
        raise CodecError("not a key")
    return ActionKey(column)


def _row(trace: Trace) -> tuple[Any, ...]:
    return (
        trace.key,
        encode_text(trace.step),
        encode_text(trace.run),
        trace.started,
        trace.seconds,
        encode_text(trace.containment),
        encode_text(trace.log),
        encode_outputs(trace.outputs, trace.key),
        encode_description(trace.description, trace.key),
    )


def _insert(connection: sqlite3.Connection, row: tuple[Any, ...]) -> int:
    names = _COLUMNS.removeprefix("id, ")
    inserted = connection.execute(f"INSERT INTO trace ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert inserted.lastrowid is not None
    return inserted.lastrowid


def _put(connection: sqlite3.Connection, placings: Iterable[Placing]) -> None:
    connection.executemany(
        # A trace that was replaced or forgotten meanwhile is no longer referred to.
        "INSERT INTO placed (path, kind, digest, trace) VALUES (?, ?, ?, (SELECT id FROM trace WHERE id = ?)) "
        "ON CONFLICT (path) DO UPDATE SET kind = excluded.kind, digest = excluded.digest, trace = excluded.trace",
        [(encode_text(path), encode_text(kind), digest, trace) for path, kind, digest, trace in placings],
    )
