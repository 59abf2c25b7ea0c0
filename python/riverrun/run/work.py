"""Work folders: a step comes in, a folder that holds its inputs and takes its outputs goes out.

The folder of a step lies at a stable path, so that what a command writes about where it ran does not change its outputs.
It is never used twice: what an earlier attempt left there is set aside and removed before.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from riverrun.model.step import Ground, Input, Inputs, Step
from riverrun.native import Hasher
from riverrun.run import trees
from riverrun.run.scratch import Scratch

LEFTOVERS_NAMED = 20
_OWN = ".riverrun"


def folder_name(step: Step) -> str:
    """The name of the step's work folder: from its outputs, so that a renamed step keeps it."""
    outputs = sorted(output.path for output in step.outputs)
    named = "\0".join(["outputs", *outputs]) if outputs else f"step\0{step.name}"
    hasher = Hasher("blake3")
    hasher.update(os.fsencode(named))
    return hasher.hexdigest()[:32]  # 128 bits are enough among a project's steps, and paths stay short


def _above(path: str) -> list[str]:
    """The folders above a workspace-relative path, outermost first, the workspace folder left out."""
    places = [place for place, letter in enumerate(path) if letter == "/"]
    return [path[:place] for place in places]


@dataclass(slots=True)
class _Laid:
    """What riverrun itself put into a work folder."""

    path: str
    folders: set[str] = field(default_factory=lambda: {""})
    pieces: set[str] = field(default_factory=set)  # links, or copies where `real`


class WorkFolders:
    """The work folders of a workspace: made, kept aside when a step failed, dropped when its outputs were taken."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._work = os.path.join(root, _OWN, "work")
        self._failed = os.path.join(root, _OWN, "failed")
        self._scratch = Scratch(root)
        self._laid: dict[str, _Laid] = {}
        os.makedirs(self._work, exist_ok=True)

    def path(self, step: Step) -> str:
        """The absolute path at which the step sees the workspace folder."""
        if step.ground is Ground.IN_PLACE:
            return self.root
        return os.path.join(self._work, folder_name(step))

    def cwd(self, step: Step) -> str:
        """The absolute path of the folder in which its command runs."""
        return os.path.join(self.path(step), _cwd(step)).rstrip("/")

    def prepare(self, step: Step, key: bytes) -> str:
        """Make the step's work folder, with all it reads. Raises OSError."""
        work = self.path(step)
        if step.ground is Ground.IN_PLACE:
            return work
        try:
            os.mkdir(work)
        except FileExistsError:
            self._scratch.rescue(os.path.basename(work), work)
            trees.remove(trees.set_aside(self.root, work))
            os.mkdir(work)
        laid = self._laid[step.name] = _Laid(work)
        cwd = _cwd(step)
        for path in (*_above(cwd), cwd):
            self._make(laid, path)
        for path in itertools.chain((output.path for output in step.outputs), _scratch_paths(step)):
            for above in _above(path):
                self._make(laid, above)
        # An outer folder first: what lies inside it is then there already.
        for read in sorted(step.reads, key=lambda read: len(read.path)):
            if not read.outside:
                self._lay_read(laid, step, read)
        if step.scratch:
            self._scratch.bring(os.path.basename(work), work, key, _scratch_paths(step))
        return work

    def keep_failed(self, step: Step) -> str:
        """Set the folder of a failed or interrupted attempt aside; where, relative to the workspace ("": nowhere)."""
        self._laid.pop(step.name, None)
        work = self.path(step)
        if step.ground is Ground.IN_PLACE or not os.path.lexists(work):
            return ""
        name = os.path.basename(work)
        self._scratch.rescue(name, work)
        os.makedirs(self._failed, exist_ok=True)
        self._remove_failed(name)
        trees.move(work, os.path.join(self._failed, name))
        return f"{_OWN}/failed/{name}"

    def drop(self, step: Step) -> list[str]:
        """Remove the folder of a step whose outputs were taken; the names of what it left undeclared, some of them."""
        laid = self._laid.pop(step.name, None)
        if step.ground is Ground.IN_PLACE or laid is None:
            return []
        declared = {output.path for output in step.outputs} | set(_scratch_paths(step))
        leftovers = list(itertools.islice(_leftovers(laid, declared), LEFTOVERS_NAMED))
        trees.remove(laid.path)
        name = os.path.basename(laid.path)
        self._remove_failed(name)
        if step.scratch:
            self._scratch.forget(name)
        return leftovers

    def clear(self) -> None:
        """Remove all work folders, those of a dead run, but for their scratch paths; and what was set aside before."""
        with os.scandir(self._work) as entries:
            found = [entry.path for entry in entries]
        for work in found:  # all are renamed before any is removed: from then on their paths are free
            self._scratch.rescue(os.path.basename(work), work)
            trees.set_aside(self.root, work)
        trees.remove(os.path.join(self.root, _OWN, "trash"))

    def _make(self, laid: _Laid, path: str) -> None:
        if path not in laid.folders:
            os.mkdir(os.path.join(laid.path, path))
            laid.folders.add(path)

    def _lay_read(self, laid: _Laid, step: Step, read: Input) -> None:
        above = _above(read.path)
        if read.path in laid.pieces or not laid.pieces.isdisjoint(above):
            return  # named twice, or inside a folder that is there
        if read.optional and not os.path.lexists(os.path.join(self.root, read.path)):
            return
        for path in above:
            self._make(laid, path)
        self._lay(laid, read.path, step)

    def _lay(self, laid: _Laid, path: str, step: Step) -> None:
        """Put one file or folder there; a folder in which the command runs or writes is spread out into its entries."""
        real = os.path.join(self.root, path)
        if path in laid.folders:
            taken = {output.path for output in step.outputs} | set(_scratch_paths(step))
            for name in os.listdir(real.rstrip("/")):
                below = f"{path}/{name}" if path else name
                if below != _OWN and below not in taken:
                    self._lay(laid, below, step)
            return
        place = os.path.join(laid.path, path)
        if step.real is Inputs.REAL:
            trees.copy(real, place)
        else:
            os.symlink(real, place)
        laid.pieces.add(path)

    def _remove_failed(self, name: str) -> None:
        failed = os.path.join(self._failed, name)
        if os.path.lexists(failed):
            trees.remove(trees.set_aside(self.root, failed))


def _cwd(step: Step) -> str:
    path = os.path.normpath(os.path.join(step.home, step.cwd))
    return "" if path == "." else path


def _scratch_paths(step: Step) -> list[str]:
    return [os.path.normpath(os.path.join(step.home, path)) for path in step.scratch]


def _leftovers(laid: _Laid, declared: set[str]) -> Iterator[str]:
    """What stands in the work folder and was neither put there nor declared; a folder by its name and '/'."""
    for folder in sorted(laid.folders):
        try:
            with os.scandir(os.path.join(laid.path, folder)) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            continue  # the command removed it: it may
        for name, is_folder in found:
            path = f"{folder}/{name}" if folder else name
            if path not in laid.folders and path not in laid.pieces and path not in declared:
                yield path + "/" if is_folder else path
