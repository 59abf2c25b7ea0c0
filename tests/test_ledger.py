"""The ledger: what goes in comes out; damage costs rows, never a crash."""

import contextlib
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.errors import LedgerError
from riverrun.ledger import Access, Condition, Ledger, Placing, codec
from riverrun.model.fact import Entry, Kind, Made
from riverrun.model.trace import ActionKey, Attempted, RunRecord, Trace

ODD = os.fsdecode(b"d\xc3\xa9j\xe0/\xff vu\n")


def key(number: int) -> ActionKey:
    return ActionKey(number.to_bytes(32, "big"))


def trace(number: int, *, step: str = "count@a", outputs: tuple[Made, ...] = (), run: str = "r1") -> Trace:
    made = outputs or (Made(f"out/{number}", f"{number}", Kind.FILE, number.to_bytes(32, "big"), number),)
    description = (("command", "", f"cat {ODD} {number}"), ("input", ODD, "ab"))
    return Trace(0, key(number), step, made, description, run, 1.5, 0.25, "none", "logs/x.log")


FOLDER = Made(
    ODD,
    "shown/",
    Kind.FOLDER,
    b"m" * 32,
    7,
    (
        Entry("a", Kind.FILE, b"a" * 32, b"", 3),
        Entry(ODD, Kind.EXEC, b"b" * 32, b"", 4),
        Entry("l", Kind.LINK, b"", b"\xfftarget", 0),
        Entry("empty", Kind.FOLDER),
    ),
)


def test_what_is_recorded_is_found_again(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff %20/ledger.db")
    with Ledger.open(path, Access.WRITE) as ledger:
        assert (ledger.note, ledger.condition) == ("", Condition.MISSING)
        first, second = ledger.record([trace(1), trace(2, step="fold", outputs=(FOLDER,))])
        other = ledger.record([replace(trace(1), outputs=(Made("x", "x", Kind.EXEC, b"x" * 32, 5),))])[0]
    for access in Access:
        with Ledger.open(path, access) as ledger:
            assert ledger.condition is Condition.SOUND
            assert ledger.traces(key(1)) == [other, first]  # newest first
            assert ledger.traces(key(3)) == []
            assert ledger.traces_of([key(2), key(2), key(9)]) == {key(2): [second]}
            assert ledger.traces(key(2))[0].description == trace(2).description
            assert ledger.placed() == {
                "out/1": ("file", key(1), first.id),
                ODD: ("folder", b"m" * 32, second.id),
                "x": ("exec", b"x" * 32, other.id),
            }
            assert set(ledger.blobs()) == {(key(1), 1), (b"a" * 32, 3), (b"b" * 32, 4), (b"x" * 32, 5)}
            assert ledger.seconds(["fold", "count@a", "unknown"]) == {"fold": 0.25, "count@a": 0.25}
            assert ledger.note == ""


def test_latest_is_what_placed_the_paths_then_what_has_the_name(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "l"), Access.WRITE) as ledger:
        old, renamed = ledger.record([trace(1, step="a"), trace(2, step="b")])
        assert ledger.latest("a", ["out/2"]) == renamed
        assert ledger.latest("a", ["new"]) == old
        assert ledger.latest("c", ["new"]) is None
        assert ledger.latest("a", []) == old


def test_a_trace_replaces_its_like_and_forgetting_keeps_what_was_placed(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "l"), Access.WRITE) as ledger:
        old, kept = ledger.record([trace(1), trace(2)])
        (new,) = ledger.record([trace(1, run="r2")])
        assert new.id > old.id
        assert ledger.traces(key(1)) == [new]
        ledger.place(
            [Placing("again", "file", b"q" * 32, kept.id), Placing("late", "file", b"r" * 32, old.id)]
        )
        ledger.unplace(["out/2", "never there"])
        assert {path: placed.trace for path, placed in ledger.placed().items()} == {
            "out/1": new.id,
            "again": kept.id,
            "late": 0,
        }
        assert ledger.placed_at(["again", "nowhere"]) == {"again": ("file", b"q" * 32, kept.id)}
        ledger.unplace(["again"])
        assert ledger.outdated(20) == ledger.outdated(0) == [kept.id]
        ledger.begin_run(RunRecord("r1", 1.0, None, "run", "stat", {}))
        assert (ledger.outdated(1), ledger.outdated(0)) == ([], [kept.id])
        assert list(ledger.blobs(without=[kept.id])) == [(key(1), 1)]
        assert list(ledger.current_blobs()) == [(key(1), 1)]
        ledger.forget([new.id, kept.id])
        assert list(ledger.blobs()) == []
        assert ledger.placed()["out/1"] == ("file", key(1), 0)


