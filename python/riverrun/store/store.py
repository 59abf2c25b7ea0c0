"""The store: copies come in, and are kept under the digest of what they hold; pieces to restore from go out."""

import contextlib
import os
import shutil
import stat
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from riverrun.errors import StoreError
from riverrun.model.names import OWN
from riverrun.native import hash_file
from riverrun.store import gc, layout, registry
from riverrun.store.blob import SMALL, Broken, Copy, Garbage, Piece, Registered, Small, Stats
from riverrun.store.lock import Hold, StoreLock
from riverrun.store.loose import Loose
from riverrun.store.pack import digest_of
from riverrun.store.packs import Packs
from riverrun.store.room import Room
from riverrun.store.staging import Staging, alive, remove_stale
from riverrun.store.verify import Progress, broken_loose, broken_records, is_sound
from riverrun.store.words import told

BATCH = 32 << 20  # bytes of small blobs that are held in memory at once
GC_SECONDS = 60.0  # how long a run waits for gc to end


class Store:
    """Content-addressed bytes, possibly of several workspaces. Until something is to be kept, it is only looked at."""

    def __init__(self, folder: str, workspace: str, ledger: str, most: int | None) -> None:
        self.folder = os.path.abspath(folder)
        self._room = Room(self.folder, most)
        self._workspace = workspace
        self._ledger = ledger
        self._lock = threading.RLock()
        self._turn = StoreLock(self._path("lock"))
        self._staging: Staging | None = None
        self._loose = Loose(self._path("objects"))
        self._packs = Packs(self._path("packs"), lambda name: alive(self._path("staging"), name))

    @classmethod
    def open(cls, folder: str, workspace: str, ledger: str = "", *, most: int | None = None) -> Self:
        """Makes nothing yet. `ledger` is left out where it is the workspace's own `.riverrun/ledger.db`.

        `most`: how many bytes it may hold; above, nothing more is copied into it.
        """
        store = cls(folder, workspace, ledger or os.path.join(workspace, OWN, "ledger.db"), most)
        layout.check(store.folder)
        return store

    @contextlib.contextmanager
    def using(self) -> Iterator[None]:
        """No bytes are removed meanwhile. Makes the folders, and registers the workspace."""
        self._make()
        with told(self.folder, "use the store"):
            self._turn.acquire(GC_SECONDS)
        try:
            with told(self.folder, "register in the store"):
                registry.register(self.folder, self._workspace, self._ledger)
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Make all durable, seal the own pack, and leave."""
        with self._lock:
            if self._staging is None:
                return
            staging, self._staging = self._staging, None
            try:
                with told(self.folder, "close the store"):
                    self._loose.sync(self._packs.unsynced())
                    self._packs.seal()
            finally:
                staging.remove()
                self._turn.release()

    def has(self, digest: bytes) -> bool:
        return self.locate(digest) is not None

    def missing(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of which no bytes are here."""
        return {digest for digest in digests if self.locate(digest) is None}

    def locate(self, digest: bytes) -> Piece | None:
        """Where to restore from. That the bytes are right is checked by who restores them (rule 9)."""
        with self._lock:
            return self._packs.locate(digest) or self._loose.locate(digest)

    def staging(self) -> str:
        """A folder for copies, on the store's filesystem; for this process alone, and gone with it."""
        with self._lock:
            if self._staging is None:
                self._enter()
            assert self._staging is not None
            return self._staging.path

    def add(self, copies: Sequence[Copy | Small]) -> None:
        """Take copies (their files are gone then); durable, and seen by others, after `sync`."""
        staging = self.staging()
        with self._lock, told(self.folder, "write to the store"):
            self._room.took(sum(copy.size for copy in copies))
            small: dict[bytes, bytes] = {}
            held = 0
            for copy in copies:
                if isinstance(copy, Small):
                    if copy.digest not in small and self._packs.locate(copy.digest) is None:
                        small[copy.digest] = copy.content
                        held += len(copy.content)
                elif copy.size > SMALL:
                    self._check_size(copy, os.stat(copy.path, follow_symlinks=False).st_size)
                    self._loose.add(copy, staging)
                else:
                    if copy.digest not in small and self._packs.locate(copy.digest) is None:
                        small[copy.digest] = self._content(copy)
                        held += copy.size
                    os.unlink(copy.path)
                if held > BATCH:
                    self._pack(small)
                    small, held = {}, 0
            self._pack(small)

    def sync(self) -> None:
        """The barrier of a batch: when this returns, all that was added outlives a power cut."""
        with self._lock, told(self.folder, "write to the store"):
            self._loose.sync(self._packs.unsynced())

    def move_in(self, path: str, digest: bytes, size: int) -> bool:
        """Keep a file of the workspace that is about to be replaced and was just found to be `digest`.

        Whether it is kept. Its path may be empty then; a small file, one on another filesystem, and one with a second
        name (which would stay linked to the store) are copied and stay.
        """
        if self.has(digest):
            return True
        staging = self.staging()
        with self._lock:
            try:
                found = os.lstat(path)
                if not stat.S_ISREG(found.st_mode) or found.st_size != size:
                    return False
                if size <= SMALL:
                    return self._pack_in(path, digest)
                if found.st_nlink == 1 and found.st_dev == os.stat(staging).st_dev:
                    self._loose.move_in(path, digest)
                    return True
                return not self.refusal(size) and self._copy_in(path, digest, size, staging)
            except OSError:
                return False  # it is made again, should it be wanted: no reason to fail a run

    def set_aside(self, digest: bytes) -> bool:
        """Look at a blob that could not be restored; bytes that are not what they should be are put to `broken/`.

        Whether they were: a restore may also fail for want of space.
        """
        with self._lock:
            piece = self.locate(digest)
            if piece is None or is_sound(piece, digest):
                return False
            with told(piece.path, "set aside"):
                self._set_aside(digest, piece)
            return True

    def verify(self, on_progress: Callable[[int, int], None] | None = None) -> list[Broken]:
        """Recompute the digest of every blob; broken ones are set aside. Told: blobs done, blobs in all."""
        with self.using(), self._lock, told(self.folder, "verify the store"):
            self.sync()
            loose = list(self._loose)
            lists = list(self._packs.lists())
            total = len(loose) + sum(len(pack.places) for pack in lists)
            progress = Progress(total, on_progress)
            broken = []
            for found in broken_loose(loose, progress):
                broken.append(found)
                self._set_aside(found.digest, Piece(found.path, 0, 0))
            for found, offset in broken_records(lists, progress):
                broken.append(found)
                self._packs.mark_broken(found.digest, found.path, offset)
            return broken

    def stats(self) -> Stats:
        with self._lock, told(self.folder, "look at the store"):
            loose = {digest: size for digest, _, size in self._loose}
            packs = list(self._packs.lists())
            packed = {digest: length for pack in packs for digest, _, length in pack.places}
            return Stats(
                blobs=len(loose | packed),
                bytes=sum((loose | packed).values()),
                packs=len(packs),
                loose=len(loose),
                broken=len(gc.files_below(self._path("broken"))),
                workspaces=len(self.registered()),
            )

    def plan_gc(self, keep: Container[bytes]) -> Garbage:
        """What can go when only `keep` is wanted (see `gc.reachable`); nothing is removed."""
        with self._lock, told(self.folder, "look at the store"):
            return gc.plan(self._loose, self._packs, self._path("broken"), keep)

    def collect(self, garbage: Garbage) -> None:
        """Remove it. Within `alone`, and planned within it: else what a run has added meanwhile would be lost."""
        if self._turn.hold is not Hold.ALONE:
            raise StoreError("garbage may only be removed by who is alone in the store")
        with self._lock, told(self.folder, "remove from the store"):
            gc.collect(self._loose, self._packs, self._path("broken"), garbage)
            remove_stale(self._path("staging"))

    @contextlib.contextmanager
    def alone(self, wait: float = 0.0) -> Iterator[None]:
        """No one else uses the store; `LockedError` when that is not so within `wait` seconds."""
        self.close()
        self._make()
        with self._turn.alone(wait):
            self._packs.forget()
            yield

    def registered(self) -> list[Registered]:
        """The workspaces that use this store."""
        with told(self.folder, "look at the store"):
            return registry.registered(self.folder)

    def refusal(self, size: int) -> str:
        """Why so many bytes may not be copied into it now; empty where they may."""
        return self._room.refusal(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _make(self) -> None:
        with told(self.folder, "make the store"):
            layout.make(self.folder)

    def _enter(self) -> None:
        with self.using(), told(self.folder, "use the store"):
            self._turn.acquire(GC_SECONDS)  # until `close`
            try:
                remove_stale(self._path("staging"))
                self._staging = Staging(self._path("staging"))
            except BaseException:
                self._turn.release()
                raise

    def _content(self, copy: Copy) -> bytes:
        file = os.open(copy.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            content = os.read(file, SMALL + 1)
        finally:
            os.close(file)
        self._check_size(copy, len(content))
        return content

    def _check_size(self, copy: Copy, size: int) -> None:
        if size != copy.size:
            raise StoreError(f"the copy '{copy.path}' has {size} bytes in place of {copy.size}")

    def _pack(self, blobs: dict[bytes, bytes]) -> None:
        if blobs:
            assert self._staging is not None
            self._packs.add(list(blobs.items()), self._staging.name)
            self._loose.note_folder(self._packs.folder)

    def _pack_in(self, path: str, digest: bytes) -> bool:
        with open(path, "rb") as file:
            content = file.read(SMALL + 1)
        if digest_of(content) != digest:
            return False
        self._pack({digest: content})
        return True

    def _copy_in(self, path: str, digest: bytes, size: int, staging: str) -> bool:
        copy = os.path.join(staging, digest.hex())
        shutil.copyfile(path, copy, follow_symlinks=False)
        if bytes(hash_file(copy)) != digest:
            os.unlink(copy)
            return False
        self._loose.add(Copy(digest, size, copy), staging)
        return True

    def _set_aside(self, digest: bytes, piece: Piece) -> None:
        if piece.path == self._loose.path(digest):
            os.rename(piece.path, gc.free_name(os.path.join(self._path("broken"), digest.hex())))
        elif piece.path.endswith(".pack"):
            self._packs.mark_broken(digest, piece.path, piece.offset)
        else:
            self._loose.drop(digest)
