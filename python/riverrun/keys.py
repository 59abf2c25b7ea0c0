"""The action key: a step and the facts of its inputs come in, one digest of all that may decide its outputs goes out.

One description feeds the key and its explanation alike, so that why cannot drift from whether (rule 6). Each field is
(field, name, value), written as three byte strings with their lengths before them, behind a versioned tag: no two
different descriptions give the same bytes.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from riverrun.model.fact import Kind, Seen
from riverrun.model.step import Input, Step
from riverrun.model.trace import ActionKey, Description
from riverrun.model.verdict import Cause, Reason
from riverrun.native import Hasher

KEY_TAG = b"riverrun key 1\0"


class Field(Enum):
    """What a part of a description is about; the value stands in keys and in ledgers."""

    COMMAND = "command"
    SHELL = "shell"
    CWD = "cwd"
    TEST = "test"
    STANDING = "standing"  # links or real files, work folder or in place: programs can tell them apart
    ENVIRONMENT = "env"
    TOOL = "tool"
    PLATFORM = "platform"
    INPUT = "input"
    USE = "use"
    OUTPUT = "output"
    PARAM = "param"
    ITEM = "item"


def encoded(description: Description) -> bytes:
    """The bytes that a key is the digest of: the tag, then each field as three strings behind their lengths (u32)."""
    parts: list[bytes] = [KEY_TAG]
    for field in description:
        for text in field:
            raw = text.encode("utf-8", "surrogateescape")
            parts.append(len(raw).to_bytes(4, "little"))
            parts.append(raw)
    return b"".join(parts)


def key_of(description: Description) -> ActionKey:
    """The action key."""
    hasher = Hasher()
    hasher.update(encoded(description))
    return ActionKey(hasher.digest())


_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def describe(
    step: Step,
    *,
    seen: Callable[[Input], Seen],
    environment: Iterable[tuple[str, str | None]],
    tools: Mapping[str, Seen],
    platform: str,
) -> Description:
    """Everything that may decide the outputs of a step, always in the same order.

    `seen` gives the content of an input, `environment` the counted variables (None: not set), `tools` the content of
    the step's programs.
    """
    fields: list[tuple[str, str, str]] = []

    def tell(field: Field, name: str, value: str) -> None:
        fields.append((field.value, name, value))

    tell(Field.COMMAND, "", _json(step.run.counted))
    tell(Field.SHELL, "", _json(step.shell))
    tell(Field.CWD, "", step.cwd)
    tell(Field.STANDING, "", f"{step.real.value}, {step.ground.value}")
    if step.test is not None:
        tell(Field.TEST, "", _json(step.test.counted))
    for variable, value in environment:
        tell(Field.ENVIRONMENT, variable, "unset" if value is None else "=" + value)
    for tool in sorted(step.tools):
        tell(Field.TOOL, tool, content(tools[tool]))
    tell(Field.PLATFORM, "", platform)
    for read in step.inputs:
        tell(Field.INPUT, _label(read), content(seen(read)))
    for read in sorted(step.uses, key=lambda use: (os.fsencode(use.shown), use.name)):
        tell(Field.USE, _label(read), content(seen(read)))
    for output in step.outputs:
        tell(Field.OUTPUT, _json([output.name, output.shown]), output.kind.value)
    for name in sorted(step.params):
        tell(Field.PARAM, name, _json(step.params[name]))
    for name in sorted(step.item):
        tell(Field.ITEM, name, _json(step.item[name]))
    return fields


def _label(read: Input) -> str:
    """The name and the path of an input in one injective string; the plain path for a nameless one reads best."""
    return f"{len(read.name)}:{read.name}={read.shown}" if read.name else f"={read.shown}"


def content(seen: Seen) -> str:
    """The content of an artifact as a description has it."""
    return seen.kind.value if seen.kind is Kind.MISSING else f"{seen.kind.value}:{seen.digest.hex()}"


_CHANGED = {
    Field.COMMAND.value: Cause.COMMAND_CHANGED,
    Field.SHELL.value: Cause.COMMAND_CHANGED,
    Field.CWD.value: Cause.COMMAND_CHANGED,
    Field.TEST.value: Cause.COMMAND_CHANGED,
    Field.STANDING.value: Cause.COMMAND_CHANGED,
    Field.ENVIRONMENT.value: Cause.ENVIRONMENT_CHANGED,
    Field.TOOL.value: Cause.TOOL_CHANGED,
    Field.PLATFORM.value: Cause.PLATFORM_CHANGED,
    Field.INPUT.value: Cause.INPUT_CHANGED,
    Field.USE.value: Cause.INPUT_CHANGED,
    Field.OUTPUT.value: Cause.OUTPUTS_CHANGED,
    Field.PARAM.value: Cause.PARAM_CHANGED,
    Field.ITEM.value: Cause.PARAM_CHANGED,
}
_READS = (Field.INPUT.value, Field.USE.value)


def _shown(field: str, name: str) -> str:
    if field in _READS:
        return name.partition("=")[2]
    if field == Field.OUTPUT.value:
        return str(json.loads(name)[1])
    return name or ("" if field == Field.COMMAND.value else field)


def _plain(field: str, value: str) -> str:
    """A value as a person wrote it, not as the description quotes it."""
    if field in (Field.COMMAND.value, Field.SHELL.value, Field.TEST.value):
        command = json.loads(value)
        return command if isinstance(command, str) else " ".join(command)
    if field == Field.ENVIRONMENT.value:
        return value.removeprefix("=")
    return value


def differences(before: Description, after: Description) -> tuple[Reason, ...]:
    """Why two descriptions have different keys, as reasons with the old and the new value."""
    old = {(field, name): value for field, name, value in before}
    new = {(field, name): value for field, name, value in after}
    reasons = []
    for place in dict.fromkeys([*old, *new]):
        field, name = place
        was, now = old.get(place), new.get(place)
        if was == now:
            continue
        cause = _CHANGED.get(field, Cause.COMMAND_CHANGED)
        if field in _READS and was is None:
            cause = Cause.INPUT_ADDED
        elif field in _READS and now is None:
            cause = Cause.INPUT_REMOVED
        reasons.append(
            Reason(
                cause,
                _shown(field, name),
                "" if was is None else _plain(field, was),
                "" if now is None else _plain(field, now),
            )
        )
    if not reasons and list(map(tuple, before)) != list(map(tuple, after)):
        order = [name.partition("=")[2] for field, name, _ in before if field in _READS]
        new_order = [name.partition("=")[2] for field, name, _ in after if field in _READS]
        reasons.append(Reason(Cause.INPUT_ORDER, "", " ".join(order), " ".join(new_order)))
    return tuple(reasons)
