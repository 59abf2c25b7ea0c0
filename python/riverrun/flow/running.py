"""A run from its lock to its report: what was asked comes in, the end state is brought about, a report goes out."""

import contextlib
import os
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from riverrun.flow.course import Course
from riverrun.flow.interrupt import listening
from riverrun.flow.knowledge import Knowledge
from riverrun.flow.notes import orphans, to_remember, vanished
from riverrun.flow.options import Force, RunOptions, Upstream
from riverrun.flow.outline import Asked, Outline, draw, draw_as_made
from riverrun.flow.seal import Broken, Question
from riverrun.flow.sealing import part, seal, seal_part
from riverrun.flow.workspace import Workspace
from riverrun.ledger import Access, Ledger
from riverrun.model.fact import Entry
from riverrun.model.trace import RunRecord
from riverrun.model.verdict import Outcome, StepResult
from riverrun.native import Index
from riverrun.record import Recorder
from riverrun.report import Event, Haste, Note, Planned, Reading, Remark, Report, Stopping, count
from riverrun.run import Crew, JobServer, Loop, Resources, Stop, clear_away
from riverrun.scan import Eyes
from riverrun.spec import Document

READING_HINT = "stamps of these files cannot vouch for them; 'riverrun doctor' says why"


class Stopped(BaseException):
    """Raised out of a long reading when the person asks to stop before any command runs."""


