"""In: the flights of a month. Out: only what later steps read; a cancelled flight has no departure delay."""

import csv
import sys

KEPT = ("month", "day", "origin", "dest", "carrier", "dep_delay", "arr_delay", "time_hour")

with open(sys.argv[1], newline="") as source, open(sys.argv[2], "w", newline="") as out:
    rows = csv.reader(source)
    columns = next(rows)
    places = [columns.index(name) for name in KEPT]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(KEPT)
    writer.writerows(["" if row[place] == "NA" else row[place] for place in places] for row in rows)
