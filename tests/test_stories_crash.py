"""Kills between every pair of the writing order: whatever half-written state is left, the next run converges from it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from project import Project
from small_pipeline import built, small, stands

CRASHING = Path(__file__).with_name("crashing.py")
POINTS = [
    "Recorder.record",
    "Recorder.restore",
    "Recorder._place",
    "Recorder._make_room",
    "Store.add",
    "Store.sync",
    "Store.move_in",
    "Ledger.begin_run",
    "Ledger.record",
    "Ledger.place",
    "Ledger.set_matches",
    "Ledger.note_attempts",
    "Ledger.end_run",
    "Course.settled",
]


def crash(project: Project, point: str, when: str, number: int) -> bool:
    """Whether the run came to the point and was killed there."""
    words = [sys.executable, str(CRASHING), str(project.root), point, when, str(number)]
    done = subprocess.run(words, env=project.env, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(project: Project, point: str, when: str) -> None:
    """In a first run; then in one that runs, restores and replaces; each is finished by a plain run."""
    small(project).write({"riverrun.local.toml": "[cache]\ncopy_limit = 4\n"})
    killed = crash(project, point, when, 1)
    finish(project)
    for number in (1, 2):
        project.write({"rows.csv": f"a,{number}\nb,77\n", "right.txt": f"right {number}\n"})
        if project.has("label.txt"):
            project.remove("label.txt")
        project.write({"made/built.txt": "lies\n"})
        killed |= crash(project, point, when, number)
        finish(project)
    assert killed, "no run came to this point"


def finish(project: Project) -> None:
    """A plain run brings the end state, and the one after it has nothing to do; the store is sound."""
    assert project.status().code == 0
    outcome = project.run(code=0)
    assert not [step for step, count in project.counted().items() if count > 2], outcome
    # The machine's own file is no artifact.
    (project.root / "riverrun.local.toml").rename(project.root / ".riverrun" / "aside")
    stands(project)
    (project.root / ".riverrun" / "aside").rename(project.root / "riverrun.local.toml")
    project.settle()
    assert project.cli("cache", "verify").code == 0


def test_what_was_recorded_before_the_kill_is_kept(project: Project) -> None:
    """Steps that had been recorded are not run again."""
    built(project)
    project.write({"rows.csv": "a,9\n", "left.txt": "LEFT\n"})
    assert crash(project, "Course.settled", "after", 5)
    before = project.counted()
    project.run(code=0)
    assert not set(project.counted()) & (set(before) - {"final"}), before
    stands(project)
    project.settle()
