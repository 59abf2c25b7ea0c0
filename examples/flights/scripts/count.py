"""In: a column, the minutes that make a flight late, the flights of a month. Out: a row for each value."""

import csv
import sys
from collections import defaultdict

column, late_minutes, source_path, out_path = sys.argv[1:]
counts = defaultdict(lambda: [0, 0, 0, 0, 0.0])  # flights, cancelled, arrived, late, minutes

with open(source_path, newline="") as source:
    for row in csv.DictReader(source):
        count = counts[row[column]]
        count[0] += 1
        count[1] += row["dep_delay"] == ""
        if row["arr_delay"]:
            delay = float(row["arr_delay"])
            count[2] += 1
            count[3] += delay >= float(late_minutes)
            count[4] += delay

with open(out_path, "w", newline="") as out:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "flights", "cancelled", "arrived", "late", "minutes"])
    writer.writerows([name, *count] for name, count in sorted(counts.items()))
