"""Rows of a table file for `foreach`: bytes of .tsv, .csv or .jsonl come in, names and rows of values go out."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riverrun.spec.paths import NAME
from riverrun.spec.problems import Problems
from riverrun.spec.source import Source

SUFFIXES = (".tsv", ".csv", ".jsonl")


@dataclass(frozen=True, slots=True)
class Rows:
    """A header and its rows, in the file's order."""

    names: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]


def read_rows(file: str, content: bytes, problems: Problems) -> Rows | None:
    """The rows of a table file; None, and a problem, where it cannot be read."""
    source = Source(file, content)
    try:
        lines = content.decode().removeprefix("\ufeff").splitlines()
    except UnicodeDecodeError as error:
        problems.add("this is not UTF-8 text", source.at(error.start, error.end))
        return None
    before = len(problems)
    rows = (
        _objects(lines, source, problems)
        if file.endswith(".jsonl")
        else _columns(file, lines, source, problems)
    )
    if rows is None or len(problems) > before:
        return None
    for name in rows.names:
        if not NAME.fullmatch(name):
            problems.add(
                f"the column '{name}' cannot be a foreach name",
                source.line(1),
                "names start with a letter or '_' and hold letters, digits, '_' and '-'",
            )
            return None
    return rows


def _columns(file: str, lines: list[str], source: Source, problems: Problems) -> Rows | None:
    if file.endswith(".tsv"):  # no quoting in .tsv: a tab or a line's end is never part of a value
        numbered = [(number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip()]
    else:
        reader = csv.reader(lines, strict=True)
        numbered = []
        try:
            numbered.extend((reader.line_num, row) for row in reader if row)
        except csv.Error as error:
            problems.add(f"this is no CSV: {error}", source.line(min(reader.line_num, len(lines))))
            return None
    if not numbered:
        problems.add("the table is empty", source.at(0, 0), "its first line names the columns")
        return None
    names = tuple(name.strip() for name in numbered[0][1])
    if len(set(names)) < len(names):
        problems.add("two columns have one name", source.line(numbered[0][0]))
    for number, row in numbered[1:]:
        if len(row) != len(names):
            problems.add(f"this row has {len(row)} values, the header {len(names)}", source.line(number))
    return Rows(names, tuple(dict(zip(names, row, strict=False)) for _, row in numbered[1:]))


def _objects(lines: list[str], source: Source, problems: Problems) -> Rows | None:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            problems.add(
                f"this is no JSON: {getattr(error, 'msg', 'it is nested too deeply').lower()}",
                source.line(number),
            )
            continue
        if not isinstance(row, dict) or not all(isinstance(one, str | int | float) for one in row.values()):
            problems.add("a row must be an object of strings, numbers and booleans", source.line(number))
        elif rows and set(row) != set(rows[0]):
            problems.add("this row has other names than the first one", source.line(number))
        else:
            rows.append(row)
    return Rows(tuple(rows[0]) if rows else (), tuple(rows))
