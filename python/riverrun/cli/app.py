"""The program `riverrun` as a whole: arguments in, the right command run, errors told, an exit code out."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session, spec_above
from riverrun.cli.voice import Colour, Form, Voice, mute
from riverrun.errors import Interrupted, LockedError, Problem, RiverrunError, SpecError, UsageError

COMMANDS = {  # command -> module that is imported when the command is wanted
    "init": "init",
    "run": "run",
    "status": "status",
    "explain": "explain",
    "hash": "hash",
    "dag": "dag",
    "log": "log",
    "history": "history",
    "clean": "clean",
    "cache": "cache",
    "doctor": "doctor",
    "completion": "completion",
}


class Program(click.Group):
    """The group of commands, each imported when it is wanted; without a command it runs the pipeline."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"riverrun.cli.{module}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, but bare `riverrun` (also with options of `run`) means `riverrun run`."""
        # While a shell completes, `riverrun <TAB>` asks for all commands, not for what `run` takes.
        return super().parse_args(ctx, args if ctx.resilient_parsing else _with_run(args))

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, but errors are told here, where it is known whether colours are wanted."""
        try:
            return super().invoke(ctx)
        except (RiverrunError, click.UsageError, OSError, KeyboardInterrupt) as error:
            return _tell(error, replace(ctx.obj.voice, colour=_colour(ctx.params["no_color"])))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a hint for a name that is no command."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:
            close = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean 'riverrun {close[0]}'?" if close else f"to run a step: riverrun run {name}"
            raise UsageError(f"there is no command '{name}'", hint=hint)
        return super().resolve_command(ctx, args)


def _with_run(args: list[str]) -> list[str]:
    """The arguments with `run` put in where no command is named, but a spec is there or an option of `run` is given."""
    folders: list[str] = []
    file = ""
    place = 0
    while place < len(args):
        word = args[place]
        value = args[place + 1] if place + 1 < len(args) else ""
        if word in ("-C", "--directory"):
            folders.append(value)
            place += 2
        elif word in ("-f", "--file"):
            file = value
            place += 2
        elif word.startswith(("-C", "--directory=")):
            folders.append(word.removeprefix("-C").removeprefix("--directory="))
            place += 1
        elif word.startswith(("-f", "--file=")):
            file = word.removeprefix("-f").removeprefix("--file=")
            place += 1
        elif word in ("--help", "-h", "--version", "-V"):
            return args
        elif word == "--no-color":
            place += 1
        elif word.startswith("-") and word != "--":
            return [*args[:place], *_command_first(args[place:])]
        elif word == "help":
            return [*args[:place], *args[place + 1 :], "--help"]
        else:
            return args
    return [*args, "run"] if file or spec_above(folders) else args


def _command_first(args: list[str]) -> list[str]:
    """`-q run total` and `-q total` alike as `run -q total`; `args` begin with an option that is not the group's."""
    from riverrun.cli.run import command

    valued = {
        flag
        for one in command.params
        if not getattr(one, "is_flag", True)
        for flag in (*one.opts, *one.secondary_opts)
    }
    place = 0
    while place < len(args) and args[place].startswith("-") and args[place] != "--":
        place += 2 if args[place] in valued else 1
    if place < len(args) and args[place] in COMMANDS:
        return [args[place], *args[:place], *args[place + 1 :]]
    return ["run", *args]


def _colour(refused: bool) -> Colour:
    return Colour.NEVER if refused else Colour.AUTO


class Presence(click.types.BoolParamType):
    """A flag that a variable of the environment sets by any value, as NO_COLOR wants it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Whatever it says, it is there."""
        return bool(value)


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 every promise is kept; 1 one is not; 2 wrong usage or spec; 75 another run holds the "
    "workspace; 130 interrupted.",
)
@flags.place
@click.option(
    "--no-color",
    is_flag=True,
    type=Presence(),
    envvar="NO_COLOR",
    help="Print without colours. So does setting NO_COLOR.",
)
@click.option("-V", "--version", is_flag=True, help="Print the version.")
@click.pass_context
def program(
    ctx: click.Context, folders: Sequence[str], file: str | None, no_color: bool, version: bool
) -> int:
    """Bring a pipeline of commands to its desired end state, by content.

    A pipeline is described in riverrun.toml: steps, what each reads, what each makes. riverrun finds out by content,
    not by clocks, which steps must run, restores what it has seen before, and runs the rest.

    \b
    Start with an example:     riverrun init
    Bring about the end state: riverrun
    See what would happen:     riverrun status
    """
    voice = replace(ctx.obj.voice, colour=_colour(no_color))
    ctx.obj = replace(ctx.obj, voice=voice, folders=tuple(folders), file=file)
    if version:
        from riverrun.native import __version__

        ctx.obj.voice.say(f"riverrun {__version__}")
    elif ctx.invoked_subcommand is None:
        ctx.obj.voice.say(ctx.get_help())
    return 0


def call(args: Sequence[str]) -> int:
    """Run the program with these arguments; the value is the exit code."""
    words = list(args)
    asked = words[: words.index("--")] if "--" in words else words
    voice = Voice(Form.JSON if "--json" in asked else Form.TEXT)
    try:
        code = program.main(words, prog_name="riverrun", standalone_mode=False, obj=Session(voice))
        return code if isinstance(code, int) else Exit.KEPT
    except (
        click.UsageError
    ) as error:  # of the group's own options; all other errors are told by `Program.invoke`
        return _tell(error, voice)
    finally:
        _flush()


def _tell(error: BaseException, voice: Voice) -> Exit:
    """Say what went wrong; every expected error comes here, and nowhere else."""
    if isinstance(error, RiverrunError):
        voice.problems(error.problems)
        return _exit_code(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and voice.form is Form.TEXT:
        voice.warn(error.format_message())
        return Exit.WRONG_USAGE
    if isinstance(error, click.UsageError):
        voice.problems([_usage(error)])
        return Exit.WRONG_USAGE
    if isinstance(error, OSError):
        voice.problems([Problem("system", _system(error))])
        return Exit.NOT_KEPT
    voice.problems([Problem("interrupted", "interrupted")])
    return Exit.INTERRUPTED


def _exit_code(error: RiverrunError) -> Exit:
    if isinstance(error, LockedError):
        return Exit.LOCKED
    if isinstance(error, Interrupted):
        return Exit.INTERRUPTED
    return Exit.WRONG_USAGE if isinstance(error, (UsageError, SpecError)) else Exit.NOT_KEPT


def _usage(error: click.UsageError) -> Problem:
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        message = "a command is missing"
    command = error.ctx.command_path if error.ctx else "riverrun"
    return Problem("usage", message[:1].lower() + message[1:], hint=f"see '{command} --help'")


def _system(error: OSError) -> str:
    """The machine's word, with the file it is about."""
    name = error.filename
    shown = os.fsdecode(name) if isinstance(name, (bytes, os.PathLike)) else name
    reason = error.strerror or str(error)
    return f"{shown}: {reason}" if shown is not None else reason


def _flush() -> None:
    """Whatever could not be written was told when it was tried; the interpreter must not try again and fail."""
    try:
        sys.stdout.flush()
    except OSError:
        mute(sys.stdout)
