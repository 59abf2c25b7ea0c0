"""`riverrun log`: a step in, what its command printed last out."""

import shutil
import sys
from typing import BinaryIO, cast

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form, mute


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
    path = session.open().log(step)
    if session.voice.form is Form.JSON:
        from riverrun.native import __version__

        with open(path, errors="surrogateescape") as text:
            content = "" if only_path else text.read()
        document = {"riverrun": __version__, "ok": True, "step": step, "path": path}
        session.voice.document(document if only_path else document | {"text": content})
    elif only_path:
        _bytes(path.encode(errors="surrogateescape") + b"\n")  # as it is: it goes to other programs
    else:
        with open(path, "rb") as log:
            _copy(log)
    return Exit.KEPT


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
