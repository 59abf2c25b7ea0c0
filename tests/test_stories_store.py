"""What can be restored, and what cannot: stories of the store, its limits, its place, its damage and its gc."""

import subprocess
from pathlib import Path

import pytest

from project import Outcome, Project

SPEC = """
[defaults]
pass = ["TALLY"]
[step.first]
run = 'echo first >> $TALLY; cat {inputs} {inputs} > {outputs}'
inputs = ["in.txt"]
outputs = ["first.txt"]
#KEYS
[step.second]
run = 'echo second >> $TALLY; head -c 2 {inputs} > {outputs}'
inputs = ["first.txt"]
outputs = ["second.txt"]
"""


def chain(project: Project, keys: str = "") -> Project:
    """Two steps; the first one has the given keys. Both were run."""
    project.env["TALLY"] = str(project.tally)
    project.write({"in.txt": "12345678\n"}).spec(SPEC.replace("#KEYS", keys))
    assert project.run(code=0).ran == ["first", "second"]
    project.counted()
    return project


def blobs(project: Project) -> list[Path]:
    """The files in which the store keeps bytes, packs and single ones."""
    store = project.root / ".riverrun" / "store"
    return sorted(
        path for kind in ("objects", "packs") for path in (store / kind).rglob("*") if path.is_file()
    )


def flip(path: Path, at: int) -> None:
    """One bit, in a file that no one may write."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cache(project: Project, *words: str) -> Outcome:
    """`riverrun cache ... --json`."""
    return project.cli("cache", *words, "--json")


def test_cache_false(project: Project) -> None:
    """Named, not kept: what is deleted is made again, and said why; what is as named is left in peace."""
    chain(project, "cache = false")
    project.settle()
    project.remove("first.txt")
    outcome = project.run(code=0)
    assert outcome.ran == ["first"] and "not_cached" in outcome.reasons("first")
    project.write({"in.txt": "12xxxxxx\n"})
    assert project.run(code=0).ran == ["first", "second"]
    project.write({"in.txt": "12345678\n"})
    outcome = project.run(code=0)
    assert outcome.ran == ["first"] and not outcome.restored, "what the second made stands there"
    project.counted()
    project.settle()


@pytest.fixture
def copying(tmp_path: Path) -> None:
    """Only where files do not share their bytes."""
    (tmp_path / "probe").write_bytes(b"x" * 8192)
    words = ["cp", "--reflink=always", str(tmp_path / "probe"), str(tmp_path / "probe2")]
    if subprocess.run(words, capture_output=True).returncode == 0:
        pytest.skip("this filesystem shares bytes: no limit is needed")


@pytest.mark.usefixtures("copying")
def test_copy_limit(project: Project) -> None:
    """What is larger is not copied; it is moved into the store when a new version takes its place."""
    project.write({"riverrun.local.toml": "[cache]\ncopy_limit = 10\n"})
    chain(project)
    project.remove("first.txt")
    outcome = project.run(code=0)
    assert outcome.ran == ["first"] and "not_cached" in outcome.reasons("first")
    project.write({"in.txt": "87654321\n"})
    assert project.run(code=0).ran == ["first", "second"]
    project.write({"in.txt": "12345678\n"})
    assert project.run(code=0).restored == ["first", "second"], "it was moved in when it was replaced"
    project.write({"in.txt": "87654321\n"})
    assert project.run(code=0).restored == ["first", "second"], "and so was what replaced it"
    project.counted()
    project.settle()


@pytest.mark.usefixtures("copying")
def test_copy_limit_and_a_tampered_output(project: Project) -> None:
    """What someone tampered with is never moved into the store in place of what was made."""
    project.write({"riverrun.local.toml": "[cache]\ncopy_limit = 10\n"})
    chain(project)
    project.tamper("first.txt", "abcdefgh\nabcdefgh\n")
    project.write({"in.txt": "87654321\n"})
    assert project.run(code=0).ran == ["first", "second"]
    project.write({"in.txt": "12345678\n"})
    assert project.run(code=0).ran == ["first"]
    assert project.read("first.txt") == "12345678\n" * 2


@pytest.mark.usefixtures("copying")
def test_always_copied(project: Project) -> None:
    project.write({"riverrun.local.toml": "[cache]\ncopy_limit = 10\n"})
    chain(project, 'cache = "copy"')
    project.remove("first.txt")
    assert project.run(code=0).restored == ["first"]


def test_store_elsewhere_and_shared(project: Project, tmp_path: Path) -> None:
    """Two workspaces, one store: each restores its own, and gc of the one leaves what the other needs."""
    other = Project(tmp_path / "other")
    for one in (project, other):
        one.write({"riverrun.local.toml": f'[cache]\npath = "{tmp_path}/store"\n'})
        chain(one)
        assert not list((one.root / ".riverrun").glob("store/*"))
    assert cache(project, "stats").document["workspaces"] == 2
    project.write({"in.txt": "mine\n"})
    assert project.run(code=0).ran == ["first", "second"]
    assert cache(project, "gc", "--keep-runs", "0", "--yes").code == 0
    other.remove("first.txt")
    other.remove("second.txt")
    assert other.run(code=0).restored == ["first", "second"]
    project.remove("first.txt")
    assert project.run(code=0).restored == ["first"]


def test_gc_removes_only_what_no_one_needs(project: Project) -> None:
    chain(project)
    for number in range(3):
        project.write({"in.txt": f"{number}x345678\n"})
        project.run(code=0)
    project.counted()
    before = cache(project, "stats").document["blobs"]
    assert not cache(project, "gc").document["contents"], "the last runs can be taken back"
    listed = cache(project, "gc", "--keep-runs", "0").document
    assert listed["contents"] == before - 2 and listed["removed"] is False
    assert cache(project, "stats").document["blobs"] == before, "nothing goes unless told"
    assert cache(project, "gc", "--keep-runs", "0", "--yes").document["contents"] == listed["contents"]
    assert cache(project, "stats").document["blobs"] == 2
    project.remove("first.txt")
    assert project.run(code=0).restored == ["first"]
    project.write({"in.txt": "0x345678\n"})
    assert project.run(code=0).ran == ["first", "second"], "what was removed is made again"
    assert cache(project, "verify").code == 0
    project.counted()
    project.settle()


@pytest.mark.parametrize("size", [10, 300_000], ids=["in a pack", "a file of its own"])
@pytest.mark.parametrize("verified", [True, False], ids=["verified before", "found out when restored"])
def test_damaged_blob(project: Project, size: int, verified: bool) -> None:
    """It is found, set aside, and the step runs; no damaged byte comes back."""
    project.env["TALLY"] = str(project.tally)
    project.write({"in.txt": "1" * size}).spec(SPEC)
    project.run(code=0)
    made = project.files()
    for blob in blobs(project):
        flip(blob, blob.stat().st_size // 2 if size > 10 else blob.read_bytes().find(b"1111"))
    if verified:
        found = cache(project, "verify")
        assert found.code == 1 and found.document["broken"], found
        assert cache(project, "verify").code == 0
    project.counted()
    project.settle()
    project.remove("first.txt")
    outcome = project.run(code=0)
    assert outcome.ran == ["first"], outcome
    assert project.files() == made
    project.remove("first.txt")
    assert project.run(code=0).restored == ["first"], "what was made again can be restored again"
    project.counted()
    project.settle()


def test_restored_files_are_their_own(project: Project) -> None:
    """Never linked to the store: what someone does to a restored file does nothing to what is kept."""
    chain(project)
    for number in range(3):
        project.remove("first.txt")
        assert project.run(code=0).restored == ["first"]
        assert (project.root / "first.txt").stat().st_nlink == 1
        with (project.root / "first.txt").open("r+") as file:
            file.write(f"no{number}")
        assert project.run(code=0).restored == ["first"]
    assert project.read("first.txt") == "12345678\n" * 2
    assert cache(project, "verify").code == 0


def test_exec_bits_and_empty_folders_come_back(project: Project) -> None:
    project.spec("""
        [step.it]
        run = 'mkdir -p o/empty o/sub; echo 1 > o/plain; echo 1 > o/sub/prog; chmod 700 o/sub/prog; : > o/void'
        outputs = ["o/"]
        [step.program]
        run = 'printf "#!/bin/sh\\necho hi\\n" > {outputs}; chmod +x {outputs}'
        outputs = ["p"]
    """)
    project.run(code=0)
    project.remove("o")
    project.remove("p")
    assert project.run(code=0).restored == ["it", "program"]
    assert (project.root / "o/empty").is_dir() and (project.root / "o/void").read_bytes() == b""
    assert (project.root / "o/sub/prog").stat().st_mode & 0o100
    assert not (project.root / "o/plain").stat().st_mode & 0o111
    assert (project.root / "p").stat().st_mode & 0o100
    project.settle()


def test_a_full_store_is_told_and_costs_only_restoring(project: Project) -> None:
    project.write({"riverrun.local.toml": "[cache]\nmax_size = 1\n"})
    chain(project)
    project.remove("second.txt")
    outcome = project.run(code=0)
    assert outcome.ran == ["second"]
    assert "not_cached" in outcome.reasons("second")
    told = {note["kind"]: note["message"] for note in outcome.document["notes"]}
    assert "max_size of 1 bytes" in told["not_copied"]
    assert project.read("second.txt") == "12"


def test_a_step_behind_a_folder_that_was_made_can_be_had_alone(project: Project) -> None:
    project.write({"in.txt": "a\nb\n"}).spec(
        """
