"""In: the counts by carrier, a file a month, in the order of the year. Out: one row for each month."""

import csv
import sys

with open(sys.argv[1], "w", newline="") as out:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["month", "flights", "cancelled", "arrived", "late", "minutes"])
    for month, path in enumerate(sys.argv[2:], start=1):
        with open(path, newline="") as source:
            rows = csv.reader(source)
            next(rows)
            counts = [[float(count) for count in row[1:]] for row in rows]
            writer.writerow([month, *(int(sum(column)) for column in zip(*counts, strict=True))])
