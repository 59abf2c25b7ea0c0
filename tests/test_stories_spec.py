"""Families and globs, what words mean, and inputs that cannot be read: stories of edits to the files that a spec names."""

import os
from pathlib import Path

import pytest

from project import Outcome, Project


@pytest.fixture(autouse=True)
def tally(project: Project) -> None:
    """Commands leave their marks in `$TALLY`, which specs here pass."""
    project.env["TALLY"] = str(project.tally)


def notes(outcome: Outcome) -> dict[str, str]:
    """The notes of a document by their kind."""
    return {note["kind"]: note["message"] for note in outcome.document["notes"]}


GROWING = """
[pipeline]
end = ["total.txt"]
[defaults]
pass = ["TALLY"]
[step.split]
run = 'echo split >> $TALLY; mkdir {outputs}; for n in $(cat {inputs}); do echo $n > {outputs}/$n.part; done'
inputs = ["names.txt"]
outputs = ["parts/"]
[step.work]
foreach = "parts/{name}.part"
run = 'echo {name} >> $TALLY; cat {inputs} {inputs} > {outputs}'
inputs = ["parts/{name}.part"]
outputs = ["worked/{name}.txt"]
[step.total]
run = 'echo total >> $TALLY; cat {inputs} > {outputs}'
inputs = ["@work"]
outputs = ["total.txt"]
"""


def test_foreach_over_what_a_step_makes(project: Project) -> None:
    """The graph grows in the run, and shrinks with the folder."""
    project.spec(GROWING).write({"names.txt": "b a\n"})
    foreseen = project.status(code=0)
    assert "work@?" in foreseen.steps and "split" in foreseen.steps, foreseen
    assert project.run(code=0).ran == ["split", "total", "work@a", "work@b"]
    assert project.read("total.txt") == "a\na\nb\nb\n"
    project.counted()
    project.settle()
    assert not project.status(code=0).steps

    project.write({"names.txt": "a b c\n"})
    assert {"split", "total"} <= set(project.status(code=0).steps)
    assert project.run(code=0).ran == ["split", "total", "work@c"]
    assert project.counted() == {"split": 1, "c": 1, "total": 1}
    project.settle()

    project.write({"names.txt": "c\n"})
    outcome = project.run(code=0)
    assert outcome.ran == ["split", "total"]
    assert "worked/a.txt" in notes(outcome)["orphan"]
    assert project.read("total.txt") == "c\nc\n"

    project.write({"names.txt": "a b c\n"})
    outcome = project.run(code=0)
    assert not outcome.ran and outcome.restored == ["split", "total"]
    project.remove("parts")
    project.remove("worked")
    assert project.run(code=0).restored == ["split", "work@a", "work@b", "work@c"]
    project.settle()


def test_foreach_over_what_a_failing_step_makes(project: Project) -> None:
    project.spec(GROWING.replace("echo split >> $TALLY;", "echo split >> $TALLY; test -s {inputs};"))
    project.write({"names.txt": ""})
    outcome = project.run()
    assert outcome.code == 1 and outcome.failed == ["split"], outcome
    assert set(outcome.steps) >= {"split", "work@?"}
    project.write({"names.txt": "a\n"})
    assert project.run(code=0).ran == ["split", "total", "work@a"]


def test_one_item_of_a_family_yet_to_be_spelled_out(project: Project) -> None:
    project.spec(GROWING).write({"names.txt": "a b\n"})
    outcome = project.run("work")
    assert outcome.code == 0, outcome
    assert outcome.ran == ["split", "work@a", "work@b"]
    assert project.run("work@a", code=0).counts["kept"] == 2
    project.remove("worked")
    assert project.run("work@b", code=0).restored == ["work@b"] and not project.has("worked/a.txt")
    assert project.run("worked/a.txt", code=0).restored == ["work@a"]
    assert project.status("work@z").code == 2
    assert project.run("work@z").code == 1
    project.write({"names.txt": "a b c\n"})
    assert project.run("work@c", code=0).ran == ["split", "work@c"]
    project.write({"names.txt": "a b d\n"})
    outcome = project.run("work@c")
    assert outcome.code == 1 and outcome.blocked == ["work@?"], outcome


