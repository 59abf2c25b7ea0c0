"""In: counts by month, and by weather. Out: a folder with two pictures. The same counts give the same bytes."""

import csv
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # draws without a screen
from matplotlib import pyplot as plt

months_path, weather_path, folder = sys.argv[1:]
Path(folder).mkdir(exist_ok=True)


def draw(table: str, label: str, title: str, target: str) -> None:
    """A bar for each row: the share of flights that came late, above the share that was cancelled."""
    with open(table, newline="") as source:
        rows = list(csv.DictReader(source))
    places = range(len(rows))
    late = [100 * int(row["late"]) / max(1, int(row["arrived"])) for row in rows]
    cancelled = [100 * int(row["cancelled"]) / int(row["flights"]) for row in rows]
    figure, axes = plt.subplots(figsize=(8, 4), dpi=100, layout="constrained")
    axes.bar([place - 0.2 for place in places], late, width=0.4, label="late", color="#33658a")
    axes.bar([place + 0.2 for place in places], cancelled, width=0.4, label="cancelled", color="#f26419")
    axes.set_xticks(list(places), [row[label] for row in rows])
    axes.set_ylabel("% of flights")
    axes.set_title(title)
    axes.legend()
    figure.savefig(Path(folder) / target, metadata={"Software": None})


draw(months_path, "month", "Flights from New York City in 2013, by month", "months.png")
draw(weather_path, "name", "Flights from New York City in 2013, by weather at departure", "weather.png")
