"""Record what steps made: finished attempts come in, certified outputs in their places and traces go out.

The order of writing is rule 8: bytes into the store and durable, outputs moved into place, then the trace. A crash in
between leaves unused bytes, or outputs that no trace vouches for, never a trace that claims what is not there.
"""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence

from riverrun.ledger import Ledger, Placing
from riverrun.model.fact import Entry, Kind, Made
from riverrun.model.names import OWN
from riverrun.model.step import CachePolicy, Ground, Output, Step
from riverrun.model.trace import Trace
from riverrun.model.verdict import Cause, Reason, Recording
from riverrun.native import Digest, Fact, Index, Taken
from riverrun.record.aside import Aside
from riverrun.record.done import Done, Recorded
from riverrun.record.faults import faults_of, unplaced, unstable
from riverrun.scan import Eyes, made_of, seen_of
from riverrun.store import SMALL, Copy, Small, Store


class Recorder:
    """Takes outputs from work folders into the workspace, the store and the ledger. For one thread at a time."""

    def __init__(
        self, root: str, eyes: Eyes, index: Index, store: Store, ledger: Ledger, *, run: str, copy_limit: int
    ) -> None:
        self._root = root
        self._eyes = eyes
        self._index = index
        self._store = store
        self._ledger = ledger
        self._run = run
        self._copy_limit = copy_limit
        self._aside = Aside(root, eyes, store, ledger, run=run)
        self._real_root = os.path.realpath(root)
        self._serial = itertools.count()
        self.uncopied = ""  # why outputs were only named, and not copied into the store

    def record(self, batch: Sequence[Done]) -> list[Recorded]:
        """Records a batch of attempts with one barrier for all of its bytes.

        Failed attempts are only checked for inputs that changed under them. Raises `StoreError`, `LedgerError` and
        `OSError` when the machine refuses; then nothing of the batch is recorded.
        """
        results: dict[str, Recorded] = {}
        good: list[Done] = []
        changes = self._eyes.changed_since([(done.inputs, done.started_ns) for done in batch])
        for done, changed in zip(batch, changes, strict=True):
            if changed:
                reasons = tuple(unstable(path, done.inputs[path], now) for path, now in changed.items())
                results[done.step.name] = Recorded(
                    done.step.name, Recording.UNSTABLE, reasons=reasons, changed=tuple(changed)
                )
            elif done.succeeded:
                good.append(done)
        for limit, group in self._by_copy_limit(good):
            results |= self._keep(group, limit)
        return [results[done.step.name] for done in batch if done.step.name in results]

    def _by_copy_limit(self, batch: Sequence[Done]) -> Iterator[tuple[int | None, list[Done]]]:
        """Attempts whose outputs are always copied apart from those with a limit; mostly there is one group."""
        for limit in (None, self._copy_limit):
            group = [done for done in batch if (done.step.cache is CachePolicy.COPY) is (limit is None)]
            if group:
                yield limit, group

    def _keep(self, batch: Sequence[Done], copy_limit: int | None) -> dict[str, Recorded]:
        wanted = [(done, output) for done in batch for output in done.step.outputs]
        sources = [os.fsencode(f"{done.work}/{output.path}") for done, output in wanted]
        copies = self._copy_places(wanted)
        taken = self._index.take(sources, copies=copies, copy_limit=copy_limit, keep_limit=SMALL)
        try:
            facts: dict[str, list[tuple[Output, Fact]]] = {done.step.name: [] for done in batch}
            for (done, output), fact in zip(wanted, taken.facts, strict=True):
                facts[done.step.name].append((output, fact))
            refused = {done.step.name: self._faults(done, facts[done.step.name]) for done in batch}
            kept = [done for done in batch if not refused[done.step.name]]
            self._store.add(
                [copy for done in kept for _, fact in facts[done.step.name] for copy in _copies_of(fact)]
            )
            self._store.sync()
            placed = self._place(taken, kept)
        finally:
            taken.release()
        refused |= {done.step.name: unplaced(done.step, placed) for done in kept}
        kept = [done for done in kept if not refused[done.step.name]]
        traces = self._ledger.record([self._trace(done, facts[done.step.name]) for done in kept])
        results = {
            name: Recorded(name, Recording.REFUSED, reasons=reasons)
            for name, reasons in refused.items()
            if reasons
        }
        for done, trace in zip(kept, traces, strict=True):
            outputs = {output.path: placed[output.path] for output in done.step.outputs}
            notes = self._told(done.step)
            results[done.step.name] = Recorded(
                done.step.name, Recording.RECORDED, trace, outputs, notes=notes
            )
        return results

    def _told(self, step: Step) -> tuple[str, ...]:
        """What stood in the place of outputs, and was not riverrun's."""
        kept = self._aside.kept
        return tuple(
            f"what stood at '{output.path}' was not as riverrun left it; it is kept in {kept.pop(output.path)}"
            for output in step.outputs
            if output.path in kept
        )

    def _copy_places(self, wanted: Sequence[tuple[Done, Output]]) -> list[bytes | None]:
        """Where the bytes of each output are copied while they are hashed; None where they are only named."""
        named = [done.step.cache is CachePolicy.NAME_ONLY or output.temporary for done, output in wanted]
        if all(named):
            return [None] * len(wanted)
        refusal = self._store.refusal(0)
        if refusal:
            self.uncopied = refusal
            return [None] * len(wanted)
        staging = self._store.staging()  # the folder is ours alone
        return [None if only else os.fsencode(f"{staging}/copy-{next(self._serial)}") for only in named]

    def _place(self, taken: Taken, kept: Sequence[Done]) -> dict[str, Fact]:
        moves, paths = [], []
        placed: dict[str, Fact] = {}
        for done in kept:
            for output in done.step.outputs:
                if done.step.ground is Ground.IN_PLACE:
                    placed[output.path] = self._eyes.fact_now(output.path)
                    continue
                moves.append((os.fsencode(f"{done.work}/{output.path}"), self._eyes.real(output.path)))
                paths.append(output.path)
        self._aside.make_room([done.step for done in kept if done.step.ground is Ground.WORK_FOLDER])
        return placed | dict(zip(paths, taken.place(moves), strict=True))

    def _trace(self, done: Done, facts: Sequence[tuple[Output, Fact]]) -> Trace:
        return Trace(
            id=0,
            key=done.key,
            step=done.step.name,
            outputs=tuple(made_of(fact, output.path, output.shown) for output, fact in facts),
            description=done.description,
            run=self._run,
            started=time.time() - done.seconds,
            seconds=done.seconds,
            containment=done.enforced,
            log=done.log,
        )

    def _faults(self, done: Done, facts: Sequence[tuple[Output, Fact]]) -> tuple[Reason, ...]:
        """Why the outputs of an attempt may not be kept."""
        return tuple(
            reason for output, fact in facts for reason in faults_of(done, output, fact, self._real_root)
        )

    def restore(self, step: Step, trace: Trace) -> Recorded:
        """Puts the outputs of a trace back from the store, verified; broken bytes are set aside (rule 9)."""
        made_by_name = {made.shown: made for made in trace.outputs}
        lacking = []
        for output in step.outputs:
            made = made_by_name[output.shown]
            absent = output.temporary and not os.path.lexists(self._eyes.real(output.path))
            absent = absent and not all(self._store.has(digest) for digest, _ in made.blobs())
            if not absent and not self._stands(output, made):
                lacking.append((output, made))
        nest = os.path.join(self._root, OWN, "staging")
        os.makedirs(nest, exist_ok=True)
        staging = tempfile.mkdtemp(dir=nest)
        try:
            facts = self._rebuild(step, lacking, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        if facts is None:
            paths = ", ".join(output.path for output, _ in lacking)
            return Recorded(step.name, Recording.BROKEN, reasons=(Reason(Cause.STORE_BROKEN, paths),))
        self._ledger.place(
            [
                Placing(output.path, made.kind.value, made.digest, trace.id)
                for output, made in self._pairs(step, trace)
            ]
        )
        return Recorded(step.name, Recording.RECORDED, trace, facts, notes=self._told(step))

    def _stands(self, output: Output, made: Made) -> bool:
        """Whether an output is in its place as it was made; a link is not, whatever it leads to."""
        place = self._eyes.real(output.path)
        return not os.path.islink(place) and seen_of(self._eyes.fact_now(output.path)).state == made.state

    def _pairs(self, step: Step, trace: Trace) -> Iterator[tuple[Output, Made]]:
        made_by_name = {made.shown: made for made in trace.outputs}
        for output in step.outputs:
            yield output, made_by_name[output.shown]

    def _rebuild(
        self, step: Step, lacking: Sequence[tuple[Output, Made]], staging: str
    ) -> dict[str, Fact] | None:
        """Restores outputs beside their places and moves them in; None if bytes of one are missing or broken."""
        pieces, moves, digests = [], [], []
        for number, (output, made) in enumerate(lacking):
            top = os.path.join(staging, str(number))
            moves.append((os.fsencode(top), self._eyes.real(output.path)))
            for entry in _entries(made):
                place = os.path.join(top, entry.path) if entry.path else top
                if made.kind is Kind.FOLDER:
                    os.makedirs(place if entry.kind is Kind.FOLDER else os.path.dirname(place), exist_ok=True)
                if entry.kind is Kind.LINK:
                    os.symlink(entry.link, os.fsencode(place))
                elif entry.kind in (Kind.FILE, Kind.EXEC):
                    piece = self._store.locate(entry.digest)
                    if piece is None:
                        return None
                    mode = 0o755 if entry.kind is Kind.EXEC else 0o644
                    source = os.fsencode(piece.path)
                    pieces.append(
                        (source, piece.offset, piece.length, os.fsencode(place), Digest(entry.digest), mode)
                    )
                    digests.append(entry.digest)
            if made.kind is Kind.FOLDER:
                os.makedirs(top, exist_ok=True)
        taken = self._index.restore(pieces)
        try:
            failed = {
                digest: fact
                for digest, fact in zip(digests, taken.facts, strict=True)
                if fact.kind == "error"
            }
            for digest, fact in failed.items():
                if not self._store.set_aside(digest) and self._store.has(digest):
                    _placed(fact)  # the stored bytes are well: it is the machine that refused
            if failed:
                return None
            self._aside.make_room([step])
            facts = taken.place(moves)
        finally:
            taken.release()
        return {output.path: _placed(fact) for (output, _), fact in zip(lacking, facts, strict=True)}


def _copies_of(fact: Fact) -> Iterator[Copy | Small]:
    for digest, content in fact.kept:
        yield Small(bytes(digest), content)
    for digest, size, path in fact.copied:
        yield Copy(bytes(digest), size, os.fsdecode(path))


def _placed(fact: Fact) -> Fact:
    """The fact of an output in its place; what the machine said where it could not be put there."""
    if fact.error is not None:
        raise fact.error
    return fact


def _entries(made: Made) -> tuple[Entry, ...]:
    return made.entries if made.kind is Kind.FOLDER else (Entry("", made.kind, made.digest, b"", made.size),)
