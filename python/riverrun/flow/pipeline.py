"""The Python interface: a folder or a spec comes in, a pipeline that can be run and asked goes out.

What a seal can answer is answered before spec, graph and ledger are opened; hence the late imports.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

from riverrun.errors import UsageError
from riverrun.flow import seal
from riverrun.flow.lock import locked
from riverrun.flow.options import Listing, Mode, RunOptions
from riverrun.model.policy import Check
from riverrun.model.trace import Attempted, RunRecord
from riverrun.report import Event, Explanation, Note, Report

if TYPE_CHECKING:
    from riverrun.flow.outline import Asked, Outline
    from riverrun.flow.upkeep import Cleaning
    from riverrun.flow.workspace import Workspace
    from riverrun.graph import Graph
    from riverrun.spec import Document
    from riverrun.store import Broken, Garbage, Stats


def _ignore(event: Event) -> None:
    """Where no one listens."""


class Pipeline:
    """A pipeline of a workspace: `Pipeline.load(".").run()` brings about its end state.

    Nothing is kept open between calls. The spec is read when it is first needed, and once; where a seal vouches for
    what is asked, it is not read at all.
    """

    def __init__(self, folder: str, file: str | None) -> None:
        self._folder = folder
        self._file = file

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, file: str | None = None) -> Self:
        """The pipeline of a folder (the current one, if none is given) or of those above it; or of a spec's path.

        Raises `UsageError` where there is none. What is wrong with the spec is raised, as `SpecError`, by the first
        call that needs it.
        """
        start = os.getcwd() if path is None else os.path.abspath(path)
        if file is None and os.path.isfile(start):
            start, file = os.path.dirname(start), os.path.basename(start)
        pipeline = cls(start, file)
        if not seal.has_spec(start, file):
            _ = pipeline._workspace  # says what is wrong
        return pipeline

    @cached_property
    def _workspace(self) -> "Workspace":
        from riverrun.flow.workspace import Workspace

        return Workspace.find(self._folder, self._file)

    @cached_property
    def _document(self) -> "Document":
        return self._workspace.load({})

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
        began = time.monotonic()
        question = seal.Question(
            self._folder, self._file, _words(what), tuple(sorted(options.params.items()))
        )
        sealed = seal.check(question, os.environ) if options.sealable else None
        if isinstance(sealed, seal.Intact) and options.listing is Listing.CHANGES:
            if options.mode is Mode.RUN:
                with locked(sealed.root, options.wait):
                    sealed = seal.check(question, os.environ)  # another run may have ended meanwhile
            if isinstance(sealed, seal.Intact):
                return _kept(sealed, options, began)
        broken = sealed if isinstance(sealed, seal.Broken) and options.listing is Listing.CHANGES else None
        if options.mode is Mode.DRY:
            from riverrun.flow.looking import foresight

            return foresight(
                self._workspace, self._read, self._asked(what, options), options, question, broken
            )
        from riverrun.flow.running import Running

        return Running(
            self._workspace,
            self._read,
            self._asked(what, options),
            options,
            question,
            broken,
            on_event or _ignore,
        ).report()

    def _read(self, params: Mapping[str, str]) -> "Document":
        return self._workspace.load(params) if params else self._document

    def _asked(self, what: Sequence[str], options: RunOptions | None = None) -> "Asked":
        from riverrun.flow.outline import Asked

        options = options or RunOptions()
        return Asked(_words(what), self._workspace.tributary, options.only, options.force)

    def status(
        self,
        what: Sequence[str] = (),
        *,
        check: Check = Check.STAT,
        params: Mapping[str, str] | None = None,
        listing: Listing = Listing.CHANGES,
    ) -> Report:
        """What a run would do now, and why; changes nothing but the index and the seal."""
        options = RunOptions(mode=Mode.DRY, check=check, params=params or {}, listing=listing)
        return self.run(what, options=options)

    def explain(
        self,
        what: Sequence[str] = (),
        *,
        check: Check = Check.STAT,
        params: Mapping[str, str] | None = None,
    ) -> list[Explanation]:
        """Why steps would act, with all that counts for them; of `what` alone if it is given, else of all."""
        from riverrun.flow.looking import explained, looking

        options = RunOptions(check=check, params=params or {})
        with looking(self._workspace, self._read, self._asked(what), options) as outlook:
            explanations = explained(outlook)
            return [each for each in explanations if not what or each.step in outlook.outline.named]

    def graph(self, what: Sequence[str] = ()) -> "Graph":
        """The wanted steps and what they need of each other, as far as it can be told without running."""
        from riverrun.graph import Graph

        outline = self._outline(what)
        if not what:
            return outline.graph
        steps = {name: step for name, step in outline.graph.steps.items() if name in outline.wanted}
        return Graph(steps, outline.waiting)

    def _outline(self, what: Sequence[str]) -> "Outline":
        from riverrun.flow.outline import draw
        from riverrun.ledger import Access

        with self._workspace.ledger(Access.READ) as ledger:
            made = ledger.placed()
        return draw(
            self._document, self._asked(what), root=self.root, made=made, environ=self._workspace.environ
        )

    def log(self, step: str) -> str:
        """The path of the newest log of a step. Raises `UsageError` if it has none."""
        for attempted in self.attempts(step):
            path = os.path.join(self.root, attempted.log)
            if attempted.log and os.path.exists(path):
                return path
        hint = (
            "a step that prints nothing has none; logs of the last 20 runs are kept, see 'riverrun history'"
        )
        raise UsageError(f"there is no log of '{step}'", hint=hint)

    def attempts(self, step: str | None = None) -> list[Attempted]:
        """What happened to a step, or to all, in the runs that are remembered; newest first."""
        from riverrun.ledger import Access

        with self._workspace.ledger(Access.READ) as ledger:
            return ledger.attempts(step=step)

    def history(self, limit: int = 20) -> list[RunRecord]:
        """The last runs that had something to do or to look for, newest first."""
        from riverrun.ledger import Access

        with self._workspace.ledger(Access.READ) as ledger:
            return ledger.runs(limit)

    def clean(self, what: Sequence[str] = (), *, orphans: bool = False) -> "Cleaning":
        """What steps made and may be removed; nothing is removed yet."""
        from riverrun.flow import upkeep

        return upkeep.clean(
            self._workspace, self._document, self._asked(what), named=bool(what), orphans=orphans
        )

    def remove(self, cleaning: "Cleaning") -> None:
        """Removes what `clean` listed, if it is still as the ledger has it. Raises `LockedError` beside a run."""
        from riverrun.flow import upkeep

        upkeep.remove(self._workspace, cleaning)

    def cache_stats(self) -> "Stats":
        """How large the store is."""
        from riverrun.flow import upkeep

        return upkeep.cache_stats(self._workspace)

    def cache_verify(self) -> "list[Broken]":
        """Reads every byte of the store; what is broken is set aside and named."""
        from riverrun.flow import upkeep

        return upkeep.cache_verify(self._workspace)

    def cache_gc(self, remove: bool = False, keep_runs: int = 20) -> "Garbage":
        """What no workspace can want restored any more; removed if told."""
        from riverrun.flow import upkeep

        return upkeep.cache_gc(self._workspace, remove=remove, keep_runs=keep_runs)


def _words(what: Sequence[str]) -> tuple[str, ...]:
    """`run("total")` means the step, not five letters."""
    return (what,) if isinstance(what, str) else tuple(what)


def _kept(sealed: seal.Intact, options: RunOptions, began: float) -> Report:
    """The report of what a seal vouches for; no step was looked at by itself."""
    return Report(
        ok=True,
        check=options.check.value,
        seconds=time.monotonic() - began,
        counts={"kept": sealed.kept, "repaired": 0, "not_kept": 0, "ran": 0, "restored": 0},
        notes=tuple(Note(kind, text) for kind, text in sealed.notes),
        dry=options.mode is Mode.DRY,
    )
