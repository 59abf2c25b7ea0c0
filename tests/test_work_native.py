"""In: commands, and what they do to their work folder. Out: what they met, and whether the folder is used again."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crews import KEY, make
from riverrun.native import Launcher, lay_work, sweep_work
from riverrun.run.work import WorkFolders

FOLDERS = [b"in", b"out", b"out/deep"]
LINKS = [(b"in/a", b"/somewhere/a")]


class Nest:
    """A folder with work folders in it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "nest"
        self.grave = path / "grave"
        for folder in (self.path, self.grave):
            folder.mkdir()
        self.handles = [os.open(folder, os.O_RDONLY) for folder in (self.path, self.grave)]

    def lay(self, name: str, idle: str = "") -> Path:
        lay_work(self.handles[0], name.encode(), idle.encode() if idle else None, FOLDERS, LINKS)
        return self.path / name

    def sweep(self, name: str, declared: set[bytes] = frozenset()) -> tuple[list[bytes], bool]:  # type: ignore[assignment]
        made = self.path.stat()
        rights = (made.st_mode, made.st_uid, made.st_gid)
        links = {path for path, _ in LINKS}
        nest, grave = self.handles
        return sweep_work(nest, grave, name.encode(), FOLDERS, links, set(declared), rights)


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    nest = Nest(tmp_path)
    yield nest
    for handle in nest.handles:
        os.close(handle)


def test_an_idle_folder_becomes_another(nest: Nest) -> None:
    first = nest.lay("one")
    inode = first.stat().st_ino
    assert (first / "in/a").readlink() == Path("/somewhere/a")
    assert nest.sweep("one") == ([], True)
    second = nest.lay("two", idle="one")
    assert (second.stat().st_ino, first.exists()) == (inode, False)
    assert sorted(path.name for path in second.rglob("*")) == ["a", "deep", "in", "out"]


def test_a_name_that_is_taken_is_refused(nest: Nest) -> None:
    (nest.path / "taken").mkdir()
    nest.lay("one")
    for idle in ("", "one"):
        with pytest.raises(FileExistsError):
            nest.lay("taken", idle)


def _replaced(work: Path) -> None:
    (work / "out/deep").rmdir()
    (work / "out/deep").symlink_to("/")


def _folder_for_input(work: Path) -> None:
    (work / "in/a").unlink()
    (work / "in/a").mkdir()


LEFT: dict[str, tuple[Callable[[Path], object], list[bytes]]] = {
    "a file": (lambda work: (work / "out/x").write_text(""), [b"out/x"]),
    "a hidden file": (lambda work: (work / ".x").write_text(""), [b".x"]),
    "a folder": (lambda work: (work / "d").mkdir(), [b"d/"]),
    "a link": (lambda work: (work / "in/b").symlink_to("a"), [b"in/b"]),
    "a fifo": (lambda work: os.mkfifo(work / "f"), [b"f"]),
    "something declared": (lambda work: (work / "declared").write_text(""), []),
    "a folder made private": (lambda work: (work / "out").chmod(0o700), []),
    "a folder gone": (lambda work: (work / "out/deep").rmdir(), []),
    "a folder replaced by a link": (_replaced, []),
    "a folder in place of an input": (_folder_for_input, []),
}


@pytest.mark.parametrize("case", LEFT)
def test_a_folder_that_was_altered_is_not_used_again(nest: Nest, case: str) -> None:
    change, named = LEFT[case]
    change(nest.lay("one"))
    assert nest.sweep("one", {b"declared"}) == (named, False)


def test_an_input_removed_or_written_over_does_not_matter(nest: Nest) -> None:
    work = nest.lay("one")
    (work / "in/a").unlink()
    assert nest.sweep("one") == ([], True)
    (nest.lay("one2", idle="one") / "in/a").unlink()
    (nest.path / "one2/in/a").write_text("its own")
    assert nest.sweep("one2") == ([], True)


def test_attributes_count(nest: Nest) -> None:
    work = nest.lay("one")
    try:
        os.setxattr(work / "out", "user.mark", b"x")
    except OSError:
        pytest.skip("a filesystem without attributes")
    assert nest.sweep("one") == ([], False)


def test_steps_of_one_shape_share_a_folder_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    steps = [make(f"s{n}", "true", [f"out/{n}"], inputs=[f"in/{n}"]) for n in range(3)]
    folders = WorkFolders(str(tmp_path))
    inodes = []
    for step in steps:
        work = Path(folders.prepare(step, KEY))
        inodes.append(work.stat().st_ino)
        assert [path.name for path in (work / "in").iterdir()] == [step.inputs[0].path.removeprefix("in/")]
        assert folders.drop(step) == []
    assert len(set(inodes)) == 1
    again = Path(folders.prepare(steps[2], KEY))  # its own was idle
    assert {path.name for path in again.iterdir()} == {"in", "out"}
    folders.drop(steps[2])
    folders.close()
    assert not list((tmp_path / ".riverrun/work").iterdir())
    assert not list((tmp_path / ".riverrun/trash").iterdir())


def said(words: list[str], folder: Path, **variables: str) -> str:
    with open(os.devnull) as silence:
        launcher = Launcher(silence.fileno())
    launcher.submit(1, words, folder, variables)
    select.select([launcher], [], [])
    ((number, *outcome),) = launcher.news()
    assert number == 1
    del launcher  # an error that is raised keeps what stands here
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    pid, ended, output = outcome
    assert os.waitpid(pid, 0) == (pid, 0)
    os.close(ended)
    with open(output, "rb", closefd=True) as pipe:
        return (pipe.read() or b"").decode()


