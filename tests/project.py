"""A project in a folder of its own: files go in, the command line runs on it, an `Outcome` comes out."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120  # no single call of the command line in a test may take longer

# What riverrun makes in the examples, were someone to run them in place; never copied.
MADE = shutil.ignore_patterns(
    *(".riverrun", "riverrun.local.toml", "__pycache__", "end_state", "*_stage", "*.o"),
    *("data", "months", "clean", "joined", "monthly", "year", "pictures", "summary.md"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of the command line gave back; the properties below read its JSON document."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """Stdout as the one JSON document that it must be."""
        try:
            loaded = json.loads(self.stdout)
        except ValueError as problem:
            raise AssertionError(f"stdout is no JSON ({problem})\n{self}") from None
        assert isinstance(loaded, dict), self
        return loaded

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """The entries of `steps` by the step's name."""
        return {entry["step"]: entry for entry in self.document["steps"]}

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the document."""
        counts: dict[str, int] = self.document["counts"]
        return counts

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What was wrong with the usage or the spec (exit code 2)."""
        errors: list[dict[str, Any]] = self.document["errors"]
        return errors

    def having(self, action: str) -> list[str]:
        """The steps with this action, sorted."""
        return sorted(name for name, entry in self.steps.items() if entry["action"] == action)

    @property
    def ran(self) -> list[str]:
        """The steps whose command ran and kept its promise."""
        return self.having("ran")

    @property
    def restored(self) -> list[str]:
        """The steps whose outputs came from the store."""
        return self.having("restored")

    @property
    def failed(self) -> list[str]:
        """The steps that did not keep their promise themselves."""
        return self.having("failed")

    @property
    def blocked(self) -> list[str]:
        """The steps that had no chance, because one upstream failed."""
        return self.having("blocked")

    def reasons(self, step: str) -> list[str]:
        """The kinds of a step's reasons, in the order told."""
        return [reason["kind"] for reason in self.steps[step]["reasons"]]

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Project:
    """A workspace below a temporary folder, with a home of its own, so that nothing of the person's machine counts."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.home = folder / "home"
        self.tally = folder / "tally"  # outside the project: writing there disturbs no step
        for made in (self.root, self.home):
            made.mkdir(parents=True)
        self.env = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "100",
            "PYTHONWARNINGS": "error",
        }

    # -- files ---------------------------------------------------------------------------------------------------

    def write(self, files: Mapping[str, str | bytes | None], *, below: str = "") -> "Project":
        """Make the files of a table: text or bytes; None removes; a name that ends in "/" is an empty folder.

        Text that begins with "#!" may be executed. A file is written anew in place, as an editor or `>` would.
        """
        for name, content in files.items():
            path = self.root / below / name
            if content is None:
                self.remove(str(path))
            elif name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                if path.read_bytes().startswith(b"#!"):
                    path.chmod(0o755)
        return self

    def spec(self, text: str, *, below: str = "") -> "Project":
        """Write `riverrun.toml`."""
        return self.write({"riverrun.toml": text}, below=below)

    def read(self, name: str) -> str:
        """The text of a file."""
        return (self.root / name).read_text()

    def has(self, name: str) -> bool:
        """Whether something is at that path."""
        return os.path.lexists(self.root / name)

    def remove(self, name: str) -> None:
        """Remove a file, a link or a folder with all that is in it."""
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def tamper(self, name: str, content: str | bytes) -> None:
        """Other bytes of the same size, with the mtime put back: what a clock or a size cannot tell."""
        path = self.root / name
        before = path.stat()
        after = content.encode() if isinstance(content, str) else content
        assert len(after) == before.st_size, f"{name} has {before.st_size} bytes, not {len(after)}"
        assert after != path.read_bytes(), f"{name} already holds that"
        path.write_bytes(after)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def files(self) -> dict[str, bytes]:
        """All files but riverrun's own, by name: to compare two projects, or before and after."""
        found: dict[str, bytes] = {}
        for folder, below, names in os.walk(self.root):
            below[:] = sorted(name for name in below if name != ".riverrun")
            for name in names:
                path = Path(folder, name)
                text = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                found[path.relative_to(self.root).as_posix()] = text
        return found

    # -- which commands really ran ------------------------------------------------------------------------------

    def counting(self, name: str, command: str) -> str:
        """The command, made to leave a mark each time it starts; read the marks with `counted()`."""
        return f"echo {shlex.quote(name)} >> {shlex.quote(str(self.tally))}; {command}"

    def counted(self) -> Counter[str]:
        """How often each counting command started since this was last asked."""
        if not self.tally.exists():
            return Counter()
        names = self.tally.read_text().split("\n")[:-1]
        self.tally.unlink()
        return Counter(names)

    # -- the command line ----------------------------------------------------------------------------------------

    def cli(self, *words: str, cwd: str = "", env: Mapping[str, str] | None = None) -> Outcome:
        """Call riverrun with these words in the project's folder (or in `cwd` below it), as a person would."""
        done = subprocess.run(
            [sys.executable, "-m", "riverrun", *words],
            cwd=self.root / cwd,
            env=self.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(
        self, *words: str, code: int | None = None, cwd: str = "", env: Mapping[str, str] | None = None
    ) -> Outcome:
        """`riverrun run --json`; with `code`, it must be the exit code."""
        return self._checked(self.cli("run", "--json", *words, cwd=cwd, env=env), code)

    def status(self, *words: str, code: int | None = None, cwd: str = "") -> Outcome:
        """`riverrun status --json`; with `code`, it must be the exit code."""
        return self._checked(self.cli("status", "--json", *words, cwd=cwd), code)

    def settle(self) -> None:
        """Run, and see that there was nothing to do: the end state had been reached."""
        before = self.files()
        self.counted()
        outcome = self.run(code=0)
        assert not outcome.ran and not outcome.restored and not self.counted(), outcome
        assert self.files() == before

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """A call that goes on beside the test, in a process group of its own; `end` it, or wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "riverrun", *words],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
        )

    @staticmethod
    def end(process: "subprocess.Popen[str]", number: signal.Signals = signal.SIGKILL) -> Outcome:
        """Send a signal to a started call (not to its steps), and wait for it."""
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=SECONDS)
        return Outcome(process.returncode, stdout, stderr)

    @staticmethod
    def _checked(outcome: Outcome, code: int | None) -> Outcome:
        if code is not None:
            assert outcome.code == code, outcome
        return outcome


def copy_of_example(name: str, folder: Path) -> Project:
    """A project with the sources of an example, as a fresh clone has them."""
    project = Project(folder)
    shutil.copytree(ROOT / "examples" / name, project.root, dirs_exist_ok=True, ignore=MADE)
    return project
