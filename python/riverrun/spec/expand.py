"""Expands a document: checked specs and what is on disk come in; filled-in steps, and what must wait, go out."""

import gc
import posixpath
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from riverrun.model.fact import Entry
from riverrun.model.step import ArtifactKind, Input, Step, Unknown, Waiting
from riverrun.spec.disk import Disk, Listings
from riverrun.spec.document import Document, Pipeline
from riverrun.spec.ends import Draft, Ends
from riverrun.spec.family import Family
from riverrun.spec.fill import Filler
from riverrun.spec.foreach import Item, Listed, Matched, Same, item_name
from riverrun.spec.glob import ANY, overlap, shape
from riverrun.spec.lines import OutputLine, ReadLine
from riverrun.spec.outputs import Declared, Member, Outputs
from riverrun.spec.paths import BadPath, below, inside, parents
from riverrun.spec.problems import Problems
from riverrun.spec.reads import NO_ITEM, Reader, Reading
from riverrun.spec.template import Doubled, Pieces, Root, filled
from riverrun.spec.tree import Tree
from riverrun.spec.waiting import check_progress, spread


@dataclass(frozen=True, slots=True)
class Expansion:
    """All steps of a workspace as far as they are known."""

    steps: dict[str, Step]  # tributaries first, then as written, items in item order
    waiting: tuple[Waiting, ...]
    end: tuple[str, ...]  # steps, and waiting ones, that bring about the end state
    ends: tuple[str, ...]  # paths of the end state
    promises: dict[
        str, tuple[str, ...]
    ]  # tributary -> its steps, and waiting ones, that bring about its end state
    families: dict[str, tuple[str, ...]]  # family -> its steps
    matches: dict[str, tuple[str, ...]]  # pattern and where it stands -> the sources that it matched
    listed: Listings  # folders that were listed for patterns
    absent: tuple[str, ...]  # paths that were looked for and are not there


def expand(
    document: Document,
    *,
    made: Container[str] = (),
    listings: Mapping[str, Sequence[Entry]] | None = None,
    environment: Mapping[str, str] | None = None,
    disk: Disk | None = None,
) -> Expansion:
    """Spell out all steps.

    `made` are paths that earlier runs left behind: no source, unless declared. `listings` are the entries of output
    folders that are settled. `environment` tells what '~' is.
    """
    expander = _Expander(document, made, listings or {}, environment, disk or Disk(document.root))
    # A hundred thousand steps are millions of objects and no circles: the collector would look at all of them again
    # and again, for a third of the time that this takes.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return expander.expansion()
    finally:
        if collecting:
            gc.enable()


