"""What a step may ask for (test, retries, timeout, scratch, always, temporary, ...): each key's story, told by its effects."""

import os

import pytest

from gates import alive
from project import Outcome, Project


@pytest.fixture(autouse=True)
def tally(project: Project) -> None:
    """Commands leave their marks in `$TALLY`, which specs here pass."""
    project.env["TALLY"] = str(project.tally)


def one(project: Project, keys: str, *, name: str = "it") -> Project:
    """A spec with one step, which makes `out.txt` unless its keys say otherwise."""
    outputs = "" if "outputs =" in keys else 'outputs = ["out.txt"]'
    return project.spec(f'[defaults]\npass = ["TALLY"]\n[step.{name}]\n{keys}\n{outputs}\n')


def only_reason(outcome: Outcome, step: str = "it") -> dict[str, str]:
    """The one reason of a step that failed."""
    assert outcome.code == 1, outcome
    assert outcome.failed == [step], outcome
    (reason,) = outcome.steps[step]["reasons"]
    assert isinstance(reason, dict)
    return reason


def test_a_test_that_fails(project: Project) -> None:
    """Its promise is not kept, nothing is put in place, and once mended only then."""
    keys = "run = 'echo ran >> $TALLY; cp in.txt {outputs}'\ninputs = ['in.txt']\ntest = 'grep -q good {outputs}'"
    one(project, keys).write({"in.txt": "bad\n"})
    assert only_reason(project.run())["kind"] == "test_failed"
    assert not project.has("out.txt")
    project.write({"in.txt": "good\n"})
    assert project.run(code=0).ran == ["it"]
    assert project.counted() == {"ran": 2}
    project.settle()
    one(project, keys.replace("grep -q good", "grep -q goo"))
    assert project.run(code=0).reasons("it") == ["command_changed"]


def test_retries_with_more_memory_each_time(project: Project) -> None:
    keys = """
        run = 'echo {resources.memory} >> $TALLY; test {resources.memory} -ge 3 && echo made > {outputs}'
        retries = 3
        resources = { memory = [1, 2, 3, 4] }
    """
    one(project, keys)
    assert project.run(code=0).ran == ["it"]
    assert list(project.counted().elements()) == ["1", "2", "3"]
    one(project, keys.replace("[1, 2, 3, 4]", "[7, 8]"))
    project.settle()  # what a step may use says nothing about what it makes


def test_retries_that_do_not_help(project: Project) -> None:
    one(project, "run = 'echo again >> $TALLY; exit 4'\nretries = 2")
    assert only_reason(project.run())["kind"] == "command_failed"
    assert project.counted() == {"again": 3}


def test_each_attempt_starts_clean(project: Project) -> None:
    keys = """
        run = '''
        test ! -e out.txt && test ! -e left; echo x > left; echo x >> {outputs}
        test -e $TALLY || { : > $TALLY; false; }
        '''
        retries = 1
    """
    one(project, keys)
    assert project.run(code=0).ran == ["it"]
    assert project.read("out.txt") == "x\n"


def test_timeout(project: Project) -> None:
    """The step, and what it had started, are ended."""
    one(project, "run = 'sleep 600 & echo $! > $TALLY; wait'\ntimeout = 0.2")
    assert only_reason(project.run())["kind"] == "timeout"
    assert not alive(int(project.tally.read_text()))


def test_a_process_that_outlives_its_command(project: Project) -> None:
    one(project, "run = 'setsid sleep 600 & echo $! > $TALLY; echo made > {outputs}'")
    reason = only_reason(project.run())
    assert reason["kind"] == "outlived" and "sleep" in reason["after"]
    assert not alive(int(project.tally.read_text()))


def test_scratch_lets_a_program_resume(project: Project) -> None:
    keys = """
        run = 'mkdir -p ckpt; echo x >> ckpt/at; n=$(wc -l < ckpt/at); echo $n >> $TALLY; test $n -ge 3 && echo $n > {outputs}'
        scratch = ["ckpt/"]
        inputs = ["in.txt"]
    """
    one(project, keys).write({"in.txt": "1\n"})
    assert [project.run().code for _ in range(3)] == [1, 1, 0]
    assert project.read("out.txt") == "3\n"
    assert not project.has("ckpt")
    project.write({"in.txt": "2\n"})
    assert project.run().code == 1, "what belongs to other inputs is not brought back"
    assert project.counted() == {"1": 2, "2": 1, "3": 1}


