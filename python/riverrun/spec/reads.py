"""What declared inputs are: lines of the spec and an item's values come in; paths, or what must be waited for, go out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from riverrun.model.step import ArtifactKind, Waiting
from riverrun.spec.document import Document, Pipeline
from riverrun.spec.foreach import Item
from riverrun.spec.glob import BadGlob, compiled, escape, overlap, shape
from riverrun.spec.lines import Form, ReadLine
from riverrun.spec.outputs import Declared, Outputs
from riverrun.spec.params import spell
from riverrun.spec.paths import BadPath, inside, is_outside, outside, parents
from riverrun.spec.problems import Problems, did_you_mean
from riverrun.spec.template import filled
from riverrun.spec.tree import Tree


@dataclass(frozen=True, slots=True)
class Found:
    """One artifact that a line means. `part` is its path below an outside folder that a pattern looked through."""

    path: str
    kind: ArtifactKind
    outside: bool = False
    part: str = ""


@dataclass(slots=True)
class Reading:
    """What a line means, and what must be made before all of it is known."""

    found: list[Found] = field(default_factory=list)
    folders: dict[str, None] = field(default_factory=dict)
    via: dict[str, None] = field(default_factory=dict)
    missing: bool = False  # an optional one that is not there


@dataclass(frozen=True, slots=True)
class Promised:
    """An end state, as a reader of it sees it."""

    artifacts: tuple[Declared, ...]
    via: tuple[str, ...]  # waiting families that add to it


NO_ITEM = Item("", {})
"""Of a step without foreach: no name, no values."""


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf lines are read."""

    pipeline: Pipeline
    family: str = ""
    names: tuple[str, ...] = ()
    step: str = ""
    item: Item = NO_ITEM


