"""The store: what is added is found again, by other processes only when it is durable; damage is found and set aside."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.errors import LockedError, StoreError
from riverrun.native import Hasher
from riverrun.store import Copy, Piece, Store, pack
from riverrun.store.blob import SMALL

LARGE = SMALL + 1
CONTENTS = [b"", b"a", b"b" * 1000, b"c" * SMALL, b"d" * LARGE, b"e" * 300_000]


def name_of(content: bytes) -> bytes:
    hasher = Hasher("blake3")
    hasher.update(content)
    return hasher.digest()


def add(store: Store, contents: Sequence[bytes]) -> None:
    copies = []
    for number, content in enumerate(contents):
        path = os.path.join(store.staging(), f"copy-{number}")
        Path(path).write_bytes(content)
        copies.append(Copy(name_of(content), len(content), path))
    store.add(copies)
    assert not any(name.startswith("copy-") for name in os.listdir(store.staging()))


def content_of(piece: Piece | None) -> bytes | None:
    if piece is None:
        return None
    with open(piece.path, "rb") as file:
        file.seek(piece.offset)
        return file.read(piece.length)


def found(store: Store, contents: Sequence[bytes]) -> list[bool]:
    """Which of these are in the store, as they should be."""
    pieces = [content_of(store.locate(name_of(content))) for content in contents]
    assert all(piece in (None, content) for piece, content in zip(pieces, contents, strict=True))
    return [piece is not None for piece in pieces]


def opened(tmp_path: Path, workspace: str = "workspace") -> Store:
    (tmp_path / workspace).mkdir(exist_ok=True)
    return Store.open(str(tmp_path / "store"), str(tmp_path / workspace))


def test_what_is_added_is_found_again(tmp_path: Path) -> None:
    with opened(tmp_path) as store, opened(tmp_path) as other:
        add(store, CONTENTS)
        add(store, CONTENTS)  # known by now: the copies are dropped
        assert found(store, CONTENTS) == [True] * 6
        assert found(other, CONTENTS) == [False] * 6  # not durable yet
        store.sync()
        assert os.listdir(store.staging()) == []
        assert found(store, CONTENTS) == [True] * 6
        assert found(other, CONTENTS) == [False] * 4 + [True] * 2  # the pack grows still
    with opened(tmp_path) as store:
        assert found(store, CONTENTS) == [True] * 6
        assert store.missing([name_of(b"a"), name_of(b"x")]) == {name_of(b"x")}
        stats = store.stats()
        assert (stats.blobs, stats.packs, stats.loose, stats.workspaces) == (6, 1, 2, 1)
        assert stats.bytes == sum(map(len, CONTENTS))
        assert store.verify() == []
    for folder, _, names in os.walk(tmp_path / "store" / "objects"):
        assert all(os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o444 for name in names)
    assert os.listdir(tmp_path / "store" / "staging") == []


def test_looking_makes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert not store.has(b"x" * 32)
        assert store.locate(b"x" * 32) is None
        assert store.registered() == []
        assert store.stats().blobs == 0
        assert "free on its disk" in store.refusal(1 << 62)
    assert os.listdir(tmp_path) == ["workspace"]


def test_a_full_store_takes_no_more_copies(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store"), str(tmp_path / "workspace"), most=100_000) as store:
        add(store, [b"x" * 70_000])
        assert store.refusal(0) == ""
        add(store, [b"y" * 40_000])
        assert "max_size of 100000 bytes" in store.refusal(0)


def test_a_pack_of_another_is_found_when_it_is_sealed(tmp_path: Path) -> None:
    with opened(tmp_path) as other:
        with opened(tmp_path) as store:
            add(store, [b"one"])
            store.sync()
            assert not other.has(name_of(b"one"))
        assert other.has(name_of(b"one"))


def test_a_copy_of_another_size_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for size in (3, LARGE):
            path = os.path.join(store.staging(), "copy")
            Path(path).write_bytes(b"short")
            with pytest.raises(StoreError, match="5 bytes"):
                store.add([Copy(b"x" * 32, size, path)])


@pytest.mark.parametrize("content", [b"small", b"l" * LARGE])
def test_move_in(tmp_path: Path, content: bytes) -> None:
    def placed() -> str:
        (tmp_path / "out").unlink(missing_ok=True)
        (tmp_path / "out").write_bytes(content)
        return str(tmp_path / "out")

    digest = name_of(content)
    with opened(tmp_path) as store:
        os.symlink(placed(), tmp_path / "link")
        assert not store.move_in(str(tmp_path / "link"), digest, len(content))
        assert not store.move_in(str(tmp_path / "nowhere"), digest, len(content))
        assert not store.move_in(placed(), digest, len(content) + 1)
        os.link(placed(), tmp_path / "second name")
        assert store.move_in(str(tmp_path / "out"), digest, len(content))
        assert (tmp_path / "second name").read_bytes() == content
        assert (tmp_path / "second name").stat().st_mode & 0o222  # the store has bytes of its own
        store.sync()
        assert found(store, [content]) == [True]
        again = content[:-1] + b"."
        Path(placed()).write_bytes(again)
        assert store.move_in(str(tmp_path / "out"), name_of(again), len(again))
        assert os.path.exists(tmp_path / "out") == (len(content) <= SMALL)
        assert store.move_in(placed(), digest, len(content))  # known already
        store.sync()
        assert found(store, [content, again]) == [True, True]
    with opened(tmp_path) as store:
        assert found(store, [content, again]) == [True, True]
        assert store.verify() == []


@pytest.mark.parametrize("content", [b"small", b"l" * LARGE])
def test_broken_bytes_are_set_aside_and_can_be_added_anew(tmp_path: Path, content: bytes) -> None:
    digest = name_of(content)
    with opened(tmp_path) as store:
        add(store, [content, b"other", b"m" * LARGE])
    with opened(tmp_path) as store:
        assert not store.set_aside(digest)  # they are right
        assert not store.set_aside(b"x" * 32)
        damage(store.locate(digest))
        assert store.set_aside(digest)
        assert not store.has(digest)
        assert found(store, [b"other", b"m" * LARGE]) == [True, True]
        add(store, [content])
        store.sync()
        assert found(store, [content]) == [True]
    with opened(tmp_path) as store:
        assert found(store, [content]) == [True]
        damage(store.locate(digest))
        seen: list[tuple[int, int]] = []
        (broken,) = store.verify(lambda done, total: seen.append((done, total)))
        assert (broken.digest, broken.why) == (digest, "its bytes have changed")
        assert os.path.dirname(broken.path).startswith(str(tmp_path / "store"))
        assert seen[-1][0] == seen[-1][1]
        assert not store.has(digest)
        assert store.verify() == []


def damage(piece: Piece | None) -> None:
    assert piece is not None
    os.chmod(piece.path, 0o644)
    with open(piece.path, "r+b") as file:
        file.seek(piece.offset)
        file.write(b"#")
    os.chmod(piece.path, 0o444)


def test_truncated_packs_and_indexes(tmp_path: Path) -> None:
    """At every length: what lies before the cut is found, nothing else is, and nothing crashes."""
    contents = [b"", b"a", b"bb" * 10, b"ccc" * 20]
    with opened(tmp_path) as store:
        add(store, contents)
    (file,) = (tmp_path / "store" / "packs").glob("*.pack")
    index = file.with_suffix(".idx")
    file.chmod(0o644)
    whole, sealing = file.read_bytes(), index.read_bytes()
    ends = [place[1] + place[2] for place in pack.read_places(str(file))[0]]
    for length in range(len(whole)):
        for beside in (sealing, None):
            index.unlink(missing_ok=True)
            if beside is not None:
                index.write_bytes(beside)
            file.write_bytes(whole[:length])
            with opened(tmp_path) as store:
                assert found(store, contents) == [end <= length for end in ends], length
    file.write_bytes(whole)
    for length in range(len(sealing)):
        index.write_bytes(sealing[:length])
        with opened(tmp_path) as store:
            assert found(store, contents) == [True] * 4
    for position in range(len(sealing)):
        flipped = bytearray(sealing)
        flipped[position] ^= 1
        index.write_bytes(flipped)
        with opened(tmp_path) as store:
            assert found(store, contents) == [True] * 4


def test_zeros_after_a_power_cut_are_no_blobs(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        add(store, [b"a"])
    (file,) = (tmp_path / "store" / "packs").glob("*.pack")
    file.with_suffix(".idx").unlink()
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + bytes(4096))
    with opened(tmp_path) as store:
        assert found(store, [b"a"]) == [True]
        assert not store.has(bytes(32))


@given(st.lists(st.lists(st.binary(max_size=300), max_size=5), max_size=5))
def test_packs_give_back_what_they_got(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]]
) -> None:
    path = str(tmp_path_factory.mktemp("p") / "x.pack")
    writer = pack.PackWriter(path)
    for batch in batches:
        writer.append([(name_of(content), content) for content in batch])
    wanted = [content for batch in batches for content in batch]
    for sealing in pack.Sealing.OPEN, pack.Sealing.SEALED:
        if sealing is pack.Sealing.SEALED:
            writer.seal()
        if os.path.exists(path):
            places, seen, _ = pack.read_places(path)
            assert seen is sealing
            whole = Path(path).read_bytes()
            assert [(digest, whole[at : at + length]) for digest, at, length in places] == [
                (name_of(content), content) for content in wanted
            ]
    assert os.path.exists(path) == bool(wanted)


def test_a_full_disk_is_told_and_takes_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, rest: memoryview, at: int) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(real(file, rest[:10], at))
        return written[0]

    real, written = os.pwrite, list[int]()
    with opened(tmp_path) as store:
        add(store, [b"before"])
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(StoreError, match="No space left") as told:
            add(store, [b"after" * 10])
        assert str(tmp_path / "store") in str(told.value)
        assert "gc" in told.value.problems[0].hint
        monkeypatch.undo()
        add(store, [b"later"])
    with opened(tmp_path) as store:
        assert found(store, [b"before", b"after" * 10, b"later"]) == [True, False, True]


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_store_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(path: str, *, exist_ok: bool) -> None:
        raise OSError(error, os.strerror(error), path)

    monkeypatch.setattr(os, "makedirs", refuse)
    store = opened(tmp_path)
    with pytest.raises(StoreError, match="cannot make the store") as told:
        store.staging()
    assert str(tmp_path / "store") in str(told.value)
    assert "[cache] path" in told.value.problems[0].hint


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.using():
        pass
    (tmp_path / "store" / "format").write_bytes(b"riverrun store 2\n")
    with pytest.raises(StoreError, match="not a store that this riverrun knows"):
        opened(tmp_path)


CHILD = """
import os, sys
from riverrun.native import Hasher
from riverrun.store import Copy, Store
folder, number, ending = sys.argv[1], int(sys.argv[2]), sys.argv[3]
store = Store.open(folder + "/store", folder + "/workspace")
for batch in range(5):
    copies = []
    for each in range(20):
        for size in (100, 70_000):
            content = b"%d " % (batch * 1000 + each + (number if each % 2 else 0) * 100) * size
            content = content[:size]
            hasher = Hasher("blake3"); hasher.update(content)
            path = os.path.join(store.staging(), f"{each}-{size}")
            with open(path, "wb") as file:
                file.write(content)
            copies.append(Copy(hasher.digest(), size, path))
    store.add(copies)
    store.sync()
