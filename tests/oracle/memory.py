"""What was ever made: a clean build comes in, who must run, be restored or be left alone in this run goes out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from oracle.clean import Clean, Spelled, Trouble
from oracle.content import ABSENT, Content, File, Folder
from oracle.world import How


class Act(Enum):
    """What becomes of a step in a run; the values are riverrun's words."""

    NONE = "none"
    RESTORED = "restored"
    RAN = "ran"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(slots=True)
class Wanted:
    """What a run is asked for."""

    paths: set[str]  # outputs that a person, or the end state, asks for: they stay, though temporary
    steps: set[str]  # the steps that make them, those that are forced, and all that they need
    forced: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()  # families among them whose steps cannot be told


def wanted(clean: Clean, words: Collection[str] = (), forced: Collection[str] = ()) -> Wanted:
    """The steps of some families, or of the end state. Where families are unknown, of all that is known."""
    every = clean.by_name.items()
    uids = words or clean.world.pipes[""].end
    if uids:
        paths = {path for _, step in every if step.family.uid in uids for path in step.outputs}
        unknown = clean.unknown & {*uids, *forced}
    else:
        used = {got.path for _, step in every for got in (*step.inputs, *step.uses)}
        read = {
            of for uid in clean.unknown for of in clean.families_read(uid)
        }  # by what is still to be spelled out
        ends = (step for _, step in every if step.family.uid not in read)
        paths = {path for step in ends for path in step.outputs if not _used(path, used)}
        unknown = clean.unknown
    chosen = {name for name, step in every if step.family.uid in forced}
    edge = [*chosen, *(name for name, step in every if paths & set(step.outputs))]
    for uid in unknown:
        edge += _folder_makers(clean, uid)
    steps: set[str] = set()
    while edge:
        name = edge.pop()
        steps.add(name)
        edge += [need for need in clean.by_name[name].needs if need not in steps]
    return Wanted(paths, steps, frozenset(chosen), frozenset(unknown))


def _folder_makers(clean: Clean, uid: str) -> list[str]:
    """The steps whose folders must be known before an unknown family can be spelled out."""
    if uid not in clean.unknown:
        return []
    _, family = clean.family(uid)
    over = {family.over.of} if family.over else set()
    folders = {read.of for read in family.reads if read.how is How.GLOB} | over
    names = [name for name, step in clean.by_name.items() if step.family.uid in folders]
    return names + [name for of in clean.families_read(uid) for name in _folder_makers(clean, of)]


def _used(path: str, used: Collection[str]) -> bool:
    return any(one == path or one.startswith(path + "/") or path.startswith(one + "/") for one in used)


@dataclass(slots=True)
class Memory:
    """Traces, the bytes that can be restored, and what stands where steps put their outputs."""

    traces: dict[object, tuple[Content, ...]] = field(default_factory=dict)
    blobs: set[bytes] = field(default_factory=set)
    disk: dict[str, Content] = field(default_factory=dict)  # every path that was ever an output
    placed: dict[str, Content] = field(default_factory=dict)  # what riverrun last put there

    def run(self, clean: Clean, asked: Wanted) -> "Story":
        """Lives through a run: who acts, and what stands where afterwards."""
        story = Story(clean, asked, self)
        for name in clean.by_name:
            if name in asked.steps:
                story.settle(name)
        story.remove_temporaries()
        return story

    def forget(self) -> None:
        """As when `.riverrun/` is deleted."""
        self.traces.clear()
        self.blobs.clear()
        self.placed.clear()