FAMILY = """
[params]
end = "."
[defaults]
pass = ["TALLY"]
[step.count]
foreach = "logs/{day}.csv"
run = 'echo {day} >> $TALLY; wc -l < {inputs} > {outputs}'
inputs = ["logs/{day}.csv"]
outputs = ["counts/{day}.txt"]
[step.total]
run = 'echo total >> $TALLY; cat {inputs} > {outputs}; echo {params.end} >> {outputs}'
inputs = ["@count"]
outputs = ["total.txt"]
[step.names]
run = 'echo names >> $TALLY; for f in {inputs}; do echo $f; done > {outputs}'
inputs = ["logs/*.csv", "!logs/mon.csv"]
outputs = ["names.txt"]
"""


def family(project: Project) -> None:
    project.spec(FAMILY)
    project.write({"logs/mon.csv": "1\n", "logs/tue.csv": "1\n2\n"})
    assert project.run(code=0).ran == ["count@mon", "count@tue", "names", "total"]
    project.counted()


def test_sources_that_a_glob_matches_come_and_go(project: Project) -> None:
    family(project)
    project.write({"logs/wed.csv": "1\n2\n3\n"})
    assert project.run(code=0).ran == ["count@wed", "names", "total"]
    assert project.counted() == {"wed": 1, "names": 1, "total": 1}
    assert project.read("total.txt") == "1\n2\n3\n.\n"

    project.remove("logs/tue.csv")
    foreseen, outcome = project.status(code=0), project.run(code=0)
    assert outcome.ran == ["names", "total"], outcome
    for told in (foreseen, outcome):
        assert "logs/tue.csv" in notes(told)["vanished"], told
        assert "counts/tue.txt" in notes(told)["orphan"], told
    assert project.read("total.txt") == "1\n3\n.\n"
    assert "vanished" not in notes(project.run(code=0)), "it is said once"

    listed = project.cli("clean", "--orphans", "--json").document
    assert [entry["path"] for entry in listed["paths"]] == ["counts/tue.txt"]
    assert project.has("counts/tue.txt")
    assert project.cli("clean", "--orphans", "--yes", "--json").document["removed"] is True
    assert not project.has("counts/tue.txt")
    assert not notes(project.run(code=0))

    project.write({"logs/tue.csv": "1\n2\n"})
    outcome = project.run(code=0)
    assert not outcome.ran and outcome.restored == ["count@tue", "names", "total"]


def test_orphans_that_someone_changed_are_left(project: Project) -> None:
    family(project)
    project.remove("logs/tue.csv")
    project.run(code=0)
    project.write({"counts/tue.txt": "mine now\n"})
    cleaned = project.cli("clean", "--orphans", "--yes", "--json").document
    assert [entry["path"] for entry in cleaned["kept"]] == ["counts/tue.txt"]
    assert project.has("counts/tue.txt")


def test_only_force_downstream_dry(project: Project) -> None:
    family(project)
    project.write({"logs/mon.csv": "1\n2\n3\n"})
    before = project.files()
    dry = project.run("-n", code=0)
    assert dry.having("run") == ["count@mon"] and dry.having("maybe") == ["total"]
    assert dry.counts["would_run"] == 1 and dry.counts["maybe"] == 1 and dry.counts["kept"] == 2
    assert all(entry["outcome"] is None for entry in dry.steps.values())
    assert project.files() == before and not project.counted()

    assert not project.run("--only", "total", code=0).ran, "its inputs in place are what they were"
    assert project.run("count", code=0).ran == ["count@mon"]
    assert project.run("--only", "total", code=0).ran == ["total"]
    assert project.run("--force", "count@tue", code=0).ran == ["count@tue"]
    assert project.run("./names.txt", "--force", "names", code=0).ran == ["names"]
    assert project.run("--force", "count@mon+", code=0).ran == ["count@mon", "total"]
    assert len(project.run("total", "-B", code=0).ran) == 3
    assert len(project.run("-B", code=0).ran) == 4
    project.counted()
    project.settle()
    assert project.run("-p", "end=!", code=0).ran == ["total"]
    assert project.read("total.txt").endswith("!\n")
    assert project.run(code=0).restored == ["total"]


