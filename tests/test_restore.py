"""Restoring: stored bytes come in, verified files at their places are checked, and what the index knows of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground import Ground, named

MOST_LEASES = 512  # as in the core


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 4 << 20, (4 << 20) + 1, 9 << 20])
@pytest.mark.parametrize("offset", [0, 7])
def test_restored_bytes_are_verified_and_placed(ground: Ground, size: int, offset: int) -> None:
    content = os.urandom(size)
    ground.write("store", b"-" * offset + content + b"-" * offset)
    piece = (b"store", offset, size, b"stage/new", named(content), 0o755)
    taken = ground.index.restore([piece])
    assert [(fact.kind, fact.digest) for fact in taken.facts] == [("exec", named(content))]
    (fact,) = taken.place([(b"stage/new", b"out")])
    taken.release()
    assert (ground / "out").read_bytes() == content
    assert (fact.kind, fact.certified, fact.trusted, fact.read) == ("exec", True, True, False)
    assert ground.look("out").read is False


BROKEN: dict[str, tuple[bytes, int, int, bytes, bytes]] = {
    "other bytes": (b"store", 0, 6, b"new", b"else"),
    "too short": (b"store", 1, 6, b"new", b"stored"),
    "far behind the end": (b"store", 2**63, 2**63, b"new", b"stored"),
    "a link": (b"link", 0, 6, b"new", b"stored"),
    "missing": (b"none", 0, 6, b"new", b"stored"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_bytes_are_not_restored(ground: Ground, case: str) -> None:
    ground.write("store", b"stored")
    (ground / "link").symlink_to("store")
    source, offset, length, target, content = BROKEN[case]
    good = (b"store", 0, 6, b"good", named(b"stored"), 0o644)
    bad, fact = ground.index.restore([(source, offset, length, target, named(content), 0o644), good]).facts
    assert (bad.kind, fact.kind) == ("error", "file")
    assert isinstance(bad.error, OSError)
    assert not (ground / "new").exists()


def test_restoring_overwrites_nothing(ground: Ground) -> None:
    ground.write("store", b"stored")
    ground.write("here", b"mine")
    (fact,) = ground.index.restore([(b"store", 0, 6, b"here", named(b"stored"), 0o644)]).facts
    assert isinstance(fact.error, FileExistsError)
    assert (ground / "here").read_bytes() == b"mine"


def test_a_large_folder_is_restored_without_a_second_reading(ground: Ground) -> None:
    count = MOST_LEASES + 100
    ground.write("pack", b"".join(b"%04d" % number for number in range(count)))
    pieces = [
        (b"pack", 4 * number, 4, b"stage/%d/%d" % (number % 7, number), named(b"%04d" % number), 0o644)
        for number in range(count)
    ]
    taken = ground.index.restore(pieces)
    (ground / "stage/none").mkdir()
    (ground / "stage/link").symlink_to("0")
    (fact,) = taken.place([(b"stage", b"out")])
    taken.release()
    assert (fact.kind, fact.read, fact.trusted, len(fact.entries)) == ("folder", False, True, count + 2)
    assert ground.index.look([b"out"], check="strong")[0].digest == fact.digest
