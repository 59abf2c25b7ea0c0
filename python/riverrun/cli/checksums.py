"""A file of digests, as `riverrun hash` and b3sum print it, comes in; names and the digests they must have go out."""

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from riverrun.errors import Problem
from riverrun.native import Digest

_LINE = re.compile(r"(?P<escaped>\\?)(?P<hex>[0-9a-f]+)  (?P<name>.+)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)")
_ALGORITHMS = {64: "blake3", 32: "xxh3"}  # by the number of digits


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of the file."""

    name: str
    digest: Digest


def line(name: str, digest: Digest) -> str:
    """b3sum's line: bytes that are no UTF-8 replaced, and a leading backslash where the name had to be escaped."""
    shown = escaped(name)
    return f"{'' if shown == _plain(name) else chr(92)}{digest.hex()}  {shown}"


def escaped(name: str) -> str:
    return _plain(name).replace("\\", "\\\\").replace("\n", "\\n")


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
        if entry is None:
            problems.append(
                Problem("usage", f"{source}:{number}: this is no line of digest, two spaces, name")
            )
        else:
            expected.append(entry)
    return expected, problems


def _entry(text: str) -> Expected | None:
    match = _LINE.fullmatch(text)
    algorithm = _ALGORITHMS.get(len(match["hex"])) if match else None
    if match is None or algorithm is None or "\0" in match["name"]:
        return None
    name = match["name"]
    if match["escaped"]:
        codes = {"\\": "\\", "n": "\n"}
        if any(code not in codes for code in _ESCAPE.findall(name)):
            return None
        name = _ESCAPE.sub(lambda found: codes[found[1]], name)
    digest = bytes.fromhex(match["hex"])
    return Expected(name, Digest(digest, "blake3") if algorithm == "blake3" else Digest(digest, "xxh3"))
