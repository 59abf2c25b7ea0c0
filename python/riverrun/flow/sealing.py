"""Making a seal, and taking up where one broke: an outline whose promises are all kept comes in, files go out.

Beside the seal lies the kept graph: the spelled-out steps of the same question. When only artifacts changed, the steps
that read or make them, and those downstream, are planned; all others are as they were sealed.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from riverrun.flow.knowledge import Knowledge
from riverrun.flow.outline import Outline
from riverrun.flow.seal import Broken, Question, make_room, outside
from riverrun.flow.workspace import Workspace
from riverrun.graph import parents
from riverrun.graph.kept import pack, unpack
from riverrun.model.fact import Kind
from riverrun.model.names import OWN, SPEC_NAME
from riverrun.model.step import Rerun, Step
from riverrun.native import Index
from riverrun.report import Note
from riverrun.spec import Disk, Document, SpecFile


@dataclass(frozen=True, slots=True)
class Under:
    """What lies under a seal, by how it is looked at."""

    artifacts: Sequence[str]  # files
    files: Sequence[str]  # specs and programs
    folders: Sequence[str]
    listings: Sequence[str]
    absent: Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """What of a broken seal must be planned anew, and what seals the whole again."""

    outline: Outline
    header: Mapping[str, Any]

    @property
    def notes(self) -> list[Note]:
        """What was told when the whole was sealed, and still holds."""
        return [Note(kind, text, tuple(paths)) for kind, text, paths in self.header["notes"]]


def part(broken: Broken) -> Part | None:
    """The steps that a broken seal's changes touch, from the kept graph; None where all must be drawn anew."""
    try:
        with open(_graph_path(broken.question, broken.root), "rb") as file:
            kept = unpack(file.read(), bytes.fromhex(broken.header["mark"]))
    except OSError:
        return None
    if kept is None:
        return None
    touched: set[int] = set()
    for path in broken.changed:
        users = {number for place in (path, *parents(path)) for number in kept.users(place)}
        if not users:
            return None  # a program, or what no step of this question reads
        touched |= users
    numbers = kept.wanted_downstream(touched)
    graph, named = kept.part(numbers)
    changed = set(broken.changed)
    if any(read.optional and read.path in changed for step in graph.steps.values() for read in step.reads):
        return None  # if it is gone, the command does not name it any more
    outline = Outline(
        graph=graph,
        named=named,
        asked=frozenset(),  # only temporary outputs are asked after, and a part has none
        wanted=frozenset(graph.steps),
        waiting=(),
        forced=frozenset(),
        matches={},
        listed={},
        absent=(),
        grown=(),
        besides=kept.wanted - len(numbers),
    )
    return Part(outline, broken.header)


def seal_part(
    workspace: Workspace,
    question: Question,
    part: Part,
    knowledge: Knowledge,
    index: Index,
    notes: Sequence[Note],
) -> bool:
    """Renews the seal after a part was brought to its end state: what the part reads and makes is sealed anew.

    For all else it still says what was when it was made: what has changed meanwhile is found by the next check.
    """
    graph, eyes = part.outline.graph, knowledge.eyes
    steps = [graph.steps[name] for name in part.outline.wanted]
    paths = {read.path: None for step in steps for read in step.reads if not graph.makers_of(read)}
    paths |= {output.path: None for step in steps for output in step.outputs}
    files = [path for path in paths if eyes.seen(path).kind not in (Kind.FOLDER, Kind.MISSING)]
    folders = [path for path in paths if eyes.seen(path).kind is Kind.FOLDER]
    header = {**part.header, "notes": _told(notes)}
    return index.reseal(
        os.fsencode(question.seal_path(workspace.root)),
        json.dumps(header).encode(),
        files=_places(workspace.root, files),
        folders=_places(workspace.root, folders),
        trust=workspace.local.trust,
    )


def seal(
    workspace: Workspace,
    question: Question,
    document: Document,
    outline: Outline,
    knowledge: Knowledge,
    index: Index,
    notes: Sequence[Note],
) -> bool:
    """Seals what was found kept; whether it could be. What is not certified, or has changed since, is not sealed."""
    read = [*workspace.local.files, *document.files]
    if outline.graph.waiting:
        return False
    steps = [outline.graph.steps[name] for name in outline.wanted]
    if any(step.rerun is Rerun.ALWAYS for step in steps):
        return False  # a kept promise is not enough for them
    if any(_will_go(step, outline, knowledge) for step in steps):
        return False  # a run would remove it
    tools = sorted({tool for step in steps for tool in step.tools})
    variables = sorted({variable for step in steps for variable, value in step.env if value is None})
    under = _gather(workspace, read, outline, knowledge, tools)
    # Read again after the look: what is edited after it is refused by its stamps.
    if under is None or not _as_read(workspace.root, read):
        return False
    mark = secrets.token_bytes(16)
    header = {
        "kept": len(outline.wanted),
        "notes": _told(notes),
        "rigid": {name: knowledge.eyes.seen(name).digest.hex() for name in under.files},
        "variables": variables,
        "tools": tools,
        "outside": outside(variables, tools, workspace.environ),
        "mark": mark.hex(),
    }
    if not _write(workspace, question, index, header, under):
        return False
    if not _as_drawn(workspace.root, outline):  # asked last: what changes from now on breaks the seal
        os.unlink(question.seal_path(workspace.root))
        return False
    _keep_graph(_graph_path(question, workspace.root), outline, steps, mark)
    return True


