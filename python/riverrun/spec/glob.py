"""Patterns over paths: text comes in; what it matches, whether two can match one path, and captures go out. No disk."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_MAGIC = re.compile(r"[*?[]")
_TAKEN = re.compile(r"[*?[{]")
_NOTHING = re.compile(r"(?!)")
_CAPTURE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
ANY = "\0"  # in a shape: any text, "/" too (no path holds a NUL)


def is_glob(text: str) -> bool:
    return _MAGIC.search(text) is not None


def escape(text: str) -> str:
    """Text that a pattern takes as it is."""
    return _TAKEN.sub(lambda found: f"[{found[0]}]", text)


@dataclass(frozen=True, slots=True)
class Segment:
    """One name of a pattern: plain text, or what begins with `prefix`, and with `suffix` or an expression goes on."""

    plain: str | None
    prefix: str
    expression: str
    suffix: str | None = None  # the pattern is `prefix*suffix`; most are, and need no expression

    def matcher(self) -> Callable[[str], object]:
        """Tells whether a name matches."""
        if self.suffix is None:
            return re.compile(self.expression, re.DOTALL).fullmatch
        prefix, suffix, least = self.prefix, self.suffix, len(self.prefix) + len(self.suffix)
        if prefix:
            return lambda name: len(name) >= least and name.startswith(prefix) and name.endswith(suffix)
        return lambda name: not name.startswith(".") and name.endswith(suffix)


DEEP = Segment(None, "", "")
"""`**`: any number of folders, none of them hidden."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern by its segments; `folder` ones (a '/' at the end) match folders, others files."""

    text: str
    segments: tuple[Segment, ...]
    folder: bool
    expression: str
    captures: tuple[str, ...]  # names, one for each group of the expression

    def whole(self) -> re.Pattern[str]:
        """What matches whole paths."""
        return re.compile(self.expression, re.DOTALL)

    def values(self, path: str) -> dict[str, str] | None:
        """What the captures hold for a path; None if the path does not match, or one name holds two values."""
        found = self.whole().fullmatch(path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for name, value in zip(self.captures, found.groups(), strict=True):
            if values.setdefault(name, value) != value:
                return None
        return values


class BadGlob(ValueError):
    """args: what is wrong."""


def compiled(text: str) -> Glob:
    """A normalised path with `*`, `?`, `[...]` and `**` as a pattern."""
    return _compiled(text, _NOTHING)


def capturing(text: str) -> Glob:
    """A pattern with `{names}` too, which catch what stands there."""
    return _compiled(text, _CAPTURE)


def _compiled(text: str, capture: re.Pattern[str]) -> Glob:
    folder = text.endswith("/")
    names = text.rstrip("/").split("/")
    if names[-1] == "**" and not folder:
        names.append("*")  # all files, however deep
    segments, whole, captures = [], "", []
    for at, name in enumerate(names):
        last = at == len(names) - 1
        if name == "**":
            segments.append(DEEP)
            whole += r"(?:(?!\.)[^/]+/)*" if not last else r"(?:(?!\.)[^/]+/)*(?!\.)[^/]+"
            continue
        segment, found = _segment(name, text, capture)
        expression = segment.expression
        captures += found
        segments.append(segment)
        whole += expression + ("" if last else "/")
    return Glob(text, tuple(segments), folder, whole, tuple(captures))


def _segment(name: str, text: str, capture: re.Pattern[str]) -> tuple[Segment, list[str]]:
    hidden = "" if name.startswith(".") else r"(?!\.)"
    if not re.search(r"[?[{]", name) and name.count("*") < 2:
        prefix, star, suffix = name.partition("*")
        middle = "[^/]*" if star else ""
        expression = hidden + re.escape(prefix) + middle + re.escape(suffix)
        return Segment(None if star else name, prefix, expression, suffix), []
    expression, captures, at = "", [], 0
    prefix, plain = "", True
    while at < len(name):
        found = capture.match(name, at)
        letter = name[at]
        if found:
            expression, at = expression + "([^/]+)", found.end()
            captures.append(found[1])
        elif letter == "*":
            expression, at = expression + "[^/]*", at + 1
        elif letter == "?":
            expression, at = expression + "[^/]", at + 1
        elif letter == "[":
            end = name.find("]", at + 3 if name[at + 1 : at + 2] in ("!", "^") else at + 2)
            if end < 0:
                raise BadGlob(f"the '[' in '{text}' is not closed")
            inner = name[at + 1 : end]
            negated = inner[:1] in ("!", "^")
            chosen = (
                (inner[1:] if negated else inner)
                .replace("\\", "\\\\")
                .replace("[", "\\[")
                .replace("&&", "&\\&")
            )
            chosen = "\\" + chosen if chosen[:1] in ("^", "]") else chosen
            if not negated and len(inner) == 1 and plain:  # [x] is how a pattern spells a plain x
                prefix += inner
            expression, at = expression + f"[{'^/' if negated else ''}{chosen}]", end + 1
            plain = plain and not negated and len(inner) == 1
            continue
        else:
            expression, at = expression + re.escape(letter), at + 1
            if plain:
                prefix += letter
            continue
        plain = False
    try:
        re.compile(hidden + expression)
    except re.error:
        raise BadGlob(f"'{text}' is no pattern: look at its [...]") from None
    return Segment(prefix if plain else None, prefix, hidden + expression), captures


def shape(text: str) -> str:
    """A pattern made coarse for `overlap`: '*' for what stays within a name, ANY for what does not."""
    text = re.sub(r"\*\*/?", ANY, text)
    return re.sub(r"\{[^}/]*\}|\[[^]/]*\]|\?|\*+", "*", text).rstrip("/")


def overlap(one: str, other: str) -> bool:
    """Whether a path can be of both shapes (yes, where it is not sure)."""
    wild = re.compile(rf"[*{ANY}]")
    a, b = wild.search(one), wild.search(other)
    head = min(a.start() if a else len(one), b.start() if b else len(other))
    if one[:head] != other[:head]:
        return False
    if not a and not b:
        return one == other
    reach = {(0, 0)}
    seen = set(reach)
    while reach:
        i, j = reach.pop()
        if i == len(one) and j == len(other):
            return True
        nexts = []
        x, y = one[i : i + 1], other[j : j + 1]
        if x in ("*", ANY) and x:
            nexts.append((i + 1, j))
            if y and (x == ANY or y != "/"):
                nexts.append((i, j + 1))
        if y in ("*", ANY) and y:
            nexts.append((i, j + 1))
            if x and (y == ANY or x != "/"):
                nexts.append((i + 1, j))
        if x and x == y:
            nexts.append((i + 1, j + 1))
        for state in nexts:
            if state not in seen:
                seen.add(state)
                reach.add(state)
    return False