if ending == "killed":
    os.kill(os.getpid(), 9)
store.close()
"""


def children(tmp_path: Path, *endings: str) -> list[int]:
    started = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), str(number), ending])
        for number, ending in enumerate(endings)
    ]
    return [child.wait() for child in started]


def test_two_processes_add_at_once(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    assert children(tmp_path, "closed", "closed") == [0, 0]
    with opened(tmp_path) as store:
        assert store.verify() == []
        assert store.stats().blobs == 2 * 5 * 30
        assert store.stats().packs == 2


def test_what_a_killed_process_had_synced_is_there(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    assert children(tmp_path, "killed") == [-9]
    assert len(os.listdir(tmp_path / "store" / "staging")) == 1
    with opened(tmp_path) as store:
        assert store.stats().blobs == 2 * 5 * 20
        mine = os.path.basename(store.staging())
        assert os.listdir(tmp_path / "store" / "staging") == [mine]
        assert len(list((tmp_path / "store" / "packs").glob("*.idx"))) == 1  # sealed in its place
        assert store.verify() == []


def test_who_removes_is_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store, opened(tmp_path) as other:
        with store.using(), other.using(), other.using():
            third = opened(tmp_path)
            with pytest.raises(LockedError, match="a run uses it"), third.alone():
                raise AssertionError("not reached")
            with pytest.raises(StoreError, match="this process uses it"), other.alone():
                raise AssertionError("not reached")
        with store.alone(), pytest.raises(LockedError), other.alone():
            raise AssertionError("not reached")
        with other.alone():
            pass
