"""A graph as bytes: what was spelled out and joined once comes in; a part of it comes back without a look at the rest.

Of a hundred thousand steps a changed file touches a few. So nothing is decoded before it is asked for: the file is a few
long columns, rows of bytes or of numbers with a list of where each row ends. Steps are MessagePack, by msgspec, which
builds declared types only and runs nothing (rule 11).
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from riverrun.graph.graph import Graph
from riverrun.model.step import Input, Step
from riverrun.native import Hasher

MAGIC = b"riverrun graph 2\n"
MARK_BYTES = 16
SUM_BYTES = 16
LONGEST_LINE = 200  # characters; of a line that names 100,000 inputs each of them would bring a copy
_WANTED, _NAMED = 1, 2


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    """The file behind its checksum. Numbers are u32 of this machine, and count steps in the order of the graph."""

    names: tuple[bytes, bytes]  # rows and where they end
    steps: tuple[bytes, bytes]  # each a Step, and for each of its reads who makes it
    flags: bytes
    readers: tuple[bytes, bytes]  # numbers of the steps that need one
    paths: tuple[bytes, bytes]  # of outputs and sources, sorted
    users: tuple[bytes, bytes]  # for each path its maker, or, of a source, its readers


_COLUMNS = msgspec.msgpack.Decoder(_Columns)
_STEP = msgspec.msgpack.Decoder(tuple[Step, list[list[int]]])


class _Texts(Sequence[bytes]):
    """Rows of bytes."""

    def __init__(self, column: tuple[bytes, bytes]) -> None:
        self._rows, self._ends = column[0], memoryview(column[1]).cast("I")

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]  # no slices
        return self._rows[self._ends[number] : self._ends[number + 1]]

    def __len__(self) -> int:
        return len(self._ends) - 1


class _Numbers:
    """Rows of numbers."""

    def __init__(self, column: tuple[bytes, bytes]) -> None:
        self._rows, self._ends = memoryview(column[0]).cast("I"), memoryview(column[1]).cast("I")

    def __getitem__(self, number: int) -> list[int]:
        return self._rows[self._ends[number] : self._ends[number + 1]].tolist()


def _texts(rows: Iterable[bytes]) -> tuple[bytes, bytes]:
    joined, ends = bytearray(), array("I", (0,))
    for row in rows:
        joined += row
        ends.append(len(joined))
    return bytes(joined), ends.tobytes()


def _numbers(rows: Iterable[Iterable[int]]) -> tuple[bytes, bytes]:
    joined, ends = array("I"), array("I", (0,))
    for row in rows:
        joined.extend(row)
        ends.append(len(joined))
    return joined.tobytes(), ends.tobytes()


def pack(graph: Graph, *, mark: bytes, wanted: frozenset[str], named: frozenset[str]) -> bytes:
    """The bytes of a graph without waiting families. Raises `UnicodeEncodeError` for names that are no text."""
    names = graph.order()
    place = {name: number for number, name in enumerate(names)}
    encode = msgspec.msgpack.Encoder().encode
    users: dict[str, list[int]] = {}
    steps: list[bytes] = []
    readers: list[list[int]] = [[] for _ in names]
    for number, name in enumerate(names):
        step = graph.steps[name]
        makers = [[place[maker] for maker in graph.makers_of(read)] for read in step.reads]
        steps.append(encode((_brief(step), makers)))
        for read, made_by in zip(step.reads, makers, strict=True):
            if not made_by:
                users.setdefault(read.path, []).append(number)
        for output in step.outputs:
            users[output.path] = [number]
        for need in graph.needs(name):
            readers[place[need]].append(number)
    by_path = sorted((path.encode(), numbers) for path, numbers in users.items())
    columns = _Columns(
        names=_texts(name.encode() for name in names),
        steps=_texts(steps),
        flags=bytes(_WANTED * (name in wanted) | _NAMED * (name in named) for name in names),
        readers=_numbers(readers),
        paths=_texts(path for path, _ in by_path),
        users=_numbers(numbers for _, numbers in by_path),
    )
    body = encode(columns)
    return MAGIC + mark + _sum(body) + body


def _sum(body: bytes | memoryview) -> bytes:
    hasher = Hasher("xxh3")
    hasher.update(body)
    return hasher.digest()


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


class KeptGraph:
    """A packed graph, of which parts can be had. Steps go by their numbers."""

    def __init__(self, columns: _Columns) -> None:
        self._names = _Texts(columns.names)
        self._steps = _Texts(columns.steps)
        self._flags = columns.flags
        self._readers = _Numbers(columns.readers)
        self._paths = _Texts(columns.paths)
        self._users = _Numbers(columns.users)
        self.wanted = self._flags.count(_WANTED) + self._flags.count(_WANTED | _NAMED)  # how many

    def users(self, path: str) -> Sequence[int]:
        """Who makes an output, or reads a source."""
        raw = path.encode("utf-8", "surrogateescape")
        at = bisect_left(self._paths, raw)
        if at < len(self._paths) and self._paths[at] == raw:
            return self._users[at]
        return ()

    def wanted_downstream(self, numbers: Iterable[int]) -> list[int]:
        """These and all that need them, however far, as far as they are wanted; in order."""
        found = set(numbers)
        edge = list(found)
        while edge:
            for near in self._readers[edge.pop()]:
                if near not in found:
                    found.add(near)
                    edge.append(near)
        return sorted(number for number in found if self._flags[number] & _WANTED)

    def part(self, numbers: Sequence[int]) -> tuple[Graph, frozenset[str]]:
        """The graph of these steps alone, given in order, and which of them were named."""
        names: dict[int, str] = {}

        def name_of(number: int) -> str:
            if number not in names:
                names[number] = self._names[number].decode()
            return names[number]

        steps: dict[str, Step] = {}
        made_by: dict[str, tuple[str, ...]] = {}
        needs: dict[str, tuple[str, ...]] = {}
        for number in numbers:
            step, makers = _STEP.decode(self._steps[number])
            steps[step.name] = step
            for read, some in zip(step.reads, makers, strict=True):
                made_by[read.path] = tuple(map(name_of, some))
            needs[step.name] = tuple(dict.fromkeys(name_of(maker) for some in makers for maker in some))
        named = frozenset(name_of(number) for number in numbers if self._flags[number] & _NAMED)
        return _Part(steps, needs, made_by), named


class _Part(Graph):
    """Some steps of a graph, which knows of the others only who makes what these read."""

    def __init__(
        self,
        steps: Mapping[str, Step],
        needs: dict[str, tuple[str, ...]],
        made_by: Mapping[str, Sequence[str]],
    ) -> None:
        self.steps, self.waiting = steps, ()
        self.makers = {output.path: name for name, step in steps.items() for output in step.outputs}
        self._needs, self._order = needs, list(steps)
        self._made_by = made_by

    def makers_of(self, read: Input) -> list[str]:
        """The steps that must have run before this input is what it should be."""
        return list(self._made_by.get(read.path, ()))


def unpack(raw: bytes, mark: bytes) -> KeptGraph | None:
    """What was packed; None if it is damaged, of another format, or was drawn from something else."""
    start = len(MAGIC) + MARK_BYTES
    if not raw.startswith(MAGIC + mark):
        return None
    body = memoryview(raw)[start + SUM_BYTES :]
    if _sum(body) != raw[start : start + SUM_BYTES]:
        return None
    try:
        return KeptGraph(_COLUMNS.decode(body))
    except msgspec.DecodeError:
        return None
