"""Looking at artifacts: paths come in, facts go out, each path looked at once per run (rule 5).

The Rust index does the reading and knows when none is needed; here the facts are kept for the length of a run.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence

from riverrun.model.fact import MISSING, Entry, Kind, Made, Seen
from riverrun.model.policy import Check
from riverrun.native import Fact, Index


def seen_of(fact: Fact) -> Seen:
    """A fact of the index as the plan needs it."""
    if fact.kind == "missing":
        return MISSING
    problem = "" if fact.error is None else (fact.error.strerror or str(fact.error))
    digest = b"" if fact.digest is None else bytes(fact.digest)
    return Seen(Kind(fact.kind), digest, fact.size, fact.certified, problem)


def entries_of(fact: Fact) -> tuple[Entry, ...]:
    """What lies in a folder, as a manifest has it."""
    return tuple(
        Entry(os.fsdecode(path), Kind(kind), b"" if digest is None else bytes(digest), link or b"", size)
        for path, kind, digest, link, size in fact.entries
    )


def made_of(fact: Fact, path: str, shown: str) -> Made:
    """An output as it was taken from a work folder."""
    entries = entries_of(fact) if fact.kind == "folder" else ()
    return Made(
        path, shown, Kind(fact.kind), b"" if fact.digest is None else bytes(fact.digest), fact.size, entries
    )


class Eyes:
    """Looks at artifacts for one run. Paths are relative to the workspace, or absolute; not for several threads."""

    def __init__(
        self,
        root: str,
        index: Index,
        *,
        check: Check = Check.STAT,
        trust: Sequence[str] = (),
        on_reading: Callable[[int, int], None] | None = None,
    ) -> None:
        self._root = os.fsencode(root)
        self._index = index
        self._check = check
        self._trust = tuple(trust)
        self._on_reading = on_reading
        self._facts: dict[str, Fact] = {}
        self._seen: dict[str, Seen] = {}
        self._programs: dict[str, str] = {}

    def real(self, path: str) -> bytes:
        """Where an artifact is on this machine."""
        return os.path.join(self._root, os.fsencode(path))

    def look_at_outputs(self, paths: Iterable[str]) -> None:
        """As `look`, but where a link stands in the place of an output, the link is what is seen.

        A link is never what a step left there, and what it leads to may be anything, of any size.
        """
        plain = []
        for path in paths:
            if path not in self._seen and os.path.islink(self.real(path)):
                self._seen[path] = Seen(Kind.LINK)
            else:
                plain.append(path)
        self.look(plain)

    def look(self, paths: Iterable[str]) -> None:
        """Looks at all of these that were not looked at yet, in one call and in parallel."""
        new = [path for path in dict.fromkeys(paths) if path not in self._seen]
        if not new:
            return
        facts = self._index.look(
            [self.real(path) for path in new],
            check=self._check.value,
            trust=self._trust,
            on_reading=self._on_reading,
        )
        for path, fact in zip(new, facts, strict=True):
            self.learn(path, fact)

    def fact_now(self, path: str) -> Fact:
        """What is at a path at this moment, whatever was seen before; safe from any thread."""
        return self._index.look([self.real(path)], trust=self._trust)[0]

    def seen(self, path: str) -> Seen:
        """What is at a path."""
        if path not in self._seen:
            self.look((path,))
        return self._seen[path]

    def entries(self, path: str) -> tuple[Entry, ...]:
        """What lies in a folder; empty for anything else."""
        return entries_of(self._facts[path]) if self.seen(path).kind is Kind.FOLDER else ()

    def learn(self, path: str, fact: Fact) -> None:
        """Takes a fact that came of placing a file: it needs no look of its own."""
        self._facts[path] = fact
        self._seen[path] = seen_of(fact)

    def forget(self, paths: Iterable[str]) -> None:
        """Makes the next look a new one."""
        for path in paths:
            self._seen.pop(path, None)
            self._facts.pop(path, None)

    def changed_since(self, batch: Sequence[tuple[Mapping[str, Seen], int]]) -> list[dict[str, Seen]]:
        """For each (what was seen, moment): what is no longer so, with what it is now (rule 7); safe from any thread.

        Stats tell where they can: equal, and older than the moment by more than a tick. Else the content does.
        """
        paths = [self.real(path) for before, _ in batch for path in before]
        moments = [moment for before, moment in batch for _ in before]
        calm = iter(self._index.same_stat(paths, moments))
        doubtful = [[path for path in before if not next(calm)] for before, _ in batch]
        every = list(dict.fromkeys(path for some in doubtful for path in some))
        if not every:
            return [{} for _ in batch]
        facts = self._index.look([self.real(path) for path in every], check="content", trust=self._trust)
        now = {path: seen_of(fact) for path, fact in zip(every, facts, strict=True)}
        return [
            {
                path: now[path]
                for path in some
                if now[path].state != before[path].state or not now[path].certified
            }
            for (before, _), some in zip(batch, doubtful, strict=True)
        ]

    def tools(self, names: Iterable[str], search: str) -> Mapping[str, Seen]:
        """The content of the programs that these names mean on a search path ($PATH); `MISSING` where there is none."""
        found = {name: self._program(name, search) for name in names}
        self.look(place for place in found.values() if place)
        return {name: self.seen(place) if place else MISSING for name, place in found.items()}

    def programs(self, names: Iterable[str], search: str) -> list[str]:
        """Where these programs are, links followed to their end; those that are nowhere are left out."""
        return [place for place in (self._program(name, search) for name in names) if place]

    def _program(self, name: str, search: str) -> str:
        """Searched for once per run: a hundred thousand steps may use one compiler."""
        if name not in self._programs:
            place = shutil.which(name, path=search)
            self._programs[name] = os.path.realpath(place) if place else ""
        return self._programs[name]
