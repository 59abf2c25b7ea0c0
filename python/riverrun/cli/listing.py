"""List what would happen: a report of `status` or of a dry run in, groups of lines out."""

from collections.abc import Container

from riverrun.cli.progress import TONES
from riverrun.cli.voice import Tone, Voice
from riverrun.model.verdict import Action
from riverrun.report.report import Report
from riverrun.report.wording import CONSEQUENCES, escape, reasons_line, summary

_SHOWN = 20  # of one group; families have thousands of items


def changes(voice: Voice, report: Report, *, everything: bool) -> None:
    """The groups, the notes, the last line. `everything`: the kept too, and no group cut short."""
    for action, consequence in CONSEQUENCES.items():
        steps = [step for step in report.steps if step.action is action]
        if not steps or (action is Action.NONE and not everything):
            continue
        voice.say(voice.paint(consequence, TONES[action]) + f" ({len(steps)}):")
        shown = steps if everything else steps[:_SHOWN]
        width = min(32, max(len(escape(step.step)) for step in shown))
        voice.lines(
            f"  {escape(step.step):<{width}}  {reasons_line(step.reasons)}".rstrip() for step in shown
        )
        if len(shown) < len(steps):
            voice.say(f"  ... and {len(steps) - len(shown)} more (--all)")
    notes(voice, report)
    voice.say(summary(report))


def notes(voice: Voice, report: Report, told: Container[str] = ()) -> None:
    """What belongs to no single step, and was not told while it happened."""
    untold = [note.message for note in report.notes if note.message not in told]
    voice.lines(f"{voice.paint('note:', Tone.CARE)} {escape(message)}" for message in untold)
