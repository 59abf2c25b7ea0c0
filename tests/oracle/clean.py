"""A clean build: a world comes in; all its steps, and what each of them makes from nothing, go out. No disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from oracle.content import ABSENT, Content, File, Folder, Tree, below, flat, woven
from oracle.world import FAIL, Family, How, Mode, Pipe, Read, Span, World


class Trouble(Enum):
    """Why a step makes nothing."""

    FAILS = "fails"
    BLOCKED = "blocked"


class Unknown(Exception):
    """What lies in a folder is not known: its step fails."""


@dataclass(frozen=True, slots=True)
class Got:
    """One artifact that a step reads, and who makes it or what lies in it."""

    path: str
    label: str
    folder: bool
    makers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spelled:
    """One step."""

    name: str
    family: Family
    item: Mapping[str, Any]
    inputs: tuple[Got, ...]
    uses: tuple[Got, ...]
    outputs: tuple[str, ...]  # from the workspace, without the "/" of a folder
    params: Mapping[str, Any]

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that make what it reads."""
        return tuple(dict.fromkeys(maker for got in (*self.inputs, *self.uses) for maker in got.makers))

    @property
    def head(self) -> tuple[str, ...]:
        """The words that stand in the command before its files."""
        params = [str(self.params[name]) for name in self.family.params]
        words = [str(self.item[name]) for name in self.family.words]
        return (self.family.mode.value, self.family.const, *params, *words)

    @property
    def first(self) -> str:
        """Its first output as its command names it; stands in all that it makes, so that no two make the same bytes."""
        return (
            self.family.outs[0].format_map(self.item).rstrip("/")
            if self.family.over
            else self.family.outs[0].rstrip("/")
        )


