"""`riverrun hash`: files in, their digests out, line by line as b3sum prints them."""

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Literal, cast

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form
from riverrun.errors import Problem
from riverrun.native import Digest, Hasher, __version__, hash_files

Algorithm = Literal["blake3", "xxh3"]

_BATCH = 1024  # files hashed in parallel before their lines are printed
_PIECE_BYTES = 1 << 20  # of a stream
_FOLDER_HINT = "name the files in it, as in: find FOLDER -type f -exec riverrun hash {} +"


@click.command("hash", short_help="Print the digests of files, as b3sum does.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option(
    "--algorithm",
    type=click.Choice(["blake3", "xxh3"]),
    default="blake3",
    show_default=True,
    help="blake3 names content anywhere; xxh3 is faster and guards against accident only.",
)
@flags.as_json
@flags.directory
@click.pass_obj
def command(
    session: Session, files: Sequence[str], algorithm: str, as_json: bool, folders: Sequence[str]
) -> int:
    """Print the digests of files, as b3sum does. A FILE of - is standard input, and so is no FILE.

    \b
    Two files: riverrun hash a.csv b.csv
    A stream:  zcat a.csv.gz | riverrun hash -
    """
    session = session.at(folders, None, Form.JSON if as_json else Form.TEXT)
    session.enter()
    voice = session.voice
    entries: list[dict[str, object]] = []
    broken = 0
    for batch in _hashed(files or ("-",), cast(Algorithm, algorithm)):
        failures = [(name, found) for name, found in batch if isinstance(found, OSError)]
        broken += len(failures)
        if as_json:
            entries += (_entry(name, found) for name, found in batch)
            continue
        voice.lines(_line(name, found) for name, found in batch if isinstance(found, Digest))
        voice.problems(_problem(name, found) for name, found in failures)
    if as_json:
        document = {"riverrun": __version__, "ok": not broken, "algorithm": algorithm, "files": entries}
        voice.document(document)
    return Exit.NOT_KEPT if broken else Exit.KEPT


def _hashed(names: Sequence[str], algorithm: Algorithm) -> Iterator[list[tuple[str, Digest | OSError]]]:
    """The files in order, a batch at a time."""
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        files = [name for name in batch if name != "-"]
        found = iter(hash_files(files, algorithm=algorithm))
        yield [
            (name, _stdin(algorithm) if name == "-" else _or_stream(name, next(found), algorithm))
            for name in batch
        ]


def _or_stream(name: str, found: Digest | OSError, algorithm: Algorithm) -> Digest | OSError:
    """What was found; for a pipe or a device, which are no files to hash but may be asked for here, their bytes."""
    if not (isinstance(found, OSError) and found.errno == errno.EINVAL):
        return found
    try:
        mode = os.stat(name).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            return found
        with open(name, "rb", buffering=0) as stream:
            return _streamed(cast(BinaryIO, stream), algorithm)
    except OSError as error:
        return error


def _stdin(algorithm: Algorithm) -> Digest | OSError:
    try:
        return _streamed(sys.stdin.buffer, algorithm)
    except OSError as error:
        return error


def _streamed(stream: BinaryIO, algorithm: Algorithm) -> Digest:
    hasher = Hasher(algorithm)
    while piece := stream.read(_PIECE_BYTES):
        hasher.update(piece)
    return Digest(hasher.digest(), algorithm)


def _line(name: str, digest: Digest) -> str:
    """b3sum's line: bytes that are no UTF-8 replaced, and a leading backslash where the name had to be escaped."""
    shown = os.fsencode(name).decode("utf-8", "replace")
    escaped = shown.replace("\\", "\\\\").replace("\n", "\\n")
    return f"{'' if escaped == shown else chr(92)}{digest.hex()}  {escaped}"


def _entry(name: str, found: Digest | OSError) -> dict[str, object]:
    if isinstance(found, Digest):
        return {"path": name, "digest": found.hex()}
    return {"path": name, "error": found.strerror or str(found)}


def _problem(name: str, error: OSError) -> Problem:
    hint = _FOLDER_HINT if isinstance(error, IsADirectoryError) else ""
    return Problem("system", f"{name}: {error.strerror or error}", hint=hint)
