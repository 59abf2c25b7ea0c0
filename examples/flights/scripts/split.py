"""In: all flights, and corrections to single values. Out: a folder with one file for each month, 01.csv to 12.csv."""

import csv
import sys
from pathlib import Path

flights, corrections, folder = map(Path, sys.argv[1:])
NAMED_BY = ("month", "day", "carrier", "flight", "origin")

with corrections.open(newline="") as source:
    corrected = {
        tuple(row[name] for name in NAMED_BY): (row["column"], row["value"]) for row in csv.DictReader(source)
    }

folder.mkdir(exist_ok=True)
months = {}
with flights.open(newline="") as source:
    rows = csv.reader(source)
    columns = next(rows)
    places = [columns.index(name) for name in NAMED_BY]
    for row in rows:
        change = corrected.get(tuple(row[place] for place in places)) if corrected else None
        if change:
            row[columns.index(change[0])] = change[1]
        months.setdefault(row[1], []).append(row)

for month, rows in sorted(months.items()):
    with (folder / f"{int(month):02}.csv").open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
