"""Options that several commands share: decorators in, commands that receive a session out."""

import functools
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from riverrun.cli.door import Session
from riverrun.cli.voice import Form, Voice
from riverrun.errors import RiverrunError, UsageError

if TYPE_CHECKING:
    from riverrun.flow import Pipeline

Command = Callable[..., int]


class Number(click.IntRange):
    """A whole number from `min` on, refused in words that a person uses."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or an error that says what is wanted."""
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or (self.min is not None and number < self.min):
            self.fail(f"'{value}' is no whole number from {self.min} on", param, ctx)
        return number


_FOLDER_HELP = "Work as if started in DIR. May be given again; each counts from the one before."
_FILE_HELP = "Read the spec from FILE instead of looking for riverrun.toml here and above."


def directory(command: Callable[..., Any]) -> Callable[..., Any]:
    """-C DIR."""
    return click.option("-C", "--directory", "folders", metavar="DIR", multiple=True, help=_FOLDER_HELP)(
        command
    )


def place(command: Callable[..., Any]) -> Callable[..., Any]:
    """-C and -f, as the group and every command of a pipeline take them."""
    return directory(click.option("-f", "--file", metavar="FILE", help=_FILE_HELP)(command))


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(
        command
    )


def session(command: Command) -> Command:
    """-C, -f and --json; the command receives them as its first argument, a `Session`."""

    @functools.wraps(command)
    def wrapped(*, folders: Sequence[str], file: str | None, as_json: bool, **values: Any) -> int:
        before: Session = click.get_current_context().obj
        return command(before.at(folders, file, Form.JSON if as_json else Form.TEXT), **values)

    return as_json(place(wrapped))


def what(command: Command) -> Command:
    """WHAT..., with the names of steps offered by the shell."""
    return click.argument("what", nargs=-1, shell_complete=complete_steps)(command)


def check(command: Command) -> Command:
    """--check LEVEL."""
    return click.option(
        "--check",
        type=click.Choice(["stat", "content", "strong"]),
        default="stat",
        show_default=True,
        help="How far to read: files whose stamps cannot vouch for them; every byte, compared fast; or every byte, "
        "compared by BLAKE3.",
    )(command)


def params(command: Command) -> Command:
    """-p NAME=VALUE."""
    return click.option(
        "-p",
        "--param",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        help="Give a param of the spec another value. May be given again.",
    )(command)


def pairs(words: Sequence[str], option: str) -> dict[str, str]:
    """`name=value` words as a mapping; the last one wins."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f"'{word}' is no NAME=VALUE", hint=f"for example {option} level=3")
        found[name] = value
    return found


def complete_steps(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of steps and families for the shell's completion; silent where there is no spec, or a broken one."""
    asked = Session(Voice())  # the group's own function does not run while the shell completes
    for level in (context.parent, context):
        if level is not None:
            asked = asked.at(level.params.get("folders") or (), level.params.get("file"), Form.TEXT)
    try:
        names = step_names(asked.open())
    except (RiverrunError, OSError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def step_names(pipeline: "Pipeline") -> list[str]:
    """The names of all families and steps of the wanted pipeline, as its spec has them now."""
    graph = pipeline.graph()
    families = [step.family for step in graph.steps.values()] + [waiting.name for waiting in graph.waiting]
    return list(dict.fromkeys([*families, *graph.steps]))


def unknown_step(pipeline: "Pipeline", name: str, remembered: Iterable[str]) -> UsageError | None:
    """The error for a name that neither the spec nor the history knows; None for a step that has not run yet."""
    try:
        spelled = step_names(pipeline)
    except RiverrunError:  # what has run can be asked for while the spec is broken
        spelled = []
    if name in spelled:
        return None
    near = get_close_matches(name, dict.fromkeys([*spelled, *remembered]), n=1)
    hint = f"did you mean '{near[0]}'?" if near else "'riverrun status --all' lists all steps"
    return UsageError(f"there is no step '{name}'", hint=hint)
