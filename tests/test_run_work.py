"""In: steps and the files of a workspace. Out: work folders, what was left in them, and what survives a failure."""

import os
from pathlib import Path
from typing import Any

import pytest

from crews import KEY, crew_in, finish, make
from riverrun.model.step import ArtifactKind, Ground, Input, Inputs
from riverrun.run import trees
from riverrun.run.work import WorkFolders, folder_name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("a.txt", "src/x.py", "src/sub/y.py", "lib/z.h", "world/config.h", ".riverrun/ledger"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "src/link").symlink_to("x.py")
    return tmp_path


def shape(folder: str) -> dict[str, str]:
    """Every path below: what a link says, "/" for a folder, the content of a file."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(place, name)
            said = (
                "-> " + os.readlink(path) if path.is_symlink() else "/" if path.is_dir() else path.read_text()
            )
            found[str(path.relative_to(folder))] = said
    return found


CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "files": (
        {"inputs": ["a.txt", "src/x.py"], "uses": ["a.txt"]},
        {"a.txt": "-> {root}/a.txt", "src": "/", "src/x.py": "-> {root}/src/x.py"},
    ),
    "a folder, and a file inside it": ({"inputs": ["src/sub/y.py", "src/"]}, {"src": "-> {root}/src"}),
    "parents of outputs": ({"outputs": ["o/p/q.txt", "d/"]}, {"o": "/", "o/p": "/"}),
    "home and cwd": (
        {"home": "world", "cwd": "run", "inputs": ["world/config.h"]},
        {"world": "/", "world/run": "/", "world/config.h": "-> {root}/world/config.h"},
    ),
    "a folder in which it runs and writes is spread out": (
        {"inputs": ["src/"], "cwd": "src", "outputs": ["src/sub/out"]},
        {
            "src": "/",
            "src/x.py": "-> {root}/src/x.py",
            "src/link": "-> {root}/src/link",
            "src/sub": "/",
            "src/sub/y.py": "-> {root}/src/sub/y.py",
        },
    ),
    "optional, missing and outside": (
        {
            "inputs": [
                Input("no.txt", ArtifactKind.FILE, "no.txt", optional=True),
                Input("a.txt", ArtifactKind.FILE, "a.txt", optional=True),
                Input("/etc/passwd", ArtifactKind.FILE, "outside:2", outside=True),
            ]
        },
        {"a.txt": "-> {root}/a.txt"},
    ),
    "real": (
        {"inputs": ["src/", "a.txt"], "real": Inputs.REAL},
        {
            "a.txt": "a.txt",
            "src": "/",
            "src/x.py": "src/x.py",
            "src/link": "-> x.py",
            "src/sub": "/",
            "src/sub/y.py": "src/sub/y.py",
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_layouts(root: Path, case: str) -> None:
    keys, expected = CASES[case]
    keys = dict(keys)
    step = make("s", "true", keys.pop("outputs", ["out"]), **keys)
    folders = WorkFolders(str(root))
    work = folders.prepare(step, KEY)
    assert shape(work) == {path: said.replace("{root}", str(root)) for path, said in expected.items()}
    before = shape(str(root / "src"))
    assert folders.drop(step) == []
    folders.close()
    assert not os.path.exists(work)
    assert shape(str(root / "src")) == before, "a link was followed"


def test_real_copies_may_be_written_and_keep_their_times(root: Path) -> None:
    (root / "src/x.py").chmod(0o555)
    os.utime(root / "src/x.py", ns=(5, 1_000_000_007))
    work = Path(WorkFolders(str(root)).prepare(make("s", "true", inputs=["src/"], real=Inputs.REAL), KEY))
    copied = (work / "src/x.py").stat()
    assert (copied.st_mode & 0o777, copied.st_mtime_ns) == (0o755, 1_000_000_007)


def test_a_renamed_step_keeps_its_folder_and_others_have_their_own() -> None:
    names = [
        folder_name(make("a", "x", ["1", "2"])),
        folder_name(make("b", "y", ["2", "1"])),
        folder_name(make("a", "x", ["1"])),
        folder_name(make("a", "x")),
        folder_name(make("b", "x")),
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4


def test_what_is_left_is_named_and_removed(root: Path) -> None:
    step = make("s", "true", ["o/out", "d/"], inputs=["a.txt", "src/"], scratch=("half",))
    folders = WorkFolders(str(root))
    work = Path(folders.prepare(step, KEY))
    for path in ("extra", "o/more", "tmp/deep/er", "half", "o/out", "d/x"):
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text("")
    (work / "tmp/deep").chmod(0o555)
    (work / "tmp").chmod(0)
    (work / "danger").symlink_to(root / "src")
    assert folders.drop(step) == ["danger", "extra", "tmp/", "o/more"]
    assert not work.exists()
    assert (root / "src/x.py").exists()
    assert not list((root / ".riverrun/scratch").iterdir())


def test_many_leftovers_are_not_all_named(root: Path) -> None:
    folders, step = WorkFolders(str(root)), make("s", "true")
    work = Path(folders.prepare(step, KEY))
    for number in range(100):
        (work / f"{number}").write_text("")
    assert len(folders.drop(step)) == 20


def test_a_failed_folder_is_kept_once_and_goes_with_success(root: Path) -> None:
    folders, step = WorkFolders(str(root)), make("s", "true", ["out"])
    kept = ""
    for content in ("first", "second"):
        work = Path(folders.prepare(step, KEY))
        (work / "out").write_text(content)
        kept = folders.keep_failed(step)
        assert (root / kept / "out").read_text() == content
    assert kept == f".riverrun/failed/{folder_name(step)}"
    folders.prepare(step, KEY)
    folders.drop(step)
    assert not (root / kept).exists()
    assert folders.keep_failed(step) == ""


def test_a_folder_found_there_is_never_used(root: Path) -> None:
    step = make("s", "true", ["out"])
    work = Path(WorkFolders(str(root)).prepare(step, KEY))
    (work / "out").write_text("of a dead run")
    assert WorkFolders(str(root)).prepare(step, KEY) == str(work)
    assert shape(str(work)) == {}
    assert not list((root / ".riverrun/trash").iterdir())


@pytest.mark.parametrize("way", ["failed", "killed", "cleared"])
@pytest.mark.parametrize("key", [KEY, b"other" * 6])
def test_scratch_survives_for_the_same_key(root: Path, way: str, key: bytes) -> None:
    step = make("s", "true", ["world/out"], home="world", scratch=("half/", "state.db", "never"))
    work = Path(WorkFolders(str(root)).prepare(step, KEY))
    folders = WorkFolders(str(root))
    (work / "world/half").mkdir()
    (work / "world/half/1").write_text("one")
    (work / "world/state.db").write_text("two")
    (work / "world/junk").write_text("three")
    if way == "failed":
        folders.keep_failed(step)
    elif way == "cleared":
        folders.clear()
        assert not work.exists()
        assert not (root / ".riverrun/trash").exists()
    WorkFolders(str(root)).prepare(step, key)
    kept = {"world/half": "/", "world/half/1": "one", "world/state.db": "two"} if key == KEY else {}
    assert shape(str(work)) == {"world": "/"} | kept


def test_scratch_lets_a_command_resume(root: Path) -> None:
    step = make("s", "echo x >> part; test $(wc -l < part) -ge 3 && cp part out", ["out"], scratch=("part",))
    with crew_in(root) as crew:
        for attempt, code in enumerate((1, 1, 0)):
            crew.start(step, KEY, attempt)
            assert finish(crew)[0].code == code
            if code:
                crew.folders.keep_failed(step)
        assert Path(crew.folders.path(step), "out").read_text() == "x\nx\nx\n"
        assert crew.folders.drop(step) == []


def test_in_place_nothing_is_made_or_removed(root: Path) -> None:
    folders, step = WorkFolders(str(root)), make("s", "true", ["out"], ground=Ground.IN_PLACE)
    before = shape(str(root))
    assert folders.prepare(step, KEY) == str(root)
    assert folders.drop(step) == []
    assert folders.keep_failed(step) == ""
    assert shape(str(root)) == before


def test_the_deepest_folders_go(tmp_path: Path) -> None:
    top = tmp_path / "deep"
    top.mkdir()
    before = os.getcwd()
    try:
        os.chdir(top)
        for _ in range(1500):  # deeper than the stack, and longer than a path may be
            os.mkdir("folder")
            os.chdir("folder")
    finally:
        os.chdir(before)
    assert trees.remove(str(top))
    assert list(tmp_path.iterdir()) == []
    assert trees.remove(str(top)), "what is not there is gone"
