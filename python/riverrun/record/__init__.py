"""Recording what steps made: finished attempts come in; certified outputs in their places, and traces, go out."""

from riverrun.record.done import Done, Recorded
from riverrun.record.recorder import Recorder

__all__ = ["Done", "Recorded", "Recorder"]
