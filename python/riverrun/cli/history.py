"""`riverrun history`: a limit or a step in, the last runs or that step's attempts out."""

import shlex
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form
from riverrun.model.trace import Attempted, RunRecord
from riverrun.report.wording import duration, escape

if TYPE_CHECKING:
    from riverrun.flow import Pipeline

_REMEMBERED = 1000  # runs: more than are kept, to date the attempts of a step


@click.command("history", short_help="List the last runs, or what happened to a step.")
@click.argument("step", required=False, shell_complete=flags.complete_steps)
@click.option(
    "-n", "--limit", type=flags.Number(min=1), default=20, show_default=True, help="Show at most so many."
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
    attempts = _attempts(pipeline, step)[:limit] if step else []
    if session.voice.form is Form.JSON:
        from riverrun.native import __version__

        told: dict[str, Any] = (
            {"step": step, "attempts": [_attempt_json(attempt) for attempt in attempts]}
            if step
            else {"runs": [_run_json(run) for run in runs]}
        )
        session.voice.document({"riverrun": __version__, "ok": True} | told)
        return Exit.KEPT
    if step:
        lines = list(_attempt_lines(attempts, runs, step)) or [
            f"nothing has happened to '{escape(step)}' yet"
        ]
    else:
        actions = _actions(pipeline, runs)
        lines = [_run_line(run, actions) for run in runs] or ["nothing has run yet"]
    session.voice.lines(lines)
    return Exit.KEPT


def _attempts(pipeline: "Pipeline", step: str) -> list[Attempted]:
    """What happened to the step, or to the items of the family. Raises `UsageError` for a name that no one knows."""
    found = pipeline.attempts(step)
    if found:
        return found
    everyone = pipeline.attempts()
    found = [attempt for attempt in everyone if attempt.step.startswith(f"{step}@")]
    unknown = None if found else flags.unknown_step(pipeline, step, (attempt.step for attempt in everyone))
    if unknown is not None:
        raise unknown
    return found


def _actions(pipeline: "Pipeline", runs: Iterable[RunRecord]) -> Counter[tuple[str, str]]:
    """How many steps failed or were blocked in each run, by (run, action); of runs long ago not all may be known."""
    if not any(run.counts.get("not_kept") for run in runs):
        return Counter()
    return Counter((attempt.run, attempt.action) for attempt in pipeline.attempts())


def _run_line(run: RunRecord, actions: Counter[tuple[str, str]]) -> str:
    took = "unfinished" if run.ended is None else duration(max(0.0, run.ended - run.started))
    counts = ", ".join(f"{run.counts.get(name, 0)} {name}" for name in ("kept", "restored", "ran"))
    failed, blocked = actions[run.id, "failed"], actions[run.id, "blocked"]
    if failed + blocked == run.counts.get("not_kept", 0):
        counts += f", {failed} failed" + (f", {blocked} blocked" if blocked else "")
    else:
        counts += f", {run.counts['not_kept']} failed or blocked"
    ending = "  interrupted" if run.interrupted else ""
    return f"{_clock(run.started)}  {took:>10}  {counts}{ending}  {escape(_asked(run.command))}"


def _attempt_lines(attempts: Iterable[Attempted], runs: Iterable[RunRecord], asked: str) -> Iterable[str]:
    started = {run.id: run.started for run in runs}
    for attempt in attempts:
        when = _clock(started[attempt.run]) if attempt.run in started else escape(attempt.run)
        why = ", ".join(reason.get("kind", "").replace("_", " ") for reason in attempt.reasons)
        item = "" if attempt.step == asked else f"  {escape(attempt.step)}"
        yield f"{when}  {attempt.action:<8}  {duration(attempt.seconds):>8}{item}  {escape(why)}".rstrip()


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
        "step": attempt.step,
        "outcome": attempt.outcome,
        "action": attempt.action,
        "seconds": attempt.seconds,
        "reasons": list(attempt.reasons),
        "log": attempt.log or None,
    }
