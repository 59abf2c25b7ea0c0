"""What a person or a program sees of a run: reports, events, wording, pictures. Values in, text or JSON values out."""

from riverrun.report.events import Event, Haste, Planned, Reading, Remark, Settled, Started, Stopping
from riverrun.report.report import Explanation, Note, Report, count

__all__ = [
    "Event",
    "Explanation",
    "Haste",
    "Note",
    "Planned",
    "Reading",
    "Remark",
    "Report",
    "Settled",
    "Started",
    "Stopping",
    "count",
]
