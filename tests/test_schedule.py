"""The schedule: needs and settlements in, an order out; each move of a state that is not allowed is refused."""

import pytest

from riverrun.run.schedule import Schedule, State


def diamond() -> Schedule:
    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    schedule = Schedule()
    schedule.add("abcd", lambda name: needs[name])
    return schedule


def settle(schedule: Schedule, *names: str) -> None:
    for name in names:
        schedule.move(name, State.SETTLED)


def test_each_is_ready_when_all_it_needs_is_settled() -> None:
    schedule = diamond()
    assert schedule.take_ready() == ["a"]
    settle(schedule, "a")
    assert schedule.take_ready() == ["b", "c"]
    settle(schedule, "c")
    assert not schedule.any_ready
    settle(schedule, "b")
    assert schedule.take_ready() == ["d"]


def test_what_is_queued_starts_in_the_order_of_the_graph_and_holds_no_one_up() -> None:
    schedule = Schedule()
    schedule.add("abc", lambda _: [])
    for name in reversed(schedule.take_ready()):
        schedule.move(name, State.QUEUED, needs=name)
    assert list(schedule.startable(lambda name: name != "a")) == ["b", "c"]
    assert list(schedule.startable(lambda _: True)) == ["a"]


def test_a_search_that_is_given_up_forgets_no_one() -> None:
    schedule = Schedule()
    schedule.add("abc", lambda _: [])
    for name in schedule.take_ready():
        schedule.move(name, State.QUEUED, needs=name)
    for name in schedule.startable(lambda name: name != "a"):
        assert name == "b"
        break
    assert schedule.take_queued() == ["a", "c"]


def test_a_settled_maker_goes_round_again_for_its_reader() -> None:
    schedule = diamond()
    schedule.take_ready()
    settle(schedule, "a")
    schedule.take_ready()
    assert schedule.wait_for("b", ["a"]) == ["a"]
    assert schedule.take_ready() == ["a"]
    assert schedule.wait_for("c", ["a"]) == []  # it is on its way already
    settle(schedule, "a")
    assert schedule.take_ready() == ["b", "c"]


def test_the_graph_grows() -> None:
    schedule = diamond()
    schedule.take_ready()
    settle(schedule, "a")
    schedule.add(["e", "f"], lambda name: {"e": ["a"], "f": ["e", "d"]}[name])
    assert schedule.take_ready() == ["b", "c", "e"]


def test_no_state_is_skipped() -> None:
    with pytest.raises(AssertionError):
        diamond().move("a", State.RUNNING)
