"""The Python interface: a pipeline is loaded, run, asked and explained without a command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import riverrun
from project import Project
from riverrun import errors

SPEC = """
[params]
level = 1
[step.copy]
run = "cp {inputs} {outputs}"
inputs = ["in.txt"]
outputs = ["out/copy.txt"]
[step.more]
run = "{ cat {inputs}; echo {params.level}; } > {outputs}"
inputs = ["@copy"]
outputs = ["more.txt"]
"""


def load(project: Project) -> riverrun.Pipeline:
    project.write({"in.txt": "1\n"}).spec(SPEC)
    return riverrun.Pipeline.load(project.root)


def acts(report: Any) -> Mapping[str, str]:
    return {step.step: step.action.value for step in report.steps}


def test_load_run_ask(project: Project) -> None:
    pipeline = load(project)
    assert acts(pipeline.status()) == {"copy": "run", "more": "run"}
    assert {each.step: each.action.value for each in pipeline.explain()} == {"copy": "run", "more": "run"}
    report = pipeline.run(jobs=1)
    report.raise_for_failure()
    assert report.ok and report.counts["ran"] == 2
    assert acts(report) == {"copy": "ran", "more": "ran"}
    again = pipeline.run()
    assert again.ok and again.counts["kept"] == 2 and not again.told()
    assert pipeline.run("copy").counts["kept"] == 1
    project.write({"in.txt": "2\n"})
    (explained,) = pipeline.explain(["copy"])
    assert explained.action.value == "run"
    assert [reason.cause.value for reason in explained.reasons] == ["input_changed"]
    assert any(name == "in.txt" or name.endswith("=in.txt") for _, name, _ in explained.fields)
    assert acts(pipeline.run()) == {"copy": "ran", "more": "ran"}
    assert project.read("more.txt") == "2\n1\n"


def test_a_promise_not_kept_is_raised_only_when_asked(project: Project) -> None:
    pipeline = load(project)
    project.write({"in.txt": None, "in.txt/": ""})
    report = pipeline.run()
    assert not report.ok
    with pytest.raises(errors.PromiseNotKept, match="copy"):
        report.raise_for_failure()


@pytest.mark.parametrize(
    ("spec", "error"),
    [("[step.x]\nrun = 1\n", errors.SpecError), ("nonsense", errors.SpecError), (None, errors.UsageError)],
)
def test_specs_that_cannot_be_used(project: Project, spec: str | None, error: type[Exception]) -> None:
    if spec is not None:
        project.spec(spec)
    with pytest.raises(error):
        riverrun.Pipeline.load(project.root).run()


def test_loaded_by_its_file(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(project)
    monkeypatch.chdir(tmp_path)
    assert riverrun.Pipeline.load(project.root / "riverrun.toml").run().ok
    assert not riverrun.Pipeline.load("project").status().pending
