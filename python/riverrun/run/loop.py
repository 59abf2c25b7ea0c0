"""The run itself: steps that are wanted come in, each is judged, started, recorded, and what came of it goes out.

Approach. One thread owns all states. A step is judged when everything it needs is settled, together with all others
that have become ready, so that facts are gathered in few calls. What must run waits for resources; commands run in
their own processes; what they made is recorded by one further thread, in batches, so that hashing and writing never
keep the next command waiting. The graph may grow: settling a step can spell out others (`Course.settled`).

States move one way, and only `_move` moves them:

    WAITING -> READY -> QUEUED -> RUNNING -> RECORDING -> SETTLED
               READY -> SETTLED (kept, blocked)      READY -> RECORDING (restored)
               READY -> WAITING (a temporary artifact must be made first)
               RECORDING -> QUEUED (another attempt)   RECORDING -> READY (an input changed meanwhile)
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from riverrun.model.fact import Seen
from riverrun.model.step import Step
from riverrun.model.trace import ActionKey, Description, Trace
from riverrun.model.verdict import OUTCOMES, Action, Cause, Reason, StepResult, Verdict
from riverrun.run.crew import Crew, Ending, Finished, Stop
from riverrun.run.resources import Grant, Resources


class State(Enum):
    """Where a step is on its way."""

    WAITING = "waiting"
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    RECORDING = "recording"
    SETTLED = "settled"


class OnFailure(Enum):
    """What happens to the others when a step fails."""

    FINISH_RUNNING = "finish running"
    KEEP_GOING = "keep going"


class Halt(Enum):
    """Why nothing new is started any more."""

    NOT = "not"
    FAILURE = "failure"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what it rests on; `wake` names steps whose absent temporary outputs this one must read."""

    verdict: Verdict
    key: ActionKey = ActionKey(b"")
    description: Description = ()
    inputs: Mapping[str, Seen] = field(default_factory=dict)
    wake: tuple[str, ...] = ()


class Ended(Enum):
    """How recording (or restoring) ended, as far as the loop must know."""

    RECORDED = "recorded"
    REFUSED = "refused"
    UNSTABLE = "unstable"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Kept:
    """What recording tells the loop of one step."""

    step: str
    ended: Ended
    reasons: tuple[Reason, ...] = ()
    trace: Trace | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has ended, on its way to being recorded."""

    finished: Finished
    judged: Judged


class Course(Protocol):
    """What the loop asks of the flow; all but `record` and `restore` is called in the loop's own thread."""

    def step(self, name: str) -> Step:
        """The step of this name."""

    def needs(self, name: str) -> Sequence[str]:
        """The steps that must be settled before this one is judged."""

    def judge(self, names: Sequence[str], woken: Mapping[str, Reason]) -> Mapping[str, Judged]:
        """Verdicts for steps whose needs are settled; `woken` ones must run though their promise would be kept."""

    def rejudge(self, name: str) -> None:
        """What was seen of the inputs of a step no longer holds."""

    def settled(self, name: str, result: StepResult, trace: Trace | None) -> Sequence[str]:
        """A step is settled: tidies up after it, and names the steps that can be spelled out only now."""

    def record(self, attempts: Sequence[Attempt]) -> Sequence[Kept]:
        """Takes what the attempts made (in the recording thread)."""

    def restore(self, name: str, judged: Judged) -> Kept:
        """Puts the outputs of the verdict's trace back (in the recording thread)."""

    def started(self, name: str) -> None:
        """A command was started."""

    def dropped(self, name: str, finished: Finished, ended: Ended | None) -> tuple[str, ...]:
        """An attempt is over: keeps its folder aside if it failed, removes it if not; what it left undeclared."""


