"""What a review found: each story as small as it gets, so that it stays mended."""

import resource
import subprocess
import sys

import pytest

from project import SECONDS, Project
from riverrun.model.verdict import Cause, Reason
from riverrun.report.wording import reason_line

SPLIT = """
[step.split]
run = "mkdir parts; cp {inputs} parts/a; cp {inputs} parts/b"
inputs = ["src"]
outputs = ["parts/"]
[step.each]
foreach = "parts/{n}"
run = "cp {inputs} {outputs}"
inputs = ["parts/{n}"]
outputs = ["each/{n}"]
[step.all]
run = "cat {inputs} > {outputs}"
inputs = ["@each"]
outputs = ["all"]
"""
MOST_BYTES = 1 << 20  # that a file may have, for the processes below


def small_files_only() -> None:
    """As on a full disk: what is too large cannot be written."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))


def test_what_there_is_no_room_to_restore_is_a_failure(project: Project) -> None:
    project.spec('[step.big]\nrun = "head -c 2000000 /dev/zero > {outputs}"\noutputs = ["big"]\n')
    project.run(code=0)
    project.remove("big")
    done = subprocess.run(
        [sys.executable, "-m", "riverrun"],
        cwd=project.root,
        env=project.env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=small_files_only,
    )
    assert (done.returncode, "File too large" in done.stdout) == (1, True), done.stdout
    assert project.run(code=0).restored == ["big"]


def test_an_output_that_cannot_be_placed_fails_its_own_step_only(project: Project) -> None:
    # The first one keeps the recording thread busy, so that the others are recorded together.
    spec = '[step.slow]\nrun = "head -c 50000000 /dev/zero > {outputs}"\noutputs = ["slow"]\ncache = false\n'
    for name in ("a", "b", "sub/c", "d"):
        spec += f'[step.{name[-1]}]\nrun = "echo > {{outputs}}"\noutputs = ["{name}"]\n'
    project.write({"sub": "a file where a folder should be\n"}).spec(spec)
    outcome = project.run("-k", "-j5", code=1)
    assert (outcome.failed, outcome.ran) == (["c"], ["a", "b", "d", "slow"])
    assert (outcome.reasons("c"), project.run("-k", code=1).ran) == (["error"], [])


def test_what_a_made_folder_gave_rise_to_is_no_orphan(project: Project) -> None:
    project.write({"src": "1\n"}).spec(SPLIT)
    project.run(code=0)
    made = ["all", "each/a", "each/b", "parts"]
    assert cleaned(project) == made
    assert cleaned(project, "each") == ["each/a", "each/b"]
    assert cleaned(project, "--orphans") == []
    project.remove("parts")
    assert cleaned(project, "--orphans") == []
    assert cleaned(project, "--yes") == ["all", "each/a", "each/b"]
    assert sorted(project.files()) == ["riverrun.toml", "src"]
    assert cleaned(project, "--orphans") == []


def cleaned(project: Project, *words: str) -> list[str]:
    outcome = project.cli("clean", "--json", *words)
    assert outcome.code == 0, outcome
    return [entry["path"] for entry in outcome.document["paths"]]


@pytest.mark.parametrize("word", ["split+", "parts+", "each+"])
def test_downstream_holds_what_is_still_to_be_spelled_out(project: Project, word: str) -> None:
    project.write({"src": "1\n"}).spec(SPLIT)
    assert project.run(word, code=0).ran == ["all", "each@a", "each@b", "split"]


def test_a_folder_without_its_slash_hangs_on_those_who_make_what_lies_in_it(project: Project) -> None:
    project.write({"src": "1\n", "mix/other": "2\n"}).spec(
        """
        [step.below]
        run = "cp {inputs} {outputs}"
        inputs = ["src"]
        outputs = ["mix/deep/made"]
        [step.all]
        run = "cat {inputs}/deep/made {inputs}/other > {outputs}"
        inputs = ["mix"]
        outputs = ["all"]
        """
    )
    assert project.run(code=0).ran == ["all", "below"]
    project.write({"src": "3\n"})
    assert (project.run(code=0).ran, project.read("all")) == (["all", "below"], "3\n2\n")


def test_a_refusal_is_told_in_full() -> None:
    why = "it is a symbolic link, " + "and so on " * 20 + "with 'real = true'"
    assert reason_line(Reason(Cause.OUTPUT_REFUSED, "out", after=why)) == f"output refused: out ({why})"
