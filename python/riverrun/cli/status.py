"""`riverrun status`: wanted steps in, what would happen to them out; nothing is run."""

from collections.abc import Sequence

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.listing import changes
from riverrun.cli.voice import Form


@click.command("status", short_help="Say what a run would do now, and why.")
@flags.what
@flags.check
@flags.params
@click.option("--all", "all_steps", is_flag=True, help="List every step, the kept ones too.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if something would happen.")
@flags.session
def command(
    session: Session, what: Sequence[str], check: str, params: Sequence[str], all_steps: bool, exit_code: bool
) -> int:
    """Say what `riverrun run` would do now, and why. Runs nothing, waits for no other run.

    \b
    Everything:        riverrun status
    One step:          riverrun status total
    As a test in CI:   riverrun status --exit-code
    """
    from riverrun.flow import Check, Listing

    pipeline = session.open()
    listing = Listing.EVERY_STEP if all_steps else Listing.CHANGES
    report = pipeline.status(
        tuple(what), check=Check(check), params=flags.pairs(params, "-p"), listing=listing
    )
    if session.voice.form is Form.JSON:
        session.voice.document(report.as_json(all_steps=all_steps))
    else:
        changes(session.voice, report, everything=all_steps)
    return Exit.NOT_KEPT if exit_code and (report.pending or not report.ok) else Exit.KEPT
