"""The seal: one record that vouches for all that was asked, checked before spec, graph and ledger are even opened.

A seal belongs to one question: the words, params and folder of a call. Under it lies everything that could alter a
verdict: every file, folder listing, link and absence as the index knows them (checked in Rust, one call), and, in its
header, versions, variables and where programs are found (checked here). It is written last (rule 8), after a run or a
look in which all promises were kept; losing it costs only time.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riverrun.model.names import OWN, SPEC_NAME
from riverrun.native import Hasher, __version__, check_seal, read_seal_header

FORMAT = 2  # of the header; also to be raised when what lies under a seal changes
LOCALE = ("LANG", "TZ")  # and LC_*: they count for every step
PLACES = ("HOME", "XDG_CONFIG_HOME")  # what '~' means, and where machine facts lie
RIGID = frozenset({"listing", "link", "absent"})  # kinds whose change may alter the graph
KEPT_SEALS = 16  # questions that are remembered; the oldest goes first


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as far as verdicts depend on it."""

    folder: str  # absolute: where the search for the spec began
    file: str | None
    words: tuple[str, ...]
    params: tuple[tuple[str, str], ...]

    def digest(self, root: str) -> bytes:
        """What a seal for this question is filed under, in a workspace."""
        here = os.path.relpath(self.folder, root)
        uname = os.uname()
        asked = [FORMAT, __version__, uname.sysname, uname.machine, here, self.file, self.words, self.params]
        hasher = Hasher()
        hasher.update(json.dumps(asked).encode())
        return hasher.digest()

    def seal_path(self, root: str) -> str:
        """Where its seal lies, if there is one."""
        return os.path.join(root, OWN, "seals", self.digest(root).hex()[:32])


@dataclass(frozen=True, slots=True)
class Broken:
    """A seal that holds no more, but for what changed: everything else in the workspace is as it was sealed."""

    question: Question
    root: str
    changed: tuple[str, ...]  # artifacts: relative to the workspace, or absolute
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Intact:
    """A seal that holds: so many promises are kept."""

    root: str
    kept: int
    notes: tuple[tuple[str, str], ...]


def has_spec(folder: str, file: str | None) -> bool:
    """Whether there is something to read; what it is worth is told by who reads it."""
    if file is not None:
        return os.path.isfile(os.path.join(folder, file))
    while not os.path.isfile(os.path.join(folder, SPEC_NAME)):
        if os.path.dirname(folder) == folder:
            return False
        folder = os.path.dirname(folder)
    return True


def check(question: Question, environ: Mapping[str, str]) -> Intact | Broken | None:
    """Whether a seal vouches for what is asked; None where there is none, or where more than artifacts changed."""
    folder = (
        question.folder
        if question.file is None
        else os.path.dirname(os.path.join(question.folder, question.file))
    )
    while True:
        found = (
            _check_in(question, folder, environ)
            if os.path.isdir(os.path.join(folder, OWN, "seals"))
            else None
        )
        if found is not None or question.file is not None or os.path.dirname(folder) == folder:
            return found
        folder = os.path.dirname(folder)


def _check_in(question: Question, root: str, environ: Mapping[str, str]) -> Intact | Broken | None:
    path = os.fsencode(question.seal_path(root))
    raw = read_seal_header(path)
    if raw is None:
        return None
    header: dict[str, Any] = json.loads(raw)
    if header["outside"] != outside(header["variables"], header["tools"], environ):
        return None
    if not all(os.path.lexists(os.path.join(root, path)) for *_, paths in header["notes"] for path in paths):
        return None  # what was told no longer holds
    seal = check_seal(path, root=os.fsencode(root))
    if seal is None:
        return None
    if seal.intact and not seal.doubtful:
        return Intact(root, header["kept"], tuple((kind, text) for kind, text, _ in header["notes"]))
    artifacts = []
    below = os.fsencode(os.path.join(root, ""))
    rigid = set(header["rigid"])
    for place, kind in [
        *zip(seal.changed, seal.changed_kinds, strict=True),
        *((p, "file") for p in seal.doubtful),
    ]:
        name = os.path.relpath(os.fsdecode(place), root) if place.startswith(below) else os.fsdecode(place)
        if kind in RIGID or name in rigid:
            return None
        artifacts.append(name)
    return Broken(question, root, tuple(artifacts), header)


def outside(variables: Sequence[str], tools: Sequence[str], environ: Mapping[str, str]) -> str:
    """A digest of what lies outside all files: the values of variables, and where programs are found now."""
    names = sorted({*variables, *LOCALE, *PLACES, *(name for name in environ if name.startswith("LC_"))})
    values = [[name, environ.get(name)] for name in names]
    search = environ.get("PATH", os.defpath)
    found = []
    for tool in sorted(tools):
        place = shutil.which(tool, path=search)
        found.append([tool, place and os.path.realpath(place)])
    hasher = Hasher()
    hasher.update(json.dumps([values, found]).encode())
    return hasher.hexdigest()


def make_room(root: str) -> None:
    """Removes the oldest seals beyond those that are remembered."""
    folder = os.path.join(root, OWN, "seals")
    with os.scandir(folder) as entries:
        seals = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries if "." not in entry.name)
    for _, path in seals[:-KEPT_SEALS]:
        for old in (path, path + ".graph"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(old)
