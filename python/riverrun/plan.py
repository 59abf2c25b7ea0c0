"""Judge what must happen to each step: facts in, verdicts out. Touches no disk, starts nothing.

`judge` is asked twice with the same words: by `status` for all steps at once (`foresee`), and by a run for each step
when its inputs are what they will be. What it may use stands in `Facts`; so what is shown is what is done.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from riverrun.graph import Graph
from riverrun.keys import differences
from riverrun.model.fact import Kind, Made, Seen
from riverrun.model.step import Rerun, Step
from riverrun.model.trace import ActionKey, Description, Trace
from riverrun.model.verdict import Action, Cause, Reason, Verdict


class Policy(Enum):
    """Whether a kept promise is enough for this run."""

    WHEN_NEEDED = "when needed"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict may depend on, for one step whose inputs are known."""

    key: ActionKey
    description: Description
    traces: Sequence[Trace]  # of this key, newest first
    last: Callable[[], Trace | None]  # what was last put in the place of these outputs
    outputs: Mapping[str, Seen]  # by their name in the step
    restorable: Callable[[Made], bool]  # whether the store has all the bytes
    asked: Container[str] = frozenset()  # paths asked for themselves: missed when absent, though temporary


def refuse(step: Step, inputs: Mapping[str, Seen], tools: Mapping[str, Seen]) -> tuple[Reason, ...]:
    """Why a step cannot be judged at all: inputs that are missing, unreadable, or being written (rule 2)."""
    reasons = []
    for read in step.reads:
        seen = inputs[read.path]
        if seen.kind is Kind.MISSING:
            if not read.optional:
                reasons.append(Reason(Cause.INPUT_MISSING, read.path))
        elif seen.kind in (Kind.ERROR, Kind.OTHER):
            reasons.append(
                Reason(Cause.INPUT_UNREADABLE, read.path, after=seen.problem or "not a file or folder")
            )
        elif not seen.certified:
            reasons.append(Reason(Cause.INPUT_BUSY, read.path, after="someone is writing it"))
    for tool in step.tools:
        if tools[tool].kind is Kind.MISSING:
            reasons.append(Reason(Cause.TOOL_MISSING, tool, after="not found on PATH"))
    return tuple(reasons)


def judge(step: Step, facts: Facts, policy: Policy = Policy.WHEN_NEEDED) -> Verdict:
    """What must happen to a step whose inputs are all known.

    A promise is kept when the outputs in place are those of any trace of the key; absent temporary outputs count as
    kept, since they are made again only when someone must read them, or asks for them.
    """
    if policy is Policy.FORCED:
        return Verdict(Action.RUN, (Reason(Cause.FORCED),))
    if step.rerun is Rerun.ALWAYS:
        return Verdict(Action.RUN, (Reason(Cause.ALWAYS),))
    for trace in facts.traces:
        if _in_place(step, trace, facts):
            return Verdict(Action.NONE, (), trace)
    why = _why(step, facts)
    for trace in facts.traces:
        lacking = _lacking(step, trace, facts)
        if all(facts.restorable(made) for made in lacking):
            return Verdict(Action.RESTORE, why, trace)
    if facts.traces:
        why = (*why, Reason(Cause.NOT_CACHED, ", ".join(output.path for output in step.outputs)))
    return Verdict(Action.RUN, why)


def _lacking(step: Step, trace: Trace, facts: Facts) -> list[Made]:
    """The outputs that a trace promises and that are not in place; absent temporary ones may be spared."""
    spared = {output.shown for output in step.outputs if output.temporary and output.path not in facts.asked}
    lacking = []
    for made in trace.outputs:
        seen = facts.outputs[made.shown]
        absent = seen.kind is Kind.MISSING and made.shown in spared
        if not absent and (seen.state != made.state or not seen.certified):
            lacking.append(made)
    return lacking


def _in_place(step: Step, trace: Trace, facts: Facts) -> bool:
    return not _lacking(step, trace, facts)


