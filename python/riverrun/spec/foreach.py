"""What a family runs over: the value of `foreach` comes in; items known at once, or a pattern still to be matched, go out."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riverrun.spec.glob import BadGlob, Glob, capturing, escape, is_glob
from riverrun.spec.params import NoParam, look_up, spell
from riverrun.spec.paths import NAME, BadPath, inside
from riverrun.spec.problems import Problems
from riverrun.spec.source import Place
from riverrun.spec.table import SUFFIXES, Rows
from riverrun.spec.template import ROOTS

_PARAM = re.compile(r"\{params\.([A-Za-z0-9_.-]+)\}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=-]")


@dataclass(frozen=True, slots=True)
class Item:
    """One member of a family: what follows the '@' in its name, and the values of its foreach names."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """Items known from the spec and its tables alone."""

    names: tuple[str, ...]
    items: tuple[Item, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Matched:
    """Items that a pattern over paths gives; the glob is relative to the workspace, `text` as written."""

    names: tuple[str, ...]
    glob: Glob
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Same:
    """The items of another step of this pipeline."""

    step: str
    place: Place


Foreach = Listed | Matched | Same


def item_name(values: Iterable[Any]) -> str:
    """Values as they stand in a step's name: safe for shells and files, and no two the same."""

    def safe(found: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in found[0].encode(errors="surrogateescape"))

    return ",".join(_UNSAFE.sub(safe, spell(value)) for value in values)


def read_foreach(
    value: Any,
    place: Place,
    home: str,
    params: Mapping[str, Any],
    table: Callable[[str, Place], Rows | None],
    problems: Problems,
) -> Foreach | None:
    """One of the four forms; `table` reads a table file, given its path in the workspace."""
    if isinstance(value, dict):
        return _product(value, place, params, problems)
    if value.startswith("@"):
        return Same(value[1:], place)
    text = _PARAM.sub(lambda found: escape(_param(found[1], place, params, problems)), value)
    folder = "/" if text.endswith("/") else ""
    try:
        pattern = inside(text, escape(home))
        glob = capturing(pattern + folder)
    except (BadPath, BadGlob) as error:
        problems.add(error.args[0], place.value(), *error.args[1:])
        return None
    if glob.captures:
        names = tuple(dict.fromkeys(glob.captures))
        return Matched(names, glob, value, place) if _free(names, place, problems) else None
    if is_glob(text) or not text.endswith(SUFFIXES):
        problems.add(
            f"'{value}' names nothing to run over",
            place.value(),
            "a pattern has a name in braces, as in 'logs/{day}.csv'; a table file ends in .tsv, .csv or .jsonl",
        )
        return None
    rows = table(inside(text, home), place)
    if rows is None or not _free(rows.names, place, problems):
        return None
    return _listed(rows.names, rows.rows, place, problems, naming=1)


def _param(dotted: str, place: Place, params: Mapping[str, Any], problems: Problems) -> str:
    try:
        return spell(look_up(params, tuple(dotted.split("."))))
    except NoParam as error:
        problems.add(error.args[0], place.value(), error.args[1])
        return ""


def _free(names: Sequence[str], place: Place, problems: Problems) -> bool:
    taken = [name for name in names if name in ROOTS or not NAME.fullmatch(name)]
    for name in taken:
        hint = "letters, digits, '_' and '-' make a name; inputs, outputs, params and resources are taken"
        problems.add(f"'{name}' cannot be a foreach name", place.value(), hint)
    return not taken


def _product(
    value: dict[str, Any], place: Place, params: Mapping[str, Any], problems: Problems
) -> Listed | None:
    lists = []
    before = len(problems)
    for name, entries in value.items():
        whole = _PARAM.fullmatch(entries) if isinstance(entries, str) else None
        found = entries
        if whole:
            try:
                found = look_up(params, tuple(whole[1].split(".")))
            except NoParam as error:
                problems.add(error.args[0], (place / name).value(), error.args[1])
                continue
        if not isinstance(found, list) or not all(isinstance(one, str | int | float) for one in found):
            wrong = f"'{whole[0]}'" if whole else f"'{name}'"
            problems.add(f"{wrong} is no list of strings, numbers or booleans", (place / name).value())
            continue
        lists.append([_scalar(one, place / name, params, problems) for one in found])
    if not _free(list(value), place, problems) or len(problems) > before:
        return None
    rows = [dict(zip(value, combination, strict=True)) for combination in itertools.product(*lists)]
    return _listed(tuple(value), rows, place, problems)


def _scalar(value: Any, place: Place, params: Mapping[str, Any], problems: Problems) -> Any:
    if not isinstance(value, str) or "{params." not in value:
        return value
    return _PARAM.sub(lambda found: _param(found[1], place, params, problems), value)


def _listed(
    names: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
    place: Place,
    problems: Problems,
    *,
    naming: int | None = None,
) -> Listed | None:
    """Items of rows. They are named by the first `naming` values; by all, where these do not tell them apart."""
    labels = [item_name(itertools.islice(row.values(), naming)) for row in rows]
    if len(set(labels)) < len(labels):
        labels = [item_name(row.values()) for row in rows]
    seen: set[str] = set()
    for label in labels:
        if label in seen:
            problems.add(
                f"two items have the name '{label}'", place.value(), "each item needs values of its own"
            )
            return None
        seen.add(label)
    return Listed(names, tuple(map(Item, labels, rows)), place)
