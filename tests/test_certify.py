"""Rule 2: a file that someone can write to without leaving a stamp is compared, and never vouched for by its stat."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clock import wait_settled
from ground import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


@contextmanager
def shared_mapping(path: Path) -> Iterator[mmap.mmap]:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:1] = mapped[0:1]  # the first write to a page leaves a stamp, the later ones may not
        wait_settled(path)
        yield mapped


@pytest.mark.parametrize("check", ["stat", "content", "strong"])
def test_bytes_written_through_a_mapping_are_seen(ground: Ground, check: str) -> None:
    path = ground.known("a", b"as it was" * 1000)
    with shared_mapping(path) as mapped:
        ground.index.scan(["a"], check=check)  # type: ignore[arg-type]
        before = path.stat()
        mapped[5000:5003] = b"!!!"
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert ground.index.scan(["a"]).changed == ["a"]


def test_the_stat_of_a_file_that_is_mapped_for_writing_vouches_for_nothing(ground: Ground) -> None:
    """Even where the stamp stays as it is, as it does while the page is dirty: every scan reads the file."""
    path = ground.write("a")
    with shared_mapping(path):
        ground.index.scan(["a"])
        for _ in range(2):
            scan = ground.index.scan(["a"])
            assert (scan.unchanged, scan.bytes_read) == (1, 9)
        assert not ground.look("a").certified
    wait_settled(path)
    assert ground.look("a").certified
    assert ground.index.scan(["a"]).bytes_read == 0


@pytest.mark.parametrize("mode", ["r+b", "ab"])
def test_a_writer_who_waits_is_noticed_and_not_harmed(ground: Ground, mode: str) -> None:
    path = ground.known("a")
    with path.open(mode) as writer:
        ground.index.scan(["a"], check="strong")
        assert not ground.look("a").certified
        writer.write(b"more than before")
    assert ground.index.scan(["a"]).changed == ["a"]


def test_links_that_loop_are_no_files(ground: Ground) -> None:
    (ground / "one").symlink_to("two")
    (ground / "two").symlink_to("one")
    (ground / "d").mkdir()
    (ground / "d" / "up").symlink_to("..")
    inside = ground.index.scan([""])
    assert (inside.changed, inside.errors) == (
        ["d/up", "one", "two"],
        [],
    )  # links below a folder are their text
    given = ground.index.scan(["one"])
    assert [error.filename for error in given.errors] == ["one"]
