"""What may stand in a spec: each table's keys and the forms of their values. Values come in, located problems go out."""

from collections.abc import Callable, Mapping
from typing import Any

from riverrun.spec.paths import NAME
from riverrun.spec.problems import Problems, did_you_mean
from riverrun.spec.source import Place

Form = Callable[[Any], str]
"""Says what a value should be ("" if it is that), as in "must be ..."."""


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def _text(value: object) -> str:
    return "" if is_text(value) else "a string"


def _texts(value: object) -> str:
    if isinstance(value, str):
        return f'a list of strings, as in ["{value}"]'
    return "" if is_texts(value) else "a list of strings"


def _words(value: object) -> str:
    return "" if is_text(value) or (is_texts(value) and value) else "a string, or a list of strings"


def _switch(value: object) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _count(value: object) -> str:
    return (
        ""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0
        else "a whole number from 0"
    )


def _duration(value: object) -> str:
    good = isinstance(value, str) or (
        isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    )
    return "" if good else 'seconds, or a text as in "10min"'


def _path(value: object) -> bool:
    if isinstance(value, dict):
        known = {"path", "optional"}
        return (
            set(value) <= known
            and is_text(value.get("path"))
            and isinstance(value.get("optional", False), bool)
        )
    return is_text(value)


def _reads(value: object) -> str:
    if isinstance(value, str):
        return f'a list, as in ["{value}"], or a table of names'
    entries = value if isinstance(value, list) else []
    for one in value.values() if isinstance(value, dict) else ():
        entries = entries + (one if isinstance(one, list) else [one])
    if isinstance(value, list | dict) and all(_path(one) for one in entries):
        return ""
    return 'a list or a table of paths, references ("@step") or { path = "...", optional = true }'


def _outputs(value: object) -> str:
    if isinstance(value, str):
        return f'a list, as in ["{value}"], or a table of names'
    if isinstance(value, dict) and all(is_text(one) or is_texts(one) for one in value.values()):
        return ""
    return "" if is_texts(value) else "a list of paths, or a table of names and paths"


def _foreach(value: object) -> str:
    if isinstance(value, dict) and value:
        if all(
            is_text(one) or (isinstance(one, list) and all(map(is_scalar, one))) for one in value.values()
        ):
            return ""
        return 'a table of lists of strings, numbers or booleans (or of texts as "{params.x}")'
    return "" if is_text(value) and value else 'a pattern, a table of lists, a table file, or "@step"'


def _env(value: object) -> str:
    if isinstance(value, dict) and all(map(is_scalar, value.values())):
        return ""
    return "" if is_texts(value) else 'a list of "NAME" and "NAME=value", or a table of values'


def _resources(value: object) -> str:
    def amount(one: object) -> bool:
        return is_text(one) or (isinstance(one, int | float) and not isinstance(one, bool) and one >= 0)

    if isinstance(value, dict) and all(
        amount(one) or (isinstance(one, list) and one and all(map(amount, one))) for one in value.values()
    ):
        return ""
    return 'a table of amounts, as in { cpus = 2, memory = "4GiB" }'


def _cache(value: object) -> str:
    return "" if value in ("auto", "copy") or value is False else '"auto", "copy" or false'


def _temporary(value: object) -> str:
    return "" if isinstance(value, bool) or is_texts(value) else "true, or a list of outputs"


def _contain(value: object) -> str:
    return "" if isinstance(value, bool) or value == "strict" else 'true, false or "strict"'


def _table(value: object) -> str:
    return "" if isinstance(value, dict) else "a table"


STEP: Mapping[str, Form] = {
    "run": _words, "inputs": _reads, "uses": _reads, "outputs": _outputs, "foreach": _foreach, "params": _texts, "env": _env,
    "pass": _texts, "tools": _texts, "cwd": _text, "resources": _resources, "timeout": _duration, "retries": _count,
    "cache": _cache, "temporary": _temporary, "scratch": _texts, "always": _switch, "real": _switch, "open": _texts,
    "test": _words, "in_place": _switch, "contain": _contain, "shell": _words, "description": _text,
}  # fmt: skip
PIPELINE: Mapping[str, Form] = {"name": _text, "end": _texts, "params": _text}
TRIBUTARY: Mapping[str, Form] = {"path": _text, "params": _table, "inputs": _table}
TOP: Mapping[str, Form] = dict.fromkeys(("pipeline", "params", "defaults", "step", "tributary"), _table)
LOCAL: Mapping[str, Form] = {"trust": _texts, "tmp": _text, "limits": _table, "cache": _table}
LOCAL_CACHE: Mapping[str, Form] = {
    key: lambda value: "" if isinstance(value, str | int) and not isinstance(value, bool) else "a size"
    for key in ("copy_limit", "max_size")
} | {"path": _text}


def check(
    values: Mapping[str, Any], place: Place, forms: Mapping[str, Form], what: str, problems: Problems
) -> dict[str, Any]:
    """The entries that are as they should be; problems for the others. `what` names the table for people."""
    good = {}
    for key, value in values.items():
        form = forms.get(key)
        if form is None:
            hint = did_you_mean(key, forms)
            problems.add(f"unknown key '{key}' in {what}", (place / key).key(), hint or _known(forms))
        elif wanted := form(value):
            problems.add(f"'{key}' must be {wanted}", (place / key).value())
        else:
            good[key] = value
    return good


def _known(forms: Mapping[str, Form]) -> str:
    return "known here: " + ", ".join(forms)


def check_names(names: Mapping[str, Any], place: Place, what: str, problems: Problems) -> None:
    """Names that stand in step names and placeholders hold letters, digits, '_' and '-'."""
    for name in names:
        if not NAME.fullmatch(name):
            problems.add(
                f"'{name}' cannot be the name of {what}",
                (place / name).key(),
                "names start with a letter or '_' and hold letters, digits, '_' and '-'",
            )
