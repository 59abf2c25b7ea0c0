"""Runs commands side by side on one thread: steps come in, finished attempts go out.

Approach: every running command has two descriptors in one selector, the pipe it speaks into and one that becomes readable
when it ends. `wait` turns until something finished; `wake` ends the wait from another thread or a signal's function.
"""

import contextlib
import os
import selectors
from collections.abc import Mapping, Sequence
from enum import Enum
from time import monotonic

from riverrun.command import environment, params_json
from riverrun.model.step import Ground, Step
from riverrun.native import Hasher, now_ns
from riverrun.run import logs, trees
from riverrun.run.finished import Ending, Finished, Stop
from riverrun.run.process import NotStarted, Orphans
from riverrun.run.running import Heard, Running, State
from riverrun.run.work import WorkFolders, folder_name

__all__ = ["Crew", "Ending", "Finished", "Stop"]


class _Source(Enum):
    OUTPUT = "output"
    EXIT = "exit"


class Crew:
    """The commands that are running now, at most as many as the caller starts.

    `environ` is the outside's environment, `tmp_base` the folder in which the steps' TMPDIRs lie ("": in the workspace).
    A workspace has one crew at a time. After `start`, the attempt comes out of `wait` exactly once, whatever happens.
    """

    def __init__(self, root: str, environ: Mapping[str, str], run_id: str, *, tmp_base: str = "") -> None:
        self.folders = WorkFolders(root)
        self._root = root
        self._root_bytes = os.fsencode(root)
        self._environ = environ
        self._run_id = run_id
        self._logs = os.path.join(root, ".riverrun", "logs")
        os.makedirs(self._logs, exist_ok=True)
        logs.forget_old(self._logs, run_id)
        self._tmp = _own_tmp(root, tmp_base)
        self._running: dict[str, Running] = {}
        self._begun: dict[str, tuple[int, float]] = {}
        self._known: set[int] = set()  # the processes of running commands
        self._done: list[Finished] = []
        self._stop: Stop | None = None  # asked for; applied by `wait`
        self._stopped: Stop | None = None  # applied
        self._woken = False
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._silence = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._orphans = Orphans()

    @property
    def running(self) -> int:
        """How many attempts were started and have not come out of `wait` yet."""
        return len(self._running) + len(self._done)

    @property
    def running_names(self) -> tuple[str, ...]:
        """Whose commands are running, the longest first."""
        return tuple(self._running)

    def start(self, step: Step, key: bytes, attempt: int = 0, gpus: Sequence[int] = ()) -> None:
        """Prepare the step's work folder and start its command; what goes wrong comes out of `wait`."""
        self._begun[step.name] = (now_ns(self._root_bytes), monotonic())
        log = logs.Log(os.path.join(self._logs, self._run_id, logs.file_name(step.name)), attempt)
        if self._stop is not None:
            self._deliver(step, attempt, Ending.INTERRUPTED, log, "the run was being ended")
            return
        try:
            self.folders.prepare(step, key)
            cwd = self.folders.cwd(step)
            env = self._environment(step, cwd, gpus)
            started = Running(step, attempt, cwd=cwd, env=env, log=log, stdin=self._silence)
        except NotStarted as error:
            self._deliver(step, attempt, Ending.NOT_STARTED, log, str(error))
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            message = f"its work folder cannot be made: {error.strerror}{place}"
            self._deliver(step, attempt, Ending.NOT_STARTED, log, message)
        else:
            self._running[step.name] = started
            self._listen(started)

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """What finished since the last call; returns when there is something, after `wake`, or after the timeout."""
        until = None if timeout is None else monotonic() + timeout
        while True:
            pause = 0.0 if self._done or self._woken else self._pause(until)
            for ready, _ in self._selector.select(pause):
                self._take(ready)
            now = monotonic()
            self._end_all(now)
            for attempt in [one for one in self._running.values() if one.due is not None and one.due <= now]:
                self._tick(attempt, now)
            if self._done or self._woken or (until is not None and now >= until):
                self._woken = False
                done, self._done = self._done, []
                return done

    def wake(self) -> None:
        """End the wait that is going on, or the next one. May be called from any thread, and by a signal's function."""
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            os.write(self._wake_writer, b"w")

    def stop(self, how: Stop) -> None:
        """Start nothing more, and have `wait` end what is running, which comes out as INTERRUPTED.

        May be called where `wake` may: it only leaves word.
        """
        if self._stop is not Stop.AT_ONCE:
            self._stop = how
        self.wake()

    def close(self) -> None:
        """Kill what is still running, and let go of everything."""
        self.stop(Stop.AT_ONCE)
        while self._running:
            self.wait()
        self._orphans.close()
        self._selector.close()
        for end in (self._wake_reader, self._wake_writer, self._silence):
            os.close(end)
        trees.remove(self._tmp)

    def _environment(self, step: Step, cwd: str, gpus: Sequence[int]) -> dict[str, str]:
        tmpdir = os.path.join(self._tmp, folder_name(step))
        params_file = tmpdir + ".json" if step.declared_params else ""
        try:
            os.mkdir(tmpdir)
        except FileExistsError:
            trees.remove(tmpdir)
            os.mkdir(tmpdir)
        if params_file:
            with open(params_file, "wb") as file:
                file.write(params_json(step))
        return environment(
            step,
            self._environ,
            cwd=cwd,
            tmpdir=tmpdir,
            params_file=params_file,
            gpus=gpus,
            run_id=self._run_id,
        )

    def _listen(self, attempt: Running) -> None:
        child = attempt.child
        self._known.add(child.pid)
        self._selector.register(child.output, selectors.EVENT_READ, (attempt, _Source.OUTPUT))
        if child.exit >= 0:
            self._selector.register(child.exit, selectors.EVENT_READ, (attempt, _Source.EXIT))

    def _take(self, ready: selectors.SelectorKey) -> None:
        if ready.data is None:
            self._woken = True
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_reader, 4096)
            return
        attempt, source = ready.data
        if source is _Source.EXIT:
            self._tick(attempt, monotonic())
        elif attempt.child.output == ready.fd and attempt.read() is Heard.THE_END:
            self._selector.unregister(ready.fd)

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
        child = attempt.child
        attempt.tick(now, self._orphans, self._known)
        if attempt.state is not State.RUNNING and child.pid in self._known:
            self._known.discard(child.pid)
            if child.exit >= 0:
                self._selector.unregister(child.exit)
                child.close_exit()
        if attempt.state is not State.ENDED:
            return
        with contextlib.suppress(KeyError):  # where its end was read
            self._selector.unregister(child.output)
        child.close_output()
        if self._stop is not None and attempt.awaits_test:
            attempt.end(Ending.INTERRUPTED, now)
        if attempt.begin_test():
            self._listen(attempt)
        else:
            del self._running[attempt.step.name]
            self._deliver(
                attempt.step, attempt.number, attempt.ending, attempt.log, attempt.message, attempt.code
            )

    def _deliver(
        self, step: Step, number: int, ending: Ending, log: logs.Log, message: str, code: int | None = None
    ) -> None:
        """Make it known to the next `wait`; nothing of it is running."""
        started_ns, begun = self._begun.pop(step.name)
        tail = log.close()
        if log.problem:
            message = f"{message}; {log.problem}" if message else log.problem
        tmpdir = os.path.join(self._tmp, folder_name(step))
        try:
            os.rmdir(tmpdir)
        except OSError:
            trees.remove(tmpdir)
        if step.declared_params:
            trees.remove(tmpdir + ".json")
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


def _own_tmp(root: str, base: str) -> str:
    """The folder of this workspace's TMPDIRs, new and empty."""
    if base:
        hasher = Hasher("blake3")
        hasher.update(os.fsencode(root))
        tmp = os.path.join(base, f"riverrun-{hasher.hexdigest()[:16]}")
        os.makedirs(base, exist_ok=True)
    else:
        tmp = os.path.join(root, ".riverrun", "tmp")
    trees.remove(tmp)
    os.mkdir(tmp, 0o700)
    return tmp
