"""A damaged ledger: truncated, overwritten, foreign. A clear word, nothing intact lost without need, and it goes on."""

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from riverrun.errors import LedgerError
from riverrun.ledger import Access, Condition, Ledger
from riverrun.model.fact import Kind, Made
from riverrun.model.trace import ActionKey, Attempted, RunRecord, Trace


def key(number: int) -> ActionKey:
    return ActionKey(number.to_bytes(32, "big"))


def trace(number: int) -> Trace:
    made = Made(f"out/{number}", f"{number}", Kind.FILE, number.to_bytes(32, "big"), number)
    return Trace(0, key(number), f"s{number}", (made,), (("command", "", "x" * 300),), "r", 1.5, 0.25, "none")


def written(path: Path) -> tuple[bytes, dict[ActionKey, list[Trace]]]:
    """A small ledger with something in every table: its bytes, and its traces."""
    with Ledger.open(str(path), Access.WRITE) as ledger:
        recorded = ledger.record([trace(number) for number in range(1, 40)])
        ledger.begin_run(RunRecord("r", 1.0, None, "run", "stat", {}))
        ledger.note_attempts([Attempted("r", "s1", "repaired", "ran", 0.5, ())])
        ledger.set_matches({"*": ("a", "b")})
    return path.read_bytes(), {each.key: [each] for each in recorded}


def everything(ledger: Ledger) -> dict[ActionKey, list[Trace]]:
    """Ask every question; the traces go out."""
    ledger.placed()
    ledger.runs()
    ledger.unfinished()
    ledger.attempts()
    ledger.attempts(step="s1", run="r")
    ledger.matches()
    ledger.seconds(["s1", "s2"])
    ledger.latest("s1", ["out/1"])
    ledger.outdated(20)
    return ledger.traces_of([key(number) for number in range(50)])


def check(path: Path, sound: dict[ActionKey, list[Trace]]) -> None:
    """Whatever stands at `path`: no crash, nothing invented, a word where something is lost, and it works again."""
    with Ledger.open(str(path), Access.READ) as ledger:
        found = everything(ledger)
        assert found.items() <= sound.items()
    with Ledger.open(str(path), Access.WRITE) as ledger:
        found = everything(ledger)
        assert found.items() <= sound.items()
        if not found:
            assert "only time is lost" in ledger.note
            assert str(path) in ledger.note
        (again,) = ledger.record([trace(100)])
        ledger.begin_run(RunRecord("r2", 1.0, None, "run", "stat", {}))
        ledger.set_matches({"*": ("a",)})
        everything(ledger)
        list(ledger.blobs())
        if ledger.traces(key(100)):
            assert ledger.traces(key(100)) == [again]
    with Ledger.open(str(path), Access.WRITE) as ledger:
        ledger.record([trace(101)])
        assert len(ledger.traces(key(101))) == 1
        assert not any(name.endswith("-shm") and "broken" in name for name in os.listdir(path.parent))


def clear(folder: Path) -> None:
    for name in os.listdir(folder):
        (folder / name).unlink()


def test_truncated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    whole, sound = written(path)
    for length in sorted({0, 1, 15, 16, 99, 100, 101, len(whole) - 1, *range(0, len(whole), 1499)}):
        clear(tmp_path)
        path.write_bytes(whole[:length])
        check(path, sound)
        assert length < 15 or any(".broken-1" in name for name in os.listdir(tmp_path)), length


def test_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    whole, sound = written(path)
    chance = random.Random(1)
    for start in range(0, len(whole), 997):
        clear(tmp_path)
        damaged = bytearray(whole)
        damaged[start : start + 64] = chance.randbytes(len(damaged[start : start + 64]))
        path.write_bytes(damaged)
        try:
            check(path, sound)
        except LedgerError as error:  # the bytes that say which schema it is
            assert "newer riverrun" in str(error)
            assert start < 100


def test_truncated_log_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(str(path), Access.WRITE)
    recorded = [ledger.record([trace(number)])[0] for number in range(1, 5)]
    main, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    ledger.close()
    sound = {each.key: [each] for each in recorded}
    for length in range(0, len(log), 1499):
        clear(tmp_path)
        path.write_bytes(main)
        Path(f"{path}-wal").write_bytes(log[:length])
        with Ledger.open(str(path), Access.WRITE) as again:
            found = everything(again)
            # What was written first is there whenever what was written later is.
            assert sorted(found) == sorted(sound)[: len(found)]
            again.record([trace(100)])
            assert len(again.traces(key(100))) == 1


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id)")
    connection.close()


def trigger(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TRIGGER t AFTER INSERT ON trace BEGIN DELETE FROM trace; END")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [foreign, trigger, lambda path: path.write_bytes(b"no database at all " * 99)],
    ids=["sqlite", "trigger", "text"],
)
def test_not_ours(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "ledger.db"
    if damage is trigger:
        written(path)
    for number in (1, 2):
        damage(path)
        before = path.read_bytes()
        with Ledger.open(str(path), Access.READ) as ledger:
            assert ledger.condition is Condition.BROKEN
            with pytest.raises(LedgerError, match="cannot be read"):
                list(ledger.blobs())
        with Ledger.open(str(path), Access.WRITE) as ledger:
            assert ledger.condition is Condition.BROKEN
            assert f"ledger.db.broken-{number}" in ledger.note
            assert everything(ledger) == {}
        assert Path(f"{path}.broken-{number}").read_bytes() == before


def test_damage_that_shows_during_work(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    written(path)
    ledger = Ledger.open(str(path), Access.WRITE)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * (path.stat().st_size - 4096))
    ledger.record([trace(200)])
    assert len(ledger.traces(key(200))) == 1
    assert "set aside" in ledger.note
    ledger.close()


def test_one_unreadable_row(tmp_path: Path) -> None:
    """The others stay; gc of another workspace does not guess, gc of this one removes it."""
    path = tmp_path / "ledger.db"
    _, sound = written(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE trace SET outputs = substr(outputs, 1, length(outputs) - 1) WHERE id = 3")
    connection.execute("UPDATE trace SET step = 7 WHERE id = 4")
    connection.commit()
    connection.close()
    with Ledger.open(str(path), Access.READ) as ledger:
        found = everything(ledger)
        assert set(sound) - set(found) == {key(3), key(4)}
        assert "trace 3" in ledger.note
        with pytest.raises(LedgerError, match="cannot be read"):
            list(ledger.blobs())
    with Ledger.open(str(path), Access.WRITE) as ledger:
        assert (key(3), 3) not in set(ledger.blobs())
    with Ledger.open(str(path), Access.READ) as ledger:
        assert len(set(ledger.blobs())) == len(sound) - 1
