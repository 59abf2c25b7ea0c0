"""`riverrun hash` for folders and lists: what is printed is accepted by --check, and what differs is told."""

import os
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
    assert (outcome.code, outcome.stdout) == (0, "a: OK\nb\\\\c\\nd: OK\ne f: OK\n")
    (tmp_path / "a").write_text("changed")
    (tmp_path / "e f").unlink()
    outcome = riverrun("hash", "--check", "list")
    expected = "a: FAILED\nb\\\\c\\nd: OK\ne f: FAILED (No such file or directory)\n"
    assert (outcome.code, outcome.stdout) == (1, expected)
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


@pytest.mark.parametrize(
    "text",
    [
        "nonsense\n",
        f"{EMPTY} one space\n",
        f"{EMPTY[1:]}  too short\n",
        f"\\{EMPTY}  a\\tb\n",
        f"{EMPTY}  \n",
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
