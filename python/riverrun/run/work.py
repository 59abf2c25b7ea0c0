"""Work folders: a step comes in, a folder that holds its inputs and takes its outputs goes out.

The folder of a step lies at a stable path, so that what a command writes about where it ran does not change its outputs.
Nothing that an attempt left is ever met by another: what is found at the path is set aside and removed before. A folder
that was left exactly as it was made is idle: it is renamed for the next step that needs the same folders in it.
"""

import os
from dataclasses import dataclass, field

from riverrun.model.names import OWN
from riverrun.model.step import Ground, Input, Inputs, Step
from riverrun.native import Hasher, lay_work, sweep_work
from riverrun.run import trees
from riverrun.run.scratch import Scratch

LEFTOVERS_NAMED = 20
IDLE_KEPT = 512  # folders; two batches of recording
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def folder_name(step: Step) -> str:
    """The name of the step's work folder: from its outputs, so that a renamed step keeps it."""
    outputs = sorted(output.path for output in step.outputs)
    named = "\0".join(["outputs", *outputs]) if outputs else f"step\0{step.name}"
    hasher = Hasher("blake3")
    hasher.update(os.fsencode(named))
    return hasher.hexdigest()[:32]  # 128 bits are enough among a project's steps, and paths stay short


def _above(path: str) -> list[str]:
    """The folders above a workspace-relative path, outermost first, the workspace folder left out."""
    if "/" not in path:
        return []
    places = [place for place, letter in enumerate(path) if letter == "/"]
    return [path[:place] for place in places]


@dataclass(slots=True)
class _Laid:
    """What riverrun itself puts into a work folder."""

    name: str
    folders: set[str] = field(default_factory=lambda: {""})
    links: dict[str, str] = field(default_factory=dict)  # path in it -> where it leads
    copies: dict[str, str] = field(default_factory=dict)  # path in it -> of what (where `real`)

    def has(self, path: str) -> bool:
        """Whether a piece of the project stands at this very path."""
        return path in self.links or path in self.copies

    def shape(self) -> tuple[bytes, ...]:
        """The folders that must be made, outer ones first."""
        return tuple(os.fsencode(folder) for folder in sorted(self.folders) if folder)


