"""Tributaries, outside and optional inputs, names of any bytes: specs that reach beyond one folder, told by their effects."""

import os

import pytest

from project import Outcome, Project


@pytest.fixture(autouse=True)
def tally(project: Project) -> None:
    """Commands leave their marks in `$TALLY`, which specs here pass."""
    project.env["TALLY"] = str(project.tally)


def notes(outcome: Outcome) -> dict[str, str]:
    """The notes of a document by their kind."""
    return {note["kind"]: note["message"] for note in outcome.document["notes"]}


def test_optional_inputs(project: Project) -> None:
    project.spec("""
        [step.it]
        run = 'cat base.toml > {outputs}; test ! -e local.toml || cat local.toml >> {outputs}'
        inputs = ["base.toml", { path = "local.toml", optional = true }]
        outputs = ["out.txt"]
    """).write({"base.toml": "base\n"})
    assert project.run(code=0).ran == ["it"]
    project.write({"local.toml": "local\n"})
    outcome = project.run(code=0)
    assert outcome.ran == ["it"] and project.read("out.txt") == "base\nlocal\n"
    project.remove("local.toml")
    assert project.run(code=0).restored == ["it"]
    assert project.read("out.txt") == "base\n"
    project.settle()


def test_outside_inputs(project: Project) -> None:
    """The command gets the real path, the key the content: moved elsewhere, it is the same; changed, it is not."""
    spec = """
        [defaults]
        pass = ["TALLY"]
        [step.it]
        run = 'echo it >> $TALLY; cat {inputs.big} {inputs.home}/* > {outputs}'
        inputs = { big = "PLACE/big.bin", home = "~/refs/" }
        outputs = ["out.txt"]
    """
    for place in ("here", "there"):
        (project.home / place).mkdir()
    (project.home / "refs").mkdir()
    (project.home / "refs" / "r.txt").write_text("r\n")
    (project.home / "here" / "big.bin").write_text("big\n")
    project.spec(spec.replace("PLACE", str(project.home / "here")))
    assert project.run(code=0).ran == ["it"]
    assert project.read("out.txt") == "big\nr\n"
    (project.home / "here" / "big.bin").rename(project.home / "there" / "big.bin")
    assert project.run().code == 2
    project.spec(spec.replace("PLACE", str(project.home / "there")))
    project.counted()
    project.settle()
    (project.home / "there" / "big.bin").write_text("BIG\n")
    assert project.run(code=0).reasons("it") == ["input_changed"]
    (project.home / "refs" / "s.txt").write_text("s\n")
    assert project.run(code=0).ran == ["it"]
    assert project.read("out.txt") == "BIG\nr\ns\n"


SEA = """
[pipeline]
end = ["sea.txt"]
[defaults]
pass = ["TALLY"]
[tributary.nile]
path = "river"
params = { level = 2 }
inputs = { source = "lake.txt" }
[tributary.rhine]
path = "river2"
[step.sea]
run = 'echo sea >> $TALLY; cat {inputs} > {outputs}'
inputs = ["@nile.stream", "@rhine"]
outputs = ["sea.txt"]
"""
NILE = """
[pipeline]
end = ["@stream"]
[params]
level = 1
[defaults]
pass = ["TALLY"]
[step.spring]
run = 'echo spring >> $TALLY; cat {inputs} own.txt > {outputs}'
inputs = ["@inputs.source"]
uses = ["own.txt"]
outputs = ["spring.txt"]
[step.stream]
run = 'echo stream >> $TALLY; echo {params.level} | cat {inputs} - > {outputs}'
inputs = ["@spring"]
outputs = ["stream.txt"]
"""
RHINE = """
[step.flow]
run = 'echo flows > {outputs}'
outputs = ["flow.txt"]
"""


def rivers(project: Project) -> None:
    project.spec(SEA).spec(NILE, below="river").spec(RHINE, below="river2")
    project.write({"lake.txt": "lake\n", "river/own.txt": "own\n"})


