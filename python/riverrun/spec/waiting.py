"""What cannot be spelled out yet: drafts that wait come in; all that wait with them, or in vain, go out."""

from collections.abc import Mapping

from riverrun.model.step import ArtifactKind, Waiting
from riverrun.spec.ends import Draft
from riverrun.spec.outputs import Outputs
from riverrun.spec.paths import parents
from riverrun.spec.problems import Problems


def spread(drafts: Mapping[str, Draft]) -> dict[str, Waiting]:
    """The steps that wait: for a folder's content, for a family, or for a step that waits itself."""
    edge = [name for name, draft in drafts.items() if draft.folders or draft.via]
    if not edge:
        return {}
    readers = _readers(drafts)
    waits = dict.fromkeys(edge)
    while edge:
        name = edge.pop()
        for output in drafts[name].member.outputs:
            near = [*readers.get((output.path, "is"), ()), *readers.get((output.path, "holds"), ())]
            for folder in parents(output.path):
                near += readers.get((folder, "folder"), ())
            for reader in near:
                drafts[reader].via[name] = None
                if reader not in waits:
                    waits[reader] = None
                    edge.append(reader)
    return {name: _waiting(draft) for name, draft in drafts.items() if name in waits}


def _waiting(draft: Draft) -> Waiting:
    paths = tuple(output.path for output in draft.member.outputs)
    return Waiting(draft.member.step, tuple(draft.folders), draft.family.where, paths, tuple(draft.via))


def _readers(drafts: Mapping[str, Draft]) -> dict[tuple[str, str], list[str]]:
    """Who reads a path, something that it holds, or it as a folder."""
    readers: dict[tuple[str, str], list[str]] = {}
    for name, draft in drafts.items():
        for _, reading in (*draft.inputs, *draft.uses):
            for found in reading.found:
                if found.outside:
                    continue
                readers.setdefault((found.path, "is"), []).append(name)
                if found.kind is ArtifactKind.FOLDER:
                    readers.setdefault((found.path, "folder"), []).append(name)
                for folder in parents(found.path):
                    readers.setdefault((folder, "holds"), []).append(name)
    return readers


def check_progress(waiting: Mapping[str, Waiting], outputs: Outputs, problems: Problems) -> None:
    """A step that waits for what only it can bring about would wait for ever."""
    left = dict(waiting)
    while left:
        free = [name for name, one in left.items() if _can_go_on(one, left, outputs)]
        if not free:
            names = list(left)
            problems.add(
                f"these steps wait for each other: {', '.join(names)}",
                left[names[0]].where,
                "one of them reads what another can only make after it",
            )
            return
        for name in free:
            del left[name]


def _can_go_on(one: Waiting, left: Mapping[str, Waiting], outputs: Outputs) -> bool:
    makers = [outputs.by_path[folder].step for folder in one.folders if folder in outputs.by_path]
    return not any(name in left for name in (*makers, *one.via))
