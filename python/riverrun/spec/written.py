"""A step's keys as written: its own table over `[defaults]`; what no item changes is read from them at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riverrun.model.step import CachePolicy, Containment, Ground, Inputs, Rerun
from riverrun.spec.problems import Problems
from riverrun.spec.source import Place
from riverrun.spec.units import duration


@dataclass(frozen=True, slots=True)
class Written:
    """A step's keys after `[defaults]` gave theirs: each with the place where it stands (two, where both count)."""

    name: str
    place: Place
    keys: Mapping[str, tuple[tuple[Any, Place], ...]]

    def one(self, key: str, default: Any = None) -> Any:
        return self.keys[key][0][0] if key in self.keys else default

    def at(self, key: str) -> Place:
        return self.keys[key][0][1]


def written(
    name: str, own: Mapping[str, Any], place: Place, defaults: Mapping[str, Any], above: Place
) -> Written:
    """A step's own keys over the defaults; of `uses` and `env` the defaults' come first and the step's are added."""
    keys = {}
    for key in [*defaults, *(key for key in own if key not in defaults)]:
        found = [(own[key], place / key)] if key in own else []
        if key in defaults and (key in ("uses", "env") or not found):
            found.insert(0, (defaults[key], above / key))
        keys[key] = tuple(found)
    return Written(name, place, keys)


_CHOICES: dict[str, tuple[str, dict[Any, Any]]] = {
    "cache": (
        "cache",
        {"auto": CachePolicy.AUTO, "copy": CachePolicy.COPY, False: CachePolicy.NAME_ONLY},
    ),
    "always": ("rerun", {True: Rerun.ALWAYS, False: Rerun.WHEN_NEEDED}),
    "real": ("real", {True: Inputs.REAL, False: Inputs.LINKED}),
    "in_place": ("ground", {True: Ground.IN_PLACE, False: Ground.WORK_FOLDER}),
    "contain": (
        "contain",
        {True: Containment.PROJECT, False: Containment.NONE, "strict": Containment.STRICT},
    ),
}


def fixed(found: Written, problems: Problems) -> dict[str, Any]:
    """What of a step no item changes; keys left out keep the defaults of `Step`."""
    values: dict[str, Any] = {}
    timeout = found.one("timeout")
    if isinstance(timeout, str):
        seconds = duration(timeout)
        if not seconds:
            problems.add(
                f"'{timeout}' is no duration", found.at("timeout").value(), 'as in 90, "90s", "10min" or "2h"'
            )
        timeout = seconds
    if timeout is not None:
        values["timeout"] = float(timeout)
    for key, name in (("retries", "retries"), ("description", "description")):
        if key in found.keys:
            values[name] = found.one(key)
    for key, name in (("pass", "passes"), ("tools", "tools"), ("params", "declared_params")):
        if key in found.keys:
            values[name] = tuple(dict.fromkeys(found.one(key)))
    for key, (name, meanings) in _CHOICES.items():
        if key in found.keys:
            values[name] = meanings[found.one(key)]
    return values
