"""Mishaps while steps run: kills, signals, failures, two runs at once; what came of it goes out."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import Gate, alive, until
from project import Outcome, Project
from small_pipeline import SPEC, built, came, small, stands


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate at which a step may wait."""
    made = Gate(tmp_path)
    yield made
    made.close()


# -- kill -9 ---------------------------------------------------------------------------------------------------------


def halfway(project: Project, gate: Gate) -> None:
    """The small pipeline is built, and its last step, which must run again, will wait with half of its output written."""
    built(project)
    project.spec(
        SPEC.replace(
            "echo final >> $TALLY;", 'echo final >> $TALLY; echo half > {outputs}; eval "${HOLD:-}"; '
        ).replace('pass = ["TALLY"]', 'pass = ["TALLY", "HOLD"]')
    )
    project.write({"left.txt": "LEFT\n"})
    project.env["HOLD"] = gate.hold


def test_killed_while_half_an_output_was_written(project: Project, gate: Gate) -> None:
    halfway(project, gate)
    run = project.start("run")
    pid = gate.arrived()
    before = project.read("final.txt")
    assert project.end(run, signal.SIGKILL).code == -signal.SIGKILL
    assert alive(pid), "the step outlives its run"
    assert project.read("final.txt") == before, "half an output never stands in its place"
    assert project.counted() == {"join": 1, "final": 1}

    del project.env["HOLD"]
    outcome = project.run()

    assert [note["kind"] for note in outcome.document["notes"]] == ["survivor"], outcome
    assert not alive(pid)
    came(project, outcome, ran=["final"])
    project.settle()


def test_killed_with_all_that_it_had_started(project: Project, gate: Gate) -> None:
    """As when the machine went down."""
    halfway(project, gate)
    run = project.start("run")
    pid = gate.arrived()
    project.end(run, signal.SIGKILL)
    os.killpg(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "the end of the step")
    project.counted()
    del project.env["HOLD"]
    came(project, project.run(), ran=["final"])
    project.settle()


def test_killed_and_asked_for_its_status(project: Project, gate: Gate) -> None:
    halfway(project, gate)
    run = project.start("run")
    pid = gate.arrived()
    project.end(run, signal.SIGKILL)
    assert project.status(code=0).having("run") == ["final"]
    assert alive(pid), "looking ends nothing"
    project.counted()
    del project.env["HOLD"]
    came(project, project.run(), ran=["final"])


# -- Ctrl-C -----------------------------------------------------------------------------------------------------------

BLOCKING = r"""
[defaults]
pass = ["TALLY", "HOLD", "LEFT"]
[step.first]
run = 'echo first >> $TALLY; echo first > {outputs}'
outputs = ["first.txt"]
[step.hold]
run = '''
trap 'echo asked >> $TALLY; STUBBORN' TERM
echo hold >> $TALLY; cat {inputs} > {outputs}; eval "${HOLD:-}"; echo more >> {outputs}
'''
inputs = ["first.txt"]
outputs = ["hold.txt"]
[step.last]
run = 'echo last >> $TALLY; cat {inputs} > {outputs}'
inputs = ["hold.txt"]
outputs = ["last.txt"]
"""


def blocking(project: Project, gate: Gate, stubborn: str) -> None:
    project.env |= {"TALLY": str(project.tally), "HOLD": gate.hold}
    project.spec(BLOCKING.replace("STUBBORN", stubborn))


def check_interrupted(project: Project, outcome: Outcome, pid: int) -> None:
    """It says so, nothing is left behind, what was finished before is kept, and the next run goes on from there."""
    assert outcome.code == 130, outcome
    assert outcome.document["interrupted"] is True and outcome.document["ok"] is False
    assert outcome.ran == ["first"]
    assert outcome.failed == ["hold"] and outcome.reasons("hold") == ["interrupted"]
    assert outcome.blocked == ["last"]
    assert not alive(pid)
    assert not project.has("hold.txt")
    assert not list((project.root / ".riverrun" / "work").iterdir())
    project.counted()
    del project.env["HOLD"]
    assert project.run(code=0).ran == ["hold", "last"]
    assert project.counted() == {"hold": 1, "last": 1}
    assert project.read("last.txt") == "first\nmore\n"
    project.settle()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
def test_interrupted_once(project: Project, gate: Gate, number: signal.Signals) -> None:
    blocking(project, gate, "exit 1")
    run = project.start("run", "--json")
    pid = gate.arrived()
    outcome = project.end(run, number)
    assert project.counted()["asked"] == 1, "a step may clean up after itself"
    check_interrupted(project, outcome, pid)


def test_interrupted_twice(project: Project, gate: Gate) -> None:
    """The first Ctrl-C asks; a step that does not listen holds the run up; the second one ends it at once."""
    blocking(project, gate, "eval $HOLD")
    run = project.start("run", "--json")
    pid = gate.arrived()
    run.send_signal(signal.SIGINT)
    gate.arrived()  # asked, and it does not care
    check_interrupted(project, project.end(run, signal.SIGINT), pid)


# -- beside a run -------------------------------------------------------------------------------------------------------


