"""Runs commands side by side: steps come in, finished attempts go out.

Approach: the Rust core starts commands, in a thread of its own; one that waits for its turn is started there as soon as
another one ends. Every running command has two descriptors, the pipe it speaks into and one that becomes readable when
it ends. `wait` listens to all of them until something finished.
"""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from time import monotonic

from riverrun.command import environment, params_json, passed
from riverrun.model.names import OWN
from riverrun.model.step import Ground, Step
from riverrun.native import Launcher, now_ns
from riverrun.run import logs
from riverrun.run.ears import Ears
from riverrun.run.finished import Ending, Finished, Stop
from riverrun.run.jobserver import JobServer
from riverrun.run.process import Child, Orphans
from riverrun.run.running import Heard, Running, State
from riverrun.run.tmpdirs import TmpDirs
from riverrun.run.work import WorkFolders

__all__ = ["Crew", "Ending", "Finished", "Stop"]


class _Source(Enum):
    OUTPUT = "output"
    EXIT = "exit"
    NEWS = "news"  # of the launcher
    BELL = "bell"


class Crew:
    """The commands that are running now, at most as many as the caller starts.

    `environ` is the outside's environment, `tmp_base` the folder in which the steps' TMPDIRs lie ("": in the workspace).
    A workspace has one crew at a time. After `start`, the attempt comes out of `wait` exactly once, whatever happens.
    """

    def __init__(
        self,
        root: str,
        environ: Mapping[str, str],
        run_id: str,
        *,
        tmp_base: str = "",
        jobserver: JobServer | None = None,
    ) -> None:
        self.folders = WorkFolders(root)
        self._root = root
        self._root_bytes = os.fsencode(root)
        self._environ = environ
        self._passed = passed(environ)
        self._run_id = run_id
        self._makeflags, self._inherited = (jobserver.flags, jobserver.inherited) if jobserver else ("", ())
        self._logs = os.path.join(root, OWN, "logs")
        os.makedirs(self._logs, exist_ok=True)
        logs.forget_old(self._logs, run_id)
        self._tmpdirs = TmpDirs(root, tmp_base)
        self._running: dict[str, Running] = {}
        self._begun: dict[str, tuple[int, float]] = {}
        self._known: set[int] = set()  # the processes of running commands
        self._done: list[Finished] = []
        self._stop: Stop | None = None  # asked for; applied by `wait`
        self._stopped: Stop | None = None  # applied
        self._ears: Ears[tuple[_Source, Running | None]] = Ears()
        silence = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._launcher = Launcher(silence)
        os.close(silence)
        self._ears.hear(self._launcher.fileno(), (_Source.NEWS, None))
        self._numbers = itertools.count()
        self._starting: dict[int, Running] = {}  # by the number under which the launcher has it
        # Told the name of a step whose command was started.
        self.on_begin: Callable[[str], None] = lambda _: None
        self._orphans = Orphans()

    @property
    def running(self) -> int:
        """How many attempts were handed in and have not come out of `wait` yet."""
        return len(self._running) + len(self._done)

    @property
    def waiting(self) -> int:
        """How many of those, as far as `wait` has heard, have not begun."""
        return len(self._starting)

    @property
    def stopping(self) -> bool:
        """Whether nothing more is started."""
        return self._stop is not None

    @property
    def running_names(self) -> tuple[str, ...]:
        """Whose commands are running, the longest first."""
        return tuple(self._running)

    def start(
        self,
        step: Step,
        key: bytes,
        attempt: int = 0,
        gpus: Sequence[int] = (),
        *,
        when_fewer: int | None = None,
    ) -> None:
        """Prepare the step's work folder and start its command; what goes wrong comes out of `wait`.

        With `when_fewer` it waits until fewer than so many are running, and while one that failed holds it
        up (see `go_on`).
        """
        self._begun[step.name] = (now_ns(self._root_bytes), monotonic())
        log = logs.Log(os.path.join(self._logs, self._run_id, logs.file_name(step.name)), attempt)
        if self._stop is not None:
            self._deliver(step, attempt, Ending.INTERRUPTED, log, "the run was being ended")
            return
        try:
            self.folders.prepare(step, key)
            cwd = self.folders.cwd(step)
            env = self._environment(step, cwd, gpus)
            started = Running(step, attempt, cwd=cwd, env=env, log=log)
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            message = f"its work folder cannot be made: {error.strerror}{place}"
            self._deliver(step, attempt, Ending.NOT_STARTED, log, message)
        else:
            self._running[step.name] = started
            self._launch(started, when_fewer)

    def go_on(self) -> None:
        """Nothing that has come out of `wait` is a reason to hold up those that wait for their turn."""
        failed = self._launcher.failed()
        if failed:
            alive = {attempt.launched for attempt in self._running.values()}
            for number in failed:
                if number not in alive:
                    self._launcher.forgive(number)

    def withdraw(self) -> list[str]:
        """Give up those that wait for their turn; their names. Nothing of them comes out of `wait`."""
        withdrawn = [self._starting.pop(number) for number in self._launcher.withdraw()]
        for attempt in withdrawn:
            del self._running[attempt.step.name]
            del self._begun[attempt.step.name]
            self._tmpdirs.give_back(attempt.step.name)
            self.folders.drop(attempt.step)
        return [attempt.step.name for attempt in withdrawn]

    def wait(self, timeout: float | None = None, bell: int = -1) -> list[Finished]:
        """What finished since the last call; returns when there is something, after `wake`, or after the timeout.

        Also when the descriptor `bell` is readable.
        """
        if bell < 0:
            return self._wait(timeout)
        self._ears.hear(bell, (_Source.BELL, None))
        try:
            return self._wait(timeout)
        finally:
            self._ears.hear_no_more(bell)

    def _wait(self, timeout: float | None) -> list[Finished]:
        until = None if timeout is None else monotonic() + timeout
        while True:
            pause = 0.0 if self._done or self._ears.woken else self._pause(until)
            for descriptor, (source, attempt) in self._ears.listen(pause):
                self._take(descriptor, source, attempt)
            now = monotonic()
            self._end_all(now)
            for attempt in [one for one in self._running.values() if one.due is not None and one.due <= now]:
                self._tick(attempt, now)
            if self._done or self._ears.woken or (until is not None and now >= until):
                self._ears.woken = False
                done, self._done = self._done, []
                return done

    def wake(self) -> None:
        """End the wait that is going on, or the next one. May be called from any thread, and by a signal's function."""
        self._ears.wake()

    def stop(self, how: Stop) -> None:
        """Start nothing more, and have `wait` end what is running, which comes out as INTERRUPTED.

        May be called where `wake` may: it only leaves word.
        """
        if self._stop is not Stop.AT_ONCE:
            self._stop = how
        self._launcher.hold()
        self.wake()

    def close(self) -> None:
        """Kill what is still running, and let go of everything."""
        self.stop(Stop.AT_ONCE)
        self.withdraw()
        while self._running:
            self.wait()
        self._orphans.close()
        self.folders.close()
        self._ears.close()
        self._tmpdirs.close()

    def _environment(self, step: Step, cwd: str, gpus: Sequence[int]) -> dict[str, str]:
        tmpdir = self._tmpdirs.take(step.name)
        params_file = tmpdir + ".json" if step.declared_params else ""
        if params_file:
            with open(params_file, "wb") as file:
                file.write(params_json(step))
        return environment(
            step,
            self._environ,
            base=self._passed,
            cwd=cwd,
            tmpdir=tmpdir,
            params_file=params_file,
            gpus=gpus,
            run_id=self._run_id,
            makeflags=self._makeflags,
        )

    def _launch(self, attempt: Running, when_fewer: int | None = None) -> None:
        """Have its command, or its test, started."""
        number = next(self._numbers)
        try:
            self._launcher.submit(
                number,
                attempt.words,
                attempt.cwd,
                attempt.env,
                inherited=self._inherited,
                when_fewer=when_fewer,
            )
        except ValueError as error:
            self._refuse(attempt, error)
        else:
            attempt.launched = number
            self._starting[number] = attempt

    def _hear_news(self) -> None:
        """Take up what the launcher has started, or could not start."""
        for number, *outcome in self._launcher.news():
            attempt = self._starting.pop(number)
            if isinstance(outcome[0], OSError):
                self._refuse(attempt, outcome[0])
                continue
            now = monotonic()
            name = attempt.step.name
            if not attempt.in_test:
                self._begun[name] = (self._begun[name][0], now)
                self.on_begin(name)
            attempt.begun(Child(*outcome), now)
            self._listen(attempt)
        if self._launcher.failed():
            self._ears.woken = True  # whoever waits for `wait` must say whether to go on

    def _refuse(self, attempt: Running, error: OSError | ValueError) -> None:
        if attempt.refused(error):
            self._launch(attempt)
        else:
            self._end(attempt)

    def _end(self, attempt: Running) -> None:
        """Nothing of it is running any more."""
        del self._running[attempt.step.name]
        self._deliver(
            attempt.step, attempt.number, attempt.ending, attempt.log, attempt.message, attempt.code
        )

    def _listen(self, attempt: Running) -> None:
        child = attempt.child
        self._known.add(child.pid)
        self._ears.hear(child.output, (_Source.OUTPUT, attempt))
        if child.exit >= 0:
            self._ears.hear(child.exit, (_Source.EXIT, attempt))

    def _take(self, descriptor: int, source: _Source, attempt: Running | None) -> None:
        if source is _Source.NEWS:
            self._hear_news()
        elif attempt is None:
            self._ears.woken = True
        elif source is _Source.EXIT:
            self._tick(attempt, monotonic())
        elif attempt.read() is Heard.THE_END:
            self._ears.hear_no_more(descriptor)

    def _end_all(self, now: float) -> None:
        """Do what `stop` asked for."""
        how = self._stop
        if how is self._stopped:
            return
        self._stopped = how
        for attempt in self._running.values():
            if how is Stop.CLEANLY:
                attempt.end(Ending.INTERRUPTED, now)
            else:
                attempt.kill(Ending.INTERRUPTED, now)

    def _pause(self, until: float | None) -> float | None:
        """How long to wait for an event: until the next thing is due. None: for ever."""
        times = [attempt.due for attempt in self._running.values() if attempt.due is not None]
        if until is not None:
            times.append(until)
        return max(0.0, min(times) - monotonic()) if times else None

    def _tick(self, attempt: Running, now: float) -> None:
        """Let it do what is due, and follow it from its command to its test, or to its end."""
        if attempt.state is State.STARTING:
            return
        child = attempt.child
        attempt.tick(now, self._orphans, self._known)
        if attempt.state is not State.RUNNING and child.pid in self._known:
            self._known.discard(child.pid)
            self._ears.hear_no_more(child.exit)
            child.close_exit()
        if attempt.state is not State.ENDED:
            return
        self._ears.hear_no_more(child.output)
        child.close_output()
        if self._stop is not None and attempt.awaits_test:
            attempt.end(Ending.INTERRUPTED, now)
        if attempt.next_test():
            self._launch(attempt)
        else:
            self._end(attempt)

    def _deliver(
        self, step: Step, number: int, ending: Ending, log: logs.Log, message: str, code: int | None = None
    ) -> None:
        """Make it known to the next `wait`; nothing of it is running."""
        started_ns, begun = self._begun.pop(step.name)
        tail = log.close()
        if log.problem:
            message = f"{message}; {log.problem}" if message else log.problem
        self._tmpdirs.give_back(step.name)
        finished = Finished(
            step=step.name,
            attempt=number,
            ending=ending,
            code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            seconds=monotonic() - begun,
            started_ns=started_ns,
            log=os.path.relpath(log.path, self._root) if log.started else "",
            tail="" if ending is Ending.SUCCEEDED else tail,
            work=self.folders.path(step),
            enforced="none" if step.ground is Ground.IN_PLACE else "work folder",
            message=message,
        )
        self._done.append(finished)
