"""The story: the one place that joins the others, from spec to report."""

from riverrun.flow.options import Contain, Force, Mode, RunOptions, Upstream
from riverrun.flow.pipeline import Pipeline
from riverrun.run import OnFailure

__all__ = ["Contain", "Force", "Mode", "OnFailure", "Pipeline", "RunOptions", "Upstream"]
