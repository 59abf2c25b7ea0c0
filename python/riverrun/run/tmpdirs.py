"""The steps' own TMPDIRs: a step that starts takes an empty folder, and gives it back when it has ended.

They are numbered, not named for steps, and one that was left empty is used again: to make and remove a folder costs a
small step more than anything else that is done for it.
"""

import os
import stat

from riverrun.model.names import OWN
from riverrun.native import Hasher
from riverrun.run import trees


class TmpDirs:
    """The TMPDIRs of one workspace, in a folder that is new and goes with `close`."""

    def __init__(self, root: str, base: str) -> None:
        self._nest = _nest(root, base)
        trees.remove(self._nest)
        os.mkdir(self._nest, 0o700)
        self._free: list[str] = []
        self._taken: dict[str, str] = {}
        self._made = 0

    def take(self, step: str) -> str:
        """An empty folder for a step; beside it, a file of its name with `.json` at the end may be written."""
        if self._free:
            folder = self._free.pop()
        else:
            folder = os.path.join(self._nest, str(self._made))
            self._made += 1
            os.mkdir(folder, 0o700)
        self._taken[step] = folder
        return folder

    def give_back(self, step: str) -> None:
        """The step is over, or did not start: what it left there goes."""
        folder = self._taken.pop(step, "")
        if not folder:
            return
        if os.path.lexists(folder + ".json"):
            trees.remove(folder + ".json")
        if _is_as_made(folder):
            self._free.append(folder)
        else:
            trees.remove(folder)

    def close(self) -> None:
        """Remove them all."""
        trees.remove(self._nest)


def _is_as_made(folder: str) -> bool:
    try:
        return os.lstat(folder).st_mode == stat.S_IFDIR | 0o700 and not os.listdir(folder)
    except OSError:
        return False


def _nest(root: str, base: str) -> str:
    if not base:
        return os.path.join(root, OWN, "tmp")
    os.makedirs(base, exist_ok=True)
    hasher = Hasher("blake3")
    hasher.update(os.fsencode(root))
    return os.path.join(base, f"riverrun-{hasher.hexdigest()[:16]}")
