"""Whatever a value holds, the shell gives the command these very bytes; where it could not, it is a located error."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.errors import SpecError
from riverrun.spec.shell import Quote, Unquotable, quoted, quotes
from riverrun.spec.template import Field, Root
from spec_case import expanded

IN = Field(Root.INPUTS, (), "{inputs}", 0)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=40))
def test_bash_gives_the_bytes_back(values: list[str]) -> None:
    script = f"printf '%s\\0' {quoted(values, Quote.NONE)}\n"
    script += "".join(f"printf '%s\\0' x{quoted([value], Quote.NONE)}y\n" for value in values)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, check=True)
    assert done.stderr == b""
    expected = [value.encode() for value in values] + [f"x{value}y".encode() for value in values]
    assert done.stdout.split(b"\0")[:-1] == expected


@settings(max_examples=60, deadline=None)
@given(st.text("ab '\"\\$`#(){}\n;|-=~*?[]!é", max_size=10))
def test_what_is_filled_inside_quotes_stays_there(value: str) -> None:
    for quote, mark in ((Quote.DOUBLE, '"'), (Quote.SINGLE, "'")):
        try:
            text = quoted([value], quote)
        except Unquotable:
            continue
        done = subprocess.run(
            ["bash", "-c", f"printf %s {mark}{text}{mark}"], capture_output=True, check=True
        )
        assert done.stdout == value.encode()


@pytest.mark.parametrize(
    ("before", "quote"),
    [
        ("cat ", Quote.NONE),
        ("cat 'it' ", Quote.NONE),
        ("awk '{print ", Quote.SINGLE),
        ('echo "', Quote.DOUBLE),
        ('echo "a \\" b ', Quote.DOUBLE),
        ("echo 'a \\' ", Quote.NONE),
        ("echo $'a \\' ", Quote.SINGLE),
        ('echo "$(cat ', Quote.NONE),
        ('echo "$(cat "', Quote.DOUBLE),
        ('echo "$(cat (x) )', Quote.DOUBLE),
        ('echo "`cat ', Quote.NONE),
        ('echo "`cat x`', Quote.DOUBLE),
        ("echo \\", Quote.ESCAPED),
        ("echo a#b ", Quote.NONE),
        ("echo ${#x} $# ", Quote.NONE),
        ("echo # it's ", Quote.COMMENT),
        ("# it's\ncat ", Quote.NONE),
        ("(# it's\n", Quote.NONE),
        ("diff <(sort ", Quote.NONE),
        ("echo \"it's ", Quote.DOUBLE),
        ('echo \\" ', Quote.NONE),
    ],
)
def test_where_a_placeholder_stands(before: str, quote: Quote) -> None:
    assert quotes((before, IN)) == [quote]


def test_in_quotes_only_plain_values_are_filled(tmp_path: Path) -> None:
    spec = """step.a = { run = '''python -c "print('{inputs}')" > {outputs}''', inputs = ["%s"], outputs = ["o"] }"""
    assert (
        expanded(tmp_path, spec % "d/x-1.csv").steps["a"].run.counted
        == """python -c "print('d/x-1.csv')" > o"""
    )
    with pytest.raises(SpecError, match="special characters") as error:
        expanded(tmp_path, spec % "a b")
    assert (error.value.problems[0].where or error).__str__() == "riverrun.toml:1:39"
