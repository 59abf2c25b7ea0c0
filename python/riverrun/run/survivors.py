"""After a run that was killed: its run ids come in; what of it still runs is ended, and its work folders are cleared away.

A step's processes carry the run's id in their environment. One that dropped it is known by where it runs: in a work
folder, without a terminal (a person may stand there and look around).
"""

import os
import signal
import time
from collections.abc import Collection

from riverrun.model.names import OWN
from riverrun.run.process import Process, all_pids, look, send, variables
from riverrun.run.work import WorkFolders

ASKED_SECONDS = 2.0
KILLED_SECONDS = 5.0
_LOOK_SECONDS = 0.02


def clear_away(root: str, dead_runs: Collection[str]) -> tuple[str, ...]:
    """End all that dead runs left running in this workspace, then free their folders; the names of what was ended.

    To be called with the workspace's lock held, and before a crew is made.
    """
    ended = end_survivors(root, dead_runs)
    WorkFolders(root).clear()
    return ended


def end_survivors(root: str, dead_runs: Collection[str]) -> tuple[str, ...]:
    """Ask, then kill; again until nothing is left, as they may start others meanwhile."""
    spared = _ancestry()
    marks = {os.fsencode(f"RIVERRUN_RUN={run}") for run in dead_runs}
    named: dict[int, Process] = {}
    begun = time.monotonic()
    asked: set[int] = set()
    while True:
        left = [process for process in _find(root, marks, spared) if process.state not in "ZX"]
        waited = time.monotonic() - begun
        if not left or waited > ASKED_SECONDS + KILLED_SECONDS:
            return tuple(str(process) for process in named.values())
        for process in left:
            named.setdefault(process.pid, process)
            if waited > ASKED_SECONDS:
                send(process.pid, signal.SIGKILL)
            elif process.pid not in asked:
                asked.add(process.pid)
                send(process.pid, signal.SIGTERM)
                send(process.pid, signal.SIGCONT)
        time.sleep(_LOOK_SECONDS)


def _find(root: str, marks: set[bytes], spared: set[int]) -> list[Process]:
    work = os.path.join(root, OWN, "work") + "/"
    found = []
    for pid in all_pids():
        if pid in spared:
            continue
        marked = not marks.isdisjoint(variables(pid))
        if not marked and not _cwd(pid).startswith(work):
            continue
        process = look(pid)
        if process is not None and (marked or not process.terminal):
            found.append(process)
    return found


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd") + "/"
    except OSError:
        return ""


def _ancestry() -> set[int]:
    """This process and those above it: a run may itself have been started by a step."""
    found = set()
    pid = os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return found
