"""Speak: lines, colours and JSON documents in, bytes on stdout and stderr out. A reader who left harms no run."""

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TextIO

import click

from riverrun.errors import Problem


class Form(Enum):
    """What stdout is for."""

    TEXT = "text"
    JSON = "json"


class Colour(Enum):
    """Whether colours are wanted where there is a terminal."""

    AUTO = "auto"
    NEVER = "never"


class Tone(Enum):
    """What a word's colour says; the values are click's styles."""

    GOOD = "green"
    CALM = "cyan"
    CARE = "yellow"
    BAD = "red"
    QUIET = "bright_black"


@dataclass(frozen=True, slots=True)
class Voice:
    """How this process speaks."""

    form: Form = Form.TEXT
    colour: Colour = Colour.AUTO

    def say(self, line: str = "") -> None:
        """A line for people, on stdout; nothing where stdout is for JSON."""
        if self.form is Form.TEXT:
            _write(sys.stdout, line + "\n")

    def lines(self, lines: Iterable[str]) -> None:
        """Several lines, as one write."""
        if self.form is Form.TEXT:
            _write(sys.stdout, "".join(f"{line}\n" for line in lines))

    def warn(self, line: str) -> None:
        """A line on stderr, whatever stdout is for."""
        _write(sys.stderr, line + "\n")

    def cry(self, line: str) -> None:
        """A line on stderr from within a signal's arrival, when Python's own streams may be in the middle of a write."""
        with contextlib.suppress(
            OSError, ValueError
        ):  # if there is no one to tell: the stopping matters more
            os.write(sys.stderr.fileno(), f"{line}\n".encode("ascii", "replace"))

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document. ASCII only: bytes of names that are no UTF-8 stand as lone surrogates."""
        import json

        _write(sys.stdout, json.dumps(document, indent=2) + "\n")

    def paint(self, text: str, tone: Tone, stream: TextIO | None = None) -> str:
        """The text in its colour, if `stream` (stdout, unless given) shows colours."""
        if self.colour is Colour.NEVER or not is_terminal(stream or sys.stdout):
            return text
        return click.style(text, fg=tone.value)

    def problems(self, problems: Iterable[Problem]) -> None:
        """What is wrong: for people on stderr, for programs as the document on stdout."""
        if self.form is Form.JSON:
            from riverrun.native import __version__

            errors = [problem.as_json() for problem in problems]
            self.document({"riverrun": __version__, "ok": False, "errors": errors})
            return
        from riverrun.report.problems import spell

        for problem in problems:
            message, *rest = spell(problem)
            self.warn(self.paint("error:", Tone.BAD, sys.stderr) + f" {message}")
            for line in rest:
                self.warn(line)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sits at the other end."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # `riverrun run | head`: the reader has seen enough, but the run goes on, and its exit code counts.
        mute(stream)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


def mute(stream: TextIO) -> None:
    """Send what is still written to the stream nowhere, its buffer included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
