"""Ways to fool a build tool: an edit comes in; the end state, which steps ran and how often, and what was told go out."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

import riverrun
from project import Project
from small_pipeline import STEPS, built, came, inside, stands

YEAR = 365 * 86400  # seconds
Edit = Callable[[Project], None]


def write(name: str, content: str) -> Edit:
    """An editor's plain write."""
    return lambda project: void(project.write({name: content}))


def replace(name: str, old: str, new: str) -> Edit:
    """A change within a file."""

    def edit(project: Project) -> None:
        text = project.read(name)
        assert text.count(old) == 1, f"{old!r} in {name}"
        project.write({name: text.replace(old, new)})

    return edit


def tamper(name: str, content: str) -> Edit:
    """Other bytes, the same size, the mtime put back."""
    return lambda project: project.tamper(name, content)


def remove(name: str) -> Edit:
    """Gone, folder or file."""
    return lambda project: project.remove(name)


def stamp(name: str, seconds: float) -> Edit:
    """Another mtime, so far from now."""
    return lambda project: os.utime(project.root / name, (time.time() + seconds,) * 2)


def rename_over(name: str, content: str) -> Edit:
    """Another file of the same size and mtime is renamed over it."""

    def edit(project: Project) -> None:
        path = project.root / name
        before = path.stat()
        beside = path.with_name("beside")
        beside.write_text(content)
        assert beside.stat().st_size == before.st_size
        beside.chmod(before.st_mode)
        os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
        beside.rename(path)

    return edit


def swap(first: str, second: str) -> Edit:
    """Two files change places, with all their stamps."""

    def edit(project: Project) -> None:
        between = project.root / "between"
        (project.root / first).rename(between)
        (project.root / second).rename(project.root / first)
        between.rename(project.root / second)

    return edit


def copied_over(name: str) -> Edit:
    """The same bytes in another inode, as a restored backup has them, with the old mtime."""

    def edit(project: Project) -> None:
        path = project.root / name
        shutil.copy2(path, path.with_name("beside"))
        path.with_name("beside").rename(path)

    return edit


def both(*edits: Edit) -> Edit:
    """One after the other."""

    def edit(project: Project) -> None:
        for each in edits:
            each(project)

    return edit


def void(_: object) -> None:
    """For a call whose answer no one wants."""


@dataclass(frozen=True)
class Case:
    """A way to fool, and what a run must do about it."""

    name: str
    edit: Edit
    ran: Iterable[str] = ()
    restored: Iterable[str] = ()
    reasons: dict[str, list[str]] = field(default_factory=dict)


