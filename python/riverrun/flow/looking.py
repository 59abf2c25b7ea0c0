"""What would happen: what was asked comes in, verdicts go out; nothing is run and no lock is taken.

Where a folder that another step makes is as it should be, the families that wait for it are spelled out and judged too.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from riverrun.flow.knowledge import Knowledge
from riverrun.flow.notes import orphans, vanished
from riverrun.flow.options import Force, RunOptions, Upstream
from riverrun.flow.outline import Asked, Outline, draw, draw_as_made
from riverrun.flow.seal import Broken, Question
from riverrun.flow.sealing import part, seal, seal_part
from riverrun.flow.workspace import Workspace
from riverrun.ledger import Access, Ledger
from riverrun.model.fact import Entry
from riverrun.model.policy import Check
from riverrun.model.step import Waiting
from riverrun.model.verdict import OUTCOMES, Action, Cause, Reason, StepResult, Verdict
from riverrun.plan import foresee
from riverrun.report import Explanation, Note, Report, count
from riverrun.scan import Eyes
from riverrun.spec import Document


@dataclass(frozen=True, slots=True)
class Outlook:
    """The verdicts of one moment, and the knowledge they rest on."""

    outline: Outline
    knowledge: Knowledge
    verdicts: Mapping[str, Verdict]
    waiting: tuple[Waiting, ...]
    notes: tuple[Note, ...]


@contextmanager
def looking(
    workspace: Workspace,
    read: Callable[[Mapping[str, str]], Document],
    asked: Asked,
    options: RunOptions,
    question: Question | None = None,
    broken: Broken | None = None,
) -> Iterator[Outlook]:
    """Looks at everything that the wanted steps read and make, and judges them. Raises `SpecError`, `UsageError`."""
    with workspace.ledger(Access.READ) as ledger, workspace.store() as store:
        index = workspace.index()
        eyes = Eyes(workspace.root, index, check=options.check, trust=workspace.local.trust)
        some = part(broken) if broken is not None else None
        made = {} if some is not None else ledger.placed()
        listings: dict[str, tuple[Entry, ...]] = {}
        while True:
            if some is not None:
                outline = some.outline
            else:
                root, environ, document = workspace.root, workspace.environ, read(options.params)
                if asked.upstream is Upstream.LEFT_ALONE:
                    outline = draw_as_made(
                        document, asked, root=root, made=made, environ=environ, ledger=ledger
                    )
                else:
                    outline = draw(document, asked, root=root, made=made, listings=listings, environ=environ)
            forced = outline.wanted if options.force_all is Force.ALL else outline.forced
            knowledge = Knowledge(
                outline.graph, eyes, ledger, store, workspace.environ, forced=forced, asked=outline.asked
            )
            order = outline.in_order()
            knowledge.look(order)
            if asked.upstream is Upstream.INCLUDED:
                knowledge.require_sources(order)
            verdicts = _foresee(outline, knowledge, ledger)
            new = _known_folders(outline, verdicts, listings)
            if not new:
                break
            listings |= new
        index.save()
        notes = [
            Note(kind, text) for kind, text in (("ledger", ledger.note), ("index", index.note or "")) if text
        ]
        if some is None:
            remembered = ledger.matches()
            notes += vanished(remembered, workspace.spec, outline.matches)
            notes += orphans(
                made, outline.graph, spec=workspace.spec, matches=remembered, root=workspace.root
            )
        else:
            notes += some.notes
        kept = all(verdict.action is Action.NONE for verdict in verdicts.values())
        if question is not None and options.sealable and kept:
            if some is not None:
                seal_part(workspace, question, some, knowledge, index, notes)
            else:
                seal(workspace, question, read(options.params), outline, knowledge, index, notes)
        yield Outlook(outline, knowledge, verdicts, outline.waiting, tuple(notes))


def _foresee(outline: Outline, knowledge: Knowledge, ledger: Ledger) -> dict[str, Verdict]:
    def judge_step(name: str, verdicts: Mapping[str, Verdict]) -> Verdict:
        judged = knowledge.judge([name])[name]
        verdict = judged.verdict
        restored = verdict.action is Action.RESTORE
        if verdict.trace is not None and (
            restored or (verdict.action is Action.NONE and knowledge.absent(name))
        ):
            knowledge.promises[name] = verdict.trace
        unknown = any(reason.cause is Cause.UPSTREAM for reason in verdict.reasons)
        return Verdict(Action.MAYBE, verdict.reasons) if unknown else verdict

    def first_run(name: str) -> bool:
        step = outline.graph.steps[name]
        return ledger.latest(name, [output.path for output in step.outputs]) is None

    return foresee(outline.graph, set(outline.wanted), judge_step, first_run, knowledge.absent)


def _known_folders(
    outline: Outline, verdicts: Mapping[str, Verdict], listings: Mapping[str, tuple[Entry, ...]]
) -> dict[str, tuple[Entry, ...]]:
    """The entries of folders that families wait for, where a trace tells them: kept, to be restored, or needed again."""
    new = {}
    for folder in {folder for family in outline.waiting for folder in family.folders} - listings.keys():
        maker = outline.graph.maker_of(folder)
        verdict = verdicts.get(maker) if maker is not None else None
        if verdict is None or verdict.trace is None:
            continue
        names = {output.shown: output.path for output in outline.graph.steps[maker or ""].outputs}
        for made in verdict.trace.outputs:
            if names[made.shown] == folder:
                new[folder] = made.entries
    return new


def foresight(
    workspace: Workspace,
    read: Callable[[Mapping[str, str]], Document],
    asked: Asked,
    options: RunOptions,
    question: Question,
    broken: Broken | None,
) -> Report:
    """The report of `status` and of dry runs."""
    began = time.monotonic()
    with looking(workspace, read, asked, options, question, broken) as outlook:
        return _foreseen(outlook, options.check, began)


def _foreseen(outlook: Outlook, check: Check, began: float) -> Report:
    results = [
        StepResult(name, verdict.action, OUTCOMES[verdict.action], verdict.reasons)
        for name, verdict in outlook.verdicts.items()
    ]
    for family in outlook.waiting:
        reasons = tuple(Reason(Cause.UPSTREAM, name) for name in (*family.folders, *family.via))
        results.append(StepResult(family.shown, Action.MAYBE, None, reasons))
    return Report(
        ok=all(result.action is not Action.BLOCKED for result in results),
        check=check.value,
        seconds=time.monotonic() - began,
        counts=count(results, besides=outlook.outline.besides),
        steps=tuple(results),
        notes=outlook.notes,
        dry=True,
    )


def explained(outlook: Outlook) -> list[Explanation]:
    """Why each wanted step would act, with what its key is made of."""
    explanations = []
    for name, verdict in outlook.verdicts.items():
        key, fields = outlook.knowledge.describe(outlook.outline.graph.steps[name])
        explanations.append(Explanation(name, verdict.action, verdict.reasons, fields, key.hex()))
    return explanations
