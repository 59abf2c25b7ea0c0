"""A file of digests, as `riverrun hash`, b3sum and xxhsum print it, comes in; names and the digests they must have go out."""

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from riverrun.errors import Problem
from riverrun.native import Digest

_LINE = re.compile(r"(?P<escaped>\\?)(?P<hex>[0-9a-f]+)  (?P<name>.+)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)")
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}
_LOST = "\N{REPLACEMENT CHARACTER}"  # stands in the place of bytes that are no UTF-8
_ALGORITHMS = {64: "blake3", 32: "xxh3"}  # by the number of digits


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of the file."""

    name: str
    digest: Digest


def line(name: str, digest: Digest) -> str:
    """b3sum's line: bytes that are no UTF-8 replaced, and a leading backslash where the name had to be escaped."""
    mark, shown = _spelled(name)
    return f"{mark}{digest.hex()}  {shown}"


def shown(name: str) -> str:
    """The name as b3sum's --check prints it."""
    return "".join(_spelled(name))


def _spelled(name: str) -> tuple[str, str]:
    """A backslash if the name had to be escaped, and the name."""
    plain = _plain(name)
    # b3sum 1.2 leaves the carriage return as it is, later ones escape it: at the end of a line it would be lost.
    spelled = plain.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "" if spelled == plain else "\\", spelled


def _plain(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def expected_in(source: str) -> tuple[list[Expected], list[Problem]]:
    """The lines of a file ("-" is standard input), and those that are none."""
    if source == "-":
        return _parsed(sys.stdin.buffer.read(), source)
    with open(source, "rb") as file:
        return _parsed(file.read(), source)


def _parsed(text: bytes, source: str) -> tuple[list[Expected], list[Problem]]:
    expected: list[Expected] = []
    problems: list[Problem] = []
    lines: Iterable[bytes] = text.removesuffix(b"\n").split(b"\n") if text else []
    for number, raw in enumerate(lines, 1):
        entry = _entry(os.fsdecode(raw.removesuffix(b"\r")))
        if isinstance(entry, str):
            problems.append(Problem("usage", f"{source}:{number}: {entry}"))
        else:
            expected.append(entry)
    return expected, problems


def _entry(text: str) -> Expected | str:
    """What a line says, or why it says nothing."""
    match = _LINE.fullmatch(text)
    algorithm = _ALGORITHMS.get(len(match["hex"])) if match else None
    if match is None or algorithm is None or "\0" in match["name"]:
        return "this is no line of digest, two spaces, name"
    name = match["name"]
    if _LOST in name:
        return "bytes of this name were lost when it was printed"  # it may be the name of another file now
    if match["escaped"]:
        if any(code not in _ESCAPED for code in _ESCAPE.findall(name)):
            return "this is no line of digest, two spaces, name"
        name = _ESCAPE.sub(lambda found: _ESCAPED[found[1]], name)
    digest = bytes.fromhex(match["hex"])
    return Expected(name, Digest(digest, "blake3") if algorithm == "blake3" else Digest(digest, "xxh3"))