def test_tributaries(project: Project) -> None:
    rivers(project)
    assert project.run(code=0).ran == ["nile/spring", "nile/stream", "rhine/flow", "sea"]
    assert project.read("sea.txt") == "lake\nown\n2\nflows\n"
    project.counted()
    project.settle()
    project.write({"lake.txt": "LAKE\n"})
    assert project.run(code=0).ran == ["nile/spring", "nile/stream", "sea"]
    project.spec(SEA.replace("level = 2", "level = 3"))
    assert project.run(code=0).ran == ["nile/stream", "sea"]
    assert project.run("-p", "nile.level=4", code=0).ran == ["nile/stream", "sea"]
    assert project.read("sea.txt") == "LAKE\nown\n4\nflows\n"
    project.remove("sea.txt")
    inside = project.run(cwd="river", code=0)
    assert inside.restored == ["nile/stream"], "started in a tributary's folder, that is what is wanted"
    assert not project.has("sea.txt") and not project.has("river/.riverrun")
    assert project.run("rhine", code=0).counts["kept"] == 1


def test_what_a_tributary_does_not_promise(project: Project) -> None:
    """It cannot be used from outside: neither by reference nor by path."""
    rivers(project)
    for read in ("@nile.spring", "river/spring.txt"):
        project.spec(SEA.replace('"@nile.stream"', f'"{read}"'))
        outcome = project.run()
        assert outcome.code == 2 and outcome.errors, (read, outcome)


def test_two_uses_of_names_alike(project: Project) -> None:
    """The same pipeline stands in two folders; each has its own steps and makes its own files."""
    two = SEA.replace('path = "river2"', 'path = "river2"\ninputs = { source = "lake.txt" }')
    project.spec(two.replace('"@rhine"', '"@rhine.stream"')).spec(NILE, below="river").spec(
        NILE, below="river2"
    )
    project.write({"lake.txt": "lake\n", "river/own.txt": "1\n", "river2/own.txt": "2\n"})
    assert len(project.run(code=0).ran) == 5
    assert project.read("sea.txt") == "lake\n1\n2\nlake\n2\n1\n"


def test_names_that_are_no_utf8(project: Project) -> None:
    """They go through the whole product as the bytes that they are."""
    name = os.fsdecode(b"gr\xfc\xdf e.csv")
    project.spec("""
        [defaults]
        pass = ["TALLY"]
        [step.count]
        foreach = "logs/{day}.csv"
        run = 'echo x >> $TALLY; cat {inputs} > {outputs}'
        inputs = ["logs/{day}.csv"]
        outputs = ["counts/{day}.txt"]
        [step.total]
        run = 'echo x >> $TALLY; cat {inputs} > {outputs}'
        inputs = ["@count"]
        outputs = ["total.txt"]
        [step.folder]
        run = 'cp -rL logs {outputs}; cd {outputs}; mkdir "$(printf "d\\\\377")"; ln -s "$(printf "l\\\\376")" a'
        inputs = ["logs/"]
        outputs = ["copy/"]
    """).write({f"logs/{name}": "1\n", "logs/plain.csv": "2\n"})
    outcome = project.run(code=0)
    made = "count@gr%FC%DF%20e"
    assert outcome.ran == sorted([made, "count@plain", "total", "folder"])
    assert project.read("total.txt") == "1\n2\n"
    assert project.counted() == {"x": 3}
    assert os.path.isdir(os.fsencode(project.root) + b"/copy/d\xff")
    project.settle()
    assert project.run(made, "--force", made, code=0).ran == [made]
    project.remove("counts")
    project.remove("copy")
    assert project.run(code=0).restored == sorted([made, "count@plain", "folder"])
    assert os.readlink(os.fsencode(project.root) + b"/copy/a") == b"l\xfe"
    project.settle()
    for words in (
        ["status", "--all"],
        ["explain", made],
        ["dag"],
        ["log", made, "--path"],
        ["clean"],
        ["run"],
    ):
        said = project.cli(*words)
        assert said.code in (0, 2) and "Traceback" not in said.stderr, (words, said)
    project.remove(f"logs/{name}")
    assert "vanished" in notes(project.run(code=0))
