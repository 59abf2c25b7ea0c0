"""Looks: paths come in, the facts about them are compared with what was put there."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clock import wait_settled
from ground import Ground
from riverrun import Hasher, hash_file
from riverrun.native import now_ns


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)


def swap_for(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


@pytest.mark.parametrize(
    ("kind", "trust", "trusted"),
    [
        ("local", (), True),
        ("nfs", (), False),
        ("nfs", ("nfs",), True),
        ("unreliable", ("unreliable",), False),
    ],
)
def test_only_filesystems_that_keep_stamps_are_trusted(
    ground: Ground, kind: str, trust: tuple[str, ...], trusted: bool
) -> None:
    path = ground.write("a")
    ground.file.parent.mkdir()
    ground.index._assume(kind)  # type: ignore[attr-defined]
    wait_settled(path)
    for read in (True, not trusted):
        (fact,) = ground.index.look([b"a"], trust=trust)
        assert (fact.kind, fact.certified, fact.trusted, fact.read) == ("file", True, trusted, read)


def test_a_file_that_is_being_written_is_compared_but_not_certified(ground: Ground) -> None:
    path = ground.known()
    with path.open("r+b") as writer:
        (fact,) = ground.index.look([b"a"], check="content")
        assert (fact.certified, fact.trusted, fact.digest) == (False, False, hash_file(path))
        (fact,) = ground.index.look([b"a"])
        assert (fact.read, fact.certified) == (True, False)
        writer.write(b"X")
    wait_settled(path)
    (fact,) = ground.index.look([b"a"])
    assert (fact.certified, fact.trusted, fact.digest) == (True, True, hash_file(path))


def manifest(entries: list[tuple[bytes, bytes, bytes]]) -> bytes:
    hasher = Hasher("blake3")
    hasher.update(b"riverrun manifest 1\0" + len(entries).to_bytes(8, "little"))
    for letter, path, value in sorted(entries, key=lambda entry: entry[1]):
        hasher.update(letter)
        for part in (path, value):
            hasher.update(len(part).to_bytes(4, "little") + part)
    return hasher.digest()


def test_facts_of_what_may_stand_at_a_path(ground: Ground) -> None:
    ground.write("file", b"1")
    ground.write("exec", b"2").chmod(0o755)
    ground.write("d/x.y/z", b"3")
    ground.write("d/x/z", b"4").chmod(0o700)
    (ground / "d/none").mkdir()
    (ground / "d/x/link").symlink_to("../nowhere")
    (ground / "empty").mkdir()
    (ground / "to_file").symlink_to("file")
    (ground / "to_folder").symlink_to("d")
    (ground / "dangling").symlink_to("nowhere")
    os.mkfifo(ground / "fifo")
    (ground / "odd").mkdir()
    os.mkfifo(ground / "odd/fifo")
    names = ["file", "exec", "d", "empty", "to_file", "to_folder", "dangling", "fifo", "odd", "file/x", "no"]
    facts = dict(zip(names, ground.index.look([os.fsencode(name) for name in names]), strict=True))
    kinds = {name: fact.kind for name, fact in facts.items()}
    assert kinds == {
        "file": "file",
        "exec": "exec",
        "d": "folder",
        "empty": "folder",
        "to_file": "file",
        "to_folder": "folder",
        "dangling": "missing",
        "fifo": "other",
        "odd": "other",
        "file/x": "missing",
        "no": "missing",
    }
    digests = {name: bytes(hash_file(ground / name)) for name in ("file", "exec", "d/x.y/z", "d/x/z")}
    assert {name: bytes(facts[name].digest or b"") for name in ("file", "exec", "to_file")} == {
        "file": digests["file"],
        "exec": digests["exec"],
        "to_file": digests["file"],
    }
    expected = manifest(
        [
            (b"f", b"x.y/z", digests["d/x.y/z"]),
            (b"x", b"x/z", digests["d/x/z"]),
            (b"d", b"none", b""),
            (b"l", b"x/link", b"../nowhere"),
        ]
    )
    assert bytes(facts["d"].digest or b"") == bytes(facts["to_folder"].digest or b"") == expected
    assert bytes(facts["empty"].digest or b"") == manifest([])
    assert [(path, kind, text, size) for path, kind, _, text, size in facts["d"].entries] == [
        (b"none", "folder", None, 0),
        (b"x.y/z", "file", None, 1),
        (b"x/link", "link", b"../nowhere", 10),
        (b"x/z", "exec", None, 1),
    ]
    assert facts["d"].links == [(b"x/link", b"../nowhere")]
    assert facts["d"].size == 12 - 10
    error = facts["odd"].error
    assert isinstance(error, OSError) and error.filename == "odd/fifo"


def test_a_socket_blocks_no_one(ground: Ground) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(ground.root, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{folder}/socket")  # the path itself may be too long for a socket
        finally:
            os.close(folder)
        assert ground.index.look([b"socket"])[0].kind == "other"
        assert [error.filename for error in ground.index.scan([""]).errors] == ["socket"]


TREE_EDITS: dict[str, Callable[[Path], object]] = {
    "file touched": lambda tree: os.utime(tree / "x/b"),
    "file rewritten": lambda tree: (tree / "x/b").write_bytes(b"other"),
    "file added": lambda tree: (tree / "x/c").write_bytes(b""),
    "file removed": lambda tree: (tree / "x/b").unlink(),
    "folder added": lambda tree: (tree / "x/new").mkdir(),
    "empty folder removed": lambda tree: (tree / "none").rmdir(),
    "empty folder filled": lambda tree: (tree / "none/c").write_bytes(b""),
    "link turned": lambda tree: swap_for(tree / "link", lambda path: path.symlink_to("y")),
    "gone": lambda tree: tree.rename(tree.with_name("away")),
}


@pytest.mark.parametrize("case", TREE_EDITS)
def test_same_stat_sees_what_happened_to_a_tree(ground: Ground, case: str) -> None:
    path = ground.write("d/x/b")
    (ground / "d/none").mkdir()
    (ground / "d/link").symlink_to("x")
    young = now_ns(ground.root)
    wait_settled(path, ground / "d/link")
    ground.index.look([b"d", b"d/x/b"])
    since = now_ns(ground.root)
    assert ground.index.same_stat([b"d", b"d/x/b"], since) == [True, True]
    assert ground.index.same_stat([b"d", b"d/x/b"], young) == [False, False]
    TREE_EDITS[case](ground / "d")
    assert ground.index.same_stat([b"d"], since) == [False]


def test_a_long_reading_is_announced(ground: Ground) -> None:
    with ground.write("large").open("r+b") as large:
        large.truncate(256 << 20)  # a hole: nothing is really read
    heard: list[tuple[int, int]] = []
    ground.write("small")
    ground.index.look([b"large", b"small"], on_reading=lambda files, bytes: heard.append((files, bytes)))
    assert heard == [(2, (256 << 20) + 9)]
    ground.index.look([b"small"], on_reading=lambda files, bytes: heard.append((files, bytes)))
    assert len(heard) == 1

    def refuse(files: int, bytes: int) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        ground.index.look([b"large"], check="content", on_reading=refuse)


def test_looks_and_scans_from_several_threads(ground: Ground) -> None:
    for number in range(100):
        ground.write(f"d/{number}", b"%d" % number)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                assert len(ground.index.look([b"d"])[0].entries) == 100
                assert ground.index.scan(["d"]).errors == []
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
