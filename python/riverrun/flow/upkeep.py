"""Looking after what riverrun keeps: gc, verify and clean; what may go comes out as a list, and goes when told."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from riverrun.errors import LedgerError
from riverrun.flow.notes import undeclared
from riverrun.flow.outline import Asked, draw_as_made
from riverrun.flow.workspace import Workspace
from riverrun.graph import parents
from riverrun.ledger import Access, Ledger
from riverrun.model.fact import Kind
from riverrun.model.policy import Check
from riverrun.scan import Eyes
from riverrun.spec import Document
from riverrun.store import Broken, Claims, Garbage, Registered, Stats, reachable


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What `clean` may remove (path, bytes), and what it leaves and why."""

    paths: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, str], ...]


def cache_stats(workspace: Workspace) -> Stats:
    """How large the store is, and who uses it."""
    with workspace.store() as store:
        return store.stats()


def cache_verify(workspace: Workspace) -> list[Broken]:
    """Reads every byte of the store; broken ones are set aside, and the steps that need them will run."""
    with workspace.store() as store, store.using():
        return store.verify()


def cache_gc(workspace: Workspace, *, remove: bool, keep_runs: int) -> Garbage:
    """What no registered workspace can want restored, removed if told.

    This workspace's traces count while their outputs lie in it, or while one of its last `keep_runs` runs made them;
    of the others all traces count. Traces go before bytes (rule 8). Raises `LedgerError` when a ledger cannot be
    read: then nothing is collected (rule 10); and `LockedError` while a run goes on.
    """
    with workspace.locked(0.0), workspace.ledger(Access.WRITE) as ledger, workspace.store() as store:
        outdated = ledger.outdated(keep_runs)
        with store.alone():
            reach = reachable(
                (card, _claims(card, workspace, ledger, outdated)) for card in store.registered()
            )
            if reach.unreadable:
                place, why, hint = reach.unreadable[0]
                raise LedgerError(f"nothing is collected, as '{place}' uses this store too: {why}", hint=hint)
            garbage = store.plan_gc(reach.keep)
            if remove:
                ledger.forget(outdated)
                store.collect(garbage)
        return garbage


def _claims(card: Registered, workspace: Workspace, own: Ledger, outdated: list[int]) -> Claims:
    """What the traces of one registered workspace may want restored."""
    if os.path.realpath(card.workspace) == os.path.realpath(workspace.root):
        return lambda: own.blobs(without=outdated)

    def others() -> Iterator[tuple[bytes, int]]:
        with Ledger.open(card.ledger, Access.READ) as ledger:
            if ledger.note:
                raise LedgerError(ledger.note)
            yield from ledger.blobs()

    return others


def clean(workspace: Workspace, document: Document, asked: Asked, *, named: bool, orphans: bool) -> Cleaning:
    """What steps made and is still as the ledger has it; with `orphans`, only what no step declares any more."""
    with workspace.ledger(Access.READ) as ledger:
        placed = ledger.placed()
        outline = draw_as_made(
            document, asked, root=workspace.root, made=placed, environ=workspace.environ, ledger=ledger
        )
        matches = ledger.matches()
    graph = outline.graph
    declared = {
        output.path
        for name in (outline.named if named else graph.steps)
        for output in graph.steps[name].outputs
    }
    if orphans:
        paths = undeclared(placed, graph, spec=workspace.spec, matches=matches, root=workspace.root)
    else:
        paths = [path for path in placed if path in declared]
    eyes = Eyes(workspace.root, workspace.index(), check=Check.STAT, trust=workspace.local.trust)
    eyes.look(paths)
    remove, kept = [], []
    for path in sorted(paths):
        seen, was = eyes.seen(path), placed[path]
        if seen.kind is Kind.MISSING:
            continue
        if seen.state == (was.kind, was.digest) and seen.certified:
            remove.append((path, seen.size))
        else:
            kept.append((path, "it was changed since riverrun made it"))
    return Cleaning(tuple(remove), tuple(kept))


def remove(workspace: Workspace, cleaning: Cleaning) -> None:
    """Removes what `clean` listed, and empty folders around it. Looks once more before, under the workspace's lock."""
    with workspace.locked(0.0), workspace.ledger(Access.WRITE) as ledger:
        placed = ledger.placed_at(path for path, _ in cleaning.paths)
        eyes = Eyes(workspace.root, workspace.index(), trust=workspace.local.trust)
        gone = [path for path, was in placed.items() if eyes.seen(path).state == (was.kind, was.digest)]
        for path in gone:
            place = os.path.join(workspace.root, path)
            if os.path.isdir(place) and not os.path.islink(place):
                shutil.rmtree(place)
            else:
                os.unlink(place)
            _remove_empty_above(workspace.root, path)
        ledger.unplace(gone)


def _remove_empty_above(root: str, path: str) -> None:
    for folder in parents(path):
        try:
            os.rmdir(os.path.join(root, folder))
        except OSError:
            return
