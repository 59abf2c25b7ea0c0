"""A step as its spec has it, before its items are known: a checked table comes in, all its texts in pieces go out."""

import posixpath
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riverrun.errors import Location
from riverrun.spec.foreach import Foreach
from riverrun.spec.lines import EnvLine, OutputLine, ReadLine, check_path, env_lines, output_lines, read_lines
from riverrun.spec.params import NoParam, look_up, spell
from riverrun.spec.paths import NAME
from riverrun.spec.problems import Problems, did_you_mean
from riverrun.spec.shell import Quote, Unquotable, quoted, quotes
from riverrun.spec.source import Place
from riverrun.spec.template import Artifacts, Pieces, Root, Vocabulary, fields, parse
from riverrun.spec.units import size
from riverrun.spec.written import Written, fixed


@dataclass(frozen=True, slots=True)
class ShellText:
    """A command for a shell; params are filled in and quoted already."""

    pieces: Pieces
    quotes: tuple[Quote, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class WordTexts:
    """A command as a list of words."""

    words: tuple[Pieces, ...]
    place: Place


CommandText = ShellText | WordTexts

Parsed = dict[tuple[str, Vocabulary], tuple[Pieces, tuple[Quote, ...]]]
"""Shell texts of a pipeline that were parsed before without a problem: thousands of steps may have the same one."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One resource: a value, or the pieces of one, for each attempt."""

    name: str
    values: tuple[tuple[Pieces | float, Location], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A step or family of steps, checked. Texts that no foreach name stands in are the same for all items."""

    name: str  # "count", "world/exec"
    local: str  # its name in its own spec
    pipeline: str  # "", "world"
    where: Location
    names: tuple[str, ...]
    foreach: Foreach | None
    run: CommandText
    test: CommandText | None
    inputs: tuple[ReadLine, ...]
    uses: tuple[ReadLine, ...]
    outputs: tuple[OutputLine, ...]
    env: tuple[EnvLine, ...]
    cwd: tuple[Pieces, Location]
    shell: tuple[Pieces, ...]
    amounts: tuple[Amount, ...]
    scratch: tuple[tuple[Pieces, Location], ...]
    open: tuple[tuple[Pieces, Location], ...]
    temporary: tuple[str, ...] | None  # None: all outputs
    params: Mapping[str, Any]
    counted_names: tuple[str, ...]  # foreach names that texts of the step hold
    fixed: Mapping[str, Any]  # fields of `Step` that are the same for all items


def family_of(
    found: Written,
    prefix: str,
    foreach: Foreach | None,
    plain: Vocabulary,
    parsed: Parsed,
    problems: Problems,
) -> Family | None:
    """One step of a spec; `plain` is what its paths can hold. None where nothing can be said without its command."""
    where = found.place.key()
    if "run" not in found.keys:
        problems.add(
            f"the step '{found.name}' has no 'run'",
            where,
            'give it a command, as in run = "sort {inputs} > {outputs}"',
        )
        return None
    names, params = plain.items, plain.params
    inputs = _lines(found, "inputs", plain, problems)
    uses = _lines(found, "uses", plain, problems)
    outputs = [
        line
        for value, place in found.keys.get("outputs", ())
        for line in output_lines(value, place, plain, problems)
    ]
    amounts = _amounts(found, plain, problems)
    full = Vocabulary(
        names,
        params,
        plain.home,
        Artifacts(tuple(dict.fromkeys(line.name for line in inputs if line.name)), None if inputs else 0),
        Artifacts(tuple(dict.fromkeys(line.name for line in outputs if line.name)), len(outputs)),
        tuple(amount.name for amount in amounts),
    )
    run = _command(found, "run", full, parsed, problems)
    test = _command(found, "test", full, parsed, problems) if "test" in found.keys else None
    variables = {
        line.name: line
        for value, place in found.keys.get("env", ())
        for line in env_lines(value, place, full, problems)
    }
    env = tuple(variables.values())
    cwd = _folder(found.one("cwd"), found.at("cwd"), plain, problems) if "cwd" in found.keys else ((), where)
    shell = _shell(found, plain, problems)
    scratch, opened = (_paths(found, key, plain, problems) for key in ("scratch", "open"))
    counted: list[Pieces] = [*_texts(run), *(_texts(test) if test else ()), cwd[0], *shell]
    counted += [line.pieces for line in (*inputs, *uses)] + [line.pieces for line in outputs]
    counted += [line.pieces for line in env if line.pieces]
    used = [field for pieces in counted for field in fields(pieces)]
    item_names = {field.keys[0] for field in used if field.root is Root.ITEM}
    return Family(
        name=prefix + found.name,
        local=found.name,
        pipeline=prefix.rstrip("/"),
        where=where,
        names=names,
        foreach=foreach,
        run=run,
        test=test,
        inputs=tuple(inputs),
        uses=tuple(uses),
        outputs=tuple(outputs),
        env=env,
        cwd=cwd,
        shell=shell,
        amounts=amounts,
        scratch=scratch,
        open=opened,
        temporary=_temporary(found, outputs, problems),
        params={field.dotted: look_up(params, field.keys) for field in used if field.root is Root.PARAMS}
        | _declared(found, params, problems),
        counted_names=tuple(name for name in names if name in item_names),
        fixed=fixed(found, problems),
    )


def _lines(found: Written, key: str, vocabulary: Vocabulary, problems: Problems) -> list[ReadLine]:
    lines = []
    for value, place in found.keys.get(key, ()):
        for name in value if isinstance(value, dict) else ():
            if not NAME.fullmatch(name):
                problems.add(f"'{name}' cannot be the name of an input", (place / name).key())
        lines += read_lines(value, place, vocabulary, problems)
    return lines


def _texts(command: CommandText) -> Sequence[Pieces]:
    return command.words if isinstance(command, WordTexts) else (command.pieces,)


def _command(
    found: Written, key: str, vocabulary: Vocabulary, parsed: Parsed, problems: Problems
) -> CommandText:
    value, place = found.one(key), found.at(key)
    if isinstance(value, list):
        return WordTexts(
            tuple(parse(one, place / at, vocabulary, problems) for at, one in enumerate(value)), place
        )
    known = parsed.get((value, vocabulary))
    if known is None:
        before = len(problems)
        known = _parsed(value, key, place, vocabulary, problems)
        if len(problems) == before:
            parsed[value, vocabulary] = known
    return ShellText(*known, place)


def _parsed(
    value: str, key: str, place: Place, vocabulary: Vocabulary, problems: Problems
) -> tuple[Pieces, tuple[Quote, ...]]:
    if not value.strip():
        problems.add(f"'{key}' is empty", place.value())
    pieces = parse(value, place, vocabulary, problems)
    around = quotes(pieces)
    for field, quote in zip(fields(pieces), around, strict=True):
        if field.root is Root.PARAMS:
            try:
                quoted(map(spell, field.values), quote)
            except Unquotable as error:
                problems.add(error.args[0], place.inside(field.offset, len(field.text)), error.args[1])
    return pieces, tuple(around)


def _shell(found: Written, vocabulary: Vocabulary, problems: Problems) -> tuple[Pieces, ...]:
    if "shell" not in found.keys:
        return ()
    value, place = found.one("shell"), found.at("shell")
    if isinstance(value, str):
        try:
            return tuple(parse(one, place, vocabulary, problems) for one in shlex.split(value))
        except ValueError as error:
            problems.add(f"'shell' cannot be split into words: {str(error).lower()}", place.value())
            return ()
    return tuple(parse(one, place / at, vocabulary, problems) for at, one in enumerate(value))


def _paths(
    found: Written, key: str, vocabulary: Vocabulary, problems: Problems
) -> tuple[tuple[Pieces, Location], ...]:
    read = _project_folder if key == "open" else _folder
    return tuple(
        read(one, found.at(key) / at, vocabulary, problems) for at, one in enumerate(found.one(key, ()))
    )


def _folder(text: str, place: Place, vocabulary: Vocabulary, problems: Problems) -> tuple[Pieces, Location]:
    """A path below the spec's folder, or that folder itself ("." or "")."""
    pieces = parse(text, place, vocabulary, problems)
    if text not in ("", ".", "./"):
        check_path(pieces, place.value(), vocabulary, problems)
    return pieces, place.value()


def _project_folder(
    text: str, place: Place, vocabulary: Vocabulary, problems: Problems
) -> tuple[Pieces, Location]:
    """A path in the project, which may lie beside a tributary's folder."""
    pieces = parse(text, place, vocabulary, problems)
    if posixpath.normpath(posixpath.join(vocabulary.home, text)).startswith(("..", "/")):
        problems.add(
            f"'{text}' is outside the project", place.value(), "what lies outside may be read as always"
        )
    return pieces, place.value()


def _amounts(found: Written, vocabulary: Vocabulary, problems: Problems) -> tuple[Amount, ...]:
    amounts = []
    for name, value in found.one("resources", {}).items():
        place = found.at("resources") / name
        if not NAME.fullmatch(name):
            problems.add(f"'{name}' cannot be the name of a resource", place.key())
        listed = isinstance(value, list)
        values: list[tuple[Pieces | float, Location]] = []
        for at, one in enumerate(value if listed else [value]):
            spot = place / at if listed else place
            if not isinstance(one, str):
                values.append((one, spot.value()))
                continue
            pieces = parse(one, spot, vocabulary, problems)
            if not fields(pieces) and size(one) is None:
                problems.add(f"'{one}' is no amount", spot.value(), 'as in 2, 0.5 or "4GiB"')
            values.append((pieces, spot.value()))
        amounts.append(Amount(name, tuple(values)))
    return tuple(amounts)


def _temporary(found: Written, outputs: Iterable[OutputLine], problems: Problems) -> tuple[str, ...] | None:
    value = found.one("temporary", ())
    if isinstance(value, bool):
        return None if value else ()
    known = {name for line in outputs for name in (line.name, line.text) if name}
    for at, name in enumerate(value):
        if name not in known:
            where = (found.at("temporary") / at).value()
            problems.add(f"'{name}' is no output of this step", where, did_you_mean(name, known))
    return tuple(value)


def _declared(found: Written, params: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    values = {}
    for at, name in enumerate(found.one("params", ())):
        try:
            values[name] = look_up(params, tuple(name.split(".")))
        except NoParam as error:
            problems.add(error.args[0], (found.at("params") / at).value(), error.args[1])
    return values
