"""The Python interface: a folder or a spec comes in, a pipeline that can be run and asked goes out."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from riverrun.errors import UsageError
from riverrun.flow import upkeep
from riverrun.flow.looking import explained, foreseen, looking
from riverrun.flow.options import Force, Mode, RunOptions
from riverrun.flow.outline import Asked, Outline, draw
from riverrun.flow.running import Running
from riverrun.flow.workspace import Workspace
from riverrun.graph import Graph
from riverrun.ledger import Access
from riverrun.model.trace import Attempted, RunRecord
from riverrun.report import Event, Explanation, Report
from riverrun.scan import Check
from riverrun.spec import Document
from riverrun.store import Broken, Garbage, Stats


def _ignore(event: Event) -> None:
    """Where no one listens."""


class Pipeline:
    """A pipeline of a workspace: `Pipeline.load(".").run()` brings about its end state.

    Nothing is kept open between calls; each reads spec and disk anew.
    """

    def __init__(self, workspace: Workspace, document: Document) -> None:
        self._workspace = workspace
        self._document = document

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, file: str | None = None) -> Self:
        """Finds the spec from a folder (the current one, if none is given) upwards, and reads it whole.

        `path` may be the spec itself. Raises `UsageError` where there is none, and `SpecError` with all that is wrong.
        """
        start = None if path is None else os.fspath(path)
        if start is not None and file is None and os.path.isfile(start):
            start, file = None, start
        workspace = Workspace.find(start, file)
        return cls(workspace, workspace.load({}))

    @property
    def root(self) -> str:
        """The folder of the top spec."""
        return self._workspace.root

    def run(
        self,
        what: Sequence[str] = (),
        jobs: int | None = None,
        *,
        options: RunOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Report:
        """Brings about the end state, or `what`: steps, items, tributaries or artifacts.

        Never raises for a promise not kept (see `Report.raise_for_failure`). Raises `LockedError`, `SpecError`,
        `UsageError`, and what the machine refuses for the workspace as a whole.
        """
        options = options or RunOptions(jobs=jobs)
        document = self._workspace.load(options.params) if options.params else self._document
        asked = Asked(_words(what), self._workspace.tributary, options.only, options.force)
        if options.mode is Mode.DRY:
            began = time.monotonic()
            force_all = options.force_all is Force.ALL
            with looking(self._workspace, document, asked, options.check, force_all=force_all) as outlook:
                return foreseen(outlook, options.check, began)
        return Running(self._workspace, document, asked, options, on_event or _ignore).report()

    def status(
        self, what: Sequence[str] = (), *, check: Check = Check.STAT, params: Mapping[str, str] | None = None
    ) -> Report:
        """What a run would do now, and why; changes nothing but the index."""
        return self.run(what, options=RunOptions(mode=Mode.DRY, check=check, params=params or {}))

    def explain(self, what: Sequence[str] = ()) -> list[Explanation]:
        """Why steps would act, with all that counts for them; of `what` alone if it is given, else of all."""
        asked = Asked(_words(what), self._workspace.tributary)
        with looking(self._workspace, self._document, asked, Check.STAT) as outlook:
            explanations = explained(outlook)
            return [each for each in explanations if not what or each.step in outlook.outline.named]

    def graph(self, what: Sequence[str] = ()) -> Graph:
        """The wanted steps and what they need of each other, as far as it can be told without running."""
        outline = self._outline(what)
        if not what:
            return outline.graph
        steps = {name: step for name, step in outline.graph.steps.items() if name in outline.wanted}
        return Graph(steps, outline.waiting)

    def _outline(self, what: Sequence[str]) -> Outline:
        with self._workspace.ledger(Access.READ) as ledger:
            made = ledger.placed()
        return draw(
            self._document,
            Asked(_words(what), self._workspace.tributary),
            root=self.root,
            made=made,
            environ=self._workspace.environ,
        )

    def log(self, step: str) -> str:
        """The path of the newest log of a step. Raises `UsageError` if it has none."""
        for attempted in self.attempts(step):
            path = os.path.join(self.root, attempted.log)
            if attempted.log and os.path.exists(path):
                return path
        raise UsageError(
            f"there is no log of '{step}'", hint="logs of the last 20 runs are kept; see 'riverrun history'"
        )

    def attempts(self, step: str | None = None) -> list[Attempted]:
        """What happened to a step, or to all, in the runs that are remembered; newest first."""
        with self._workspace.ledger(Access.READ) as ledger:
            return ledger.attempts(step=step)

    def history(self, limit: int = 20) -> list[RunRecord]:
        """The last runs, newest first."""
        with self._workspace.ledger(Access.READ) as ledger:
            return ledger.runs(limit)

    def clean(self, what: Sequence[str] = (), *, orphans: bool = False) -> upkeep.Cleaning:
        """What steps made and may be removed; nothing is removed yet."""
        return upkeep.clean(self._workspace, self._outline(what), named=bool(what), orphans=orphans)

    def remove(self, cleaning: upkeep.Cleaning) -> None:
        """Removes what `clean` listed, if it is still as the ledger has it. Raises `LockedError` beside a run."""
        upkeep.remove(self._workspace, cleaning)

    def cache_stats(self) -> Stats:
        """How large the store is."""
        return upkeep.cache_stats(self._workspace)

    def cache_verify(self) -> list[Broken]:
        """Reads every byte of the store; what is broken is set aside and named."""
        return upkeep.cache_verify(self._workspace)

    def cache_gc(self, remove: bool = False, keep_runs: int = 20) -> Garbage:
        """What no workspace can want restored any more; removed if told."""
        return upkeep.cache_gc(self._workspace, remove=remove, keep_runs=keep_runs)


def _words(what: Sequence[str]) -> tuple[str, ...]:
    """`run("total")` means the step, not five letters."""
    return (what,) if isinstance(what, str) else tuple(what)
