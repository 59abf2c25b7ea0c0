"""Facts of this machine: riverrun.local.toml over the user's own file come in; they never count in a key."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from riverrun.spec.disk import Disk
from riverrun.spec.document import SpecFile
from riverrun.spec.problems import Problems
from riverrun.spec.shape import LOCAL, LOCAL_CACHE, check
from riverrun.spec.source import Place, read_toml
from riverrun.spec.units import size

LOCAL_NAME = "riverrun.local.toml"
COPY_LIMIT = 1 << 30  # bytes; above, what is replaced is moved into the store, not copied (design, section 5)


@dataclass(frozen=True, slots=True)
class Local:
    """What this machine has and allows."""

    trust: tuple[str, ...] = ()
    tmp: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    cache_path: str | None = None
    copy_limit: int = COPY_LIMIT
    max_size: int | None = None
    files: tuple[SpecFile, ...] = ()


def load_local(root: str, config_home: str, home: str = "") -> Local:
    """Both files; the project's goes over the user's. Paths count from the folder of their file; `home` is '~'."""
    problems = Problems()
    files = []
    merged: dict[str, Any] = {"limits": {}}
    for folder, name in ((os.path.join(config_home, "riverrun"), "local.toml"), (root, LOCAL_NAME)):
        path = name if folder == root else os.path.join(folder, name)
        content = Disk(root).read(path)
        files.append(SpecFile(path, content))
        read = read_toml(path, content, problems) if content is not None else None
        if read:
            _merge(merged, *read, folder, home, problems)
    problems.raise_any()
    return Local(**merged, files=tuple(files))


def _merge(
    merged: dict[str, Any],
    values: Mapping[str, Any],
    place: Place,
    folder: str,
    home: str,
    problems: Problems,
) -> None:
    good = check(values, place, LOCAL, "the machine's facts", problems)
    cache = check(good.get("cache", {}), place / "cache", LOCAL_CACHE, "[cache]", problems)
    if "trust" in good:
        merged["trust"] = tuple(good["trust"])
    if "tmp" in good:
        merged["tmp"] = _path(good["tmp"], folder, home)
    if "path" in cache:
        merged["cache_path"] = _path(cache["path"], folder, home)
    for key in ("copy_limit", "max_size"):
        if key in cache:
            merged[key] = int(_amount(cache[key], place / "cache" / key, problems))
    for name, value in good.get("limits", {}).items():
        merged["limits"][name] = _amount(value, place / "limits" / name, problems)


def _path(text: str, folder: str, home: str) -> str:
    if text == "~" or text.startswith("~/"):
        text = (home or os.path.expanduser("~")) + text[1:]
    return os.path.normpath(os.path.join(folder, text))


def _amount(value: Any, place: Place, problems: Problems) -> float:
    amount = size(value) if isinstance(value, str) else value
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0:
        problems.add(f"'{value}' is no amount", place.value(), 'as in 2, 0.5 or "20GiB"')
        return 0
    return amount