SPEC_FILE = "riverrun.toml"
ROWS = ["split", "sum", "final"]
CASES = [
    Case("nothing changed", lambda project: None),
    Case("touched", stamp("rows.csv", 0)),
    Case("touched into the past", stamp("rows.csv", -20 * YEAR)),
    Case("touched a year ahead", stamp("rows.csv", YEAR)),
    Case("same bytes in another inode", copied_over("rows.csv")),
    Case("new bytes", write("rows.csv", "a,1\nb,2\nd,8\n"), ran=ROWS, reasons={"split": ["input_changed"]}),
    Case("same size, mtime restored", tamper("rows.csv", "a,1\nb,2\nc,5\n"), ran=ROWS),
    Case(
        "new bytes, old mtime",
        both(write("rows.csv", "a,1\nb,3\nc,4\n"), stamp("rows.csv", -20 * YEAR)),
        ran=ROWS,
    ),
    Case(
        "new bytes, mtime a year ahead",
        both(write("rows.csv", "a,1\nb,3\nc,4\n"), stamp("rows.csv", YEAR)),
        ran=ROWS,
    ),
    Case("renamed over, equal size and mtime", rename_over("rows.csv", "a,9\nb,2\nc,4\n"), ran=ROWS),
    Case("an input emptied", write("left.txt", ""), ran=["join", "final"]),
    Case("only a comment changed", replace("code.txt", "# more", "# less"), ran=["strip"]),
    Case("a comment added", replace("code.txt", "two\n", "two\n# three\n"), ran=["strip"]),
    Case("script changed", replace("tools/build.sh", "echo v1", "echo v2"), ran=["build", "final"]),
    Case(
        "script's comment changed",
        replace("tools/build.sh", "#!/bin/sh\n", "#!/bin/sh\n# x\n"),
        ran=["build"],
    ),
    Case("helper in uses changed", tamper("tools/lib.sh", "suffix=y\n"), ran=["build", "final"]),
    Case(
        "command changed",
        replace(
            SPEC_FILE,
            "cat {inputs} > {outputs}'\ninputs  = [\"left",
            "cat -u {inputs} > {outputs}'\ninputs  = [\"left",
        ),
        ran=["join"],
        reasons={"join": ["command_changed"]},
    ),
    Case(
        "param changed",
        replace(SPEC_FILE, "scale = 3", "scale = 5"),
        ran=["sum", "final"],
        reasons={"sum": ["command_changed", "param_changed"], "final": ["input_changed"]},
    ),
    Case("another param changed", replace(SPEC_FILE, '"flow"', '"ebb"'), ran=["label", "final"]),
    Case(
        "final output tampered",
        write("final.txt", "lies\n"),
        restored=["final"],
        reasons={"final": ["output_tampered"]},
    ),
    Case("interior output tampered", write("sum.txt", "22\n"), restored=["sum"]),
    Case("interior output tampered, same size, mtime restored", tamper("sum.txt", "99\n"), restored=["sum"]),
    Case(
        "final output tampered, same size, mtime restored",
        lambda project: project.tamper("final.txt", project.read("final.txt").replace("left", "lift")),
        restored=["final"],
    ),
    Case("interior output renamed over", rename_over("label.txt", "ebbb\n"), restored=["label"]),
    Case("output made executable", lambda p: (p.root / "sum.txt").chmod(0o755), restored=["sum"]),
    Case("file in an output folder tampered", tamper("parts/b", "7\n"), restored=["split"]),
    Case(
        "final output deleted", remove("final.txt"), restored=["final"], reasons={"final": ["output_missing"]}
    ),
    Case("interior output deleted", remove("made/stripped.txt"), restored=["strip"]),
    Case("whole output folder deleted", remove("parts"), restored=["split"]),
    Case("folder around outputs deleted", remove("made"), restored=["strip", "build"]),
    Case("file in an output folder deleted", remove("parts/a"), restored=["split"]),
    Case("file added inside an output folder", write("parts/extra", "100\n"), restored=["split"]),
    Case("empty folder added inside an output folder", write("parts/extra/", ""), restored=["split"]),
    Case("output folder made a file", both(remove("parts"), write("parts", "1\n")), restored=["split"]),
    Case("output made a folder", both(remove("sum.txt"), write("sum.txt/x", "21\n")), restored=["sum"]),
    Case(
        "output made a link to lies",
        both(remove("sum.txt"), lambda project: os.symlink("left.txt", project.root / "sum.txt")),
        restored=["sum"],
    ),
    Case(
        "all outputs deleted",
        both(
            *(remove(name) for name in ("made", "parts", "sum.txt", "label.txt", "joined.txt", "final.txt"))
        ),
        restored=STEPS,
    ),
    Case("two inputs swapped", swap("left.txt", "right.txt"), ran=["join", "final"]),
    Case(
        "order of two inputs changed",
        replace(SPEC_FILE, '"left.txt", "right.txt"', '"right.txt", "left.txt"'),
        ran=["join", "final"],
    ),
    Case("a step renamed", replace(SPEC_FILE, "[step.sum]", "[step.total]")),
    Case("a step moved within the spec", lambda project: move_last(project, "strip")),
    Case("a description added", replace(SPEC_FILE, "[step.label]", '[step.label]\ndescription = "a name"')),
    Case(
        "input changed and output tampered at once",
        both(tamper("left.txt", "lift\n"), tamper("joined.txt", "none\nnone\n")),
        ran=["join", "final"],
    ),
    Case("index lost", remove(".riverrun/index")),
]


def move_last(project: Project, name: str) -> None:
    """A step's table goes to the end of the spec."""
    head, _, rest = project.read(SPEC_FILE).partition(f"[step.{name}]")
    body, mark, tail = rest.partition("[step.")
    project.spec(f"{head}{mark}{tail}\n[step.{name}]{body}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fooling(project: Project, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run itself by the command line; what is foreseen, and that nothing is left to do, by the Python interface."""
    built(project)
    inside(project, monkeypatch)
    pipeline = riverrun.Pipeline.load(project.root)
    case.edit(project)

    foreseen = {step.step for step in pipeline.status().told()}
    outcome = project.run()

    came(project, outcome, ran=case.ran, restored=case.restored)
    assert set(outcome.steps) <= foreseen
    assert bool(outcome.steps) == bool(foreseen)
    for step, kinds in case.reasons.items():
        assert outcome.reasons(step) == kinds, outcome
    again = pipeline.run()
    assert again.ok and again.counts["kept"] == len(STEPS) and not project.counted(), again
    stands(project)


def test_input_reverted(project: Project) -> None:
    """What was once made from these inputs is put back, and nothing runs."""
    built(project)
    old = project.read("rows.csv")
    project.write({"rows.csv": "z,1000\n"})
    came(project, project.run(), ran=ROWS)
    project.write({"rows.csv": old})
    came(project, project.run(), restored=ROWS)
    project.settle()
    project.write({"rows.csv": "z,1000\n"})
    came(project, project.run(), restored=ROWS)


def test_param_reverted(project: Project) -> None:
    built(project)
    project.write({SPEC_FILE: project.read(SPEC_FILE).replace("scale = 3", "scale = 4")})
    came(project, project.run(), ran=["sum", "final"])
    project.write({SPEC_FILE: project.read(SPEC_FILE).replace("scale = 4", "scale = 3")})
    came(project, project.run(), restored=["sum", "final"])


def test_renamed_and_back_again_many_times(project: Project) -> None:
    """Edits that follow each other faster than a clock ticks are all seen."""
    built(project)
    for number in range(10):
        project.tamper("left.txt", f"lef{number}\n")
        outcome = project.run(code=0)
        assert outcome.ran == ["final", "join"]
        stands(project)
    project.settle()