def test_runs_attempts_and_matches(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "l"), Access.WRITE) as ledger:
        for number in range(5):
            ledger.begin_run(RunRecord(f"r{number}", float(number), None, f"run {ODD}", "stat", {}))
            ledger.note_attempts(
                [
                    Attempted(
                        f"r{number}",
                        "a",
                        "repaired",
                        "ran",
                        0.5,
                        ({"kind": "first_run"},),
                        f"logs/r{number}/a",
                    ),
                    Attempted(f"r{number}", "b", "kept", "none", 0.0, ()),
                ]
            )
            if number != 3:
                ledger.end_run(f"r{number}", ended=9.0, counts={"kept": number}, interrupted=number == 4)
        assert [run.id for run in ledger.runs(2)] == ["r4", "r3"]
        assert ledger.runs(1) == [
            RunRecord("r4", 4.0, 9.0, f"run {ODD}", "stat", {"kept": 4}, interrupted=True)
        ]
        assert [run.id for run in ledger.unfinished()] == ["r3"]
        assert [each.run for each in ledger.attempts(step="a", limit=2)] == ["r4", "r3"]
        assert [each.step for each in ledger.attempts(run="r1")] == ["b", "a"]
        assert ledger.attempts(step="a", run="r1")[0].reasons == ({"kind": "first_run"},)
        assert sorted(ledger.keep_runs(2)) == ["logs/r0/a", "logs/r1/a", "logs/r2/a"]
        assert ledger.keep_runs(2) == []
        assert {each.run for each in ledger.attempts()} == {"r3", "r4"}
        ledger.set_matches({"gone": ("x",)})
        ledger.set_matches({"logs/{day}.csv": ("logs/a", ODD), "empty": ()})
        assert ledger.matches() == {"logs/{day}.csv": ("logs/a", ODD), "empty": ()}


def test_reading_what_is_missing_makes_nothing(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "l"), Access.READ) as ledger:
        assert (ledger.traces(key(1)), ledger.placed(), list(ledger.blobs()), ledger.note) == ([], {}, [], "")
        with pytest.raises(LedgerError, match="reading only"):
            ledger.record([trace(1)])
    assert os.listdir(tmp_path) == []


