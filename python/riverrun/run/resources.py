"""What steps may use at once: limits and a number of running steps come in, grants go out, and why one can never be given.

The number of steps bounds the cpus too, unless a limit says otherwise. A name without a limit is not limited, but for
gpus, which are handed out by number.
"""

import math
import os
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from riverrun.errors import UsageError
from riverrun.model.step import Step
from riverrun.model.verdict import Cause, Reason
from riverrun.spec.units import size

_GPU_DEVICE = re.compile(r"nvidia([0-9]+)")
_DEVICES = "/dev"
_SLACK = 1e-9  # ten times 0.1 cpus are one
_PLAIN = {"cpus": 1.0}  # what a step needs that says nothing


@dataclass(frozen=True, slots=True)
class Grant:
    """What one running step holds until it is released."""

    amounts: Mapping[str, float]
    gpus: tuple[int, ...] = ()
    plain: bool = False


class Resources:
    """The machine's share that running steps may use together."""

    def __init__(
        self, limits: Mapping[str, float | str], jobs: int, environ: Mapping[str, str] | None = None
    ) -> None:
        self._jobs = jobs
        self._running = 0
        self._other = 0  # of those, how many need something else than one cpu
        self._limits = {"cpus": float(jobs)}
        self._limits |= {name: _limit(name, value) for name, value in limits.items() if name != "gpus"}
        self._used = dict.fromkeys(self._limits, 0.0)
        self._asked_gpus = limits.get("gpus")
        self._environ = environ or {}
        self._free_gpus: list[int] | None = None  # looked for when a step first asks
        self._all_gpus = 0

    def refusal(self, step: Step, attempt: int) -> Reason | None:
        """Why the attempt (from 0) can never run within the limits; None where it can."""
        for name, amount in _needs(step, attempt).items():
            limit = float(self._count_gpus()) if name == "gpus" else self._limits.get(name, math.inf)
            if amount > limit + _SLACK:
                return Reason(
                    Cause.NO_RESOURCES, name, before=f"limit {limit:.15g}", after=f"needs {amount:.15g}"
                )
        return None

    def fits(self, step: Step, attempt: int) -> bool:
        """Whether the attempt may start now, beside what is running."""
        if self._running >= self._jobs:
            return False
        for name, amount in _needs(step, attempt).items():
            if name == "gpus":
                self._count_gpus()
                if amount > len(self._free_gpus or ()):
                    return False
            elif name in self._limits and self._used[name] + amount > self._limits[name] + _SLACK:
                return False
        return True

    @staticmethod
    def needs(step: Step, attempt: int) -> Hashable:
        """Equal for attempts that need the same, and so fit alike."""
        plain = _is_plain(step, attempt)
        return plain or (step.test is None, *sorted(_needs(step, attempt).items()))

    def turn(self, step: Step, attempt: int, ahead: int) -> int:
        """How many may run when the attempt starts in the turn of one that ends; 0 where it cannot be told beforehand.

        It can while all that is running, or waits for its turn (`ahead` at most), needs one cpu, as this one does: then one
        takes the place of another. A step with a test keeps its place after its command has ended.
        """
        most = min(self._jobs, int(self._limits["cpus"]))
        plain = not self._other and _is_plain(step, attempt)
        return most if plain and self._running < most + ahead else 0

    def acquire(self, step: Step, attempt: int) -> Grant:
        """Take what the attempt needs; it must fit."""
        needs = _needs(step, attempt)
        gpus: tuple[int, ...] = ()
        for name, amount in needs.items():
            if name == "gpus":
                free = self._free_gpus or []
                gpus, self._free_gpus = tuple(free[: int(amount)]), free[int(amount) :]
            elif name in self._limits:
                self._used[name] += amount
        self._running += 1
        plain = _is_plain(step, attempt)
        self._other += not plain
        return Grant(needs, gpus, plain)

    def release(self, grant: Grant) -> None:
        """Give back what a grant holds."""
        for name, amount in grant.amounts.items():
            if name in self._limits:
                self._used[name] -= amount
        if grant.gpus:
            self._free_gpus = sorted((*(self._free_gpus or ()), *grant.gpus))
        self._running -= 1
        self._other -= not grant.plain
        if not self._running:
            self._used = dict.fromkeys(self._limits, 0.0)  # sums of fractions drift

    def _count_gpus(self) -> int:
        if self._free_gpus is None:
            self._free_gpus = _gpus(self._asked_gpus, self._environ.get("CUDA_VISIBLE_DEVICES"))
            self._all_gpus = len(self._free_gpus)
        return self._all_gpus


def _needs(step: Step, attempt: int) -> dict[str, float]:
    """Amounts by name: one cpu unless the step says otherwise; a text value is for its command only."""
    asked = step.resources[min(attempt, len(step.resources) - 1)] if step.resources else {}
    needs = {"cpus": 1.0}
    needs |= {name: float(amount) for name, amount in asked.items() if not isinstance(amount, str)}
    if "gpus" in needs:
        needs["gpus"] = float(math.ceil(needs["gpus"]))  # a number is handed out whole
    return needs


def _is_plain(step: Step, attempt: int) -> bool:
    return step.test is None and (not step.resources or _needs(step, attempt) == _PLAIN)


def _limit(name: str, value: float | str) -> float:
    if isinstance(value, str):
        measure = size(value)
        if measure is None:
            raise UsageError(
                f"the limit {name}={value} is no number and no size", hint=f"for example {name}=4 or 8GiB"
            )
        return float(measure)
    return float(value)


def _gpus(asked: float | str | None, visible: str | None) -> list[int]:
    """The numbers of the gpus to hand out: as a list says ("0,3"), so many of those there, or all that are there."""
    if isinstance(asked, str) and "," in asked:
        visible, asked = asked, None
    if visible is not None and re.fullmatch(r"[0-9]+(,[0-9]+)*", visible.strip()):
        there = [int(number) for number in visible.split(",")]
    else:
        found = (_GPU_DEVICE.fullmatch(name) for name in _listed(_DEVICES))
        there = sorted(int(match[1]) for match in found if match)
    if asked is None:
        return there
    count = int(_limit("gpus", asked))
    return (there + [number for number in range(count) if number not in there])[:count]


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
