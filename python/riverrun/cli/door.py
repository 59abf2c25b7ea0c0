"""Where the command line meets the rest: folder and file as given in, an open pipeline out. Tests fake this door."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from riverrun.cli.voice import Form, Voice
from riverrun.errors import UsageError

if TYPE_CHECKING:
    from riverrun.flow import Pipeline


@dataclass(frozen=True, slots=True)
class Session:
    """What the options before and after the command's name say together."""

    voice: Voice
    folders: tuple[str, ...] = ()  # each counts from the one before, as in make
    file: str | None = None

    def at(self, folders: Sequence[str], file: str | None, form: Form) -> "Session":
        """The session with what a command's own options add."""
        return replace(
            self,
            voice=replace(self.voice, form=form),
            folders=(*self.folders, *folders),
            file=file if file is not None else self.file,
        )

    def enter(self) -> None:
        """Go to the folder that was asked for: from here on every relative path counts from it."""
        for folder in self.folders:
            try:
                os.chdir(folder)
            except OSError as problem:
                raise UsageError(f"cannot go to '{folder}': {problem.strerror}", hint="see -C") from problem

    def open(self) -> "Pipeline":
        """The pipeline, with its whole spec read and found in order."""
        self.enter()
        return load(self.file)


def load(file: str | None) -> "Pipeline":
    """The pipeline of the current folder, or of a file."""
    from riverrun.flow import Pipeline  # late: help and usage errors need none of it

    return Pipeline.load(file=file)


def spec_above(folders: Sequence[str]) -> bool:
    """Whether a spec lies in the folder, or in one above it."""
    from riverrun.flow.seal import has_spec

    return has_spec(os.path.abspath(os.path.join("", *folders)), None)
