"""Say what counts: the fields of a key's description in, lines as a person would write them in a spec out."""

import json
import shlex

from riverrun.report.wording import abbreviate, escape

_COMMANDS = ("command", "shell", "test")
_READS = {"input": "input", "use": "uses"}


def field_line(field: str, name: str, value: str) -> str:
    """One field on one line: `input hello.o = file:0123...`; what cannot be read stands as it is."""
    try:
        label, shown = _plain(field, name, value)
    except (ValueError, TypeError, IndexError):
        label, shown = f"{field} {name}", value
    return f"{escape(label.strip())} = {escape(abbreviate(shown))}"


def _plain(field: str, name: str, value: str) -> tuple[str, str]:
    if field in _COMMANDS:
        command = json.loads(value)
        words = command if isinstance(command, str) else shlex.join(command)
        return field, words or "bash, or none where none is needed"
    if field == "env":
        return f"env {name}", value.removeprefix("=")
    if field in _READS:
        return f"{_READS[field]} {_read(name)}", value
    if field == "output":
        named, path = json.loads(name)
        return f"output {named + ' = ' if named else ''}{path}", value
    if field == "cwd":
        return field, value or "the folder of the spec"
    return f"{field} {name}", value


def _read(label: str) -> str:
    """`=a.csv` is the nameless a.csv, `3:ref=a.fa` the one that the step calls ref."""
    length, colon, rest = label.partition(":")
    if label.startswith("=") or not colon:
        return label.removeprefix("=")
    return f"{rest[: int(length)]} = {rest[int(length) + 1 :]}"
