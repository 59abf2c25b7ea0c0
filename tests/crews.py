"""For tests of running: short words for steps come in; a crew on a folder, and what finished, go out."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from riverrun.errors import Location
from riverrun.model.step import ArtifactKind, Command, Input, Output, Step
from riverrun.run.crew import Crew
from riverrun.run.finished import Finished

KEY = b"k" * 32
SECONDS = 60.0  # no wait in a test may take longer; none is expected to come near


def kind(path: str) -> ArtifactKind:
    return ArtifactKind.FOLDER if path.endswith("/") else ArtifactKind.FILE


def make(name: str, run: str | tuple[str, ...], outputs: Sequence[str] = (), **keys: Any) -> Step:
    """A step; `inputs` and `uses` are paths, or whole declarations."""
    for reads in ("inputs", "uses"):
        keys[reads] = tuple(
            read if isinstance(read, Input) else Input(read.rstrip("/"), kind(read), read)
            for read in keys.get(reads, ())
        )
    test = keys.pop("test", None)
    return Step(
        name=name,
        family=name,
        home=keys.pop("home", ""),
        where=Location("riverrun.toml", 1, 1),
        run=Command((run,), run),
        test=None if test is None else Command((test,), test),
        outputs=tuple(Output(path.rstrip("/"), kind(path), path) for path in outputs),
        **keys,
    )


@contextmanager
def crew_in(root: Path, run_id: str = "run1", **environ: str) -> Iterator[Crew]:
    """A crew that is closed at the end."""
    (root / ".riverrun").mkdir(exist_ok=True)
    crew = Crew(str(root), {"PATH": os.environ["PATH"]} | environ, run_id)
    try:
        yield crew
    finally:
        crew.close()


def finish(crew: Crew, count: int = 1) -> list[Finished]:
    """Wait until so many attempts are over."""
    done: list[Finished] = []
    by = monotonic() + SECONDS
    while len(done) < count:
        done += crew.wait(by - monotonic())
        assert monotonic() < by, f"only {len(done)} of {count} finished"
    return done


def one(root: Path, step: Step, **environ: str) -> Finished:
    """Run one step in a crew of its own; its work folder stays."""
    with crew_in(root, **environ) as crew:
        crew.start(step, KEY)
        return finish(crew)[0]
