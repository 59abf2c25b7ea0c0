"""`run`, `status`, `explain`, `dag` on a fake pipeline: words in, options for it and what a person reads out."""

import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import fake_pipeline
from fake_pipeline import (
    BLOCKED,
    BROKE,
    CHANGED,
    EVENTS,
    HEX,
    KEPT,
    RAN,
    Call,
    Fake,
    report_of,
    result,
)
from riverrun.cli import door
from riverrun.cli.app import call
from riverrun.errors import Location
from riverrun.model.step import Waiting
from riverrun.model.verdict import Action, Cause, Reason
from riverrun.report import (
    Explanation,
    Haste,
    Note,
    Settled,
)

fake = fake_pipeline.fake
riverrun = fake_pipeline.riverrun


@pytest.mark.parametrize(
    ("words", "what", "options"),
    [
        (
            ["run"],
            (),
            {"jobs": None, "mode": "RUN", "on_failure": "FINISH_RUNNING", "only": "INCLUDED", "wait": 0.0},
        ),
        (["run", "a", "b+", "-j4", "-k"], ("a", "b+"), {"jobs": 4, "on_failure": "KEEP_GOING"}),
        (["run", "-nB", "--force", "x"], (), {"mode": "DRY", "force": ("x",)}),
        (["run", "--only", "a", "--only", "b"], ("a", "b"), {"only": "LEFT_ALONE"}),
        (
            ["run", "-p", "level=3", "-p", "a.b=x=y", "--limit", "memory=8GiB"],
            (),
            {"params": {"level": "3", "a.b": "x=y"}, "limits": {"memory": "8GiB"}},
        ),
        (["run", "--check", "strong", "--wait", "1.5"], (), {"check": "STRONG", "wait": 1.5}),
        (["-n"], (), {"mode": "DRY"}),
        (["--no-color", "-j2", "total"], ("total",), {"jobs": 2}),
    ],
)
def test_flags_become_options(
    riverrun: Call, fake: Fake, words: list[str], what: Any, options: dict[str, Any]
) -> None:
    assert riverrun(*words).code == 0
    assert fake.asked["what"] == what
    for name, value in options.items():
        got = getattr(fake.asked["options"], name)
        assert getattr(got, "name", got) == value, name


def test_bare_riverrun_runs_where_a_spec_is_found_else_helps(
    riverrun: Call, fake: Fake, tmp_path: Path
) -> None:
    assert riverrun().stdout.startswith("Usage: riverrun")
    assert not fake.asked
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "riverrun.toml").touch()
    for words in (["-C", "deep/er"], ["-Cdeep", "-Cer", "--no-color"], ["-f", "deep/riverrun.toml"]):
        fake.asked = {}
        os.chdir(tmp_path)
        assert riverrun(*words).stdout == "nothing to do: 1 kept in 0.50s (check: stat)\n", words
        assert fake.asked


