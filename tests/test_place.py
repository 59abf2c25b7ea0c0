"""Taking, placing and restoring: outputs come in, what is at their places afterwards, and what the index knows, is checked."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clock import wait_settled
from ground import Ground, named
from riverrun import hash_file


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)


def make_file(path: Path) -> None:
    path.write_bytes(b"old")


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "old").write_bytes(b"old")


def make_link(path: Path) -> None:
    path.symlink_to("nowhere")


def nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize("before", [nothing, make_file, make_folder, make_link])
@pytest.mark.parametrize("output", ["file", "folder"])
def test_an_output_replaces_whatever_was_there(
    ground: Ground, output: str, before: Callable[[Path], None]
) -> None:
    place = ground / "far/away/place"
    place.parent.mkdir(parents=True)
    before(place)
    ground.index.look([b"far"])
    inner = "" if output == "file" else "/in/x"
    ground.write(f"work/out{inner}")
    fact = ground.move("work/out", "far/away/place")
    assert (ground / f"far/away/place{inner}").read_bytes() == b"as it was"
    assert (fact.kind, fact.certified, fact.trusted, fact.read) == (output, True, True, False)
    again = ground.look("far/away/place")
    assert (again.digest, again.trusted, again.read) == (fact.digest, True, False)
    swapped = (output == "folder" and before is not nothing) or before is make_folder
    assert os.path.lexists(ground / "work/out") == swapped
    scan = ground.index.scan(["far"])
    assert (scan.changed, scan.missing, scan.unchanged, scan.bytes_read) == ([], [], 1, 0)


def test_parents_are_made_and_failed_moves_hurt_no_other(ground: Ground) -> None:
    ground.write("work/a", b"a")
    ground.write("work/b", b"b", 0o755)
    taken = ground.index.take([b"work/a", b"work/none", b"work/b"])
    assert [fact.kind for fact in taken.facts] == ["file", "missing", "exec"]
    facts = taken.place([(b"work/a", b"x/y/a"), (b"work/none", b"x/none"), (b"work/b", b"b")])
    assert [fact.kind for fact in facts] == ["file", "error", "exec"]
    assert isinstance(facts[1].error, FileNotFoundError)
    taken.release()
    taken.release()
    with pytest.raises(ValueError, match="released"):
        taken.place([])


def test_copies_are_made_while_hashing(ground: Ground) -> None:
    large = b"x" * (5 << 20)
    ground.write("work/file", large)
    for name in ("a", "b", "in/c"):
        ground.write(f"work/folder/{name}", b"same" if name != "b" else b"other")
    ground.write("work/plain")
    paths = [b"work/file", b"work/folder", b"work/plain"]
    taken = ground.index.take(paths, copies=[b"copies/new/file", b"copies/folder", None])
    file, folder, plain = taken.facts
    assert file.copied == [(named(large), len(large), b"copies/new/file")]
    assert (ground / "copies/new/file").read_bytes() == large
    assert sorted(bytes(digest) for digest, _, _ in folder.copied) == sorted(
        bytes(named(content)) for content in (b"same", b"other")
    )
    for digest, size, path in folder.copied:
        copy = ground / os.fsdecode(path)
        assert (copy.name, hash_file(copy), copy.stat().st_size) == (digest.hex(), digest, size)
    assert len(os.listdir(ground / "copies/folder")) == 2
    assert plain.copied == []
    taken.release()


def test_copies_above_the_limit_are_reflinks_or_none(ground: Ground) -> None:
    ground.write("work/large", b"x" * 101)
    ground.write("work/small", b"x" * 100)
    taken = ground.index.take([b"work/large", b"work/small"], copies=[b"c1", b"c2"], copy_limit=100)
    large, small = taken.facts
    assert small.copied == [(small.digest, 100, b"c2")]
    assert large.copied in ([], [(large.digest, 101, b"c1")])
    assert (ground / "c1").exists() == bool(large.copied)
    taken.release()


def test_links_are_told_not_followed(ground: Ground) -> None:
    ground.write("input")
    ground.write("work/folder/file")
    (ground / "work/folder/link").symlink_to("../../input")
    (ground / "work/folder/none").mkdir()
    (ground / "work/top").symlink_to("../input")
    taken = ground.index.take([b"work/top", b"work/folder"])
    top, folder = taken.facts
    assert (top.kind, top.digest, top.links) == ("link", None, [(b"", b"../input")])
    assert (folder.kind, folder.links) == ("folder", [(b"link", b"../../input")])
    (placed,) = taken.place([(b"work/folder", b"folder")])
    assert (placed.digest, placed.links) == (folder.digest, folder.links)
    assert [path for path, *_ in placed.entries] == [b"file", b"link", b"none"]
    taken.release()


def test_what_is_no_file_is_named(ground: Ground) -> None:
    ground.write("work/folder/file")
    os.mkfifo(ground / "work/folder/fifo")
    os.mkfifo(ground / "work/fifo")
    facts = ground.index.take([b"work/folder", b"work/fifo"]).facts
    assert [(fact.kind, fact.error.filename if fact.error else "") for fact in facts] == [
        ("other", "work/folder/fifo"),
        ("other", "work/fifo"),
    ]


@pytest.mark.parametrize("name", ["work/out", "work/folder/out"])
def test_an_output_that_is_still_being_written_is_not_certified(ground: Ground, name: str) -> None:
    with ground.write(name).open("r+b") as writer:
        top = name if name == "work/out" else "work/folder"
        taken = ground.index.take([top.encode()], copies=[b"copy"])
        assert (taken.facts[0].certified, taken.facts[0].copied) == (False, [])
        (fact,) = taken.place([(top.encode(), b"place")])
        assert (fact.certified, fact.trusted, fact.read) == (False, False, True)
        taken.release()
        writer.write(b"M")
    assert ground.look("place").read


def test_a_writer_between_taking_and_placing_costs_a_reading(ground: Ground) -> None:
    path = ground.write("work/out")
    taken = ground.index.take([b"work/out"])
    with pytest.raises(BlockingIOError):  # the lease stands in the way, and knows that it was asked to go
        os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    (fact,) = taken.place([(b"work/out", b"place")])
    assert (fact.certified, fact.read, fact.digest) == (True, True, named(b"as it was"))
    os.close(os.open(ground / "place", os.O_WRONLY | os.O_NONBLOCK))  # nothing is held any more
    taken.release()


def replaced(ground: Ground, folder: str) -> None:
    ground.write("other", b"else")
    (ground / "other").replace(ground / f"work/{folder}out")


def added(ground: Ground, folder: str) -> None:
    ground.write(f"work/{folder}more")


def rewritten(ground: Ground, folder: str) -> None:
    path = ground / f"work/{folder}out"
    before = path.stat()
    path.write_bytes(b"else")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("folder", "act"), [("", replaced), ("in/", replaced), ("in/", added), ("in/", rewritten)]
)
def test_what_changed_between_taking_and_placing_is_seen(
    ground: Ground, folder: str, act: Callable[[Ground, str], None]
) -> None:
    ground.write(f"work/{folder}out")
    top = b"work/in" if folder else b"work/out"
    taken = ground.index.take([top])
    act(ground, folder)
    (fact,) = taken.place([(top, b"place")])
    assert (fact.read, fact.certified) == (True, True)
    assert fact.digest != taken.facts[0].digest
    assert fact.digest == ground.index.look([b"place"], check="strong")[0].digest
    taken.release()


def test_where_stamps_are_worth_nothing_a_placed_file_is_still_not_read_twice(ground: Ground) -> None:
    ground.assume("unreliable")
    ground.write("work/out")
    ground.write("work/folder/out")
    for name in ("out", "folder"):
        fact = ground.move(f"work/{name}", name)
        assert (fact.certified, fact.trusted, fact.read) == (True, False, False)
        assert ground.look(name).read


def test_onto_another_filesystem(ground: Ground) -> None:
    others = (Path("/dev/shm"), Path("/tmp"), Path.cwd())
    other = next(
        (folder for folder in others if folder.is_dir() and _device(folder) != _device(ground.root)), None
    )
    if other is None:
        pytest.skip("there is only one filesystem here")
    far = other / f"riverrun-test-{os.getpid()}-{ground.root.stat().st_ino}"
    try:
        far.mkdir()
        make_folder(far / "folder")
        make_file(far / "file")
        ground.write("work/file", b"x" * (5 << 20), 0o755)
        ground.write("work/folder/in/x", b"x")
        (ground / "work/folder/link").symlink_to("in")
        (ground / "work/folder/none").mkdir()
        taken = ground.index.take([b"work/file", b"work/folder"])
        moves = [(b"work/file", os.fsencode(far / "file")), (b"work/folder", os.fsencode(far / "folder"))]
        facts = taken.place(moves)
        taken.release()
        assert [(fact.kind, fact.certified, fact.read) for fact in facts] == [
            ("exec", True, False),
            ("folder", True, False),
        ]
        assert [fact.digest for fact in facts] == [fact.digest for fact in taken.facts]
        assert sorted(os.listdir(far)) == ["file", "folder"]
        assert sorted(os.listdir(far / "folder")) == ["in", "link", "none"]
    finally:
        for folder, folders, files in os.walk(far, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                path = os.path.join(folder, name)
                os.unlink(path) if os.path.islink(path) else os.rmdir(path)
        os.rmdir(far)


def _device(folder: Path) -> int:
    return folder.stat().st_dev


def test_the_index_keeps_what_was_placed(ground: Ground) -> None:
    place = ground.write("work/out")
    wait_settled(place)
    ground.move("work/out", "out")
    ground.index.save()
    index = ground.open()
    assert index.note is None
    assert index.look([b"out"])[0].read is False
