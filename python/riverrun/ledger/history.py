"""What is remembered of runs: beginnings, ends and attempts come in, and go out newest first. No decision needs it."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from riverrun.ledger.codec import CodecError, decode, decode_number, decode_text, encode, encode_text
from riverrun.ledger.file import Durability, LedgerFile
from riverrun.model.trace import Attempted, RunRecord

KEPT_RUNS = 20  # as many as logs are kept for

_RUN = "id, started, ended, command, level, counts, interrupted"
_ATTEMPT = "run, step, outcome, action, seconds, reasons, log"


class History:
    """The part of the ledger that people ask about: runs, attempts, and what the patterns matched at the last run."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def begin_run(self, run: RunRecord) -> None:
        """Durable at once: after a kill, the run's id is what its processes are found by (rule 14)."""
        row = (
            encode_text(run.id),
            run.started,
            run.ended,
            encode_text(run.command),
            encode_text(run.check),
            encode(run.counts, b""),
            int(run.interrupted),
        )
        self._file.write(
            lambda connection: connection.execute(
                f"INSERT OR REPLACE INTO run ({_RUN}) VALUES (?, ?, ?, ?, ?, ?, ?)", row
            ),
            Durability.NOW,
        )

    def end_run(self, run: str, *, ended: float, counts: Mapping[str, int], interrupted: bool) -> None:
        row = (ended, encode(dict(counts), b""), int(interrupted), encode_text(run))
        self._file.write(
            lambda connection: connection.execute(
                "UPDATE run SET ended = ?, counts = ?, interrupted = ? WHERE id = ?", row
            ),
            Durability.LATER,
        )

    def note_attempts(self, attempts: Sequence[Attempted]) -> None:
        rows = [
            (
                encode_text(each.run),
                encode_text(each.step),
                encode_text(each.outcome),
                encode_text(each.action),
                each.seconds,
                encode(each.reasons, b""),
                encode_text(each.log),
            )
            for each in attempts
        ]
        if rows:
            self._file.write(
                lambda connection: connection.executemany(
                    f"INSERT INTO attempt ({_ATTEMPT}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
                ),
                Durability.LATER,
            )

    def runs(self, limit: int = KEPT_RUNS) -> list[RunRecord]:
        """Newest first."""
        return self._runs("TRUE", limit)

    def unfinished(self) -> list[RunRecord]:
        """Runs that never ended: killed, or going on beside this one."""
        return self._runs("ended IS NULL", -1)

    def _runs(self, which: str, limit: int) -> list[RunRecord]:
        found = []
        for row in self._all(f"SELECT {_RUN} FROM run WHERE {which} ORDER BY number DESC LIMIT ?", (limit,)):
            try:
                found.append(_read_run(row))
            except CodecError as error:
                self._file.add_note(f"a run in the history cannot be read ({error}) and is left out")
        return found

    def attempts(
        self, *, step: str | None = None, run: str | None = None, limit: int = 1000
    ) -> list[Attempted]:
        """Newest first; of one step, of one run, or of all."""
        wanted = [
            (column, encode_text(value))
            for column, value in (("step", step), ("run", run))
            if value is not None
        ]
        which = " AND ".join(f"{column} = ?" for column, _ in wanted) or "TRUE"
        values = [value for _, value in wanted]
        found = []
        for row in self._all(
            f"SELECT {_ATTEMPT} FROM attempt WHERE {which} ORDER BY number DESC LIMIT ?", [*values, limit]
        ):
            try:
                found.append(_read_attempt(row))
            except CodecError as error:
                self._file.add_note(f"an attempt in the history cannot be read ({error}) and is left out")
        return found

    def keep_runs(self, count: int = KEPT_RUNS) -> list[str]:
        """Forget older runs, but no traces; the paths of their logs go out, to be removed."""
        old = "SELECT id FROM run ORDER BY number DESC LIMIT -1 OFFSET ?"

        def change(connection: sqlite3.Connection) -> list[Any]:
            logs = connection.execute(
                f"SELECT DISTINCT log FROM attempt WHERE length(log) > 0 AND run IN ({old}) ORDER BY number",
                (count,),
            ).fetchall()
            connection.execute(f"DELETE FROM attempt WHERE run IN ({old})", (count,))
            connection.execute(f"DELETE FROM run WHERE id IN ({old})", (count,))
            return [log for (log,) in logs]

        return [
            decode_text(log) for log in self._file.write(change, Durability.LATER) if isinstance(log, bytes)
        ]

    def matches(self) -> dict[str, tuple[str, ...]]:
        """Pattern -> sources that it matched at the last run (rule 13)."""
        found = {}
        for pattern, column in self._all("SELECT pattern, paths FROM matched", ()):
            try:
                paths = decode(column, pattern)
                if type(paths) is not list or any(type(path) is not str for path in paths):
                    raise CodecError("not a list of paths")
                found[decode_text(pattern)] = tuple(paths)
            except (CodecError, TypeError):
                self._file.add_note(
                    f"what {pattern!r} matched at the last run cannot be read: vanished sources go unnamed"
                )
        return found

    def set_matches(self, matches: Mapping[str, Sequence[str]]) -> None:
        """Replace them all."""
        rows = []
        for pattern, paths in matches.items():
            name = encode_text(pattern)
            rows.append((name, encode(list(paths), name)))

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM matched")
            connection.executemany("INSERT INTO matched (pattern, paths) VALUES (?, ?)", rows)

        self._file.write(change, Durability.LATER)

    def _all(self, asked: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._file.read(lambda connection: connection.execute(asked, values).fetchall())


def _read_run(row: Sequence[Any]) -> RunRecord:
    run, started, ended, command, level, column, interrupted = row
    counts = decode(column, b"")
    if type(counts) is not dict or any(type(count) is not int for count in counts.values()):
        raise CodecError("not counts")
    return RunRecord(
        id=decode_text(run),
        started=decode_number(started),
        ended=None if ended is None else decode_number(ended),
        command=decode_text(command),
        check=decode_text(level),
        counts=counts,
        interrupted=bool(interrupted),
    )


def _read_attempt(row: Sequence[Any]) -> Attempted:
    run, step, outcome, action, seconds, column, log = row
    reasons = decode(column, b"")
    if type(reasons) is not list or any(type(reason) is not dict for reason in reasons):
        raise CodecError("not reasons")
    return Attempted(
        run=decode_text(run),
        step=decode_text(step),
        outcome=decode_text(outcome),
        action=decode_text(action),
        seconds=decode_number(seconds),
        reasons=tuple(reasons),
        log=decode_text(log),
    )
