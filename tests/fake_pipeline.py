"""A pipeline behind the command line's door that does nothing: answers in, what was asked for out."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from project import Outcome
from riverrun.cli import door
from riverrun.cli.app import call
from riverrun.model.verdict import OUTCOMES, Action, Cause, Reason, StepResult
from riverrun.report import (
    Haste,
    Planned,
    Reading,
    Remark,
    Report,
    Settled,
    Started,
    Stopping,
    count,
)

HEX = "0123456789abcdef" * 4
EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"  # BLAKE3 of nothing


def result(step: str, action: Action, *reasons: Reason, seconds: float = 0.12) -> StepResult:
    return StepResult(step, action, OUTCOMES[action], reasons, seconds)


CHANGED = Reason(Cause.INPUT_CHANGED, "logs/a.csv", HEX, HEX[::-1])
KEPT = result("gen", Action.NONE)
RAN = result("count@a", Action.RAN, CHANGED)
BROKE = replace(
    result("total", Action.FAILED, Reason(Cause.COMMAND_FAILED, after="exit code 3")),
    log=".riverrun/logs/7/total.log",
    notes=("kept for you: .riverrun/failed/ab12",),
)
BLOCKED = result("report", Action.BLOCKED, Reason(Cause.UPSTREAM, "total"))


def report_of(*steps: StepResult, **more: Any) -> Report:
    counts = count(steps)
    return Report(ok=not counts["not_kept"], check="stat", seconds=0.5, counts=counts, steps=steps, **more)


@dataclass
class Fake:
    """A pipeline that answers what the test says, and remembers what it was asked."""

    report: Report = field(default_factory=lambda: report_of(KEPT))
    events: Sequence[Any] = ()
    error: Exception | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)

    def run(self, what: Sequence[str] = (), *, options: Any, on_event: Callable[[Any], None]) -> Report:
        self.asked = {"what": what, "options": options}
        if self.error:
            raise self.error
        for event in self.events:
            on_event(event)
        return self.report

    def status(self, what: Sequence[str] = (), **options: Any) -> Report:
        self.asked = {"what": what} | options
        return self.report

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answer(*words: Any, **named: Any) -> Any:
            self.asked[name] = (words, named)
            return self.answers[name]

        return answer


Call = Callable[..., Outcome]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    pipeline = Fake()
    monkeypatch.setattr(door, "load", lambda file: pipeline)
    return pipeline


@pytest.fixture
def riverrun(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Call]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TZ", "UTC")

    def cli(*words: str) -> Outcome:
        code = call(words)
        out, err = capfdbinary.readouterr()
        return Outcome(code, out.decode(), err.decode())

    yield cli


EVENTS = [
    Reading(2, 3 << 30, "tmpfs keeps no stamps"),
    Planned(4),
    Remark("a source vanished: b.csv"),
    Settled(KEPT),
    Started("count@a"),
    Settled(RAN),
    Started("total"),
    Settled(BROKE, "one\n\ttwo \x1b[31mred\n"),
    Stopping(Haste.GENTLE),
]


class Terminal(io.StringIO):
    """A stream behind which a person sits."""

    def isatty(self) -> bool:
        return True
