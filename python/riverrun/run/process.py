"""Processes: their numbers come in, what is known of them goes out. The only file that signals and reaps.

A command's processes are those of its process group,
and those that left the group but still carry the variables it was given; this process adopts orphans (Linux), so that the
latter are among its children when their parents have ended.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_ORPHANS_SET, _ORPHANS_GET = 36, 37  # linux/prctl.h: PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER


class Child:
    """A running command; its process group has its number."""

    def __init__(self, pid: int, ended: int, output: int) -> None:
        self.pid = pid
        self.output = output  # the end of the pipe to read from; -1 when closed
        self.exit = ended  # readable when it has ended; -1 where the system has no such thing

    def reap(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # someone else in this Python process waited for it
            return 255
        return os.waitstatus_to_exitcode(status) if pid else None

    def close_exit(self) -> None:
        """Close the descriptor that tells of the end."""
        if self.exit >= 0:
            os.close(self.exit)
            self.exit = -1

    def close_output(self) -> None:
        """Close the pipe: what still writes into it gets SIGPIPE."""
        if self.output >= 0:
            os.close(self.output)
            self.output = -1


def explained(error: OSError | ValueError, words: Sequence[str], cwd: str) -> str:
    """Why a command could not be started, and what to do."""
    if isinstance(error, ValueError):  # a NUL in a word, or "=" in a variable's name
        return f"cannot start: {error}"
    program, code = words[0], error.errno or 0
    if not os.path.isdir(cwd):
        said = f"the folder in which it should run is not there: {cwd}"
    elif code == errno.ENOENT and "/" not in program:
        said = f"'{program}' was not found on PATH"
    elif code == errno.ENOENT:
        said = f"'{program}' is not there, or the interpreter that its first line names; what a step runs it must declare"
    elif code == errno.EACCES:
        said = f"'{program}' may not be executed; chmod +x makes a file a program"
    elif code == errno.ENOEXEC:
        said = f"'{program}' is no program and names no interpreter; begin it with a line such as #!/bin/sh"
    elif code == errno.E2BIG:
        said = "the command and its environment are longer than the system allows; pass names in a file"
    else:
        said = f"{error.strerror} ('{program}')"
    return f"cannot start: {said}"


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal every process of a group, if there is one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def send(pid: int, number: signal.Signals) -> None:
    """Signal one process, if it is there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc tells of it."""

    pid: int
    name: str
    state: str
    group: int
    session: int
    terminal: int

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


def look(pid: int) -> Process | None:
    """What is known of a process; None where it is gone, or where there is no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            before, _, after = file.read(4096).rpartition(b")")
    except OSError:
        return None
    state, _, group, session, terminal, *_ = after.split()
    name = before.partition(b"(")[2].decode("utf-8", "replace")
    return Process(pid, name, state.decode("ascii"), int(group), int(session), int(terminal))


def variables(pid: int) -> list[bytes]:
    """The environment that a process was started with; empty where it may not be seen."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def all_pids() -> list[int]:
    """Every process that /proc shows; none where there is none."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


class Orphans:
    """Adopts the orphans of this process's descendants, and tells which of its children belong to a step."""

    def __init__(self) -> None:
        self._before = _adopt_orphans(1)
        try:
            # New orphans are given to the first thread.
            self._children = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._children = -1

    def strays(self, known: Sequence[int] | set[int], marks: set[bytes]) -> list[Process]:
        """Living children that are not known and carry all the marks in their environment."""
        if self._children < 0:
            return []
        unknown = [pid for pid in map(int, os.pread(self._children, 1 << 16, 0).split()) if pid not in known]
        found = [look(pid) for pid in unknown if marks <= set(variables(pid))]
        return [process for process in found if process is not None and process.state not in "ZX"]

    def close(self) -> None:
        """Adopt no longer, unless someone else in this Python process wanted it before."""
        if self._children >= 0:
            os.close(self._children)
            self._children = -1
        if self._before == 0:
            _adopt_orphans(0)


def members(group: int) -> list[Process]:
    """The living processes of a group; reaps those that ended and are this process's children."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return []
    except PermissionError:
        pass  # someone who became another user
    found = [process for process in map(look, all_pids()) if process and process.group == group]
    if not found and sys.platform != "linux":
        return [Process(group, "a process of its group", "?", group, group, 0)]
    return [process for process in found if process.state not in "ZX"]


def _adopt_orphans(wanted: int) -> int:
    """Set whether orphans come to this process; whether they did before (1 where that is not known)."""
    if sys.platform != "linux":
        return 1
    import ctypes

    before = ctypes.c_int(1)
    prctl = ctypes.CDLL(None).prctl
    prctl(_ORPHANS_GET, ctypes.byref(before), 0, 0, 0)
    prctl(_ORPHANS_SET, wanted, 0, 0, 0)
    return before.value
