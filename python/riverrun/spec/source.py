"""TOML text with positions: bytes of a file come in; values, and the place of each key and value, go out."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from riverrun.errors import Location
from riverrun.native import TomlError, parse_toml
from riverrun.spec.problems import Problems

Keys = tuple[str | int, ...]
Spans = Mapping[Keys, tuple[int, int, int, int]]


class Part(Enum):
    """What of an entry is meant."""

    KEY = "key"
    VALUE = "value"


class Source:
    """The text of one file that a person wrote, and where things stand in it (in UTF-8 bytes)."""

    def __init__(self, file: str, content: bytes, spans: Spans | None = None) -> None:
        self.file = file
        self._content = content
        self._spans: Spans = spans or {}
        self._starts: list[int] | None = None
        # A line may name 100,000 inputs, each of which is located: number, bytes, text of the last one asked about.
        self._last = (-1, b"", "")

    def at(self, start: int, end: int) -> Location:
        """The location of some bytes."""
        if self._starts is None:
            self._starts = [0]
            found = self._content.find(b"\n")
            while found >= 0:
                self._starts.append(found + 1)
                found = self._content.find(b"\n", found + 1)
        number = bisect_right(self._starts, start) - 1
        first = self._starts[number]
        if number != self._last[0]:
            stop = self._content.find(b"\n", first)
            line = self._content[first : stop if stop >= 0 else None].rstrip(b"\r")
            self._last = (number, line, line.decode(errors="replace"))
        _, line, text = self._last
        before = min(start - first, len(line))
        marked = min(end - first, len(line)) - before
        if len(text) != len(line):  # not ASCII: count characters
            before = len(line[:before].decode(errors="replace"))
            marked = len(line[start - first : max(end - first, 0)].decode(errors="replace"))
        return Location(self.file, number + 1, before + 1, text, max(marked, 1))

    def line(self, number: int) -> Location:
        """A whole line, counted from 1."""
        text = self._content.split(b"\n")[number - 1].rstrip(b"\r").decode(errors="replace")
        return Location(self.file, number, 1, text, max(len(text), 1))

    def locate(self, keys: Keys, part: Part, offset: int | None = None, width: int = 1) -> Location:
        """Where an entry stands, or a character of its text value; of what has no place, that of what holds it."""
        while keys and keys not in self._spans:
            keys, offset = keys[:-1], None
        if not keys:
            return self.at(0, 0)
        key_start, key_end, start, end = self._spans[keys]
        if part is Part.KEY and not isinstance(keys[-1], int):
            return self.at(key_start, key_end)
        if offset is not None:
            raw = self._content[start:end].decode(errors="replace")
            first, last = _spelled(raw, offset), _spelled(raw, offset + width)
            return self.at(start + len(raw[:first].encode()), start + len(raw[:last].encode()))
        return self.at(start, end)


def _spelled(raw: str, offset: int) -> int:
    """Where the character `offset` of a string's value stands in its TOML spelling."""
    quote = raw[:3] if raw[:3] in ('"""', "'''") else raw[:1]
    at = len(quote)
    if len(quote) == 3:
        at += 2 if raw.startswith("\r\n", at) else raw.startswith("\n", at)
    seen = 0
    while at < len(raw):
        if quote[:1] == '"' and raw[at] == "\\":
            follows = raw[at + 1 : at + 2]
            if (
                follows.isspace()
            ):  # a line that goes on: this, and the blanks of the next ones, are not in the value
                rest = raw[at + 1 :]
                at += 1 + len(rest) - len(rest.lstrip())
                continue
            long = {"u": 6, "U": 10, "x": 4}.get(follows, 2)
        else:
            long = 1
        if seen == offset:
            break
        seen, at = seen + 1, at + long
    return min(at, len(raw))


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of a TOML file, by its keys; `/` goes down."""

    source: Source
    keys: Keys

    def __truediv__(self, key: str | int) -> "Place":
        return Place(self.source, (*self.keys, key))

    def key(self) -> Location:
        return self.source.locate(self.keys, Part.KEY)

    def value(self) -> Location:
        return self.source.locate(self.keys, Part.VALUE)

    def inside(self, offset: int, width: int = 1) -> Location:
        """Characters of a text value."""
        return self.source.locate(self.keys, Part.VALUE, offset, width)


def read_toml(file: str, content: bytes, problems: Problems) -> tuple[dict[str, Any], Place] | None:
    """The values of a TOML file and the place of its root; None where it is none, which `problems` then tells."""
    bare = Source(file, content)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        problems.add("this is not UTF-8 text", bare.at(error.start, error.end))
        return None
    mark = 3 if text.startswith("\ufeff") else 0
    try:
        values, spans = parse_toml(text[1:] if mark else text)
    except TomlError as error:
        message, start, end = error.args
        problems.add(str(message), bare.at(start + mark, end + mark))
        return None
    if mark:
        content = content[mark:]
    return values, Place(Source(file, content, spans), ())
