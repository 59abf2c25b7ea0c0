"""`riverrun hash`: files and folders in, their digests out, line by line as b3sum prints them, or compared with such lines."""

from collections.abc import Iterator, Sequence
from typing import cast

import click

from riverrun.cli import flags
from riverrun.cli.checksums import Expected, expected_in, line, shown
from riverrun.cli.codes import Exit
from riverrun.cli.digests import Algorithm, Found, digests, is_as_xxhsum_says
from riverrun.cli.door import Session
from riverrun.cli.meter import Meter
from riverrun.cli.voice import Form, Voice
from riverrun.errors import Problem, UsageError
from riverrun.native import Digest, __version__

_FOLDER_HINT = "folders are named by blake3 only"


@click.command("hash", short_help="Print the digests of files, as b3sum does.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option(
    "--algorithm",
    type=click.Choice(["blake3", "xxh3"]),
    default="blake3",
    show_default=True,
    help="blake3 names content anywhere; xxh3 is faster and guards against accident only.",
)
@click.option(
    "--check",
    "checked",
    metavar="LIST",
    multiple=True,
    help="Compare files with the lines of LIST, which an earlier call printed. May be given again.",
)
@flags.as_json
@flags.directory
@click.pass_obj
def command(
    session: Session,
    files: Sequence[str],
    algorithm: str,
    checked: Sequence[str],
    as_json: bool,
    folders: Sequence[str],
) -> int:
    """Print the digests of files, as b3sum does. A FILE of - is standard input, and so is no FILE. The digest of a
    folder is that of its manifest: of the names, kinds and contents of all that is in it.

    \b
    Two files: riverrun hash a.csv b.csv > LIST
    Later:     riverrun hash --check LIST
    A stream:  zcat a.csv.gz | riverrun hash -
    """
    session = session.at(folders, None, Form.JSON if as_json else Form.TEXT)
    session.enter()
    if not checked:
        return _print(session.voice, files or ("-",), cast(Algorithm, algorithm))
    if files:
        raise UsageError("--check takes the names from LIST", hint="leave the FILEs out")
    return _check(session.voice, checked)


def _print(voice: Voice, files: Sequence[str], algorithm: Algorithm) -> int:
    entries: list[dict[str, object]] = []
    broken = 0
    for batch in digests(files, algorithm, Meter()):
        failures = [(name, found) for name, found in batch if isinstance(found, OSError)]
        broken += len(failures)
        if voice.form is Form.JSON:
            entries += (_entry(name, found) for name, found in batch)
            continue
        voice.lines(line(name, found) for name, found in batch if isinstance(found, Digest))
        voice.problems(_problem(name, found) for name, found in failures)
    if voice.form is Form.JSON:
        document = {"riverrun": __version__, "ok": not broken, "algorithm": algorithm, "files": entries}
        voice.document(document)
    return Exit.NOT_KEPT if broken else Exit.KEPT


def _check(voice: Voice, lists: Sequence[str]) -> int:
    """b3sum's words: OK, or FAILED with what could not be read behind it."""
    entries: list[dict[str, object]] = []
    broken = 0
    expected: list[Expected] = []
    for source in lists:
        try:
            found, problems = expected_in(source)
        except OSError as error:
            raise UsageError(f"{source}: {error.strerror or error}") from error
        if problems:
            broken += len(problems)
            if voice.form is Form.TEXT:
                voice.problems(problems)
            entries += ({"path": None, "ok": False, "error": problem.message} for problem in problems)
        expected += found
    differing = 0
    for wanted, found_now, is_same in _compared(expected):
        differing += not is_same
        why = f" ({found_now.strerror})" if isinstance(found_now, OSError) else ""
        voice.say(f"{shown(wanted.name)}: {'OK' if is_same else f'FAILED{why}'}")
        entries.append({**_entry(wanted.name, found_now), "ok": is_same})
    broken += differing
    if differing and voice.form is Form.TEXT:
        voice.warn(f"warning: {differing} of {len(expected)} are not as the list says")
    if voice.form is Form.JSON:
        voice.document({"riverrun": __version__, "ok": not broken, "files": entries})
    return Exit.NOT_KEPT if broken else Exit.KEPT


def _compared(expected: Sequence[Expected]) -> Iterator[tuple[Expected, Found, bool]]:
    """Each with what its name has now, and whether that is as it must be; runs of one algorithm are hashed together, and
    the order stays."""
    meter = Meter()
    start = 0
    for end in range(1, len(expected) + 1):
        kind = expected[start].digest.algorithm
        if end < len(expected) and expected[end].digest.algorithm == kind:
            continue
        part = expected[start:end]
        names = [wanted.name for wanted in part]
        found = (digest for batch in digests(names, kind, meter) for _, digest in batch)
        for wanted, digest in zip(part, found, strict=True):
            is_same = digest == wanted.digest or is_as_xxhsum_says(wanted.name, wanted.digest, meter)
            yield wanted, digest, is_same
        start = end


def _entry(name: str, found: Found) -> dict[str, object]:
    if isinstance(found, Digest):
        return {"path": name, "digest": found.hex()}
    return {"path": name, "error": found.strerror or str(found)}


def _problem(name: str, error: OSError) -> Problem:
    hint = _FOLDER_HINT if isinstance(error, IsADirectoryError) else ""
    return Problem("system", f"{name}: {error.strerror or error}", hint=hint)
