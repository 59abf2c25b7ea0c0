"""`riverrun cache`: what can be restored in numbers, checked byte by byte, or freed of what no one needs."""

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form, Tone
from riverrun.report.wording import escape, size


@click.group("cache", short_help="Look after what outputs are restored from.")
def command() -> int:
    """Look after the cache: what outputs can be restored from.

    \b
    How large it is:           riverrun cache stats
    Whether it is sound:       riverrun cache verify
    Remove what no one needs:  riverrun cache gc
    """
    return Exit.KEPT


@command.command("stats", short_help="Print how large the cache is.")
@flags.session
def stats(session: Session) -> int:
    """Print how much the cache holds, and for how many workspaces.

    \b
    Example: riverrun cache stats --json
    """
    found = session.open().cache_stats()
    if session.voice.form is Form.JSON:
        from riverrun.native import __version__

        session.voice.document(
            {
                "riverrun": __version__,
                "ok": True,
                "blobs": found.blobs,
                "bytes": found.bytes,
                "packs": found.packs,
                "loose": found.loose,
                "workspaces": found.workspaces,
            }
        )
    else:
        session.voice.say(
            f"{found.blobs} contents, {size(found.bytes)}: {found.loose} files, {found.packs} packs; "
            f"used by {found.workspaces} {'workspace' if found.workspaces == 1 else 'workspaces'}"
        )
    return Exit.KEPT


@command.command("verify", short_help="Check every byte of the cache.")
@flags.session
def verify(session: Session) -> int:
    """Read every byte of the cache and compare it with its name. Damaged contents are set aside.

    Nothing is lost by damage but time: the step that made the content runs again when it is needed.

    \b
    Example: riverrun cache verify
    """
    voice = session.voice
    broken = session.open().cache_verify()
    if voice.form is Form.JSON:
        from riverrun.native import __version__

        entries = [{"digest": item.digest.hex(), "path": item.path, "why": item.why} for item in broken]
        voice.document({"riverrun": __version__, "ok": not broken, "broken": entries})
    elif broken:
        voice.lines(
            f"{voice.paint('damaged', Tone.BAD)}  {item.digest.hex()}  {escape(item.path)}: {escape(item.why)}"
            for item in broken
        )
        voice.say(f"{len(broken)} damaged, and set aside")
    else:
        voice.say("every content is as its name says")
    return Exit.NOT_KEPT if broken else Exit.KEPT


@command.command("gc", short_help="Remove what no workspace needs.")
@click.option("--yes", is_flag=True, help="Remove what is listed.")
@click.option(
    "--keep-runs",
    type=flags.Number(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Keep what the last N runs of each workspace can be taken back to.",
)
@flags.session
def gc(session: Session, yes: bool, keep_runs: int) -> int:
    """List the cached contents that no workspace needs, and with --yes remove them.

    \b
    See what it would be: riverrun cache gc
    Remove it:            riverrun cache gc --yes
    """
    voice = session.voice
    garbage = session.open().cache_gc(yes, keep_runs)
    if voice.form is Form.JSON:
        from riverrun.native import __version__

        voice.document(
            {
                "riverrun": __version__,
                "ok": True,
                "removed": yes,
                "contents": len(garbage.digests),
                "bytes": garbage.bytes,
                "paths": list(garbage.paths),
            }
        )
        return Exit.KEPT
    verb = "removed" if yes else "would remove"
    voice.lines(f"{verb}  {escape(path)}" for path in garbage.paths)
    if not garbage.digests:
        voice.say("nothing to remove")
    else:
        hint = "" if yes else " (--yes removes them)"
        voice.say(f"{verb} {len(garbage.digests)} contents, {size(garbage.bytes)}{hint}")
    return Exit.KEPT