class Clean:
    """Builds lazily; `lying` are artifacts on disk, of which a folder also holds those that no step declares."""

    def __init__(self, world: World, params: Mapping[str, Any], lying: Mapping[str, Content]) -> None:
        self.world = world
        self._overrides = params
        self._families = {family.uid: (pipe, family) for pipe, family in world.families()}
        self._steps: dict[str, tuple[Spelled, ...]] = {}
        self._values: dict[str, tuple[Content, ...] | Trouble] = {}
        declared = {
            os.path.join(pipe.home, out)
            for pipe, family in world.families()
            if not family.over
            for out in family.outs
        }
        self._orphans: Tree = {}
        for path, content in lying.items():
            if path not in declared:
                self._orphans.update(flat(path, content))
        self.by_name: dict[str, Spelled] = {}
        self.unknown: set[str] = set()  # families whose steps cannot be told
        for uid in self._families:
            try:
                self.by_name.update((step.name, step) for step in self.steps(uid))
            except Unknown:
                self.unknown.add(uid)

    def params(self, pipe: Pipe) -> dict[str, Any]:
        """The params of a spec as this run has them."""
        head = f"{pipe.home}." if pipe.home else ""
        asked = {name: self._overrides[head + name] for name in pipe.params if head + name in self._overrides}
        return {**pipe.params, **pipe.overrides, **asked}

    def family(self, uid: str) -> tuple[Pipe, Family]:
        """A family and the spec that it stands in."""
        return self._families[uid]

    def families_read(self, uid: str) -> set[str]:
        """The families whose outputs a family reads."""
        pipe, family = self._families[uid]
        found = family.sources_of()
        for read in (*family.reads, *family.uses):
            if read.how is How.GIVEN:
                found.add(pipe.given[read.text].of)
            elif read.how is How.PROMISE:
                found.update((read.text,) if read.text else self.world.promised())
            elif read.how in (How.GLOB, How.FOLDER) and not read.of:
                head = (
                    os.path.join(read.text, "")
                    if read.how is How.FOLDER
                    else os.path.dirname(read.text) + "/"
                )
                found |= {one.uid for one in pipe.families if any(out.startswith(head) for out in one.outs)}
        return found & self._families.keys()

    def steps(self, uid: str) -> tuple[Spelled, ...]:
        """The steps of a family, in the order of its items."""
        if uid not in self._steps:
            pipe, family = self._families[uid]
            self._steps[uid] = tuple(self._spelled(pipe, family, *item) for item in self._items(pipe, family))
        return self._steps[uid]

    def value(self, name: str) -> tuple[Content, ...] | Trouble:
        """What a step makes, output by output."""
        if name not in self._values:
            self._values[name] = self._made(self.by_name[name])
        return self._values[name]

    def content(self, got: Got) -> Content:
        """What a step reads there. Raises `Unknown` where its maker makes nothing."""
        inside: Tree = {}
        for maker in got.makers:
            made = self.value(maker)
            if isinstance(made, Trouble):
                raise Unknown(maker)
            for path, content in zip(self.by_name[maker].outputs, made, strict=True):
                if path == got.path:
                    return content
                if got.path.startswith(path + "/"):
                    assert isinstance(content, Folder)
                    return content.at(got.path[len(path) + 1 :])
                inside.update(flat(path, content))
        if got.folder:
            return Folder.of(below({**self._orphans, **self.world.sources, **inside}, got.path))
        return self.world.sources.get(got.path) or ABSENT

    def key(self, step: Spelled) -> object:
        """All that decides what a step makes; no two different ones may pass for each other."""
        family = step.family
        inputs = tuple((got.label, got.path, self.content(got)) for got in step.inputs)
        uses = frozenset((got.label, got.path, self.content(got)) for got in step.uses)
        params = tuple((name, step.params[name]) for name in sorted({*family.params, *family.declared}))
        named = tuple(got.path for got in step.uses)  # in their order, as the command has them
        return (step.head, family.style, family.real, params, inputs, uses, named, step.outputs)

    def _items(self, pipe: Pipe, family: Family) -> list[tuple[str, dict[str, Any]]]:
        over = family.over
        if over is None:
            return [("", {})]
        if over.span is Span.SAME:
            return [(step.name.partition("@")[2], dict(step.item)) for step in self.steps(over.of)]
        if over.span is Span.VALUES:
            return [(str(value), {"n": value}) for value in self.params(pipe)[over.text]]
        if over.span is Span.ROWS:
            table = self.world.sources[os.path.join(pipe.home, over.text)]
            assert table is not None
            names, *rows = (line.split("\t") for line in table.text.decode().splitlines())
            return [(row[0], dict(zip(names, row, strict=True))) for row in rows]
        if over.span is Span.INSIDE:
            (step,) = self.steps(over.of)
            folder = self._folder(step)
            names = [
                path.removesuffix(".txt") for path, entry in folder.entries if entry and _plain(path, ".txt")
            ]
        else:
            head, _, tail = os.path.join(pipe.home, over.text).partition("{n}")
            names = [
                path.removeprefix(head).removesuffix(tail)
                for path in sorted(self.world.sources, key=os.fsencode)
                if path.startswith(head) and _plain(path.removeprefix(head), tail)
            ]
        return [(name, {"n": name}) for name in names]

    def _folder(self, step: Spelled) -> Folder:
        self.by_name.setdefault(step.name, step)
        made = self.value(step.name)
        if isinstance(made, Trouble):
            raise Unknown(step.name)
        assert isinstance(made[0], Folder)
        return made[0]

    def _spelled(self, pipe: Pipe, family: Family, item: str, values: dict[str, Any]) -> Spelled:
        name = os.path.join(pipe.home, f"{family.name}@{item}" if family.over else family.name)
        outputs = tuple(
            os.path.join(pipe.home, out.format_map(values) if family.over else out).rstrip("/")
            for out in family.outs
        )
        inputs: list[Got] = []
        for at, read in enumerate(family.reads):
            found = self._got(pipe, family, read, values)
            if read.how is How.GLOB:
                found = [one for one in found if one.path not in {got.path for got in inputs}]
            label = f"x{at}" if family.named else ""
            inputs += [Got(got.path, label, got.folder, got.makers) for got in found]
        uses = [got for read in family.uses for got in self._got(pipe, family, read, values)]
        params = self.params(pipe)
        step = Spelled(name, family, values, tuple(inputs), tuple(uses), outputs, params)
        self.by_name.setdefault(name, step)
        return step

    def _got(self, pipe: Pipe, family: Family, read: Read, values: Mapping[str, Any]) -> list[Got]:
        """What one line means."""
        if read.how is How.GIVEN:
            top = self.world.pipes[""]
            return self._got(top, family, pipe.given[read.text], {})
        if read.how is How.PROMISE:
            return [
                got for uid in self.world.promised() if read.text in ("", uid) for got in self._made_by(uid)
            ]
        if read.how is How.STEP:
            made = self._made_by(read.of)
            _, other = self._families[read.of]
            if not (family.over and other.over):
                return made
            paired = {step.name for step in self.steps(read.of) if step.item["n"] == values["n"]}
            return [got for got in made if got.makers[0] in paired]
        if read.how is How.OUTPUT:
            return self._made_by(read.of)[:1]
        if read.how is How.INSIDE:
            (got,) = self._made_by(read.of)
            return [Got(f"{got.path}/{read.text}", "", False, got.makers)]
        if read.how is How.ITEM:
            return [self._matched(pipe, family, values)]
        path = os.path.join(pipe.home, read.text).rstrip("/")
        if read.how is How.GLOB:
            return self._globbed(pipe, family, read, path)
        if read.how is How.FOLDER:
            makers = [got.makers[0] for got in self._in_folder(pipe, family, path)]
            return [Got(path, "", True, tuple(dict.fromkeys(makers)))]
        return [Got(path, "", False, ())]

    def _matched(self, pipe: Pipe, family: Family, values: Mapping[str, Any]) -> Got:
        assert family.over is not None
        if family.over.span is Span.INSIDE:
            (got,) = self._made_by(family.over.of)
            return Got(f"{got.path}/{values['n']}.txt", "", False, got.makers)
        return Got(os.path.join(pipe.home, family.over.text.format_map(values)), "", False, ())

    def _globbed(self, pipe: Pipe, family: Family, read: Read, path: str) -> list[Got]:
        folder, _, name = path.rpartition("/")
        found = {got.path: got for got in self._in_folder(pipe, family, folder)}
        if read.of and self._families[read.of][1].mode is Mode.SPLIT:
            (step,) = self.steps(read.of)
            entries = self._folder(step).entries
            inside = [f"{folder}/{path}" for path, entry in entries if entry and "/" not in path]
            found = {path: Got(path, "", False, (step.name,)) for path in inside}
        for source, entry in self.world.sources.items():
            if entry is not None and source.rpartition("/")[0] == folder:
                found[source] = Got(source, "", False, ())
        without = os.path.join(pipe.home, read.without) if read.without else ""
        return [
            found[path]
            for path in sorted(found, key=os.fsencode)
            if fnmatchcase(path.rpartition("/")[2], name) and path != without
        ]

    def _in_folder(self, pipe: Pipe, reader: Family, folder: str) -> list[Got]:
        """The outputs that others declare in a folder."""
        uids = [
            one.uid
            for one in pipe.families
            if one.uid != reader.uid
            and any(os.path.join(pipe.home, out).rpartition("/")[0] == folder for out in one.outs)
        ]
        return [got for uid in uids for got in self._made_by(uid) if got.path.rpartition("/")[0] == folder]

    def _made_by(self, uid: str) -> list[Got]:
        return [
            Got(path, "", out.endswith("/"), (step.name,))
            for step in self.steps(uid)
            for path, out in zip(step.outputs, step.family.outs, strict=True)
        ]

    def _made(self, step: Spelled) -> tuple[Content, ...] | Trouble:
        if any(isinstance(self.value(need), Trouble) for need in step.needs):
            return Trouble.BLOCKED
        if step.family.const == FAIL:
            return Trouble.FAILS
        head = (
            " ".join((*step.head, step.first)).encode()
            + b"\n"
            + b"".join(woven(self.content(got)) for got in step.uses)
        )
        read = b"".join(woven(self.content(got)) for got in step.inputs)
        joined = File(head + read, step.family.mode is Mode.EXEC)
        lines = read.splitlines()
        coarse = File(head + b"".join(b"%s\n" % one for one in sorted({line[:1] for line in lines})))
        if step.family.mode is Mode.SPLIT:
            words = sorted({line.split()[0].decode() for line in lines} | {"base"})
            entries: Tree = {
                f"{word}.txt": File(head + word.encode() + b"\n", word[0] == "x") for word in words
            }
            return (Folder.of({**entries, "deep/all.txt": File(head), "hollow": None}),)
        if step.family.mode is Mode.PAIR:
            return (joined, coarse)
        return (coarse,) if step.family.mode is Mode.COARSE else (joined,)


def _plain(path: str, tail: str) -> bool:
    return "/" not in path and path.endswith(tail)
