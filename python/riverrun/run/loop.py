"""The run itself: steps that are wanted come in, each is judged, started, recorded, and what came of it goes out.

Approach. One thread owns all states (see `schedule`). A step is judged when everything it needs is settled, together
with all others that have become ready, so that facts are gathered in few calls. What must run waits for resources;
commands run in their own processes; what they made is recorded by one further thread, in batches, so that hashing and
writing never keep the next command waiting. The graph may grow: settling a step can spell out others.

A barrier of the disk costs as much as several small steps, and holds up whoever makes a file meanwhile. So as long as
other steps can be started, what has ended gathers for a moment; and no turn of the loop judges or settles more than a
few steps, so that commands that end meanwhile are followed by others. While commands are brief, some are also handed to
the crew ahead of their turn: one takes the place of another that ends before this thread hears of it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from time import monotonic, sleep

from riverrun.model.policy import OnFailure
from riverrun.model.trace import Trace
from riverrun.model.verdict import OUTCOMES, Action, Cause, Reason, Recording, StepResult
from riverrun.run.contract import Attempt, Course, Judged, Kept
from riverrun.run.crew import Crew, Ending, Finished, Stop
from riverrun.run.jobserver import JobServer
from riverrun.run.resources import Resources
from riverrun.run.schedule import Schedule, State
from riverrun.run.starts import Starts

BATCH = 256  # attempts recorded together at most: each output holds a lease, and 512 may be held
BATCH_SECONDS = 0.2  # how long an attempt waits for others, while others can be started
GATHER_AT = 6  # waiting for their turn: then what ends can gather
# Woken for each end, this thread would drive commands from their cores: a tenth of the time of small steps.
GATHER_SECONDS = 0.003
TURN = 16  # steps judged, and settled, between two looks at what has ended; a few milliseconds


class Halt(Enum):
    """Why nothing new is started any more."""

    NOT = "not"
    FAILURE = "failure"
    INTERRUPTED = "interrupted"


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
        jobserver: JobServer | None = None,
    ) -> None:
        self._course = course
        self._crew = crew
        self._jobs = jobs
        self._on_failure = on_failure
        self._halt = Halt.NOT
        # Failed, unless an input changed under them: till that is known nothing starts.
        self._doubtful: set[str] = set()
        self._schedule = Schedule()
        self._starts = Starts(course, crew, self._schedule, resources, jobs=jobs, jobserver=jobserver)
        self._judged: dict[str, Judged] = {}
        self._attempt: dict[str, int] = {}
        self._rejudged: set[str] = set()
        self._woken: dict[str, Reason] = {}
        self._results: dict[str, StepResult] = {}
        self._unrecorded: list[Attempt] = []
        self._gathering_since = 0.0
        self._to_settle: deque[tuple[str, Finished, Kept | None]] = deque()  # recorded
        self._recording: Future[Sequence[Kept]] | None = None
        self._batch: dict[str, Finished] = {}  # what is being recorded
        self._to_restore: list[str] = []
        self._restoring: dict[str, Future[Kept]] = {}
        self._seconds: dict[str, float] = {}
        self._logs: dict[str, str] = {}
        self.tails: dict[str, str] = {}
        self._schedule.add(wanted, course.needs)
        crew.on_begin = course.started

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
                self._judge_some()
                self._settle_some()
                self._start_queued()
                self._record(recorder)
                pressing = self._schedule.any_ready or self._to_settle
                if not (
                    pressing or self._unrecorded or self._crew.running or self._recording or self._restoring
                ):
                    break
                if self._crew.waiting >= GATHER_AT:
                    sleep(GATHER_SECONDS)
                bell = self._starts.take_bell()
                for finished in self._crew.wait(0.0 if pressing else self._pause(), bell):
                    self._finished(finished)
                self._collect()
        finally:
            self._crew.stop(Stop.AT_ONCE)
            recorder.shutdown(wait=True)
        return self._results

    def _judge_some(self) -> None:
        """Judges some that are ready."""
        names = self._schedule.take_ready(TURN)
        blocked = {name: self._blockers(name) for name in names}
        for name in names:
            if blocked[name]:
                self._settle(name, Action.BLOCKED, blocked[name])
        names = [name for name in names if not blocked[name]]
        for name, judged in self._course.judge(names, self._woken).items() if names else ():
            self._act(name, judged)

    def _settle_some(self) -> None:
        """Follows some attempts up that were recorded."""
        for _ in range(min(TURN, len(self._to_settle))):
            self._after(*self._to_settle.popleft())

    def _pause(self) -> float | None:
        """How long to wait for something to end: until what has gathered must be recorded."""
        if not self._unrecorded or self._recording is not None:
            return None
        return max(0.0, self._gathering_since + BATCH_SECONDS - monotonic())

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
            self._schedule.move(name, State.RECORDING)
        elif judged.wake:
            self._wake(name, judged)
        else:
            self._judged[name] = judged
            self._queue_up(name)

    def _queue_up(self, name: str) -> None:
        """Queues the next attempt of a step, unless the limits can never give what it needs."""
        refusal = self._starts.queue(name, self._attempt.get(name, 0))
        if refusal is not None:
            self._fail(name, (refusal,))

    def _wake(self, name: str, judged: Judged) -> None:
        """Sends makers of absent temporary artifacts round again; their reader waits for them."""
        for maker in self._schedule.wait_for(name, judged.wake):
            self._woken[maker] = Reason(Cause.NEEDED, name)
            self._results.pop(maker)

    def _start_queued(self) -> None:
        """Starts what there is room for; when the run is being ended, nothing more."""
        if self._halt is not Halt.NOT:
            self._starts.withdraw()
            for name in self._schedule.take_queued():
                self._act(name, self._judged[name])
        elif not self._doubtful:
            self._starts.start_some(lambda name: self._judged[name].key)
        self._starts.balance()

    def _finished(self, finished: Finished) -> None:
        name = finished.step
        self._starts.over(finished)
        self._seconds[name] = self._seconds.get(name, 0.0) + finished.seconds
        self._logs[name] = finished.log
        self._schedule.move(name, State.RECORDING)
        if self._on_failure is OnFailure.FINISH_RUNNING and finished.ending is not Ending.SUCCEEDED:
            self._doubtful.add(name)
        if not self._unrecorded:
            self._gathering_since = monotonic()
        self._unrecorded.append(Attempt(finished, self._judged[name]))

    def _record(self, recorder: ThreadPoolExecutor) -> None:
        """Hands attempts that have ended to the recording thread as one batch, and all restores one by one."""
        for name in self._to_restore:
            self._restoring[name] = recorder.submit(self._course.restore, name, self._judged[name])
            self._restoring[name].add_done_callback(lambda _: self._crew.wake())
        self._to_restore = []
        if self._unrecorded and self._recording is None and self._is_due():
            batch, self._unrecorded = self._unrecorded[:BATCH], self._unrecorded[BATCH:]
            self._batch = {attempt.finished.step: attempt.finished for attempt in batch}
            self._recording = recorder.submit(self._course.record, batch)
            self._recording.add_done_callback(lambda _: self._crew.wake())

    def _is_due(self) -> bool:
        """Whether what has ended should be recorded now: enough has gathered, or nothing else is left to do."""
        return (
            self._crew.running < self._jobs
            or not self._schedule.any_queued
            or len(self._unrecorded) >= BATCH
            or monotonic() >= self._gathering_since + BATCH_SECONDS
        )

    def _collect(self) -> None:
        """Takes what the recording thread has done."""
        for name in [name for name, future in self._restoring.items() if future.done()]:
            kept = self._restoring.pop(name).result()
            judged = self._judged.pop(name)
            if kept.recording is Recording.BROKEN:
                self._rejudge(name)
            elif kept.recording is Recording.REFUSED:
                self._fail(name, kept.reasons)
            else:
                self._settle(name, Action.RESTORED, judged.verdict.reasons, kept.trace)
        if self._recording is not None and self._recording.done():
            recording, self._recording = self._recording, None
            kept_by_name = {kept.step: kept for kept in recording.result()}
            for name, finished in self._batch.items():
                self._to_settle.append((name, finished, kept_by_name.get(name)))

    def _after(self, name: str, finished: Finished, kept: Kept | None) -> None:
        """Decides what follows an attempt, now that it was recorded or could not be."""
        self._doubtful.discard(name)
        judged = self._judged[name]
        notes = self._course.dropped(name, finished, kept.recording if kept is not None else None)
        if kept is not None and kept.recording is Recording.UNSTABLE and self._halt is Halt.NOT:
            if name in self._rejudged:
                self._fail(name, kept.reasons, notes)
            else:
                self._rejudged.add(name)
                self._rejudge(name)
            return
        if kept is not None and kept.recording is Recording.RECORDED:
            self._settle(name, Action.RAN, judged.verdict.reasons, kept.trace, notes)
            return
        self.tails[name] = finished.tail
        reasons = kept.reasons if kept is not None else (_why(finished),)
        attempt = self._attempt.get(name, 0)
        if finished.ending is Ending.INTERRUPTED or self._halt is Halt.INTERRUPTED:
            self._settle(name, Action.FAILED, (Reason(Cause.INTERRUPTED),), None, notes)
        elif attempt < self._course.step(name).retries and self._halt is Halt.NOT:
            self._attempt[name] = attempt + 1
            self._queue_up(name)
        else:
            self._fail(name, reasons, notes)

    def _rejudge(self, name: str) -> None:
        self._course.rejudge(name)
        self._schedule.move(name, State.READY)

    def _fail(self, name: str, reasons: tuple[Reason, ...], notes: tuple[str, ...] = ()) -> None:
        if self._on_failure is OnFailure.FINISH_RUNNING and self._halt is Halt.NOT:
            self._halt = Halt.FAILURE
        self._settle(name, Action.FAILED, reasons, None, notes)

    def _settle(
        self,
        name: str,
        action: Action,
        reasons: tuple[Reason, ...],
        trace: Trace | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        seconds, log = self._seconds.get(name, 0.0), self._logs.get(name, "")
        result = StepResult(name, action, OUTCOMES[action], reasons, seconds, log, notes)
        self._results[name] = result
        self._woken.pop(name, None)
        new = self._course.settled(name, result, trace)
        self._schedule.move(name, State.SETTLED)
        if new:
            self._schedule.add(new, self._course.needs)
            self._starts.grown()


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
