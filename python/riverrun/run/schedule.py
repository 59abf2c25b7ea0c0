"""Which step may be judged, which may be started: needs and settlements come in, names go out. Pure.

States move one way, and only `move` moves them:

    WAITING -> READY -> QUEUED -> RUNNING -> RECORDING -> SETTLED
               READY -> SETTLED (kept, blocked)      READY -> RECORDING (restored)
               READY -> WAITING (a temporary artifact must be made first)
               RUNNING -> QUEUED (handed in ahead of its turn, and taken back)
               RECORDING -> QUEUED (another attempt)   RECORDING -> READY (an input changed meanwhile)
               SETTLED -> READY (the maker of that temporary artifact)
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from enum import Enum

from riverrun.run.queue import Queue


class State(Enum):
    """Where a step is on its way."""

    WAITING = "waiting"
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    RECORDING = "recording"
    SETTLED = "settled"


_AFTER = {
    State.WAITING: {State.READY},
    State.READY: {State.QUEUED, State.RECORDING, State.SETTLED, State.WAITING},
    State.QUEUED: {State.RUNNING, State.SETTLED},
    State.RUNNING: {State.RECORDING, State.QUEUED},
    State.RECORDING: {State.SETTLED, State.QUEUED, State.READY},
    State.SETTLED: {State.READY},
}


class Schedule:
    """The states of all steps of a run, and the order in which those that can go on do."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._left: dict[str, int] = {}  # how many needs are not settled
        self._readers: dict[str, list[str]] = {}  # who waits for a step
        self._rank: dict[str, int] = {}
        self._ready: deque[str] = deque()
        self._queue = Queue()

    def add(self, names: Iterable[str], needs_of: Callable[[str], Sequence[str]]) -> None:
        """Takes steps in, in the order in which they are to be started; needs that are not in it count as settled."""
        new = [name for name in names if name not in self._states]
        for name in new:
            self._rank[name] = len(self._rank)
            self._states[name] = State.WAITING
        for name in new:
            self._await(name, [need for need in needs_of(name) if not self.settled(need)])

    def wait_for(self, name: str, makers: Iterable[str]) -> list[str]:
        """Sends a step back to wait for these; returns those that were settled, and are now ready to go round again."""
        self.move(name, State.WAITING)
        again = [maker for maker in makers if self.settled(maker)]
        for maker in again:
            self.move(maker, State.READY)
        self._await(name, list(makers))
        return again

    def _await(self, name: str, needs: Sequence[str]) -> None:
        self._left[name] = len(needs)
        for need in needs:
            self._readers.setdefault(need, []).append(name)
        if not needs:
            self.move(name, State.READY)

    def settled(self, name: str) -> bool:
        """Whether a step needs no more waiting for."""
        return self._states.get(name, State.SETTLED) is State.SETTLED

    def move(self, name: str, state: State, needs: Hashable = None) -> None:
        """The one setter. Settling a step makes readers ready that waited for nothing else.

        Of queued steps with equal `needs` all fit, or none.
        """
        assert state in _AFTER[self._states[name]], f"{name}: {self._states[name]} -> {state}"
        self._states[name] = state
        if state is State.READY:
            self._ready.append(name)
        elif state is State.QUEUED:
            self._queue.put(name, self._rank[name], needs)
        elif state is State.SETTLED:
            for reader in self._readers.pop(name, ()):
                self._left[reader] -= 1
                if self._left[reader] == 0:
                    self.move(reader, State.READY)

    @property
    def any_ready(self) -> bool:
        """Whether steps can be judged now."""
        return bool(self._ready)

    def take_ready(self, most: int | None = None) -> list[str]:
        """The steps that can be judged now, or the first of them; they are the caller's to move on."""
        count = len(self._ready) if most is None else min(most, len(self._ready))
        return [self._ready.popleft() for _ in range(count)]

    @property
    def any_queued(self) -> bool:
        """Whether steps wait to be started."""
        return bool(self._queue)

    def prioritise(self, lengths: Mapping[str, float]) -> None:
        """Start those first that have the longest way to the end of the run, in seconds."""
        self._queue.prioritise(lengths)

    def startable(self, fits: Callable[[str], bool]) -> Iterator[str]:
        """Queued steps that fit, in order, each moved to RUNNING."""
        for name in self._queue.startable(fits):
            self.move(name, State.RUNNING)
            yield name

    def take_queued(self) -> list[str]:
        """All queued steps, in order; they will not be started."""
        return self._queue.take_all()
