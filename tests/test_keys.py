"""The keys room: everything that may decide an output changes the key, nothing else does, and the reason says which."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_steps import making, reading, seen, step
from riverrun.keys import Field, describe, differences, encoded, key_of
from riverrun.model.fact import MISSING, Kind, Seen
from riverrun.model.step import CachePolicy, Command, Containment, Ground, Inputs, Step
from riverrun.model.trace import ActionKey, Description
from riverrun.model.verdict import Cause

BASE = step(
    "s",
    reads=(reading("a", "left"), reading("b")),
    outputs=["o"],
    uses=(reading("lib.py"), reading("a.h")),
    params={"level": 3},
    item={"day": "mon"},
    tools=("cc",),
)
CONTENT = {path: seen(path) for path in ("a", "b", "c", "lib.py", "a.h")}
ENV = [("LANG", "C"), ("MODE", None)]
TOOLS = {"cc": seen("cc")}


def told(
    one: Step = BASE,
    content: Mapping[str, Seen] = CONTENT,
    env: list[tuple[str, str | None]] = ENV,
    tools: Mapping[str, Seen] = TOOLS,
    platform: str = "linux",
) -> tuple[ActionKey, Description]:
    description = describe(
        one, seen=lambda read: content[read.path], environment=env, tools=tools, platform=platform
    )
    return key_of(description), description


COUNTS: dict[str, tuple[dict[str, Any], Cause]] = {
    "command": ({"one": replace(BASE, run=Command(("other",), "other"))}, Cause.COMMAND_CHANGED),
    "words": ({"one": replace(BASE, run=Command((("do",),), ("do",)))}, Cause.COMMAND_CHANGED),
    "shell": ({"one": replace(BASE, shell=("zsh", "-c"))}, Cause.COMMAND_CHANGED),
    "cwd": ({"one": replace(BASE, cwd="sub")}, Cause.COMMAND_CHANGED),
    "test": ({"one": replace(BASE, test=Command(("t",), "t"))}, Cause.COMMAND_CHANGED),
    "real": ({"one": replace(BASE, real=Inputs.REAL)}, Cause.COMMAND_CHANGED),
    "in place": ({"one": replace(BASE, ground=Ground.IN_PLACE)}, Cause.COMMAND_CHANGED),
    "variable": ({"env": [("LANG", "de"), ("MODE", None)]}, Cause.ENVIRONMENT_CHANGED),
    "unset is not empty": ({"env": [("LANG", "C"), ("MODE", "")]}, Cause.ENVIRONMENT_CHANGED),
    "tool": ({"tools": {"cc": seen("newer")}}, Cause.TOOL_CHANGED),
    "platform": ({"platform": "darwin"}, Cause.PLATFORM_CHANGED),
    "content": ({"content": CONTENT | {"a": seen("new")}}, Cause.INPUT_CHANGED),
    "exec bit": ({"content": CONTENT | {"a": seen("a", kind=Kind.EXEC)}}, Cause.INPUT_CHANGED),
    "optional gone": ({"content": CONTENT | {"b": MISSING}}, Cause.INPUT_CHANGED),
    "use": ({"content": CONTENT | {"lib.py": seen("new")}}, Cause.INPUT_CHANGED),
    "added": ({"one": replace(BASE, inputs=(*BASE.inputs, reading("c")))}, Cause.INPUT_ADDED),
    "removed": ({"one": replace(BASE, inputs=BASE.inputs[:1])}, Cause.INPUT_REMOVED),
    "order": ({"one": replace(BASE, inputs=BASE.inputs[::-1])}, Cause.INPUT_ORDER),
    "output name": ({"one": replace(BASE, outputs=(making("p"),))}, Cause.OUTPUTS_CHANGED),
    "output kind": ({"one": replace(BASE, outputs=(making("o/"),))}, Cause.OUTPUTS_CHANGED),
    "param": ({"one": replace(BASE, params={"level": 4})}, Cause.PARAM_CHANGED),
    "type of a param": ({"one": replace(BASE, params={"level": "3"})}, Cause.PARAM_CHANGED),
    "item": ({"one": replace(BASE, item={"day": "tue"})}, Cause.PARAM_CHANGED),
}


@pytest.mark.parametrize(("change", "cause"), COUNTS.values(), ids=COUNTS.keys())
def test_what_counts_changes_the_key_and_is_named(change: dict[str, Any], cause: Cause) -> None:
    before, after = told(), told(**change)
    assert before[0] != after[0]
    assert cause in {reason.cause for reason in differences(before[1], after[1])}


FREE: dict[str, Step] = {
    "name": replace(BASE, name="renamed", family="renamed"),
    "order of uses": replace(BASE, uses=BASE.uses[::-1]),
    "resources": replace(BASE, resources=({"cpus": 4},)),
    "timeout": replace(BASE, timeout=3.0),
    "retries": replace(BASE, retries=3),
    "cache": replace(BASE, cache=CachePolicy.COPY),
    "contain": replace(BASE, contain=Containment.NONE),
    "description": replace(BASE, description="for people"),
    "passes": replace(BASE, passes=("HOME",)),
    "temporary": replace(BASE, outputs=(making("o", temporary=True),)),
    "what resources fill in": replace(BASE, run=Command(("do 1", "do 2"), "do")),
}


@pytest.mark.parametrize("one", FREE.values(), ids=FREE.keys())
def test_what_does_not_count_does_not(one: Step) -> None:
    assert told(one) == told()


def test_two_inputs_swapped_count_both() -> None:
    before, after = told(), told(content=CONTENT | {"a": seen("b"), "b": seen("a")})
    assert {reason.path for reason in differences(before[1], after[1])} == {"a", "b"}


TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
FIELDS = st.lists(st.tuples(st.sampled_from([field.value for field in Field]), TEXT, TEXT), max_size=4)


@given(FIELDS, FIELDS)
def test_keys_are_injective(one: list[tuple[str, str, str]], other: list[tuple[str, str, str]]) -> None:
    assert (encoded(one) == encoded(other)) == (key_of(one) == key_of(other)) == (one == other)


def test_names_that_are_no_text_count_by_their_bytes() -> None:
    names = [os.fsdecode(raw) for raw in (b"\xff", b"\xfe")]
    content = CONTENT | dict.fromkeys(names, seen("x"))
    one, other = (told(replace(BASE, inputs=(reading(name),)), content)[0] for name in names)
    assert one != other
