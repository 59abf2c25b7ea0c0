"""The graph room: who needs whom, and what cannot be a graph."""

import pytest

from made_steps import step, steps
from riverrun.errors import SpecError
from riverrun.graph import Graph

NEEDS = {
    "by path": (step("a", [], ["x"]), step("b", ["x"], ["y"])),
    "inside an output folder": (step("a", [], ["d/"]), step("b", ["d/deep/x"], ["y"])),
    "a folder around outputs": (step("a", [], ["d/x"]), step("b", ["d/"], ["y"])),
    "a folder inside an output folder": (step("a", [], ["d/"]), step("b", ["d/e/"], ["y"])),
}


@pytest.mark.parametrize("pair", NEEDS.values(), ids=NEEDS.keys())
def test_a_reader_needs_the_maker(pair: tuple[object, object]) -> None:
    graph = Graph(steps(*pair))  # type: ignore[arg-type]
    assert graph.needs("b") == ("a",)
    assert graph.readers("a") == ("b",)
    assert graph.order() == ["a", "b"]


def test_like_names_are_not_inside() -> None:
    graph = Graph(steps(step("a", [], ["dx"]), step("b", [], ["d/x"]), step("c", ["d/"], ["z"])))
    assert graph.needs("c") == ("b",)


def test_outside_inputs_need_no_one() -> None:
    from made_steps import reading

    graph = Graph(steps(step("a", [], ["x"]), step("b", reads=(reading("x", outside=True),), outputs=["y"])))
    assert graph.needs("b") == ()


def test_upstream_and_downstream_reach_to_the_ends() -> None:
    graph = Graph(
        steps(
            step("a", [], ["1"]), step("b", ["1"], ["2"]), step("c", ["2"], ["3"]), step("other", [], ["4"])
        )
    )
    assert graph.upstream(["c"]) == {"a", "b", "c"}
    assert graph.downstream(["a"]) == {"a", "b", "c"}


def test_ten_thousand_in_a_row() -> None:
    chain = [step(str(n), [f"x{n}"], [f"x{n + 1}"]) for n in range(10_000)]
    graph = Graph(steps(*reversed(chain)))
    assert graph.order() == [str(n) for n in range(10_000)]
    assert len(graph.upstream(["9999"])) == 10_000


WRONG = {
    "two make one": (
        [step("a", [], ["x"]), step("b", [], ["x"])],
        "two steps make 'x': 'a' and 'b'",
    ),
    "declared twice": ([step("a", [], ["x", "x"])], "'a' declares 'x' twice"),
    "one inside another": (
        [step("a", [], ["d/"]), step("b", [], ["d/e/x"])],
        "'d/e/x' of 'b' lies inside 'd', which 'a' makes",
    ),
    "a circle": (
        [step("a", ["z"], ["x"]), step("b", ["x"], ["y"]), step("c", ["y"], ["z"]), step("d", ["z"], ["w"])],
        "steps need each other in a circle: a -> b -> c -> a",
    ),
    "a circle of one": ([step("a", ["x"], ["x"])], "steps need each other in a circle: a -> a"),
}


@pytest.mark.parametrize(("broken", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_graph_is_named(broken: list[object], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        Graph(steps(*broken))  # type: ignore[arg-type]
    assert [problem.message for problem in caught.value.problems] == [message]
