"""The one door of this room to the files of a project: folders listed (each once), small files read."""

import os
from collections.abc import Mapping
from enum import Enum


class Standing(Enum):
    """What a name in a folder is, as far as globs care."""

    FILE = "file"
    FOLDER = "folder"  # a real one: links to folders are met by no glob


Listings = Mapping[str, Mapping[str, Standing]]
"""What folders held when patterns were matched: folder -> name -> what stands there."""


class Disk:
    """A project's files, by paths relative to its root (or absolute). Tests put a table in its place."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._listed: dict[str, Mapping[str, Standing]] = {}
        self._absent: dict[str, None] = {}

    @property
    def listed(self) -> Listings:
        """The folders listed so far, with what they held."""
        return self._listed

    @property
    def absent(self) -> tuple[str, ...]:
        """The paths asked for so far at which nothing is."""
        return tuple(self._absent)

    def list(self, folder: str) -> Mapping[str, Standing]:
        """What a folder holds; nothing, where there is none. OSError where it cannot be read."""
        found = self._listed.get(folder)
        if found is None:
            found = self._listed[folder] = self._list(folder)
        return found

    def _list(self, folder: str) -> Mapping[str, Standing]:
        names = {}
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        names[entry.name] = Standing.FOLDER
                    elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and not entry.is_dir()):
                        names[entry.name] = Standing.FILE
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return names

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        there = os.path.lexists(os.path.join(self._root, path))
        if not there:
            self._absent[path] = None
        return there

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None where there is none."""
        try:
            with open(os.path.join(self._root, path), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
