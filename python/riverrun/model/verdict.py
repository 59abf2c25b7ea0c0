"""What must happen to a step and why: verdicts and reasons (typed, not text), and what came of them."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from riverrun.model.trace import Trace


class Action(Enum):
    """What a verdict asks for, or what was done."""

    NONE = "none"
    RUN = "run"
    RESTORE = "restore"
    MAYBE = "maybe"  # an upstream step must run first, and might yield what it yielded before
    RAN = "ran"
    RESTORED = "restored"
    FAILED = "failed"
    BLOCKED = "blocked"


class Outcome(Enum):
    """Of a promise. None where something would still have to happen."""

    KEPT = "kept"
    REPAIRED = "repaired"
    NOT_KEPT = "not_kept"


class Recording(Enum):
    """What came of recording an attempt."""

    RECORDED = "recorded"
    REFUSED = "refused"  # an output is missing or not what may be kept
    UNSTABLE = "unstable"  # an input changed while the step ran (rule 7): judge it anew
    BROKEN = "broken"  # what should be restored is not what it was


class Cause(Enum):
    """The kinds of reason. The value is what JSON says."""

    FIRST_RUN = "first_run"
    COMMAND_CHANGED = "command_changed"
    PARAM_CHANGED = "param_changed"
    INPUT_CHANGED = "input_changed"
    INPUT_ADDED = "input_added"
    INPUT_REMOVED = "input_removed"
    INPUT_ORDER = "input_order_changed"
    INPUT_MISSING = "input_missing"
    INPUT_BUSY = "input_busy"
    INPUT_UNREADABLE = "input_unreadable"
    INPUT_UNSTABLE = "input_unstable"  # changed while the step ran, twice
    ENVIRONMENT_CHANGED = "environment_changed"
    TOOL_CHANGED = "tool_changed"
    TOOL_MISSING = "tool_missing"
    OUTPUTS_CHANGED = "outputs_changed"  # the declared names
    PLATFORM_CHANGED = "platform_changed"
    OUTPUT_MISSING = "output_missing"
    OUTPUT_TAMPERED = "output_tampered"
    NOT_CACHED = "not_cached"
    STORE_BROKEN = "store_broken"
    FORCED = "forced"
    ALWAYS = "always"
    NEEDED = "needed"  # temporary, and a reader must run
    UPSTREAM = "upstream"
    COMMAND_FAILED = "command_failed"
    TEST_FAILED = "test_failed"
    OUTPUT_NOT_MADE = "output_not_made"
    OUTPUT_REFUSED = "output_refused"  # a link to an input, a fifo, a device, written by someone
    OUTLIVED = "outlived"  # a process of the step was still running when its command had ended
    TIMEOUT = "timeout"
    NOT_STARTED = "not_started"  # something else failed before its turn came
    INTERRUPTED = "interrupted"
    NO_RESOURCES = "no_resources"
    ERROR = "error"  # the machine's word, e.g. no space left


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: its cause, which artifact or name it is about, and the values before and after, as a person reads them."""

    cause: Cause
    path: str = ""
    before: str = ""
    after: str = ""

    def as_json(self) -> dict[str, Any]:
        """The entry of `reasons` in the JSON document; what is empty is left out."""
        shown = {"path": self.path, "before": self.before, "after": self.after}
        return {"kind": self.cause.value} | {name: value for name, value in shown.items() if value}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What must happen to a step, why, and (to keep or to restore) which trace says what its outputs are."""

    action: Action  # NONE, RUN, RESTORE, MAYBE or BLOCKED
    reasons: tuple[Reason, ...] = ()
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step (or, in `status` and dry runs, would come)."""

    step: str
    action: Action
    outcome: Outcome | None
    reasons: tuple[Reason, ...] = ()
    seconds: float = 0.0
    log: str = ""  # path, relative to the workspace
    notes: tuple[str, ...] = ()  # e.g. undeclared files that were dropped


OUTCOMES = {
    Action.NONE: Outcome.KEPT,
    Action.RAN: Outcome.REPAIRED,
    Action.RESTORED: Outcome.REPAIRED,
    Action.FAILED: Outcome.NOT_KEPT,
    Action.BLOCKED: Outcome.NOT_KEPT,
    Action.RUN: None,
    Action.RESTORE: None,
    Action.MAYBE: None,
}
