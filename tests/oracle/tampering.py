"""Tampering: a bench and three numbers come in, an artifact on disk is no longer what was made; told in words."""

import os
import shutil

from oracle.bench import Bench, Clock
from oracle.content import ABSENT, Content, File, Folder, Link
from oracle.edits import CLOCKS, NOT_NOW


def _artifact(bench: Bench, number: int, kind: type) -> str:
    paths = sorted(path for path, content in bench.memory.disk.items() if isinstance(content, kind))
    return paths[number % len(paths)] if paths else ""


def _put(bench: Bench, path: str, content: Content, clock: Clock, told: str) -> str:
    bench.memory.disk[path] = content
    if content is ABSENT:
        bench.remove(path)
    else:
        assert not isinstance(content, type(ABSENT))
        bench.put(path, content, clock)
    return f"{told} {path}, {clock.value}"


def tamper_file(bench: Bench, a: int, b: int, c: int) -> str:
    """Other bytes (of the same size, or more), another exec bit, or only another clock."""
    path = _artifact(bench, a, File)
    if not path:
        return NOT_NOW
    file = bench.memory.disk[path]
    assert isinstance(file, File)
    flipped = bytes(255 - byte for byte in file.text[:1]) + file.text[1:]
    new, told = (
        (File(flipped, file.exec), "flip a byte of"),
        (File(file.text + b"more\n", file.exec), "add to"),
        (File(file.text, not file.exec), "flip x of"),
        (file, "touch"),
        (File(b"", file.exec), "empty"),
    )[b % 5]
    return _put(bench, path, new, CLOCKS[c % len(CLOCKS)], told)


def delete(bench: Bench, a: int, b: int, c: int) -> str:
    """An artifact is gone."""
    path = _artifact(bench, a, Folder if b % 3 == 0 else File)
    return _put(bench, path, ABSENT, Clock.NOW, "delete") if path else NOT_NOW


def delete_all(bench: Bench, a: int, b: int, c: int) -> str:
    """All artifacts of a folder are gone, and the folder too."""
    path = _artifact(bench, a, File)
    folder = path.rpartition("/")[0]
    if not folder or folder in {os.path.dirname(source) for source in bench.world.sources}:
        return NOT_NOW
    for one in bench.memory.disk:
        if one.startswith(folder + "/"):
            bench.memory.disk[one] = ABSENT
    shutil.rmtree(os.path.join(bench.root, folder))
    return f"delete all of {folder}/"


def tamper_folder(bench: Bench, a: int, b: int, c: int) -> str:
    """A file or an empty folder more in an output folder, one less, or one that is not what it was."""
    path = _artifact(bench, a, Folder)
    if not path:
        return NOT_NOW
    folder = bench.memory.disk[path]
    assert isinstance(folder, Folder)
    entries = dict(folder.entries)
    names = sorted(name for name, entry in entries.items() if isinstance(entry, File))
    name = names[c % len(names)] if names else ""
    place = os.path.join(path, name)
    kind = b % 6
    if kind == 0:
        entries["added.txt"] = File(b"added\n")
        bench.put(os.path.join(path, "added.txt"), File(b"added\n"))
    elif kind == 1:
        entries["void"] = None
        bench.put(os.path.join(path, "void"), None)
    elif kind == 2 and entries.get("hollow", ABSENT) is None:
        del entries["hollow"]
        os.rmdir(os.path.join(bench.root, path, "hollow"))
    elif kind == 3 and name and "/" not in name:
        del entries[name]
        bench.remove(place)
    elif kind == 4 and name:
        entries[name] = File(b"other\n")
        bench.put(place, File(b"other\n"), CLOCKS[a % len(CLOCKS)])
    elif kind == 5 and name:
        entries[name] = Link("base.txt")
        bench.put(place, Link("base.txt"))
    else:
        return NOT_NOW
    bench.memory.disk[path] = Folder.of(entries)
    return f"tamper with {path}/: {('add file', 'add folder', 'drop hollow', 'drop', 'change', 'link')[kind]} {name}"


def replace_kind(bench: Bench, a: int, b: int, c: int) -> str:
    """A file where a folder was, a folder or a link where a file was."""
    path = _artifact(bench, a, (Folder, File)[b % 2])
    if not path or path.startswith("mix/"):
        return NOT_NOW
    if isinstance(bench.memory.disk[path], Folder):
        return _put(bench, path, File(b"no folder\n"), Clock.NOW, "a file in place of")
    if c % 2:
        return _put(bench, path, Folder.of({"in.txt": File(b"no file\n")}), Clock.NOW, "a folder in place of")
    target = os.path.relpath("in/a.txt", os.path.dirname(path) or ".")
    return _put(bench, path, Link(target), Clock.NOW, "a link in place of")


def swap(bench: Bench, a: int, b: int, c: int) -> str:
    """Two artifacts change places, with their stamps."""
    one, other = _artifact(bench, a, File), _artifact(bench, b, File)
    if one == other:
        return NOT_NOW
    disk = bench.memory.disk
    disk[one], disk[other] = disk[other], disk[one]
    first, second = os.path.join(bench.root, one), os.path.join(bench.root, other)
    os.rename(first, first + ".swap")
    os.rename(second, first)
    os.rename(first + ".swap", second)
    return f"swap {one} and {other}"


def junk(bench: Bench, a: int, b: int, c: int) -> str:
    """Something where an artifact was, and is no longer."""
    paths = sorted(
        path
        for path, content in bench.memory.disk.items()
        if content is ABSENT and not path.startswith("mix/")
    )
    if not paths:
        return NOT_NOW
    return _put(bench, paths[a % len(paths)], File(b"junk\n"), Clock.NOW, "junk at")
