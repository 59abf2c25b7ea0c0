"""The queue: names with what they need in, the next to be started out; and how long ways to the end are."""

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.run.queue import PATIENCE, Queue, estimates, lengths

CHAIN = {"a": [], "b": ["a"], "c": ["b"]}
DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}

WAYS: dict[str, tuple[Mapping[str, Sequence[str]], Mapping[str, float], Mapping[str, float]]] = {
    "one": ({"a": []}, {"a": 2}, {"a": 2}),
    "chain": (CHAIN, {"a": 1, "b": 2, "c": 4}, {"a": 7, "b": 6, "c": 4}),
    "diamond, the longer side counts": (
        DIAMOND,
        {"a": 1, "b": 5, "c": 2, "d": 1},
        {"a": 7, "b": 6, "c": 3, "d": 1},
    ),
    "apart": ({"a": [], "b": []}, {"a": 1, "b": 3}, {"a": 1, "b": 3}),
    "no time at all": (CHAIN, {"a": 0, "b": 0, "c": 0}, {"a": 0, "b": 0, "c": 0}),
}


@pytest.mark.parametrize("case", WAYS)
def test_the_longest_way_to_the_end(case: str) -> None:
    needs, seconds, ways = WAYS[case]
    assert lengths(list(needs), needs.__getitem__, seconds) == ways


@settings(deadline=None)
@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_ways_are_those_of_a_search_of_all_of_them(size: int, chance: random.Random) -> None:
    needs = {number: [one for one in range(number) if chance.random() < 0.2] for number in range(size)}
    readers = {number: [one for one in needs if number in needs[one]] for number in needs}
    seconds = {str(number): float(chance.randint(0, 9)) for number in needs}

    def way(number: int) -> float:
        return seconds[str(number)] + max((way(reader) for reader in readers[number]), default=0.0)

    found = lengths(list(seconds), lambda name: [str(need) for need in needs[int(name)]], seconds)
    assert found == {str(number): way(number) for number in needs}


def test_a_chain_of_ten_thousand() -> None:
    names = [str(number) for number in range(10_000)]
    ways = lengths(names, lambda name: [str(int(name) - 1)] if name != "0" else [], dict.fromkeys(names, 1.0))
    assert (ways["0"], ways["9999"]) == (10_000, 1)


ESTIMATES: dict[str, tuple[Mapping[str, float], Mapping[str, float]]] = {
    "nothing is known": ({}, {"x": 1, "y@1": 1, "y@2": 1, "y@3": 1}),
    "as when it ran": ({"x": 3, "y@1": 5, "y@2": 5, "y@3": 6}, {"x": 3, "y@1": 5, "y@2": 5, "y@3": 6}),
    "as its family": ({"x": 9, "y@1": 4, "y@2": 6}, {"x": 9, "y@1": 4, "y@2": 6, "y@3": 5}),
    "as all": ({"y@1": 4, "y@2": 6}, {"x": 5, "y@1": 4, "y@2": 6, "y@3": 5}),
    "others do not matter to a family": ({"gone": 100, "y@1": 4}, {"x": 52, "y@1": 4, "y@2": 4, "y@3": 4}),
}


@pytest.mark.parametrize("case", ESTIMATES)
def test_how_long_a_step_may_take(case: str) -> None:
    recorded, expected = ESTIMATES[case]
    assert estimates({"x": "x", "y@1": "y", "y@2": "y", "y@3": "y"}, recorded) == expected


def test_the_longest_way_first_then_the_order_of_the_graph() -> None:
    queue = Queue()
    for rank, name in enumerate("abcd"):
        queue.put(name, rank, None)
    queue.prioritise({"c": 2.0, "d": 5.0})
    queue.put("e", 4, None)
    assert list(queue.startable(lambda _: True)) == ["d", "c", "a", "b", "e"]
    assert not queue


def test_steps_that_need_the_same_are_asked_after_once() -> None:
    queue = Queue()
    for number in range(1000):
        queue.put(f"large{number}", number, "large")
    queue.put("small", 1000, "small")
    asked = []

    def fits(name: str) -> bool:
        asked.append(name)
        return name == "small"

    assert list(queue.startable(fits)) == ["small"]
    assert asked == ["large0", "small"]


def test_a_large_step_is_passed_only_for_a_while() -> None:
    queue = Queue()
    queue.put("large", 0, "large")
    for number in range(3 * PATIENCE):
        queue.put(f"small{number}", number + 1, "small")
    started = list(queue.startable(lambda name: name != "large"))
    assert started == [f"small{number}" for number in range(PATIENCE)]
    assert list(queue.startable(lambda name: name != "large")) == []
    assert next(queue.startable(lambda _: True)) == "large"
    assert len(queue.take_all()) == 2 * PATIENCE


def test_a_large_step_that_was_passed_long_enough_comes_before_all_that_is_queued_later() -> None:
    queue = Queue()
    queue.put("large", 10_000, "large")
    for number in range(PATIENCE):
        queue.put(f"low{number}", 20_000 + number, "small")
    assert len(list(queue.startable(lambda name: name != "large"))) == PATIENCE
    for number in range(10):
        queue.put(f"high{number}", number, "small")
        assert list(queue.startable(lambda name: name != "large")) == []
    assert list(queue.startable(lambda _: True)) == ["large", *(f"high{number}" for number in range(10))]


def test_steps_that_all_need_something_else_are_each_asked_after_once() -> None:
    queue = Queue()
    for number in range(2000):
        queue.put(f"s{number}", number, number)
    asked = []

    def fits(name: str) -> bool:
        asked.append(name)
        return name in ("s0", "s1999")

    assert list(queue.startable(fits)) == ["s0", "s1999"]
    assert asked == [f"s{number}" for number in range(2000)]
    assert queue and queue.take_all() == [f"s{number}" for number in range(1, 1999)] and not queue
