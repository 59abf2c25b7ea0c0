"""In: steps with real commands. Out: how they ended, with nothing left running."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from crews import KEY, SECONDS, crew_in, finish, make, one
from riverrun.model.step import Ground
from riverrun.native import Launcher
from riverrun.run import running
from riverrun.run.crew import Crew
from riverrun.run.finished import Ending, Stop
from riverrun.run.process import look


def alive(pid: int) -> bool:
    process = look(pid)
    return process is not None and process.state not in "ZX"


def until_there(path: Path) -> str:
    """Wait for a file that a command writes (by renaming), and read it."""
    by = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < by, f"{path} never came"
        time.sleep(0.005)
    return path.read_text()


ENDINGS = {
    "succeeds": ("true", {}, Ending.SUCCEEDED, 0, None, ""),
    "fails": ("exit 3", {}, Ending.FAILED, 3, None, "exit code 3"),
    "fails in a pipe": ("false | cat", {}, Ending.FAILED, 1, None, "exit code 1"),
    "killed": ("kill -KILL $$", {}, Ending.FAILED, None, 9, "killed by SIGKILL"),
    "list": (("sh", "-c", 'exit "$0"', "4"), {}, Ending.FAILED, 4, None, "exit code 4"),
    "not found": ("no-such-program a", {}, Ending.NOT_STARTED, None, None, "not found on PATH"),
    "not there": ("./missing a", {}, Ending.NOT_STARTED, None, None, "must declare"),
    "no such shell": ("true", {"shell": ("/no/shell", "-c")}, Ending.NOT_STARTED, None, None, "/no/shell"),
    "NUL": (("echo", "a\0b"), {}, Ending.NOT_STARTED, None, None, "null byte"),
    "too long": (("echo", "x" * (3 << 20)), {}, Ending.NOT_STARTED, None, None, "longer than the system"),
    "test passes": ("touch a", {"test": "test -e a"}, Ending.SUCCEEDED, 0, None, ""),
    "test fails": (
        "touch a",
        {"test": "test -e b"},
        Ending.TEST_FAILED,
        1,
        None,
        "its test failed: exit code 1",
    ),
    "no such test": ("touch a", {"test": "no-such-program x"}, Ending.TEST_FAILED, None, None, "its test: "),
    "stdin is closed": ("read x && exit 7 || exit 0", {}, Ending.SUCCEEDED, 0, None, ""),
    "timeout": ("exec sleep 1000", {"timeout": 0.05}, Ending.TIMED_OUT, None, 15, "timeout of 0.05 s"),
    "test times out": (
        "true",
        {"test": "exec sleep 1000", "timeout": 2},
        Ending.TIMED_OUT,
        None,
        15,
        "timeout of 2 s",
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_endings(tmp_path: Path, case: str) -> None:
    run, keys, ending, code, number, message = ENDINGS[case]
    finished = one(tmp_path, make("s", run, **keys))  # type: ignore[arg-type]
    assert (finished.ending, finished.code, finished.signal) == (ending, code, number), finished
    assert message in finished.message
    assert finished.message or not message
    assert list((tmp_path / ".riverrun").glob("tmp/*")) == []


def test_a_script_without_an_interpreter_line_runs_as_a_shell_runs_it(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("exit 5\n")
    script.chmod(0o755)
    assert one(tmp_path, make("s", "./script", inputs=["script"])).code == 5
    assert "#!/bin/sh" in one(tmp_path, make("s", ("./script",), inputs=["script"])).message
    script.chmod(0o644)
    assert "chmod +x" in one(tmp_path, make("s", "./script", inputs=["script"])).message


def test_bash_is_found_when_the_step_has_a_path_of_its_own(tmp_path: Path) -> None:
    assert one(tmp_path, make("s", "exit 6", env=(("PATH", "/nowhere"),))).code == 6


def test_an_impossible_work_folder_is_told_not_raised(tmp_path: Path) -> None:
    finished = one(tmp_path, make("s", "true", ["x/out"], inputs=["gone/"], cwd="gone/y"))
    assert finished.ending is Ending.NOT_STARTED
    assert "its work folder cannot be made: No such file or directory" in finished.message


def test_the_environment_is_the_base_and_what_is_declared(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    declared = make(
        "world/s",
        "env > vars; cat $RIVERRUN_PARAMS > params; pwd -P > where; echo $TMPDIR/x > $TMPDIR/x; test -w $TMPDIR",
        ["world/vars", "world/params"],
        home="world",
        params={"level": 3},
        declared_params=("level",),
        env=(("A", "1"), ("B", None)),
    )
    finished = one(tmp_path, declared, B="2", C="3", LANG="C")
    assert finished.ending is Ending.SUCCEEDED
    home = Path(finished.work, "world")
    variables = dict(line.split("=", 1) for line in (home / "vars").read_text().splitlines())
    assert variables.keys() - {"_", "SHLVL", "OLDPWD"} == {
        *("PATH", "LANG", "A", "B", "PWD", "TMPDIR"),
        *("RIVERRUN_RUN", "RIVERRUN_STEP", "RIVERRUN_PARAMS"),
    }
    assert variables["PWD"] == str(home) == (home / "where").read_text().rstrip("\n")
    assert (home / "params").read_text() == '{\n "level": 3\n}\n'
    assert not Path(variables["TMPDIR"]).exists()
    assert not Path(variables["RIVERRUN_PARAMS"]).exists()


OUTLIVING = {
    "in its group": "sleep 1000 >/dev/null 2>&1 &",
    "holding the pipe": "sleep 1000 &",
    "writing without end": "yes &",
    "in a session of its own": "setsid sleep 1000 >/dev/null 2>&1 & sleep 0.05",
    "orphaned in a session of its own": "(setsid sh -c 'sleep 1000; true' &) ; sleep 0.05",
    "deaf": "(trap '' TERM HUP; sleep 1000) & sleep 0.05",
}


@pytest.mark.parametrize("case", OUTLIVING)
def test_what_outlives_its_command_is_named_and_ended(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.02)
    finished = one(tmp_path, make("s", OUTLIVING[case]))
    assert finished.ending is Ending.OUTLIVED, finished
    assert any(name in finished.message for name in ("sleep (", "yes (", "bash (", "sh (", "setsid (")), (
        finished.message
    )
    pids = [int(part.partition(")")[0]) for part in finished.message.split("(")[1:]]
    assert pids and not any(map(alive, pids))


def test_what_ends_by_itself_just_after_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", SECONDS)
    finished = one(tmp_path, make("s", "echo said > >(cat; echo end)"))
    assert finished.ending is Ending.SUCCEEDED
    assert (tmp_path / finished.log).read_text() == "said\nend\n"


def test_ended_cleanly_on_request(tmp_path: Path) -> None:
    step = make("s", 'trap "echo tidied; exit 0" TERM; sleep 1000 & echo $! > p; mv p pid; wait')
    with crew_in(tmp_path) as crew:
        crew.start(step, KEY)
        pid = int(until_there(Path(crew.folders.path(step), "pid")))
        assert crew.running_names == ("s",)
        crew.stop(Stop.CLEANLY)
        finished = finish(crew)[0]
        crew.start(make("late", "true"), KEY)
        late = finish(crew)[0]
    assert (finished.ending, finished.tail) == (Ending.INTERRUPTED, "tidied")
    assert late.ending is Ending.INTERRUPTED
    assert not alive(pid)


@pytest.mark.parametrize("stops", [(Stop.AT_ONCE,), (Stop.CLEANLY, Stop.AT_ONCE), (Stop.CLEANLY,)])
def test_the_deaf_and_the_stopped_are_killed(
    tmp_path: Path, stops: tuple[Stop, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KILL_SECONDS", 1000.0 if len(stops) > 1 else 0.05)
    deaf = (
        "trap '' TERM INT HUP; (while :; do sleep 1000; done) & echo $! > p; mv p pid; while :; do wait; done"
    )
    with crew_in(tmp_path) as crew:
        steps = [make("deaf", deaf), make("stopped", "echo $$ > p; mv p pid; kill -STOP $$")]
        for step in steps:
            crew.start(step, KEY)
        pids = [int(until_there(Path(crew.folders.path(step), "pid"))) for step in steps]
        done = []
        for stop in stops:
            crew.stop(stop)
            done += crew.wait(SECONDS)
        done += finish(crew, 2 - len(done))
    assert {finished.ending for finished in done} == {Ending.INTERRUPTED}
    assert not any(map(alive, pids))


def test_no_test_follows_a_command_that_was_interrupted(tmp_path: Path) -> None:
    step = make(
        "s", "trap 'exit 0' TERM; echo > p; mv p there; while :; do sleep 0.01; done", test="touch tested"
    )
    with crew_in(tmp_path) as crew:
        crew.start(step, KEY)
        until_there(Path(crew.folders.path(step), "there"))
        crew.stop(Stop.CLEANLY)
        assert finish(crew)[0].ending is Ending.INTERRUPTED
        assert not Path(crew.folders.path(step), "tested").exists()


def test_closing_a_crew_leaves_nothing_running(tmp_path: Path) -> None:
    step = make("s", "(sleep 1000)& echo $! > p; mv p pid; wait")
    with crew_in(tmp_path) as crew:
        crew.start(step, KEY)
        pid = int(until_there(Path(crew.folders.path(step), "pid")))
    assert not alive(pid)


def test_waking_from_a_thread_and_from_a_signal(tmp_path: Path) -> None:
    with crew_in(tmp_path) as crew:
        assert crew.wait(0.0) == []
        crew.wake()
        assert crew.wait(None) == []
        thread = threading.Thread(target=crew.wake)
        thread.start()
        assert crew.wait(None) == []
        thread.join()
        before = signal.signal(signal.SIGUSR1, lambda *_: crew.wake())
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert crew.wait(None) == []
        finally:
            signal.signal(signal.SIGUSR1, before)


class AsOldKernelsDo:
    """A launcher whose processes have no descriptor that tells of their end."""

    def __init__(self, silence: int) -> None:
        self._launcher = Launcher(silence)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._launcher, name)

    def news(self) -> list[tuple[int, ...]]:
        told: list[tuple[int, ...]] = []
        for number, pid, ended, output in self._launcher.news():  # type: ignore[misc]  # none is refused here
            os.close(ended)
            told.append((number, pid, -1, output))
        return told


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("exits", ["with descriptors of processes", "without"])
def test_two_hundred_steps_eight_at_a_time(
    tmp_path: Path, exits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exits == "without":
        monkeypatch.setattr("riverrun.run.crew.Launcher", AsOldKernelsDo)
    (tmp_path / "in").write_text("x")
    waiting = [
        make(f"s{n}", f"cp in out{n}" if n % 3 else f"echo {n}; exit {n % 2}", [f"out{n}"], inputs=["in"])
        for n in range(200)
    ]
    codes: dict[str, int | None] = {}
    with crew_in(tmp_path) as crew:
        before = descriptors()
        while waiting or crew.running:
            while waiting and crew.running < 8:
                crew.start(waiting.pop(), KEY)
            for finished in crew.wait(SECONDS):
                codes[finished.step] = finished.code
                assert (finished.log != "") == (int(finished.step[1:]) % 3 == 0)
        assert descriptors() == before
    assert codes == {f"s{n}": 0 if n % 3 else n % 2 for n in range(200)}


def test_in_place_runs_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    step = make("s", "pwd -P > here", ["sub/here"], home="sub", ground=Ground.IN_PLACE)
    finished = one(tmp_path, step)
    assert (finished.work, finished.enforced) == (str(tmp_path), "none")
    assert (tmp_path / "sub/here").read_text() == f"{tmp_path}/sub\n"


def test_tmp_elsewhere(tmp_path: Path) -> None:
    project, base = tmp_path / "project", tmp_path / "fast" / "tmp"
    (project / ".riverrun").mkdir(parents=True)
    crew = Crew(str(project), {"PATH": os.environ["PATH"]}, "r", tmp_base=str(base))
    try:
        crew.start(make("s", "echo $TMPDIR; mkdir $TMPDIR/a; chmod a-w $TMPDIR"), KEY)
        finished = finish(crew)[0]
    finally:
        crew.close()
    assert (project / finished.log).read_text().startswith(f"{base}/riverrun-")
    assert list(base.iterdir()) == []
