"""The plan room: a table of facts and the verdicts that follow."""

from collections.abc import Mapping
from typing import Any

import pytest

from made_steps import making, reading, seen, step, steps, trace
from riverrun.graph import Graph
from riverrun.model.fact import MISSING, Kind, Seen
from riverrun.model.step import Rerun, Step
from riverrun.model.trace import ActionKey, Trace
from riverrun.model.verdict import Action, Cause, Reason, Verdict
from riverrun.plan import Facts, Policy, foresee, judge, refuse

PLAIN = step("s", ["i"], ["o", "p"])
TEMPORARY = step("s", ["i"], makes=(making("o", temporary=True), making("p")))
GOOD = {"o": "O", "p": "P"}
OLD = [("input", "=i", "file:1")]
NEW = [("input", "=i", "file:2")]


def facts(
    outputs: Mapping[str, Seen],
    traces: list[Trace],
    last: Trace | None = None,
    stored: str = "OP",
) -> Facts:
    return Facts(
        key=ActionKey(b"k"),
        description=NEW,
        traces=traces,
        last=lambda: last,
        outputs=outputs,
        restorable=lambda made: made.digest.decode() in stored,
    )


BOTH = {"o": seen("O"), "p": seen("P")}
THIS, OTHER = trace("k", GOOD, NEW), trace("other", {"o": "A", "p": "B"}, OLD)
SECOND = trace("k", {"o": "O2", "p": "P"}, NEW, 2)

CASES: dict[str, tuple[Step, Facts, Action, list[Cause]]] = {
    "first": (PLAIN, facts({"o": MISSING, "p": MISSING}, []), Action.RUN, [Cause.FIRST_RUN]),
    "never made, but something is there": (PLAIN, facts(BOTH, []), Action.RUN, [Cause.FIRST_RUN]),
    "kept": (PLAIN, facts(BOTH, [THIS], THIS), Action.NONE, []),
    "kept by the older of two traces": (PLAIN, facts(BOTH, [SECOND, THIS], SECOND), Action.NONE, []),
    "input changed": (PLAIN, facts(BOTH, [], OTHER), Action.RUN, [Cause.INPUT_CHANGED]),
    "input reverted": (
        PLAIN,
        facts({"o": seen("A"), "p": seen("B")}, [THIS], OTHER),
        Action.RESTORE,
        [Cause.INPUT_CHANGED],
    ),
    "output gone": (
        PLAIN,
        facts(BOTH | {"p": MISSING}, [THIS], THIS),
        Action.RESTORE,
        [Cause.OUTPUT_MISSING],
    ),
    "output tampered": (
        PLAIN,
        facts(BOTH | {"o": seen("x")}, [THIS], THIS),
        Action.RESTORE,
        [Cause.OUTPUT_TAMPERED],
    ),
    "made executable": (
        PLAIN,
        facts(BOTH | {"o": seen("O", kind=Kind.EXEC)}, [THIS], THIS),
        Action.RESTORE,
        [Cause.OUTPUT_TAMPERED],
    ),
    "being written": (
        PLAIN,
        facts(BOTH | {"o": seen("O", certified=False)}, [THIS], THIS),
        Action.RESTORE,
        [Cause.OUTPUT_TAMPERED],
    ),
    "gone and not cached": (
        PLAIN,
        facts(BOTH | {"o": MISSING}, [THIS], THIS, stored="P"),
        Action.RUN,
        [Cause.OUTPUT_MISSING, Cause.NOT_CACHED],
    ),
    "only what is lacking must be cached": (
        PLAIN,
        facts(BOTH | {"o": MISSING}, [THIS], THIS, stored="O"),
        Action.RESTORE,
        [Cause.OUTPUT_MISSING],
    ),
    "the older trace is cached": (
        PLAIN,
        facts({"o": MISSING, "p": seen("P")}, [SECOND, THIS], SECOND, stored="O"),
        Action.RESTORE,
        [Cause.OUTPUT_MISSING],
    ),
    "temporary and absent": (TEMPORARY, facts(BOTH | {"o": MISSING}, [THIS], THIS), Action.NONE, []),
    "temporary and tampered": (
        TEMPORARY,
        facts(BOTH | {"o": seen("x")}, [THIS], THIS, stored=""),
        Action.RUN,
        [Cause.OUTPUT_TAMPERED, Cause.NOT_CACHED],
    ),
    "always": (
        step("s", ["i"], ["o", "p"], rerun=Rerun.ALWAYS),
        facts(BOTH, [THIS]),
        Action.RUN,
        [Cause.ALWAYS],
    ),
}


