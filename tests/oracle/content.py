"""What stands at a path, as values: a disk comes in, contents that can be compared go out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Absent(Enum):
    """Nothing stands there."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class File:
    """A file: its bytes, and whether it may be executed."""

    text: bytes
    exec: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, as only tampering makes it."""

    text: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: its files by their path below it, and (None) its empty folders; sorted by bytes."""

    entries: tuple[tuple[str, File | Link | None], ...]

    @classmethod
    def of(cls, entries: Mapping[str, File | Link | None]) -> "Folder":
        """A folder with these entries."""
        return cls(tuple(sorted(entries.items(), key=lambda entry: os.fsencode(entry[0]))))

    def at(self, path: str) -> "Content":
        """What lies at a path below."""
        found = dict(self.entries).get(path)
        return ABSENT if found is None else found


Content = File | Folder | Link | Absent
Tree = dict[str, File | Link | None]


def tree_at(root: str) -> Tree:
    """All that lies in a workspace but riverrun's own: files by path, and (None) empty folders."""
    found: Tree = {}
    for folder, below, names in os.walk(root):
        at = os.path.relpath(folder, root)
        if at == ".":
            below[:] = [name for name in below if name != ".riverrun"]
        elif not below and not names:
            found[at] = None
        for name in [*names, *(name for name in below if os.path.islink(os.path.join(folder, name)))]:
            place = os.path.join(folder, name)
            path = os.path.normpath(os.path.join(at, name))
            if os.path.islink(place):
                found[path] = Link(os.readlink(place))
                continue
            with open(place, "rb") as file:
                found[path] = File(file.read(), bool(os.fstat(file.fileno()).st_mode & 0o100))
    return found


def flat(path: str, content: Content) -> Tree:
    """Content at a path as entries of a tree."""
    if isinstance(content, Absent):
        return {}
    if isinstance(content, Folder):
        return {f"{path}/{below}": entry for below, entry in content.entries} or {path: None}
    return {path: content}


def below(tree: Mapping[str, File | Link | None], path: str) -> Tree:
    """The entries of a tree below a path, named from there."""
    head = path + "/"
    return {name.removeprefix(head): entry for name, entry in tree.items() if name.startswith(head)}


def woven(content: Content) -> bytes:
    """What a command reads of an input: the bytes of a file, the listing of a folder with the bytes in between."""
    if isinstance(content, File):
        return content.text
    if not isinstance(content, Folder):
        return b""
    lines: dict[str, bytes] = {}
    for path, entry in content.entries:
        parts = path.split("/")
        for depth in range(1, len(parts) + (entry is None)):
            folder = "./" + "/".join(parts[:depth])
            lines[folder] = b"dir %s\n" % folder.encode()
        if isinstance(entry, File):
            kind = b"exec" if entry.exec else b"file"
            lines["./" + path] = b"%s %s\n%s" % (kind, ("./" + path).encode(), entry.text)
    return b"".join(lines[path] for path in sorted(lines, key=os.fsencode))