class Reader:
    """Reads lines; `promised` tells the end state of a tributary, given its name."""

    def __init__(
        self,
        document: Document,
        outputs: Outputs,
        tree: Tree,
        waiting: Mapping[str, Waiting],
        promised: Callable[[str], Promised],
        environment: Mapping[str, str] | None,
        problems: Problems,
    ) -> None:
        self.matches: dict[str, tuple[str, ...]] = {}
        self._document = document
        self._outputs = outputs
        self._tree = tree
        self._waiting = waiting
        self._shapes = [(name, [shape(path) for path in one.outputs]) for name, one in waiting.items()]
        self._promised = promised
        self._environment = environment
        self._problems = problems
        self._known: dict[int, Reading] = {}  # by identity of the line: what is the same for all items
        self._pairs: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], list[Declared]]] = {}

    def lines(self, lines: Sequence[ReadLine], asker: Asker, key: str) -> list[tuple[ReadLine, Reading]]:
        """All lines of `inputs` or `uses` (which, says `key`); a glob adds what no line before it named."""
        readings: list[tuple[ReadLine, Reading]] = []
        for at, line in enumerate(lines):
            if line.form is Form.EXCLUDE:
                continue
            reading = self.line(line, asker, key)
            if line.form is Form.GLOB:
                seen = {found.path for _, before in readings for found in before.found}
                excluded = [self._excluding(one, asker) for one in lines[at:] if one.form is Form.EXCLUDE]
                if seen or excluded:
                    kept = [
                        one for one in reading.found
                        if one.path not in seen and not any(excludes(one.path) for excludes in excluded)
                    ]  # fmt: skip
                    reading = Reading(kept, reading.folders, reading.via)
            readings.append((line, reading))
        return readings

    def line(self, line: ReadLine, asker: Asker, key: str) -> Reading:
        """One line."""
        known = self._known.get(id(line))
        if known is not None:
            return known
        shared: tuple[str, ...] = ()
        if line.form is Form.REFERENCE:
            reading, shared = self._reference(line, asker)
        elif line.form is Form.GIVEN:
            reading = self._given(line, asker)
        else:
            try:
                text = filled(line.pieces, asker.item.values, escape if line.form is Form.GLOB else str)
                if line.form is Form.GLOB:
                    reading = self._glob(text, line, asker, key)
                else:
                    reading = self._path(text, line, asker)
            except (BadPath, BadGlob) as error:
                self._problems.add(error.args[0], line.where, *error.args[1:])
                reading = Reading()
            except OSError as error:
                self._problems.add(f"'{error.filename}' cannot be listed: {error.strerror}", line.where)
                reading = Reading()
        if line.constant and not shared:
            self._known[id(line)] = reading
        return reading

    def _reference(self, line: ReadLine, asker: Asker) -> tuple[Reading, tuple[str, ...]]:
        target, part = line.target
        branch = asker.pipeline.tributaries.get(target)
        if branch is not None:
            return self._promise(branch.name, part, line), ()
        family = asker.pipeline.families.get(target)
        if family is None:
            return Reading(), ()  # a broken one, told when it was loaded
        if family.name in self._waiting:
            return Reading(via={family.name: None}), ()
        shared = tuple(name for name in asker.names if name in family.names)
        if not shared:
            every = [one for member in self._outputs.families.get(family.name, ()) for one in member.outputs]
            return Reading([Found(one.path, one.kind) for one in every if part in ("", one.name)]), ()
        pairs = self._pairs.get((family.name, shared))
        if pairs is None:
            pairs = self._pairs[family.name, shared] = {}
            for member in self._outputs.families.get(family.name, ()):
                values = tuple(spell(member.item.values[name]) for name in shared)
                pairs.setdefault(values, []).extend(member.outputs)
        wanted = tuple(spell(asker.item.values[name]) for name in shared)
        if wanted not in pairs:
            which = ", ".join(f"{name} = '{value}'" for name, value in zip(shared, wanted, strict=True))
            self._problems.add(
                f"the step '{target}' has no item with {which}", line.where, f"for '{asker.step}'"
            )
        return Reading(
            [Found(one.path, one.kind) for one in pairs.get(wanted, ()) if part in ("", one.name)]
        ), shared

    def _promise(self, name: str, part: str, line: ReadLine) -> Reading:
        promised = self._promised(name)
        via = dict.fromkeys(promised.via)
        if not part:
            return Reading([Found(one.path, one.kind) for one in promised.artifacts], via=via)
        tests: tuple[Callable[[Declared], bool], ...] = (
            lambda one: one.name == part,
            lambda one: one.family.rpartition("/")[2] == part,
            lambda one: one.path.rpartition("/")[2] == part,
            lambda one: one.path.rpartition("/")[2].partition(".")[0] == part,
        )
        for at, test in enumerate(tests):
            fits = [one for one in promised.artifacts if test(one)]
            if fits and (len(fits) == 1 or at < 2):
                return Reading([Found(one.path, one.kind) for one in fits])
        waited = [family for family in via if family.rpartition("/")[2] == part]
        if waited:
            return Reading(via=dict.fromkeys(waited))
        branch = line.target[0]
        names = [one.path for one in promised.artifacts]
        self._problems.add(
            f"the tributary '{branch}' promises no '{part}'",
            line.where,
            f"it promises: {', '.join(names[:8])}" if names else "it promises nothing",
        )
        return Reading()

    def _given(self, line: ReadLine, asker: Asker) -> Reading:
        """What the parent's spec says, read as a line of the parent."""
        parent = asker.pipeline.parent
        above = self._document.pipelines[parent] if parent is not None else None
        branch = above.tributaries.get(asker.pipeline.name.rpartition("/")[2]) if above else None
        if above is None or branch is None:
            return Reading()
        return self.line(branch.given[line.target[1]], Asker(above), f"tributary.{branch.name}.inputs")

    def _path(self, text: str, line: ReadLine, asker: Asker) -> Reading:
        kind = ArtifactKind.FOLDER if text.endswith("/") else ArtifactKind.FILE
        if is_outside(text):
            path = outside(text, self._document.root, self._environment)
            missing = line.optional and not self._tree.is_source(path)
            return Reading([Found(path, kind, outside=True)], missing=missing)
        path = inside(text, asker.pipeline.home)
        owner = self._outputs.owner(path)
        reading = Reading()
        if owner is None and path in self._outputs.children:
            kind = (
                ArtifactKind.FOLDER
            )  # also without its '/': else who makes what lies in it would be overlooked
        if owner is not None:
            self._guard(owner, text, line, asker)
            if owner.path == path:
                if kind is ArtifactKind.FOLDER and owner.kind is ArtifactKind.FILE:
                    self._problems.add(
                        f"'{text}' is a folder here, but '{owner.step}' makes it as a file", line.where
                    )
                kind = owner.kind
            if owner.step == asker.step:
                self._problems.add(
                    f"the step '{asker.step}' reads '{text}', which it makes itself", line.where
                )
        elif kind is ArtifactKind.FOLDER and (below := self._outputs.below(path)):
            for one in below:
                self._guard(one, one.path, line, asker)
        elif self._shapes and not self._tree.is_source(path):
            reading.via.update(dict.fromkeys(self._makers_to_be(path, asker)))
        if line.optional and owner is None and not reading.via:
            reading.missing = not self._tree.is_source(path)
        if kind is ArtifactKind.FOLDER and owner is None:
            reading.via.update(dict.fromkeys(self._makers_to_be(f"{escape(path)}/**", asker)))
        reading.found.append(Found(path, kind))
        return reading

    def _makers_to_be(self, pattern: str, asker: Asker) -> list[str]:
        """Families still to be spelled out that may make what a path or pattern means."""
        wanted = [shape(pattern), *parents(pattern)] if self._shapes else []
        return [
            name for name, shapes in self._shapes
            if name != asker.family and any(overlap(one, want) for one in shapes for want in wanted)
        ]  # fmt: skip

    def _guard(self, owner: Declared, text: str, line: ReadLine, asker: Asker) -> None:
        if not self._may_read(owner, asker.pipeline.name):
            of = owner.pipeline
            self._problems.add(
                f"'{text}' is made inside the tributary '{of}', which does not promise it",
                line.where,
                f"only its end state can be used from outside: add it to 'end' of '{of}'",
            )

    def _may_read(self, owner: Declared, reader: str) -> bool:
        if owner.pipeline == reader or not owner.pipeline or reader.startswith(owner.pipeline + "/"):
            return True
        above = reader + "/" if reader else ""
        if not owner.pipeline.startswith(above):
            return False
        branch = above + owner.pipeline[len(above) :].partition("/")[0]
        return any(one.path == owner.path for one in self._promised(branch).artifacts)

    def _excluding(self, line: ReadLine, asker: Asker) -> Callable[[str], bool]:
        home = asker.pipeline.home
        text = filled(line.pieces, asker.item.values, escape)
        try:
            glob = compiled(inside(text, escape(home)))
        except (BadPath, BadGlob) as error:
            self._problems.add(error.args[0], line.where, *error.args[1:])
            return lambda path: False
        whole = glob.whole()
        return lambda path: any(whole.fullmatch(one) for one in (path, *parents(path)))

    def _glob(self, text: str, line: ReadLine, asker: Asker, key: str) -> Reading:
        folder = "/" if text.endswith("/") else ""
        reading = Reading()
        kind = ArtifactKind.FOLDER if folder else ArtifactKind.FILE
        if is_outside(text):
            pattern = outside(text, self._document.root, self._environment)
            match = self._tree.match(compiled(pattern[1:] + folder), "/")
            start = pattern[: _plain_start(pattern)].rpartition("/")[0]
            reading.found = [
                Found(path, kind, outside=True, part=path[len(start) + 1 :]) for path in match.paths
            ]
        else:
            pattern = inside(text, escape(asker.pipeline.home))
            match = self._tree.match(compiled(pattern + folder))
            for path in match.paths:
                owner = self._outputs.owner(path)
                if owner is None or (
                    owner.family != asker.family and self._may_read(owner, asker.pipeline.name)
                ):
                    reading.found.append(Found(path, kind))
            for path in match.unsettled:
                owner = self._outputs.by_path[path]
                if owner.family != asker.family and self._may_read(owner, asker.pipeline.name):
                    reading.folders[path] = None
            reading.via.update(dict.fromkeys(self._makers_to_be(pattern, asker)))
        step = asker.family if line.constant else asker.step
        self.matches[f"step.{step}.{key} {text}" if step else f"{key} {text}"] = tuple(match.sources)
        if not reading.found and not reading.folders and not reading.via and not line.optional:
            self._problems.add(f"'{text}' matches nothing", line.where, self._near(pattern))
        return reading

    def _near(self, pattern: str) -> str:
        start = _plain_start(pattern)
        folder = pattern[:start].rpartition("/")[0]
        if folder and not self._tree.near(folder):
            above, _, last = folder.rpartition("/")
            return did_you_mean(last, self._tree.near(above)) or f"there is nothing in '{folder}'"
        return did_you_mean(pattern[len(folder) :].strip("/").partition("/")[0], self._tree.near(folder))


def _plain_start(pattern: str) -> int:
    return min(pattern.find(mark) for mark in "*?[" if mark in pattern)
