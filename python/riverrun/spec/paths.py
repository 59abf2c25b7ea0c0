"""Paths as specs write them: text comes in, a normalised path goes out, or why it can be none."""

import os
import posixpath
import re
from collections.abc import Mapping

from riverrun.model.names import OWN

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ODD = re.compile(r"//|(?:^|/)\.\.?(?:/|$)|^/|/$|\0|^$")  # what a path that is as it should be does not hold
_STATE = re.compile(r"(?:^|/)\.riverrun(?:/|$)")


class BadPath(ValueError):
    """args: what is wrong, and a hint."""


def is_outside(text: str) -> bool:
    """Whether a path is written as one of the machine, not of the project."""
    return text.startswith(("/", "~"))


def inside(text: str, home: str) -> str:
    """A path relative to `home` (a folder of the workspace) as one relative to the workspace."""
    if _ODD.search(text):
        if not text:
            raise BadPath("a path cannot be empty", "")
        if "\0" in text:
            raise BadPath("a path cannot hold a NUL character", "")
        if text.startswith("/"):
            raise BadPath(f"'{text}' is outside the project", "write it relative to the folder of the spec")
        text = posixpath.normpath(text)
        if text == ".":
            raise BadPath("the folder of the spec cannot be an artifact", "name the files or folders in it")
        if text == ".." or text.startswith("../"):
            if home:
                raise BadPath(
                    f"'{text}' is outside the tributary's folder",
                    "let the parent give it by 'inputs', and use it here as \"@inputs.NAME\"",
                )
            raise BadPath(
                f"'{text}' is outside the project",
                "an outside input is written as an absolute path, or with '~'",
            )
    if OWN in text and _STATE.search(text):
        raise BadPath(f"'{text}' is in riverrun's own folder", "")
    return f"{home}/{text}" if home else text


def outside(text: str, root: str, environment: Mapping[str, str] | None) -> str:
    """The absolute path of an outside input; '~' is HOME of the environment given."""
    if "\0" in text:
        raise BadPath("a path cannot hold a NUL character", "")
    if text.startswith("~"):
        head, slash, rest = text.partition("/")
        home = (environment or {}).get("HOME") if head == "~" else None
        text = (home or os.path.expanduser(head)) + slash + rest
        if text.startswith("~"):
            raise BadPath(f"no home folder is known for '{head}'", "")
    path = posixpath.normpath(text)
    path = path[1:] if path.startswith("//") else path
    if path == root or path.startswith(root.rstrip("/") + "/"):
        near = posixpath.relpath(path, root)
        raise BadPath(
            f"'{text}' lies inside the project", f"write it relative to the folder of the spec: '{near}'"
        )
    return path


def below(path: str, base: str) -> str:
    """A workspace path as seen from a folder of the workspace; outside paths stay as they are."""
    if not base or path.startswith("/"):
        return path
    if path.startswith(base) and path[len(base) : len(base) + 1] == "/":
        return path[len(base) + 1 :]
    return posixpath.relpath("/" + path, "/" + base)


def parents(path: str) -> list[str]:
    """The folders that hold a path, the nearest first, without the workspace itself."""
    found = []
    at = path.rfind("/")
    while at > 0:
        found.append(path[:at])
        at = path.rfind("/", 0, at)
    return found
