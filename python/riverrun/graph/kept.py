"""A graph as bytes: what was spelled out and joined once comes in, and comes back without a look at any step.

MessagePack by msgspec, which builds declared types only and runs nothing (rule 11). Steps are decoded one by one when
they are asked for: of a hundred thousand, a changed file touches a few.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from riverrun.graph.graph import Graph
from riverrun.model.step import Input, Step

FORMAT = 1
LONGEST_LINE = 200  # characters; of a line that names 100,000 inputs each of them would bring a copy


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of an outline; all lists of numbers mean places in `names`."""

    format: int
    mark: bytes  # of everything that it was drawn from
    names: list[str]  # in the order of the graph
    steps: list[bytes]
    needs: list[list[int]]
    outputs: list[list[str]]
    sources: dict[str, list[int]]  # path of a source -> who reads it
    wanted: list[int]
    named: list[int]
    matches: dict[str, list[str]]
    files: list[str]  # under the seal besides artifacts: specs, programs
    folders: list[str]
    listings: list[str]
    absent: list[str]
    whole: bool  # whether a part of it can be planned alone: no temporary artifacts, and no family of a made folder


_DECODER = msgspec.msgpack.Decoder(Kept)
_STEP = msgspec.msgpack.Decoder(Step)


class _Steps(Mapping[str, Step]):
    """Steps by name, decoded when first asked for."""

    def __init__(self, places: dict[str, int], raw: Sequence[bytes]) -> None:
        self._places = places
        self._raw = raw
        self._read: dict[str, Step] = {}

    def __getitem__(self, name: str) -> Step:
        if name not in self._read:
            self._read[name] = _STEP.decode(self._raw[self._places[name]])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def pack(
    graph: Graph,
    *,
    mark: bytes,
    wanted: frozenset[str],
    named: frozenset[str],
    matches: Mapping[str, Sequence[str]],
    files: Sequence[str],
    folders: Sequence[str],
    listings: Sequence[str],
    absent: Sequence[str],
    grown: Sequence[str],
) -> bytes:
    """The bytes of a graph without waiting families. Raises `UnicodeEncodeError` for names that are no text."""
    names = graph.order()
    place = {name: number for number, name in enumerate(names)}
    encoder = msgspec.msgpack.Encoder()
    sources: dict[str, list[int]] = {}
    for name in names:
        for read in graph.steps[name].reads:
            if not graph.makers_of(read):
                sources.setdefault(read.path, []).append(place[name])
    steps = [graph.steps[name] for name in names]
    kept = Kept(
        format=FORMAT,
        mark=mark,
        names=names,
        steps=[encoder.encode(_brief(step)) for step in steps],
        needs=[[place[need] for need in graph.needs(name)] for name in names],
        outputs=[[output.path for output in step.outputs] for step in steps],
        sources=sources,
        wanted=sorted(place[name] for name in wanted),
        named=sorted(place[name] for name in named),
        matches={pattern: list(paths) for pattern, paths in matches.items()},
        files=list(files),
        folders=list(folders),
        listings=list(listings),
        absent=list(absent),
        whole=not grown and not any(output.temporary for step in steps for output in step.outputs),
    )
    return encoder.encode(kept)


def _brief(step: Step) -> Step:
    """Without the text of long lines, which is only shown beside errors."""
    if all(read.where is None or len(read.where.text) <= LONGEST_LINE for read in step.reads):
        return step
    return replace(
        step, inputs=tuple(map(_brief_input, step.inputs)), uses=tuple(map(_brief_input, step.uses))
    )


def _brief_input(read: Input) -> Input:
    if read.where is None or len(read.where.text) <= LONGEST_LINE:
        return read
    return replace(read, where=replace(read.where, text=""))


def unpack(raw: bytes, mark: bytes) -> tuple[Kept, Graph] | None:
    """What was packed; None if it is damaged, of another format, or was drawn from something else."""
    try:
        kept = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if kept.format != FORMAT or kept.mark != mark:
        return None
    names = kept.names
    steps = _Steps({name: number for number, name in enumerate(names)}, kept.steps)
    makers = {path: name for name, paths in zip(names, kept.outputs, strict=True) for path in paths}
    needs = {
        name: tuple([names[place] for place in places])
        for name, places in zip(names, kept.needs, strict=True)
    }
    return kept, Graph.kept(steps, makers, needs, names)
