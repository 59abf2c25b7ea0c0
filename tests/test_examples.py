"""The examples, run as their READMEs tell: what is built, and that one change reruns only what it touches."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project import Project, copy_of_example

HELLO = ["hello/link", "hello/object", "hello/stage"]
WORLD = ["world/link", "world/object", "world/stage"]
MONTHS = [f"{month:02}" for month in range(1, 13)]
OF_A_MONTH = ["airports", "carriers", "clean", "join", "weather"]
OF_THE_YEAR = ["airports_year", "carriers_year", "months_year", "weather_year"]


def items(families: list[str], months: list[str]) -> list[str]:
    """All items of some families."""
    return [f"{family}@{month}" for family in families for month in months]


def replaced(name: str, old: str, new: str) -> Callable[[Project], None]:
    """An edit of one file."""

    def edit(project: Project) -> None:
        text = project.read(name)
        assert old in text
        project.write({name: text.replace(old, new)})

    return edit


@pytest.mark.parametrize(
    ("edit", "ran", "end_state"),
    [
        pytest.param(
            replaced("inputs", "1.0", "1.1"), ["end_state"], "hello\nworld\nversion 1.1", id="inputs"
        ),
        pytest.param(
            replaced("world/world.c", '"world"', '"all"'),
            [*WORLD, "end_state"],
            "hello\nall\nversion 1.0",
            id="source",
        ),
        pytest.param(
            replaced("hello/hello.c", "int main", "/* the same */ int main"),
            ["hello/object"],
            "hello\nworld\nversion 1.0",
            id="comment, cut off",
        ),
        pytest.param(
            replaced("hello/compile_hello.sh", "-O2", "-O2 -DUNUSED"),
            ["hello/object"],
            "hello\nworld\nversion 1.0",
            id="script, cut off",
        ),
        pytest.param(
            replaced("world/exec_world.sh", '"./$1"', '"./$1" | tr a-z A-Z'),
            ["end_state", "world/stage"],
            "hello\nWORLD\n",
            id="script of the last step",
        ),
    ],
)
def test_helloworld(tmp_path: Path, edit: Callable[[Project], None], ran: list[str], end_state: str) -> None:
    project = copy_of_example("helloworld", tmp_path)
    first = project.run("-j2", code=0)
    assert first.ran == sorted(["end_state", *HELLO, *WORLD])
    assert project.read("end_state").startswith("hello\nworld\nversion 1.0")
    project.settle()

    edit(project)
    outcome = project.run("-j2", code=0)

    assert outcome.ran == sorted(ran)
    assert project.read("end_state").startswith(end_state)
    project.settle()


def test_flights(tmp_path: Path) -> None:
    project = copy_of_example("flights", tmp_path)
    everything = sorted(["extract", "split", "pictures", "summary", *OF_THE_YEAR, *items(OF_A_MONTH, MONTHS)])

    first = project.run("-j2", code=0)
    assert first.ran == everything
    assert first.counts == {"kept": 0, "repaired": 68, "not_kept": 0, "ran": 68, "restored": 0}
    summary, months = project.read("summary.md"), project.read("year/months.csv")
    assert "336,776 flights" in summary
    for picture in ("months.png", "weather.png"):
        assert (project.root / "pictures" / picture).read_bytes().startswith(b"\x89PNG")
    project.settle()

    # A comment: the twelve items run, yield what they yielded, and everything behind them is cut off.
    project.write({"scripts/clean.py": project.read("scripts/clean.py") + "# no change in what it does\n"})
    assert project.run("-j2", code=0).ran == items(["clean"], MONTHS)

    # A correction to one flight in March: one month, the year, the last pages.
    fixed = project.read("corrections.csv") + "3,8,UA,1124,EWR,arr_delay,-12\n"
    project.write({"corrections.csv": fixed})
    ran = set(project.run("-j2", code=0).ran)
    assert {"split", "clean@03", "carriers@03", "summary"} <= ran
    assert ran <= {"split", "pictures", "summary", *OF_THE_YEAR, *items(OF_A_MONTH, ["03"])}
    assert project.read("year/months.csv") != months

    # Taken back: all of it was made before, nothing needs to run.
    project.write({"corrections.csv": fixed.rsplit("3,8,UA", 1)[0]})
    outcome = project.run("-j2", code=0)
    assert (outcome.ran, project.read("summary.md")) == ([], summary)

    # An interior state is tampered with, keeping its size and its time.
    july = project.read("clean/07.csv")
    project.tamper("clean/07.csv", july.replace("UA", "AA"))
    outcome = project.run("-j2", code=0)
    assert (outcome.ran, outcome.restored) == ([], ["clean@07"])
    assert (project.read("clean/07.csv"), project.read("summary.md")) == (july, summary)

    # What counts as late: only the steps that use that number.
    outcome = project.run("-j2", "-p", "late_minutes=60", code=0)
    assert set(items(["airports", "carriers", "weather"], MONTHS)) <= set(outcome.ran)
    assert not set(outcome.ran) & {"extract", "split", *items(["clean", "join"], MONTHS)}
