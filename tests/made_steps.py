"""Steps, facts and traces for tests of pure rooms: short words in, whole values out."""

from collections.abc import Sequence
from typing import Any

from riverrun.errors import Location
from riverrun.model.fact import Kind, Made, Seen
from riverrun.model.step import ArtifactKind, Command, Input, Output, Step
from riverrun.model.trace import ActionKey, Description, Trace


def _kind(path: str) -> ArtifactKind:
    return ArtifactKind.FOLDER if path.endswith("/") else ArtifactKind.FILE


def reading(path: str, name: str = "", **more: Any) -> Input:
    """An input; a path that ends in '/' is a folder."""
    return Input(path.rstrip("/"), _kind(path), path.rstrip("/"), name, **more)


def making(path: str, **more: Any) -> Output:
    """An output; a path that ends in '/' is a folder."""
    return Output(path.rstrip("/"), _kind(path), path.rstrip("/"), **more)


def step(name: str, inputs: Sequence[str] = (), outputs: Sequence[str] = (), **more: Any) -> Step:
    """A step that runs `do <name>`."""
    return Step(
        name=name,
        family=name.partition("@")[0],
        home="",
        where=Location("riverrun.toml", 1, 1),
        run=more.pop("run", Command(("do",), "do")),
        inputs=more.pop("reads", tuple(reading(path) for path in inputs)),
        outputs=more.pop("makes", tuple(making(path) for path in outputs)),
        **more,
    )


def steps(*all_steps: Step) -> dict[str, Step]:
    """Steps by their names."""
    return {each.name: each for each in all_steps}


def seen(content: str, **more: Any) -> Seen:
    """A file of this content; its digest is the content itself."""
    return Seen(more.pop("kind", Kind.FILE), content.encode(), len(content), **more)


def trace(key: str, outputs: dict[str, str], description: Description = (), number: int = 1) -> Trace:
    """A trace that made files of these contents."""
    made = tuple(Made(path, path, Kind.FILE, content.encode()) for path, content in outputs.items())
    return Trace(number, ActionKey(key.encode()), "s", made, description, "run", 0.0, 0.0, "work folder")
