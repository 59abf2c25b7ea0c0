"""Riverrun at work on a world: a world is put on disk, runs are made, and what came of them is held against the model."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from oracle.clean import Clean
from oracle.content import ABSENT, File, Folder, Link, Tree, flat, tree_at
from oracle.memory import Act, Memory, Story, wanted
from oracle.spelling import specs
from oracle.world import World
from riverrun.flow import Listing, OnFailure, Pipeline, RunOptions
from riverrun.report import Report

WEAVE = Path(__file__).with_name("weave.sh")


class Clock(Enum):
    """What the clock of a written file shows."""

    NOW = "now"
    KEPT = "with the mtime of the old one"
    OLD = "with an mtime of 1980"
    FUTURE = "with an mtime a year ahead"
    RENAMED = "renamed into place with the mtime of the old one"


@dataclass(frozen=True, slots=True)
class Asked:
    """How one run is called."""

    words: tuple[str, ...] = ()  # families
    forced: tuple[str, ...] = ()  # families
    params: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 1
    listing: Listing = Listing.CHANGES
    status: bool = True
    again: bool = True

    def __str__(self) -> str:
        params = [f"-p {name}={value}" for name, value in self.params.items()]
        forced = [f"--force {uid}" for uid in self.forced]
        return " ".join(["run", *self.words, *forced, *params, f"-j{self.jobs}"])


class Bench:
    """A workspace on disk beside the memory of what ought to be in it."""

    def __init__(self, folder: Path, world: World) -> None:
        self.root = str(folder / "w")
        self.weave = str(folder / "weave.sh")
        self.tally = folder / "tally"
        self.world = World({}, {})
        self.memory = Memory()
        self.specs: dict[str, str] = {}
        self.snapshots: list[World] = []
        self.uids = 0  # how many families there ever were
        os.mkdir(self.root)
        shutil.copyfile(WEAVE, self.weave)
        self.become(world)

    # -- the disk ------------------------------------------------------------------------------------------------

    def become(self, world: World, clock: Clock = Clock.NOW) -> None:
        """Bring sources and specs on disk to another world; artifacts stay as they are."""
        old, self.world = self.world.sources, world
        for path in old.keys() - world.sources.keys():
            place = os.path.join(self.root, path)
            os.rmdir(place) if old[path] is None else os.unlink(place)
            if not os.listdir(os.path.dirname(place)):
                os.rmdir(os.path.dirname(place))
        for path, file in world.sources.items():
            if path not in old or old[path] != file:
                self.put(path, file, clock)
        texts = specs(world, self.weave)
        for path in texts.keys() | self.specs.keys():
            if texts.get(path) != self.specs.get(path):
                self.put(path, File(texts[path].encode()) if path in texts else None)
        self.specs = texts

    def put(self, path: str, content: File | Folder | Link | None, clock: Clock = Clock.NOW) -> None:
        """Put a file, a link or a folder in the place of whatever is there; None for an empty folder."""
        place = os.path.join(self.root, path)
        before = os.lstat(place) if os.path.lexists(place) else None
        if (
            isinstance(content, File)
            and before is not None
            and clock is Clock.RENAMED
            and os.path.isfile(place)
        ):
            _write(place + ".new", content)
            os.utime(place + ".new", ns=(before.st_atime_ns, before.st_mtime_ns))
            os.rename(place + ".new", place)
            return
        if not (isinstance(content, File) and os.path.isfile(place) and not os.path.islink(place)):
            self.remove(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if content is None or isinstance(content, Folder):
            os.mkdir(place)
            for below, entry in content.entries if content else ():
                self.put(os.path.join(path, below), entry)
        elif isinstance(content, Link):
            os.symlink(content.text, place)
        else:
            _write(place, content)
            if before is not None and clock in (Clock.KEPT, Clock.RENAMED):
                os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
            elif clock is not Clock.NOW:
                moment = (
                    os.stat(place).st_mtime_ns + 365 * 86400 * 10**9 if clock is Clock.FUTURE else 10**18 // 3
                )
                os.utime(place, ns=(moment, moment))

    def remove(self, path: str) -> None:
        """Remove whatever is there."""
        place = os.path.join(self.root, path)
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        elif os.path.lexists(place):
            os.unlink(place)

    def expected(self) -> Tree:
        """What ought to lie in the workspace now."""
        tree: Tree = {path: File(text.encode()) for path, text in self.specs.items()}
        tree.update(self.world.sources)
        for path, content in self.memory.disk.items():
            tree.update(flat(path, content))
        return tree

    # -- runs ----------------------------------------------------------------------------------------------------

    def run(self, asked: Asked) -> None:
        """Run, and compare all artifacts and all that was done with the model; then see that there is nothing to do."""
        if not self.world.families():
            return  # an error, and not of interest here
        clean = Clean(
            self.world, {name: int(value) for name, value in asked.params.items()}, self.memory.disk
        )
        self._families = {family.uid: (pipe.home, family.name) for pipe, family in self.world.families()}
        self.snapshots.append(self.world)
        before = self.expected()
        self._same_tree(before, "before the run")
        status = self._status(asked) if asked.status and not asked.forced else None
        story = self.memory.run(clean, wanted(clean, asked.words, asked.forced))
        if status is not None:
            self._same_tree(before, "after status")
            self._foreseen(status, story)
        self._compare(self._run(asked), story, asked.listing)
        if asked.again:
            calm = Asked(asked.words, (), asked.params, asked.jobs, asked.listing)
            story = self.memory.run(clean, wanted(clean, asked.words))
            self._compare(self._run(calm), story, calm.listing)
            acted = {
                name for name, act in story.acts.items() if act not in (Act.NONE, Act.BLOCKED, Act.FAILED)
            }
            always = {name for name in acted if story.clean.by_name[name].family.always}
            assert acted <= always | story.woken or Act.FAILED in story.acts.values(), f"not settled: {acted}"

    def _words(self, uids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(os.path.join(*self._families[uid]) for uid in uids)

    def _status(self, asked: Asked) -> Report:
        return Pipeline.load(self.root).status(self._words(asked.words), params=dict(asked.params))

    def _run(self, asked: Asked) -> Report:
        options = RunOptions(
            jobs=asked.jobs,
            on_failure=OnFailure.KEEP_GOING,
            force=self._words(asked.forced),
            params=asked.params,
            listing=asked.listing,
        )
        return Pipeline.load(self.root).run(self._words(asked.words), options=options)

    def _compare(self, report: Report, story: Story, listing: Listing) -> None:
        told = {step.step: step.action.value for step in report.steps}
        unknown = {os.path.join(*self._families[uid]) for uid in story.clean.unknown}
        known = {
            name: act
            for name, act in told.items()
            if name not in unknown and name.partition("@")[0] not in unknown
        }
        asked = {name: act.value for name, act in story.acts.items()}
        if listing is Listing.CHANGES:  # what was sealed and is as it was goes untold
            known = {name: "none" for name, act in asked.items() if act == "none"} | known
        assert known == asked, _differences("what was done", asked, known, report)
        started = Counter(self.tally.read_text().split() if self.tally.exists() else ())
        self.tally.unlink(missing_ok=True)
        assert started == Counter(story.times), _differences("commands started", story.times, started, report)
        self._same_tree(self.expected(), "after the run")
        good = not {Act.FAILED, Act.BLOCKED} & set(story.acts.values()) and not story.asked.unknown
        assert report.ok is good
        counts = Counter(asked.values())
        assert (report.counts["ran"], report.counts["restored"]) == (counts["ran"], counts["restored"])
        assert report.counts["kept"] == counts["none"]

    def _same_tree(self, expected: Tree, when: str) -> None:
        found = tree_at(self.root)
        for path in [path for path, entry in found.items() if entry is None and path not in expected]:
            whole = [one for one, content in self.memory.disk.items() if isinstance(content, Folder)]
            if not path.startswith(("dir/", *(one + "/" for one in whole))):
                del found[path]  # where outputs lay; only within an artifact does an empty folder count
        assert found == expected, _differences(f"files {when}", expected, found)

    def _foreseen(self, status: Report, story: Story) -> None:
        told = {step.step: step.action.value for step in status.steps}
        wrong = {
            name: (told[name], story.foreseen(name), act.value)
            for name, act in story.acts.items()
            if name in told and told[name] not in story.foreseen(name) and not story.needed_later(name, told)
        }
        assert not wrong, f"status (told, expected, then done): {wrong}"
        silent = {name: act for name, act in story.acts.items() if name not in told and act is not Act.NONE}
        assert not silent or status.pending, f"status told nothing of {silent}"
        if any(act is not Act.NONE for act in story.acts.values()):
            assert status.pending, "status saw nothing to do"

    # -- what riverrun keeps -------------------------------------------------------------------------------------

    def lose(self, what: str) -> None:
        """Remove riverrun's index, or (with "") all that it keeps and all that it ever made."""
        place = os.path.join(self.root, ".riverrun", what)
        if what:
            self.remove(os.path.join(".riverrun", what))
            return
        shutil.rmtree(place, ignore_errors=True)
        self.memory.forget()
        for path in list(self.memory.disk):
            self.remove(path)
            self.memory.disk[path] = ABSENT


def _write(place: str, file: File) -> None:
    with open(place, "wb") as target:
        target.write(file.text)
        os.fchmod(target.fileno(), 0o755 if file.exec else 0o644)


def _differences(
    what: str, expected: Mapping[str, object], found: Mapping[str, object], report: object = ""
) -> str:
    lines = [f"{what} differ:"]
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            lines.append(f"  {name}: expected {expected.get(name)!r}, found {found.get(name)!r}")
    return "\n".join([*lines, str(report)])