def _keep_graph(place: str, outline: Outline, steps: Sequence[Step], mark: bytes) -> None:
    """Keep the graph, if a part of it can be planned alone: no temporary artifacts, no family of a made folder."""
    alone = not outline.grown and not any(output.temporary for step in steps for output in step.outputs)
    try:
        raw = pack(outline.graph, mark=mark, wanted=outline.wanted, named=outline.named) if alone else b""
    except UnicodeEncodeError:  # a name that is no text
        raw = b""
    if raw:
        _replace(place, raw)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)


def _as_drawn(root: str, outline: Outline) -> bool:
    """Whether folders that patterns looked into hold what they held then, but for what steps make."""
    disk = Disk(root)
    places = [path for path in outline.absent if os.path.lexists(os.path.join(root, path))]
    for folder, before in outline.listed.items():
        try:
            now = disk.list(folder)
        except OSError:
            return False
        names = (name for name in before.keys() | now.keys() if before.get(name) is not now.get(name))
        places += [os.path.join(folder, name) for name in names]
    graph = outline.graph
    return all(path == OWN or graph.maker_of(path) or graph.makers_below(path) for path in places)


def _will_go(step: Step, outline: Outline, knowledge: Knowledge) -> bool:
    """Whether a temporary output is still there that no one asked for."""
    return any(
        output.temporary
        and output.path not in outline.asked
        and knowledge.eyes.seen(output.path).kind is not Kind.MISSING
        for output in step.outputs
    )


def _told(notes: Sequence[Note]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Notes that still hold when nothing has changed, and what must be there for that."""
    return [(note.kind, note.message, note.paths) for note in notes if note.kind == "orphan"]


def _graph_path(question: Question, root: str) -> str:
    return question.seal_path(root) + ".graph"


def _replace(path: str, raw: bytes) -> None:
    with open(path + ".new", "wb") as file:
        file.write(raw)
    os.replace(path + ".new", path)


def _write(
    workspace: Workspace, question: Question, index: Index, header: Mapping[str, Any], under: Under
) -> bool:
    path = question.seal_path(workspace.root)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    root = workspace.root
    done = index.seal(
        os.fsencode(path),
        json.dumps(header).encode(),
        files=_places(root, under.artifacts, under.files),
        folders=_places(root, under.folders),
        listings=_places(root, under.listings),
        absent=_places(root, under.absent),
        trust=workspace.local.trust,
    )
    if done:
        make_room(workspace.root)
    return done


def _places(root: str, *names: Sequence[str]) -> list[bytes]:
    top = os.fsencode(root)
    return [os.path.join(top, os.fsencode(name)) for name in dict.fromkeys(chain(*names))]


def _as_read(root: str, files: Sequence[SpecFile]) -> bool:
    """Whether the specs on disk are those that were read; they may have been edited during the run."""
    for file in files:
        place = os.path.join(root, file.path)
        try:
            with open(place, "rb") as now:
                if now.read() != file.content:
                    return False
        except OSError:
            if file.content is not None:
                return False
    return True


def _gather(
    workspace: Workspace,
    read: Sequence[SpecFile],
    outline: Outline,
    knowledge: Knowledge,
    tools: Sequence[str],
) -> Under | None:
    """All that lies under the seal; None where something is not certified."""
    root, eyes = workspace.root, knowledge.eyes
    files = [file.path for file in read if file.content is not None]
    files += eyes.programs(tools, workspace.environ.get("PATH", os.defpath))
    absent = [file.path for file in read if file.content is None]
    absent += [path for path in outline.absent if not os.path.lexists(os.path.join(root, path))]
    absent += [os.path.join(folder, SPEC_NAME) for folder in _above(root)]
    listings: list[str] = []
    for folder in outline.listed:
        there = os.path.isdir(os.path.join(root, folder))
        (listings if there else absent).append(folder)
    steps = [outline.graph.steps[name] for name in outline.wanted]
    paths = {read.path: None for step in steps for read in step.reads}
    paths |= {output.path: None for step in steps for output in step.outputs}
    eyes.look([*files, *paths])
    artifacts: list[str] = []
    folders: list[str] = []
    for path in paths:
        seen = eyes.seen(path)
        if not seen.certified or seen.kind in (Kind.OTHER, Kind.ERROR):
            return None
        {Kind.MISSING: absent, Kind.FOLDER: folders}.get(seen.kind, artifacts).append(path)
    return Under(artifacts, files, folders, listings, absent)


def _above(root: str) -> list[str]:
    """The folders above the workspace; a spec that appears in one may take the workspace in as its tributary."""
    return ["/" + folder for folder in parents(root.lstrip("/"))] + ["/"]