class Running:
    """One run. `report` is its one use."""

    def __init__(
        self,
        workspace: Workspace,
        read: Callable[[Mapping[str, str]], Document],
        asked: Asked,
        options: RunOptions,
        question: Question,
        broken: Broken | None,
        tell: Callable[[Event], None],
    ) -> None:
        self._workspace = workspace
        self._read = read
        self._asked = asked
        self._options = options
        self._question = question
        self._broken = broken
        self._tell = tell
        self._id = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
        self._notes: list[Note] = []
        self._loop: Loop | None = None
        self._began = time.monotonic()
        self._report: Report | None = None  # once the loop has ended

    def report(self) -> Report:
        """Takes the lock, runs, records, and says what came of it.

        Raises `LockedError`, `SpecError` (a source is missing) and `UsageError`; a promise not kept is in the report.
        """
        with self._workspace.locked(self._options.wait), listening(self._stop):
            try:
                with self._workspace.ledger(Access.WRITE) as ledger:
                    return self._run(ledger)
            except Stopped:
                return self._summary((), {}, interrupted=True)

    def _stop(self, haste: Haste) -> None:
        self._tell(Stopping(haste))
        if self._loop is None:
            raise Stopped
        self._loop.stop(Stop.CLEANLY if haste is Haste.GENTLE else Stop.AT_ONCE)

    def _run(self, ledger: Ledger) -> Report:
        workspace, options = self._workspace, self._options
        self._note("ledger", ledger.note)
        self._clear_after_kill(ledger)
        some = part(self._broken) if self._broken is not None else None
        made = {} if some is not None else ledger.placed()

        def redraw(listings: Mapping[str, Sequence[Entry]]) -> Outline:
            return draw(
                self._read(options.params),
                self._asked,
                root=workspace.root,
                made=made,
                listings=listings,
                environ=workspace.environ,
            )

        if some is not None:
            outline = some.outline
        elif self._asked.upstream is Upstream.LEFT_ALONE:
            outline = draw_as_made(
                self._read(options.params),
                self._asked,
                root=workspace.root,
                made=made,
                environ=workspace.environ,
                ledger=ledger,
            )
        else:
            outline = redraw({})
        index = workspace.index()
        self._note("index", index.note)
        eyes = Eyes(
            workspace.root,
            index,
            check=options.check,
            trust=workspace.local.trust,
            on_reading=self._on_reading,
        )
        with workspace.store() as store, store.using():
            forced = outline.wanted if options.force_all is Force.ALL else outline.forced
            knowledge = Knowledge(
                outline.graph, eyes, ledger, store, workspace.environ, forced=forced, asked=outline.asked
            )
            order = outline.in_order()
            self._tell(Planned(len(order)))
            knowledge.look(order)
            knowledge.require_sources(order if self._asked.upstream is Upstream.INCLUDED else ())
            remembered = ledger.matches()
            gone = vanished(remembered, workspace.spec, outline.matches) if some is None else []
            for note in gone:
                self._tell(Remark(note.message))
            self._notes += gone
            jobs = options.jobs or os.cpu_count() or 1
            jobserver = JobServer.of(workspace.environ.get("MAKEFLAGS", ""), jobs)
            crew = Crew(
                workspace.root,
                workspace.environ,
                self._id,
                tmp_base=workspace.local.tmp or "",
                jobserver=jobserver,
            )
            sharing = contextlib.closing(jobserver) if jobserver else contextlib.nullcontext()
            with sharing, contextlib.closing(crew), self._in_history(ledger):
                recorder = Recorder(
                    workspace.root,
                    eyes,
                    index,
                    store,
                    ledger,
                    run=self._id,
                    copy_limit=workspace.local.copy_limit,
                )
                course = Course(
                    root=workspace.root,
                    outline=outline,
                    knowledge=knowledge,
                    recorder=recorder,
                    ledger=ledger,
                    crew=crew,
                    run=self._id,
                    redraw=redraw,
                    tell=self._tell,
                    force=options.force_all,
                )
                report = self._go(course, order, index, jobs, jobserver)
            outline = course.outline
            self._notes += [Note("replaced", text) for text in course.replaced]
            if recorder.uncopied:
                text = (
                    f"outputs were not copied into the store, as {recorder.uncopied}; see 'riverrun cache gc'"
                )
                self._notes.append(Note("not_copied", text))
            if some is None:
                self._notes += orphans(
                    ledger.placed(),
                    outline.graph,
                    spec=workspace.spec,
                    matches=remembered,
                    root=workspace.root,
                )
                if report.ok or not gone:
                    ledger.set_matches(to_remember(remembered, workspace.spec, outline))
            else:
                self._notes += some.notes
            report = replace(report, notes=tuple(self._notes))
            if report.ok and options.sealable:
                if some is not None:
                    seal_part(workspace, self._question, some, knowledge, index, self._notes)
                else:
                    document = self._read(options.params)
                    seal(workspace, self._question, document, outline, knowledge, index, self._notes)
        return report

    def _go(
        self, course: Course, order: Sequence[str], index: Index, jobs: int, jobserver: JobServer | None
    ) -> Report:
        """Runs the loop, and writes down what came of it."""
        options, local = self._options, self._workspace.local
        limits: dict[str, float | str] = {**local.limits, **options.limits}
        resources = Resources(limits, jobs, self._workspace.environ)
        self._loop = Loop(
            course,
            course.crew,
            resources,
            order,
            jobs=jobs,
            on_failure=options.on_failure,
            jobserver=jobserver,
        )
        course.tails = self._loop.tails
        try:
            results = self._loop.run()
        finally:
            course.write_history()
            index.save()  # last in the order of writing (rule 8)
        steps = [results[name] for name in course.outline.graph.order() if name in results]
        steps += course.left_waiting()
        self._report = self._summary(
            steps, self._loop.tails, interrupted=self._loop.interrupted, besides=course.outline.besides
        )
        return self._report

    @contextlib.contextmanager
    def _in_history(self, ledger: Ledger) -> Iterator[None]:
        """Writes down that a run began and how it ended; one without an end was killed (rule 14)."""
        command = shlex.join(sys.argv)
        ledger.begin_run(RunRecord(self._id, time.time(), None, command, self._options.check.value, {}))
        try:
            yield
        finally:
            counts, interrupted = (
                (self._report.counts, self._report.interrupted) if self._report else ({}, True)
            )
            ledger.end_run(self._id, ended=time.time(), counts=counts, interrupted=interrupted)
            ledger.keep_runs()
            self._forget_replaced({record.id for record in ledger.runs()})

    def _forget_replaced(self, runs: set[str]) -> None:
        """What was put aside is kept as long as the run that did it is remembered."""
        nest = self._workspace.own("replaced")
        with contextlib.suppress(FileNotFoundError):
            for run in set(os.listdir(nest)) - runs:
                shutil.rmtree(os.path.join(nest, run), ignore_errors=True)

    def _clear_after_kill(self, ledger: Ledger) -> None:
        """Ends what a killed run left running, before its folders are used again (rule 14)."""
        dead = [record.id for record in ledger.unfinished()]
        if not dead:
            return
        for name in clear_away(self._workspace.root, dead):
            self._notes.append(
                Note("survivor", f"a run that was killed had left this running, and it was ended: {name}")
            )
        for run in dead:
            ledger.end_run(run, ended=time.time(), counts={}, interrupted=True)

    def _note(self, kind: str, text: str | None) -> None:
        if text:
            self._notes.append(Note(kind, text))
            self._tell(Remark(text))

    def _on_reading(self, files: int, size: int) -> None:
        self._tell(Reading(files, size, READING_HINT))

    def _summary(
        self, steps: Sequence[StepResult], tails: Mapping[str, str], *, interrupted: bool, besides: int = 0
    ) -> Report:
        return Report(
            ok=not interrupted and all(step.outcome is not Outcome.NOT_KEPT for step in steps),
            check=self._options.check.value,
            seconds=time.monotonic() - self._began,
            counts=count(steps, besides=besides),
            steps=tuple(steps),
            notes=tuple(self._notes),
            tails=dict(tails),
            interrupted=interrupted,
        )
