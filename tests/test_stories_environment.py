"""What a command finds around itself: folder, params file, environment, programs; what of it counts and what does not."""

import os

from project import Project


def test_cwd_and_params_file(project: Project) -> None:
    project.spec("""
        [params]
        deep = { list = [1, 2], text = "a b" }
        unused = 1
        [step.it]
        run = 'cat $RIVERRUN_PARAMS > {outputs}; cat in.txt >> ../out.txt'
        cwd = "sub"
        inputs = ["sub/in.txt"]
        outputs = ["out.txt"]
        params = ["deep"]
    """).write({"sub/in.txt": "x\n"})
    assert project.run(code=0).ran == ["it"]
    assert '"a b"' in project.read("out.txt") and "unused" not in project.read("out.txt")
    project.spec(project.read("riverrun.toml").replace("unused = 1", "unused = 2"))
    project.settle()
    project.spec(project.read("riverrun.toml").replace("[1, 2]", "[1, 3]"))
    assert project.run(code=0).reasons("it") == ["param_changed"]


def test_environment(project: Project) -> None:
    """What is not declared is not there; what is declared counts, what is passed does not."""
    spec = """
        [step.it]
        run = 'echo ${COUNTED:-no} ${PASSED:-no} ${OTHER:-no} $SET > {outputs}'
        env = ["COUNTED", "SET=a b"]
        pass = ["PASSED"]
        outputs = ["out.txt"]
    """
    project.spec(spec).env.update(COUNTED="1", PASSED="2", OTHER="3")
    assert project.run(code=0).ran == ["it"]
    assert project.read("out.txt") == "1 2 no a b\n"
    project.env.update(PASSED="4", OTHER="5")
    project.settle()
    project.env["COUNTED"] = "6"
    outcome = project.run(code=0)
    assert outcome.reasons("it") == ["environment_changed"]
    assert outcome.steps["it"]["reasons"][0] | {"kind": ""} == {
        "kind": "",
        "path": "COUNTED",
        "before": "1",
        "after": "6",
    }
    assert project.read("out.txt") == "6 4 no a b\n"
    del project.env["COUNTED"]
    assert project.run(code=0).reasons("it") == ["environment_changed"]
    project.env["COUNTED"] = ""
    assert project.run(code=0).ran == ["it"], "empty is not unset"
    project.env["COUNTED"] = "6"
    assert project.run(code=0).restored == ["it"]
    project.env["TZ"] = "Asia/Tokyo"
    assert project.run(code=0).reasons("it") == ["environment_changed"]


def test_tools_on_path(project: Project) -> None:
    """A program that is found on PATH counts by its content."""
    project.spec("[step.it]\nrun = 'greet > {outputs}'\ntools = ['greet']\noutputs = ['out.txt']\n")
    for number in (1, 2):
        tool = project.home / str(number) / "greet"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\necho {number}\n")
        tool.chmod(0o755)
    missing = project.run()
    assert missing.code == 1 and missing.reasons("it") == ["tool_missing"]
    path = project.env["PATH"]
    project.env["PATH"] = f"{project.home / '1'}{os.pathsep}{path}"
    assert project.run(code=0).ran == ["it"]
    project.env["PATH"] = f"{project.home / '2'}{os.pathsep}{path}"
    assert project.run(code=0).reasons("it") == ["tool_changed"]
    assert project.read("out.txt") == "2\n"
    (project.home / "2" / "greet").write_text("#!/bin/sh\necho 3\n")
    assert project.run(code=0).ran == ["it"]
    project.env["PATH"] = f"{project.home / '1'}{os.pathsep}{path}"
    assert project.run(code=0).restored == ["it"]
