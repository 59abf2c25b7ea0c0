"""The story: the one place that joins the others, from spec to report."""

from riverrun.flow.options import Contain, Force, Listing, Mode, RunOptions, Upstream
from riverrun.flow.pipeline import Pipeline
from riverrun.model.policy import Check, OnFailure

__all__ = ["Check", "Contain", "Force", "Listing", "Mode", "OnFailure", "Pipeline", "RunOptions", "Upstream"]
