"""Why the outputs of an attempt may not be kept: facts of its work folder come in, reasons go out."""

import os
from collections.abc import Iterator, Mapping

from riverrun.model.fact import Seen
from riverrun.model.step import ArtifactKind, Output, Step
from riverrun.model.verdict import Cause, Reason
from riverrun.native import Fact
from riverrun.record.done import Done


def unplaced(step: Step, placed: Mapping[str, Fact]) -> tuple[Reason, ...]:
    """What the machine said of the outputs of a step that could not be put in their places."""
    errors = ((output.path, placed[output.path].error) for output in step.outputs)
    return tuple(
        Reason(Cause.ERROR, path, after=f"it cannot be put in its place: {error.strerror or error}")
        for path, error in errors
        if error is not None
    )


def unstable(path: str, before: Seen, now: Seen) -> Reason:
    if now.state == before.state:  # only not certified
        return Reason(Cause.INPUT_BUSY, path, after="someone is writing it")
    return Reason(Cause.INPUT_UNSTABLE, path, before.digest.hex(), now.digest.hex() or now.kind.value)


def faults_of(done: Done, output: Output, fact: Fact, root: str) -> Iterator[Reason]:
    """Why one output may not be kept: not there, of the wrong kind, still being written, or a link out of itself."""
    folder = output.kind is ArtifactKind.FOLDER
    if fact.kind == "missing":
        yield Reason(Cause.OUTPUT_NOT_MADE, output.path)
    elif fact.kind == "error" or fact.kind == "other":
        why = fact.error.strerror if fact.error is not None else "neither a file nor a folder"
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after=why or "it cannot be read")
    elif fact.kind == "link":
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after=_link_text("it is a symbolic link"))
    elif folder != (fact.kind == "folder"):
        found = "a folder" if fact.kind == "folder" else "a file"
        declared = "a folder (the path ends in '/')" if folder else "a file; a folder's path ends in '/'"
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after=f"it is {found}, but declared as {declared}")
    elif not fact.certified:
        yield Reason(Cause.OUTPUT_REFUSED, output.path, after="someone is still writing it")
    elif fact.links:
        top = os.path.realpath(os.path.join(done.work, output.path))
        for path, text in fact.links:
            place = os.path.dirname(os.path.join(top, os.fsdecode(path)))
            target = os.path.normpath(os.path.join(place, os.fsdecode(text)))
            inside = target == top or target.startswith(top + "/")
            if (inside and os.path.isabs(os.fsdecode(text))) or (
                not inside and target.startswith(root + "/")
            ):
                where = os.path.join(output.path, os.fsdecode(path))
                yield Reason(
                    Cause.OUTPUT_REFUSED, where, after=_link_text(f"it is a link to {os.fsdecode(text)}")
                )


def _link_text(what: str) -> str:
    return f"{what}, which leads nowhere once the step is over; with 'real = true' the step gets files in place of links"
