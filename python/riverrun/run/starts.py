"""What is started, and when: queued steps come in; those for which there is room are handed to the crew.

Room is what the limits leave, and a token where cores are shared with makes (see `jobserver`). While commands are brief,
some are handed in ahead of their turn, each to take the place of one that ends.
"""

from collections.abc import Callable

from riverrun.model.step import Step
from riverrun.model.verdict import Reason
from riverrun.run.contract import Course
from riverrun.run.crew import Crew
from riverrun.run.finished import Finished
from riverrun.run.jobserver import JobServer
from riverrun.run.queue import estimates, lengths
from riverrun.run.resources import Grant, Resources
from riverrun.run.schedule import Schedule, State

BRIEF_SECONDS = 0.05  # commands that take longer gain nothing from being handed in ahead of their turn
AHEAD = 16  # at most; two commands of a millisecond end in each of the loop's turns, and in each of its pauses some more


class Starts:
    """Starts queued steps in the order of their priorities, as far as there is room."""

    def __init__(
        self,
        course: Course,
        crew: Crew,
        schedule: Schedule,
        resources: Resources,
        *,
        jobs: int,
        jobserver: JobServer | None,
    ) -> None:
        self._course = course
        self._crew = crew
        self._schedule = schedule
        self._resources = resources
        self._jobs = jobs
        self._jobserver = jobserver
        self._attempts: dict[str, int] = {}  # of queued and running steps, from 0
        self._grants: dict[str, Grant] = {}
        self._ahead = 0
        self._prioritised = False
        self._asked_after: set[str] = set()
        self._recorded: dict[str, float] = {}  # seconds that steps took when they last ran
        self._short_of_tokens = False

    def take_bell(self) -> int:
        """Readable when a token is there that was wanted just now; -1 when none is wanted."""
        short, self._short_of_tokens = self._short_of_tokens, False
        return self._jobserver.reader if self._jobserver and short else -1

    def grown(self) -> None:
        """There are new steps, of which the priorities do not know."""
        self._prioritised = False

    def queue(self, name: str, attempt: int) -> Reason | None:
        """Queue an attempt of a step; or why the limits can never give what it needs."""
        step = self._course.step(name)
        refusal = self._resources.refusal(step, attempt)
        if refusal is None:
            self._prioritise()
            self._attempts[name] = attempt
            self._schedule.move(name, State.QUEUED, self._resources.needs(step, attempt))
        return refusal

    def _prioritise(self) -> None:
        """Only when something must run: else no one is asked how long it would take."""
        if self._prioritised:
            return
        self._prioritised = True
        order = self._course.order()
        new = [name for name in order if name not in self._asked_after]
        self._asked_after.update(new)
        self._recorded |= self._course.recorded_seconds(new)
        seconds = estimates({name: self._course.step(name).family for name in order}, self._recorded)
        self._schedule.prioritise(lengths(order, self._course.needs, seconds))

    def start_some(self, key_of: Callable[[str], bytes]) -> None:
        """Start what there is room for."""
        self._crew.go_on()
        if self._is_full():
            return
        for name in self._schedule.startable(self._fits):
            step, attempt = self._course.step(name), self._attempts[name]
            when_fewer = None if self._resources.fits(step, attempt) else self._turn(step, attempt)
            grant = self._grants[name] = self._resources.acquire(step, attempt)
            self._crew.start(step, key_of(name), attempt, grant.gpus, when_fewer=when_fewer)
            if self._is_full():
                return

    def _is_full(self) -> bool:
        return self._crew.running >= self._jobs + self._ahead or self._crew.stopping

    def _fits(self, name: str) -> bool:
        step, attempt = self._course.step(name), self._attempts[name]
        if not self._resources.fits(step, attempt):
            return self._turn(step, attempt) > 0
        if self._jobserver and not self._jobserver.hold(max(self._jobserver.held, self._crew.running)):
            self._short_of_tokens = True
            return False
        return True

    def _turn(self, step: Step, attempt: int) -> int:
        """How many may run when it starts in its turn; 0 where it must not be handed in: others may want the token."""
        if self._jobserver and (self._jobserver.is_outer or self._jobserver.held < self._jobs - 1):
            return 0
        return self._resources.turn(step, attempt, self._ahead)

    def over(self, finished: Finished) -> None:
        """An attempt has ended: what it held is free."""
        self._resources.release(self._grants.pop(finished.step))
        self._ahead = AHEAD if finished.seconds < BRIEF_SECONDS else 0

    def withdraw(self) -> None:
        """Queue again what was handed in and waits for its turn."""
        for name in self._crew.withdraw():
            self._resources.release(self._grants.pop(name))
            self.queue(name, self._attempts[name])

    def balance(self) -> None:
        """Put back the tokens of commands that have ended; none is needed for the first."""
        if self._jobserver:
            self._jobserver.hold(max(0, min(self._crew.running, self._jobs) - 1))
