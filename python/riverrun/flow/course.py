"""The course of one run: what the loop asks while it goes, answered from spec, graph, facts, ledger and store."""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from riverrun.errors import LedgerError, SpecError, StoreError, UsageError
from riverrun.flow.knowledge import Knowledge
from riverrun.flow.options import Force
from riverrun.flow.outline import Outline
from riverrun.graph import parents
from riverrun.ledger import Ledger
from riverrun.model.fact import Entry, Kind
from riverrun.model.step import ArtifactKind, Ground, Step
from riverrun.model.trace import Attempted, Trace
from riverrun.model.verdict import Action, Cause, Outcome, Reason, Recording, StepResult
from riverrun.native import Fact
from riverrun.record import Done, Recorded, Recorder
from riverrun.report import Event, Planned, Remark, Settled, Started
from riverrun.run import Attempt, Crew, Ending, Finished, Judged, Kept

LEFTOVERS_NAMED = 5
_GOOD = (Action.NONE, Action.RAN, Action.RESTORED)


@dataclass(slots=True)
class Course:
    """Answers the loop (see `run.contract.Course`), and keeps what was learned on the way."""

    root: str
    outline: Outline
    knowledge: Knowledge
    recorder: Recorder
    ledger: Ledger
    crew: Crew
    run: str
    redraw: Callable[[Mapping[str, Sequence[Entry]]], Outline]
    tell: Callable[[Event], None]
    force: Force = Force.NAMED
    tails: Mapping[str, str] = field(default_factory=dict)
    traces: dict[str, Trace] = field(default_factory=dict)  # of settled steps whose promise is kept
    results: dict[str, StepResult] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)  # what was not riverrun's and stood in its way
    stuck: tuple[Reason, ...] = ()  # why waiting families could not be spelled out
    _facts: dict[str, Mapping[str, Fact]] = field(default_factory=dict)  # left by the recording thread
    _listings: dict[str, Sequence[Entry]] = field(default_factory=dict)
    _attempted: list[Attempted] = field(default_factory=list)

    def step(self, name: str) -> Step:
        """The step of this name."""
        return self.outline.graph.steps[name]

    def needs(self, name: str) -> Sequence[str]:
        """The wanted steps that must be settled before this one is judged."""
        return [need for need in self.outline.graph.needs(name) if need in self.outline.wanted]

    def order(self) -> Sequence[str]:
        """All wanted steps, each after those that it needs."""
        return self.outline.in_order()

    def recorded_seconds(self, names: Sequence[str]) -> Mapping[str, float]:
        """How long steps took when they last ran."""
        return self.ledger.recorded_seconds(names)

    def judge(self, names: Sequence[str], woken: Mapping[str, Reason]) -> Mapping[str, Judged]:
        """Verdicts for steps whose needs are settled."""
        for name in woken:
            self.results.pop(name, None)  # no longer content: what it reads stays until it has run
        return self.knowledge.judge(names, woken)

    def rejudge(self, name: str) -> None:
        """Makes the next judgement of a step look at its sources and outputs anew."""
        step = self.step(name)
        self._facts.pop(name, None)
        graph = self.outline.graph
        self.knowledge.eyes.forget(read.path for read in step.reads if not graph.makers_of(read))
        self.knowledge.eyes.forget(output.path for output in step.outputs)

    def started(self, name: str) -> None:
        """Tells that a command begins."""
        self.tell(Started(name))

    def record(self, attempts: Sequence[Attempt]) -> Sequence[Kept]:
        """Records attempts (in the recording thread); what the machine refuses becomes the reason of a failure."""
        batch = [
            self._done(attempt) for attempt in attempts if attempt.finished.ending is not Ending.INTERRUPTED
        ]
        try:
            recorded = self.recorder.record(batch)
        except (OSError, StoreError, LedgerError) as error:
            reason = Reason(Cause.ERROR, after=str(error))
            return [Kept(done.step.name, Recording.REFUSED, (reason,)) for done in batch if done.succeeded]
        for result in recorded:
            self._facts[result.step] = result.facts
            self.replaced.extend(result.notes)
        return [
            Kept(result.step, self._recording(result), result.reasons, result.trace) for result in recorded
        ]

    def _recording(self, result: Recorded) -> Recording:
        """An input that changed is looked at anew only if it is a source: what a step made is repaired by the next run."""
        graph = self.outline.graph
        reads = {read.path: read for read in self.step(result.step).reads}
        if any(graph.makers_of(reads[path]) for path in result.changed):
            return Recording.REFUSED
        return result.recording

    def _done(self, attempt: Attempt) -> Done:
        finished, judged = attempt.finished, attempt.judged
        return Done(
            step=self.step(finished.step),
            key=judged.key,
            description=judged.description,
            inputs=judged.inputs,
            work=finished.work,
            started_ns=finished.started_ns,
            seconds=finished.seconds,
            log=finished.log,
            enforced=finished.enforced,
            succeeded=finished.ending is Ending.SUCCEEDED,
        )

    def restore(self, name: str, judged: Judged) -> Kept:
        """Puts the outputs of the verdict's trace back (in the recording thread)."""
        trace = judged.verdict.trace
        assert trace is not None, "a verdict to restore names its trace"
        try:
            recorded = self.recorder.restore(self.step(name), trace)
        except (OSError, StoreError, LedgerError) as error:
            return Kept(name, Recording.REFUSED, (Reason(Cause.ERROR, after=str(error)),))
        self._facts[name] = recorded.facts
        self.replaced.extend(recorded.notes)
        return Kept(name, recorded.recording, recorded.reasons, recorded.trace)

    def dropped(self, name: str, finished: Finished, recording: Recording | None) -> tuple[str, ...]:
        """Keeps the folder of a failed attempt aside; removes that of a good one, and names what was left in it."""
        step = self.step(name)
        if step.ground is Ground.IN_PLACE or not os.path.isdir(finished.work):
            return ()
        if recording is Recording.RECORDED:
            return tuple(f"left undeclared, and dropped: {path}" for path in self.crew.folders.drop(step))
        try:
            kept = self.crew.folders.keep_failed(step)
        except OSError as error:
            return (f"its folder could not be kept aside: {error.strerror}",)
        if not kept:
            return ()
        left = _undeclared(os.path.join(self.root, kept), step) if recording is Recording.REFUSED else []
        return (f"its folder is kept in {kept}", *(f"it left, undeclared: {path}" for path in left))

    def settled(self, name: str, result: StepResult, trace: Trace | None) -> Sequence[str]:
        """Learns from a settled step, removes temporary artifacts that no one needs any more, lets the graph grow."""
        step = self.step(name)
        self.results[name] = result
        for path, fact in self._facts.pop(name, {}).items():
            self.knowledge.eyes.learn(path, fact)
            self.knowledge.eyes.forget(parents(path))  # folders around it that were looked at before
        self.knowledge.promises.pop(name, None)
        if trace is not None:
            self.traces[name] = trace
            if result.action is Action.NONE and self.knowledge.absent(name):
                self.knowledge.promises[name] = trace
        self._attempted.append(
            Attempted(
                self.run,
                name,
                result.outcome.value if result.outcome else "",
                result.action.value,
                result.seconds,
                tuple(reason.as_json() for reason in result.reasons),
                result.log,
            )
        )
        self.tell(Settled(result, self.tails.get(name, "")))
        for need in dict.fromkeys((*self.needs(name), name)):
            self._remove_temporaries(need)
        waited = bool(self.outline.waiting)
        new = self._grow(step) if result.action in _GOOD else ()
        if waited and not self.outline.waiting:
            for other in list(self.results):  # what stayed for readers that might still have turned up
                self._remove_temporaries(other)
        return new

    def _remove_temporaries(self, name: str) -> None:
        """Removes the temporary outputs of a step once all of its wanted readers are content."""
        step = self.step(name)
        temporary = [o.path for o in step.outputs if o.temporary and o.path not in self.outline.asked]
        if name not in self.traces or not temporary:
            return
        readers = [reader for reader in self.outline.graph.readers(name) if reader in self.outline.wanted]
        if any(reader not in self.results or self.results[reader].action not in _GOOD for reader in readers):
            return
        if any(waiting for waiting in self.outline.waiting):
            return  # what is still to be spelled out may read it
        gone = [path for path in temporary if self.knowledge.eyes.seen(path).kind is not Kind.MISSING]
        for path in gone:
            _remove(os.path.join(self.root, path))
        self.ledger.unplace(gone)
        self.knowledge.eyes.forget(gone)
        if gone:
            self.knowledge.promises[name] = self.traces[name]

    def _grow(self, step: Step) -> Sequence[str]:
        """Draws the outline anew when this step was the last that a waiting family waited for."""
        folders = {output.path for output in step.outputs if output.kind is ArtifactKind.FOLDER}
        if not any(folders & set(family.folders) for family in self.outline.waiting):
            return ()
        for made in self.traces[step.name].outputs if step.name in self.traces else ():
            if made.path in folders or made.kind is Kind.FOLDER:
                output = next(output for output in step.outputs if output.shown == made.shown)
                self._listings[output.path] = made.entries
        if not any(set(family.folders) <= self._listings.keys() for family in self.outline.waiting):
            return ()
        before = self.outline.wanted
        try:
            outline = self.redraw(self._listings)
        except (SpecError, UsageError) as error:
            self.stuck = tuple(Reason(Cause.ERROR, after=problem.message) for problem in error.problems)
            for problem in error.problems:
                self.tell(Remark(f"{problem.where}: {problem.message}" if problem.where else problem.message))
            return ()
        self.outline = outline
        self.knowledge.graph = outline.graph
        self.knowledge.forced |= outline.wanted if self.force is Force.ALL else outline.forced
        self.knowledge.asked |= outline.asked
        self.tell(Planned(len(outline.wanted)))
        return [name for name in outline.in_order() if name not in before]

    def left_waiting(self) -> list[StepResult]:
        """Families that could not be spelled out to the end: their promises are not kept."""
        return [
            StepResult(
                family.shown,
                Action.BLOCKED,
                Outcome.NOT_KEPT,
                self.stuck or tuple(Reason(Cause.UPSTREAM, name) for name in (*family.folders, *family.via)),
            )
            for family in self.outline.waiting
        ]

    def write_history(self) -> None:
        """Writes down what happened to each step, for `history` and `log`."""
        told = [attempted for attempted in self._attempted if attempted.action != Action.NONE.value]
        self.ledger.note_attempts(told)
        self._attempted.clear()


def _undeclared(folder: str, step: Step) -> list[str]:
    """Files in a work folder that are neither links to inputs nor declared: a slip in a name shows here."""
    declared = {output.path for output in step.outputs}
    found = []
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(top, name), folder)
            if path not in declared and not os.path.islink(os.path.join(top, name)):
                found.append(path)
    return sorted(found)[:LEFTOVERS_NAMED]


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
