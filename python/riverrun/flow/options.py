"""What a person may ask of a run, as values: the command line and the Python interface fill these in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from riverrun.model.policy import Check, OnFailure


class Mode(Enum):
    """Whether anything is done."""

    RUN = "run"
    DRY = "dry"


class Force(Enum):
    """Which steps run though their promise is kept."""

    NAMED = "named"
    ALL = "all"


class Upstream(Enum):
    """Whether what the wanted steps need is brought about too."""

    INCLUDED = "included"
    LEFT_ALONE = "left alone"


class Contain(Enum):
    """Whether the kernel is asked to close the project around steps."""

    AS_DECLARED = "as declared"
    NO = "no"


class Listing(Enum):
    """Which steps a report must list."""

    CHANGES = "changes"  # those with something to tell
    EVERY_STEP = "every step"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run; the defaults are those of a bare `riverrun run`."""

    jobs: int | None = None  # None: as many as there are cores
    on_failure: OnFailure = OnFailure.FINISH_RUNNING
    mode: Mode = Mode.RUN
    force: tuple[str, ...] = ()
    force_all: Force = Force.NAMED
    only: Upstream = Upstream.INCLUDED
    params: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    check: Check = Check.STAT
    contain: Contain = Contain.AS_DECLARED
    wait: float = 0.0  # seconds
    listing: Listing = Listing.CHANGES

    @property
    def sealable(self) -> bool:
        """Whether a seal may answer, and may be made of what was found."""
        return (
            self.check is Check.STAT
            and self.only is Upstream.INCLUDED
            and self.force_all is Force.NAMED
            and not self.force
        )
