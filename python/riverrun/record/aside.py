"""What stands in the place of an output: riverrun's own goes into the store where it has no copy; a person's is kept aside.

Nothing that riverrun did not make is ever lost by a run: it is renamed to `.riverrun/replaced/<run>/<path>`.
"""

import os
from collections.abc import Sequence

from riverrun.ledger import Ledger
from riverrun.model.fact import Kind, Seen
from riverrun.model.names import OWN
from riverrun.model.step import CachePolicy, Output, Step
from riverrun.scan import Eyes, seen_of
from riverrun.store import Store


class Aside:
    """Makes room for outputs; `kept` names what was put aside, by output path."""

    def __init__(self, root: str, eyes: Eyes, store: Store, ledger: Ledger, *, run: str) -> None:
        self._root = root
        self._eyes = eyes
        self._store = store
        self._ledger = ledger
        self._folder = os.path.join(OWN, "replaced", run)
        self.kept: dict[str, str] = {}

    def make_room(self, steps: Sequence[Step]) -> None:
        """Looks at everything that is about to be replaced. Raises `OSError` where it cannot be put aside."""
        standing = [
            (step, output)
            for step in steps
            for output in step.outputs
            if os.path.lexists(self._eyes.real(output.path))
        ]
        placed = self._ledger.placed_at(output.path for _, output in standing)
        for step, output in standing:
            place = os.path.join(self._root, output.path)
            old = placed.get(output.path)
            link = os.path.islink(place)
            seen = None if link else seen_of(self._eyes.fact_now(output.path))
            if seen is None or old is None or seen.state != (old.kind, old.digest):
                self._put_aside(output, place)
            elif self._has_no_copy(step, output, seen):
                self._store.move_in(place, seen.digest, seen.size)

    def _has_no_copy(self, step: Step, output: Output, seen: Seen) -> bool:
        """Whether old bytes that were too large to be copied may go into the store now (`cache = "auto"`)."""
        auto = step.cache is CachePolicy.AUTO and not output.temporary
        return auto and seen.kind is not Kind.FOLDER and seen.certified and not self._store.has(seen.digest)

    def _put_aside(self, output: Output, place: str) -> None:
        kept = os.path.join(self._folder, output.path)
        there = os.path.join(self._root, kept)
        number = 1
        while os.path.lexists(there):  # put aside before in this run, for an attempt that failed later
            number += 1
            there = os.path.join(self._root, f"{kept}.{number}")
        os.makedirs(os.path.dirname(there), exist_ok=True)
        os.rename(place, there)
        self.kept[output.path] = os.path.relpath(there, self._root)
