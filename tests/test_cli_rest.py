"""The commands beside a run: hash, log, history, clean, cache, init, doctor, completion."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from syrupy.assertion import SnapshotAssertion

import fake_pipeline
from fake_pipeline import CHANGED, EMPTY, Call, Fake
from riverrun.cli.checksums import line
from riverrun.model.trace import Attempted, RunRecord
from riverrun.native import Digest

fake = fake_pipeline.fake
riverrun = fake_pipeline.riverrun


def test_hash_prints_what_b3sum_prints(riverrun: Call, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b\\c\nd").touch()
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT))
    outcome = riverrun("hash", "a", "b\\c\nd", "\udcff", "/dev/null")
    assert outcome.stdout == f"{EMPTY}  a\n\\{EMPTY}  b\\\\c\\nd\n{EMPTY}  \ufffd\n{EMPTY}  /dev/null\n"
    assert (outcome.code, outcome.stderr) == (0, "")
    assert riverrun("hash", "--algorithm", "xxh3", "a").stdout == "99aa06d3014798d86001c324468d497f  a\n"
    assert riverrun("hash", "-C", "..", f"{tmp_path.name}/a").stdout == f"{EMPTY}  {tmp_path.name}/a\n"


def test_hash_goes_on_after_what_cannot_be_read(riverrun: Call, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    outcome = riverrun("hash", "nope", "a")
    assert (outcome.code, outcome.stdout) == (1, f"{EMPTY}  a\n")
    assert outcome.stderr == "error: nope: No such file or directory\n"
    outcome = riverrun("hash", "--algorithm", "xxh3", ".")
    assert outcome.stderr.splitlines() == [
        "error: .: Is a directory",
        "hint: folders are named by blake3 only",
    ]
    document = riverrun("hash", "--json", "nope", "a").document
    assert document["ok"] is False
    assert document["files"] == [
        {"path": "nope", "error": "No such file or directory"},
        {"path": "a", "digest": EMPTY},
    ]


def test_hash_reads_standard_input() -> None:
    for words in (["hash"], ["hash", "-"]):
        done = subprocess.run(
            [sys.executable, "-m", "riverrun", *words], input=b"", capture_output=True, check=True
        )
        assert (done.stdout, done.stderr) == (f"{EMPTY}  -\n".encode(), b"")


def test_a_plain_name_stands_as_it_is() -> None:
    assert line("a b", Digest(bytes(32))) == "00" * 32 + "  a b"


def test_log(riverrun: Call, fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"\xffraw\n")
    fake.answers["log"] = "x.log"
    fake.answers["attempts"] = [Attempted("1", "total", "repaired", "ran", 1.5, (), "x.log")]
    assert riverrun("log", "total", "--path").stdout == "x.log\n"
    assert json.dumps(riverrun("log", "total", "--json").document["text"]) == '"\\udcffraw\\n"'
    assert fake.asked["log"] == (("total",), {})


def test_log_of_a_step_that_has_none(riverrun: Call, fake: Fake) -> None:
    fake.answers["attempts"] = [Attempted("1", "total", "repaired", "ran", 1.5, ())]
    outcome = riverrun("log", "total")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "", "'total' printed nothing\n")
    assert riverrun("log", "total", "--json").document["text"] == ""
    assert riverrun("log", "total", "--path").code == 2


HISTORY = [
    Attempted("1", name, "repaired", "ran", 1.5, (CHANGED.as_json(),))
    for name in ("count@a", "count@b", "total")
]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["log", "totl"], 2, "error: there is no step 'totl'\nhint: did you mean 'total'?\n"),
        (
            ["log", "count"],
            2,
            "error: 'count' is a family of items\nhint: name one, as in: riverrun log count@a\n",
        ),
        (
            ["log", "new"],
            2,
            "error: 'new' has not run in the runs that are remembered\nhint: see 'riverrun history'\n",
        ),
        (["history", "totl"], 2, "error: there is no step 'totl'\nhint: did you mean 'total'?\n"),
        (
            ["history", "nosuch"],
            2,
            "error: there is no step 'nosuch'\nhint: 'riverrun status --all' lists all steps\n",
        ),
        (["history", "new"], 0, "nothing has happened to 'new' yet\n"),
        (
            ["history", "count"],
            0,
            "1970-01-01 00:00:00  ran          1.50s  count@a  input changed\n"
            "1970-01-01 00:00:00  ran          1.50s  count@b  input changed\n",
        ),
    ],
)
def test_names_without_a_log_or_history(
    riverrun: Call, fake: Fake, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    fake.answers["history"] = [RunRecord("1", 0.0, 90.0, "riverrun run", "stat", {})]
    fake.answers["graph"] = SimpleNamespace(steps={"new": SimpleNamespace(family="new")}, waiting=[])

    def attempts(step: str | None = None) -> list[Attempted]:
        return [attempt for attempt in HISTORY if step in (None, attempt.step)]

    monkeypatch.setattr(fake, "attempts", attempts, raising=False)
    outcome = riverrun(*words)
    assert (outcome.code, outcome.stdout + outcome.stderr) == (code, said)


def test_history_tells_failed_from_blocked(riverrun: Call, fake: Fake) -> None:
    fake.answers["history"] = [
        RunRecord(name, 0.0, 1.0, "riverrun run", "stat", {"not_kept": 3}) for name in ("new", "old")
    ]
    fake.answers["attempts"] = [
        Attempted("new", f"s{place}", "not_kept", action, 0.0, ())
        for place, action in enumerate(("failed", "blocked", "blocked"))
    ]
    new, old = riverrun("history").stdout.splitlines()
    assert "0 ran, 1 failed, 2 blocked" in new
    assert "0 ran, 3 failed or blocked" in old


def test_history(riverrun: Call, fake: Fake, snapshot: SnapshotAssertion) -> None:
    counts = {"kept": 2, "repaired": 1, "not_kept": 0, "ran": 1, "restored": 0}
    runs = [
        RunRecord("2", 100.0, None, "riverrun run", "stat", {}),
        RunRecord("1", 0.0, 90.0, "'/opt/a b/riverrun' run total", "stat", counts, True),
    ]
    fake.answers |= {
        "history": runs,
        "attempts": [Attempted("1", "total", "repaired", "ran", 1.5, (CHANGED.as_json(),))],
    }
    assert riverrun("history").stdout == snapshot(name="runs")
    assert riverrun("history", "total").stdout == snapshot(name="attempts")
    assert riverrun("history", "--json").document["runs"][1]["counts"] == counts
    assert riverrun("history", "total", "--json").document["attempts"][0]["action"] == "ran"
    fake.answers["history"] = []
    assert riverrun("history").stdout == "nothing has run yet\n"


def test_clean(riverrun: Call, fake: Fake) -> None:
    fake.answers["clean"] = SimpleNamespace(paths=[("a.txt", 2048)], kept=[("b.txt", "changed since")])
    fake.answers["remove"] = None
    assert riverrun("clean").stdout == (
        "would remove  a.txt  2.0 KiB\nleft  b.txt: changed since\nwould remove 1 path, 2.0 KiB (--yes removes them)\n"
    )
    assert "remove" not in fake.asked
    assert riverrun("clean", "--orphans", "--yes").stdout.endswith("removed 1 path, 2.0 KiB\n")
    assert fake.asked["clean"] == (((),), {"orphans": True})
    assert "remove" in fake.asked
    assert riverrun("clean", "--json").document["paths"] == [{"path": "a.txt", "bytes": 2048}]


def test_cache(riverrun: Call, fake: Fake) -> None:
    fake.answers["cache_stats"] = SimpleNamespace(blobs=3, bytes=2048, packs=1, loose=2, workspaces=1)
    assert riverrun("cache", "stats").stdout == "3 contents, 2.0 KiB: 2 files, 1 packs; used by 1 workspace\n"
    assert riverrun("cache", "stats", "--json").document["blobs"] == 3
    fake.answers["cache_verify"] = []
    assert (riverrun("cache", "verify").code, riverrun("cache", "verify").stdout[:5]) == (0, "every")
    fake.answers["cache_verify"] = [
        SimpleNamespace(digest=bytes(32), path="objects/00/x", why="its bytes differ")
    ]
    outcome = riverrun("cache", "verify")
    assert outcome.code == 1
    assert outcome.stdout.endswith("objects/00/x: its bytes differ\n1 damaged, and set aside\n")
    fake.answers["cache_gc"] = SimpleNamespace(digests=[bytes(32)], bytes=5, paths=["objects/00/x"])
    assert riverrun("cache", "gc").stdout == (
        "would remove  objects/00/x\nwould remove 1 contents, 5 B (--yes removes them)\n"
    )
    assert riverrun("cache", "gc", "--yes", "--json").document["removed"] is True


def test_init_overwrites_nothing(riverrun: Call, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.o")
    assert riverrun("init").stdout == "wrote riverrun.toml and .gitignore; now try: riverrun\n"
    assert (tmp_path / ".gitignore").read_text() == "*.o\n.riverrun/\n"
    written = (tmp_path / "riverrun.toml").read_text()
    outcome = riverrun("init")
    assert outcome.code == 2
    assert (
        outcome.stderr == "error: 'riverrun.toml' is there already\nhint: riverrun init overwrites nothing\n"
    )
    assert (tmp_path / "riverrun.toml").read_text() == written


def test_doctor(riverrun: Call) -> None:
    before = sorted(os.listdir())
    outcome = riverrun("doctor")
    assert (outcome.code, outcome.stderr) == (0, "")
    assert {"riverrun", "python", "landlock", "filesystem"} <= {
        line.split(" ")[0] for line in outcome.stdout.splitlines()
    }
    (Path("riverrun.toml")).touch()
    facts = riverrun("doctor", "--json").document["facts"]
    assert facts["stamps"].startswith(("trusted", "not trusted"))
    assert sorted(os.listdir()) == sorted([*before, "riverrun.toml"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(riverrun: Call, shell: str) -> None:
    assert "_RIVERRUN_COMPLETE" in riverrun("completion", shell).stdout


@pytest.mark.parametrize(
    ("line", "breaks", "replies"),
    [
        ("riverrun stat", " @=:", ["status"]),
        ("riverrun completion ", " @=:", ["bash", "zsh", "fish"]),
        ("riverrun run count@", " @=:", ["a", "b"]),
        ("riverrun run count@a", " @=:", ["a"]),
        ("riverrun run count@", " ", ["count@a", "count@b"]),
    ],
)
def test_the_script_for_bash(
    riverrun: Call, tmp_path: Path, line: str, breaks: str, replies: list[str]
) -> None:
    script = riverrun("completion", "bash").stdout
    (tmp_path / "riverrun.toml").write_text(
        '[step.count]\nforeach = { x = ["a", "b"] }\nrun = "true {x} > {outputs}"\noutputs = ["{x}.txt"]\n'
    )
    program = tmp_path / "riverrun"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m riverrun "$@"\n')
    program.chmod(0o755)
    asked = f"""{script}
COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDBREAKS='{breaks}'
_riverrun_completion "{program}"
printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (replies, "")


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("riverrun ", {"run", "status", "cache", "log"}),
        ("riverrun stat", {"status"}),
        ("riverrun -", {"--directory", "--version"}),
        ("riverrun run ", {"count", "count@a", "late", "total"}),
        ("riverrun run --no", {"--no-contain"}),
        ("riverrun explain co", {"count", "count@a"}),
        ("riverrun nonsense ", set()),
    ],
)
def test_bash_completes(
    riverrun: Call, fake: Fake, monkeypatch: pytest.MonkeyPatch, line: str, some: set[str]
) -> None:
    Path("riverrun.toml").touch()
    steps = {"count@a": SimpleNamespace(family="count"), "total": SimpleNamespace(family="total")}
    fake.answers["graph"] = SimpleNamespace(steps=steps, waiting=[SimpleNamespace(name="late")])
    words = line.split(" ")
    from click.shell_completion import BashComplete

    from riverrun.cli.app import program

    completion = BashComplete(program, {}, "riverrun", "_RIVERRUN_COMPLETE")
    offered = {item.value for item in completion.get_completions(words[1:-1], words[-1])}
    assert some <= offered
    assert all(value.startswith(words[-1]) for value in offered)
    assert "run" in offered or words[1:] != [""]
