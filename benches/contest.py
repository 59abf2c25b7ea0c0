"""Contestants come in, what each needed goes out: in turns, in the same run, so that a noisy machine is noisy for all."""

import json
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class Clock(Enum):
    """Who measures."""

    OWN = "own"  # the program prints a number of seconds, or a JSON document with `seconds`
    WALL = "wall"  # from its start to its end, as a person waits


class Cache(Enum):
    HOT = "hot"  # synced, and read by a round that does not count
    COLD = "cold"  # the kernel's caches dropped before each round


@dataclass(frozen=True)
class Contestant:
    """One way to do the work of a row."""

    name: str
    command: Sequence[str]
    clock: Clock = Clock.WALL
    before: Callable[[], None] | None = None  # not measured
    stdin: Path | None = None
    most_rounds: int = 1000  # fewer for what takes long and is here for scale only


@dataclass(frozen=True)
class Budget:
    """`subject` may need at most `limit` times what `yardstick` needs."""

    subject: str
    yardstick: str
    limit: float
    what: str  # as the design says it


@dataclass
class Row:
    """One piece of work, done by several."""

    name: str
    work: str  # bytes or files: what the figures are divided by
    amount: int
    contestants: list[Contestant]
    budgets: list[Budget] = field(default_factory=list)
    cache: Cache = Cache.HOT
    memory_limit: tuple[str, int] | None = None  # contestant, bytes


def run_row(row: Row, rounds: int, drop_caches: Callable[[], bool]) -> dict[str, Any]:
    """All contestants in turn, `rounds` times, after a first round that does not count."""
    seconds: dict[str, list[float]] = {entry.name: [] for entry in row.contestants}
    notes: dict[str, dict[str, Any]] = {entry.name: {} for entry in row.contestants}
    os.sync()
    first = 0 if row.cache is Cache.COLD else -1
    for number in range(first, rounds):
        for entry in row.contestants:
            if number >= entry.most_rounds or (number < 0 and entry.most_rounds == 1):
                continue
            if entry.before:
                entry.before()
            if row.cache is Cache.COLD and not drop_caches():
                return {"row": row.name, "skipped": "the caches of this machine cannot be dropped"}
            taken, note = run_once(entry)
            if number >= 0:
                seconds[entry.name].append(taken)
                least_cpu = min(note["cpu"], notes[entry.name].get("cpu", note["cpu"]))
                for key, value in note.items():
                    notes[entry.name][key] = max(value, notes[entry.name].get(key, 0))
                notes[entry.name]["cpu"] = least_cpu
    results = [
        {"name": name, **spread(taken), **notes[name], "seconds": taken} for name, taken in seconds.items()
    ]
    medians = {entry["name"]: entry["median"] for entry in results}
    return {
        "row": row.name,
        "work": row.work,
        "amount": row.amount,
        "cache": row.cache.value,
        "contestants": results,
        "budgets": [judge(budget, medians) for budget in row.budgets if budget.yardstick in medians]
        + ([judge_memory(row.memory_limit, notes)] if row.memory_limit else []),
    }


def cpu_seconds() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_once(entry: Contestant) -> tuple[float, dict[str, Any]]:
    """Seconds; the seconds of CPU time, its starting included, which a busy machine leaves as they are; and what else the
    contestant told (numbers only)."""
    stdin = entry.stdin.open("rb") if entry.stdin else subprocess.DEVNULL
    try:
        before = cpu_seconds()
        began = time.perf_counter()
        done = subprocess.run(entry.command, stdin=stdin, capture_output=True, check=True)
        wall = time.perf_counter() - began
        note = {"cpu": cpu_seconds() - before}
    finally:
        if not isinstance(stdin, int):
            stdin.close()
    if entry.clock is Clock.WALL:
        return wall, note
    told = json.loads(done.stdout)
    if isinstance(told, dict):
        seconds = float(told.pop("seconds"))
        return seconds, note | {key: value for key, value in told.items() if isinstance(value, int)}
    return float(told), note


def spread(taken: list[float]) -> dict[str, float]:
    return {"median": statistics.median(taken), "least": min(taken), "most": max(taken)}


def judge(budget: Budget, medians: dict[str, float]) -> dict[str, Any]:
    ratio = medians[budget.subject] / medians[budget.yardstick]
    return {
        "subject": budget.subject,
        "yardstick": budget.yardstick,
        "what": budget.what,
        "limit": budget.limit,
        "ratio": ratio,
        "met": ratio <= budget.limit,
    }


def judge_memory(limit: tuple[str, int], notes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    subject, most = limit
    used = notes[subject]["peak_bytes"]
    what = f"peak memory at most {most / 1e6:.0f} MB"
    return {"subject": subject, "what": what, "limit": most, "used": used, "met": used <= most}