def _why(step: Step, facts: Facts) -> tuple[Reason, ...]:
    """Reasons for a promise that is not kept now."""
    last = facts.last()
    if last is None:
        if not facts.traces:
            return (Reason(Cause.FIRST_RUN),)
        return tuple(_misplaced(step, facts.traces[0], facts.outputs)) or (Reason(Cause.FIRST_RUN),)
    reasons = differences(last.description, facts.description) if last.key != facts.key else ()
    return reasons or tuple(_misplaced(step, last, facts.outputs)) or (Reason(Cause.FIRST_RUN),)


def _misplaced(step: Step, trace: Trace, outputs: Mapping[str, Seen]) -> list[Reason]:
    """How the outputs in place differ from what a trace put there; paths are the step's own, as a trace may be shared."""
    reasons = []
    places = {output.shown: output.path for output in step.outputs}
    for made in trace.outputs:
        seen, path = outputs.get(made.shown), places.get(made.shown, made.path)
        if seen is None or seen.kind is Kind.MISSING:
            reasons.append(Reason(Cause.OUTPUT_MISSING, path, before=made.digest.hex()))
        elif seen.state != made.state or not seen.certified:
            after = seen.digest.hex() if seen.digest != made.digest else seen.kind.value
            before = made.digest.hex() if seen.digest != made.digest else made.kind.value
            reasons.append(Reason(Cause.OUTPUT_TAMPERED, path, before=before, after=after or seen.problem))
    return reasons


def absent_temporaries(step: Step, outputs: Callable[[str], Seen]) -> list[str]:
    """The temporary outputs of a step that are not there now (by path)."""
    return [
        output.path
        for output in step.outputs
        if output.temporary and outputs(output.path).kind is Kind.MISSING
    ]


def foresee(
    graph: Graph,
    wanted: set[str],
    judge_step: Callable[[str, Mapping[str, Verdict]], Verdict],
    first_run: Callable[[str], bool],
    absent: Callable[[str], list[str]],
) -> dict[str, Verdict]:
    """The verdicts of all wanted steps as they can be told now, in an order in which upstream comes first.

    `judge_step` judges one step whose upstream steps are all kept or to be restored; what would run makes its readers
    `MAYBE`: they might be given what they were given before. `absent` names a step's temporary outputs that are gone.
    """
    verdicts: dict[str, Verdict] = {}
    for name in graph.order():
        if name not in wanted:
            continue
        upstream = [need for need in graph.needs(name) if need in wanted]
        blocked = [need for need in upstream if verdicts[need].action is Action.BLOCKED]
        moving = [need for need in upstream if verdicts[need].action in (Action.RUN, Action.MAYBE)]
        if blocked:
            verdicts[name] = Verdict(Action.BLOCKED, tuple(Reason(Cause.UPSTREAM, need) for need in blocked))
        elif moving and first_run(name):
            verdicts[name] = Verdict(Action.RUN, (Reason(Cause.FIRST_RUN),))
        elif moving:
            verdicts[name] = Verdict(Action.MAYBE, tuple(Reason(Cause.UPSTREAM, need) for need in moving))
        else:
            verdicts[name] = judge_step(name, verdicts)
    for name in reversed(list(verdicts)):
        if verdicts[name].action not in (Action.RUN, Action.MAYBE):
            continue
        for need in graph.needs(name):
            if (
                need in verdicts
                and verdicts[need].action is Action.NONE
                and reads_any(graph.steps[name], absent(need))
            ):
                verdicts[need] = Verdict(
                    verdicts[name].action, (Reason(Cause.NEEDED, name),), verdicts[need].trace
                )
    return verdicts


def reads_any(step: Step, paths: Sequence[str]) -> bool:
    """Whether a step reads one of these artifacts, a part of one, or a folder around one."""
    return any(
        read.path == path or path.startswith(read.path + "/") or read.path.startswith(path + "/")
        for read in step.reads
        for path in paths
    )
