"""Kills between every pair of the writing order: whatever half-written state is left, the next run converges from it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import riverrun
from gates import LIMIT
from project import Project
from riverrun.flow import RunOptions
from small_pipeline import inside, small, stands

CRASHING = Path(__file__).with_name("crashing.py")
BEFORE = [
    "Recorder.record",
    "Recorder.restore",
    "Aside.make_room",
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
RARE = {"Store.move_in", "Recorder.restore", "Ledger.place"}  # once in the second run
AFTER = [
    "Store.add",
    "Store.move_in",
    "Recorder._place",
    "Ledger.record",
    "Recorder.restore",
    "Ledger.end_run",
]


def crash(project: Project, point: str, when: str, number: int) -> bool:
    """Whether the run came to the point and was killed there."""
    words = [sys.executable, str(CRASHING), str(project.root), point, when, str(number)]
    done = subprocess.run(words, env=project.env, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def finish(project: Project) -> None:
    """A plain run brings the end state, and the one after it has nothing to do; the store is sound."""
    project.counted()
    pipeline = riverrun.Pipeline.load(project.root)
    assert pipeline.status().ok
    # What the killed run was just starting may hold its lock for a moment.
    report = pipeline.run(options=RunOptions(wait=LIMIT))
    assert report.ok, report
    assert set(project.counted().values()) <= {1, 2}, "what had survived may still have begun one"
    stands(project)
    again = pipeline.run()
    assert again.counts["kept"] == 7 and not project.counted(), again
    assert not pipeline.cache_verify()


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The small pipeline, whose steps find the tally in this process's environment too."""
    # Large enough outputs are not copied: they are moved in when they are replaced.
    (project.home / "riverrun").mkdir()
    (project.home / "riverrun" / "local.toml").write_text("[cache]\ncopy_limit = 12\n")
    project.env["XDG_CONFIG_HOME"] = str(project.home)
    small(project)
    inside(project, monkeypatch)
    return project


@pytest.mark.parametrize(
    ("point", "when"), [*((point, "before") for point in BEFORE), *((point, "after") for point in AFTER)]
)
def test_killed_at(here: Project, point: str, when: str) -> None:
    """In a first run; then in one that runs, restores and replaces; each is finished by a plain run."""
    killed = crash(here, point, when, 1)
    finish(here)
    here.write({"rows.csv": "a,1\nb,77\n", "right.txt": "right\n", "label.txt": None, "sum.txt": "lies\n"})
    killed |= crash(here, point, when, 1 if point in RARE else 2)
    finish(here)
    assert killed, "no run came to this point"


def test_what_was_recorded_before_the_kill_is_kept(here: Project) -> None:
    assert crash(here, "Ledger.record", "after", 1)
    before = set(here.counted())
    riverrun.Pipeline.load(here.root).run(options=RunOptions(wait=LIMIT)).raise_for_failure()
    assert before - set(here.counted())
    stands(here)