def test_readers_and_threads_beside_a_writer(tmp_path: Path) -> None:
    path = str(tmp_path / "l")
    with Ledger.open(path, Access.WRITE) as writer, Ledger.open(path, Access.READ) as reader:
        threads = [
            threading.Thread(
                target=lambda part=part: [writer.record([trace(part * 20 + i)]) for i in range(20)]
            )
            for part in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(reader.placed()) == len(writer.placed()) == 80


@contextlib.contextmanager
def as_no_one() -> Iterator[None]:
    """Without the rights of root, whom no mode stops."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_read_only_folder_can_be_read() -> None:
    with tempfile.TemporaryDirectory() as outer:  # pytest's own are closed to others
        os.chmod(outer, 0o755)
        path = os.path.join(outer, "f", "l")
        with Ledger.open(path, Access.WRITE) as ledger:
            (recorded,) = ledger.record([trace(1)])
        os.chmod(os.path.dirname(path), 0o555)
        try:
            with as_no_one():
                with Ledger.open(path, Access.READ) as ledger:
                    assert ledger.traces(key(1)) == [recorded]
                with pytest.raises(LedgerError, match="cannot be written") as refused:
                    Ledger.open(path, Access.WRITE).record([trace(2)])
                assert "writable" in refused.value.problems[0].hint
        finally:
            os.chmod(os.path.dirname(path), 0o755)


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "l"), Access.WRITE) as ledger:
        with pytest.raises(Exception, match="surrogates"):
            ledger.record([trace(1), replace(trace(2), step="\ud800")])
        assert ledger.placed() == {}


def test_a_hundred_thousand_keys(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "l"), Access.WRITE) as ledger:
        ledger.record([trace(number) for number in range(1, 20_001)])
        before = time.process_time()
        found = ledger.traces_of([key(number) for number in range(100_000)])
        assert len(found) == 20_000
        assert (
            time.process_time() - before < 5
        )  # a fraction of a second; this only tells quadratic from linear


paths = st.binary(min_size=1, max_size=20).map(os.fsdecode)
digests = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, (1 << 63) - 1)
entries = st.builds(Entry, paths, st.sampled_from(list(Kind)), digests, st.binary(max_size=9), sizes)
outputs = st.builds(
    Made, paths, paths, st.sampled_from(list(Kind)), digests, sizes, st.lists(entries).map(tuple)
)


@given(st.lists(outputs).map(tuple), st.lists(st.tuples(paths, paths, st.text())).map(tuple), st.binary())
def test_codec_gives_back_what_it_got(
    made: tuple[Made, ...], description: tuple[tuple[str, str, str], ...], salt: bytes
) -> None:
    column = codec.encode_outputs(made, salt)
    assert codec.decode_outputs(column, salt) == made
    assert codec.KeptDescription(codec.encode_description(description, salt), salt) == description
    for broken in (column[:-1], column + b" ", b"", column[:3], None, 7):
        with pytest.raises(codec.CodecError):
            codec.decode_outputs(broken, salt)
    with pytest.raises(codec.CodecError):
        codec.decode_outputs(column, salt + b"other key")


@pytest.mark.parametrize(
    "value",
    [
        {},
        [7],
        [[]],
        [["p", "s", "file", "00", 1, [], 2]],
        [["p", "s", "pickle", "00", 1]],
        [["p", "s", "file", "0", 1]],
        [["p", "s", "file", "00" * 65, 1]],
        [["p", "s", "file", "00", -1]],
        [["p", "s", "file", "00", True]],
        [["p", "s", "file", "00", 1 << 63]],
        [["p", "s", "file", "00", 1.0]],
        [[None, "s", "file", "00", 1]],
        [["p", "s", "folder", "00", 1, [["e", "file", "00", "00"]]]],
        [["p", "s", "folder", "00", 1, [["e", "link", "00", "zz", 1]]]],
    ],
)
def test_codec_is_strict(value: object) -> None:
    with pytest.raises(codec.CodecError):
        codec.decode_outputs(codec.encode(value, b""), b"")


def test_codec_limits_before_it_allocates(monkeypatch: pytest.MonkeyPatch) -> None:
    column = codec.encode("a" * 100_000, b"")
    assert len(column) < 1000
    monkeypatch.setattr(codec, "LARGEST_BODY", 1000)
    with pytest.raises(codec.CodecError, match="large"):
        codec.decode(column, b"")
    with pytest.raises(codec.CodecError, match="large"):
        codec.encode("a" * 100_000, b"")


def test_errors_of_the_disk_name_the_file_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "l", tmp_path / "folder"):
        with pytest.raises(LedgerError) as refused:
            Ledger.open(str(path), Access.WRITE)
        assert str(tmp_path) in str(refused.value)
        assert refused.value.problems[0].hint
    with Ledger.open(str(tmp_path / "l"), Access.WRITE) as ledger:
        ledger._file._connection.execute("PRAGMA max_page_count = 1")  # the disk is full
        with pytest.raises(LedgerError, match="no space") as refused:
            ledger.record([trace(number) for number in range(1000)])
        assert "gc" in refused.value.problems[0].hint
        assert ledger.placed() == {}


def test_a_newer_schema_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "l"
    Ledger.open(str(path), Access.WRITE).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for access in Access:
        with pytest.raises(LedgerError, match="newer riverrun") as refused:
            Ledger.open(str(path), access)
        assert "only time" in refused.value.problems[0].hint
    assert os.path.exists(path)
