"""One attempt of a step, while it runs: events of its processes come in; its ending goes out. Waits for nothing.

STARTING the command (then the step's test, if it has one) is to be started
RUNNING  it has not ended
CLOSING  it has; what else it started gets a moment to end too, then is killed
ENDED    nothing of it is running, its output is read to the end; its test may begin, or it is over
"""

import errno
import os
import signal
from enum import Enum

from riverrun.command import argv, by_shell
from riverrun.model.step import Command, Step
from riverrun.run.finished import Ending
from riverrun.run.logs import Log
from riverrun.run.process import Child, Orphans, Process, explained, members, send, signal_group

KILL_SECONDS = 5.0  # from asking to killing
GRACE_SECONDS = 0.5  # for what ends by itself once its pipe is closed, such as `> >(tee log)`
LOOK_SECONDS = 0.005  # between two looks at what is left; no one tells when a group ends
GIVE_UP_SECONDS = 10.0  # after killing: what does not go then hangs in the kernel, and nothing can be done
_READS = 64  # at most this many at an end: something may be writing without end

_BUFFER = bytearray(1 << 20)  # one for all: read, written to a log, and done with


class State(Enum):
    """Where an attempt stands."""

    STARTING = "starting"
    RUNNING = "running"
    CLOSING = "closing"
    ENDED = "ended"


class Heard(Enum):
    """What a look into the pipe brought."""

    SOMETHING = "something"
    NOTHING_YET = "nothing yet"
    THE_END = "the end"  # no one can say anything any more


