"""In: the minutes that make a flight late, and the four tables of the year. Out: a page for people, in Markdown."""

import csv
import sys

late_minutes, *paths = sys.argv[1:]
tables = []
for path in paths:
    with open(path, newline="") as source:
        tables.append(list(csv.DictReader(source)))
carriers, airports, weather, months = tables


def share(row: dict[str, str]) -> float:
    """Per cent of the arrived flights that were late."""
    return 100 * int(row["late"]) / max(1, int(row["arrived"]))


def listing(title: str, head: str, rows: list[dict[str, str]], column: str) -> None:
    """A titled table with one line for each row."""
    print(f"\n## {title}\n\n| {head} | flights | cancelled | late |\n|---|---:|---:|---:|")
    for row in rows:
        print(f"| {row[column]} | {int(row['flights']):,} | {int(row['cancelled']):,} | {share(row):.1f} % |")


flights = sum(int(row["flights"]) for row in months)
late = sum(int(row["late"]) for row in months)
arrived = sum(int(row["arrived"]) for row in months)
print("# Flights from New York City in 2013\n")
print(
    f"{flights:,} flights; {100 * late / arrived:.1f} % of the arrived ones were {late_minutes} minutes late, or more."
)
listing("By carrier", "carrier", carriers, "full_name")
listing("The ten busiest destinations", "airport", airports[:10], "full_name")
listing("By weather at departure", "weather", weather, "name")
listing("By month", "month", months, "month")