@pytest.mark.parametrize(("one", "known", "action", "causes"), CASES.values(), ids=CASES.keys())
def test_verdicts(one: Step, known: Facts, action: Action, causes: list[Cause]) -> None:
    verdict = judge(one, known)
    assert (verdict.action, [reason.cause for reason in verdict.reasons]) == (action, causes)


def test_forced_runs_what_is_kept() -> None:
    assert judge(PLAIN, facts(BOTH, [THIS]), Policy.FORCED).reasons == (Reason(Cause.FORCED),)


REFUSED: dict[str, tuple[Seen, list[Cause]]] = {
    "there": (seen("x"), []),
    "missing": (MISSING, [Cause.INPUT_MISSING]),
    "busy": (seen("x", certified=False), [Cause.INPUT_BUSY]),
    "a fifo": (Seen(Kind.OTHER), [Cause.INPUT_UNREADABLE]),
    "unreadable": (Seen(Kind.ERROR, problem="Permission denied"), [Cause.INPUT_UNREADABLE]),
}


@pytest.mark.parametrize(("what", "causes"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_judged(what: Seen, causes: list[Cause]) -> None:
    assert [reason.cause for reason in refuse(step("s", ["i"], ["o"]), {"i": what}, {})] == causes


def test_optional_may_be_missing_and_tools_may_not() -> None:
    one = step("s", reads=(reading("i", optional=True),), outputs=["o"], tools=("cc",))
    assert [reason.cause for reason in refuse(one, {"i": MISSING}, {"cc": MISSING})] == [Cause.TOOL_MISSING]


RUN, NONE, BLOCKED = Verdict(Action.RUN), Verdict(Action.NONE), Verdict(Action.BLOCKED)
CHAIN = Graph(
    steps(step("a", [], ["1"]), step("b", ["1"], ["2"]), step("c", ["2"], ["3"]), step("d", ["3"], ["4"]))
)


@pytest.mark.parametrize(
    ("verdicts", "new", "absent", "expected"),
    [
        ({}, set(), {}, "none none none none"),
        ({"a": RUN}, set(), {}, "run maybe maybe maybe"),
        ({"a": RUN}, {"c"}, {}, "run maybe run maybe"),
        ({"b": BLOCKED}, set(), {}, "none blocked blocked blocked"),
        ({"d": RUN}, set(), {"c": ["3"]}, "none none run run"),
        ({"d": RUN}, set(), {"c": ["3"], "b": ["2"]}, "none run run run"),
        ({"d": RUN}, set(), {"b": ["2"]}, "none none none run"),
    ],
)
def test_foreseen(verdicts: dict[str, Verdict], new: set[str], absent: dict[str, Any], expected: str) -> None:
    found = foresee(
        CHAIN,
        set("abcd"),
        lambda name, _: verdicts.get(name, NONE),
        lambda name: name in new,
        lambda name: absent.get(name, []),
    )
    assert " ".join(found[name].action.value for name in "abcd") == expected


def test_what_is_not_wanted_counts_as_it_is() -> None:
    found = foresee(CHAIN, {"d"}, lambda *_: NONE, lambda _: False, lambda _: [])
    assert list(found) == ["d"]
