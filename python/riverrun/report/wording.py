"""Say it in words: reasons, results and reports in, lines of plain text out (nothing that harms a terminal)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum

from riverrun.model.verdict import Action, Cause, Reason, StepResult
from riverrun.report.report import Report

_DIGEST = re.compile(r"\b[0-9a-f]{32}(?:[0-9a-f]{32})?\b")
_DIGEST_SHOWN = 12  # hex digits: enough to tell two apart by eye
_VALUE_SHOWN = 24  # characters of a value that still fit a line
_LINE_SHOWN = 64  # characters of all reasons: what 100 columns leave beside verb, name and seconds
_REASONS_SHOWN = 2

PHRASES: Mapping[Cause, str] = {
    Cause.FIRST_RUN: "never made before",
    Cause.COMMAND_CHANGED: "command changed",
    Cause.PARAM_CHANGED: "param changed",
    Cause.INPUT_CHANGED: "input changed",
    Cause.INPUT_ADDED: "input added",
    Cause.INPUT_REMOVED: "input removed",
    Cause.INPUT_ORDER: "order of inputs changed",
    Cause.INPUT_MISSING: "input is missing",
    Cause.INPUT_BUSY: "input is being written by another program",
    Cause.INPUT_UNREADABLE: "input cannot be read",
    Cause.INPUT_UNSTABLE: "input changed while the step ran",
    Cause.ENVIRONMENT_CHANGED: "environment changed",
    Cause.TOOL_CHANGED: "tool changed",
    Cause.TOOL_MISSING: "tool not found",
    Cause.OUTPUTS_CHANGED: "declared outputs changed",
    Cause.PLATFORM_CHANGED: "platform changed",
    Cause.OUTPUT_MISSING: "output is missing",
    Cause.OUTPUT_TAMPERED: "output was changed from outside",
    Cause.NOT_CACHED: "not in the cache",
    Cause.STORE_BROKEN: "cached bytes are damaged",
    Cause.FORCED: "forced",
    Cause.ALWAYS: "always runs",
    Cause.NEEDED: "temporary, and needed again",
    Cause.UPSTREAM: "waits for",
    Cause.COMMAND_FAILED: "command failed",
    Cause.TEST_FAILED: "its test failed",
    Cause.OUTPUT_NOT_MADE: "output was not made",
    Cause.OUTPUT_REFUSED: "output refused",
    Cause.OUTLIVED: "left a process running",
    Cause.TIMEOUT: "took too long",
    Cause.INTERRUPTED: "interrupted",
    Cause.NO_RESOURCES: "asks for more than there is",
    Cause.NOT_STARTED: "not started",
    Cause.ERROR: "error",
}

# Of these the value is a sentence that says what to do: it is never left out for its length.
_TOLD = frozenset(
    {
        Cause.INPUT_BUSY,
        Cause.INPUT_UNREADABLE,
        Cause.TOOL_MISSING,
        Cause.COMMAND_FAILED,
        Cause.TEST_FAILED,
        Cause.OUTPUT_REFUSED,
        Cause.OUTLIVED,
        Cause.TIMEOUT,
        Cause.ERROR,
    }
)

# What a message of the runner says again that the phrase before it has said already.
_SAID: Mapping[Cause, str] = {
    Cause.TEST_FAILED: "its test failed: ",
    Cause.TIMEOUT: "it took longer than its ",
    Cause.OUTLIVED: "still running when its command had ended, and ",
}

VERBS: Mapping[Action, str] = {
    Action.NONE: "kept",
    Action.RUN: "would run",
    Action.RESTORE: "would be restored",
    Action.MAYBE: "may run",
    Action.RAN: "ran",
    Action.RESTORED: "restored",
    Action.FAILED: "failed",
    Action.BLOCKED: "blocked",
}

CONSEQUENCES: Mapping[Action, str] = {
    Action.RUN: "would run",
    Action.RESTORE: "would be restored from the cache",
    Action.MAYBE: "may run, depending on what is made before them",
    Action.FAILED: "would fail",
    Action.BLOCKED: "cannot be made",
    Action.NONE: "kept",
}


def escape(text: str) -> str:
    """The text with everything a terminal could act on, and every byte that is no UTF-8, spelled out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def abbreviate(text: str) -> str:
    """Digests cut to what an eye compares."""
    return _DIGEST.sub(lambda found: found.group()[:_DIGEST_SHOWN] + "...", text)


