"""End states: pipelines whose outputs are known come in; what each of them promises, and by which steps, goes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverrun.model.step import Waiting
from riverrun.spec.document import Document, Pipeline
from riverrun.spec.family import Family
from riverrun.spec.lines import Form, ReadLine
from riverrun.spec.outputs import Declared, Member, Outputs
from riverrun.spec.problems import Problems, did_you_mean
from riverrun.spec.reads import Asker, Promised, Reader, Reading


@dataclass(slots=True)
class Draft:
    """A step whose inputs were read: what they are, and what it must wait for."""

    family: Family
    member: Member
    inputs: list[tuple[ReadLine, Reading]]
    uses: list[tuple[ReadLine, Reading]]
    folders: dict[str, None] = field(default_factory=dict)
    via: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class End:
    """What a pipeline promises: artifacts in order, and the steps and waiting families that bring them about."""

    artifacts: dict[str, Declared] = field(default_factory=dict)  # by path: it, or the folder it lies in
    names: dict[str, None] = field(default_factory=dict)
    via: dict[str, None] = field(default_factory=dict)


class Ends:
    """Reads the steps of pipelines, each once and when first needed: an end state may hang on what others use."""

    def __init__(
        self, document: Document, outputs: Outputs, waiting: Mapping[str, Waiting], problems: Problems
    ) -> None:
        self.reader: Reader
        self._document = document
        self._outputs = outputs
        self._waiting = waiting
        self._problems = problems
        self._ends: dict[str, End] = {}
        self._open: list[str] = []
        self._drafts: dict[str, list[Draft]] = {}

    def promised(self, name: str) -> Promised:
        """The end state of a tributary, for its readers."""
        end = self.end(name)
        artifacts = tuple(
            one if one.path == path else Declared(path, one.kind, "", one.step, one.family, one.pipeline)
            for path, one in end.artifacts.items()
        )
        return Promised(artifacts, tuple(end.via))

    def end(self, name: str) -> End:
        """The end state of a pipeline."""
        if name in self._ends:
            return self._ends[name]
        pipeline = self._document.pipelines.get(name)
        if pipeline is None:
            return End()  # broken, and told
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            self._problems.add(
                f"what these pipelines promise hangs on each other: {circle}",
                pipeline.where,
                "name the 'end' of one",
            )
            return End()
        self._open.append(name)
        end = self._unused(pipeline) if pipeline.end is None else self._named(pipeline, pipeline.end)
        self._open.pop()
        self._ends[name] = end
        return end

    def drafts(self, pipeline: Pipeline) -> list[Draft]:
        """All steps of a pipeline whose items are known."""
        if pipeline.name not in self._drafts:
            drafts = self._drafts[pipeline.name] = []
            for family in pipeline.families.values():
                drafts.extend(
                    self._draft(pipeline, family, one) for one in self._outputs.families.get(family.name, ())
                )
        return self._drafts[pipeline.name]

    def _draft(self, pipeline: Pipeline, family: Family, member: Member) -> Draft:
        asker = Asker(pipeline, family.name, family.names, member.step, member.item)
        inputs = self.reader.lines(family.inputs, asker, "inputs")
        draft = Draft(family, member, inputs, self.reader.lines(family.uses, asker, "uses"))
        for _, reading in (*draft.inputs, *draft.uses):
            if reading.folders or reading.via:
                draft.folders.update(reading.folders)
                draft.via.update(reading.via)
        return draft

    def _named(self, pipeline: Pipeline, lines: tuple[ReadLine, ...]) -> End:
        end = End()
        asker = Asker(pipeline)
        key = f"tributary.{pipeline.name}.end" if pipeline.name else "pipeline.end"
        for line in lines:
            if line.form is Form.REFERENCE and not line.target[1]:
                branch = pipeline.tributaries.get(line.target[0])
                if branch is not None:
                    inner = self.end(branch.name)
                    end.names.update(inner.names)
                family = pipeline.families.get(line.target[0])
                if family is not None:  # a step without outputs can be an end as well
                    end.names.update((one.step, None) for one in self._outputs.families.get(family.name, ()))
            reading = self.reader.line(line, asker, key)
            end.via.update(reading.via)
            end.names.update(reading.via)
            end.names.update((name, None) for name in self._filling(reading))
            made = 0
            for found in reading.found:
                for path, one in self._makers(found.path):
                    made += 1
                    end.artifacts[path] = one
                    end.names[one.step] = None
            if not made and not reading.via and not reading.folders and line.form in (Form.PATH, Form.GLOB):
                hint = did_you_mean(line.text, self._outputs.by_path)
                self._problems.add(f"no step makes '{line.text}'", line.where, hint)
        return end

    def _filling(self, reading: Reading) -> list[str]:
        """The steps that make folders whose content is not known yet."""
        return [self._outputs.by_path[folder].step for folder in reading.folders]

    def _makers(self, path: str) -> list[tuple[str, Declared]]:
        owner = self._outputs.owner(path)
        if owner is not None:
            return [(path, owner)]
        return [(one.path, one) for one in self._outputs.below(path)]

    def _unused(self, pipeline: Pipeline) -> End:
        """Every output that no other step of the pipeline uses, and every step that makes nothing."""
        used: set[str] = set()
        via: dict[str, None] = {}
        readings = [reading for draft in self.drafts(pipeline) for _, reading in (*draft.inputs, *draft.uses)]
        for branch in pipeline.tributaries.values():
            asker = Asker(pipeline)
            readings += [
                self.reader.line(branch.given[name], asker, f"tributary.{branch.name}.inputs")
                for name in self._given_used(branch.name)
                if name in branch.given
            ]
        counted: set[int] = set()  # one reading may serve all items of a family
        for reading in readings:
            if id(reading) not in counted:
                counted.add(id(reading))
                used.update(one.path for found in reading.found for _, one in self._makers(found.path))
                used.update(found.path for found in reading.found)
                used.update(reading.folders)
                via.update(reading.via)
        for family in pipeline.families.values():
            if family.name in self._waiting:
                used.update(self._waiting[family.name].folders)
                via.update(dict.fromkeys(self._waiting[family.name].via))
        end = End()
        for branch in pipeline.tributaries.values():
            inner = self.end(branch.name)
            for path, one in inner.artifacts.items():
                if path not in used:
                    end.artifacts[path] = one
                    end.names[one.step] = None
            end.names.update(
                (name, None) for name in inner.names if name in self._waiting and name not in via
            )
            end.names.update((name, None) for name in inner.names if self._makes_nothing(name))
            end.via.update((name, None) for name in inner.via if name not in via)
        for family in pipeline.families.values():
            if family.name in self._waiting and family.name not in via:
                end.names[family.name] = None
                end.via[family.name] = None
            for member in self._outputs.families.get(family.name, ()):
                for one in member.outputs:
                    if one.path not in used:
                        end.artifacts[one.path] = one
                        end.names[one.step] = None
                if not member.outputs:
                    end.names[member.step] = None
        return end

    def _given_used(self, name: str) -> dict[str, None]:
        """Which of the inputs that its parent gives a tributary its steps, or those of its own tributaries, read."""
        pipeline = self._document.pipelines.get(name)
        if pipeline is None:
            return {}  # broken, and told
        lines = [line for family in pipeline.families.values() for line in (*family.inputs, *family.uses)]
        for branch in pipeline.tributaries.values():
            used = self._given_used(branch.name)
            lines += [line for given, line in branch.given.items() if given in used]
        return {line.target[1]: None for line in lines if line.form is Form.GIVEN}

    def _makes_nothing(self, step: str) -> bool:
        family = step.rpartition("@")[0] if "@" in step else step
        return any(not one.outputs for one in self._outputs.families.get(family, ()) if one.step == step)
