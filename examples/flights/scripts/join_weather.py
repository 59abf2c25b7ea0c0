"""In: the flights of a month, the weather by hour. Out: the flights with one more column, the kind of weather."""

import csv
import sys

MEASURED = ("visib", "precip", "wind_speed")  # miles, inches, miles an hour


def kind(hour: dict[str, str]) -> str:
    """One word for the weather of an hour, by what would trouble a pilot most."""
    number = {name: float(hour[name]) for name in MEASURED if hour[name] != "NA"}
    if number.get("visib", 10.0) < 3:
        return "fog or snow"
    if number.get("precip", 0.0) > 0:
        return "rain"
    if number.get("wind_speed", 0.0) >= 20:
        return "wind"
    return "fair"


flights_path, weather_path, out_path = sys.argv[1:]
with open(weather_path, newline="") as source:
    weather = {(hour["origin"], hour["time_hour"]): kind(hour) for hour in csv.DictReader(source)}

with open(flights_path, newline="") as source, open(out_path, "w", newline="") as out:
    rows = csv.reader(source)
    columns = next(rows)
    origin, time_hour = columns.index("origin"), columns.index("time_hour")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, "weather"])
    writer.writerows([*row, weather.get((row[origin], row[time_hour]), "not known")] for row in rows)
