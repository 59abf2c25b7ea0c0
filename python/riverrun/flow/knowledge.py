"""What is known of the wanted steps at a moment: facts of disk, ledger and store come in, verdicts go out.

The same for `status` and for a run; only that a run learns more with every step that is settled.
"""

import os
import platform
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from riverrun.command import counted_environment, language
from riverrun.errors import Problem, SpecError
from riverrun.graph import Graph, parents
from riverrun.keys import describe, key_of
from riverrun.ledger import Ledger
from riverrun.model.fact import MISSING, Entry, Kind, Made, Seen
from riverrun.model.manifest import below, manifest_digest
from riverrun.model.step import Input, Step
from riverrun.model.trace import ActionKey, Description, Trace
from riverrun.model.verdict import Action, Cause, Reason, Verdict
from riverrun.plan import Facts, Policy, absent_temporaries, judge, reads_any, refuse
from riverrun.run import Judged
from riverrun.scan import Eyes
from riverrun.store import Store

PLATFORM = f"{platform.system()} {platform.machine()}".lower()


class Knowledge:
    """Facts of one workspace at one moment, and the verdicts that follow from them."""

    def __init__(
        self,
        graph: Graph,
        eyes: Eyes,
        ledger: Ledger,
        store: Store,
        environ: Mapping[str, str],
        *,
        forced: Iterable[str] = (),
        asked: Iterable[str] = (),
    ) -> None:
        self.graph = graph
        self.eyes = eyes
        self.forced = set(forced)
        self.asked = set(asked)  # paths that are missed when absent, though temporary
        self.promises: dict[str, Trace] = {}  # steps whose outputs are known, though not (all) in place
        self._ledger = ledger
        self._store = store
        self._environ = environ
        self._language = language(environ)

    def look(self, names: Iterable[str]) -> None:
        """Looks at all sources and outputs of these steps, in one call."""
        steps = [self.graph.steps[name] for name in names]
        sources = (read.path for step in steps for read in step.reads if not self.graph.makers_of(read))
        self.eyes.look_at_outputs(output.path for step in steps for output in step.outputs)
        self.eyes.look(sources)

    def missing_sources(self, names: Iterable[str]) -> list[Problem]:
        """Declared inputs that no step makes and that are not there."""
        problems = []
        for name in names:
            step = self.graph.steps[name]
            for read in step.reads:
                if (
                    read.optional
                    or self.graph.makers_of(read)
                    or self.eyes.seen(read.path).kind is not Kind.MISSING
                ):
                    continue
                problems.append(
                    Problem(
                        "missing_source",
                        f"'{read.path}', which '{name}' reads, is not there, and no step makes it",
                        read.where or step.where,
                        "make it, correct the path, or declare it as { path = ..., optional = true }",
                    )
                )
        return problems

    def require_sources(self, names: Iterable[str]) -> None:
        """Raises `SpecError` for all sources that are not there."""
        problems = self.missing_sources(names)
        if problems:
            raise SpecError.of(problems)

    def judge(self, names: Sequence[str], woken: Mapping[str, Reason] | None = None) -> dict[str, Judged]:
        """Verdicts for steps all of whose upstream steps are settled or promise known outputs."""
        steps = [self.graph.steps[name] for name in names]
        self.eyes.look_at_outputs(output.path for step in steps for output in step.outputs)
        self.eyes.look(read.path for step in steps for read in step.reads if not self._promisers(read))
        results: dict[str, Judged] = {}
        keyed: dict[str, tuple[ActionKey, dict[str, Seen], Description]] = {}
        for step in steps:
            inputs = {read.path: self._input(read) for read in step.reads}
            unknown = [path for path, seen in inputs.items() if seen is None]
            if unknown:
                results[step.name] = Judged(
                    Verdict(Action.RUN, (Reason(Cause.UPSTREAM, unknown[0]),)), wake=self._absent_makers(step)
                )
                continue
            known = {path: seen for path, seen in inputs.items() if seen is not None}
            tools = self.eyes.tools(step.tools, self._environ.get("PATH", os.defpath))
            refused = refuse(step, known, tools)
            if refused:
                results[step.name] = Judged(Verdict(Action.BLOCKED, refused))
                continue
            description = self._describe(step, known, tools)
            keyed[step.name] = (key_of(description), known, description)
        traces = self._ledger.traces_of([key for key, _, _ in keyed.values()])
        for name, (key, known, description) in keyed.items():
            step = self.graph.steps[name]
            judged = self._judge(step, key, known, description, traces.get(key, []), (woken or {}).get(name))
            results[name] = judged
        return {name: results[name] for name in names}

    def _judge(
        self,
        step: Step,
        key: ActionKey,
        inputs: Mapping[str, Seen],
        description: Description,
        traces: Sequence[Trace],
        woken: Reason | None,
    ) -> Judged:
        facts = Facts(
            key=key,
            description=description,
            traces=traces,
            last=lambda: self._ledger.latest(step.name, [output.path for output in step.outputs]),
            outputs={output.shown: self.eyes.seen(output.path) for output in step.outputs},
            restorable=self.restorable,
            asked=self.asked,
        )
        if woken is not None:
            verdict = Verdict(Action.RUN, (woken,))
        else:
            verdict = judge(step, facts, Policy.FORCED if step.name in self.forced else Policy.WHEN_NEEDED)
        if verdict.action is not Action.RUN:
            return Judged(verdict, key, (), inputs)
        return Judged(verdict, key, description, inputs, self._absent_makers(step))

    def restorable(self, made: Made) -> bool:
        """Whether the store has all the bytes of an output."""
        return all(self._store.has(digest) for digest, _ in made.blobs())

    def describe(self, step: Step) -> tuple[ActionKey, Description]:
        """The key of a step and what it is made of, as far as its inputs are known."""
        inputs = {read.path: self._input(read) or MISSING for read in step.reads}
        tools = self.eyes.tools(step.tools, self._environ.get("PATH", os.defpath))
        description = self._describe(step, inputs, tools)
        return key_of(description), description

    def _describe(self, step: Step, inputs: Mapping[str, Seen], tools: Mapping[str, Seen]) -> Description:
        """What both the key and its explanation are made of."""
        return describe(
            step,
            seen=lambda read: inputs[read.path],
            environment=counted_environment(step, self._environ, self._language),
            tools=tools,
            platform=PLATFORM,
        )

    def _promisers(self, read: Input) -> list[str]:
        """The makers of an input whose outputs are only promised."""
        if not self.promises or read.outside:
            return []
        return [maker for maker in self.graph.makers_of(read) if maker in self.promises]

    def _absent_makers(self, step: Step) -> tuple[str, ...]:
        """The steps whose absent temporary outputs this one would read."""
        return tuple(
            maker
            for maker in dict.fromkeys(maker for read in step.reads for maker in self._promisers(read))
            if reads_any(step, self.absent(maker))
        )

    def absent(self, name: str) -> list[str]:
        """The temporary outputs of a step that are not there."""
        return absent_temporaries(self.graph.steps[name], self.eyes.seen)

    def _input(self, read: Input) -> Seen | None:
        """The content of an input: what is there, or what is promised; None where only its maker could tell."""
        promisers = self._promisers(read)
        if not promisers:
            return self.eyes.seen(read.path)
        for made in self.promises[promisers[0]].outputs:
            output = next(o for o in self.graph.steps[promisers[0]].outputs if o.shown == made.shown)
            if output.path == read.path:
                return Seen(made.kind, made.digest, made.size)
            if read.path.startswith(output.path + "/"):
                return _inside(made, read.path.removeprefix(output.path + "/"))
        return self._around(read.path, promisers)

    def _around(self, folder: str, promisers: Sequence[str]) -> Seen | None:
        """A folder around outputs, some of them only promised: as it is once they are in their places."""
        seen = self.eyes.seen(folder)
        if seen.kind not in (Kind.FOLDER, Kind.MISSING) or not seen.certified:
            return None
        promised: dict[str, Made] = {}
        for name in promisers:
            paths = {output.shown: output.path for output in self.graph.steps[name].outputs}
            promised |= {paths[made.shown]: made for made in self.promises[name].outputs}
        below_it = {
            path.removeprefix(folder + "/"): made
            for path, made in promised.items()
            if path.startswith(folder + "/")
        }
        holding = {
            above for path in below_it for above in parents(path)
        }  # empty now, perhaps, and not for long
        entries = [
            entry
            for entry in self.eyes.entries(folder)
            if entry.path not in holding
            and not any(path in below_it for path in (entry.path, *parents(entry.path)))
        ]
        for path, made in below_it.items():
            lying = made.entries or (Entry("", made.kind, made.digest, size=made.size),)
            entries += [replace(entry, path=posixpath.join(path, entry.path).rstrip("/")) for entry in lying]
        return Seen(Kind.FOLDER, manifest_digest(entries), sum(entry.size for entry in entries))


def _inside(made: Made, path: str) -> Seen:
    """What lies at a path inside a folder that is promised."""
    for entry in made.entries:
        if entry.path == path and entry.kind in (Kind.FILE, Kind.EXEC):
            return Seen(entry.kind, entry.digest, entry.size)
    inside = below(made.entries, path)
    empty = any(entry.path == path and entry.kind is Kind.FOLDER for entry in made.entries)
    if not inside and not empty:
        return MISSING
    return Seen(Kind.FOLDER, manifest_digest(inside), sum(entry.size for entry in inside))
