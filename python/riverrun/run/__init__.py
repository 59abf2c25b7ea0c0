"""Running commands: steps that must run come in, finished attempts in their work folders go out."""

from riverrun.run.contract import Attempt, Judged, Kept
from riverrun.run.crew import Crew
from riverrun.run.finished import Ending, Finished, Stop
from riverrun.run.jobserver import JobServer
from riverrun.run.loop import Loop
from riverrun.run.resources import Resources
from riverrun.run.survivors import clear_away

__all__ = [
    "Attempt",
    "Crew",
    "Ending",
    "Finished",
    "JobServer",
    "Judged",
    "Kept",
    "Loop",
    "Resources",
    "Stop",
    "clear_away",
]