def test_always(project: Project) -> None:
    """It runs in every run; those after it only when what it made is different."""
    project.spec("""
        [defaults]
        pass = ["TALLY", "NOW"]
        [step.clock]
        run = 'echo clock >> $TALLY; echo ${NOW:-noon} > {outputs}'
        outputs = ["now.txt"]
        always = true
        [step.read]
        run = 'echo read >> $TALLY; cp {inputs} {outputs}'
        inputs = ["now.txt"]
        outputs = ["read.txt"]
    """)
    assert project.run(code=0).ran == ["clock", "read"]
    again = project.run(code=0)
    assert again.ran == ["clock"] and again.reasons("clock") == ["always"]
    project.env["NOW"] = "night"
    assert project.run(code=0).ran == ["clock", "read"]
    assert project.read("read.txt") == "night\n"


TEMPORARY = """
    [defaults]
    pass = ["TALLY"]
    [step.big]
    run = 'echo big >> $TALLY; tr a-z A-Z < {inputs} > {outputs}'
    inputs = ["in.txt"]
    outputs = ["big.txt"]
    temporary = true
    [step.small]
    run = 'echo small >> $TALLY; head -c 3 {inputs.big} > {outputs}; cat {inputs.how} >> {outputs}'
    inputs = { big = "big.txt", how = "how.txt" }
    outputs = ["small.txt"]
    [step.other]
    run = 'echo other >> $TALLY; wc -c < big.txt > {outputs}'
    inputs = ["big.txt"]
    outputs = ["other.txt"]
"""


def test_temporary_artifacts(project: Project) -> None:
    """Removed once all readers are content; made again only when one of them must run."""
    project.spec(TEMPORARY).write({"in.txt": "abcdef\n", "how.txt": "1\n"})
    assert project.run(code=0).ran == ["big", "other", "small"]
    assert not project.has("big.txt")
    project.counted()
    project.settle()
    assert not project.status(code=0).steps

    project.remove("small.txt")
    outcome = project.run(code=0)
    assert outcome.restored == ["small"] and not outcome.ran, "what can be restored needs no reader to run"

    project.write({"how.txt": "2\n"})
    foreseen = project.status(code=0)
    assert {"big", "small"} == set(foreseen.steps), foreseen
    outcome = project.run(code=0)
    assert outcome.ran == ["big", "small"]
    assert outcome.reasons("big") == ["needed"]
    assert project.counted() == {"big": 1, "small": 1}
    assert project.read("small.txt") == "ABC2\n" and not project.has("big.txt")
    project.settle()

    project.write({"in.txt": "abcxyz\n"})
    assert project.run(code=0).ran == ["big", "other", "small"]
    project.counted()
    assert project.run("big", code=0).ran == ["big"], "asked for by name, it is made, and stays"
    assert project.read("big.txt") == "ABCXYZ\n"


def test_dropped_files_are_named(project: Project) -> None:
    one(project, "run = 'echo x > aside.tmp; mkdir d; echo x > {outputs}'")
    outcome = project.run(code=0)
    assert any("aside.tmp" in note for note in outcome.steps["it"]["notes"]), outcome
    assert not project.has("aside.tmp") and not project.has("d")


def test_undeclared_files_are_not_there(project: Project) -> None:
    one(project, "run = 'cat secret.txt > {outputs}'").write({"secret.txt": "x\n"})
    assert only_reason(project.run())["kind"] == "command_failed"
    one(project, "run = 'cat secret.txt > {outputs}'\nuses = ['secret.txt']")
    assert project.run(code=0).ran == ["it"]


@pytest.mark.parametrize(
    ("command", "kind", "says"),
    [
        ("true", "output_not_made", ""),
        ("ln -s in.txt {outputs}", "output_refused", "real"),
        ("mkdir {outputs}", "output_refused", "folder"),
        ("mkfifo {outputs}", "output_refused", ""),
    ],
)
def test_outputs_that_are_refused(project: Project, command: str, kind: str, says: str) -> None:
    one(project, f"run = '{command}'\ninputs = ['in.txt']").write({"in.txt": "x\n"})
    reason = only_reason(project.run())
    assert reason["kind"] == kind and reason["path"] == "out.txt" and says in reason.get("after", "")
    assert not project.has("out.txt")


@pytest.mark.parametrize(
    ("link", "kept"),
    [("../in.txt", False), ("PWD/in.txt", False), ("b", True), ("d/c", True), ("/etc/hostname", True)],
)
def test_links_in_an_output_folder(project: Project, link: str, kept: bool) -> None:
    """Those that stay inside, or lead out of the project, are kept as they are; a link to an input is refused."""
    keys = """
        run = 'mkdir -p out/d; echo b > out/b; echo c > out/d/c; ln -s "LINK" out/a'
        inputs = ["in.txt"]
        outputs = ["out/"]
    """
    one(project, keys.replace("LINK", link.replace("PWD", "$PWD"))).write({"in.txt": "x\n"})
    if kept:
        assert project.run(code=0).ran == ["it"]
        assert os.readlink(project.root / "out/a") == link
        project.remove("out")
        assert project.run(code=0).restored == ["it"]
        assert os.readlink(project.root / "out/a") == link
        project.settle()
    else:
        assert "real" in only_reason(project.run())["after"]


