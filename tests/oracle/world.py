"""A world: sources, params and families of steps as plain values, in words of the oracle's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from oracle.content import File


class Mode(Enum):
    """What a command does with its inputs."""

    JOIN = "join"  # all of them, one after the other
    COARSE = "coarse"  # only the first letters of their lines: most changes end here
    EXEC = "exec"  # as join; the output may be executed
    PAIR = "pair"  # two outputs: as join, and as coarse
    SPLIT = "split"  # a folder with a file for each first word of a line


class Style(Enum):
    """How a command is spelled."""

    PLAIN = "plain"
    SHELL = "shell"
    WORDS = "words"


class How(Enum):
    """How an input is named in a spec."""

    FILE = "file"  # a source, from the spec's folder; may hold {n}
    ITEM = "item"  # what the foreach pattern matched
    OPTIONAL = "optional"  # a source that may be missing
    FOLDER = "folder"  # of sources, and of what steps make in it
    GLOB = "glob"
    STEP = "step"  # "@step"
    OUTPUT = "output"  # the first output of a step, by its path
    INSIDE = "inside"  # a file in the folder that a step makes, by its path
    GIVEN = "given"  # "@inputs.name"
    PROMISE = "promise"  # "@tributary", or "@tributary.step"


@dataclass(frozen=True, slots=True)
class Read:
    """One input or use. `of` is the family, or the tributary, that makes it."""

    how: How
    text: str = ""
    of: str = ""
    without: str = ""  # what a glob leaves out


class Span(Enum):
    """What a family runs over."""

    SOURCES = "sources"  # a pattern over sources
    VALUES = "values"  # the params list `text`
    ROWS = "rows"  # of a table
    INSIDE = "inside"  # a pattern over the folder that `of` makes
    SAME = "same"  # the items of `of`


@dataclass(frozen=True, slots=True)
class Over:
    """`foreach`."""

    span: Span
    text: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A step, or with `over` a family of them. Its `uid` stays when it is renamed."""

    uid: str
    name: str
    mode: Mode
    const: str
    outs: tuple[str, ...]  # from the spec's folder, may hold {n}; a folder ends in "/"
    reads: tuple[Read, ...]
    uses: tuple[Read, ...] = ()  # files only
    over: Over | None = None
    style: Style = Style.PLAIN
    params: tuple[str, ...] = ()  # in the command
    declared: tuple[str, ...] = ()  # count, and stand in no text
    words: tuple[str, ...] = ()  # foreach names in the command
    named: bool = False  # inputs as a table
    temporary: bool = False
    cached: bool = True
    always: bool = False
    real: bool = False

    def sources_of(self) -> set[str]:
        """The families (or tributaries) that it reads."""
        every = {read.of for read in (*self.reads, *self.uses)} | ({self.over.of} if self.over else set())
        return every - {""}


FAIL = "fail"  # the const of a command that fails


@dataclass(frozen=True, slots=True)
class Pipe:
    """One spec. `given` and `overrides` are what the parent says of a tributary, in the parent's terms."""

    home: str
    families: tuple[Family, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Read] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    end: tuple[str, ...] = ()  # families; empty: whatever no one uses

    def with_family(self, family: Family) -> "Pipe":
        """With this family in the place of the one of its uid, or at the end."""
        if any(one.uid == family.uid for one in self.families):
            return replace(
                self, families=tuple(family if one.uid == family.uid else one for one in self.families)
            )
        return replace(self, families=(*self.families, family))


BRANCH = "t1"  # the one tributary: its name and its folder


@dataclass(frozen=True, slots=True)
class World:
    """All that a clean build depends on. Sources by path; None is an empty folder."""

    pipes: Mapping[str, Pipe]
    sources: Mapping[str, File | None]
    backwards: bool = False  # the order in which steps are written

    def families(self) -> list[tuple[Pipe, Family]]:
        """All families; the tributary's after the top's."""
        return [(pipe, family) for pipe in self.pipes.values() for family in pipe.families]

    def promised(self) -> list[str]:
        """The families of the tributary whose outputs can be used from outside: those that none within reads."""
        families = self.pipes[BRANCH].families
        used = {uid for family in families for uid in family.sources_of()}
        promised = [family.uid for family in families if family.uid not in used]
        return promised[::-1] if self.backwards else promised  # in the order in which they are written

    def with_family(self, pipe: Pipe, family: Family) -> "World":
        """With this family in that pipe."""
        return self.with_pipe(self.pipes[pipe.home].with_family(family))

    def with_pipe(self, pipe: Pipe) -> "World":
        """With this pipe in the place of the one of its folder."""
        return replace(self, pipes={**self.pipes, pipe.home: pipe})

    def with_sources(self, changed: Mapping[str, File | None], gone: tuple[str, ...] = ()) -> "World":
        """With these sources, and without those."""
        kept = {path: file for path, file in self.sources.items() if path not in gone}
        return replace(self, sources={**kept, **changed})
