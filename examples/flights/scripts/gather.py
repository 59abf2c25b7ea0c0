"""In: monthly counts, and maybe a table of names. Out: their sums over the year, most flights first.

gather.py [--names TABLE] OUT MONTH...
"""

import csv
import sys
from collections import defaultdict

words = sys.argv[1:]
names = {}
if words[0] == "--names":
    with open(words[1], newline="") as source:
        rows = csv.reader(source)
        next(rows)
        names = {row[0]: row[1] for row in rows}
    words = words[2:]

sums = defaultdict(lambda: [0, 0, 0, 0, 0.0])
for path in words[1:]:
    with open(path, newline="") as source:
        rows = csv.reader(source)
        next(rows)
        for name, *counts in rows:
            sums[name] = [have + float(more) for have, more in zip(sums[name], counts, strict=True)]

with open(words[0], "w", newline="") as out:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "full_name", "flights", "cancelled", "arrived", "late", "minutes"])
    for name, counts in sorted(sums.items(), key=lambda each: (-each[1][0], each[0])):
        writer.writerow([name, names.get(name, name), *(int(count) for count in counts)])
