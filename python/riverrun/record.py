"""Record what steps made: finished attempts come in, certified outputs in their places and traces go out.

The order of writing is rule 8: bytes into the store and durable, outputs moved into place, then the trace. A crash in
between leaves unused bytes, or outputs that no trace vouches for, never a trace that claims what is not there.
"""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from riverrun.ledger import Ledger, Placing
from riverrun.model.fact import Entry, Kind, Made, Seen
from riverrun.model.step import ArtifactKind, CachePolicy, Ground, Output, Step
from riverrun.model.trace import ActionKey, Description, Trace
from riverrun.model.verdict import Cause, Reason
from riverrun.native import Digest, Fact, Index, Taken
from riverrun.scan import Eyes, made_of, seen_of
from riverrun.store import SMALL, Copy, Small, Store


class Recording(Enum):
    """What came of recording an attempt."""

    RECORDED = "recorded"
    REFUSED = "refused"  # an output is missing or not what may be kept
    UNSTABLE = "unstable"  # an input changed while the step ran (rule 7): judge it anew
    BROKEN = "broken"  # what should be restored is not what it was


@dataclass(frozen=True, slots=True)
class Done:
    """An attempt that has ended, with what was known when it began."""

    step: Step
    key: ActionKey
    description: Description
    inputs: Mapping[str, Seen]
    work: str  # the folder it ran in; mirrors the workspace
    started_ns: int
    seconds: float
    log: str
    enforced: str  # what contained it, for the trace
    succeeded: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it; `facts` are of the outputs in their places, to be learned without another look."""

    step: str
    recording: Recording
    trace: Trace | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    changed: tuple[str, ...] = ()  # inputs to be looked at again


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
        self._real_root = os.path.realpath(root)
        self._serial = itertools.count()

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
                reasons = tuple(_unstable(path, done.inputs[path], now) for path, now in changed.items())
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
        refused |= {done.step.name: _unplaced(done.step, placed) for done in kept}
        kept = [done for done in kept if not refused[done.step.name]]
        traces = self._ledger.record([self._trace(done, facts[done.step.name]) for done in kept])
        results = {
            name: Recorded(name, Recording.REFUSED, reasons=reasons)
            for name, reasons in refused.items()
            if reasons
        }
        for done, trace in zip(kept, traces, strict=True):
            outputs = {output.path: placed[output.path] for output in done.step.outputs}
            results[done.step.name] = Recorded(done.step.name, Recording.RECORDED, trace, outputs)
        return results

    def _copy_places(self, wanted: Sequence[tuple[Done, Output]]) -> list[bytes | None]:
        """Where the bytes of each output are copied while they are hashed; None where they are only named."""
        named = [done.step.cache is CachePolicy.NAME_ONLY or output.temporary for done, output in wanted]
        if all(named) or not self._store.room_for(0):
            return [None] * len(wanted)
        staging = self._store.staging()  # the folder is ours alone
        return [None if only else os.fsencode(f"{staging}/copy-{next(self._serial)}") for only in named]

    def _place(self, taken: Taken, kept: Sequence[Done]) -> dict[str, Fact]:
        moves, paths = [], []
        placed: dict[str, Fact] = {}
        for done in kept:
            for output in done.step.outputs:
                if done.step.ground is Ground.IN_PLACE:
                    placed[output.path] = self._index.look([self._eyes.real(output.path)])[0]
                    continue
                moves.append((os.fsencode(f"{done.work}/{output.path}"), self._eyes.real(output.path)))
                paths.append(output.path)
        self._make_room([done.step for done in kept])
        return placed | dict(zip(paths, taken.place(moves), strict=True))

    def _make_room(self, steps: Sequence[Step]) -> None:
        """Moves into the store what is about to be replaced and has no copy there, if it is what was certified."""
        auto = {
            output.path
            for step in steps
            for output in step.outputs
            if step.cache is CachePolicy.AUTO and not output.temporary and output.kind is ArtifactKind.FILE
        }
        placed = self._ledger.placed_at(auto)
        for path, old in placed.items():
            if old.kind not in (Kind.FILE.value, Kind.EXEC.value) or self._store.has(old.digest):
                continue
            seen = seen_of(self._index.look([self._eyes.real(path)])[0])
            if seen.digest == old.digest and seen.certified:
                self._store.move_in(os.path.join(self._root, path), seen.digest, seen.size)

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
            reason for output, fact in facts for reason in _faults_of(done, output, fact, self._real_root)
        )

    def restore(self, step: Step, trace: Trace) -> Recorded:
        """Puts the outputs of a trace back from the store, verified; broken bytes are set aside (rule 9)."""
        made_by_name = {made.shown: made for made in trace.outputs}
        lacking = []
        for output in step.outputs:
            made = made_by_name[output.shown]
            absent = output.temporary and not os.path.lexists(self._eyes.real(output.path))
            absent = absent and not all(self._store.has(digest) for digest, _ in made.blobs())
            if (
                not absent
                and seen_of(self._index.look([self._eyes.real(output.path)])[0]).state != made.state
            ):
                lacking.append((output, made))
        nest = os.path.join(self._root, ".riverrun", "staging")
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
        return Recorded(step.name, Recording.RECORDED, trace, facts)

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
            self._make_room([step])
            facts = taken.place(moves)
        finally:
            taken.release()
        return {output.path: _placed(fact) for (output, _), fact in zip(lacking, facts, strict=True)}


def _copies_of(fact: Fact) -> Iterator[Copy | Small]:
    for digest, content in fact.kept:
        yield Small(bytes(digest), content)
    for digest, size, path in fact.copied:
        yield Copy(bytes(digest), size, os.fsdecode(path))


def _unplaced(step: Step, placed: Mapping[str, Fact]) -> tuple[Reason, ...]:
    """What the machine said of the outputs of a step that could not be put in their places."""
    errors = ((output.path, placed[output.path].error) for output in step.outputs)
    return tuple(
        Reason(Cause.ERROR, path, after=f"it cannot be put in its place: {error.strerror or error}")
        for path, error in errors
        if error is not None
    )


def _placed(fact: Fact) -> Fact:
    """The fact of an output in its place; what the machine said where it could not be put there."""
    if fact.error is not None:
        raise fact.error
    return fact


def _entries(made: Made) -> tuple[Entry, ...]:
    return made.entries if made.kind is Kind.FOLDER else (Entry("", made.kind, made.digest, b"", made.size),)


def _unstable(path: str, before: Seen, now: Seen) -> Reason:
    if now.state == before.state:  # only not certified
        return Reason(Cause.INPUT_BUSY, path, after="someone is writing it")
    return Reason(Cause.INPUT_UNSTABLE, path, before.digest.hex(), now.digest.hex() or now.kind.value)


def _faults_of(done: Done, output: Output, fact: Fact, root: str) -> Iterator[Reason]:
    """Why one output may not be kept: not there, of the wrong kind, still being written, or a link out of itself."""
    folder = output.kind is ArtifactKind.FOLDER
    if fact.kind == "missing":
        yield Reason(Cause.OUTPUT_NOT_MADE, output.path)
    elif fact.kind == "error" or fact.kind == "other":
        why = fact.error.strerror if fact.error is not None else "neither a file nor a folder"
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after=why or "it cannot be read")
    elif fact.kind == "link":
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after=_link_text("it is a symbolic link"))
    elif folder != (fact.kind == "folder"):
        found = "a folder" if fact.kind == "folder" else "a file"
        declared = "a folder (the path ends in '/')" if folder else "a file; a folder's path ends in '/'"
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after=f"it is {found}, but declared as {declared}")
    elif not fact.certified:
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after="someone is still writing it")
    elif fact.links:
        top = os.path.realpath(os.path.join(done.work, output.path))
        for path, text in fact.links:
            place = os.path.dirname(os.path.join(top, os.fsdecode(path)))
            target = os.path.normpath(os.path.join(place, os.fsdecode(text)))
            inside = target == top or target.startswith(top + "/")
            if (inside and os.path.isabs(os.fsdecode(text))) or (
                not inside and target.startswith(root + "/")
            ):
                where = os.path.join(output.path, os.fsdecode(path))
                yield Reason(
                    Cause.OUTPUT_REFUSED, where, after=_link_text(f"it is a link to {os.fsdecode(text)}")
                )


def _link_text(what: str) -> str:
    return f"{what}, which leads nowhere once the step is over; with 'real = true' the step gets files in place of links"
