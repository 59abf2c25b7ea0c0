"""Large blobs, a file each: copies come in, wait for the barrier, and stand under their digest; pieces go out."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from riverrun.native import sync_files
from riverrun.store.blob import HEX, Copy, Piece

READ_ONLY = 0o444


class Loose:
    """`objects/ab/<hex>`. A file gets its name only when its bytes are durable: others may build upon what they find."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._waiting: dict[bytes, Copy] = {}
        self._files: set[str] = set()  # to be synced besides
        self._folders: set[str] = set()

    def path(self, digest: bytes) -> str:
        name = digest.hex()
        return os.path.join(self.folder, name[:2], name)

    def locate(self, digest: bytes) -> Piece | None:
        waiting = self._waiting.get(digest)
        if waiting is not None:
            return Piece(waiting.path, 0, waiting.size)
        path = self.path(digest)
        try:
            return Piece(path, 0, os.stat(path, follow_symlinks=False).st_size)
        except OSError:
            return None

    def add(self, copy: Copy, nest: str) -> None:
        """Take a copy into `nest`; it may be found from now on by this process, by others after `sync`."""
        there = self.locate(copy.digest)
        if there is not None and there.length == copy.size:
            os.unlink(copy.path)
            if copy.digest not in self._waiting:  # who put it there may not have synced it yet
                self._files.add(there.path)
                self._folders.add(os.path.dirname(there.path))
            return
        os.chmod(copy.path, READ_ONLY)
        path = os.path.join(nest, f"waiting-{copy.digest.hex()}")  # its giver may use the old name again
        os.rename(copy.path, path)
        self._waiting[copy.digest] = Copy(copy.digest, copy.size, path)

    def move_in(self, path: str, digest: bytes) -> None:
        """Rename a file of the workspace into its place. Its bytes are old; only its name has to be made durable."""
        place = self._room(digest)
        os.rename(path, place)
        os.chmod(place, READ_ONLY)
        self._files.add(place)

    def sync(self, others: list[str]) -> None:
        """One barrier: the bytes of all that waits and of `others`; then the names."""
        files = [copy.path for copy in self._waiting.values()] + sorted(self._files) + others
        if files:
            sync_files([os.fsencode(path) for path in files])
        self._files.clear()
        for digest, copy in list(self._waiting.items()):
            os.rename(copy.path, self._room(digest))
            del self._waiting[digest]
        if self._folders:
            sync_files([os.fsencode(path) for path in sorted(self._folders)])
            self._folders.clear()

    def note_folder(self, path: str) -> None:
        """A folder that has a new name in it, to be synced with the next barrier."""
        self._folders.add(path)

    def remove(self, digest: bytes) -> None:
        self.drop(digest)
        Path(self.path(digest)).unlink(missing_ok=True)

    def drop(self, digest: bytes) -> None:
        """Forget a copy that still waits."""
        waiting = self._waiting.pop(digest, None)
        if waiting is not None:
            Path(waiting.path).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[tuple[bytes, str, int]]:
        """(digest, path, size) of all that stand; what is named otherwise is not ours."""
        with contextlib.suppress(FileNotFoundError):
            for part in sorted(os.listdir(self.folder)):
                with (
                    contextlib.suppress(NotADirectoryError),
                    os.scandir(os.path.join(self.folder, part)) as entries,
                ):
                    for entry in entries:
                        if (
                            len(entry.name) == HEX
                            and entry.name.startswith(part)
                            and entry.is_file(follow_symlinks=False)
                        ):
                            with contextlib.suppress(ValueError):
                                yield (
                                    bytes.fromhex(entry.name),
                                    entry.path,
                                    entry.stat(follow_symlinks=False).st_size,
                                )

    def _room(self, digest: bytes) -> str:
        path = self.path(digest)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            self._folders.add(self.folder)
        self._folders.add(folder)
        return path
