"""In: processes of runs that were killed. Out: none of them, and free folders."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crews import KEY, make
from riverrun.run.survivors import clear_away
from riverrun.run.work import WorkFolders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found by /proc")

DEAD = f"dead-{os.getpid()}"  # tests beside this one must not be taken for survivors
SLEEPERS = {
    "by its variable": ("sleep 1000", {"RIVERRUN_RUN": DEAD}, "."),
    "deaf": ("trap '' TERM; echo ready; while :; do sleep 1000; done", {"RIVERRUN_RUN": DEAD}, "."),
    "by where it runs": ("sleep 1000", {}, "work"),
}


def start(command: str, environ: dict[str, str], cwd: Path) -> "subprocess.Popen[bytes]":
    environ = {"PATH": os.environ["PATH"]} | environ
    script = f"echo up; {command}"
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=cwd, env=environ, start_new_session=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    if "ready" in command:
        assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("case", SLEEPERS)
def test_they_are_ended_and_their_folders_freed(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riverrun.run.survivors.ASKED_SECONDS", 0.1)
    command, environ, place = SLEEPERS[case]
    work = Path(WorkFolders(str(tmp_path)).prepare(make("s", "true", ["out"]), KEY))
    (work / "half").write_text("")
    other = start("sleep 1000", {"RIVERRUN_RUN": DEAD + "-not"}, tmp_path)
    process = start(command, environ, work if place == "work" else tmp_path)
    try:
        ended = clear_away(str(tmp_path), [DEAD, "another"])
        assert process.wait(60) < 0
        assert any(f"({process.pid})" in name for name in ended)
        assert other.poll() is None
        assert list((tmp_path / ".riverrun/work").iterdir()) == []
    finally:
        for one in (process, other):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait(60)
            assert one.stdout is not None
            one.stdout.close()


def test_a_person_looking_around_in_a_terminal_is_left_alone(tmp_path: Path) -> None:
    work = WorkFolders(str(tmp_path)).prepare(make("s", "true"), KEY)
    pid, terminal = os.forkpty()
    if not pid:
        os.chdir(work)
        os.execvp("cat", ["cat"])
    try:
        os.write(terminal, b"hello\n")
        assert os.read(terminal, 100)
        while b"cat" not in Path(f"/proc/{pid}/stat").read_bytes():
            pass
        assert clear_away(str(tmp_path), [DEAD]) == ()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_nothing_there(tmp_path: Path) -> None:
    assert clear_away(str(tmp_path), []) == ()
