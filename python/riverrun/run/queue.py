"""Steps that wait to be started: names with what they need come in; which is started next goes out. Pure.

The longest way to the end first: what the whole run must wait for in the end should not begin last. Among equals, and
where nothing is known, in the order of the graph.

Steps that need the same are asked after together: where one does not fit, none of them does. One that does not fit holds
up none behind it, but only for a while: when PATIENCE of lower priority have passed it, nothing else is started until it
is, so that a stream of small steps cannot keep a large one waiting for ever.
"""

import heapq
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import median

PATIENCE = 100  # starts; enough for cores to stay busy while a large step waits for room
UNKNOWN_SECONDS = 1.0  # of each step where none has ever run: then the longest way is the one of most steps


class Queue:
    """What is queued, by priority, in classes of steps that need the same."""

    def __init__(self) -> None:
        self._classes: dict[Hashable, list[tuple[float, int, str]]] = {}  # heaps; none is empty
        self._lengths: Mapping[str, float] = {}
        self._passed: dict[
            Hashable, int
        ] = {}  # how many of lower priority were started since one of a class was

    def __bool__(self) -> bool:
        return bool(self._classes)

    def prioritise(self, lengths: Mapping[str, float]) -> None:
        """Take the seconds from the start of each step to the end of the run for its priority."""
        self._lengths = lengths
        for heap in self._classes.values():
            heap[:] = [(-lengths.get(name, 0.0), rank, name) for _, rank, name in heap]
            heapq.heapify(heap)

    def put(self, name: str, rank: int, needs: Hashable) -> None:
        """Queue a step; `rank` is its place in the order of the graph."""
        heapq.heappush(self._classes.setdefault(needs, []), (-self._lengths.get(name, 0.0), rank, name))

    def startable(self, fits: Callable[[str], bool]) -> Iterator[str]:
        """Steps that fit, in order, each taken out of the queue when it is given."""
        firsts = [(heap[0], needs) for needs, heap in self._classes.items()]
        heapq.heapify(firsts)
        unfit: list[tuple[tuple[float, int, str], Hashable]] = []
        for overdue in [needs for needs, passed in self._passed.items() if passed >= PATIENCE]:
            if not fits(self._classes[overdue][0][2]):
                return
            firsts = [(first, needs) for first, needs in firsts if needs != overdue]
            heapq.heapify(firsts)
            yield self._take(overdue, firsts)
        while firsts:
            first, needs = heapq.heappop(firsts)
            if not fits(first[2]):
                unfit.append((first, needs))
                continue
            for other, waiting in unfit:
                if other < first:
                    self._passed[waiting] = self._passed.get(waiting, 0) + 1
            yield self._take(needs, firsts)
            if any(self._passed.get(waiting, 0) >= PATIENCE for _, waiting in unfit):
                return

    def _take(self, needs: Hashable, firsts: list[tuple[tuple[float, int, str], Hashable]]) -> str:
        """The first of a class; the next one takes its place among the firsts."""
        heap = self._classes[needs]
        _, _, name = heapq.heappop(heap)
        self._passed.pop(needs, None)
        if heap:
            heapq.heappush(firsts, (heap[0], needs))
        else:
            del self._classes[needs]
        return name

    def take_all(self) -> list[str]:
        """All of them, in order; they will not be started."""
        entries = sorted(entry for heap in self._classes.values() for entry in heap)
        self._classes.clear()
        self._passed.clear()
        return [name for _, _, name in entries]


def estimates(families: Mapping[str, str], recorded: Mapping[str, float]) -> dict[str, float]:
    """Seconds that each step (with its family) may take: as when it last ran, as its family does, or as all do."""
    by_family: dict[str, list[float]] = {}
    for name, seconds in recorded.items():
        if name in families:
            by_family.setdefault(families[name], []).append(seconds)
    typical = {family: median(some) for family, some in by_family.items()}
    usual = median(recorded.values()) if recorded else UNKNOWN_SECONDS
    return {name: recorded.get(name, typical.get(family, usual)) for name, family in families.items()}


def lengths(
    order: Sequence[str], needs_of: Callable[[str], Sequence[str]], seconds: Mapping[str, float]
) -> dict[str, float]:
    """Seconds from the start of each step to the end of the longest way through those that need it.

    `order` has each step after those that it needs; so one pass from its end is enough, however deep the graph is.
    """
    behind: dict[str, float] = {}
    ways: dict[str, float] = {}
    for name in reversed(order):
        ways[name] = way = seconds[name] + behind.get(name, 0.0)
        for need in needs_of(name):
            if behind.get(need, 0.0) < way:
                behind[need] = way
    return ways
