"""Finds the workspace that a folder belongs to: a folder comes in; the root, its spec and the tributary go out."""

import os
import posixpath
from dataclasses import dataclass

from riverrun.errors import UsageError
from riverrun.model.names import SPEC_NAME
from riverrun.native import TomlError, parse_toml


@dataclass(frozen=True, slots=True)
class Found:
    """A workspace: its folder, its spec's name there, and the tributary that the search began in, if any."""

    root: str
    file: str
    tributary: str | None = None


def find(start: str, file: str | None = None) -> Found:
    """The workspace of `start`: of the spec named, else of the nearest one upward and of those that use it."""
    start = os.path.abspath(start)
    if file is not None:
        path = os.path.normpath(os.path.join(start, file))
        if not os.path.isfile(path):
            raise UsageError(f"there is no file '{file}'")
        return Found(os.path.dirname(path), os.path.basename(path))
    root = _upward(start)
    if root is None:
        raise UsageError(
            f"there is no '{SPEC_NAME}' here, nor in a folder above",
            hint="begin one with 'riverrun init', or use -C or -f",
        )
    names: list[str] = []
    while True:
        above = _upward(os.path.dirname(root)) if os.path.dirname(root) != root else None
        name = _tributary(above, os.path.relpath(root, above)) if above else None
        if above is None or name is None:
            return Found(root, SPEC_NAME, "/".join(reversed(names)) or None)
        names.append(name)
        root = above


def _upward(folder: str) -> str | None:
    while not os.path.isfile(os.path.join(folder, SPEC_NAME)):
        if os.path.dirname(folder) == folder:
            return None
        folder = os.path.dirname(folder)
    return folder


def _tributary(above: str, folder: str) -> str | None:
    """The name under which a spec uses a folder; none where the spec cannot be read, as it may be no one's concern."""
    try:
        with open(os.path.join(above, SPEC_NAME), "rb") as spec:
            values = parse_toml(spec.read().decode())[0]
    except (OSError, UnicodeDecodeError, TomlError):
        return None
    branches = values.get("tributary", {})
    for name, table in branches.items() if isinstance(branches, dict) else ():
        path = table.get("path") if isinstance(table, dict) else None
        if isinstance(path, str) and posixpath.normpath(path) == folder:
            return str(name)
    return None
