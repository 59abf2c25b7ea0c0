"""Say it in words: reasons, results and reports in, lines of plain text out (nothing that harms a terminal)."""

import re
from collections.abc import Mapping, Sequence

from riverrun.model.verdict import Action, Cause, Reason, StepResult
from riverrun.report.report import Report

_DIGEST = re.compile(r"\b[0-9a-f]{32}(?:[0-9a-f]{32})?\b")
_DIGEST_SHOWN = 12  # hex digits: enough to tell two apart by eye
_VALUE_SHOWN = 24  # characters of a value that still fit a line
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
        return f"{line} ({escape(reason.after)})"
    before, after = (_short(value) for value in (reason.before, reason.after))
    if before and after:
        line += f" ({before} -> {after})"
    elif after and not reason.before:
        line += f" ({after})"
    return line


def _short(value: str) -> str:
    """The value if it says something on one line; digests say nothing there."""
    if len(value) > 3 * _VALUE_SHOWN or _DIGEST.search(value) or "\n" in value:
        return ""
    return escape(value)


def reasons_line(reasons: Sequence[Reason]) -> str:
    """The first reasons, and how many more there are."""
    shown = "; ".join(reason_line(reason) for reason in reasons[:_REASONS_SHOWN])
    more = len(reasons) - _REASONS_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


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


def summary(report: Report) -> str:
    """The last line: what came of it, how long it took, and how far the check read."""
    counts = report.counts
    check = f"(check: {report.check})"
    took = "" if report.dry else f" in {duration(report.seconds)}"
    if report.ok and not report.interrupted and not any(counts.get(name) for name in _WORTH_A_WORD):
        return f"nothing to do: {counts['kept']} kept{took} {check}"
    failed = sum(step.action is Action.FAILED for step in report.steps)
    blocked = counts["not_kept"] - failed
    if report.dry:
        words = [f"{counts['kept']} kept"]
        words += [f"{counts[name]} {say}" for name, say in _WOULD.items() if counts.get(name)]
        words += [f"{failed} would fail"] * bool(failed) + [f"{blocked} cannot be made"] * bool(blocked)
    else:
        words = [
            f"{counts['kept']} kept",
            f"{counts['restored']} restored",
            f"{counts['ran']} ran",
            f"{failed} failed",
        ]
        words += [f"{blocked} blocked"] * bool(blocked)
    return f"{'interrupted: ' if report.interrupted else ''}{', '.join(words)}{took} {check}"


_WORTH_A_WORD = ("repaired", "not_kept", "would_run", "would_restore", "maybe")
_WOULD = {"would_run": "would run", "would_restore": "would be restored", "maybe": "may run"}
