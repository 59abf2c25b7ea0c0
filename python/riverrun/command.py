"""What is executed for a step, and in which environment: a step and the outside's variables in, words and variables out."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from riverrun.model.step import Step

BASH = ("bash", "-euo", "pipefail", "-c")

PASSED = frozenset(
    """
    PATH HOME USER LOGNAME SHELL LANG TZ TERM LD_LIBRARY_PATH DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH VIRTUAL_ENV
    http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO NIX_SSL_CERT_FILE
    """.split()
)
"""The fixed base: programs need these to start and to reach the network at all. None of them counts, but LANG and TZ."""

PASSED_FAMILIES = ("LC_", "CONDA_", "CUDA_", "XDG_")

BUILTINS = frozenset(
    """
    . : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown echo enable
    eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd
    read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias
    unset wait
    if then else elif fi case esac for select while until do done in function time coproc
    """.split()
)
"""Bash's own commands and reserved words: a program of the same name may do something else."""

# Every character that has no meaning to bash anywhere in a word; all else, and all beyond ASCII, goes through the shell.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./ \t-]+")
# Variables by which bash behaves differently from a program started directly.
_STEERS_BASH = re.compile(r"BASH|SHELLOPTS$|POSIXLY_CORRECT$|ENV$|PS4$")


def passed(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of the outside's variables that every step is given."""
    return {
        name: value for name, value in environ.items() if name in PASSED or name.startswith(PASSED_FAMILIES)
    }


def environment(
    step: Step,
    environ: Mapping[str, str],
    *,
    base: Mapping[str, str] | None = None,
    cwd: str,
    tmpdir: str,
    params_file: str,
    gpus: Sequence[int],
    run_id: str,
    makeflags: str = "",
) -> dict[str, str]:
    """All variables that the step's command is given; `params_file` is empty where the step declares no params.

    `base` is `passed(environ)`, where the caller has it already.
    """
    given = passed(environ) if base is None else dict(base)
    given["TMPDIR"] = tmpdir  # a step may declare its own over it, and over the next
    if makeflags:
        given["MAKEFLAGS"] = makeflags
    for name in step.passes:
        if name in environ:
            given[name] = environ[name]
    for name, value in step.env:
        if value is not None:
            given[name] = value
        elif name in environ:
            given[name] = environ[name]
        else:
            given.pop(name, None)
    if gpus:
        given["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
    given |= {"PWD": cwd, "RIVERRUN_RUN": run_id, "RIVERRUN_STEP": step.name}  # by these survivors are found
    if params_file:
        given["RIVERRUN_PARAMS"] = params_file
    return given


def language(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of the outside's variables that every step is given, and that counts."""
    return {
        name: value for name, value in environ.items() if name in ("LANG", "TZ") or name.startswith("LC_")
    }


def counted_environment(
    step: Step, environ: Mapping[str, str], base: Mapping[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """The variables that enter the key, sorted; None for a declared one that is not there.

    `base` is `language(environ)`, where the caller has it already.
    """
    counted: dict[str, str | None] = {**(language(environ) if base is None else base)}
    for name, value in step.env_counted:
        counted[name] = environ.get(name) if value is None else value
    return sorted(counted.items())


def argv(step: Step, text: str | tuple[str, ...]) -> tuple[str, ...]:
    """The words to execute for a filled-in command."""
    if step.shell:
        return (*step.shell, text if isinstance(text, str) else shlex.join(text))
    if not isinstance(text, str):
        return text
    return tuple(text.split()) if _is_direct(step, text) else by_shell(text)


def by_shell(text: str) -> tuple[str, ...]:
    """The words that have bash execute the text."""
    return (*BASH, text)


def params_json(step: Step) -> bytes:
    """The content of $RIVERRUN_PARAMS: the declared params, nested as in the params file, keys sorted."""
    tree: dict[str, Any] = {}
    for name in sorted(step.declared_params):  # a table stands before what lies in it
        *above, last = name.split(".")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        value = step.params[name]
        place[last] = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(tree, sort_keys=True, indent=1).encode("ascii") + b"\n"


def _is_direct(step: Step, text: str) -> bool:
    """Whether no one can tell direct execution from bash; bash costs a millisecond, and then some for each library."""
    if not _PLAIN.fullmatch(text):
        return False
    words = text.split()
    if not words or words[0] in BUILTINS or "=" in words[0] or words[0].startswith("%"):
        return False
    steering = (*step.passes, *(name for name, _ in step.env))
    return not any(_STEERS_BASH.match(name) for name in steering)
