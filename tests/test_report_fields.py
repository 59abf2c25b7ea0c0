"""What counts, as a person would write it: fields of a description in, lines out."""

import pytest

from riverrun.report.fields import field_line

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (("command", "", '"sort a"'), "command = sort a"),
        (("command", "", '["sort", "a b"]'), "command = sort 'a b'"),
        (("shell", "", "[]"), "shell = bash, or none where none is needed"),
        (("env", "LANG", "=C.UTF-8"), "env LANG = C.UTF-8"),
        (("env", "TZ", "unset"), "env TZ = unset"),
        (("input", "=hello.o", f"file:{HEX}"), "input hello.o = file:0123456789ab..."),
        (("input", "3:ref=a=b.fa", "missing"), "input ref = a=b.fa = missing"),
        (("use", "=a.h", f"file:{HEX}"), "uses a.h = file:0123456789ab..."),
        (("output", '["", "hello"]', "file"), "output hello = file"),
        (("output", '["log", "x.log"]', "file"), "output log = x.log = file"),
        (("param", "level", "3"), "param level = 3"),
        (("input", "x:broken\x1b", "missing"), "input x:broken\\x1b = missing"),
    ],
)
def test_a_field_as_people_write_it(field: tuple[str, str, str], line: str) -> None:
    assert field_line(*field) == line