def test_two_runs_at_once(project: Project, gate: Gate) -> None:
    blocking(project, gate, "exit 1")
    first = project.start("run", "--json")
    gate.arrived()
    refused = project.run()
    assert refused.code == 75, refused
    assert refused.document["ok"] is False
    assert [error["kind"] for error in refused.errors] == ["locked"]
    assert project.run("--wait", "0.01").code == 75
    patient = project.start("run", "--json", "--wait", "60")
    gate.let_go()
    outcomes = []
    for run in (first, patient):
        out, err = run.communicate(timeout=60)
        outcomes.append(Outcome(run.returncode, out, err))
    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes
    assert outcomes[0].ran == ["first", "hold", "last"]
    assert outcomes[1].counts["kept"] == 3 and not outcomes[1].steps
    assert project.counted() == {"first": 1, "hold": 1, "last": 1}
    project.settle()


def test_questions_beside_a_run(project: Project, gate: Gate) -> None:
    """`status`, `explain`, `log`, `dag`, `history` answer while a run goes on, and disturb nothing."""
    blocking(project, gate, "exit 1")
    project.spec(project.read("riverrun.toml").replace("echo first > ", "echo I spoke; echo first > "))
    run = project.start("run", "--json")
    gate.arrived()
    until(lambda: project.status(code=0).steps.keys() == {"hold", "last"}, "the first step's record")
    assert project.status(code=0).having("run") == ["hold", "last"]
    assert project.cli("explain", "hold").code == 0
    assert project.cli("dag", "--json").document["steps"]
    assert project.cli("history").code == 0
    assert project.cli("cache", "stats").code == 0
    gate.let_go()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, out + err
    assert project.cli("log", "first").stdout == "I spoke\n"
    project.counted()
    project.settle()


# -- failing steps -----------------------------------------------------------------------------------------------------

FAILING = """
[defaults]
pass = ["TALLY"]
[step.bad]
run = 'echo bad >> $TALLY; echo partly > {outputs}; sh {inputs}'
inputs = ["bad.sh"]
outputs = ["bad.txt"]
[step.after]
run = 'echo after >> $TALLY; cp {inputs} {outputs}'
inputs = ["bad.txt"]
outputs = ["after.txt"]
[step.aside]
run = 'echo aside >> $TALLY; echo aside > {outputs}'
outputs = ["aside.txt"]
[step.beyond]
run = 'echo beyond >> $TALLY; cp {inputs} {outputs}'
inputs = ["aside.txt"]
outputs = ["beyond.txt"]
"""


@pytest.mark.parametrize("keep_going", [False, True], ids=["stopping", "keeping going"])
def test_failing_step_then_mended(project: Project, keep_going: bool) -> None:
    project.env["TALLY"] = str(project.tally)
    project.write({"bad.sh": "echo because >&2\nexit 3\n"}).spec(FAILING)
    words = ["-j1", *(["-k"] if keep_going else [])]
    outcome = project.run(*words)
    assert outcome.code == 1, outcome
    assert outcome.document["ok"] is False
    assert outcome.failed == ["bad"] and outcome.reasons("bad") == ["command_failed"]
    assert "3" in outcome.steps["bad"]["reasons"][0]["after"]
    assert "because" in (project.root / outcome.steps["bad"]["log"]).read_text()
    assert outcome.reasons("after") == ["upstream"]
    assert not project.has("bad.txt"), "what a failed step wrote is not put in place"
    assert list((project.root / ".riverrun" / "failed").iterdir()), "but kept aside"
    if keep_going:
        assert outcome.blocked == ["after"]
        assert outcome.counts == {"kept": 0, "repaired": 2, "not_kept": 2, "ran": 2, "restored": 0}
        assert project.counted() == {"bad": 1, "aside": 1, "beyond": 1}
    else:
        assert outcome.blocked == ["after", "aside", "beyond"]
        assert outcome.counts == {"kept": 0, "repaired": 0, "not_kept": 4, "ran": 0, "restored": 0}
        assert outcome.reasons("aside")[0] == "not_started"
        assert project.counted() == {"bad": 1}
    again = project.run(*words)
    assert again.code == 1 and again.failed == ["bad"], "a failure is never taken for a result"
    assert project.counted()["bad"] == 1

    project.write({"bad.sh": "echo whole\n"})
    mended = project.run("-j1", code=0)
    assert mended.ran == (["after", "bad"] if keep_going else ["after", "aside", "bad", "beyond"])
    assert project.read("after.txt") == "partly\n"
    assert not list((project.root / ".riverrun" / "failed").iterdir())
    project.counted()
    project.settle()


def test_failing_step_leaves_the_old_output(project: Project) -> None:
    small(project)
    came(project, project.run(), ran={"strip", "build", "split", "sum", "label", "join", "final"})
    project.write({"tools/lib.sh": "suffix=x\nexit 1\n"})
    outcome = project.run()
    assert outcome.code == 1 and outcome.failed == ["build"] and outcome.blocked == ["final"]
    assert project.has("made/built.txt") and project.has("final.txt")
    project.counted()
    project.write({"tools/lib.sh": "suffix=x\n"})
    came(project, project.run())
    stands(project)
