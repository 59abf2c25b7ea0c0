"""What survives a failed attempt so that a program can resume: scratch paths go in and out of work folders.

`.riverrun/scratch/<folder>/` holds `note` (whose key, which paths) from before the command starts until it succeeded, and
between attempts the paths themselves, by number. So a run that finds the work folder of a killed one can rescue them
without knowing the step.
"""

import contextlib
import json
import os
from collections.abc import Sequence

from riverrun.model.names import OWN
from riverrun.run import trees


class Scratch:
    """The scratch paths of all steps of a workspace; a step is known by the name of its work folder."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folder = os.path.join(root, OWN, "scratch")

    def bring(self, name: str, work: str, key: bytes, paths: Sequence[str]) -> None:
        """Move what an earlier attempt of the same key left into the new work folder; of another key: remove it."""
        kept = os.path.join(self._folder, name)
        if self._note(name) != (key.hex(), list(paths)):
            self.forget(name)
            os.makedirs(kept)
            # Renamed into place, so that a kill leaves a whole note or none.
            with open(os.path.join(kept, "note.new"), "w", encoding="ascii") as file:
                json.dump({"key": key.hex(), "paths": list(paths)}, file)
            os.rename(os.path.join(kept, "note.new"), os.path.join(kept, "note"))
            return
        for number, path in enumerate(paths):
            with contextlib.suppress(FileNotFoundError):
                trees.move(os.path.join(kept, str(number)), os.path.join(work, path))

    def rescue(self, name: str, work: str) -> None:
        """Move the scratch paths out of a work folder that is about to be set aside."""
        note = self._note(name)
        if note is None:
            return
        for number, path in enumerate(note[1]):
            found, kept = os.path.join(work, path), os.path.join(self._folder, name, str(number))
            if os.path.lexists(found):
                trees.remove(kept)
                trees.move(found, kept)

    def forget(self, name: str) -> None:
        """Remove what is kept for a step."""
        kept = os.path.join(self._folder, name)
        if os.path.lexists(kept):
            trees.remove(trees.set_aside(self._root, kept))

    def _note(self, name: str) -> tuple[str, list[str]] | None:
        try:
            with open(os.path.join(self._folder, name, "note"), "rb") as file:
                note = json.load(file)
            return str(note["key"]), [str(path) for path in note["paths"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
