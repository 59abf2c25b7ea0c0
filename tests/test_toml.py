"""TOML with positions: values in order, where keys and values stand, and where it is wrong."""

from typing import Any

import pytest

from riverrun.native import TomlError, parse_toml

SPEC = """\
"ä" = "ü"
[step.count]
run = 'cat {inputs}'
inputs = { b = "x", a = ["p", { path = "q" }] }
params.deep.level = 3

[[row]]
n = 1
[[row]]
n = 2
"""


def test_places_give_back_the_text_they_stand_for() -> None:
    values, places = parse_toml(SPEC)
    text = SPEC.encode()

    def key(*path: str | int) -> str:
        start, end, _, _ = places[path]
        return text[start:end].decode()

    def value(*path: str | int) -> str:
        _, _, start, end = places[path]
        return text[start:end].decode()

    assert list(values["step"]["count"]["inputs"]) == ["b", "a"]  # the order of named inputs counts
    assert (key("ä"), value("ä")) == ('"ä"', '"ü"')
    assert key("step", "count") == "count"
    assert value("step", "count", "inputs", "a", 0) == key("step", "count", "inputs", "a", 0) == '"p"'
    assert value("step", "count", "inputs", "a", 1) == '{ path = "q" }'
    assert value("step", "count", "inputs", "a", 1, "path") == '"q"'
    assert key("step", "count", "params", "deep", "level") == "level"
    assert value("row", 1, "n") == "2"
    assert {path for path in places if path[0] == "row"} == {
        ("row",),
        ("row", 0),
        ("row", 0, "n"),
        ("row", 1),
        ("row", 1, "n"),
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-9_223_372_036_854_775_808", -(2**63)),
        ("0xff_ff", 0xFFFF),
        ("0o17", 15),
        ("0b1_01", 5),
        ("+1_0.5e1_0", 10.5e10),
        ("-inf", float("-inf")),
        ("true", True),
        ("2024-02-29", "2024-02-29"),
        ("1979-05-27 07:32:00.5Z", "1979-05-27T07:32:00.5Z"),
        ("07:32:00", "07:32:00"),
        ('"""\na\\\n  b\\u00e4\\x41"""', "abäA"),
        ("[\n1, # one\n2,\n]", [1, 2]),
        ("{\n a = 1,\n b = {},\n}", {"a": 1, "b": {}}),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = parse_toml(f"x = {text}")[0]["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("a = 1\na = 2", "a", "duplicate key"),
        ("a = 9223372036854775808", "9223372036854775808", "64 bits"),
        ("a = 'ä'\n[t\n", "\n", "unclosed table"),
        ("a = ", "", "value"),
        ("[a]\n[a]", "a", "duplicate"),
        ("a = 'x", "", "invalid literal string"),
    ],
)
def test_errors_say_where(text: str, marked: str, message: str) -> None:
    with pytest.raises(TomlError) as raised:
        parse_toml(text)
    said, start, end = raised.value.args
    assert message in said
    assert text.encode()[start:end].decode().strip("\n") == marked.strip("\n")


def test_nesting_without_end_is_an_error() -> None:
    for text in ["x = " + "[" * 100_000, "x = " + "{a=" * 100_000, "a." * 100_000 + "a = 1"]:
        with pytest.raises(TomlError):
            parse_toml(text)
