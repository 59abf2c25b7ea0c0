"""Parameters of a pipeline: a table, file bytes or overrides come in; looked up by dotted name."""

import json
from collections.abc import Mapping
from typing import Any

from riverrun.errors import Location
from riverrun.native import TomlError, parse_toml
from riverrun.spec.problems import Problems, did_you_mean
from riverrun.spec.source import Source, read_toml


class NoParam(LookupError):
    """args: message, hint."""


def look_up(params: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value of a dotted name."""
    value: Any = params
    for at, key in enumerate(keys):
        if not isinstance(value, Mapping) or key not in value:
            known = value if isinstance(value, Mapping) else {}
            full = ".".join(keys[: at + 1])
            hint = did_you_mean(key, known)
            if not hint:
                hint = "params here: " + ", ".join(known) if known else "this pipeline has no params"
                hint = (
                    hint if isinstance(value, Mapping) else f"'{'.'.join(keys[:at])}' is a value, not a table"
                )
            raise NoParam(f"there is no param '{full}'", hint)
        value = value[key]
    return value


def spell(value: Any) -> str:
    """A scalar as TOML spells it; strings as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def replaced(params: Mapping[str, Any], keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The same params with one value changed; a table given for a table changes what it names."""
    old = look_up(params, keys[:1])
    new: Any
    if len(keys) > 1:
        look_up(params, keys)
        new = replaced(old, keys[1:], value)
    elif isinstance(old, Mapping) and isinstance(value, Mapping):
        new = dict(old)
        for key, inner in value.items():
            try:
                new = replaced(new, (key,), inner)
            except NoParam as error:
                message, hint = error.args
                raise NoParam(message.replace("param '", f"param '{keys[0]}."), hint) from None
    elif isinstance(old, Mapping):
        raise NoParam(
            f"the param '{keys[0]}' is a table, not a value", f"name one of its keys: {', '.join(old)}"
        )
    else:
        new = value
    return {**params, keys[0]: new}


def from_word(text: str) -> Any:
    """The value of `-p name=value`: TOML where it is some, else the text itself."""
    try:
        return parse_toml(f"value = {text}")[0]["value"] if "\n" not in text else text
    except (TomlError, UnicodeEncodeError):
        return text


def read_params(file: str, content: bytes, problems: Problems) -> dict[str, Any]:
    """A params file, .json or .toml."""
    if not file.endswith(".json"):
        read = read_toml(file, content, problems)
        return read[0] if read else {}
    source = Source(file, content)
    where: Location
    try:
        values = json.loads(content)
    except UnicodeDecodeError as error:
        message, where = "this is not UTF-8 text", source.at(error.start, error.end)
    except json.JSONDecodeError as error:
        start = len(error.doc[: error.pos].encode())
        message, where = error.msg[0].lower() + error.msg[1:], source.at(start, start + 1)
    except RecursionError:
        message, where = "this is nested too deeply", source.at(0, 0)
    else:
        if isinstance(values, dict):
            return values
        message, where = "params must be a JSON object", source.at(0, 1)
    problems.add(message, where)
    return {}
