"""What the convergence oracle found: each story as small as it gets, so that it stays mended."""

from project import Project

SPLIT = """
[step.split]
run = "mkdir parts; cp {inputs} parts/a; cp {inputs} parts/b"
inputs = ["src.txt"]
outputs = ["parts/"]
"""


def test_a_temporary_goes_also_when_the_graph_grows_after_its_readers(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        """
        [step.first]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["first.txt"]
        temporary = true
        """
        + SPLIT.replace("src.txt", "first.txt")
        + """
        [step.each]
        foreach = "parts/{n}"
        run = "cp {inputs} {outputs}"
        inputs = ["parts/{n}"]
        outputs = ["each/{n}"]
        """
    )
    assert project.run(code=0).ran == ["each@a", "each@b", "first", "split"]
    assert not project.has("first.txt")
    project.settle()


def test_a_step_that_waits_for_a_folder_can_be_asked_for_by_name(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        SPLIT
        + """
        [step.total]
        run = "cat {inputs} > {outputs}"
        inputs = ["parts/*"]
        outputs = ["total.txt"]
        [step.most]
        foreach = { n = ["a", "b"] }
        run = "cat {inputs} > {outputs}"
        inputs = ["parts/{n}*"]
        outputs = ["most/{n}"]
        """
    )
    assert project.status("total").having("maybe") == ["total"]
    assert project.run("total", code=0).ran == ["split", "total"]
    assert project.run("most@b", code=0).ran == ["most@b"]
    assert project.run("most", code=0).ran == ["most@a"]


def test_a_folder_around_an_output_that_comes_back_is_foreseen_as_it_was(project: Project) -> None:
    project.write({"src.txt": "1\n", "mix/other": "2\n"}).spec(
        """
        [step.one]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["mix/one"]
        [step.two]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["mix/below/two"]
        [step.all]
        run = "cat {inputs}/one {inputs}/below/two > {outputs}"
        inputs = ["mix/"]
        outputs = ["all"]
        """
    )
    assert project.run(code=0).ran == ["all", "one", "two"]
    project.write({"mix/one": None, "mix/below/two": "junk\n"})
    assert project.status().having("restore") == ["one", "two"]
    assert project.status().having("maybe") == []
    assert project.run(code=0).restored == ["one", "two"]


def test_what_runs_always_is_never_sealed(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        """
        [step.one]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["one.txt"]
        always = true
        """
    )
    for _ in range(3):
        assert project.status().having("run") == ["one"]
        assert project.run(code=0).ran == ["one"]


def test_what_a_tributary_is_given_and_does_not_use_stays_in_the_end_state(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        """
        [step.one]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["one.txt"]
        [step.two]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["two.txt"]
        temporary = true
        [tributary.inner]
        path = "inner"
        inputs = { unused = "one.txt", used = "two.txt" }
        """
    )
    project.spec(
        '[tributary.core]\npath = "core"\ninputs = { unused = "@inputs.used", used = "@inputs.used" }',
        below="inner",
    )
    project.spec(
        """
        [step.three]
        run = "cp {inputs} {outputs}"
        inputs = ["@inputs.used"]
        outputs = ["three.txt"]
        """,
        below="inner/core",
    )
    assert project.run(code=0).ran == ["inner/core/three", "one", "two"]
    assert project.has("one.txt") and not project.has("two.txt")
    project.settle()


def test_status_does_not_seal_a_temporary_that_a_run_would_remove(project: Project) -> None:
    spec = """
        [step.one]
        run = "cp {inputs} {outputs}"
        inputs = ["src.txt"]
        outputs = ["one.txt"]
        %s
        [step.two]
        run = "cp {inputs} {outputs}"
        inputs = ["one.txt"]
        outputs = ["two.txt"]
        """
    project.write({"src.txt": "1\n"}).spec(spec % "")
    project.run(code=0)
    project.spec(spec % "temporary = true")
    assert not project.status().steps
    assert not project.run(code=0).steps
    assert not project.has("one.txt")


def test_an_optional_input_that_goes_changes_the_command_and_what_is_known_of_it(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        """
        [step.one]
        run = "cat src.txt {inputs} > {outputs}"
        inputs = [{ path = "opt.txt", optional = true }]
        uses = ["src.txt"]
        outputs = ["one.txt"]
        """
    )
    assert project.run(code=0).ran == ["one"]
    project.write({"opt.txt": "2\n"})
    assert project.run(code=0).ran == ["one"]
    project.settle()
    project.write({"opt.txt": None})
    assert project.status().having("restore") == ["one"]
    assert project.run(code=0).restored == ["one"]
    project.settle()


def test_the_graph_grows_over_a_folder_whose_maker_had_to_wait(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        SPLIT
        + """
        [step.again]
        run = "mkdir more; cp {inputs} more"
        inputs = ["parts/*"]
        outputs = ["more/"]
        [step.each]
        foreach = "more/{n}"
        run = "cp {inputs} {outputs}"
        inputs = ["more/{n}"]
        outputs = ["each/{n}"]
        """
    )
    assert project.run(code=0).ran == ["again", "each@a", "each@b", "split"]
    project.settle()


def test_a_step_that_waits_is_forced_though_the_end_state_does_not_need_it(project: Project) -> None:
    project.write({"src.txt": "1\n"}).spec(
        '[pipeline]\nend = ["@split"]\n'
        + SPLIT
        + """
        [step.total]
        run = "cat {inputs} > {outputs}"
        inputs = ["parts/*"]
        outputs = ["total.txt"]
        """
    )
    assert project.run("--force", "total", code=0).ran == ["split", "total"]
    assert project.run("--force", "total", code=0).ran == ["total"]


def test_temporaries_in_a_row_are_made_again_each_once(project: Project) -> None:
    step = """
        [step.%s]
        run = "%s"
        inputs = ["%s"]
        outputs = ["%s"]
        %s
        """
    names = ["src", "one", "two", "three"]
    project.write({"src": "1\n"}).spec(
        "".join(
            step % (name, project.counting(name, "cp {inputs} {outputs}"), read, name, "temporary = " + kept)
            for read, name, kept in zip(names, names[1:], ("true", "true", "false"), strict=False)
        )
    )
    assert project.run(code=0).ran == ["one", "three", "two"]
    project.counted()
    project.spec(project.read("riverrun.toml").replace("echo three >>", "echo  three >>"))
    assert project.run(code=0).ran == ["one", "three", "two"]
    assert project.counted() == {"one": 1, "two": 1, "three": 1}
    assert not project.has("one") and not project.has("two")
    project.settle()
