"""Steps that wait to be started: names with what they need come in; which is started next goes out. Pure.

The longest way to the end first: what the whole run must wait for in the end should not begin last. Among equals, and
where nothing is known, in the order of the graph.

Steps that need the same are asked after together: where one does not fit, none of them does. One that does not fit holds
up none behind it, but only for a while: when PATIENCE others have passed it, none is started until it is, so that a
stream of small steps cannot keep a large one waiting for ever.
"""

import heapq
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import median

PATIENCE = 100  # starts; enough for cores to stay busy while a large step waits for room
UNKNOWN_SECONDS = 1.0  # of each step where none has ever run: then the longest way is the one of most steps


class Queue:
    """What is queued, by priority."""

    def __init__(self) -> None:
        self._heaps: dict[Hashable, list[tuple[float, int, str]]] = {}  # by what the steps need
        self._lengths: Mapping[str, float] = {}
        self._passed: dict[str, int] = {}  # how many were started that stood behind a step that did not fit

    def __bool__(self) -> bool:
        return any(self._heaps.values())

    def prioritise(self, lengths: Mapping[str, float]) -> None:
        """Take the seconds from the start of each step to the end of the run for its priority."""
        self._lengths = lengths
        for heap in self._heaps.values():
            heap[:] = [(-lengths.get(name, 0.0), rank, name) for _, rank, name in heap]
            heapq.heapify(heap)

    def put(self, name: str, rank: int, needs: Hashable) -> None:
        """Queue a step; `rank` is its place in the order of the graph."""
        heapq.heappush(self._heaps.setdefault(needs, []), (-self._lengths.get(name, 0.0), rank, name))

    def startable(self, fits: Callable[[str], bool]) -> Iterator[str]:
        """Steps that fit, in order, each taken out of the queue when it is given."""
        unfit: dict[Hashable, tuple[float, int, str]] = {}
        while True:
            heads = [(heap[0], needs) for needs, heap in self._heaps.items() if heap and needs not in unfit]
            if not heads:
                return
            head, needs = min(heads, key=lambda found: found[0])
            name = head[2]
            if fits(name):
                heapq.heappop(self._heaps[needs])
                self._passed.pop(name, None)
                for *_, other in (one for one in unfit.values() if one < head):
                    self._passed[other] = self._passed.get(other, 0) + 1
                yield name
            else:
                unfit[needs] = head
            if any(self._passed.get(other, 0) >= PATIENCE for *_, other in unfit.values()):
                return

    def take_all(self) -> list[str]:
        """All of them, in order; they will not be started."""
        entries = sorted(entry for heap in self._heaps.values() for entry in heap)
        self._heaps.clear()
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
