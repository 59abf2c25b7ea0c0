"""The last step of a step: a family, one of its items and its artifacts come in; a filled-in `Step` goes out."""

import posixpath
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from riverrun.model.step import Command, Input, Output, Step
from riverrun.spec.document import Pipeline
from riverrun.spec.family import CommandText, Family, WordTexts
from riverrun.spec.outputs import Member
from riverrun.spec.params import spell
from riverrun.spec.paths import BadPath, below, inside
from riverrun.spec.problems import Problems
from riverrun.spec.shell import Quote, Unquotable, quoted
from riverrun.spec.template import Doubled, Field, Pieces, Root, fields, filled
from riverrun.spec.units import size


@dataclass(frozen=True, slots=True)
class Word:
    """An artifact as a command gets it, and as the key does."""

    text: str
    counted: str
    name: str
    outside: bool = False


class Bad(ValueError):
    """args: message, hint; of a placeholder that cannot be filled."""


@dataclass(slots=True)
class Filling:
    """The values of all placeholders of one step."""

    item: Mapping[str, Any]
    inputs: list[Word]
    outputs: list[Word]
    resources: Mapping[str, float | int]
    counting: bool = False  # whether the key's spelling is wanted
    tokens: frozenset[str] = frozenset()  # what in the key's spelling stands for outside inputs

    def words(self, field: Field) -> list[str]:
        """The words of one placeholder."""
        root = field.root
        if root is Root.ITEM:
            return [spell(self.item[field.keys[0]])]
        if root is Root.PARAMS:
            return [spell(one) for one in field.values]
        if root is Root.RESOURCES:
            return [field.text if self.counting else spell(self.resources[field.dotted])]
        words = self.inputs if root is Root.INPUTS else self.outputs
        if field.keys:
            key = field.dotted
            named = [word for word in words if word.name == key]
            if not named and key.isdecimal():
                if int(key) >= len(words):
                    raise Bad(
                        f"there is no '{field.text}': this step has {len(words)} {root.value}",
                        "they count from 0",
                    )
                named = [words[int(key)]]
            words = named
        return [word.counted if self.counting else word.text for word in words]


def _spelled_apart(family: Family) -> bool:
    texts = [line.pieces for line in family.env if line.pieces]
    for command in (family.run, family.test):
        if command is not None:
            texts += command.words if isinstance(command, WordTexts) else (command.pieces,)
    pieces = [piece for text in texts for piece in text]
    return any(
        isinstance(one, Doubled) or (isinstance(one, Field) and one.root is Root.RESOURCES) for one in pieces
    )


def _kept(family: Family) -> list[Pieces]:
    """The texts of a step that seldom hold foreach names."""
    amounts = [value for amount in family.amounts for value, _ in amount.values if isinstance(value, tuple)]
    return [family.cwd[0], *family.shell, *(one for one, _ in (*family.scratch, *family.open)), *amounts]


