"""`riverrun hash` for folders and lists: what is printed is accepted by --check, and what differs is told."""

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import fake_pipeline
from fake_pipeline import EMPTY, Call
from riverrun.native import Index

riverrun = fake_pipeline.riverrun


@pytest.mark.parametrize("words", [[], ["--algorithm", "xxh3"]], ids=["blake3", "xxh3"])
def test_what_was_printed_is_checked(riverrun: Call, tmp_path: Path, words: list[str]) -> None:
    names = ["a", "b\\c\nd", "e f"]
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "list").write_text(riverrun("hash", *words, *names).stdout)
    outcome = riverrun("hash", "--check", "list")
    assert (outcome.code, outcome.stdout) == (0, "a: OK\n\\b\\\\c\\nd: OK\ne f: OK\n")
    (tmp_path / "a").write_text("changed")
    (tmp_path / "e f").unlink()
    outcome = riverrun("hash", "--check", "list")
    expected = "a: FAILED\n\\b\\\\c\\nd: OK\ne f: FAILED (No such file or directory)\n"
    assert (outcome.code, outcome.stdout) == (1, expected)
    assert outcome.stderr == "warning: 2 of 3 are not as the list says\n"
    document = riverrun("hash", "--json", "--check", "list").document
    assert document["ok"] is False
    assert [entry["ok"] for entry in document["files"]] == [False, True, False]


def test_the_digest_of_a_folder_is_that_of_its_manifest(riverrun: Call, tmp_path: Path) -> None:
    inner = tmp_path / "folder" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    (fact,) = Index(tmp_path / "index").look([os.fsencode(tmp_path / "folder")])
    assert fact.digest is not None
    outcome = riverrun("hash", "folder")
    assert (outcome.code, outcome.stdout) == (0, f"{fact.digest.hex()}  folder\n")
    (tmp_path / "list").write_text(outcome.stdout)
    assert riverrun("hash", "--check", "list").code == 0
    (inner / "file").chmod(0o755)
    assert riverrun("hash", "--check", "list").stdout == "folder: FAILED\n"


# What the programs themselves printed: b3sum 1.2.0, b3sum 1.8 for the carriage return, xxhsum 0.8.1 -H128 (which escapes
# nothing). The last two files are of 5 MiB and of 4 MiB of zeros.
CONTENTS = {
    "a": b"x",
    "b\\c": b"y",
    "n\nl": b"z",
    "r\r": b"w",
    "large": bytes(5 << 20),
    "chunk": bytes(4 << 20),
}
OF_B3SUM = """\
3ae7d805f6789a6402acb70ad4096a85a56bf6804eaf25c0493ac697548d30b5  a
\\08112a9e334ce73042b531c25668cf5cb12a1ee040a4326afeac065461079a06  b\\\\c
\\1104908ab930e671002c7cd7f3fc921570b1bf64ecfa12fe363585c630eaca6b  n\\nl
\\f2f21520bebe5d07c6813b972de3617a0a0d50a36be3784e9fece54cff8d8032  r\\r
4b60515d7642c4810e21ee025f8663895426addec9f08c52a3fa03c4162b84a9  large
04e52cd2da6a0e1f338b0078369130d96585c1de65057da5dd1283b12fb853e1  chunk
"""
OF_XXHSUM = """\
5c7401c0ec22eeeeeaf06c6480b2cd11  a
d89f1c4509f3b233272b57e6d7c0a9e5  b\\c
ab501220c648ec16269ac5f6e1fb7fc0  large
34001ae2f947e773165f453a5f35c459  chunk
"""


def test_lists_of_b3sum(riverrun: Call, tmp_path: Path) -> None:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "list").write_text(OF_B3SUM)
    outcome = riverrun("hash", "--check", "list")
    checked = "a: OK\n\\b\\\\c: OK\n\\n\\nl: OK\n\\r\\r: OK\nlarge: OK\nchunk: OK\n"
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, checked, "")
    assert riverrun("hash", *CONTENTS).stdout == OF_B3SUM


def test_lists_of_xxhsum(riverrun: Call, tmp_path: Path) -> None:
    """It names a file of several chunks otherwise than riverrun, and is understood all the same."""
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "list").write_text(OF_XXHSUM)
    outcome = riverrun("hash", "--check", "list")
    checked = "a: OK\n\\b\\\\c: OK\nlarge: OK\nchunk: OK\n"
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, checked, "")
    assert riverrun("hash", "--algorithm", "xxh3", "large").stdout not in OF_XXHSUM
    for name in ("large", "chunk"):
        with (tmp_path / name).open("r+b") as file:
            file.write(b"x")
    assert riverrun("hash", "--check", "list").stdout.splitlines()[2:] == ["large: FAILED", "chunk: FAILED"]


def test_a_list_may_name_standard_input(tmp_path: Path) -> None:
    """As b3sum has it."""
    (tmp_path / "list").write_text(f"{EMPTY}  -\n")
    words = [sys.executable, "-m", "riverrun", "hash", "--check", "list"]
    for sent, code in ((b"", 0), (b"x", 1)):
        assert subprocess.run(words, input=sent, capture_output=True, cwd=tmp_path).returncode == code


@pytest.mark.parametrize("name", ["-", "folder", "large"])
def test_long_work_is_told_on_a_terminal(tmp_path: Path, name: str) -> None:
    """With no patience, so that any work is long. What stays on the screen is the line of the digest alone."""
    (tmp_path / "folder").mkdir()
    for file in ("large", "folder/file"):
        (tmp_path / file).write_bytes(bytes(9 << 20))
    program = "from riverrun.cli import meter, process; meter._PATIENCE = meter._EVERY = 0.0; process()"
    ours, theirs = pty.openpty()
    with (tmp_path / "large").open("rb") as stdin:
        words = [sys.executable, "-c", program, "hash", name]
        child = subprocess.Popen(words, stdin=stdin, stdout=theirs, stderr=theirs, cwd=tmp_path)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the child has closed its end
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert child.wait() == 0
    assert b"9 MiB read, " in shown or b"9.0 MiB read, " in shown
    assert shown.rpartition(b"\x1b[K")[2].endswith(f"  {name}\r\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "nonsense\n",
        f"{EMPTY} one space\n",
        f"{EMPTY[1:]}  too short\n",
        f"\\{EMPTY}  a\\tb\n",
        f"{EMPTY}  \n",
        f"{EMPTY}  \ufffd\n",  # whose bytes b3sum could not print
    ],
)
def test_lines_that_are_none_are_told(riverrun: Call, tmp_path: Path, text: str) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "list").write_text(f"{EMPTY}  a\n{text}")
    outcome = riverrun("hash", "--check", "list")
    assert (outcome.code, outcome.stdout) == (1, "a: OK\n")
    assert outcome.stderr.startswith("error: list:2: ")
    assert riverrun("hash", "--check", "list", "--json").document["ok"] is False


def test_a_list_that_is_not_there_and_names_beside_a_list(riverrun: Call, tmp_path: Path) -> None:
    assert riverrun("hash", "--check", "nope").code == 2
    assert riverrun("hash", "--check", "nope", "a").code == 2
