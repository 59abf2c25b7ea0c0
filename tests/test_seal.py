"""The seal: it answers when nothing changed, and each kind of thing that could alter a verdict breaks it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from project import Project
from riverrun.flow import seal

SPEC = """
[pipeline]
params = "params.toml"

[step.each]
foreach = "in/{name}.txt"
run = "tr a-z A-Z < {inputs} > {outputs}"
inputs = ["in/{name}.txt"]
uses = ["conf/", { path = "extra.txt", optional = true }, "linked.txt"]
outputs = ["mid/{name}.txt"]
env = ["MODE"]
tools = ["mytool"]

[step.folder]
run = "mkdir parts; cp {inputs} parts/"
inputs = ["@each"]
outputs = ["parts/"]

[step.total]
run = "cat {inputs} > {outputs}; echo {params.level} >> {outputs}"
inputs = ["in/*.txt"]
uses = ["parts/"]
outputs = ["total.txt"]

[tributary.side]
path = "side"
"""
SIDE = """
[step.one]
run = "cp {inputs} {outputs}"
inputs = ["one.txt"]
outputs = ["two.txt"]
"""


@pytest.fixture
def sealed(project: Project) -> Project:
    """A pipeline with one of everything, run and settled, so that a seal holds."""
    project.write(
        {
            "riverrun.toml": SPEC,
            "params.toml": "level = 3\n",
            "in/a.txt": "a\n",
            "in/b.txt": "b\n",
            "conf/deep/x.conf": "x\n",
            "real.txt": "real\n",
            "other.txt": "real\n",
            "bin/mytool": "#!/bin/sh\n",
            "later/note": "",
            "side/riverrun.toml": SIDE,
            "side/one.txt": "1\n",
        }
    )
    os.symlink("real.txt", project.root / "linked.txt")
    os.chmod(project.root / "bin/mytool", 0o755)
    project.env |= {
        "PATH": f"{project.root}/later:{project.root}/bin:{project.env['PATH']}",
        "MODE": "fast",
        "XDG_CONFIG_HOME": str(project.root / "config"),
    }
    project.run(code=0)
    project.settle()
    project.run(code=0)
    assert holds(project)
    return project


def holds(project: Project) -> bool:
    """Whether a seal vouches for the default question now."""
    question = seal.Question(str(project.root), None, (), ())
    return isinstance(seal.check(question, project.env), seal.Intact)


def rewrite(path: str, text: str) -> Callable[[Project], object]:
    """New bytes, with the stamps of the old."""

    def change(project: Project) -> None:
        place = project.root / path
        before = place.stat()
        place.write_text(text)
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


def setting(name: str, value: str) -> Callable[[Project], object]:
    return lambda project: project.env.update({name: value})


def retarget(project: Project) -> None:
    (project.root / "linked.txt").unlink()
    os.symlink("other.txt", project.root / "linked.txt")


def program(project: Project) -> None:
    (project.root / "later/mytool").write_text("#!/bin/sh\n")
    os.chmod(project.root / "later/mytool", 0o755)


CHANGES: dict[str, Callable[[Project], object]] = {
    "spec": rewrite("riverrun.toml", SPEC.replace("a-z", "b-z")),
    "spec of a tributary": rewrite("side/riverrun.toml", SIDE + "\n"),
    "params file": rewrite("params.toml", "level = 4\n"),
    "machine facts appear": lambda p: p.write({"riverrun.local.toml": "trust = []\n"}),
    "the user's machine facts appear": (lambda p: p.write({"config/riverrun/local.toml": "trust = []\n"})),
    "source": rewrite("in/a.txt", "z\n"),
    "source of a tributary": rewrite("side/one.txt", "2\n"),
    "source of the same content": rewrite("in/a.txt", "a\n"),
    "source gone": lambda p: (p.root / "in/a.txt").unlink(),
    "file in a used folder": rewrite("conf/deep/x.conf", "y\n"),
    "file added deep in a used folder": lambda p: p.write({"conf/deep/y.conf": ""}),
    "empty folder added in a used folder": lambda p: (p.root / "conf/empty").mkdir(),
    "a new match": lambda p: p.write({"in/c.txt": "c\n"}),
    "optional input appears": lambda p: p.write({"extra.txt": ""}),
    "link leads elsewhere": retarget,
    "what a link leads to": rewrite("real.txt", "liar\n"),
    "interior output": rewrite("mid/a.txt", "X\n"),
    "file in an output folder": rewrite("parts/a.txt", "X\n"),
    "file added to an output folder": lambda p: p.write({"parts/c.txt": ""}),
    "final output": rewrite("total.txt", "X\n"),
    "output gone": lambda p: (p.root / "total.txt").unlink(),
    "output made executable": lambda p: (p.root / "total.txt").chmod(0o755),
    "variable": setting("MODE", "slow"),
    "variable unset": lambda p: p.env.pop("MODE"),
    "language": setting("LC_ALL", "C"),
    "time zone": setting("TZ", "Asia/Tokyo"),
    "program": rewrite("bin/mytool", "#!/bin/sh\n#\n"),
    "program found earlier": program,
    "a spec above takes it in": (
        lambda p: (p.root.parent / "riverrun.toml").write_text(f'[tributary.inner]\npath = "{p.root.name}"\n')
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_change_is_seen(sealed: Project, change: Callable[[Project], object]) -> None:
    change(sealed)
    assert not holds(sealed)


@pytest.mark.parametrize(
    ("name", "ran", "restored"),
    [
        ("source", {"each@a", "folder", "total"}, set()),
        ("source of a tributary", {"side/one"}, set()),
        ("source of the same content", set(), set()),
        ("interior output", set(), {"each@a"}),
        ("file in an output folder", set(), {"folder"}),
        ("final output", set(), {"total"}),
        ("file in a used folder", {"each@a", "each@b"}, set()),
        ("variable", {"each@a", "each@b"}, set()),
    ],
)
def test_only_what_is_touched_is_done_and_the_seal_is_made_anew(
    sealed: Project, name: str, ran: set[str], restored: set[str]
) -> None:
    CHANGES[name](sealed)
    outcome = sealed.run(code=0)
    assert (set(outcome.ran), set(outcome.restored)) == (ran, restored)
    assert outcome.counts["kept"] + outcome.counts["repaired"] == 5
    sealed.settle()
    assert sealed.run(code=0).counts["kept"] == 5
    assert holds(sealed)


def test_status_makes_and_uses_seals(sealed: Project) -> None:
    for path in (sealed.root / ".riverrun/seals").iterdir():
        path.unlink()
    assert sealed.status().counts["kept"] == 5
    assert holds(sealed)
    assert sealed.status().counts == {"kept": 5, "repaired": 0, "not_kept": 0, "ran": 0, "restored": 0}


def test_another_question_has_another_seal(sealed: Project) -> None:
    assert sealed.run("side", code=0).counts["kept"] == 1
    assert sealed.run("-p", "level=5", code=0).ran == ["total"]
    assert not holds(sealed)


@pytest.mark.parametrize(
    "words", [("-B",), ("--check", "content"), ("--check", "strong"), ("--force", "total")]
)
def test_who_asks_for_more_gets_it(sealed: Project, words: tuple[str, ...]) -> None:
    ran = sealed.run(*words, code=0).ran
    assert len(ran) == {"-B": 5, "--force": 1}.get(words[0], 0)


def test_a_damaged_seal_costs_only_time(sealed: Project) -> None:
    folder = sealed.root / ".riverrun/seals"
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    assert sealed.run(code=0).counts["kept"] == 5
    for path in folder.iterdir():
        path.write_bytes(b"no seal")
    assert sealed.run(code=0).counts["kept"] == 5


def test_the_workspace_may_be_moved(sealed: Project) -> None:
    os.unlink(sealed.root / "linked.txt")  # a link leads elsewhere where the workspace is moved
    shutil.copy(sealed.root / "real.txt", sealed.root / "linked.txt")
    sealed.run(code=0)
    sealed.settle()
    sealed.root.rename(sealed.root.parent / "moved")
    sealed.env["PATH"] = sealed.env["PATH"].replace(f"{sealed.root}/", f"{sealed.root.parent}/moved/")
    sealed.root = sealed.root.parent / "moved"
    assert sealed.run(code=0).counts["ran"] == 0


HEAVY = (
    "networkx",
    "rich",
    "msgspec",
    "sqlite3",
    "subprocess",
    "riverrun.spec",
    "riverrun.graph",
    "riverrun.run",
)


def test_the_sealed_path_imports_little(sealed: Project) -> None:
    code = (
        "import json, sys\nfrom riverrun.cli import main\n"
        "sys.argv = ['riverrun', 'run', '--json']\nmain()\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=sealed.root,
        env=sealed.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["counts"]["kept"] == 5
    modules = json.loads(done.stderr.splitlines()[-1])
    loaded = [
        name for name in modules if name in HEAVY or name.startswith(tuple(heavy + "." for heavy in HEAVY))
    ]
    assert loaded == []