class WorkFolders:
    """The work folders of a workspace: made, kept aside when a step failed, dropped when its outputs were taken."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._work = os.path.join(root, OWN, "work")
        self._failed = os.path.join(root, OWN, "failed")
        self._scratch = Scratch(root)
        self._laid: dict[str, _Laid] = {}
        self._idle: dict[tuple[bytes, ...], list[str]] = {}  # by their shape
        self._idle_shapes: dict[str, tuple[bytes, ...]] = {}
        self._rights: tuple[int, int, int] | None = None  # of folders as they are made
        os.makedirs(self._work, exist_ok=True)
        self._nest = os.open(self._work, _FOLDER)
        self._grave_path = ""  # of links that are no longer needed
        self._grave = -1

    def close(self) -> None:
        """Remove the idle ones."""
        for name in list(self._idle_shapes):
            self._forget_idle(name)
        if self._grave >= 0:
            trees.remove(self._grave_path)
            os.close(self._grave)
        os.close(self._nest)

    def path(self, step: Step) -> str:
        """The absolute path at which the step sees the workspace folder."""
        if step.ground is Ground.IN_PLACE:
            return self.root
        laid = self._laid.get(step.name)
        return f"{self._work}/{laid.name if laid else folder_name(step)}"

    def cwd(self, step: Step) -> str:
        """The absolute path of the folder in which its command runs."""
        below = _cwd(step)
        return f"{self.path(step)}/{below}" if below else self.path(step)

    def prepare(self, step: Step, key: bytes) -> str:
        """Make the step's work folder, with all it reads. Raises OSError."""
        if step.ground is Ground.IN_PLACE:
            return self.root
        laid = self._plan(step)
        self._laid[step.name] = laid
        work = self.path(step)
        self._make(laid, work)
        for path, real in laid.copies.items():
            trees.copy(real, os.path.join(work, path))
        if step.scratch:
            self._scratch.bring(laid.name, work, key, _scratch_paths(step))
        return work

    def _plan(self, step: Step) -> _Laid:
        laid = _Laid(folder_name(step))
        cwd = _cwd(step)
        laid.folders.update((*_above(cwd), cwd))
        for output in step.outputs:
            laid.folders.update(_above(output.path))
        for path in _scratch_paths(step):
            laid.folders.update(_above(path))
        # An outer folder first: what lies inside it is then there already.
        for read in sorted(step.reads, key=lambda read: len(read.path)):
            if not read.outside:
                self._plan_read(laid, step, read)
        return laid

    def _make(self, laid: _Laid, work: str) -> None:
        if laid.name in self._idle_shapes:  # its own, of an attempt before
            self._forget_idle(laid.name)
        name, shape = os.fsencode(laid.name), laid.shape()
        links = [(os.fsencode(path), os.fsencode(real)) for path, real in laid.links.items()]
        idle = self._take_idle(shape)
        try:
            lay_work(self._nest, name, idle, shape, links)
        except (FileExistsError, FileNotFoundError):  # a dead run's is there; or the idle one is not
            self._scratch.rescue(laid.name, work)
            trees.remove(trees.set_aside(self.root, work))
            lay_work(self._nest, name, None, shape, links)
        if self._rights is None:
            made = os.stat(work)
            self._rights = (made.st_mode, made.st_uid, made.st_gid)

    def _take_idle(self, shape: tuple[bytes, ...]) -> bytes | None:
        names = self._idle.get(shape)
        if not names:
            return None
        name = names.pop()
        del self._idle_shapes[name]
        return os.fsencode(name)

    def _forget_idle(self, name: str) -> None:
        self._idle[self._idle_shapes.pop(name)].remove(name)
        trees.remove(os.path.join(self._work, name))

    def keep_failed(self, step: Step) -> str:
        """Set the folder of a failed or interrupted attempt aside; where, relative to the workspace ("": nowhere)."""
        self._laid.pop(step.name, None)
        work = self.path(step)
        name = os.path.basename(work)
        if step.ground is Ground.IN_PLACE or name in self._idle_shapes or not os.path.lexists(work):
            return ""
        self._scratch.rescue(name, work)
        os.makedirs(self._failed, exist_ok=True)
        self._remove_failed(name)
        trees.move(work, os.path.join(self._failed, name))
        return f"{OWN}/failed/{name}"

    def drop(self, step: Step) -> list[str]:
        """Remove the folder of a step whose outputs were taken; the names of what it left undeclared, some of them."""
        laid = self._laid.pop(step.name, None)
        if step.ground is Ground.IN_PLACE or laid is None:
            return []
        declared = {os.fsencode(path) for path in (*(o.path for o in step.outputs), *_scratch_paths(step))}
        pieces = {os.fsencode(path) for path in (*laid.links, *laid.copies)}
        shape = laid.shape()
        assert self._rights is not None, "what was laid was made"
        left, unused = sweep_work(
            self._nest, self._open_grave(), os.fsencode(laid.name), shape, pieces, declared, self._rights
        )
        if unused and len(self._idle_shapes) < IDLE_KEPT:
            self._idle.setdefault(shape, []).append(laid.name)
            self._idle_shapes[laid.name] = shape
        else:
            trees.remove(os.path.join(self._work, laid.name))
        self._remove_failed(laid.name)
        if step.scratch:
            self._scratch.forget(laid.name)
        return [os.fsdecode(path) for path in left[:LEFTOVERS_NAMED]]

    def _open_grave(self) -> int:
        if self._grave < 0:
            self._grave_path = trees.new_in_trash(self.root)
            self._grave = os.open(self._grave_path, _FOLDER)
        return self._grave

    def clear(self) -> None:
        """Remove all work folders, those of a dead run, but for their scratch paths; and what was set aside before."""
        with os.scandir(self._work) as entries:
            found = [entry.path for entry in entries]
        for work in found:  # all are renamed before any is removed: from then on their paths are free
            self._scratch.rescue(os.path.basename(work), work)
            trees.set_aside(self.root, work)
        trees.remove(os.path.join(self.root, OWN, "trash"))

    def _plan_read(self, laid: _Laid, step: Step, read: Input) -> None:
        above = _above(read.path)
        if laid.has(read.path) or any(map(laid.has, above)):
            return  # named twice, or inside a folder that is there
        if read.optional and not os.path.lexists(os.path.join(self.root, read.path)):
            return
        laid.folders.update(above)
        self._plan_piece(laid, read.path, step)

    def _plan_piece(self, laid: _Laid, path: str, step: Step) -> None:
        """Put one file or folder there; a folder in which the command runs or writes is spread out into its entries."""
        real = os.path.join(self.root, path)
        if path in laid.folders:
            taken = {output.path for output in step.outputs} | set(_scratch_paths(step))
            for name in os.listdir(real.rstrip("/")):
                below = f"{path}/{name}" if path else name
                if below != OWN and below not in taken:
                    self._plan_piece(laid, below, step)
        elif step.real is Inputs.REAL:
            laid.copies[path] = real
        else:
            laid.links[path] = real

    def _remove_failed(self, name: str) -> None:
        failed = os.path.join(self._failed, name)
        if os.path.lexists(failed):
            trees.remove(trees.set_aside(self.root, failed))


def _cwd(step: Step) -> str:
    if not step.home and not step.cwd:
        return ""
    path = os.path.normpath(os.path.join(step.home, step.cwd))
    return "" if path == "." else path


def _scratch_paths(step: Step) -> list[str]:
    return [os.path.normpath(os.path.join(step.home, path)) for path in step.scratch]