class Running:
    """One attempt of a step, from before its command was started. `due` is when `tick` must be called next."""

    def __init__(self, step: Step, number: int, *, cwd: str, env: dict[str, str], log: Log) -> None:
        self.step = step
        self.number = number
        self.log = log
        self.cwd, self.env = cwd, env
        self.launched = -1  # the number under which its command, or its test, was last handed in
        self.ending = Ending.SUCCEEDED
        self.code: int | None = None
        self.message = ""
        self.due: float | None = None
        self._marks = {os.fsencode(f"{name}={env[name]}") for name in ("RIVERRUN_RUN", "RIVERRUN_STEP")}
        self._in_test = False
        self._kill_at: float | None = None  # set when it was asked to end
        self._close_by = 0.0
        self._pause = LOOK_SECONDS
        self._asked: set[int] = set()
        self._killed: dict[int, Process] = {}
        self._prepare(step.run)

    @property
    def child(self) -> Child:
        """The process of the command, or of the test."""
        return self._child

    @property
    def in_test(self) -> bool:
        """Whether it is its test that runs, or is to be started."""
        return self._in_test

    def read(self) -> Heard:
        """Take what it has said so far."""
        try:
            count = os.readv(self._child.output, [_BUFFER])
        except BlockingIOError:
            return Heard.NOTHING_YET
        if not count:
            return Heard.THE_END
        self.log.write(memoryview(_BUFFER)[:count])
        return Heard.SOMETHING

    def end(self, ending: Ending, now: float) -> None:
        """Ask it to end, for a reason that becomes its ending."""
        if self._kill_at is None:
            self.ending = ending
            self._kill_at = now + KILL_SECONDS
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # one that was stopped would not hear it
            if self.state is not State.STARTING:
                self.due = self._kill_at if self.due is None else min(self.due, self._kill_at)

    def kill(self, ending: Ending, now: float) -> None:
        """End it now."""
        if self.ending is Ending.SUCCEEDED:
            self.ending = ending
        self._kill_at = self._close_by = now
        self._signal(signal.SIGKILL)
        if self.state is not State.STARTING:
            self.due = now

    def tick(self, now: float, orphans: Orphans, known: set[int]) -> None:
        """Do what is due: look whether it ended, whether its time is over, whether anything of it is left."""
        if self.state is State.RUNNING:
            self._reap(now)
        if self.state is State.RUNNING:
            self._watch_time(now)
        elif self.state is State.CLOSING:
            self._close(now, orphans, known)

    @property
    def awaits_test(self) -> bool:
        """Whether its command went well, and a test is still to say so."""
        return self.ending is Ending.SUCCEEDED and self.step.test is not None and not self._in_test

    def next_test(self) -> bool:
        """After its command has ended: make its test the next to be started. False where there is none (left)."""
        if not self.awaits_test or self.step.test is None:
            return False
        self._in_test = True
        self._prepare(self.step.test)
        return True

    def _prepare(self, command: Command) -> None:
        self._text = command.text(self.number)
        self.words = argv(self.step, self._text)
        self.state = State.STARTING
        self.due = None

    def begun(self, child: Child, now: float) -> None:
        """It was started."""
        self._child = child
        self.state = State.RUNNING
        self._pause = LOOK_SECONDS
        self._time_out_at = None if self.step.timeout is None else now + self.step.timeout
        if self._kill_at is not None:  # it was asked to end before it had begun
            self._signal(signal.SIGTERM)
        times = [at for at in (self._kill_at, self._time_out_at) if at is not None]
        if child.exit < 0:
            times.append(now + LOOK_SECONDS)
        self.due = min(times, default=None)

    def refused(self, error: OSError | ValueError) -> bool:
        """It could not be started. True where it is to be tried once more, in another way."""
        shell_words = by_shell(self._text) if isinstance(self._text, str) and not self.step.shell else ()
        if shell_words and self.words != shell_words and getattr(error, "errno", 0) == errno.ENOEXEC:
            # A script without a first line that names its interpreter: a shell executes it itself.
            self.words = shell_words
            return True
        why = explained(error, self.words, self.cwd)
        if self.ending is Ending.SUCCEEDED:
            self.ending = Ending.TEST_FAILED if self._in_test else Ending.NOT_STARTED
        self.message, self.code = f"its test: {why}" if self._in_test else why, None
        self.state = State.ENDED
        return False

    def _reap(self, now: float) -> None:
        code = self._child.reap()
        if code is None:
            return
        self.code = code
        self.state = State.CLOSING
        self.due = now
        self._close_by = now + GRACE_SECONDS if self._kill_at is None else self._kill_at

    def _watch_time(self, now: float) -> None:
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._signal(signal.SIGKILL)
                self._kill_at = now + KILL_SECONDS
        elif self._time_out_at is not None and now >= self._time_out_at:
            self.message = f"it took longer than its timeout of {self.step.timeout:g} s"
            self.end(Ending.TIMED_OUT, now)
        times = [at for at in (self._kill_at, self._time_out_at) if at is not None and at > now]
        if self._child.exit < 0:
            times.append(now + LOOK_SECONDS)
        self.due = min(times, default=None)

    def _close(self, now: float, orphans: Orphans, known: set[int]) -> None:
        left = members(self._child.pid) + orphans.strays(known, self._marks)
        if left and now < self._close_by + GIVE_UP_SECONDS:
            self._end_left(left, now)
            self.due = now + self._pause
            self._pause = min(2 * self._pause, GRACE_SECONDS / 4)
            return
        for _ in range(_READS):
            if self.read() is not Heard.SOMETHING:
                break
        self.state = State.ENDED
        self.due = None
        if self.ending is Ending.SUCCEEDED and self._killed:
            self.ending = Ending.OUTLIVED
            names = ", ".join(map(str, self._killed.values()))
            self.message = f"still running when its command had ended, and killed: {names}"
        elif self.ending is Ending.SUCCEEDED and self.code != 0:
            self.ending = Ending.TEST_FAILED if self._in_test else Ending.FAILED
            self.message = ("its test failed: " if self._in_test else "") + _said(self.code or 0)

    def _end_left(self, left: list[Process], now: float) -> None:
        """Kill what had its moment; where all was asked to end, ask those too that had left the group."""
        for process in left:
            if now >= self._close_by:
                self._killed[process.pid] = process
                send(process.pid, signal.SIGKILL)
            elif self._kill_at is not None and process.pid not in self._asked:
                self._asked.add(process.pid)
                send(process.pid, signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self.state is State.RUNNING:  # afterwards the group's number may be another's
            signal_group(self._child.pid, number)


def _said(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
