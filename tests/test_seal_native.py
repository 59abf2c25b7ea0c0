"""The seal: a workspace comes in that is as the index knows it; each kind of change must be seen, damage never trusted."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import pytest

from clock import wait_settled
from ground import Ground
from riverrun.native import Seal, check_seal, read_seal_header

HEADER = b"what the caller keeps\0with it"
FILES = [b"in/a", b"in/run.sh", b"short", b"via/b"]
FOLDERS = [b"out"]
LISTINGS = [b"logs"]
ABSENT = [b"optional.toml", b"gone/deep/file", b"via/c", b"in/a/below"]

Found = list[tuple[bytes, str]]


class Wanted(TypedDict, total=False):
    files: list[bytes]
    folders: list[bytes]
    listings: list[bytes]
    absent: list[bytes]


class Sealed(Ground):
    """A workspace with one of everything, and its seal beside the index."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.seal = root / "state/seal"
        for name in ("in/a", "in/b", "in/d/a", "out/x", "out/deep/y", "logs/1.csv", "logs/2.csv"):
            self.write(name)
        self.write("in/run.sh", mode=0o755)
        (self / "out/empty").mkdir()
        (self / "out/link").symlink_to("x")
        (self / "short").symlink_to("in/../via/a")
        (self / "via").symlink_to("in")
        self.settle()

    def settle(self) -> None:
        wait_settled(self.root, *self.root.rglob("*"))

    def close(
        self,
        files: Sequence[bytes] = FILES,
        folders: Sequence[bytes] = FOLDERS,
        listings: Sequence[bytes] = LISTINGS,
        absent: Sequence[bytes] = ABSENT,
        trust: Sequence[str] = (),
    ) -> bool:
        """Seal without looking anew."""
        return self.index.seal(
            self.seal, HEADER, files=files, folders=folders, listings=listings, absent=absent, trust=trust
        )

    def check(self, kind: str = "local") -> Seal:
        seal = Seal._check_as(self.seal, root=self.root, kind=kind)  # type: ignore[attr-defined]
        assert isinstance(seal, Seal)
        assert seal.header == HEADER == read_seal_header(self.seal)
        assert seal.intact is not (seal.changed or seal.doubtful != [])
        return seal

    def found(self) -> Found:
        seal = self.check()
        return list(zip(seal.changed, seal.changed_kinds, strict=True))


@pytest.fixture
def ground(tmp_path: Path) -> Sealed:
    """Looked at and sealed."""
    ground = Sealed(tmp_path)
    ground.index.look(FILES + FOLDERS)
    assert ground.close()
    return ground


def rewrite(path: Path) -> None:
    """Other bytes, the same size and mtime."""
    before = path.stat()
    path.write_bytes(b"As it was")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename_over(path: Path) -> None:
    new = path.with_name("new")
    shutil.copy2(path, new)
    new.rename(path)


def replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def behind_a_link(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to("moved")


def come_and_go(folder: Path) -> None:
    (folder / "new").touch()
    (folder / "new").unlink()


CHANGES: dict[str, tuple[Callable[[Sealed], object], Found]] = {
    "nothing": (lambda _: None, []),
    "bytes, with size and mtime as they were": (lambda at: rewrite(at / "in/a"), [(b"in/a", "file")]),
    "behind a link to a file": (lambda at: rewrite(at / "in/b"), [(b"in/b", "file")]),
    "touched": (lambda at: os.utime(at / "in/a"), [(b"in/a", "file")]),
    "an mtime in the future": (lambda at: os.utime(at / "in/a", (9e9, 9e9)), [(b"in/a", "file")]),
    "another file of the same name": (lambda at: rename_over(at / "in/a"), [(b"in/a", "file")]),
    "exec bit": (lambda at: (at / "in/run.sh").chmod(0o644), [(b"in/run.sh", "file")]),
    "deleted": (lambda at: (at / "in/a").unlink(), [(b"in/a", "file")]),
    "a folder in place of a file": (lambda at: replace(at / "in/a", Path.mkdir), [(b"in/a", "file")]),
    "a link in place of a file": (
        lambda at: replace(at / "in/a", lambda path: path.symlink_to("d/a")),
        [(b"in/a", "file")],
    ),
    "its folder behind a link": (
        lambda at: behind_a_link(at / "in"),
        [(b"in/a", "file"), (b"in/b", "file"), (b"in/run.sh", "file")],
    ),
    "its folder gone": (
        lambda at: shutil.rmtree(at / "in"),
        [(b"in/a", "file"), (b"in/b", "file"), (b"in/run.sh", "file")],
    ),
    "an absent file appears": (lambda at: at.write("optional.toml"), [(b"optional.toml", "absent")]),
    "an absent file appears deep down": (
        lambda at: at.write("gone/deep/file"),
        [(b"gone/deep/file", "absent")],
    ),
    "an absent file appears behind a link": (lambda at: at.write("in/c"), [(b"in/c", "absent")]),
    "only its folder appears": (lambda at: at.write("gone/deep/other"), []),
    "a name more": (lambda at: at.write("logs/3.csv"), [(b"logs", "listing")]),
    "a name less": (lambda at: (at / "logs/1.csv").unlink(), [(b"logs", "listing")]),
    "another name": (lambda at: (at / "logs/1.csv").rename(at / "logs/0.csv"), [(b"logs", "listing")]),
    "another kind": (lambda at: replace(at / "logs/1.csv", Path.mkdir), [(b"logs", "listing")]),
    "listed files may change": (lambda at: rewrite(at / "logs/1.csv"), []),
    "a listed folder gone": (lambda at: shutil.rmtree(at / "logs"), [(b"logs", "listing")]),
    "a link leads elsewhere": (
        lambda at: replace(at / "short", lambda path: path.symlink_to("in/a")),
        [(b"short", "link")],
    ),
    "a link on the way leads elsewhere": (
        lambda at: replace(at / "via", lambda path: path.symlink_to("in/d")),
        [(b"via", "link")],
    ),
    "a link gone": (lambda at: (at / "via").unlink(), [(b"via", "link")]),
    "a file more deep in a folder": (lambda at: at.write("out/deep/z"), [(b"out/deep", "folder")]),
    "a file less": (lambda at: (at / "out/x").unlink(), [(b"out", "folder"), (b"out/x", "file")]),
    "bytes deep in a folder": (lambda at: rewrite(at / "out/deep/y"), [(b"out/deep/y", "file")]),
    "a file in an empty folder": (lambda at: at.write("out/empty/z"), [(b"out/empty", "folder")]),
    "an empty folder less": (
        lambda at: (at / "out/empty").rmdir(),
        [(b"out", "folder"), (b"out/empty", "folder")],
    ),
    "an empty folder more": (lambda at: (at / "out/deep/e").mkdir(), [(b"out/deep", "folder")]),
    "a link in a folder leads elsewhere": (
        lambda at: replace(at / "out/link", lambda path: path.symlink_to("y")),
        [(b"out/link", "link")],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_each_kind_of_change_is_seen(ground: Sealed, case: str) -> None:
    change, expected = CHANGES[case]
    change(ground)
    assert (ground.found(), ground.check().doubtful) == (expected, [])


def test_nothing_is_read_where_the_stats_vouch(ground: Sealed) -> None:
    seal = ground.check()
    # in/{a,b,run.sh}; out, deep, empty, x, y, link; logs; short, via; four that are absent
    assert (seal.intact, seal.entries, seal.reread) == (True, 16, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda at: come_and_go(at / "out/deep"),
        lambda at: come_and_go(at / "logs"),
        lambda at: replace(at / "via", lambda path: path.symlink_to("in")),
    ],
)
def test_names_and_texts_that_are_as_they_were_pass(
    ground: Sealed, change: Callable[[Sealed], object]
) -> None:
    change(ground)
    seal = ground.check()
    assert (seal.intact, seal.reread) == (True, 1)


@pytest.mark.parametrize(
    ("sealed", "checked", "trust", "vouched"),
    [
        ("local", "local", [], True),
        ("nfs", "nfs", ["nfs"], True),
        ("nfs", "nfs", [], False),
        ("unreliable", "local", [], False),
        ("local", "unreliable", [], False),
    ],
)
def test_what_no_stat_vouches_for_is_looked_at_anew(
    ground: Sealed, sealed: str, checked: str, trust: list[str], vouched: bool
) -> None:
    ground.assume(sealed)
    ground.index.look(FILES + FOLDERS, trust=trust)
    assert ground.close(trust=trust)
    seal = ground.check(checked)
    if vouched:
        assert (seal.intact, seal.reread) == (True, 0)
        return
    files = [b"in/a", b"in/b", b"in/run.sh", b"out/deep/y", b"out/x"]
    assert (seal.intact, seal.changed, seal.doubtful, seal.reread) == (False, [], files, 7)
    ground.write("logs/3.csv")
    assert ground.check(checked).changed == [b"logs"]


REFUSALS: dict[str, tuple[Callable[[Sealed], object], Wanted]] = {
    "a file that was never looked at": (lambda _: None, {"files": [b"in/d/a"]}),
    "a file that is not there": (lambda _: None, {"files": [b"none"]}),
    "a file that is a folder": (lambda _: None, {"files": [b"out"]}),
    "a file that is the workspace": (lambda _: None, {"files": [b""]}),
    "a changed file": (lambda at: rewrite(at / "in/a"), {}),
    "a changed file in a folder": (lambda at: rewrite(at / "out/deep/y"), {}),
    "a new file in a folder": (lambda at: at.write("out/deep/z"), {}),
    "a file less in a folder": (lambda at: (at / "out/x").unlink(), {}),
    "a whole folder less": (lambda at: shutil.rmtree(at / "out/deep"), {}),
    "an empty folder more": (lambda at: (at / "out/deep/e").mkdir(), {}),
    "an empty folder less": (lambda at: (at / "out/empty").rmdir(), {}),
    "an empty folder that is not any more": (lambda at: at.write("out/empty/z"), {}),
    "a link in a folder that leads elsewhere": (
        lambda at: replace(at / "out/link", lambda path: path.symlink_to("y")),
        {},
    ),
    "a fifo in a folder": (lambda at: os.mkfifo(at / "out/fifo"), {}),
    "a folder that was never looked at": (lambda _: None, {"folders": [b"logs"]}),
    "a folder that is a file": (lambda _: None, {"folders": [b"in/a"]}),
    "a listing of nothing": (lambda _: None, {"listings": [b"none"]}),
    "absent, and there": (lambda _: None, {"absent": [b"in/a"]}),
    "absent, and a folder is there": (lambda _: None, {"absent": [b"in"]}),
    "links in a ring": (lambda at: (at / "ring").symlink_to("ring"), {"files": [b"ring"]}),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_only_what_the_index_knows_is_sealed(ground: Sealed, case: str) -> None:
    change, wanted = REFUSALS[case]
    change(ground)
    assert not ground.close(**wanted)
    assert check_seal(ground.seal, root=ground.root) is None
    assert read_seal_header(ground.seal) is None
    assert os.listdir(ground.seal.parent) == []


def renew(ground: Sealed, files: Sequence[bytes] = (), folders: Sequence[bytes] = ()) -> bool:
    """Look at these and seal them anew, all else as it was sealed."""
    ground.settle()
    ground.index.look([*files, *folders])
    return ground.index.reseal(ground.seal, HEADER, files=files, folders=folders)


def test_a_seal_is_renewed_for_what_is_named_and_stands_for_all_else_as_it_was(ground: Sealed) -> None:
    entries = ground.check().entries
    rewrite(ground / "in/a")
    assert ground.found() == [(b"in/a", "file")]
    assert renew(ground, [b"in/a"])
    assert (ground.check().intact, ground.check().entries) == (True, entries)
    rewrite(ground / "in/b")
    ground.write("logs/3.csv")
    (ground / "in/a").write_bytes(b"and again")
    assert renew(ground, [b"in/a"])
    assert ground.found() == [(b"in/b", "file"), (b"logs", "listing")], "no one looked at these"


def test_a_renewed_folder_forgets_what_was_in_it(ground: Sealed) -> None:
    shutil.rmtree(ground / "out/deep")
    ground.write("out/other/z")
    assert renew(ground, folders=[b"out"])
    seal = ground.check()
    assert (seal.intact, seal.reread) == (True, 0)
    ground.write("out/other/more")
    assert ground.found() == [(b"out/other", "folder")]


def test_a_renewed_seal_knows_the_stats_of_listed_folders(ground: Sealed) -> None:
    ground.index.look([b"logs/1.csv"])
    assert ground.close(files=[*FILES, b"logs/1.csv"])
    rename_over(ground / "logs/1.csv")
    assert ground.check().reread == 1
    assert renew(ground, [b"logs/1.csv"])
    assert (ground.check().intact, ground.check().reread) == (True, 0)


def test_a_seal_is_not_renewed_where_there_is_none_or_what_is_named_is_not_known(ground: Sealed) -> None:
    rewrite(ground / "in/a")
    assert not ground.index.reseal(ground.seal, HEADER, files=[b"in/a"], folders=[])
    assert os.listdir(ground.seal.parent) == []
    assert not renew(ground, [b"in/a"])
    assert os.listdir(ground.seal.parent) == []


def test_a_file_that_is_being_written_is_not_sealed(ground: Sealed) -> None:
    with (ground / "in/a").open("r+b"):
        ground.index.look([b"in/a"], check="content")
        assert not ground.close()


def test_a_folder_that_riverrun_placed_is_sealed(ground: Sealed) -> None:
    ground.write("work/made/deep/file")
    (ground / "work/made/empty").mkdir()
    (ground / "work/made/link").symlink_to("deep/file")
    ground.move("work/made", "made")
    assert ground.close(folders=[b"out", b"made"])
    seal = ground.check()
    assert (seal.changed, seal.doubtful) == ([], [])


def test_what_lies_outside_is_absolute(ground: Sealed, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").write_bytes(b"1")
    (ground / "far").symlink_to(outside / "data")
    wait_settled(outside / "data", outside)
    given = [os.fsencode(outside / "data"), b"far"]
    ground.index.look(given)
    assert ground.close(files=given, absent=[os.fsencode(outside / "no")])
    assert ground.found() == []
    (outside / "no").touch()
    rewrite(outside / "data")
    assert ground.found() == [
        (os.fsencode(outside / "data"), "file"),
        (os.fsencode(outside / "no"), "absent"),
    ]


@pytest.mark.parametrize(
    ("text", "usable"),
    [("in/a", True), ("in/../in/a", True), ("../ground/in/a", False), ("{root}/in/a", False)],
)
def test_a_workspace_can_be_moved_unless_links_cross_its_border(
    ground: Sealed, text: str, usable: bool
) -> None:
    (ground / "link").symlink_to(text.format(root=ground.root))
    assert ground.close(files=[*FILES, b"link"])
    assert ground.found() == []
    moved = ground.root.with_name("moved")
    ground.root.rename(moved)
    seal = check_seal(ground.seal, root=moved)
    assert (seal is not None) is usable
    assert seal is None or seal.changed == []


def test_spellings_are_one(ground: Sealed) -> None:
    root = os.fsencode(ground.root)
    assert ground.close(
        files=[b"./in//a", root + b"/in/a", b"in/a", b"in/d/../a"], folders=[b"out/", b"out/deep"]
    )
    assert ground.check().entries == 13  # logs, in/a, the six of out, via, and four that are absent


def test_damage_is_no_seal(ground: Sealed) -> None:
    whole = ground.seal.read_bytes()
    assert ground.close(files=[b"in/a"], folders=[], absent=[b"no"])
    whole = ground.seal.read_bytes()
    flips = [whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :] for at in range(len(whole))]
    for damaged in [*(whole[:length] for length in range(len(whole))), *flips, whole + b"\0", b"x" * 4096]:
        ground.seal.write_bytes(damaged)
        assert check_seal(ground.seal, root=ground.root) is None
        assert read_seal_header(ground.seal) in (None, HEADER)
    ground.seal.write_bytes(whole)
    assert ground.found() == []


def test_a_missing_workspace_is_an_error(ground: Sealed) -> None:
    with pytest.raises(FileNotFoundError) as error:
        check_seal(ground.seal, root=ground.root / "none")
    assert error.value.filename == ground.root / "none"
    ground.seal.unlink()
    assert check_seal(ground.seal, root=ground.root) is None