class Filler:
    """Makes the steps of one family."""

    def __init__(self, family: Family, pipeline: Pipeline, problems: Problems) -> None:
        self._family = family
        self._home = pipeline.home
        self._problems = problems
        named = family.temporary
        self._temporary = [
            named is None or line.text in named or line.name in named for line in family.outputs
        ]
        self._params = dict(family.params)
        self._spelled_apart = _spelled_apart(
            family
        )  # so that the key's spelling differs, outside inputs or not
        self._per_item = any(field.root is Root.ITEM for pieces in _kept(family) for field in fields(pieces))
        self._same = None if self._per_item else self._around({})

    def step(
        self, member: Member, inputs: tuple[Input, ...], uses: tuple[Input, ...], missing: Container[str]
    ) -> Step:
        """One item's step. `missing` are the paths of optional inputs that are not there."""
        family = self._family
        item = member.item.values
        around = self._same or self._around(item)
        cwd = around["cwd"]
        base = f"{self._home}/{cwd}".strip("/") if cwd else self._home
        resources = around["resources"]
        words = [self._word(one, base) for one in inputs if one.path not in missing]
        made = []
        outputs = []
        for line, output, temporary in zip(family.outputs, member.outputs, self._temporary, strict=True):
            shown = below(output.path, self._home)
            outputs.append(Output(output.path, output.kind, shown, line.name, temporary, line.where))
            text = _dashed(below(output.path, base))
            made.append(Word(text, text, line.name))
        fillings = [Filling(item, words, made, one) for one in resources]
        tokens = frozenset(word.counted for word in words if word.outside)
        counting = fillings[0]
        if tokens or self._spelled_apart:
            counting = Filling(item, words, made, resources[0], counting=True, tokens=tokens)
        env = self._env(fillings[0]) if family.env else ()
        return Step(
            name=member.step,
            run=self._command(family.run, fillings, counting),
            outputs=tuple(outputs),
            inputs=inputs,
            uses=uses,
            test=self._command(family.test, fillings, counting) if family.test else None,
            params=self._params,
            item={name: item[name] for name in family.counted_names},
            env=env,
            env_counted=env if counting is fillings[0] else self._env(counting),
            **around,
        )

    def _around(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """What of a step hangs on its item at most: the same for all items, where no such text holds a foreach name."""
        family = self._family
        return {
            "family": family.name,
            "home": self._home,
            "where": family.where,
            "cwd": self._folder(*family.cwd, item),
            "resources": self._resources(item),
            "shell": tuple(filled(pieces, item) for pieces in family.shell),
            "scratch": tuple(self._folder(*one, item) for one in family.scratch),
            "open": tuple(posixpath.normpath(filled(pieces, item)) for pieces, _ in family.open),
            **family.fixed,
        }

    def _word(self, one: Input, base: str) -> Word:
        if one.outside:
            return Word(one.path, f"{{inputs.{one.shown}}}", one.name, one.outside)
        text = _dashed(below(one.path, base))
        return Word(text, text, one.name)

    def _folder(self, pieces: Pieces, where: Any, item: Mapping[str, Any]) -> str:
        """A path of the project, relative to the spec's folder ("" is that folder)."""
        text = filled(pieces, item)
        if text in ("", ".", "./"):
            return ""
        try:
            return below(inside(text, self._home), self._home)
        except BadPath as error:
            self._problems.add(error.args[0], where, error.args[1])
            return ""

    def _resources(self, item: Mapping[str, Any]) -> tuple[Mapping[str, float | int], ...]:
        """What each attempt takes; of a shorter list the last value serves on."""
        attempts = max((len(amount.values) for amount in self._family.amounts), default=1)
        sets: list[dict[str, float | int]] = [{} for _ in range(attempts)]
        for amount in self._family.amounts:
            for at, taken in enumerate(sets):
                value, where = amount.values[min(at, len(amount.values) - 1)]
                if isinstance(value, tuple):
                    text = filled(value, item)
                    number = size(text)
                    if number is None:
                        self._problems.add(f"'{text}' is no amount", where, 'as in 2, 0.5 or "4GiB"')
                    fraction = text if "." in text and text.replace(".", "", 1).isdecimal() else ""
                    taken[amount.name] = float(fraction) if fraction else number or 0
                else:
                    taken[amount.name] = value
        return tuple(sets)

    def _command(self, command: CommandText, fillings: list[Filling], counting: Filling) -> Command:
        texts = [self._text(command, filling) for filling in fillings]
        counted = texts[0] if counting is fillings[0] else self._text(command, counting)
        return Command(tuple(texts) if len(set(texts)) > 1 else (texts[0],), counted)

    def _text(self, command: CommandText, filling: Filling) -> str | tuple[str, ...]:
        if isinstance(command, WordTexts):
            return self._listed(command, filling)
        parts = []
        quotes = iter(command.quotes)
        for piece in command.pieces:
            if isinstance(piece, str):
                parts.append(piece)
            elif isinstance(piece, Doubled):
                parts.append(f"{{{piece.text}}}" if filling.counting else piece.text)
            else:
                quote = next(quotes)
                try:
                    words = filling.words(piece)
                    counted = filling.counting
                    parts.append(_counted(words, piece, filling, quote) if counted else quoted(words, quote))
                except (Bad, Unquotable) as error:
                    where = command.place.inside(piece.offset, len(piece.text))
                    self._problems.add(error.args[0], where, error.args[1])
        return "".join(parts)

    def _listed(self, command: WordTexts, filling: Filling) -> tuple[str, ...]:
        words: list[str] = []
        for at, pieces in enumerate(command.words):
            try:
                if len(pieces) == 1 and isinstance(pieces[0], Field):
                    words += filling.words(pieces[0])
                else:
                    words.append(_single(pieces, filling))
            except Bad as error:
                self._problems.add(error.args[0], (command.place / at).value(), error.args[1])
        if any("\0" in word for word in words):
            self._problems.add("a command cannot hold a NUL character", command.place.value())
        return tuple(words)

    def _env(self, filling: Filling) -> tuple[tuple[str, str | None], ...]:
        variables = []
        for line in self._family.env:
            try:
                text = None if line.pieces is None else _single(line.pieces, filling)
                variables.append((line.name, text))
                if text and "\0" in text:
                    raise Bad("a variable cannot hold a NUL character", "")
            except Bad as error:
                self._problems.add(error.args[0], line.where, error.args[1])
        return tuple(variables)


def _counted(words: list[str], field: Field, filling: Filling, quote: Quote) -> str:
    """Words as the key spells them: quoted like others, but for those that stand for something else."""
    if field.root is Root.RESOURCES:
        return words[0]
    tokens = filling.tokens if field.root is Root.INPUTS else ()
    return " ".join(one if one in tokens else quoted([one], quote) for one in words)


def _single(pieces: Pieces, filling: Filling) -> str:
    """A text each of whose placeholders is one value."""
    parts = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif isinstance(piece, Doubled):
            parts.append(f"{{{piece.text}}}" if filling.counting else piece.text)
        else:
            words = filling.words(piece)
            if len(words) != 1:
                many = f"{len(words)} values" if words else "no value"
                raise Bad(
                    f"'{piece.text}' has {many}, and only one can stand here",
                    "a word of its own can be a list",
                )
            parts += words
    return "".join(parts)


def _dashed(path: str) -> str:
    """A path that no program takes for an option."""
    return "./" + path if path.startswith("-") else path
