"""Values of the model come in, bytes for a column go out, and back: strict, checksummed, limited before allocation."""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, overload

from riverrun.model.fact import Entry, Kind
from riverrun.model.fact import Made as Output
from riverrun.model.trace import Description

COMPRESS_ABOVE = 4096  # bytes; below, compressing costs more time than the space is worth
LARGEST_BODY = 512 << 20  # bytes of JSON; about four million files in one output folder
LARGEST_SIZE = 1 << 63  # of a file
LONGEST_DIGEST = 64  # bytes

_PLAIN = b"j"
_COMPRESSED = b"z"
_CHECK = struct.Struct("<cI")  # how the body is kept, CRC-32 over salt and kept body
_LENGTH = struct.Struct("<Q")
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)
_JSON = json.JSONDecoder()  # json.loads detects encodings first, which costs as much again
_KINDS = {kind.value: kind for kind in Kind}


class CodecError(ValueError):
    """A column does not hold what was written to it."""


def encode_text(text: str) -> bytes:
    """Names and paths are kept as bytes: SQLite refuses text that is not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def decode_text(column: object) -> str:
    if not isinstance(column, bytes):
        raise CodecError("not a text")
    return column.decode("utf-8", "surrogateescape")


def decode_number(column: object) -> float:
    if not isinstance(column, (int, float)):
        raise CodecError("not a number")
    return float(column)


def encode(value: Any, salt: bytes) -> bytes:
    """JSON in ASCII (undecodable bytes of paths survive as escapes), sealed with a check over `salt` and itself."""
    body = _ENCODER.encode(value).encode("ascii")
    if len(body) > LARGEST_BODY:
        raise CodecError(f"too large to be recorded ({len(body)} bytes)")
    how = _PLAIN
    if len(body) > COMPRESS_ABOVE:
        how, body = _COMPRESSED, _LENGTH.pack(len(body)) + zlib.compress(body, 1)
    return _CHECK.pack(how, zlib.crc32(body, zlib.crc32(salt))) + body


def decode(column: object, salt: bytes) -> Any:
    """What `encode` was given; lists in place of tuples."""
    return _parse(*_unsealed(column, salt))


def _unsealed(column: object, salt: bytes) -> tuple[bytes, bytes]:
    if not isinstance(column, bytes) or len(column) < _CHECK.size:
        raise CodecError("cut short")
    how, check = _CHECK.unpack_from(column)
    body = column[_CHECK.size :]
    if zlib.crc32(body, zlib.crc32(salt)) != check:
        raise CodecError("checksum differs")
    return how, body


def _parse(how: bytes, body: bytes) -> Any:
    try:
        text = _unpacked(how, body).decode("ascii")
        value, end = _JSON.raw_decode(text)
    except (ValueError, RecursionError, zlib.error, struct.error) as error:
        raise CodecError(str(error)) from error
    if end != len(text):
        raise CodecError("text behind the value")
    return value


def _unpacked(how: bytes, body: bytes) -> bytes:
    if how == _PLAIN:
        return body
    if how != _COMPRESSED:
        raise CodecError("unknown form")
    (length,) = _LENGTH.unpack_from(body)
    if length > LARGEST_BODY:
        raise CodecError("too large")
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(body[_LENGTH.size :], length + 1)
    if len(text) != length or not unpacker.eof or unpacker.unused_data:
        raise CodecError("length differs")
    return text


def encode_outputs(outputs: Sequence[Output], salt: bytes) -> bytes:
    """Positions, not names, in JSON: a folder may have a million entries."""
    return encode(
        [
            [m.path, m.shown, m.kind.value, m.digest.hex(), m.size]
            + ([[_entry(entry) for entry in m.entries]] if m.entries else [])
            for m in outputs
        ],
        salt,
    )


def _entry(entry: Entry) -> list[str | int]:
    return [entry.path, entry.kind.value, entry.digest.hex(), entry.link.hex(), entry.size]


def decode_outputs(column: object, salt: bytes) -> tuple[Output, ...]:
    return tuple([_read_output(row) for row in _rows(decode(column, salt))])


def _read_output(row: list[Any]) -> Output:
    if len(row) == 5:
        path, shown, kind, digest, size = row
        entries: tuple[Entry, ...] = ()
    elif len(row) == 6:
        path, shown, kind, digest, size = row[:5]
        entries = tuple([_read_entry(entry) for entry in _rows(row[5])])
    else:
        raise CodecError("an output has other fields")
    return Output(
        _text(path), _text(shown), _kind(kind), _bytes(digest, LONGEST_DIGEST), _size(size), entries
    )


def _read_entry(row: list[Any]) -> Entry:
    if len(row) != 5:
        raise CodecError("an entry has other fields")
    path, kind, digest, link, size = row
    return Entry(_text(path), _kind(kind), _bytes(digest, LONGEST_DIGEST), _bytes(link, 1 << 16), _size(size))


def _rows(value: Any) -> list[list[Any]]:
    if type(value) is not list:
        raise CodecError("not a list of rows")
    for row in value:
        if type(row) is not list:
            raise CodecError("not a row")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise CodecError("not a text")
    return value


def _kind(value: Any) -> Kind:
    if type(value) is not str or value not in _KINDS:
        raise CodecError("unknown kind")
    return _KINDS[value]


def _bytes(value: Any, longest: int) -> bytes:
    if type(value) is not str or len(value) > 2 * longest:
        raise CodecError("not a digest")
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise CodecError("not a digest") from error


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < LARGEST_SIZE:
        raise CodecError("not a size")
    return value


def encode_description(description: Description, salt: bytes) -> bytes:
    return encode([list(line) for line in description], salt)


class KeptDescription(Sequence[tuple[str, str, str]]):
    """A description as it is kept. Its check is made at once, its lines only when someone reads them: few ever are."""

    __slots__ = ("_kept", "_lines")

    def __init__(self, column: object, salt: bytes) -> None:
        self._kept = _unsealed(column, salt)
        self._lines: tuple[tuple[str, str, str], ...] | None = None

    def _read(self) -> tuple[tuple[str, str, str], ...]:
        if self._lines is None:
            try:
                self._lines = tuple(_line(row) for row in _rows(_parse(*self._kept)))
            except CodecError:
                self._lines = ()  # it explains; it decides nothing
            self._kept = (b"", b"")
        return self._lines

    @overload
    def __getitem__(self, index: int) -> tuple[str, str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[str, str, str], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str, str] | tuple[tuple[str, str, str], ...]:
        return self._read()[index]

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return iter(self._read())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._read() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._read())

    def __repr__(self) -> str:
        return repr(self._read())


def _line(row: list[Any]) -> tuple[str, str, str]:
    if len(row) != 3:
        raise CodecError("a line has other fields")
    return (_text(row[0]), _text(row[1]), _text(row[2]))
