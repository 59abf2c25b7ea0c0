"""What looking costs, by its shape and not by its time: what is not read, not made, not written again."""

import gc
import os
import sys
from pathlib import Path

import pytest

from clock import wait_settled
from ground import Ground
from riverrun import hash_file

MANY = 700  # files: several parts of a folder
MIB = 1 << 20  # bytes


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def crowd(ground: Ground) -> list[Path]:
    """A folder of many small files, known, with stats that vouch for them."""
    paths = [ground.write(f"d/{number:04}", b"%09d" % number) for number in range(MANY)]
    wait_settled(*paths)
    ground.index.scan([""])
    return paths


@pytest.mark.parametrize(("check", "read"), [("stat", 0), ("content", 9 * MANY)])
def test_a_clean_look_reads_what_it_must_and_learns_nothing(ground: Ground, check: str, read: int) -> None:
    crowd(ground)
    before = ground.file.stat()
    scan = ground.index.scan([""], check=check)  # type: ignore[arg-type]
    assert (scan.unchanged, scan.bytes_read, scan.changed) == (MANY, read, [])
    assert ground.file.stat() == before


@pytest.mark.parametrize("check", ["stat", "content"])
def test_a_clean_file_makes_no_object(ground: Ground, check: str) -> None:
    crowd(ground)
    ground.index.scan([""], check=check)  # type: ignore[arg-type]
    gc.collect()
    before = sys.getallocatedblocks()
    scan = ground.index.scan([""], check=check)  # type: ignore[arg-type]
    assert sys.getallocatedblocks() - before < MANY // 4
    assert scan.unchanged == MANY


@pytest.mark.parametrize("check", ["stat", "content", "strong"])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_happens_anywhere_in_a_large_folder_is_found(ground: Ground, check: str, threads: int) -> None:
    paths = crowd(ground)
    places = [0, 255, 256, 511, 512, MANY - 1]  # on both sides of every part's border
    for place in places[::2]:
        paths[place].unlink()
    for place in places[1::2]:
        paths[place].write_bytes(b"something else")
    for name in ("", "0254a", "0255a", "zzzz"):
        (ground / "d" / f"{name}new").write_bytes(b"new")
    scan = ground.index.scan([""], check=check, threads=threads)  # type: ignore[arg-type]
    named = [os.path.relpath(paths[place], ground.root) for place in places]
    assert scan.missing == sorted(named[::2])
    assert scan.changed == sorted([*named[1::2], "d/0254anew", "d/0255anew", "d/new", "d/zzzznew"])
    assert scan.unchanged == MANY - len(places)
    ground.index.save(scan)
    again = ground.open().scan([""])
    assert (again.changed, again.missing, again.unchanged) == ([], [], MANY - 3 + 4)


def test_same_size_and_times_do_not_hide_from_a_content_check(ground: Ground) -> None:
    """What no stat shows: here the index is made to believe it, as a filesystem that loses stamps would."""
    paths = crowd(ground)
    before = paths[300].stat()
    with paths[300].open("r+b") as out:
        out.write(b"not as it")
    os.utime(paths[300], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ground.index.scan([""], check="content").changed == ["d/0300"]


def test_of_a_large_file_with_one_other_byte_one_chunk_is_other(ground: Ground) -> None:
    path = ground.known("large", os.urandom(1024) * (13 * 1024))
    with path.open("r+b") as out:
        out.seek(9 * MIB)
        out.write(b"flip")
    scan = ground.index.scan([""], check="content")
    assert (scan.changed, scan.bytes_read) == (["large"], 13 * MIB)
    assert ground.index.changed_ranges("large") == [range(8 * MIB, 12 * MIB)]
    (fact,) = ground.index.look([b"large"])
    assert fact.digest == hash_file(path)