@dataclass(slots=True)
class Story:
    """One run. `acts` are what was done; `first` what a look before the run can tell of each step."""

    clean: Clean
    asked: Wanted
    memory: Memory
    acts: dict[str, Act] = field(default_factory=dict)
    woken: set[str] = field(default_factory=set)
    times: dict[str, int] = field(default_factory=dict)  # how often each command starts

    def settle(self, name: str) -> None:
        """Decides about a step, after those that it needs."""
        if name in self.acts:
            return
        step = self.clean.by_name[name]
        for need in step.needs:
            self.settle(need)
        if any(self.acts[need] in (Act.FAILED, Act.BLOCKED) for need in step.needs):
            self.acts[name] = Act.BLOCKED
            return
        lacking = self._lacking(step)
        if step.family.always or name in self.asked.forced:
            self._execute(step)
        elif lacking is not None and not lacking:
            self.acts[name] = Act.NONE
        elif lacking is not None and all(self._restorable(content) for content in lacking.values()):
            self._make_room(step)
            self.memory.disk.update(lacking)
            made = self.memory.traces[self.clean.key(step)]
            self.memory.placed.update(zip(step.outputs, made, strict=True))
            self.acts[name] = Act.RESTORED
        else:
            self._execute(step)

    def _lacking(self, step: Spelled) -> dict[str, Content] | None:
        """The promised outputs that are not in place; None where nothing is promised."""
        made = self.memory.traces.get(self.clean.key(step))
        if made is None:
            return None
        lacking = {}
        for path, content in zip(step.outputs, made, strict=True):
            there = self.memory.disk.get(path, ABSENT)
            spared = step.family.temporary and path not in self.asked.paths
            if there != content and not (spared and there is ABSENT):
                lacking[path] = content
        return lacking

    def _restorable(self, content: Content) -> bool:
        return all(text in self.memory.blobs for text in _texts(content))

    def _execute(self, step: Spelled) -> None:
        """Runs a command, and before it those whose absent temporary outputs it reads."""
        for need in step.needs:
            maker = self.clean.by_name[need]
            absent = [path for path in maker.outputs if self.memory.disk.get(path, ABSENT) is ABSENT]
            if maker.family.temporary and absent:
                self.woken.add(need)
                self._execute(maker)
        self.times[step.name] = self.times.get(step.name, 0) + 1
        made = self.clean.value(step.name)
        if isinstance(made, Trouble):
            self.acts[step.name] = Act.FAILED
            return
        self.acts[step.name] = Act.RAN
        kept = step.family.cached and not step.family.temporary
        self.memory.blobs.update(text for content in made if kept for text in _texts(content))
        self._make_room(step)
        placed = dict(zip(step.outputs, made, strict=True))
        self.memory.traces[self.clean.key(step)] = made
        self.memory.disk.update(placed)
        self.memory.placed.update(placed)

    def _make_room(self, step: Spelled) -> None:
        """What is replaced goes into the store, if it has no copy there and is what was put there."""
        if not step.family.cached or step.family.temporary:
            return
        for path in step.outputs:
            old = self.memory.placed.get(path)
            there = self.memory.disk.get(path)
            if isinstance(old, File) and isinstance(there, File) and there.text == old.text:
                self.memory.blobs.add(old.text)

    def remove_temporaries(self) -> None:
        """What is temporary goes when all who read it are content; unless someone may still turn up."""
        good = (Act.NONE, Act.RAN, Act.RESTORED)
        for name in self.acts:
            step = self.clean.by_name[name]
            if not step.family.temporary or self.acts[name] not in good:
                continue
            readers = [
                one for one in self.clean.by_name.values() if one.name in self.acts and name in one.needs
            ]
            if self.asked.unknown or any(self.acts[reader.name] not in good for reader in readers):
                continue
            for path in set(step.outputs) - self.asked.paths:
                self.memory.disk[path] = ABSENT
                self.memory.placed.pop(path, None)

    def foreseen(self, name: str) -> set[str]:
        """What `status` may say of a step before this run: what must happen is told as such, doubt as doubt."""
        moving = any(self._moves(need) for need in self.clean.by_name[name].needs)
        if name in self.woken:
            return {"run", "maybe"}
        if moving:
            return {"run", "maybe"}
        act = self.acts[name]
        if act is Act.NONE and self.clean.by_name[name].family.temporary:
            readers = [
                one for one, step in self.clean.by_name.items() if one in self.acts and name in step.needs
            ]
            if any("maybe" in self.foreseen(reader) for reader in readers):
                return {"none", "maybe"}  # it may have to be made for them
        return {{Act.RAN: "run", Act.FAILED: "run", Act.RESTORED: "restore"}.get(act, "none")}

    def needed_later(self, name: str, told: Mapping[str, str]) -> bool:
        """Whether a step was woken by one that was still to be spelled out when `told` was told."""
        readers = [
            one
            for one, act in self.acts.items()
            if name in self.clean.by_name[one].needs and act is not Act.NONE
        ]
        return name in self.woken and any(
            told.get(one, "maybe") == "maybe" or self.needed_later(one, told) for one in readers
        )

    def _moves(self, name: str) -> bool:
        """Whether a step has a command upstream, or of its own, that must run whatever comes."""
        acts = self.acts[name] in (Act.RAN, Act.FAILED) and name not in self.woken
        return acts or any(self._moves(need) for need in self.clean.by_name[name].needs)


def _texts(content: Content) -> list[bytes]:
    if isinstance(content, Folder):
        return [entry.text for _, entry in content.entries if isinstance(entry, File)]
    return [content.text] if isinstance(content, File) else []