def duration(seconds: float) -> str:
    """Seconds as people write them: 0.12s, 75s, 12m05s, 3h10m."""
    if seconds < 9.995:
        return f"{seconds:.2f}s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole}s"
    if whole < 7200:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def size(count: int) -> str:
    """Bytes as people write them: 512 B, 1.5 MiB."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def reason_line(reason: Reason) -> str:
    """One reason on one line: `param changed: level (3 -> 4)`."""
    line = PHRASES[reason.cause]
    if reason.path:
        line += (
            f": {escape(reason.path)}" if reason.cause is not Cause.UPSTREAM else f" {escape(reason.path)}"
        )
    if reason.cause in _TOLD and reason.after and not reason.before:
        return f"{line} ({escape(reason.after.removeprefix(_SAID.get(reason.cause, '')))})"
    if reason.cause is Cause.COMMAND_CHANGED and max(len(reason.before), len(reason.after)) > _VALUE_SHOWN:
        return line  # two long commands cut short look the same; `explain` has them whole
    before, after = (_short(value) for value in (reason.before, reason.after))
    if before == after:
        return line
    if before and after:
        line += f" ({before} -> {after})"
    elif after and not reason.before:
        line += f" ({after})"
    return line


def _short(value: str) -> str:
    """The value, cut to what fits a line, if it says something there; digests do not."""
    if _DIGEST.search(value) or "\n" in value:
        return ""
    return escape(value if len(value) <= _VALUE_SHOWN else value[: _VALUE_SHOWN - 3] + "...")


def reasons_line(reasons: Sequence[Reason]) -> str:
    """The first reasons, and how many more there are; without values where these would make it too long."""
    if any(reason.cause is Cause.PARAM_CHANGED for reason in reasons):
        # The param's value stands in the command too: to say both is to say it twice.
        reasons = [one for one in reasons if one.cause is not Cause.COMMAND_CHANGED or one.path]
    shown = reasons[:_REASONS_SHOWN]
    line = "; ".join(map(reason_line, shown))
    if len(line) > _LINE_SHOWN and len(shown) > 1:
        line = "; ".join(map(_without_values, shown))
    more = len(reasons) - _REASONS_SHOWN
    return f"{line}; and {more} more" if more > 0 else line


def _without_values(reason: Reason) -> str:
    return reason_line(reason if reason.cause in _TOLD else Reason(reason.cause, reason.path))


def result_parts(result: StepResult) -> tuple[str, str, str]:
    """What happened, to which step, and the rest of its line."""
    took = duration(result.seconds) if result.action in (Action.RAN, Action.FAILED) else ""
    return (
        VERBS[result.action],
        escape(result.step),
        "  ".join(filter(None, (took, reasons_line(result.reasons)))),
    )


def reason_block(reason: Reason) -> list[str]:
    """A reason with its values before and after, for `explain`."""
    if not (reason.before and reason.after):
        value = abbreviate(reason.before or reason.after)
        line = reason_line(Reason(reason.cause, reason.path))
        if not value:
            return [line]
        side = "was" if reason.before else "now"
        return [line, *_indented(side, value)]
    head = reason_line(Reason(reason.cause, reason.path))
    return [head, *_indented("was", abbreviate(reason.before)), *_indented("now", abbreviate(reason.after))]


def _indented(side: str, value: str) -> list[str]:
    first, *rest = value.split("\n")
    return [f"  {side}  {escape(first)}", *(f"       {escape(line)}" for line in rest)]


class Fate(Enum):
    """What the end of a run by the person who started it meant for a step."""

    NONE = "it came to its own end"
    STOPPED = "its command was ended"
    SPARED = "it did not begin"


class Fates:
    """Tells the steps that Ctrl-C stopped or spared from others; makers are shown to it before their readers."""

    def __init__(self) -> None:
        self._ended = False
        self._broken: set[str] = set()  # failed or blocked by themselves

    def of(self, result: StepResult) -> Fate:
        """What became of this step."""
        if result.action not in (Action.FAILED, Action.BLOCKED):
            return Fate.NONE
        causes = [reason.cause for reason in result.reasons]
        if Cause.INTERRUPTED in causes:
            self._ended = True
            return Fate.STOPPED if result.action is Action.FAILED else Fate.SPARED
        needed = {reason.path for reason in result.reasons if reason.cause is Cause.UPSTREAM}
        if self._ended and needed and needed.isdisjoint(self._broken):
            return Fate.SPARED
        self._broken.add(result.step)
        return Fate.NONE


def summary(report: Report) -> str:
    """The last line: what came of it, how long it took, and how far the check read."""
    counts = report.counts
    check = f"(check: {report.check})"
    took = "" if report.dry else f" in {duration(report.seconds)}"
    if report.ok and not report.interrupted and not any(counts.get(name) for name in _WORTH_A_WORD):
        return f"nothing to do: {counts['kept']} kept{took} {check}"
    failed = sum(step.action is Action.FAILED for step in report.steps)
    blocked = counts["not_kept"] - failed
    fates = Counter(map(Fates().of, report.steps) if report.interrupted else ())
    stopped, spared = fates[Fate.STOPPED], fates[Fate.SPARED]
    if report.dry:
        words = [f"{counts['kept']} kept"]
        words += [f"{counts[name]} {say}" for name, say in _WOULD.items() if counts.get(name)]
        words += [f"{failed} would fail"] * bool(failed) + [f"{blocked} cannot be made"] * bool(blocked)
    else:
        words = [
            f"{counts['kept']} kept",
            f"{counts['restored']} restored",
            f"{counts['ran']} ran",
            f"{failed - stopped} failed",
        ]
        words += [f"{blocked - spared} blocked"] * bool(blocked - spared)
        words += [f"{stopped} stopped"] * bool(stopped) + [f"{spared} not started"] * bool(spared)
    return f"{'interrupted: ' if report.interrupted else ''}{', '.join(words)}{took} {check}"


_WORTH_A_WORD = ("repaired", "not_kept", "would_run", "would_restore", "maybe")
_WOULD = {"would_run": "would run", "would_restore": "would be restored", "maybe": "may run"}