class _Expander:
    """Items first, family by family; then inputs; then what waits; then steps."""

    def __init__(
        self,
        document: Document,
        made: Container[str],
        listings: Mapping[str, Sequence[Entry]],
        environment: Mapping[str, str] | None,
        disk: Disk,
    ) -> None:
        self._document = document
        self._disk = disk
        self._problems = Problems()
        self._outputs = Outputs()
        self._tree = Tree(disk, self._outputs, made, listings)
        self._environment = environment
        self._waiting: dict[str, Waiting] = {}
        self._matches: dict[str, tuple[str, ...]] = {}
        self._special = {file.path for file in document.files if file.content is not None}

    def expansion(self) -> Expansion:
        for family in self._ordered():
            self._spell_out(family)
        self._problems.raise_any()
        ends = Ends(self._document, self._outputs, self._waiting, self._problems)
        ends.reader = Reader(
            self._document,
            self._outputs,
            self._tree,
            self._waiting,
            ends.promised,
            self._environment,
            self._problems,
        )
        pipelines = self._document.pipelines.values()
        promised = {one.name: ends.end(one.name) for one in pipelines}
        drafts = {one.member.step: one for pipeline in pipelines for one in ends.drafts(pipeline)}
        self._waiting.update(spread(drafts))
        steps: dict[str, Step] = {}
        for pipeline in pipelines:
            for family in pipeline.families.values():
                filler = Filler(family, pipeline, self._problems)
                for member in self._outputs.families.get(family.name, ()):
                    if member.step not in self._waiting:
                        steps[member.step] = self._step(filler, drafts[member.step], pipeline)
        check_progress(self._waiting, self._outputs, self._problems)
        self._problems.raise_any()
        top = promised[""]
        return Expansion(
            steps=steps,
            waiting=tuple(self._waiting.values()),
            end=tuple(top.names),
            ends=tuple(top.artifacts),
            promises={name: tuple(end.names) for name, end in promised.items() if name},
            families={
                name: tuple(one.step for one in members if one.step in steps)
                for name, members in self._outputs.families.items()
            },
            matches=self._matches | ends.reader.matches,
            listed=self._disk.listed,
            absent=self._disk.absent,
        )

    def _families(self) -> list[Family]:
        return [one for pipeline in self._document.pipelines.values() for one in pipeline.families.values()]

    def _ordered(self) -> list[Family]:
        """Families, each after those whose items or outputs its own items hang on."""
        families = {family.name: family for family in self._families()}
        matching = any(isinstance(family.foreach, Matched) for family in families.values())
        made = (
            [(name, one) for name, family in families.items() for one in self._shapes(family)]
            if matching
            else []
        )
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for name, family in families.items():
            needs: list[str] = []
            if isinstance(family.foreach, Same):
                needs = [self._same(family)]
            elif isinstance(family.foreach, Matched):
                wanted = shape(family.foreach.glob.text)
                wants = [wanted, *parents(wanted)]  # the pattern, or a folder that it looks into
                needs = [
                    other
                    for other, one in made
                    if other != name and any(overlap(one, want) for want in wants)
                ]
            sorter.add(name, *needs)
        try:
            return [families[name] for name in sorter.static_order() if name in families]
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            foreach = families[circle[0]].foreach
            assert foreach is not None
            self._problems.add(
                f"what these steps run over hangs on each other: {' -> '.join(circle)}",
                foreach.place.value(),
                "each runs over what the one before it may make; let their patterns differ",
            )
            return []

    def _shapes(self, family: Family) -> list[str]:
        """What a family will make, as far as it is known before its items are."""
        home = self._document.pipelines[family.pipeline].home
        unknown = "*" if isinstance(family.foreach, Matched) else ANY  # what a pattern catches holds no "/"
        head = f"{home}/" if home else ""
        return [head + _pattern(line.pieces, unknown).rstrip("/") for line in family.outputs]

    def _same(self, family: Family) -> str:
        assert isinstance(family.foreach, Same)
        return f"{family.pipeline}/{family.foreach.step}" if family.pipeline else family.foreach.step

    def _spell_out(self, family: Family) -> None:
        items = self._items(family)
        if isinstance(items, Waiting):
            self._waiting[family.name] = items
            return
        home = self._document.pipelines[family.pipeline].home
        members = []
        for item in items:
            name = family.name if family.foreach is None else f"{family.name}@{item.name}"
            outputs = []
            for line in family.outputs:
                output = self._output(line, item, home)
                if output is not None:
                    outputs.append(Declared(*output, line.name, name, family.name, family.pipeline))
            members.append(Member(name, item, tuple(outputs)))
        self._outputs.add(family.name, tuple(members))

    def _items(self, family: Family) -> Sequence[Item] | Waiting:
        foreach = family.foreach
        if foreach is None:
            return (NO_ITEM,)
        if isinstance(foreach, Listed):
            return foreach.items
        if isinstance(foreach, Same):
            other = self._same(family)
            if other in self._waiting:
                return self._wait(family, {}, {other: None})
            return [member.item for member in self._outputs.families.get(other, ())]
        return self._matched(family, foreach)

    def _matched(self, family: Family, foreach: Matched) -> Sequence[Item] | Waiting:
        try:
            match = self._tree.match(foreach.glob)
        except OSError as error:
            self._problems.add(
                f"'{error.filename}' cannot be listed: {error.strerror}", foreach.place.value()
            )
            return ()
        wanted = shape(foreach.glob.text)
        via = {
            name: None
            for name, one in self._waiting.items()
            if any(overlap(shape(path), wanted) for path in one.outputs)
        }
        self._matches[f"step.{family.name}.foreach {foreach.text}"] = tuple(match.sources)
        if match.unsettled or via:
            return self._wait(family, match.unsettled, via)
        home = self._document.pipelines[family.pipeline].home
        values = {path: found for path in match.paths if (found := foreach.glob.values(path)) is not None}
        own = {
            f"{home}/{one}".lstrip("/") for found in values.values() for one in _filled(family.outputs, found)
        }
        items: dict[str, Item] = {}
        for path, found in values.items():
            if path not in own:
                name = item_name(found.values())
                items.setdefault(name, Item(name, found))
        if not items and not self._from_listing(foreach):
            self._problems.add(f"'{foreach.text}' matches nothing", foreach.place.value())
        return list(items.values())

    def _from_listing(self, foreach: Matched) -> bool:
        """Whether a pattern looks into a folder that a step makes: that one may well be empty."""
        head = foreach.glob.text.partition("{")[0].rpartition("/")[0]
        return bool(head) and self._outputs.owner(head) is not None

    def _wait(self, family: Family, folders: Mapping[str, None], via: Mapping[str, None]) -> Waiting:
        home = self._document.pipelines[family.pipeline].home
        head = f"{home}/" if home else ""
        patterns = tuple(head + _pattern(line.pieces, "*").rstrip("/") for line in family.outputs)
        return Waiting(family.name, tuple(folders), family.where, patterns, tuple(via), Unknown.ITEMS)

    def _output(self, line: OutputLine, item: Item, home: str) -> tuple[str, ArtifactKind] | None:
        text = filled(line.pieces, item.values)
        try:
            path = inside(text, home)
            if path in self._special:
                raise BadPath(f"'{text}' is read to know the steps, so none can make it", "")
        except BadPath as error:
            self._problems.add(error.args[0], line.where, error.args[1])
            return None
        return path, ArtifactKind.FOLDER if text.endswith("/") else ArtifactKind.FILE

    def _step(self, filler: Filler, draft: Draft, pipeline: Pipeline) -> Step:
        missing: list[str] = []
        inputs = _inputs(draft.inputs, pipeline.home, "outside:", missing)
        return filler.step(draft.member, inputs, _inputs(draft.uses, pipeline.home, "uses:", []), missing)


def _inputs(
    readings: list[tuple[ReadLine, Reading]], home: str, prefix: str, missing: list[str]
) -> tuple[Input, ...]:
    """Artifacts as a step has them. An outside one is called by its name, or by its place among the step's lines."""
    inputs = []
    for at, (line, reading) in enumerate(readings):
        for found in reading.found:
            shown = below(found.path, home)
            if found.outside:
                shown = line.name or f"{prefix}{at}"
                shown = f"{shown}/{found.part}" if found.part else shown
            inputs.append(
                Input(found.path, found.kind, shown, line.name, found.outside, line.optional, line.where)
            )
            if reading.missing:
                missing.append(found.path)
    return tuple(inputs)


def _filled(lines: Iterable[OutputLine], values: Mapping[str, str]) -> list[str]:
    return [posixpath.normpath(filled(line.pieces, values)) for line in lines]


def _pattern(pieces: Pieces, unknown: str) -> str:
    parts = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif isinstance(piece, Doubled):
            parts.append(piece.text)
        else:
            parts.append(unknown if piece.root is Root.ITEM else filled((piece,), {}))
    return "".join(parts)
