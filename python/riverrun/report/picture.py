"""Draw a graph: steps and what they need in; a text tree, DOT, Mermaid or JSON values out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from riverrun.model.step import ArtifactKind, Output, Step, Waiting
from riverrun.native import __version__
from riverrun.report.wording import escape

_OUTPUTS_SHOWN = 2


class Drawable(Protocol):
    """What a picture asks of a graph."""

    @property
    def steps(self) -> Mapping[str, Step]: ...
    @property
    def waiting(self) -> Sequence[Waiting]: ...
    def needs(self, name: str, /) -> Sequence[str]: ...


class Items(Enum):
    """How the items of a family are drawn."""

    GATHERED = "gathered"  # count@{12}
    SPELLED = "spelled"  # count@a, count@b, ...


class Glyphs(Enum):
    """The strokes of a tree: (branch, last branch, trunk, gap)."""

    UNICODE = ("├── ", "└── ", "│   ", "    ")
    ASCII = ("|-- ", "`-- ", "|   ", "    ")


@dataclass(slots=True)
class Node:
    """One place in the picture: a step, or a whole family of items."""

    name: str
    needs: dict[str, None] = field(default_factory=dict)  # an ordered set of keys of other nodes
    outputs: list[str] = field(default_factory=list)


def draw(graph: Drawable, items: Items) -> dict[str, Node]:
    """The nodes by key, in the graph's order; edges inside a gathered family are left out."""
    sizes: dict[str, int] = {}
    for step in graph.steps.values():
        sizes[step.family] = sizes.get(step.family, 0) + 1

    def key(name: str) -> str:
        step = graph.steps.get(name)
        if step is None or items is Items.SPELLED or sizes[step.family] == 1:
            return name
        return f"{step.family}@"  # no step can have this name: items are never empty

    nodes: dict[str, Node] = {}
    for name, step in graph.steps.items():
        at = key(name)
        node = nodes.setdefault(at, Node(f"{step.family}@{{{sizes[step.family]}}}" if at != name else name))
        node.needs.update(dict.fromkeys(other for other in map(key, graph.needs(name)) if other != at))
        node.outputs.extend(map(_spelled, step.outputs))
    for waiting in graph.waiting:
        nodes[waiting.shown] = Node(
            waiting.shown, dict.fromkeys(_awaited(graph, waiting, key)), list(waiting.outputs)
        )
    return nodes


def _spelled(output: Output) -> str:
    """An output as a spec has it: folders end in a slash."""
    return f"{output.path}/" if output.kind is ArtifactKind.FOLDER else output.path


def _awaited(graph: Drawable, waiting: Waiting, key: Any) -> Iterator[str]:
    """What a family waits for: the makers of its folders, and families that wait themselves."""
    folders = set(waiting.folders)
    for name, step in graph.steps.items():
        if any(output.path in folders for output in step.outputs):
            yield key(name)
    shown = {other.name: other.shown for other in graph.waiting}
    for name in waiting.via:
        yield shown[name]


def tree(nodes: Mapping[str, Node], glyphs: Glyphs) -> Iterator[str]:
    """The end state's makers first, each with what it needs below it; what was drawn before is not drawn again."""
    branch, last, trunk, gap = glyphs.value
    seen: set[str] = set()
    # A stack, not recursion: chains of steps may be longer than Python's stack is deep.
    stack = [(root, "", "") for root in reversed(_roots(nodes))]
    while stack:
        key, stroke, below = stack.pop()
        node = nodes.get(key)
        if node is None:
            continue
        if key in seen and node.needs:
            yield f"{stroke}{escape(node.name)} (see above)"
            continue
        seen.add(key)
        yield f"{stroke}{escape(node.name)}{_made(node)}"
        children = list(node.needs)
        for place, child in reversed(list(enumerate(children))):
            final = place == len(children) - 1
            stack.append((child, below + (last if final else branch), below + (gap if final else trunk)))


def _roots(nodes: Mapping[str, Node]) -> list[str]:
    """The nodes that no other needs; where gathered families need each other in a ring, the last node stands for it."""
    needed = {other for node in nodes.values() for other in node.needs}
    return [key for key in nodes if key not in needed] or list(nodes)[-1:]


def _made(node: Node) -> str:
    if not node.outputs:
        return ""
    shown = ", ".join(escape(path) for path in node.outputs[:_OUTPUTS_SHOWN])
    more = len(node.outputs) - _OUTPUTS_SHOWN
    return f" -> {shown}" + (f" and {more} more" if more > 0 else "")


def dot(nodes: Mapping[str, Node]) -> Iterator[str]:
    """The picture for Graphviz; arrows go the way of the water, from what is needed to what needs it."""
    yield "digraph riverrun {"
    yield "  rankdir=LR;"
    yield "  node [shape=box];"
    for node in nodes.values():
        yield f"  {_quoted(node.name)};"
    for needed, key in _edges(nodes):
        yield f"  {_quoted(nodes[needed].name)} -> {_quoted(nodes[key].name)};"
    yield "}"


def mermaid(nodes: Mapping[str, Node]) -> Iterator[str]:
    """The picture for Mermaid, as many sites render it."""
    ids = {key: f"n{place}" for place, key in enumerate(nodes)}
    yield "flowchart LR"
    for key, node in nodes.items():
        label = escape(node.name).replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
        yield f'  {ids[key]}["{label}"]'
    for needed, key in _edges(nodes):
        yield f"  {ids[needed]} --> {ids[key]}"


def _edges(nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    return ((needed, key) for key, node in nodes.items() for needed in node.needs if needed in nodes)


def _quoted(name: str) -> str:
    return '"' + escape(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_json(graph: Drawable) -> dict[str, Any]:
    """The whole graph, every item by itself."""
    return {
        "riverrun": __version__,
        "ok": True,
        "steps": [
            {
                "step": name,
                "family": step.family,
                "description": step.description,
                "needs": list(graph.needs(name)),
                "inputs": [item.path for item in step.inputs],
                "uses": [item.path for item in step.uses],
                "outputs": [item.path for item in step.outputs],
            }
            for name, step in graph.steps.items()
        ],
        "waiting": [
            {"step": item.shown, "folders": list(item.folders), "outputs": list(item.outputs)}
            for item in graph.waiting
        ],
    }
