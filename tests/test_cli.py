"""The command line by itself: words in, help, errors, exit codes out; the pipeline behind the door is a fake."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import fake_pipeline
from fake_pipeline import (
    BROKE,
    EVENTS,
    Call,
    Fake,
    Terminal,
)
from riverrun.cli.app import COMMANDS, call
from riverrun.errors import LedgerError, Location, LockedError, Problem, SpecError, UsageError
from riverrun.model.verdict import Cause
from riverrun.report import Settled, Started

fake = fake_pipeline.fake
riverrun = fake_pipeline.riverrun


def test_help(riverrun: Call, snapshot: SnapshotAssertion) -> None:
    groups = [[], *([name] for name in COMMANDS), ["cache", "stats"], ["cache", "verify"], ["cache", "gc"]]
    for words in groups:
        outcome = riverrun(*words, "--help")
        assert (outcome.code, outcome.stderr) == (0, "")
        assert outcome.stdout == snapshot(name=" ".join(["riverrun", *words]))


def test_help_is_a_word_too(riverrun: Call) -> None:
    assert riverrun("help") == riverrun("--help")
    assert riverrun("help", "run") == riverrun("run", "--help")
    assert riverrun("help", "cache", "gc") == riverrun("cache", "gc", "--help")


def test_cache_alone_shows_its_help(riverrun: Call) -> None:
    outcome = riverrun("cache")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.stderr == riverrun("cache", "--help").stdout


def test_every_command_and_flag_is_in_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "cli.md").read_text()
    from riverrun.cli.app import program

    context = program.make_context("riverrun", ["completion", "bash"])
    commands = {name: program.get_command(context, name) for name in COMMANDS}
    for name, command in commands.items():
        assert command is not None
        members = getattr(command, "commands", {})
        assert f"## {name}\n" in page, name
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        for inner in members:
            assert f"cache {inner}" in section
        for one in (command, *members.values()):
            for param in one.params:
                for flag in [flag for flag in param.opts if flag.startswith("--")]:
                    shared = flag in ("--directory", "--file", "--json")
                    assert f"`{flag}" in (page if shared else section), (name, flag)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["statsu"], "there is no command 'statsu'", "did you mean 'riverrun status'?"),
        (["count@a"], "there is no command 'count@a'", "to run a step: riverrun run count@a"),
        (
            ["run", "-j", "0"],
            "invalid value for '-j' / '--jobs': '0' is no whole number from 1 on",
            "see 'riverrun run --help'",
        ),
        (
            ["run", "-j", "x"],
            "invalid value for '-j' / '--jobs': 'x' is no whole number from 1 on",
            "see 'riverrun run --help'",
        ),
        (
            ["completion"],
            "missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish",
            "see 'riverrun completion --help'",
        ),
        (["run", "-p", "level"], "'level' is no NAME=VALUE", "for example -p level=3"),
        (
            ["run", "a", "--only", "b"],
            "WHAT and --only are given together",
            "with --only, name everything by --only",
        ),
        (["run", "-qv"], "--quiet and --verbose are given together", "leave one of them out"),
        (["-C", "nowhere", "status"], "cannot go to 'nowhere': No such file or directory", "see -C"),
        (
            ["cache", "gc", "--keep-runs", "x"],
            "invalid value for '--keep-runs'",
            "see 'riverrun cache gc --help'",
        ),
        (["-f"], "option '-f' requires an argument", "see 'riverrun --help'"),
    ],
)
def test_wrong_usage(riverrun: Call, fake: Fake, words: list[str], message: str, hint: str) -> None:
    outcome = riverrun(*words)
    assert (outcome.code, outcome.stdout) == (2, "")
    said, *_, last = outcome.stderr.splitlines()
    assert said.startswith(f"error: {message}")
    assert last == f"hint: {hint}"
    if words not in (["-f"], ["completion"]):
        outcome = riverrun(*words, "--json")
        assert (outcome.code, outcome.stderr) == (2, "")
        [error] = outcome.errors
        assert error["kind"] == "usage"
        assert error["message"].startswith(message)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (LockedError("another run holds the workspace", hint="wait for it with --wait 60"), 75, "locked"),
        (UsageError("there is no step 'x'"), 2, "usage"),
        (LedgerError("the ledger cannot be read"), 1, "ledger"),
        (PermissionError(13, "Permission denied", "a/b"), 1, "system"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_have_their_exit_codes(
    riverrun: Call, fake: Fake, error: Exception, code: int, kind: str
) -> None:
    fake.error = error
    outcome = riverrun("run")
    assert (outcome.code, outcome.stdout) == (code, "")
    assert outcome.stderr.startswith("error: ")
    outcome = riverrun("run", "--json")
    assert (outcome.code, outcome.stderr, outcome.errors[0]["kind"]) == (code, "", kind)
    assert outcome.document["ok"] is False


def test_a_broken_spec_is_told_whole(riverrun: Call, fake: Fake, snapshot: SnapshotAssertion) -> None:
    fake.error = SpecError.of(
        [
            Problem(
                "spec",
                "unknown key 'otputs'",
                Location("riverrun.toml", 12, 1, "otputs = []", 6),
                "did you mean 'outputs'?",
            ),
            Problem(
                "spec",
                "no step makes 'b.csv'",
                Location("world/riverrun.toml", 3, 11, 'inputs = ["b.csv"]', 7),
            ),
        ]
    )
    outcome = riverrun("run")
    assert outcome.code == 2
    assert outcome.stderr == snapshot
    assert [error["line"] for error in riverrun("run", "--json").errors] == [12, 3]


def test_every_reason_is_in_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "json.md").read_text()
    assert [cause.value for cause in Cause if f"| `{cause.value}` |" not in page] == []


def process(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "riverrun", *words], capture_output=True, text=True, check=False, **options
    )


def test_the_version_comes_quickly() -> None:
    heavy = "click networkx rich msgspec sqlite3 json dataclasses"
    script = f"""if 1:
        import sys
        sys.argv = ["riverrun", "--version"]
        from riverrun.cli import main
        assert main() == 0
        print([name for name in {heavy.split()} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    version, loaded = done.stdout.splitlines()
    assert version.startswith("riverrun 0.")
    assert loaded == "[]"


def test_help_needs_nothing_heavy() -> None:
    script = """if 1:
        import sys
        from riverrun.cli.app import call
        call(["--help"])
        print([name for name in ("networkx", "rich", "msgspec", "sqlite3") if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize("words", [["--help"], ["hash", "/dev/null"], ["doctor"]])
def test_a_reader_who_left_is_no_error(words: list[str], tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as closed:
        done = subprocess.run(
            [sys.executable, "-m", "riverrun", *words],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
        )
    assert done.stderr == b""


def test_colours_are_for_terminals_that_want_them() -> None:
    from riverrun.cli.voice import Colour, Tone, Voice

    assert Voice().paint("x", Tone.GOOD, Terminal()) == "\x1b[32mx\x1b[0m"
    assert Voice(colour=Colour.NEVER).paint("x", Tone.GOOD, Terminal()) == "x"
    assert Voice().paint("x", Tone.GOOD, io.StringIO()) == "x"


@pytest.mark.parametrize(
    ("words", "env"), [(["--no-color"], {}), ([], {"NO_COLOR": "yes, please"}), ([], {"NO_COLOR": "0"})]
)
def test_no_color(fake: Fake, monkeypatch: pytest.MonkeyPatch, words: list[str], env: dict[str, str]) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    err = Terminal()
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", err)
    fake.error = UsageError("wrong")
    assert call([*words, "run"]) == 2
    assert err.getvalue() == "error: wrong\n"


def test_a_terminal_gets_a_line_that_moves(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    fake.events = EVENTS
    assert call(["run"]) == 0
    assert sys.stdout is out
    assert "count@a" in err.getvalue()
    assert out.getvalue().endswith("(check: stat)\n")


def test_a_terminal_gets_long_lines_as_they_are(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    long = "[bold]word " * 30
    fake.events = [Started("total"), Settled(BROKE, f"{long}\nend\n")]
    call(["run"])
    assert f"    | {long}\n    | end\n" in err.getvalue() + out.getvalue()
