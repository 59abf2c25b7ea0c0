"""The index: files on disk come in, what it says about them is compared with what was done to them."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clock import wait_settled
from riverrun import Hasher, Index, hash_file
from riverrun.native import now_ns

CHUNK = 4 << 20  # bytes; the format's


class Ground:
    """A workspace of its own with an index over it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "work"
        self.root.mkdir()
        self.file = root / "state" / "index"
        self.index = self.open()

    def open(self) -> Index:
        index = Index(self.file, root=self.root)
        index._assume("local")  # type: ignore[attr-defined]  # tests also run where nothing is trusted
        return index

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, content: bytes = b"as it was") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)


def known(ground: Ground, name: str = "a", content: bytes = b"as it was") -> Path:
    """A file that the index has seen, with a stat that vouches for it."""
    path = ground.write(name, content)
    wait_settled(path)
    ground.index.scan([""])
    return path


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
        lambda path: swap_for(path, lambda path: (path.mkdir(), (path / "b").write_bytes(b"new"))),
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
    path = known(ground)
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
    path = known(ground)
    with path.open("r+b") as writer:
        (fact,) = ground.index.look([b"a"], check="content")
        assert (fact.certified, fact.trusted, fact.digest) == (False, False, hash_file(path))
        (fact,) = ground.index.look([b"a"])
        assert (fact.read, fact.certified) == (True, False)
        writer.write(b"X")
    wait_settled(path)
    (fact,) = ground.index.look([b"a"])
    assert (fact.certified, fact.trusted, fact.digest) == (True, True, hash_file(path))


@pytest.mark.parametrize("check", ["content", "strong"])
def test_content_and_strong_checks_read_every_byte(ground: Ground, check: str) -> None:
    known(ground, "a", b"x" * 1000)
    known(ground, "b", b"x" * (CHUNK + 5))
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
    path = known(ground, "a", bytes(content))
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
    known(ground, "a", b"small")
    assert ground.index.changed_ranges("a") == [range(5)]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ground.index.changed_ranges("nowhere")


def test_a_scan_that_is_not_saved_is_found_again(ground: Ground) -> None:
    path = known(ground)
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
    path = known(ground, "d/a")
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
    known(ground, "large", b"x" * (CHUNK + 1))
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


def test_what_is_forgotten_is_new(ground: Ground) -> None:
    known(ground, "d/a")
    known(ground, "b")
    ground.index.forget([b"d"])
    scan = ground.index.scan([""])
    assert (scan.changed, scan.unchanged) == (["d/a"], 1)


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