class Loop:
    """One run over the wanted steps; `run` returns what came of each."""

    def __init__(
        self,
        course: Course,
        crew: Crew,
        resources: Resources,
        wanted: Iterable[str],
        *,
        jobs: int,
        on_failure: OnFailure,
    ) -> None:
        self._course = course
        self._crew = crew
        self._jobs = jobs
        self._resources = resources
        self._on_failure = on_failure
        self._halt = Halt.NOT
        self._states: dict[str, State] = {}
        self._left: dict[str, int] = {}  # how many needs are not settled
        self._readers: dict[str, list[str]] = {}
        self._rank: dict[str, int] = {}
        self._ready: list[str] = []
        self._queue: list[tuple[int, str]] = []  # a heap by rank
        self._judged: dict[str, Judged] = {}
        self._attempt: dict[str, int] = {}
        self._rejudged: set[str] = set()
        self._woken: dict[str, Reason] = {}
        self._grants: dict[str, Grant] = {}
        self._results: dict[str, StepResult] = {}
        self._unrecorded: list[Attempt] = []
        self._recording: Future[Sequence[Kept]] | None = None
        self._batch: dict[str, Finished] = {}  # what is being recorded
        self._to_restore: list[str] = []
        self._restoring: dict[str, Future[Kept]] = {}
        self._seconds: dict[str, float] = {}
        self._logs: dict[str, str] = {}
        self.tails: dict[str, str] = {}
        self._add(wanted)

    @property
    def interrupted(self) -> bool:
        """Whether a person ended the run."""
        return self._halt is Halt.INTERRUPTED

    def stop(self, how: Stop) -> None:
        """Starts nothing new and ends what runs; safe in a signal's handler."""
        self._halt = Halt.INTERRUPTED
        self._crew.stop(how)
        self._crew.wake()

    def run(self) -> dict[str, StepResult]:
        """Brings every wanted step to an outcome. Raises what the machine refuses (`OSError`, `StoreError`, ...)."""
        recorder = ThreadPoolExecutor(1, thread_name_prefix="riverrun-record")
        try:
            while True:
                self._judge_ready()
                self._start_queued()
                self._record(recorder)
                if self._ready:
                    continue
                if not (self._crew.running or self._recording or self._restoring):
                    break
                for finished in self._crew.wait(None):
                    self._finished(finished)
                self._collect()
        finally:
            self._crew.stop(Stop.AT_ONCE)
            recorder.shutdown(wait=True)
        return self._results

    def _add(self, names: Iterable[str]) -> None:
        """Takes steps into the run; needs outside it count as settled."""
        names = [name for name in names if name not in self._states]
        for name in names:
            self._rank[name] = len(self._rank)
            self._states[name] = State.WAITING
        for name in names:
            needs = [
                need
                for need in self._course.needs(name)
                if self._states.get(need, State.SETTLED) != State.SETTLED
            ]
            self._left[name] = len(needs)
            for need in needs:
                self._readers.setdefault(need, []).append(name)
            if not needs:
                self._move(name, State.READY)

    def _move(self, name: str, state: State) -> None:
        self._states[name] = state
        if state is State.READY:
            self._ready.append(name)
        elif state is State.QUEUED:
            heapq.heappush(self._queue, (self._rank[name], name))

    def _judge_ready(self) -> None:
        """Judges all that are ready, and what becomes ready by that, until nothing is."""
        while self._ready:
            names, self._ready = self._ready, []
            blocked = {name: self._blockers(name) for name in names}
            for name in names:
                if blocked[name]:
                    self._settle(name, Action.BLOCKED, blocked[name])
            names = [name for name in names if not blocked[name]]
            for name, judged in self._course.judge(names, self._woken).items() if names else ():
                self._act(name, judged)

    def _blockers(self, name: str) -> tuple[Reason, ...]:
        return tuple(
            Reason(Cause.UPSTREAM, need)
            for need in self._course.needs(name)
            if need in self._results and self._results[need].action in (Action.FAILED, Action.BLOCKED)
        )

    def _act(self, name: str, judged: Judged) -> None:
        verdict = judged.verdict
        if verdict.action is Action.NONE:
            self._settle(name, Action.NONE, (), verdict.trace)
        elif verdict.action is Action.BLOCKED:
            self._settle(name, Action.BLOCKED, verdict.reasons)
        elif self._halt is not Halt.NOT:
            cause = Cause.INTERRUPTED if self._halt is Halt.INTERRUPTED else Cause.NOT_STARTED
            self._settle(name, Action.BLOCKED, (Reason(cause), *verdict.reasons))
        elif verdict.action is Action.RESTORE:
            self._judged[name] = judged
            self._to_restore.append(name)
            self._move(name, State.RECORDING)
        elif judged.wake:
            self._wake(name, judged)
        else:
            self._judged[name] = judged
            self._queue_up(name)

    def _queue_up(self, name: str) -> None:
        """Queues the next attempt of a step, unless the limits can never give what it needs."""
        refusal = self._resources.refusal(self._course.step(name), self._attempt.get(name, 0))
        if refusal is not None:
            self._fail(name, (refusal,))
        else:
            self._move(name, State.QUEUED)

    def _wake(self, name: str, judged: Judged) -> None:
        """Sends makers of absent temporary artifacts round again; their reader waits for them."""
        self._move(name, State.WAITING)
        self._left[name] = len(judged.wake)
        for maker in judged.wake:
            self._readers.setdefault(maker, []).append(name)
            if self._states[maker] is State.SETTLED:
                self._woken[maker] = Reason(Cause.NEEDED, name)
                self._results.pop(maker)
                self._move(maker, State.READY)

    def _start_queued(self) -> None:
        """Starts what fits, in order; a step that does not fit yet does not hold up smaller ones behind it."""
        put_back = []
        while self._queue and self._crew.running < self._jobs and self._halt is Halt.NOT:
            rank, name = heapq.heappop(self._queue)
            step, attempt = self._course.step(name), self._attempt.get(name, 0)
            if not self._resources.fits(step, attempt):
                put_back.append((rank, name))
                continue
            grant = self._grants[name] = self._resources.acquire(step, attempt)
            self._move(name, State.RUNNING)
            self._course.started(name)
            self._crew.start(step, self._judged[name].key, attempt, grant.gpus)
        for item in put_back:
            heapq.heappush(self._queue, item)
        if self._halt is not Halt.NOT:
            queue, self._queue = self._queue, []
            for _, name in queue:
                self._act(name, self._judged[name])

    def _finished(self, finished: Finished) -> None:
        name = finished.step
        self._resources.release(self._grants.pop(name))
        self._seconds[name] = self._seconds.get(name, 0.0) + finished.seconds
        self._logs[name] = finished.log
        self._move(name, State.RECORDING)
        self._unrecorded.append(Attempt(finished, self._judged[name]))

    def _record(self, recorder: ThreadPoolExecutor) -> None:
        """Hands all attempts that have ended to the recording thread as one batch, and all restores one by one."""
        for name in self._to_restore:
            self._restoring[name] = recorder.submit(self._course.restore, name, self._judged[name])
            self._restoring[name].add_done_callback(lambda _: self._crew.wake())
        self._to_restore = []
        if self._unrecorded and self._recording is None:
            batch, self._unrecorded = self._unrecorded, []
            self._batch = {attempt.finished.step: attempt.finished for attempt in batch}
            self._recording = recorder.submit(self._course.record, batch)
            self._recording.add_done_callback(lambda _: self._crew.wake())

    def _collect(self) -> None:
        """Takes what the recording thread has done."""
        for name in [name for name, future in self._restoring.items() if future.done()]:
            kept = self._restoring.pop(name).result()
            judged = self._judged.pop(name)
            if kept.ended is Ended.BROKEN:
                self._rejudge(name)
            elif kept.ended is Ended.REFUSED:
                self._fail(name, kept.reasons)
            else:
                self._settle(name, Action.RESTORED, judged.verdict.reasons, kept.trace)
        if self._recording is not None and self._recording.done():
            recording, self._recording = self._recording, None
            kept_by_name = {kept.step: kept for kept in recording.result()}
            for name, finished in self._batch.items():
                self._after(name, finished, kept_by_name.get(name))

    def _after(self, name: str, finished: Finished, kept: Kept | None) -> None:
        """Decides what follows an attempt, now that it was recorded or could not be."""
        judged = self._judged[name]
        notes = self._course.dropped(name, finished, kept.ended if kept is not None else None)
        if kept is not None and kept.ended is Ended.UNSTABLE and self._halt is Halt.NOT:
            if name in self._rejudged:
                self._fail(name, kept.reasons)
            else:
                self._rejudged.add(name)
                self._rejudge(name)
            return
        if kept is not None and kept.ended is Ended.RECORDED:
            self._settle(name, Action.RAN, judged.verdict.reasons, kept.trace, notes)
            return
        self.tails[name] = finished.tail
        reasons = kept.reasons if kept is not None else (_why(finished),)
        attempt = self._attempt.get(name, 0)
        if finished.ending is Ending.INTERRUPTED or self._halt is Halt.INTERRUPTED:
            self._settle(name, Action.FAILED, (Reason(Cause.INTERRUPTED),))
        elif attempt < self._course.step(name).retries and self._halt is Halt.NOT:
            self._attempt[name] = attempt + 1
            self._queue_up(name)
        else:
            self._fail(name, reasons)

    def _rejudge(self, name: str) -> None:
        self._course.rejudge(name)
        self._move(name, State.READY)

    def _fail(self, name: str, reasons: tuple[Reason, ...]) -> None:
        if self._on_failure is OnFailure.FINISH_RUNNING and self._halt is Halt.NOT:
            self._halt = Halt.FAILURE
        self._settle(name, Action.FAILED, reasons)

    def _settle(
        self,
        name: str,
        action: Action,
        reasons: tuple[Reason, ...],
        trace: Trace | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._move(name, State.SETTLED)
        seconds, log = self._seconds.get(name, 0.0), self._logs.get(name, "")
        result = StepResult(name, action, OUTCOMES[action], reasons, seconds, log, notes)
        self._results[name] = result
        self._woken.pop(name, None)
        new = self._course.settled(name, result, trace)
        for reader in self._readers.pop(name, ()):
            self._left[reader] -= 1
            if self._left[reader] == 0 and self._states[reader] is State.WAITING:
                self._move(reader, State.READY)
        self._add(new)


_CAUSES = {
    Ending.FAILED: Cause.COMMAND_FAILED,
    Ending.TEST_FAILED: Cause.TEST_FAILED,
    Ending.TIMED_OUT: Cause.TIMEOUT,
    Ending.OUTLIVED: Cause.OUTLIVED,
    Ending.NOT_STARTED: Cause.COMMAND_FAILED,
    Ending.INTERRUPTED: Cause.INTERRUPTED,
}


def _why(finished: Finished) -> Reason:
    """Why an attempt did not succeed."""
    return Reason(_CAUSES.get(finished.ending, Cause.ERROR), after=finished.message)