@pytest.mark.parametrize("words", [["totl"], ["logs/mon.csv"], ["--force", "nothing"], ["-p", "nothing=1"]])
def test_words_that_mean_nothing(project: Project, words: list[str]) -> None:
    family(project)
    outcome = project.run(*words)
    assert outcome.code == 2 and outcome.errors, outcome
    assert not project.counted()


def test_missing_source(project: Project) -> None:
    """It is named with its place in the spec, and nothing runs."""
    family(project)
    project.spec(
        FAMILY + '[step.x]\nrun = "cat {inputs} > {outputs}"\ninputs = ["gone.txt"]\noutputs = ["x"]\n'
    )
    outcome = project.run()
    assert outcome.code == 2, outcome
    assert any("gone.txt" in error["message"] and error["line"] for error in outcome.errors)
    assert not project.counted()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_input(project: Project) -> None:
    family(project)
    (project.root / "logs/mon.csv").chmod(0)
    check_unreadable(project)
    (project.root / "logs/mon.csv").chmod(0o644)
    project.settle()


def test_input_that_is_a_fifo(project: Project) -> None:
    project.spec(FAMILY.replace('foreach = "logs/{day}.csv"', 'foreach = { day = ["mon", "tue"] }'))
    project.write({"logs/mon.csv": "1\n", "logs/tue.csv": "1\n2\n"})
    project.run(code=0)
    project.counted()
    project.remove("logs/mon.csv")
    os.mkfifo(project.root / "logs/mon.csv")
    check_unreadable(project)
    project.remove("logs/mon.csv")
    project.write({"logs/mon.csv": "1\n"})
    assert not project.run(code=0).steps


def check_unreadable(project: Project) -> None:
    outcome = project.run()
    assert outcome.code == 1, outcome
    assert outcome.reasons("count@mon") == ["input_unreadable"]
    assert outcome.steps["count@mon"]["outcome"] == "not_kept"
    assert outcome.blocked == ["count@mon", "total"] or outcome.failed == ["count@mon"], outcome
    assert not project.counted()


def test_input_that_someone_is_writing(project: Project) -> None:
    """Nothing is recorded from it; what does not need it goes on."""
    family(project)
    project.write({"logs/mon.csv": "1\n2\n", "logs/tue.csv": "1\n2\n3\n"})
    with (project.root / "logs/mon.csv").open("a"):
        outcome = project.run()
        assert outcome.code == 1, outcome
        assert outcome.reasons("count@mon") == ["input_busy"]
        assert outcome.ran == ["count@tue", "names"]
        assert project.counted() == {"tue": 1, "names": 1}
        assert project.run().reasons("count@mon") == ["input_busy"]
    assert project.run(code=0).ran == ["count@mon", "total"]
    project.counted()
    project.settle()


def test_unchanged_input_that_someone_might_write(project: Project) -> None:
    """Held open, but as it was: it is never trusted by its stamps, and not kept while it is held."""
    family(project)
    with (project.root / "logs/mon.csv").open("r+b"):
        outcome = project.run()
    assert not outcome.ran and not project.counted(), outcome
    project.settle()


def test_output_that_someone_is_writing(project: Project, tmp_path: Path) -> None:
    """Tampering that is still going on is repaired all the same."""
    family(project)
    with (project.root / "total.txt").open("a") as held:
        held.write("lies\n")
        held.flush()
        outcome = project.run(code=0)
        assert outcome.restored == ["total"]
    assert project.read("total.txt") == "1\n2\n.\n"
    project.settle()