def test_a_command_finds_signals_descriptors_and_session_as_new(tmp_path: Path) -> None:
    status = said(["cat", "/proc/self/status"], tmp_path, PATH=os.environ["PATH"])
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    reserved = 1 << 31 | 1 << 32  # signals 32 and 33 are the C library's own: no program may ask for them
    assert {int(lines[name], 16) & ~reserved for name in ("SigBlk", "SigIgn", "SigCgt")} == {0}
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        listed = said(["ls", "/proc/self/fd"], tmp_path, PATH=os.environ["PATH"])
    finally:
        os.close(inherited)
    assert listed.split() == ["0", "1", "2", "3"]  # 3 is the listing's own
    stat = said(["cat", "/proc/self/stat"], tmp_path, PATH="/bin").split()
    assert stat[0] == stat[4] == stat[5], "it leads a group and a session"


def test_our_own_signals_stay_as_they_were(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        status = said(["cat", "/proc/self/status"], tmp_path, PATH="/bin:/usr/bin")
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before | {signal.SIGUSR2}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk"))
    assert int(blocked.split()[1], 16) == 1 << (signal.SIGUSR2 - 1), "a mask of the caller's is handed on"


def children() -> list[str]:
    """The processes that were started here and not waited for; other tests may have some."""
    return sorted(
        pid for listed in Path("/proc/self/task").glob("*/children") for pid in listed.read_text().split()
    )


REFUSALS = {
    "no program": (["no-such-program"], "", FileNotFoundError),
    "no folder": (["true"], "gone", FileNotFoundError),
    "not executable": (["./plain"], "", PermissionError),
    "not executable on the path, and no other": (["plain"], "", PermissionError),
    "no words": ([], "", ValueError),
    "NUL in a word": (["true", "a\0"], "", ValueError),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_leave_nothing_behind(tmp_path: Path, case: str) -> None:
    words, folder, error = REFUSALS[case]
    (tmp_path / "plain").write_text("")
    open_before, before = os.listdir("/proc/self/fd"), children()
    for _ in range(3):
        with pytest.raises(error):
            said(words, tmp_path / folder, PATH=f"{tmp_path}:/bin:/usr/bin")
    assert len(os.listdir("/proc/self/fd")) == len(open_before)
    assert children() == before, "no zombie is left"


def test_variables_are_checked(tmp_path: Path) -> None:
    for name in ("", "A=B", "A\0"):
        with pytest.raises(ValueError):
            said(["true"], tmp_path, **{name: "x"})


def test_the_first_of_a_name_on_the_path_is_executed(tmp_path: Path) -> None:
    for place, text in (("one", "echo one"), ("two", "echo two")):
        (tmp_path / place).mkdir()
        program = tmp_path / place / "which-one"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    path = f"{tmp_path}/none:{tmp_path}/plain:{tmp_path}/two:{tmp_path}/one"
    assert said(["which-one"], tmp_path, PATH=path) == "two\n"
    assert said(["which-one"], tmp_path / "one", PATH=":/bin") == "one\n", (
        "an empty part is the command's folder"
    )


def test_those_that_wait_start_in_turn_and_not_after_one_that_failed(tmp_path: Path) -> None:
    """One may run at once; the next takes its place when it ends well, and waits for a word when it failed."""
    gates = {name: tmp_path / name for name in ("well", "badly", "last")}
    for gate in gates.values():
        os.mkfifo(gate)
    with open(os.devnull) as silence:
        launcher = Launcher(silence.fileno())
    begun: dict[int, int] = {}

    def hear(*numbers: int) -> None:
        while not begun.keys() >= set(numbers) or (not numbers and not launcher.failed()):
            assert select.select([launcher], [], [], 60)[0], f"only {sorted(begun)} began"
            for number, pid, ended, output in launcher.news():  # type: ignore[misc]  # none is refused here
                begun[number] = pid
                os.close(ended)
                os.close(output)

    def reap(number: int) -> int:  # only once the launcher has seen it: one that is gone may have failed
        return os.waitstatus_to_exitcode(os.waitpid(begun[number], 0)[1])

    for number, (name, code) in enumerate([("well", 0), ("badly", 3), ("last", 0), ("last", 0)], 1):
        words = ["sh", "-c", f"read -r word < {name}; exit {code}"]
        launcher.submit(number, words, tmp_path, {"PATH": os.environ["PATH"]}, when_fewer=1)
    hear(1)
    gates["well"].write_text("go\n")
    hear(2)
    assert reap(1) == 0
    assert begun.keys() == {1, 2} and not launcher.failed()
    gates["badly"].write_text("go\n")
    hear()
    assert reap(2) == 3
    assert launcher.failed() == [2] and begun.keys() == {1, 2}
    launcher.forgive(1)
    launcher.forgive(2)
    hear(3)
    assert launcher.withdraw() == [4] and launcher.withdraw() == []
    launcher.hold()
    launcher.submit(5, ["true"], tmp_path, {"PATH": os.environ["PATH"]})
    hear(5)  # one that need not wait is not held up
    gates["last"].write_text("go\n")
    assert reap(5) == reap(3) == 0
