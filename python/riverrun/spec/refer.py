"""Checks references that can be checked before anything is expanded: lines and the names around them come in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from riverrun.spec.family import Family
from riverrun.spec.lines import Form, ReadLine
from riverrun.spec.problems import Problems, did_you_mean


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that references of one spec can mean."""

    pipeline: str  # "" for the top one
    families: Mapping[str, Family]
    steps: Mapping[str, object]  # the broken ones too
    tributaries: Mapping[str, object]
    given: Mapping[str, ReadLine]


def check_references(scope: Scope, others: Iterable[ReadLine], problems: Problems) -> None:
    """All references of steps, and the `others` of a spec."""
    for local, family in scope.families.items():
        for line in (*family.inputs, *family.uses):
            if line.form is Form.REFERENCE and line.target[0] == local:
                problems.add(f"the step '{local}' refers to itself", line.where)
            else:
                check_reference(line, scope, problems)
    for line in others:
        check_reference(line, scope, problems)


def check_reference(line: ReadLine, scope: Scope, problems: Problems) -> None:
    """One line; what is no reference is right here."""
    target, part = line.target
    if line.form is Form.GIVEN and part not in scope.given:
        hint = did_you_mean(part, scope.given) or 'the parent gives it by inputs = { NAME = "..." }'
        if not scope.pipeline:
            hint = "this is the top spec: only a tributary is given inputs, by its parent"
        problems.add(f"no input '{part}' is given to this pipeline", line.where, hint)
    elif line.form is Form.REFERENCE and target in scope.families:
        names = [output.name for output in scope.families[target].outputs if output.name]
        if part and part not in names:
            hint = did_you_mean(part, names) or (
                "it names: " + ", ".join(dict.fromkeys(names)) if names else ""
            )
            problems.add(f"the step '{target}' has no output named '{part}'", line.where, hint)
    elif line.form is Form.REFERENCE and target not in scope.steps and target not in scope.tributaries:
        known = [*scope.steps, *scope.tributaries]
        problems.add(f"there is no step or tributary '{target}'", line.where, did_you_mean(target, known))
