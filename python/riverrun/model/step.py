"""A step as the planner and the runner need it: one command with everything filled in (an item of a family is a step)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from riverrun.errors import Location


class CachePolicy(Enum):
    """How the bytes of outputs are kept for later (design, section 5)."""

    AUTO = "auto"
    COPY = "copy"
    NAME_ONLY = "false"


class Containment(Enum):
    """What the kernel is asked to close around a command."""

    NONE = "none"
    PROJECT = "project"
    STRICT = "strict"


class Inputs(Enum):
    """How declared files stand in the work folder."""

    LINKED = "linked"
    REAL = "real"


class Ground(Enum):
    """Where a command runs."""

    WORK_FOLDER = "work folder"
    IN_PLACE = "in place"


class Rerun(Enum):
    """Whether a kept promise is enough."""

    WHEN_NEEDED = "when needed"
    ALWAYS = "always"


class ArtifactKind(Enum):
    """What an artifact is declared to be; a path that ends in '/' is a folder."""

    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input or use: where it is, and what the step calls it.

    `path` is relative to the workspace, or absolute where `outside`. `shown` is its name in the step: the path
    relative to the spec's folder, or for an outside one the name that enters the key in place of its path.
    """

    path: str
    kind: ArtifactKind
    shown: str
    name: str = ""  # of a named input
    outside: bool = False
    optional: bool = False
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output; `path` is relative to the workspace, `shown` to the spec's folder."""

    path: str
    kind: ArtifactKind
    shown: str
    name: str = ""
    temporary: bool = False
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A filled-in command: a string for a shell, or words for direct execution.

    `attempts` holds one text for each attempt, as a list in `resources` gives one value per attempt; the last one
    serves all further attempts. `counted` is what enters the key: `{resources.x}` by name, outside inputs by their name.
    """

    attempts: tuple[str | tuple[str, ...], ...]
    counted: str | tuple[str, ...]

    def text(self, attempt: int) -> str | tuple[str, ...]:
        """What to execute at the given attempt (from 0)."""
        return self.attempts[min(attempt, len(self.attempts) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command with declared inputs and outputs, everything filled in.

    Paths are relative to the workspace unless said otherwise; `home` is the folder of its spec, from which `shown`
    names and `cwd` count.
    """

    name: str  # "count@a", "world/exec"
    family: str  # "count", "world/exec": the name without the item
    home: str
    where: Location
    run: Command
    outputs: tuple[Output, ...]
    inputs: tuple[Input, ...] = ()
    uses: tuple[Input, ...] = ()
    test: Command | None = None
    shell: tuple[str, ...] = ()  # empty: bash, or direct execution where that cannot be told apart
    cwd: str = ""  # relative to home
    params: Mapping[str, Any] = field(default_factory=dict)  # all that count, dotted name -> JSON value
    declared_params: tuple[str, ...] = ()  # which of them stand in $RIVERRUN_PARAMS
    item: Mapping[str, Any] = field(default_factory=dict)  # foreach values that it uses
    env: tuple[tuple[str, str | None], ...] = ()  # None: passed from outside, and counts
    env_counted: tuple[tuple[str, str | None], ...] = ()  # as env, outside inputs by their name
    passes: tuple[str, ...] = ()  # passed, does not count
    tools: tuple[str, ...] = ()
    resources: tuple[Mapping[str, float | int | str], ...] = (
        {},
    )  # one per attempt; the last serves all further ones
    timeout: float | None = None  # seconds
    retries: int = 0
    cache: CachePolicy = CachePolicy.AUTO
    scratch: tuple[str, ...] = ()  # relative to home
    rerun: Rerun = Rerun.WHEN_NEEDED
    real: Inputs = Inputs.LINKED
    ground: Ground = Ground.WORK_FOLDER
    contain: Containment = Containment.PROJECT
    open: tuple[str, ...] = ()  # relative to home; may lead above it, not out of the workspace
    description: str = ""

    @property
    def reads(self) -> tuple[Input, ...]:
        """Inputs, then uses: all whose content counts."""
        return self.inputs + self.uses


class Unknown(Enum):
    """What is not known yet of something that waits."""

    INPUTS = "inputs"
    ITEMS = "items"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step or family that cannot be spelled out yet: its items depend on what lies in folders still to be made."""

    name: str
    folders: tuple[str, ...]  # output folders of other steps that must be made first
    where: Location
    outputs: tuple[str, ...] = ()  # patterns of what it will make, `*` for what is unknown
    via: tuple[str, ...] = ()  # other waiting families it waits for, by their name
    unknown: Unknown = Unknown.INPUTS

    @property
    def shown(self) -> str:
        """Its name for people: `count@?` where the items are not known."""
        return f"{self.name}@?" if self.unknown is Unknown.ITEMS else self.name
