"""gc: only what no workspace wants is removed; what cannot be asked wants everything."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from riverrun.errors import LedgerError, StoreError
from riverrun.store import Everything, Registered, Store, reachable
from test_store import LARGE, add, damage, found, name_of, opened

Blobs = Iterable[tuple[bytes, int]]


def names(contents: Sequence[bytes]) -> set[bytes]:
    return {name_of(content) for content in contents}


def gc(store: Store, keep: Sequence[bytes]) -> int:
    with store.alone():
        garbage = store.plan_gc(names(keep))
        store.collect(garbage)
        assert store.plan_gc(names(keep)).bytes == 0
    return garbage.bytes


def used(folder: Path) -> int:
    """Bytes below the folder, in blobs and packs."""
    return sum(
        path.stat().st_size
        for part in ("objects", "packs", "broken")
        for path in (folder / part).rglob("*.pack")
    ) + sum(
        path.stat().st_size
        for part in ("objects", "broken")
        for path in (folder / part).rglob("*")
        if path.is_file()
    )


SMALLS = [bytes([65 + number]) * 1000 for number in range(8)]
LARGES = [bytes([97 + number]) * LARGE for number in range(3)]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (SMALLS + LARGES, SMALLS + LARGES),
        ([], []),
        (LARGES[:1], LARGES[:1]),
        (SMALLS[:2], SMALLS[:2]),  # the pack is written anew
        (SMALLS[:6] + LARGES, SMALLS + LARGES),  # not worth it
    ],
    ids=["all", "none", "loose", "rewritten", "left"],
)
def test_what_goes_and_what_stays(tmp_path: Path, keep: list[bytes], left: list[bytes]) -> None:
    with opened(tmp_path) as store:
        add(store, SMALLS + LARGES)
    store = opened(tmp_path)
    before = used(tmp_path / "store")
    planned = store.plan_gc(names(keep))
    assert used(tmp_path / "store") == before  # planning removes nothing
    assert planned.digests == names(SMALLS + LARGES) - names(left)
    assert all(path.startswith(str(tmp_path / "store")) for path in planned.paths)
    freed = gc(store, keep)
    everything = SMALLS + LARGES
    for look in (store, opened(tmp_path)):
        assert found(look, everything) == [content in left for content in everything]
    assert abs(before - used(tmp_path / "store") - freed) <= 16  # but for the header of a new pack
    assert store.verify() == []


def test_broken_bytes_and_leftovers_go(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        add(store, SMALLS + LARGES)
    with opened(tmp_path) as store:
        damage(store.locate(name_of(SMALLS[0])))
        damage(store.locate(name_of(LARGES[0])))
        assert len(store.verify()) == 2
        assert store.stats().broken == 1
    packs = tmp_path / "store" / "packs"
    for name in ("gone.idx", "gone.bad", "x.idx.7.new"):
        (packs / name).write_bytes(b"")
    stale = tmp_path / "store" / "staging" / "7-abc"
    stale.mkdir()
    (stale / "copy").write_bytes(b"x")
    gc(store, SMALLS + LARGES)
    assert store.stats().broken == 0
    assert sorted(path.suffix for path in packs.iterdir()) == [".bad", ".idx", ".pack"]
    assert os.listdir(stale.parent) == []
    assert found(store, SMALLS + LARGES) == [False] + [True] * 7 + [False] + [True] * 2


def test_collecting_needs_to_be_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        add(store, SMALLS)
        garbage = store.plan_gc(set())
        with pytest.raises(StoreError, match="alone"):
            store.collect(garbage)
        with store.using(), pytest.raises(StoreError, match="alone"):
            store.collect(garbage)


def test_workspaces_register_once_and_move_with_a_store_inside(tmp_path: Path) -> None:
    odd = os.fsdecode(b"w\xff\n")
    store = opened(tmp_path, "one")
    for workspace in ("one", odd, "one"):
        with opened(tmp_path, workspace) as user, user.using():
            pass
    assert {(each.workspace, each.ledger) for each in store.registered()} == {
        (str(tmp_path / name), str(tmp_path / name / ".riverrun" / "ledger.db")) for name in ("one", odd)
    }
    assert store.stats().workspaces == 2

    inner = tmp_path / "inner"
    with Store.open(str(inner / ".riverrun" / "store"), str(inner)) as store, store.using():
        pass
    inner.rename(tmp_path / "moved")
    with (
        Store.open(str(tmp_path / "moved" / ".riverrun" / "store"), str(tmp_path / "moved")) as store,
        store.using(),
    ):
        (each,) = store.registered()
    assert each.workspace == str(tmp_path / "moved")
    assert each.ledger == str(tmp_path / "moved" / ".riverrun" / "ledger.db")


@pytest.mark.parametrize(
    "content", [b"", b"riverrun workspace 1", b"riverrun workspace 2\0/a\0/b", b"\0" * 9]
)
def test_a_card_that_cannot_be_read_stops_gc(tmp_path: Path, content: bytes) -> None:
    with opened(tmp_path) as store, store.using():
        (tmp_path / "store" / "workspaces" / "x").write_bytes(content)
        with pytest.raises(StoreError, match="workspaces/x"):
            store.registered()


def wants(*blobs: bytes) -> Callable[[], Blobs]:
    return lambda: [(blob, 1) for blob in blobs]


def refuses() -> Blobs:
    yield (b"a", 1)
    raise LedgerError("the ledger cannot be read")


def test_what_cannot_be_asked_wants_everything(tmp_path: Path) -> None:
    here = Registered(str(tmp_path), "ledger", "/store/workspaces/here")
    gone = Registered(str(tmp_path / "gone"), "ledger", "/store/workspaces/gone")
    reach = reachable([(here, wants(b"a", b"b")), (here, wants(b"b", b"c"))])
    assert (reach.keep, reach.unreadable) == ({b"a", b"b", b"c"}, ())
    for registered, claims, why in [(gone, wants(b"z"), "no such folder"), (here, refuses, "cannot be read")]:
        reach = reachable([(here, wants(b"a")), (registered, claims)])
        assert isinstance(reach.keep, Everything)
        ((workspace, told, todo),) = reach.unreadable
        assert workspace == registered.workspace
        assert why in told
        assert registered.card in todo
    with opened(tmp_path) as store:
        add(store, SMALLS + LARGES)
    shutil.copy(__file__, tmp_path / "store" / "broken" / "x")
    with store.alone():
        assert store.plan_gc(reach.keep).paths == ()
