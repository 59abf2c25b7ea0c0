"""For tests of the spec room: a table of files comes in, a workspace or what its spec expands to goes out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from riverrun.model.fact import Entry
from riverrun.spec import Expansion, expand, load

Files = Mapping[str, str | bytes]


def write(root: Path, files: Files) -> str:
    """A workspace with these files; "" beside a name that ends in '/' makes a folder."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        if name.endswith("/"):
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    return str(root)


def expanded(
    root: Path,
    spec: str,
    files: Files | Sequence[str] = (),
    *,
    made: Sequence[str] = (),
    listings: Mapping[str, Sequence[Entry]] | None = None,
    overrides: Mapping[str, str] | None = None,
    **more: Any,
) -> Expansion:
    """What a spec expands to, beside these files (names alone are empty files)."""
    others = files if isinstance(files, Mapping) else dict.fromkeys(files, "")
    place = write(root, {"riverrun.toml": spec, **others})
    return expand(load(place, overrides=overrides), made=set(made), listings=listings or {}, **more)


def told(expansion: Expansion) -> list[str]:
    """Each step as one line: name: command < inputs ; uses > outputs."""
    lines = []
    for step in expansion.steps.values():
        text = step.run.text(0)
        command = text if isinstance(text, str) else repr(list(text))
        parts = [f"{step.name}: {command}"]
        for mark, artifacts in (("<", step.inputs), (";", step.uses)):
            if artifacts:
                parts.append(f"{mark} {' '.join(_told(one.path, one.name) for one in artifacts)}")
        if step.outputs:
            parts.append(f"> {' '.join(_told(one.path, one.name) for one in step.outputs)}")
        lines.append("  ".join(parts))
    return lines


def _told(path: str, name: str) -> str:
    return f"{name}={path}" if name else path
