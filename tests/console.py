"""In: a Markdown file. Out: its code blocks, run for real in a copy of the examples; or the file with real output.

A ```console block holds commands after "$ " and what they print, a ```python block must run, a ```toml block must
parse. All of a file run in order in one shell, which starts in the copy of the file's own folder. Durations and ids
of runs are compared as such only, and steps may finish in any order; a line "..." stands for any lines. Other blocks (```text,
```sh) are for reading.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from project import MADE, ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DURATION = re.compile(r" *\b\d+(\.\d+)?( ?(ms|s)|m\d\ds|h\d\dm)\b")  # with what aligns it
RUN = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{8}\b")  # the id of a run
STEP_LINE = re.compile(r"(ran|restored|failed|blocked) +\S")
BEGIN, END = "\x1e", "\x1f"


@dataclass(slots=True)
class Command:
    """One command of a block, what the document says that it prints, and what it printed."""

    shown: str
    script: str
    expected: list[str] | None  # None: only success is asked for
    got: list[str] = field(default_factory=list)
    code: int = -1

    def __str__(self) -> str:
        return "\n".join([f"$ {self.shown}", *self.got])


def commands_of(text: str) -> Iterator[Command]:
    """The commands of a document, in order."""
    for block in BLOCK.finditer(text):
        language, body = block.groups()
        if language == "toml":
            tomllib.loads(body)
        elif language == "python":
            yield Command(body, f"python -W error - <<'END_OF_BLOCK'\n{body}END_OF_BLOCK\n", None)
        elif language == "console":
            yield from commands_of_console(body)


def commands_of_console(body: str) -> Iterator[Command]:
    """The commands of one console block, each with the lines that follow it."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        yield Command(command, command, lines)


def execute(document: Path, commands: list[Command]) -> None:
    """Run the commands in one shell, in a copy of the examples, and fill in what they print."""
    script = "".join(
        f"printf '{BEGIN}'; {command.script}\ncode=$?; printf '{END}%s\\n' $code\n" for command in commands
    )
    with tempfile.TemporaryDirectory(prefix="riverrun-docs-") as room:
        shutil.copytree(ROOT / "examples", Path(room, "examples"), ignore=MADE)
        folder = Path(room, document.resolve().parent.relative_to(ROOT))
        folder.mkdir(exist_ok=True)
        Path(room, "script.sh").write_text(f"exec 2>&1\n{script}")
        env = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": room,
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
        }
        done = subprocess.run(
            ["bash", Path(room, "script.sh")],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
    parts = done.stdout.split(BEGIN)[1:]
    assert len(parts) == len(commands), (
        f"the shell came no further than {len(parts)} of {len(commands)}: {done}"
    )
    for command, part in zip(commands, parts, strict=True):
        printed, _, code = part.rpartition(END)
        command.got = (
            [line.rstrip().replace(room, "~") for line in printed.rstrip("\n").split("\n")] if printed else []
        )
        command.code = int(code)


def in_order(lines: list[str]) -> list[str]:
    """The lines, with neighbours that tell of finished steps sorted by the step's name."""
    ordered: list[str] = []
    for told, group in groupby(lines, key=lambda line: STEP_LINE.match(line) is not None):
        neighbours = list(group)
        ordered += sorted(neighbours, key=lambda line: line.split()[1]) if told else neighbours
    return ordered


def agrees(expected: list[str], got: list[str]) -> bool:
    """Whether lines are as the document says, durations, ids of runs, "..." and the order in which steps finished aside."""
    parts = [
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(_lasting(line)) + r"\n"
        for line in in_order(expected)
    ]
    return re.fullmatch("".join(parts), "".join(f"{_lasting(line)}\n" for line in in_order(got))) is not None


def _lasting(line: str) -> str:
    """What every run prints alike."""
    return RUN.sub("#", DURATION.sub("#", line))


def rewritten(document: Path) -> str:
    """The document with what its commands really print; a block's "..." gives way to the whole."""
    text = document.read_text()
    commands = list(commands_of(text))
    execute(document, commands)
    answers = iter(commands)

    def fill(block: re.Match[str]) -> str:
        language, body = block.groups()
        if language == "python":
            next(answers)
        if language != "console":
            return block[0]
        parts = []
        for asked in commands_of_console(body):
            answer = next(answers)
            keep = asked.expected is not None and agrees(asked.expected, answer.got)
            parts.append("\n".join([f"$ {asked.shown}", *(asked.expected or [])]) if keep else str(answer))
        return "```console\n" + "\n".join(parts) + "\n```"

    return BLOCK.sub(fill, text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path))
