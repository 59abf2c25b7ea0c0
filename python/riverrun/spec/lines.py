"""Declared inputs and outputs as they are written: entries of the spec come in; paths, patterns and references go out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from riverrun.errors import Location
from riverrun.spec.glob import is_glob
from riverrun.spec.params import spell
from riverrun.spec.paths import NAME, BadPath, inside, is_outside
from riverrun.spec.problems import Problems
from riverrun.spec.source import Place
from riverrun.spec.template import Pieces, Root, Vocabulary, fields, filled, parse

_GIVEN = "inputs"  # "@inputs.x": what the parent gives a tributary


class Form(Enum):
    """What a declared input is."""

    PATH = "path"  # of a file or folder, in the project or outside
    GLOB = "glob"
    EXCLUDE = "exclude"  # "!x": takes from the globs before it
    REFERENCE = "reference"  # "@step", "@step.name", "@tributary.name"
    GIVEN = "given"  # "@inputs.x"


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One entry of `inputs` or `uses` (or of a tributary's `inputs`, or of `end`)."""

    form: Form
    text: str
    pieces: Pieces
    where: Location
    name: str = ""
    optional: bool = False
    constant: bool = True  # the same for all items (but for references, which pair items)
    target: tuple[str, str] = ("", "")  # of a reference: step or tributary, and what of it


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One entry of `outputs`."""

    text: str
    pieces: Pieces
    where: Location
    name: str = ""


def read_lines(value: Any, place: Place, vocabulary: Vocabulary, problems: Problems) -> list[ReadLine]:
    """The entries of `inputs` or `uses`, in the order written."""
    lines = []
    for name, entry, at in _entries(value, place):
        text, optional, spot = entry, False, at
        if isinstance(entry, dict):
            text, optional, spot = entry["path"], entry.get("optional", False), at / "path"
        line = read_line(text, spot, vocabulary, problems, name=name, optional=optional)
        if line:
            lines.append(line)
    return lines


def _entries(value: Any, place: Place) -> Iterator[tuple[str, Any, Place]]:
    if isinstance(value, list):
        for at, entry in enumerate(value):
            yield "", entry, place / at
    else:
        for name, entry in value.items():
            if isinstance(entry, list):
                for at, one in enumerate(entry):
                    yield name, one, place / name / at
            else:
                yield name, entry, place / name


def read_line(
    text: str,
    place: Place,
    vocabulary: Vocabulary,
    problems: Problems,
    *,
    name: str = "",
    optional: bool = False,
) -> ReadLine | None:
    """One entry."""
    where = place.value()
    if text.startswith("@"):
        target, _, part = text[1:].partition(".")
        if not NAME.fullmatch(target):
            problems.add(
                f"'{text}' is no reference", where, 'as in "@step", "@step.output" or "@tributary.promise"'
            )
            return None
        if target == _GIVEN and not part:
            problems.add("'@inputs' needs a name", where, 'as in "@inputs.config"')
            return None
        form = Form.GIVEN if target == _GIVEN else Form.REFERENCE
        return ReadLine(form, text, (text,), where, name, optional, target=(target, part))
    form = Form.PATH
    pieces = parse(text, place, vocabulary, problems)
    if text.startswith("!"):
        form, pieces = Form.EXCLUDE, _without_mark(pieces)
    elif is_glob(literal(pieces)):
        form = Form.GLOB
    constant = check_path(pieces, where, vocabulary, problems)
    return ReadLine(form, text, pieces, where, name, optional, constant=constant)


def check_path(pieces: Pieces, where: Location, vocabulary: Vocabulary, problems: Problems) -> bool:
    """Whether a path is the same for all items; then it can be checked before they are known."""
    if any(field.root is Root.ITEM for field in fields(pieces)):
        return False
    text = filled(pieces, {})
    if not is_outside(text):
        try:
            inside(text, vocabulary.home)
        except BadPath as error:
            problems.add(error.args[0], where, error.args[1])
    return True


def _without_mark(pieces: Pieces) -> Pieces:
    first = pieces[0]
    assert isinstance(first, str)
    return (first[1:], *pieces[1:])


def literal(pieces: Pieces) -> str:
    """What of a text is written out."""
    return "".join(piece for piece in pieces if isinstance(piece, str))


def output_lines(value: Any, place: Place, vocabulary: Vocabulary, problems: Problems) -> list[OutputLine]:
    """The entries of `outputs`, in the order written."""
    lines = []
    for name, text, at in _entries(value, place):
        if text.startswith(("/", "~", "@", "!")) or is_glob(text):
            wrong = (
                "a pattern"
                if is_glob(text)
                else "outside the project"
                if text[:1] in "/~"
                else f"'{text[:1]}...'"
            )
            hint = "name each output; of many, or of names not known before, declare their folder: 'parts/'"
            problems.add(
                f"an output cannot be {wrong}",
                at.value(),
                hint if wrong == "a pattern" else "outputs are paths in the project",
            )
            continue
        pieces = parse(text, at, vocabulary, problems)
        check_path(pieces, at.value(), vocabulary, problems)
        lines.append(OutputLine(text, pieces, at.value(), name))
    return lines


_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class EnvLine:
    """One variable: set to a text, or (None) passed as it is."""

    name: str
    pieces: Pieces | None
    where: Location


def env_lines(value: Any, place: Place, vocabulary: Vocabulary, problems: Problems) -> list[EnvLine]:
    """The entries of `env`: a list of "NAME" and "NAME=value", or a table."""
    lines = []
    for name, entry, at in _entries(value, place):
        key, text = name, entry
        if not name:
            key, equals, text = entry.partition("=")
            text = text if equals else None
        if not _ENV.fullmatch(key):
            problems.add(
                f"'{key}' cannot be the name of a variable", at.value(), 'as in "NAME" or "NAME=value"'
            )
            continue
        pieces = None if text is None else parse(spell(text), at, vocabulary, problems)
        lines.append(EnvLine(key, pieces, at.value()))
    return lines
