"""In: steps and variables. Out: words to execute, variables to give, params as JSON."""

import json
import subprocess
from typing import Any

import pytest

from riverrun.command import argv, by_shell, counted_environment, environment, params_json
from riverrun.errors import Location
from riverrun.model.step import Command, Step

OUTSIDE = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/x",
    "LANG": "C",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "CONDA_PREFIX": "/conda",
    "https_proxy": "http://proxy",
    "TMPDIR": "/outside/tmp",
    "SECRET": "s",
    "PYTHONPATH": "/leak",
    "CUDA_VISIBLE_DEVICES": "0,1,2,3",
}


def step(**keys: Any) -> Step:
    run = keys.pop("run", "true")
    return Step(
        name="s",
        family="s",
        home="",
        where=Location("riverrun.toml", 1, 1),
        run=Command((run,), run),
        outputs=(),
        **keys,
    )


@pytest.mark.parametrize(
    "text",
    [
        "cc hello.c -o hello",
        "python3 a.py --x=1,2 50% a@b",
        "  cp  a\tb ",
        "/bin/echo a:b +x",
        "env A=1 b",
    ],
)
def test_plain_words_are_executed_directly(text: str) -> None:
    assert argv(step(), text) == tuple(text.split())
    assert subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {text}"], capture_output=True, check=True
    ).stdout == (b"".join(word.encode() + b"\0" for word in text.split())), "bash sees other words"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "a\nb",
            "cat a > b",
            "a | b",
            "echo x",
            "A=1 b",
            "a && b",
            "ls *.c",
            "ls a?",
            "~/x",
            "a 'b'",
        ),
        *(
            'a "b"',
            "time a",
            "[ a ]",
            "! a",
            "%1",
            "a $B",
            "a {b,c}",
            "a # b",
            "a `b`",
            "a\\b",
            "cp ü b",
            "a; b",
        ),
        *("a &", "(a)", ". a", ": a", "cp \udcff b", "a ^b", "a ~"),
    ],
)
def test_all_else_goes_through_bash(text: str) -> None:
    assert argv(step(), text) == ("bash", "-euo", "pipefail", "-c", text) == by_shell(text)


def test_variables_that_steer_bash_keep_it_in_the_play() -> None:
    assert argv(step(env=(("BASH_ENV", "x"),)), "cp a b")[0] == "bash"
    assert argv(step(passes=("SHELLOPTS",)), "cp a b")[0] == "bash"
    assert argv(step(env=(("ENVY", "x"),)), "cp a b")[0] == "cp"


def test_a_list_is_executed_as_it_is_and_a_shell_of_ones_own_gets_everything() -> None:
    assert argv(step(), ("echo", "a b")) == ("echo", "a b")
    conda = step(shell=("conda", "run", "bash", "-c"))
    assert argv(conda, "cp a b") == ("conda", "run", "bash", "-c", "cp a b")
    assert argv(conda, ("cp", "a b", "c")) == ("conda", "run", "bash", "-c", "cp 'a b' c")


def given(made: Step, **keys: Any) -> dict[str, str]:
    keys = {"cwd": "/w", "tmpdir": "/t", "params_file": "", "gpus": (), "run_id": "r1"} | keys
    return environment(made, OUTSIDE, **keys)


def test_the_base_is_fixed_and_nothing_else_leaks() -> None:
    assert given(step()) == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/x",
        "LANG": "C",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "CONDA_PREFIX": "/conda",
        "https_proxy": "http://proxy",
        "CUDA_VISIBLE_DEVICES": "0,1,2,3",
        "TMPDIR": "/t",
        "PWD": "/w",
        "RIVERRUN_RUN": "r1",
        "RIVERRUN_STEP": "s",
    }


def test_what_is_declared_comes_over_the_base() -> None:
    made = step(
        env=(("SECRET", None), ("LANG", "de"), ("ABSENT", None), ("TZ", None)), passes=("PYTHONPATH", "GONE")
    )
    variables = given(made, params_file="/p.json", gpus=(1, 3))
    assert variables["SECRET"] == "s"
    assert variables["LANG"] == "de"
    assert variables["PYTHONPATH"] == "/leak"
    assert variables["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert variables["RIVERRUN_PARAMS"] == "/p.json"
    assert {"ABSENT", "GONE"}.isdisjoint(variables)


def test_what_counts_of_the_environment() -> None:
    env = (("SECRET", None), ("ABSENT", None), ("LANG", "de"), ("REF", "/here/ref.fa"))
    counted = (("SECRET", None), ("ABSENT", None), ("LANG", "de"), ("REF", "{inputs.ref}"))
    made = step(env=env, env_counted=counted, passes=("PYTHONPATH",))
    assert counted_environment(made, OUTSIDE) == [
        ("ABSENT", None),
        ("LANG", "de"),
        ("LC_ALL", "C.UTF-8"),
        ("REF", "{inputs.ref}"),
        ("SECRET", "s"),
        ("TZ", "UTC"),
    ]


def test_params_are_nested_and_sorted() -> None:
    params = {"b": [1, 2], "model.depth": 3, "model": {"rate": 0.5}, "hidden": 1, "name": "\udcff ü"}
    declared = ("name", "model.depth", "b", "model")
    text = params_json(step(params=params, declared_params=declared))
    assert json.loads(text) == {"b": [1, 2], "model": {"depth": 3, "rate": 0.5}, "name": "\udcff ü"}
    assert text == params_json(step(params=params, declared_params=declared[::-1]))
