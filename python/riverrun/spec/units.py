"""Sizes and durations as people write them: "20GiB", "2h"; numbers of bytes and of seconds go out."""

import re

_SIZES = {"": 1, "B": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4, "P": 1000**5}
_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50}
_SECONDS = {
    "ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
_MEASURE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def size(text: str) -> int | None:
    """Bytes; None if the text is no size."""
    found = _MEASURE.fullmatch(text)
    if not found:
        return None
    unit = found[2] if found[2] == "B" else found[2].removesuffix("B")
    factor = _SIZES.get(unit) or _BINARY.get(unit)
    return int(float(found[1]) * factor) if factor else None


def duration(text: str) -> float | None:
    """Seconds; None if the text is no duration. "1h 30min" is a sum."""
    if not re.fullmatch(rf"(?:{_MEASURE.pattern})+", text, re.ASCII):
        return None
    total = 0.0
    for number, unit in _MEASURE.findall(text):
        if unit not in _SECONDS and unit:
            return None
        total += float(number) * _SECONDS.get(unit, 1)
    return total