def test_real_files_in_place_of_links(project: Project) -> None:
    keys = "run = 'test ! -L in.txt && cp -r dir {outputs} && mv in.txt {outputs}/'\nreal = true"
    keys += "\ninputs = ['in.txt', 'dir/']\noutputs = ['out/']"
    one(project, keys).write({"in.txt": "x\n", "dir/a": "a\n", "dir/sub/b": "b\n"})
    assert project.run(code=0).ran == ["it"]
    assert project.read("out/in.txt") == "x\n" and project.read("out/sub/b") == "b\n"
    assert project.read("in.txt") == "x\n", "what a step does to its copies does nothing to the sources"
    project.settle()


def test_in_place(project: Project) -> None:
    keys = "run = 'cat anywhere.txt > {outputs}; echo side > side.txt'\nin_place = true\ninputs = ['in.txt']"
    one(project, keys).write({"in.txt": "x\n", "anywhere.txt": "y\n"})
    assert project.run(code=0).ran == ["it"]
    assert project.read("out.txt") == "y\n" and project.read("side.txt") == "side\n"
    project.settle()
    project.write({"in.txt": "z\n"})
    assert project.run(code=0).ran == ["it"]
    project.tamper("out.txt", "Y\n")
    assert project.run(code=0).restored == ["it"]
    project.settle()


def test_gigabytes_of_words(project: Project) -> None:
    """They cost no memory and little disk."""
    one(project, "run = 'head -c 1500000000 /dev/zero; echo the end; echo made > {outputs}'")
    outcome = project.run(code=0)
    log = project.root / outcome.steps["it"]["log"]
    assert log.stat().st_size < 4 << 20
    assert log.read_bytes().endswith(b"the end\n")


def test_limits_of_the_machine(project: Project) -> None:
    """Steps side by side never use more than there is; what can never fit is said at once."""
    project.spec("""
        [defaults]
        pass = ["TALLY"]
        [step.it]
        foreach = { n = [1, 2, 3, 4] }
        run = 'mkdir "$TALLY.lock" && rmdir "$TALLY.lock" && echo {n} > {outputs}'
        outputs = ["out/{n}"]
        resources = { licence = 2 }
    """).write({"riverrun.local.toml": "[limits]\nlicence = 3\n"})
    assert len(project.run("-j4", code=0).ran) == 4
    refused = project.run("-j4", "-B", "--limit", "licence=1")
    assert refused.code == 1
    assert refused.reasons(refused.failed[0]) == ["no_resources"]


def test_nothing_starts_after_a_failure_however_brief_the_steps_are(project: Project) -> None:
    """Commands that are over in no time are handed in ahead of their turn; what failed holds all of them up."""
    steps = [
        f'[step.s{number:02}]\nrun = "cp {{inputs}} {{outputs}}"\ninputs = ["in.txt"]\noutputs = ["{number:02}.txt"]\n'
        for number in range(60)
    ]
    steps[30] = steps[30].replace("cp {inputs}", "cp none")
    project.write({"in.txt": "in\n"}).spec("".join(steps))
    outcome = project.run("-j1", code=1)
    assert outcome.ran == [f"s{number:02}" for number in range(30)]
    assert outcome.failed == ["s30"]
    assert outcome.blocked == [f"s{number:02}" for number in range(31, 60)]
    assert outcome.reasons("s31")[0] == "not_started"
    assert not list((project.root / ".riverrun" / "work").iterdir())
    outcome = project.run("-j1", "-k", code=1)
    assert outcome.ran == [f"s{number:02}" for number in range(31, 60)]
    project.spec("".join(steps).replace("cp none", "cp {inputs}"))
    assert project.run("-j2", code=0).ran == ["s30"]
    project.settle()


def test_what_took_longest_begins_first(project: Project) -> None:
    """The first run knows no times and goes by the order of the spec; the next one begins with the slow step."""
    names = ("quick", "quicker", "slow")
    text = "[params]\nround = 1\n" + "".join(
        f"[step.{name}]\nrun = '{project.counting(name, 'sleep 0.3; ' if name == 'slow' else '')} "
        f'echo {{params.round}} > {{outputs}}\'\noutputs = ["{name}.txt"]\n'
        for name in names
    )
    project.spec(text)
    assert project.run("-j1", code=0).ran == sorted(names)
    assert project.tally.read_text().split() == list(names)
    project.counted()
    project.spec(text.replace("round = 1", "round = 2"))
    project.run("-j1", code=0)
    assert project.tally.read_text().split()[0] == "slow"
