"""`riverrun run`: wanted steps and options in, a run, its lines or its JSON document out."""

from collections.abc import Sequence

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.listing import changes, notes
from riverrun.cli.progress import Detail, Telling
from riverrun.cli.voice import Form
from riverrun.errors import UsageError


@click.command("run", short_help="Bring about the end state, or WHAT.")
@flags.what
@click.option(
    "-j",
    "--jobs",
    type=flags.Number(min=1),
    metavar="N",
    help="Run up to N steps at once; by default one for each core.",
)
@click.option(
    "-k", "--keep-going", is_flag=True, help="After a failure, go on with the steps that do not need it."
)
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("-B", "--force-all", is_flag=True, help="Run all wanted steps, needed or not.")
@click.option("--force", metavar="WHAT", multiple=True, help="Run this, needed or not. May be given again.")
@click.option(
    "--only",
    metavar="WHAT",
    multiple=True,
    help="Bring about this and nothing that it needs. May be given again.",
)
@flags.params
@click.option(
    "--limit",
    "limits",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give a resource another limit, as in memory=8GiB.",
)
@flags.check
@click.option(
    "--no-contain", is_flag=True, help="Do not ask the kernel to close the rest of the project to steps."
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for another run to end.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.option("-v", "--verbose", is_flag=True, help="Also name undeclared files that steps left behind.")
@click.option("--all", "all_steps", is_flag=True, help="With --json: list the kept steps too.")
@flags.session
def command(
    session: Session,
    what: Sequence[str],
    jobs: int | None,
    keep_going: bool,
    dry_run: bool,
    force_all: bool,
    force: Sequence[str],
    only: Sequence[str],
    params: Sequence[str],
    limits: Sequence[str],
    check: str,
    no_contain: bool,
    wait: float,
    quiet: bool,
    verbose: bool,
    all_steps: bool,
) -> int:
    """Bring about the end state, or WHAT: run or restore what is not as it should be.

    WHAT is a step, an item (count@a), a tributary or an artifact; ./x is always a path; x+ is x and everything
    downstream. Without WHAT it is the end state that the spec names.

    \b
    Everything:             riverrun run
    One step, four at once: riverrun run total -j 4
    What would happen:      riverrun run -n
    """
    if what and only:
        raise UsageError("WHAT and --only are given together", hint="with --only, name everything by --only")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose are given together", hint="leave one of them out")
    pipeline = session.open()
    from riverrun.flow import Check, Contain, Force, Listing, Mode, OnFailure, RunOptions, Upstream

    options = RunOptions(
        jobs=jobs,
        on_failure=OnFailure.KEEP_GOING if keep_going else OnFailure.FINISH_RUNNING,
        mode=Mode.DRY if dry_run else Mode.RUN,
        force=tuple(force),
        force_all=Force.ALL if force_all else Force.NAMED,
        only=Upstream.LEFT_ALONE if only else Upstream.INCLUDED,
        params=flags.pairs(params, "-p"),
        limits=flags.pairs(limits, "--limit"),
        check=Check(check),
        contain=Contain.NO if no_contain else Contain.AS_DECLARED,
        wait=wait,
        listing=Listing.EVERY_STEP if all_steps else Listing.CHANGES,
    )
    voice = session.voice
    detail = (
        Detail.QUIET if quiet or voice.form is Form.JSON else Detail.VERBOSE if verbose else Detail.NORMAL
    )
    telling = Telling(voice, detail)
    try:
        report = pipeline.run(tuple(only or what), options=options, on_event=telling)
    finally:
        telling.close()
    if telling.failure is not None:
        raise telling.failure
    if voice.form is Form.JSON:
        voice.document(report.as_json(all_steps=all_steps))
    elif report.dry:
        changes(voice, report, everything=all_steps)
    else:
        from riverrun.report.wording import summary

        for result in report.told():
            if result.step not in telling.told:
                telling.result(result, report.tails.get(result.step, ""))
        if not quiet:
            notes(voice, report, telling.remarks)
            voice.say(summary(report))
    return Exit.INTERRUPTED if report.interrupted else Exit.KEPT if report.ok else Exit.NOT_KEPT
