"""Sharing cores with make: MAKEFLAGS and tokens in; never more jobs at once than there are tokens, and all of them back."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import Gate, alive
from project import SECONDS, Project
from riverrun.run.jobserver import JobServer

# A job marks that it runs, and notes how many do: never more than may.
JOB = "mkdir {place}/run.{name}; ls -d {place}/run.* | wc -l >> {place}/seen; sleep 0.02; rmdir {place}/run.{name}"


def most(place: Path) -> int:
    """How many jobs were ever seen at once."""
    return max(int(line) for line in (place / "seen").read_text().split())


@contextlib.contextmanager
def pipe_of(tokens: int) -> Iterator[tuple[int, int]]:
    """As an outer make has one."""
    ends = os.pipe()
    os.write(ends[1], b"t" * tokens)
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def left_in(reader: int) -> int:
    """How many tokens are in a pipe; they are taken out."""
    os.set_blocking(reader, False)
    try:
        return len(os.read(reader, 100))
    except BlockingIOError:
        return 0


def run_under(project: Project, ends: tuple[int, int], *words: str) -> "subprocess.Popen[str]":
    """riverrun, started by a recipe of an outer make."""
    flags = f" -j9 --jobserver-auth={ends[0]},{ends[1]}"
    return subprocess.Popen(
        [sys.executable, "-m", "riverrun", "run", "--json", *words],
        cwd=project.root,
        env=project.env | {"MAKEFLAGS": flags},
        pass_fds=ends,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def jobs_of(project: Project, count: int, tail: str = "") -> Project:
    """Steps that are one job each."""
    place = project.home
    parts = []
    for number in range(count):
        job = JOB.format(place=place, name=number)
        parts.append(f"[step.s{number}]\nrun = '{job}; {tail} touch {{outputs}}'\noutputs = [\"{number}\"]\n")
    return project.spec("".join(parts))


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_there_is_nothing_to_share_of_one_job() -> None:
    assert JobServer.of("", 1) is None


def test_our_own_has_a_token_for_all_jobs_but_the_first() -> None:
    server = JobServer.of("kw -- A=B", 4)
    assert server is not None and not server.is_outer
    assert server.flags == " -j4 --jobserver-auth={},{}".format(*server.inherited)
    assert not server.hold(9) and server.held == 3
    assert server.hold(1) and server.held == 1
    assert server.hold(3) and server.held == 3
    before = set(os.listdir("/proc/self/fd"))
    server.close()
    assert len(before - set(os.listdir("/proc/self/fd"))) == 4


@pytest.mark.parametrize("style", ["fifo", "pipe", "old"])
def test_an_outer_one_is_taken_part_in_and_left_as_it_was(tmp_path: Path, style: str) -> None:
    with pipe_of(2) as (reader, writer):
        auth = f"--jobserver-{'fds' if style == 'old' else 'auth'}={reader},{writer}"
        if style == "fifo":
            os.mkfifo(tmp_path / "fifo")
            keep = os.open(tmp_path / "fifo", os.O_RDWR)
            os.write(keep, os.read(reader, 2))
            os.dup2(keep, reader)
            os.close(keep)
            auth = f"--jobserver-auth=fifo:{tmp_path}/fifo"
        server = JobServer.of(f" -j8 --jobserver-auth=77,78 {auth} -- X=1", 4)
        assert server is not None and server.is_outer
        if style != "old":
            assert server.flags == f" -j4 {auth}"
        assert server.inherited == (() if style == "fifo" else (reader, writer))
        assert not server.hold(3) and server.held == 2
        assert os.get_blocking(reader) and left_in(reader) == 0
        server.close()
        assert left_in(reader) == 2


@pytest.mark.parametrize("auth", ["-2,-2", "198,199", "0,1", "fifo:/no/such"])
def test_what_a_recipe_without_its_mark_is_told_is_no_jobserver(auth: str) -> None:
    assert JobServer.of(f" -j8 --jobserver-auth={auth}", 1) is None


# -- for the steps ------------------------------------------------------------------------------------------------------


def test_a_make_in_a_step_has_the_cores_that_no_step_uses(project: Project) -> None:
    """Two of its targets wait for each other: one after the other they would wait for ever."""
    project.write(
        {"Makefile": "all: a b\na:\n\tmkfifo meet; echo > meet\nb:\n\twhile ! cat meet; do :; done\n"}
    )
    project.spec('[step.it]\nrun = "make && touch {outputs}"\nuses = ["Makefile"]\noutputs = ["out"]\n')
    assert project.run("-j2", code=0).ran == ["it"]


def test_steps_and_their_makes_together_never_have_more_jobs_than_there_are(project: Project) -> None:
    names = [f"t{number}" for number in range(4)]
    rules = "".join(f"$W{name}:\n\t{JOB.format(place=project.home, name='$W' + name)}\n" for name in names)
    project.write({"Makefile": f"all: {' '.join('$W' + name for name in names)}\n{rules}"})
    steps = (
        f'[step.{letter}]\nrun = "make W={letter} && touch {{outputs}}"\nuses = ["Makefile"]\noutputs = ["{letter}"]\n'
        for letter in "xyz"
    )
    project.spec("".join(steps))
    assert project.run("-j2", code=0).ran == ["x", "y", "z"]
    assert most(project.home) <= 2


def test_makeflags_do_not_count_unless_a_step_says_so(project: Project) -> None:
    project.spec(
        '[step.told]\nrun = \'echo "${MAKEFLAGS-none}" > {outputs}\'\noutputs = ["told"]\n'
        '[step.own]\nrun = \'echo "$MAKEFLAGS" > {outputs}\'\noutputs = ["own"]\nenv = ["MAKEFLAGS=-k"]\n'
    )
    project.run("-j3", code=0)
    assert "-j3 --jobserver-auth=" in project.read("told") and project.read("own") == "-k\n"
    assert not project.run("-j2", code=0, env={"MAKEFLAGS": "-j5"}).ran
    project.settle()


# -- under an outer make ------------------------------------------------------------------------------------------------


def test_a_run_takes_no_more_than_the_outer_make_gives_and_gives_all_back(project: Project) -> None:
    jobs_of(project, 12)
    with pipe_of(1) as ends:
        run = run_under(project, ends, "-j8")
        run.communicate(timeout=SECONDS)
        assert run.returncode == 0
        assert most(project.home) <= 2
        assert left_in(ends[0]) == 1


def test_a_run_goes_on_alone_where_no_token_is_to_be_had(project: Project) -> None:
    jobs_of(project, 6)
    with pipe_of(0) as ends:
        run = run_under(project, ends, "-j8")
        run.communicate(timeout=SECONDS)
        assert run.returncode == 0
    assert most(project.home) == 1


def test_steps_that_fail_give_their_tokens_back(project: Project) -> None:
    jobs_of(project, 8, tail="false;")
    with pipe_of(3) as ends:
        run = run_under(project, ends, "-j8", "-k")
        run.communicate(timeout=SECONDS)
        assert run.returncode == 1
        assert left_in(ends[0]) == 3


def test_an_interrupted_run_gives_its_tokens_back(project: Project, tmp_path: Path) -> None:
    gates = [Gate(tmp_path, name) for name in ("one", "two")]
    project.spec(
        "".join(
            f"[step.{name}]\nrun = '''{gate.hold}'''\noutputs = [\"{name}\"]\n"
            for name, gate in zip(("one", "two"), gates, strict=True)
        )
    )
    with pipe_of(1) as ends:
        run = run_under(project, ends, "-j2")
        pids = [gate.arrived() for gate in gates]  # both run: the token was taken, and a run waits for it
        assert left_in(ends[0]) == 0
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=SECONDS)
        assert run.returncode == 130
        assert left_in(ends[0]) == 1
    assert not any(alive(pid) for pid in pids)
    for gate in gates:
        gate.close()


def test_a_token_that_comes_back_later_is_used(project: Project, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    project.spec(
        f"[step.one]\nrun = '''{gate.hold}; touch {{outputs}}'''\noutputs = [\"one\"]\n"
        f"[step.two]\nrun = '''{gate.hold}; touch {{outputs}}'''\noutputs = [\"two\"]\n"
    )
    with pipe_of(0) as ends:
        run = run_under(project, ends, "-j2")
        gate.arrived()
        os.write(ends[1], b"t")
        gate.arrived()  # beside the first, which still stands at the gate
        gate.let_go()
        gate.let_go()
        run.communicate(timeout=SECONDS)
        assert run.returncode == 0
        assert left_in(ends[0]) == 1
    gate.close()