[step.split]
run = "mkdir parts; split -l 1 {inputs} parts/"
inputs = ["in.txt"]
outputs = ["parts/"]
[step.each]
foreach = "parts/{name}"
run = "cp {inputs} {outputs}"
inputs = ["parts/{name}"]
outputs = ["each/{name}"]
[step.all]
run = "cat {inputs} > {outputs}"
inputs = ["@each"]
outputs = ["all.txt"]
"""
    )
    project.run(code=0)
    project.remove("all.txt")
    project.write({"in.txt": "a\nb\nc\n"})  # not looked at
    assert project.status("all").counts["kept"] == 0
    alone = project.run("--only", "all", code=0)
    assert (alone.ran, alone.restored, alone.counts["kept"]) == ([], ["all"], 0)
    assert project.read("all.txt") == "a\nb\n"


def test_two_specs_in_one_folder_leave_each_other_alone(project: Project) -> None:
    chain(project)
    project.write(
        {
            "other.toml": '[step.other]\nrun = "cp {inputs} {outputs}"\ninputs = ["in.txt"]\noutputs = ["o.txt"]\n'
        }
    )
    other = project.run("-f", "other.toml", code=0)
    assert other.ran == ["other"]
    assert not other.document["notes"]
    assert not project.run("--check", "content", code=0).document["notes"]
    for words in ((), ("-f", "other.toml")):
        listed = project.cli("clean", "--orphans", "--yes", "--json", *words).document
        assert listed["paths"] == [], words
    assert project.has("o.txt") and project.has("second.txt")
    project.remove("other.toml")
    told = project.run("--check", "content", code=0).document["notes"]
    assert [note["kind"] for note in told] == ["orphan"], "no spec is left that makes it"
