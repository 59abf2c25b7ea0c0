"""Edits made while a run goes on: of what its steps are reading (rule 7), and of what it has looked at already."""

import os
from pathlib import Path

import pytest

from project import Outcome, Project

SPEC = """
[defaults]
pass = ["TALLY", "MEDDLE"]
[step.first]
run = 'echo first >> $TALLY; cat {inputs} > {outputs}; test ! -e maybe.txt || cat maybe.txt >> {outputs}'
inputs = ["in.txt", "link.txt", "more/*.txt"]
uses = [{ path = "maybe.txt", optional = true }]
outputs = ["first.txt"]
[step.folder]
run = 'echo folder >> $TALLY; mkdir {outputs}; cp -L dir/* {outputs}'
inputs = ["dir/"]
outputs = ["copies/"]
[step.check]
run = 'echo check >> $TALLY; test -s {inputs}; greet'
inputs = ["first.txt"]
tools = ["greet"]
[step.last]
run = 'echo last >> $TALLY; cat {inputs} > {outputs}; eval "${MEDDLE:-}"'
inputs = ["trigger.txt", "copies/", "first.txt"]
uses = []
outputs = ["last.txt"]
"""
SPEC = SPEC.replace("cat {inputs} > {outputs}; eval", "cat trigger.txt first.txt copies/* > {outputs}; eval")


@pytest.fixture
def ready(project: Project) -> Project:
    """Run once; another run will run the last step only, when all others were looked at and found kept."""
    greet = project.home / "bin" / "greet"
    greet.parent.mkdir()
    greet.write_text("#!/bin/sh\necho hello\n")
    greet.chmod(0o755)
    project.env |= {"TALLY": str(project.tally), "PATH": f"{greet.parent}{os.pathsep}{project.env['PATH']}"}
    project.spec(SPEC).write(
        {
            "in.txt": "in\n",
            "a.txt": "a\n",
            "b.txt": "b\n",
            "more/1.txt": "1\n",
            "dir/x": "x\n",
            "trigger.txt": "1\n",
        }
    )
    os.symlink("a.txt", project.root / "link.txt")
    assert project.run(code=0).ran == ["check", "first", "folder", "last"]
    project.settle()
    return project


CASES = {
    "source": ("echo IN > in.txt", {"check", "first", "last"}, set()),
    "source, same size and mtime": (
        "touch -r in.txt old; echo IN > in.txt; touch -r old in.txt; rm old",
        {"check", "first", "last"},
        set(),
    ),
    "link retargeted": ("ln -sfn b.txt link.txt", {"check", "first", "last"}, set()),
    "what a link leads to": ("echo A > a.txt", {"check", "first", "last"}, set()),
    "new match": ("echo 2 > more/2.txt", {"check", "first", "last"}, set()),
    "optional input": ("echo yes > maybe.txt", {"check", "first", "last"}, set()),
    "file in an input folder": ("echo X > dir/x", {"folder", "last"}, set()),
    "file added to an input folder": ("echo y > dir/y", {"folder", "last"}, set()),
    "output": ("echo lies > first.txt", set(), {"first"}),
    "output folder": ("rm -r copies", set(), {"folder"}),
    "program": ("echo 'echo more' >> ../home/bin/greet", {"check"}, set()),
    "spec": ("sed -i 's/cp -L/cp -fL/' riverrun.toml", {"folder"}, set()),
    "step added": (
        """printf '[step.new]\\nrun = "echo 1 > new"\\noutputs = ["new"]\\n' >> riverrun.toml""",
        {"new"},
        set(),
    ),
    "machine facts": ("echo '[limits]' > riverrun.local.toml", set(), set()),
}


def test_tampering_with_what_a_running_step_reads(ready: Project) -> None:
    """What a step made is no source: it is not taken as it is now, the reader is not kept, and the next run repairs both."""
    ready.write({"trigger.txt": "2\n"})
    outcome = ready.run(code=1, env={"MEDDLE": f"echo lies > {ready.root}/first.txt"})
    assert outcome.failed == ["last"] and outcome.reasons("last") == ["input_unstable"]
    assert ready.counted() == {"last": 1}
    outcome = ready.run(code=0)
    assert outcome.restored == ["first"] and outcome.ran == ["last"]
    ready.settle()


