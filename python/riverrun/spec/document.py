"""What a workspace's specs say, checked but not expanded: pipelines by name, and every file that was read for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riverrun.errors import Location
from riverrun.spec.family import Family
from riverrun.spec.lines import ReadLine


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A file that specs were read from: relative to the root; None where it was looked for and is absent."""

    path: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Tributary:
    """A pipeline used inside another."""

    name: str  # "world", "world/inner"
    local: str
    where: Location
    given: Mapping[str, ReadLine]  # its "@inputs.x", as the parent's spec writes them


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One spec in use."""

    name: str  # "" for the top one
    title: str
    parent: str | None
    home: str  # the folder of its spec, in the workspace
    where: Location
    params: Mapping[str, Any]
    families: Mapping[str, Family]  # by the name in this spec
    tributaries: Mapping[str, Tributary]
    end: tuple[ReadLine, ...] | None


@dataclass(frozen=True, slots=True)
class Document:
    """All specs of a workspace. `pipelines` has those inside before those that use them, the top one ("") last."""

    root: str
    file: str
    pipelines: Mapping[str, Pipeline]
    files: tuple[SpecFile, ...]

    @property
    def top(self) -> Pipeline:
        return self.pipelines[""]