def test_folders_and_file_may_stand_on_both_sides(
    riverrun: Call, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    seen: list[Any] = []

    def load(file: str | None) -> Fake:
        seen.append((file, str(Path.cwd().relative_to(tmp_path))))
        os.chdir(tmp_path)
        return fake

    monkeypatch.setattr(door, "load", load)
    for words in (["-C", "a", "status", "-C", "b", "-f", "x"], ["-C", "a", "-C", "b", "-f", "x", "status"]):
        riverrun(*words)
    assert seen == [("x", "a/b")] * 2


@pytest.mark.parametrize("flags", [[], ["-q"], ["-v"]], ids=["normal", "quiet", "verbose"])
def test_a_run_is_told(riverrun: Call, fake: Fake, snapshot: SnapshotAssertion, flags: list[str]) -> None:
    fake.events = EVENTS
    odd = replace(result("odd\udcff", Action.RAN), notes=("left behind and dropped: core",))
    fake.report = report_of(
        KEPT,
        RAN,
        BROKE,
        BLOCKED,
        odd,
        notes=(Note("orphan", "made once: old.txt"), Note("vanished", "a source vanished: b.csv")),
    )
    outcome = riverrun("run", *flags)
    assert outcome.code == 1
    assert outcome.stdout == snapshot(name="stdout")
    assert outcome.stderr == snapshot(name="stderr")


def test_after_ctrl_c_a_line_for_each_running_step_is_enough(riverrun: Call, fake: Fake) -> None:
    cut = replace(
        result("slow", Action.FAILED, Reason(Cause.INTERRUPTED), seconds=2.0),
        log="x.log",
        notes=("kept in x",),
    )
    spared = [result(f"late{place}", Action.BLOCKED, Reason(Cause.INTERRUPTED)) for place in range(3)]
    behind = result("total", Action.BLOCKED, Reason(Cause.UPSTREAM, "late1"))
    fake.events = [Settled(cut, "its tail\n"), *map(Settled, spared), Settled(behind)]
    fake.report = report_of(cut, *spared, behind, interrupted=True)
    outcome = riverrun("run")
    assert (outcome.code, outcome.stderr) == (130, "")
    assert outcome.stdout.splitlines() == [
        "stopped  slow                 2.00s",
        "interrupted: 0 kept, 0 restored, 0 ran, 0 failed, 1 stopped, 4 not started in 0.50s (check: stat)",
    ]


@pytest.mark.parametrize(
    ("words", "what", "quiet"),
    [
        (["-q", "run"], (), True),
        (["-q", "run", "total"], ("total",), True),
        (["-q", "total"], ("total",), True),
        (["-j", "2", "-q", "run", "-k"], (), True),
        (["-v", "run", "run"], ("run",), False),
        (["--all", "status"], (), False),
    ],
)
def test_options_may_stand_before_the_command(
    riverrun: Call, fake: Fake, words: list[str], what: Any, quiet: bool
) -> None:
    outcome = riverrun(*words)
    assert (outcome.code, outcome.stderr, fake.asked["what"]) == (0, "", what)
    assert (outcome.stdout == "") is quiet


def test_a_run_as_json(riverrun: Call, fake: Fake) -> None:
    fake.events = EVENTS
    fake.report = report_of(KEPT, RAN, result("\udcff", Action.RAN), interrupted=True)
    outcome = riverrun("run", "--json")
    assert (outcome.code, outcome.stderr) == (130, "stopping: " + Haste.GENTLE.value + "\n")
    assert [entry["step"] for entry in outcome.document["steps"]] == ["count@a", "\udcff"]
    assert outcome.reasons("count@a") == ["input_changed"]
    assert list(riverrun("run", "--json", "--all").steps) == ["gen", "count@a", "\udcff"]


def test_a_full_disk_behind_stdout_is_told_after_the_run(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.events = [Settled(RAN), Settled(KEPT)]
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        err = io.StringIO()
        monkeypatch.setattr(sys, "stderr", err)
        assert call(["run"]) == 1
        assert err.getvalue() == "error: No space left on device\n"


WOULD = report_of(
    KEPT,
    result("count@a", Action.RUN, CHANGED, CHANGED, CHANGED),
    result("copy", Action.RESTORE, Reason(Cause.OUTPUT_TAMPERED, "copy.txt")),
    *(result(f"each@{number:02}", Action.MAYBE, Reason(Cause.UPSTREAM, "count@a")) for number in range(30)),
    result("lost", Action.BLOCKED, Reason(Cause.INPUT_MISSING, "gone.csv")),
    notes=(Note("vanished", "b.csv matched logs/*.csv in the last run, and is gone"),),
    dry=True,
)


def test_status(riverrun: Call, fake: Fake, snapshot: SnapshotAssertion) -> None:
    assert riverrun("status").stdout == "nothing to do: 1 kept in 0.50s (check: stat)\n"
    fake.report = report_of(KEPT, dry=True)
    assert riverrun("status").stdout == "nothing to do: 1 kept (check: stat)\n"
    assert riverrun("status", "--exit-code").code == 0
    assert "kept (1):\n  gen\n" in riverrun("status", "--all").stdout
    fake.report = WOULD
    assert riverrun("status").stdout == snapshot
    assert riverrun("run", "-n").stdout == snapshot
    assert riverrun("status", "x", "--exit-code", "--check", "content", "-p", "a=1").code == 1
    assert (fake.asked["what"], fake.asked["check"].name, fake.asked["params"]) == (
        ("x",),
        "CONTENT",
        {"a": "1"},
    )
    document = riverrun("status", "--json").document
    assert document["counts"]["maybe"] == 30
    assert document["steps"][0]["outcome"] is None


def test_explain(riverrun: Call, fake: Fake, snapshot: SnapshotAssertion) -> None:
    fields = [("command", "", '"python count.py"'), ("input", "=logs/a.csv", f"file:{HEX}")]
    explained = Explanation(
        "count@a", Action.RUN, (CHANGED, Reason(Cause.PARAM_CHANGED, "level", "3", "4")), fields, HEX
    )
    fake.answers["explain"] = [explained, Explanation("gen", Action.NONE, (), [], HEX)]
    assert riverrun("explain").stdout == snapshot(name="short")
    assert riverrun("explain", "count@a", "gen", "--key").stdout == snapshot(name="with key")
    assert riverrun("explain", "--json").document["steps"][0]["fields"][1]["name"] == "=logs/a.csv"
    assert riverrun("explain", "-p", "level=4", "--check", "strong").code == 0
    _, named = fake.asked["explain"]
    assert (named["check"].name, named["params"]) == ("STRONG", {"level": "4"})
    fake.answers["explain"] = [explained][1:]
    assert riverrun("explain").stdout == "nothing to explain: every step is kept\n"


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ([], "late@? -> late/*\n"),
        (["--format", "dot"], "digraph riverrun {\n"),
        (["--format", "mermaid"], "flowchart LR\n"),
        (["--format", "json"], "{\n"),
        (["--json"], "{\n"),
    ],
)
def test_dag(riverrun: Call, fake: Fake, words: list[str], start: str) -> None:
    waiting = [Waiting("late@?", (), Location("riverrun.toml", 1, 1), ("late/*",))]
    fake.answers["graph"] = SimpleNamespace(steps={}, waiting=waiting, needs=lambda name: ())
    assert riverrun("dag", *words).stdout.startswith(start)
