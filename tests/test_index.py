"""Scans: files on disk come in, what the index says about them is compared with what was done to them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clock import wait_settled
from ground import Ground
from riverrun import Index, hash_file

CHUNK = 4 << 20  # bytes; the format's


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)


def keep_times(path: Path, edit: Callable[[Path], object]) -> None:
    before = path.stat()
    edit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path, content: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(content)
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def folder_of_b(path: Path) -> None:
    path.mkdir()
    (path / "b").write_bytes(b"new")


def swap_for(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def year_ahead(path: Path) -> None:
    ahead = path.stat().st_mtime_ns + 365 * 24 * 3600 * 10**9
    os.utime(path, ns=(ahead, ahead))


# what is done to a known file, and what a scan by stat says: (changed, missing, errors, unchanged, whether bytes were read)
EDITS: dict[str, tuple[Callable[[Path], object], tuple[list[str], list[str], int, int, bool]]] = {
    "nothing": (lambda path: None, ([], [], 0, 1, False)),
    "touched": (os.utime, ([], [], 0, 1, True)),
    "written again": (lambda path: path.write_bytes(b"as it was"), ([], [], 0, 1, True)),
    "other mode": (lambda path: path.chmod(0o700), ([], [], 0, 1, True)),
    "a year ahead": (year_ahead, ([], [], 0, 1, True)),
    "longer": (lambda path: path.write_bytes(b"as it was not"), (["a"], [], 0, 0, True)),
    "emptied": (lambda path: path.write_bytes(b""), (["a"], [], 0, 0, False)),
    "same size": (lambda path: path.write_bytes(b"as it is!"), (["a"], [], 0, 0, True)),
    "same size and time": (
        lambda path: keep_times(path, lambda path: path.write_bytes(b"as it is!")),
        (["a"], [], 0, 0, True),
    ),
    "replaced by rename": (lambda path: replace(path, b"as it is!"), (["a"], [], 0, 0, True)),
    "deleted": (lambda path: path.unlink(), ([], ["a"], 0, 0, False)),
    "a fifo in its place": (lambda path: swap_for(path, os.mkfifo), ([], [], 1, 0, False)),
    "a folder in its place": (
        lambda path: swap_for(path, folder_of_b),
        (["a/b"], ["a"], 0, 0, True),
    ),
    "a link in its place": (
        lambda path: swap_for(path, lambda path: path.symlink_to("elsewhere")),
        (["a"], [], 0, 0, False),
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_scan_by_stat_finds_what_was_done(ground: Ground, case: str) -> None:
    edit, expected = EDITS[case]
    path = ground.known()
    edit(path)
    scan = ground.index.scan([""])
    changed, missing, errors, unchanged, read = expected
    assert (scan.changed, scan.missing, len(scan.errors), scan.unchanged) == (
        changed,
        missing,
        errors,
        unchanged,
    )
    assert (scan.bytes_read > 0) == read
    if not errors and path.is_file():
        wait_settled(path)
        ground.index.scan([""])
        settled = ground.index.scan([""])
        assert (settled.changed, settled.missing, settled.unchanged, settled.bytes_read) == ([], [], 1, 0)


def test_bytes_rewritten_within_one_tick_are_seen(ground: Ground) -> None:
    path = ground.write("a")
    for number in range(50):
        path.write_bytes(b"%09d" % number)
        ground.index.scan(["a"])
        keep_times(path, lambda path, number=number: path.write_bytes(b"%09d" % (number + 100)))  # type: ignore[misc]
        assert ground.index.scan(["a"]).changed == ["a"]


@pytest.mark.parametrize("check", ["content", "strong"])
def test_content_and_strong_checks_read_every_byte(ground: Ground, check: str) -> None:
    ground.known("a", b"x" * 1000)
    ground.known("b", b"x" * (CHUNK + 5))
    scan = ground.index.scan([""], check=check)  # type: ignore[arg-type]
    assert (scan.changed, scan.unchanged, scan.bytes_read, scan.check) == ([], 2, CHUNK + 1005, check)


@pytest.mark.parametrize(
    ("edit", "ranges"),
    [
        (lambda content: content.__setitem__(CHUNK + 7, 1 ^ content[CHUNK + 7]), [(1, 2)]),
        (lambda content: [content.__setitem__(at, 1 ^ content[at]) for at in (0, CHUNK)], [(0, 2)]),
        (
            lambda content: [content.__setitem__(at, 1 ^ content[at]) for at in (0, 2 * CHUNK)],
            [(0, 1), (2, 3)],
        ),
        (lambda content: content.extend(b"end"), [(3, 3.25)]),
        (lambda content: content.__delitem__(slice(-1, None)), [(3, 3.25)]),
        (lambda content: content.__delitem__(slice(CHUNK + 1, None)), [(1, 2)]),
        (lambda content: content.__delitem__(slice(CHUNK - 1, None)), [(0, 1)]),
        (lambda content: content.clear(), []),
    ],
)
def test_changed_ranges_of_a_large_file(
    ground: Ground, edit: Callable[[bytearray], object], ranges: list[tuple[float, float]]
) -> None:
    content = bytearray(os.urandom(256) * (13 * CHUNK // 4 // 256))
    path = ground.known("a", bytes(content))
    edit(content)
    path.write_bytes(content)
    assert ground.index.scan(["a"]).changed == ["a"]
    size = len(content)
    bounds = [(int(start * CHUNK), int(end * CHUNK)) for start, end in ranges]
    if (bounds and bounds[-1][1] > size) or size > 13 * CHUNK // 4:
        bounds[-1] = (bounds[-1][0], size)
    if bounds and bounds[-1][1] == 13 * CHUNK // 4:
        bounds[-1] = (bounds[-1][0], size)
    assert ground.index.changed_ranges("a") == [range(*bound) for bound in bounds]
    (fact,) = ground.index.look([b"a"])
    assert fact.digest == hash_file(path)


def test_changed_ranges_of_files_without_a_table(ground: Ground) -> None:
    ground.known("a", b"small")
    assert ground.index.changed_ranges("a") == [range(5)]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ground.index.changed_ranges("nowhere")


def test_a_scan_that_is_not_saved_is_found_again(ground: Ground) -> None:
    path = ground.known()
    path.write_bytes(b"new")
    first = ground.index.scan([""], save=False)
    again = ground.index.scan([""], save=False)
    assert first.changed == again.changed == ["a"]
    ground.index.save(again)
    assert ground.index.scan([""]).changed == []
    assert ground.open().scan([""]).changed == []


def test_folders_are_walked_and_paths_are_met_once(ground: Ground) -> None:
    for name in ("a", "d/b", "d/e/c", "d/.hidden"):
        ground.write(name)
    (ground / "d/link").symlink_to("e")
    (ground / "d/empty").mkdir()
    scan = ground.index.scan(["d", "d/e", "d/b", "a", "a", "never"])
    assert scan.changed == ["a", "d/.hidden", "d/b", "d/e/c", "d/link"]
    assert scan.missing == ["never"]
    assert ground.index.scan(["d/link"]).unchanged == 1  # what lies behind it is known already
    (ground / "d/e/c").unlink()
    (ground / "d/e").rmdir()
    assert ground.index.scan(["d"]).missing == ["d/e/c"]
    assert ground.index.scan(["d"]).missing == []


def test_names_that_are_no_text(ground: Ground) -> None:
    name = os.fsdecode(b"\xff\xfe")
    ground.write(name)
    scan = ground.index.scan([""])
    assert scan.changed == [name]
    assert ground.index.look([b"\xff\xfe"])[0].digest == hash_file(ground / name)
    assert ground.open().scan([""]).unchanged == 1


def test_its_own_file_is_passed_over(ground: Ground) -> None:
    index = Index(ground / "index", root=ground.root)
    ground.write("index.txt")
    assert index.scan([""]).changed == ["index.txt"]
    assert index.scan([""]).unchanged == 1


def test_paths_without_a_root_and_absolute_ones(ground: Ground) -> None:
    path = ground.known("d/a")
    assert ground.index.scan([str(ground / "d")]).unchanged == 1
    index = Index(ground.file.with_name("other"))
    assert index.scan([ground / "d"]).changed == [str(path)]
    with pytest.raises(FileNotFoundError):
        Index(ground.file, root=ground / "nowhere")
    with pytest.raises(TypeError):
        index.scan(str(path))


def test_a_damaged_index_is_refused_as_a_whole(ground: Ground) -> None:
    for name in ("a", "d/b", "d/c"):
        ground.write(name)
    ground.known("large", b"x" * (CHUNK + 1))
    whole = ground.file.read_bytes()
    damaged = [whole[:length] for length in (*range(0, len(whole), 7), len(whole) - 1)]
    for at in range(0, len(whole), 5):
        flipped = bytearray(whole)
        flipped[at] ^= 0x41
        damaged.append(bytes(flipped))
    damaged += [whole + b"\0", b"something else" * 100]
    for content in damaged:
        ground.file.write_bytes(content)
        index = ground.open()
        assert index.note
        assert index.scan([""], save=False).unchanged == 0
    ground.file.write_bytes(whole)
    assert ground.open().note is None


def test_what_is_forgotten_is_new(ground: Ground) -> None:
    ground.known("d/a")
    ground.known("b")
    ground.index.forget([b"d"])
    scan = ground.index.scan([""])
    assert (scan.changed, scan.unchanged) == (["d/a"], 1)
