"""Texts with placeholders: a value of the spec comes in, its pieces go out. Which words are placeholders is decided here.

Braces belong to awk, jq and curl too. So only known names are placeholders; a wrong key under a known name is an
error; a near miss of a known name is one as well, as it is far likelier a slip than a program's own; all else stays.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from riverrun.spec.params import NoParam, look_up, spell
from riverrun.spec.problems import Problems, did_you_mean, mistaken
from riverrun.spec.source import Place

_BRACED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)((?:\.[A-Za-z0-9_-]+)*)\}")


class Root(Enum):
    """What a placeholder begins with."""

    INPUTS = "inputs"
    OUTPUTS = "outputs"
    PARAMS = "params"
    RESOURCES = "resources"
    ITEM = "foreach name"


ROOTS = {root.value: root for root in Root if root is not Root.ITEM}


@dataclass(frozen=True, slots=True)
class Field:
    """A placeholder; `values` are those of a param, known at once, others are known item by item."""

    root: Root
    keys: tuple[str, ...]
    text: str  # as it is written
    offset: int
    values: tuple[Any, ...] = ()

    @property
    def dotted(self) -> str:
        return ".".join(self.keys)


@dataclass(frozen=True, slots=True)
class Doubled:
    """`{{inputs}}`: the literal `{inputs}`."""

    text: str


Piece = str | Field | Doubled
Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Which keys `{inputs...}` or `{outputs...}` may have: names, or places in a list (how many: None if not known yet)."""

    names: tuple[str, ...]
    count: int | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What placeholders may stand in a text; None where a root cannot be used."""

    items: tuple[str, ...]
    params: Mapping[str, Any] = dataclasses.field(hash=False)  # hardly two differ in these alone
    home: str  # the folder that paths count from
    inputs: Artifacts | None = None
    outputs: Artifacts | None = None
    resources: tuple[str, ...] | None = None


def parse(text: str, place: Place, vocabulary: Vocabulary, problems: Problems) -> Pieces:
    """The pieces of a text; problems stand where the placeholder does."""
    if "{" not in text:
        return (text,) if text else ()
    pieces: list[Piece] = []
    end = 0
    for found in _BRACED.finditer(text):
        name, dotted = found[1], found[2][1:]
        start = found.start()
        known = name in ROOTS or name in vocabulary.items
        if start and text[start - 1] == "$":
            continue
        doubled = start > 0 and text[start - 1] == "{" and text[found.end() : found.end() + 1] == "}"
        if known and doubled:
            pieces += [text[end : start - 1], Doubled(found[0])]
            end = found.end() + 1
        elif known:
            field = _field(found, dotted, place, vocabulary, problems)
            pieces += [text[end:start], *([field] if field else [])]
            end = found.end()
        elif not doubled and name in vocabulary.params:
            problems.add(
                f"unknown placeholder '{found[0]}'",
                place.inside(start, len(found[0])),
                f"the param is '{{params.{found[0][1:-1]}}}'; if it is a program's own, write '{{ {found[0][1:-1]} }}'",
            )
        elif not doubled and (meant := mistaken(name, [*ROOTS, *vocabulary.items])):
            problems.add(
                f"unknown placeholder '{found[0]}'",
                place.inside(start, len(found[0])),
                f"did you mean '{{{meant}{found[2]}}}'? if it is a program's own, write '{{ {found[0][1:-1]} }}'",
            )
    pieces.append(text[end:])
    return tuple(piece for piece in pieces if piece != "")


def _field(
    found: re.Match[str], dotted: str, place: Place, vocabulary: Vocabulary, problems: Problems
) -> Field | None:
    name, keys = found[1], tuple(dotted.split(".")) if dotted else ()
    root = ROOTS.get(name, Root.ITEM)
    text, offset = found[0], found.start()

    def wrong(message: str, hint: str) -> None:
        problems.add(message, place.inside(offset, len(text)), hint)

    if root is Root.ITEM:
        if keys:
            wrong(f"the foreach name '{name}' has no parts", f"write '{{{name}}}'")
            return None
        return Field(root, (name,), text, offset)
    if root is Root.PARAMS:
        if not keys:
            wrong("'{params}' needs the name of a param", "as in '{params.level}'")
            return None
        try:
            value = look_up(vocabulary.params, keys)
        except NoParam as error:
            wrong(error.args[0], error.args[1])
            return None
        values = tuple(value) if isinstance(value, list) else (value,)
        if any(isinstance(one, Mapping | list) or one is None for one in values):
            wrong(f"the param '{dotted}' is no single value, and no list of such", _inner(dotted, value))
            return None
        return Field(root, keys, text, offset, values)
    if root is Root.RESOURCES:
        known: tuple[str, ...] | None = vocabulary.resources
        if known is not None and dotted not in known:
            hint = did_you_mean(dotted, known) or ("resources here: " + ", ".join(known) if known else "")
            wrong(f"this step has no resource '{dotted}'" if dotted else "name a resource", hint)
            return None
    else:
        artifacts = vocabulary.inputs if root is Root.INPUTS else vocabulary.outputs
        known = artifacts.names if artifacts else None
        if artifacts and not artifacts.names and artifacts.count == 0:
            wrong(f"'{text}' stands for nothing: the step declares no {name}", f"add '{name} = [...]'")
            return None
        if artifacts and keys and not _has(artifacts, dotted):
            hint = did_you_mean(dotted, artifacts.names)
            if not hint:
                hint = (
                    f"{name} here: {', '.join(artifacts.names)}"
                    if artifacts.names
                    else f"its {name} have no names"
                )
            wrong(f"this step has no {name} named '{dotted}'", hint)
            return None
    if known is None:
        wrong(f"'{text}' cannot stand here", "params and foreach names can")
        return None
    return Field(root, keys, text, offset)


def _has(artifacts: Artifacts, key: str) -> bool:
    if key in artifacts.names:
        return True
    return key.isdecimal() and (artifacts.count is None or int(key) < artifacts.count)


def _inner(dotted: str, value: object) -> str:
    return (
        f"it is a table; name one of its keys, as in '{{params.{dotted}.{next(iter(value), 'x')}}}'"
        if isinstance(value, Mapping)
        else ""
    )


def filled(pieces: Pieces, item: Mapping[str, Any], around: Callable[[str], str] = str) -> str:
    """A text of literals, params and foreach names with everything filled in; `around` is applied to values only."""
    parts = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif isinstance(piece, Doubled):
            parts.append(piece.text)
        elif piece.root is Root.ITEM:
            parts.append(around(spell(item[piece.keys[0]])))
        else:
            parts.append(around(" ".join(map(spell, piece.values))))
    return "".join(parts)


def fields(pieces: Pieces) -> list[Field]:
    return [piece for piece in pieces if isinstance(piece, Field)]
