"""`riverrun history`: a limit or a step in, the last runs or that step's attempts out."""

import shlex
import time
from collections.abc import Iterable
from typing import Any

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form
from riverrun.model.trace import Attempted, RunRecord
from riverrun.report.wording import duration, escape

_REMEMBERED = 1000  # runs: more than are kept, to date the attempts of a step


@click.command("history", short_help="List the last runs, or what happened to a step.")
@click.argument("step", required=False, shell_complete=flags.complete_steps)
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)
@flags.session
def command(session: Session, step: str | None, limit: int) -> int:
    """List the last runs, the newest first; or what happened to STEP in them.

    \b
    The last runs: riverrun history
    One step:      riverrun history total
    """
    pipeline = session.open()
    runs = pipeline.history(_REMEMBERED if step else limit)
    attempts = list(pipeline.attempts(step))[:limit] if step else []
    if session.voice.form is Form.JSON:
        from riverrun.native import __version__

        told: dict[str, Any] = (
            {"step": step, "attempts": [_attempt_json(attempt) for attempt in attempts]}
            if step
            else {"runs": [_run_json(run) for run in runs]}
        )
        session.voice.document({"riverrun": __version__, "ok": True} | told)
        return Exit.KEPT
    lines = list(_attempt_lines(attempts, runs) if step else map(_run_line, runs))
    session.voice.lines(lines or ["nothing has run yet"])
    return Exit.KEPT


def _run_line(run: RunRecord) -> str:
    took = "unfinished" if run.ended is None else duration(max(0.0, run.ended - run.started))
    counts = ", ".join(
        f"{run.counts.get(name, 0)} {say}"
        for name, say in (
            ("kept", "kept"),
            ("restored", "restored"),
            ("ran", "ran"),
            ("not_kept", "not kept"),
        )
    )
    ending = "  interrupted" if run.interrupted else ""
    return f"{_clock(run.started)}  {took:>10}  {counts}{ending}  {escape(_asked(run.command))}"


def _attempt_lines(attempts: Iterable[Attempted], runs: Iterable[RunRecord]) -> Iterable[str]:
    started = {run.id: run.started for run in runs}
    for attempt in attempts:
        when = _clock(started[attempt.run]) if attempt.run in started else escape(attempt.run)
        why = ", ".join(reason.get("kind", "").replace("_", " ") for reason in attempt.reasons)
        yield f"{when}  {attempt.action:<8}  {duration(attempt.seconds):>8}  {escape(why)}".rstrip()


def _asked(command: str) -> str:
    """The command as a person typed it, whatever started the program."""
    try:
        return shlex.join(["riverrun", *shlex.split(command)[1:]])
    except ValueError:
        return command


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _run_json(run: RunRecord) -> dict[str, Any]:
    return {
        "run": run.id,
        "started": run.started,
        "ended": run.ended,
        "command": run.command,
        "check": run.check,
        "counts": run.counts,
        "interrupted": run.interrupted,
    }


def _attempt_json(attempt: Attempted) -> dict[str, Any]:
    return {
        "run": attempt.run,
        "outcome": attempt.outcome,
        "action": attempt.action,
        "seconds": attempt.seconds,
        "reasons": list(attempt.reasons),
        "log": attempt.log or None,
    }
