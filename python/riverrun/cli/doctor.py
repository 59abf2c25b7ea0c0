"""`riverrun doctor`: this machine and this folder in, the facts that decide how riverrun works here out."""

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form
from riverrun.report.wording import escape


@click.command("doctor", short_help="Print what riverrun finds on this machine.")
@flags.session
def command(session: Session) -> int:
    """Print what riverrun finds here: versions, the filesystem and its stamps, the cache's place and space.

    \b
    Example: riverrun doctor --json
    """
    from riverrun.cli.facts import machine, workspace

    session.enter()
    facts = machine() | workspace(session.file)
    if session.voice.form is Form.JSON:
        from riverrun.native import __version__

        session.voice.document({"riverrun": __version__, "ok": True, "facts": facts})
        return Exit.KEPT
    width = max(len(name) for name in facts)
    session.voice.lines(
        f"{name.replace('_', ' '):<{width}}  {escape(str(value))}" for name, value in facts.items()
    )
    return Exit.KEPT