@pytest.mark.parametrize("sealed", ["sealed", "without a seal"])
@pytest.mark.parametrize("edit", CASES)
def test_edit_meanwhile(ready: Project, edit: str, sealed: str) -> None:
    words, ran, restored = CASES[edit]
    meddle = f"cd {ready.root}; {words}"
    ready.write({"trigger.txt": "2\n"})
    if sealed == "without a seal":
        ready.remove(".riverrun/seals")
    outcome = ready.run(env={"MEDDLE": meddle})
    # Where the last step itself read what it edited, it was judged anew (rule 7); all others were as looked at.
    assert outcome.code in (0, 1), outcome
    ready.counted()
    outcome = ready.run(code=0)
    assert set(outcome.ran) - {"last"} == ran - {"last"}, outcome
    assert set(outcome.restored) - {"last", "first"} == restored - {"first"}, outcome
    expected = [ready.read("trigger.txt"), ready.read("first.txt")]
    expected += [path.read_text() for path in sorted((ready.root / "copies").iterdir())]
    assert ready.read("last.txt") == "".join(expected)
    more = "".join(path.read_text() for path in sorted((ready.root / "more").iterdir()))
    maybe = ready.read("maybe.txt") if ready.has("maybe.txt") else ""
    assert ready.read("first.txt") == ready.read("in.txt") + ready.read("link.txt") + more + maybe
    assert sorted(os.listdir(ready.root / "copies")) == sorted(os.listdir(ready.root / "dir"))
    ready.settle()


def test_step_without_outputs(project: Project, tmp_path: Path) -> None:
    """A check that once went well is kept: by what it read, whatever its name."""
    project.env["TALLY"] = str(project.tally)
    spec = (
        '[step.check]\nrun = "echo x >> $TALLY; grep -q good in.txt"\ninputs = ["in.txt"]\npass = ["TALLY"]\n'
    )
    project.spec(spec).write({"in.txt": "good\n"})
    assert project.run(code=0).ran == ["check"]
    assert project.counted() == {"x": 1}
    project.settle()
    project.spec(spec.replace("step.check", "step.lint"))
    project.settle()
    project.write({"in.txt": "bad\n"})
    assert project.run(code=1).failed == ["lint"]
    project.write({"in.txt": "good\n"})
    project.counted()
    project.settle()


MEDDLING = """
[defaults]
pass = ["TALLY", "MEDDLE"]
[step.count]
run = 'echo count >> $TALLY; wc -c < {inputs} > {outputs}; eval "${MEDDLE:-}"'
inputs = ["source.txt"]
outputs = ["count.txt"]
[step.read]
run = 'echo read >> $TALLY; cat {inputs} > {outputs}'
inputs = ["count.txt"]
outputs = ["read.txt"]
[step.aside]
run = 'echo aside >> $TALLY; echo aside > {outputs}'
outputs = ["aside.txt"]
"""


def meddling(project: Project, meddle: str) -> Outcome:
    """A run whose first step edits its own input, at its real place, with the given shell words."""
    project.env["TALLY"] = str(project.tally)
    project.write({"source.txt": "1234\n"}).spec(MEDDLING)
    real = project.root / "source.txt"
    return project.run("-k", env={"MEDDLE": meddle.replace("REAL", str(real))})


@pytest.mark.parametrize(
    "meddle",
    [
        "test -e REAL.once || { echo 12 > REAL; : > REAL.once; }",
        "test -e REAL.once || { cp -p REAL REAL.once; echo 4321 > REAL; touch -r REAL.once REAL; }",
        "test -e REAL.once || { echo 12 > REAL.new; mv REAL.new REAL; : > REAL.once; }",
        "test -e REAL.once || { echo 12 > REAL; : > REAL.once; exit 7; }",
    ],
    ids=["written", "same size, mtime restored", "renamed over", "and the command failed"],
)
def test_input_changed_while_its_step_ran(project: Project, meddle: str) -> None:
    outcome = meddling(project, meddle)
    assert outcome.code == 0, outcome
    assert outcome.ran == ["aside", "count", "read"]
    assert project.counted() == {"count": 2, "read": 1, "aside": 1}
    assert int(project.read("read.txt")) == len(project.read("source.txt"))
    project.settle()


@pytest.mark.parametrize("at_end", ["", "; exit 7"], ids=["succeeding", "failing"])
def test_input_changed_whenever_its_step_ran(project: Project, at_end: str) -> None:
    outcome = meddling(project, "echo more >> REAL" + at_end)
    assert outcome.code == 1, outcome
    assert outcome.failed == ["count"] and outcome.blocked == ["read"] and outcome.ran == ["aside"]
    assert outcome.reasons("count") == ["input_unstable"]
    assert outcome.steps["count"]["reasons"][0]["path"] == "source.txt"
    assert project.counted() == {"count": 2, "aside": 1}
    assert not project.has("count.txt") and not project.has("read.txt")
    assert project.run(code=0).ran == ["count", "read"]
    project.settle()


def test_input_touched_while_its_step_ran(project: Project) -> None:
    """A change of stamps alone is none."""
    outcome = meddling(project, "touch REAL")
    assert outcome.code == 0, outcome
    assert project.counted() == {"count": 1, "read": 1, "aside": 1}
    project.settle()
