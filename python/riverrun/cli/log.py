"""`riverrun log`: a step in, what its command printed last out."""

import shutil
import sys
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form, mute
from riverrun.errors import UsageError
from riverrun.model.trace import Attempted
from riverrun.report.wording import escape

if TYPE_CHECKING:
    from riverrun.flow import Pipeline


@click.command("log", short_help="Print what a step printed when it ran last.")
@click.argument("step", shell_complete=flags.complete_steps)
@click.option("--path", "only_path", is_flag=True, help="Print where the log is, not what it holds.")
@flags.session
def command(session: Session, step: str, only_path: bool) -> int:
    """Print what STEP printed when it ran last, failed or not.

    \b
    Read it:      riverrun log total
    Or elsewhere: less $(riverrun log --path total)
    """
    pipeline = session.open()
    last = _last(pipeline, step)
    path = pipeline.log(step) if last.log else ""
    if not path and session.voice.form is Form.TEXT and not only_path:
        session.voice.warn(f"'{escape(step)}' printed nothing")
    elif session.voice.form is Form.JSON:
        from riverrun.native import __version__

        content = "" if only_path or not path else _text(path)
        document = {"riverrun": __version__, "ok": True, "step": step, "path": path or None}
        session.voice.document(document if only_path else document | {"text": content})
    elif only_path and not path:
        raise UsageError(f"there is no log of '{step}': it printed nothing")
    elif only_path:
        _bytes(path.encode(errors="surrogateescape") + b"\n")  # as it is: it goes to other programs
    else:
        with open(path, "rb") as log:
            _copy(log)
    return Exit.KEPT


def _last(pipeline: "Pipeline", step: str) -> Attempted:
    """The step's last attempt that ran its command. Raises `UsageError` if there is none."""
    remembered = pipeline.attempts(step)
    for attempt in remembered:
        if attempt.action in ("ran", "failed"):
            return attempt
    others = {attempt.step for attempt in pipeline.attempts()}
    items = sorted(name for name in others if name.startswith(f"{step}@"))
    if items:
        raise UsageError(f"'{step}' is a family of items", hint=f"name one, as in: riverrun log {items[0]}")
    unknown = None if remembered else flags.unknown_step(pipeline, step, others)
    raise unknown or UsageError(
        f"'{step}' has not run in the runs that are remembered", hint="see 'riverrun history'"
    )


def _text(path: str) -> str:
    with open(path, errors="surrogateescape") as log:
        return log.read()


def _bytes(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _copy(log: BinaryIO) -> None:
    """The log as the command wrote it, byte by byte."""
    try:
        shutil.copyfileobj(log, cast(BinaryIO, sys.stdout.buffer))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        mute(sys.stdout)
