"""Tell a run while it happens: events in, lines out; on a terminal also one line that moves."""

import sys
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from riverrun.cli.voice import Tone, Voice, is_terminal
from riverrun.model.verdict import Action, StepResult
from riverrun.report.events import Event, Planned, Reading, Remark, Settled, Started, Stopping
from riverrun.report.wording import Fate, Fates, escape, result_parts, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

TONES = {
    Action.NONE: Tone.QUIET,
    Action.RUN: Tone.CARE,
    Action.RESTORE: Tone.CALM,
    Action.MAYBE: Tone.QUIET,
    Action.RAN: Tone.GOOD,
    Action.RESTORED: Tone.CALM,
    Action.FAILED: Tone.BAD,
    Action.BLOCKED: Tone.CARE,
}
_VERB_WIDTH = len("restored")
_NAME_WIDTH = 20  # longer names push the rest of their line to the right
_RUNNING_SHOWN = 3


class Detail(Enum):
    """How much is told."""

    QUIET = "failures only"
    NORMAL = "what happens"
    VERBOSE = "what happens, and what steps left behind"


class Telling:
    """What a person sees of a run; also remembers what it has told of."""

    def __init__(self, voice: Voice, detail: Detail) -> None:
        self.told: set[str] = set()
        self.remarks: set[str] = set()
        self.failure: OSError | None = None
        self._voice = voice
        self._detail = detail
        # Nothing is drawn before a command starts: a run with nothing to do pays for no pictures.
        self._drawn = detail is not Detail.QUIET and is_terminal(sys.stdout) and is_terminal(sys.stderr)
        self._progress: Progress | None = None
        self._line: TaskID | None = None
        self._running: dict[str, None] = {}
        self._total = 0
        self._settled = 0
        self._fates = Fates()

    def __call__(self, event: Event) -> None:
        """Tell one event. A full disk behind stdout must not break the run: it is kept as `failure` for its end."""
        if self.failure is None:
            try:
                self._tell(event)
            except OSError as error:
                self.failure = error

    def _tell(self, event: Event) -> None:
        match event:
            case Planned(total):
                self._total = total
            case Started(step):
                self._running[step] = None
                self._draw()
            case Settled(result, tail):
                self._settled += 1
                self._running.pop(result.step, None)
                self.result(result, tail)
                self._draw()
            case Reading(files, count, why):
                noun = "file" if files == 1 else "files"
                self._aside(f"reading {files} {noun}, {size(count)}{': ' + escape(why) if why else ''}")
            case Remark(text):
                self.remarks.add(text)
                self._aside(f"note: {escape(text)}")
            case Stopping(how):
                self._voice.cry(f"stopping: {how.value}")

    def result(self, result: StepResult, tail: str) -> None:
        """One step's line, and for a failure what is needed to mend it."""
        self.told.add(result.step)
        fate = self._fates.of(result)
        if fate is Fate.SPARED:
            return  # the last line counts them
        unkept = result.action in (Action.FAILED, Action.BLOCKED)
        if result.action is Action.NONE or (self._detail is Detail.QUIET and not unkept):
            return
        if fate is Fate.STOPPED:
            result, tail = replace(result, reasons=(), notes=(), log=""), ""
            verb, name, rest = result_parts(result)
            verb = "stopped"
        else:
            verb, name, rest = result_parts(result)
        painted = self._voice.paint(f"{verb:<{_VERB_WIDTH}}", TONES[result.action])
        lines = [f"{painted} {name:<{_NAME_WIDTH}} {rest}".rstrip()]
        if result.action is Action.FAILED:
            lines += [f"    | {escape(line.expandtabs())}" for line in tail.splitlines()]
            lines += [f"    {escape(note)}" for note in result.notes]
            lines += [f"    log: {escape(result.log)}"] if result.log else []
        elif self._detail is Detail.VERBOSE:
            lines += [f"    {escape(note)}" for note in result.notes]
        self._say(lines)

    def _say(self, lines: list[str]) -> None:
        """The lines, above the one that moves; never wrapped here, so that they can be copied as they are."""
        if self._progress is None:
            self._voice.lines(lines)
            return
        from rich.text import Text

        self._progress.console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)

    def close(self) -> None:
        """Take the moving line away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _aside(self, line: str) -> None:
        if self._detail is Detail.QUIET:
            return
        if self._progress is None:
            self._voice.warn(line)
        else:
            self._say([line])

    def _draw(self) -> None:
        if not self._drawn:
            return
        if self._progress is None:
            self._begin()
        if self._progress is not None and self._line is not None:
            names = [escape(name) for name in self._running]
            more = len(names) - _RUNNING_SHOWN
            running = ", ".join(names[:_RUNNING_SHOWN]) + (f" and {more} more" if more > 0 else "")
            total = max(self._total, self._settled)
            self._progress.update(self._line, completed=self._settled, total=total or None, running=running)

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True, highlight=False)
        if console.is_dumb_terminal:
            self._drawn = False
            return
        running = TextColumn("{task.fields[running]}", markup=False)
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            running,
            console=console,
            transient=True,
            redirect_stdout=False,  # it would wrap at the terminal's width
            redirect_stderr=False,
        )
        self._progress.start()
        self._line = self._progress.add_task("", total=self._total or None, running="")
