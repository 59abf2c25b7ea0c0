"""`riverrun clean`: wanted steps in, the files that riverrun made and may remove out; removed when told."""

from collections.abc import Sequence

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form, Tone
from riverrun.report.wording import escape, size


@click.command("clean", short_help="List what steps made, and remove it when told.")
@flags.what
@click.option("--orphans", is_flag=True, help="What was made once and no step declares any more.")
@click.option("--yes", is_flag=True, help="Remove what is listed.")
@flags.session
def command(session: Session, what: Sequence[str], orphans: bool, yes: bool) -> int:
    """List what the steps made, and with --yes remove it. What was changed since is never removed.

    \b
    See what it would be: riverrun clean
    Remove one output:    riverrun clean total.txt --yes
    Remove leftovers:     riverrun clean --orphans --yes
    """
    voice = session.voice
    pipeline = session.open()
    cleaning = pipeline.clean(tuple(what), orphans=orphans)
    if yes:
        pipeline.remove(cleaning)
    total = sum(count for _, count in cleaning.paths)
    if voice.form is Form.JSON:
        from riverrun.native import __version__

        voice.document(
            {
                "riverrun": __version__,
                "ok": True,
                "removed": yes,
                "bytes": total,
                "paths": [{"path": path, "bytes": count} for path, count in cleaning.paths],
                "kept": [{"path": path, "why": why} for path, why in cleaning.kept],
            }
        )
        return Exit.KEPT
    verb = "removed" if yes else "would remove"
    voice.lines(f"{verb}  {escape(path)}  {size(count)}" for path, count in cleaning.paths)
    voice.lines(
        f"{voice.paint('left', Tone.CARE)}  {escape(path)}: {escape(why)}" for path, why in cleaning.kept
    )
    files = f"{len(cleaning.paths)} {'path' if len(cleaning.paths) == 1 else 'paths'}, {size(total)}"
    if not cleaning.paths:
        voice.say("nothing to remove")
    else:
        voice.say(f"{verb} {files}" + ("" if yes else " (--yes removes them)"))
    return Exit.KEPT
