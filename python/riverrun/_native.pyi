"""The Rust extension: hashing, fingerprints, looking at many files, placing files, TOML with positions."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Self, final

from typing_extensions import Buffer  # collections.abc has it from 3.12 on only

type _StrPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
type _Algorithm = Literal["blake3", "xxh3"]
type _Check = Literal["stat", "content", "strong"]

__all__ = [
    "Digest",
    "Fact",
    "Hasher",
    "Index",
    "Launcher",
    "Scan",
    "Seal",
    "Taken",
    "TomlError",
    "__version__",
    "check_seal",
    "exchange",
    "hash_as_xxhsum",
    "hash_file",
    "hash_files",
    "lay_work",
    "now_ns",
    "parse_toml",
    "read_seal_header",
    "sweep_work",
    "sync_files",
]

__version__: str

@final
class Digest:
    """A digest of content: 32 bytes for blake3, 16 for xxh3. Immutable; ordered by algorithm, then by bytes."""

    def __new__(cls, value: bytes, algorithm: _Algorithm = "blake3") -> Self: ...
    @property
    def algorithm(self) -> _Algorithm: ...
    def hex(self) -> str: ...
    def __bytes__(self) -> bytes: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __lt__(self, other: Digest, /) -> bool: ...
    def __le__(self, other: Digest, /) -> bool: ...
    def __gt__(self, other: Digest, /) -> bool: ...
    def __ge__(self, other: Digest, /) -> bool: ...
    def __reduce__(self) -> tuple[type[Digest], tuple[bytes, _Algorithm]]: ...

def hash_file(
    path: _StrPath | int,
    *,
    algorithm: _Algorithm = "blake3",
    threads: int | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> Digest:
    """The digest of one file: a path, or an open descriptor (read from its start; its position stays as it is).
    `on_progress` is called by this thread with the number of bytes read so far, now and then and at the end; what it
    raises ends the work, and is raised."""

def hash_files(
    paths: Iterable[_StrPath],
    *,
    algorithm: _Algorithm = "blake3",
    threads: int | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> list[Digest | OSError]:
    """The digests of many files, in order. What cannot be read has its `OSError` in its place."""

def hash_as_xxhsum(path: _StrPath, *, on_progress: Callable[[int], object] | None = None) -> Digest:
    """XXH3-128 of a whole file as `xxhsum -H128` prints it. Above one chunk no `hash_file` yields it: only lists that
    xxhsum wrote are compared with it."""

@final
class Hasher:
    """Incremental hashing with hashlib's protocol; the digest is that of a file with the same bytes."""

    def __new__(cls, algorithm: _Algorithm = "blake3") -> Self: ...
    @property
    def name(self) -> _Algorithm: ...
    @property
    def digest_size(self) -> int: ...
    @property
    def block_size(self) -> int: ...
    def update(self, buffer: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Hasher: ...

@final
class Scan:
    """What a scan found, compared with what the index last saw. Paths are spelled as the one given for them."""

    @property
    def changed(self) -> list[str]:
        """Whose content is new or different; in byte order."""
    @property
    def missing(self) -> list[str]:
        """Known before and gone, or given and not there; in byte order."""
    @property
    def errors(self) -> list[OSError]:
        """What could not be read, or is neither a file, a folder nor a link."""
    @property
    def unchanged(self) -> int: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def check(self) -> _Check: ...

@final
class Fact:
    """What is at one path now."""

    @property
    def path(self) -> bytes: ...
    @property
    def kind(self) -> Literal["missing", "file", "exec", "folder", "link", "other", "error"]:
        """`link` only from `take` and `place`: `look` follows the links it is given."""
    @property
    def digest(self) -> Digest | None:
        """Strong; of a folder: of its manifest."""
    @property
    def size(self) -> int:
        """Of a folder: the sum of its files."""
    @property
    def certified(self) -> bool:
        """False: someone was writing, or it changed while it was read."""
    @property
    def trusted(self) -> bool:
        """The stat alone vouches for it at the next look (rule 1)."""
    @property
    def read(self) -> bool:
        """Bytes were read for this look."""
    @property
    def entries(
        self,
    ) -> list[tuple[bytes, Literal["file", "exec", "link", "folder"], Digest | None, bytes | None, int]]:
        """Of a folder: (path below it, kind, digest, text of a link, size), in byte order. Built anew at each call."""
    @property
    def error(self) -> OSError | None: ...
    @property
    def links(self) -> list[tuple[bytes, bytes]]:
        """Every symbolic link in it (b"" for itself): (path below it, text)."""
    @property
    def copied(self) -> list[tuple[Digest, int, bytes]]:
        """From `take`: (digest, size, path of the copy), each content once."""
    @property
    def kept(self) -> list[tuple[Digest, bytes]]:
        """From `take`: the bytes of small files that were to be copied, each content once."""

@final
class Taken:
    """Files held (by read leases) between their hashing and their placing."""

    @property
    def facts(self) -> list[Fact]: ...
    def place(self, moves: Sequence[tuple[bytes, bytes]]) -> list[Fact]:
        """Move each source to its place, making parent folders. What it replaces is gone, or, where a folder is
        concerned, at the source afterwards. Onto another filesystem it is copied, verified and renamed. One fact for
        each; a move that failed has kind `error`."""
    def release(self) -> None: ...

@final
class Index:
    """The fingerprints of a workspace, kept in one checksummed file. Relative paths start at `root` (without one, at the
    current folder)."""

    def __new__(cls, path: _StrPath, *, root: _StrPath | None = None) -> Self: ...
    @property
    def note(self) -> str | None:
        """Why an existing file could not be used, if so."""
    def scan(
        self,
        paths: Iterable[_StrPath],
        *,
        check: _Check = "stat",
        threads: int | None = None,
        save: bool = True,
        on_progress: Callable[[int], object] | None = None,
    ) -> Scan:
        """Compare files, and all in folders, with what the index last saw. With `save=False` the index learns nothing
        until it is given the scan to save."""
    def save(self, scan: Scan | None = None) -> None:
        """Write the file, if there is anything new."""
    def changed_ranges(self, path: _StrPath) -> list[range]:
        """Which bytes of the file the last scan of this index object found changed; all of them where that is not known."""
    def look(
        self,
        paths: Sequence[bytes],
        *,
        check: _Check = "stat",
        threads: int | None = None,
        trust: Sequence[str] | None = None,
        on_reading: Callable[[int, int], None] | None = None,
        on_progress: Callable[[int], object] | None = None,
    ) -> list[Fact]:
        """One fact for each path, in order; the index learns them. `on_reading` is called with the number of files and
        bytes before a long reading, `on_progress` while it reads as by `hash_file`."""
    def same_stat(self, paths: Sequence[bytes], since_ns: int | Sequence[int]) -> list[bool]:
        """Rule 7: whether each path, and all below it, has the stats that are known, older by a tick than `since_ns`
        (one moment for all, or one for each)."""
    def take(
        self,
        paths: Sequence[bytes],
        *,
        copies: Sequence[bytes | None] | None = None,
        copy_limit: int | None = None,
        keep_limit: int = 0,
        threads: int | None = None,
    ) -> Taken:
        """Hash outputs and hold them. `copies`: for each a file that must not exist; for a folder, a folder in which each
        content becomes a file named by its digest. Above `copy_limit` bytes only reflinks are made; of files up to
        `keep_limit` that would be copied the bytes are kept in memory instead (`Fact.kept`)."""
    def restore(self, pieces: Sequence[tuple[bytes, int, int, bytes, Digest, int]]) -> Taken:
        """Make files from (source, offset, length, target, digest, mode), verified, and hold them to be placed."""
    def forget(self, paths: Sequence[bytes]) -> None: ...
    def seal(
        self,
        path: _StrPath,
        header: bytes,
        *,
        files: Sequence[bytes],
        folders: Sequence[bytes],
        listings: Sequence[bytes],
        absent: Sequence[bytes],
        trust: Sequence[str] | None = None,
    ) -> bool:
        """Write a seal that vouches for files, for folders with all in them, for the names in the folders of `listings`
        and for the absence of paths, with every link on the way to them; `header` is kept with it. False, and no seal,
        where anything is not just as the index knows it, or not certified. The index must have a root."""
    def reseal(
        self,
        path: _StrPath,
        header: bytes,
        *,
        files: Sequence[bytes],
        folders: Sequence[bytes],
        trust: Sequence[str] | None = None,
    ) -> bool:
        """Renew a seal: these files and folders as they are now, all else as it was sealed. False, and no seal, where one
        of these is not just as the index knows it, or where there was none."""

@final
class Seal:
    """What a seal says, held against what is. Paths lead through no link; they are relative in the workspace, absolute
    outside of it."""

    @property
    def header(self) -> bytes: ...
    @property
    def entries(self) -> int: ...
    @property
    def intact(self) -> bool:
        """Nothing changed, and nothing is doubtful."""
    @property
    def changed(self) -> list[bytes]:
        """What is not as it was, in byte order."""
    @property
    def changed_kinds(self) -> list[Literal["file", "folder", "listing", "link", "absent"]]:
        """For each changed path, what the seal held of it."""
    @property
    def doubtful(self) -> list[bytes]:
        """Files with the stat that they had, which does not vouch for them (rule 1): they must be read."""
    @property
    def reread(self) -> int:
        """How many folders and links no stat vouched for, and were read anew and found as they were."""

def check_seal(path: _StrPath, *, root: _StrPath, threads: int | None = None) -> Seal | None:
    """Hold a seal against what is in the workspace at `root` now. None where there is no seal that can be used: none, a
    damaged one, one of another version, or one that holds only where the workspace was before it was moved."""

def read_seal_header(path: _StrPath) -> bytes | None:
    """What was kept with a seal; None where there is no seal, or its beginning is damaged. The rest is not looked at."""

def now_ns(folder: _StrPath) -> int:
    """The kernel's coarse clock as the filesystem of `folder` would stamp a change now."""

def parse_toml(text: str) -> tuple[dict[str, Any], dict[tuple[str | int, ...], tuple[int, int, int, int]]]:
    """Values, and for each path of keys and list places (key start, key end, value start, value end) in UTF-8 bytes."""

class TomlError(ValueError):
    """args: (message, start, end) in UTF-8 bytes."""

def sync_files(paths: Sequence[_StrPath]) -> None:
    """fdatasync each file, fsync each folder given."""

def exchange(first: _StrPath, second: _StrPath) -> None:
    """Swap two paths at once (renameat2 RENAME_EXCHANGE)."""

@final
class Launcher:
    """Starts commands in a thread of its own, each in a session of its own and with all signals at their defaults."""

    def __new__(cls, input: int) -> Self: ...
    def submit(
        self,
        number: int,
        words: Sequence[str],
        folder: _StrPath,
        variables: dict[str, str],
        *,
        inherited: Sequence[int] | None = None,
        when_fewer: int | None = None,
    ) -> None:
        """Hand a command in, to be found on the PATH of its variables: for now, or for when fewer than so many run.

        It is given the descriptors `inherited`, by the same numbers.

        Raises ValueError for a NUL, or for a name of a variable that cannot be one.
        """

    def hold(self) -> None:
        """Start none of those that wait, ever."""

    def failed(self) -> list[int]:
        """Those that failed, or were reaped early, and hold up those that wait."""

    def forgive(self, number: int) -> None:
        """That it failed is no reason to stop."""

    def withdraw(self) -> list[int]:
        """Take back those that wait; their numbers."""

    def fileno(self) -> int:
        """Readable when there is news."""

    def news(self) -> list[tuple[int, int, int, int] | tuple[int, OSError]]:
        """What was started: (number, process id, descriptor that is readable when it has ended or -1, descriptor from
        which both its outputs are read); and what could not be.
        """

def lay_work(
    nest: int,
    name: bytes,
    idle: bytes | None,
    folders: Sequence[bytes],
    links: Sequence[tuple[bytes, bytes]],
) -> None:
    """Make the folder `name` with `folders` in the open folder `nest`, or rename an idle one with the same to it, and put
    links (path, text) in it. FileExistsError if the name is taken."""

def sweep_work(
    nest: int,
    grave: int,
    name: bytes,
    folders: Sequence[bytes],
    links: set[bytes],
    declared: set[bytes],
    rights: tuple[int, int, int],
) -> tuple[list[bytes], bool]:
    """Take the links out of a work folder into the open folder `grave`: (what is in it that was neither laid nor declared,
    whether it may be laid again). `rights`: mode, owner and group that its folders were made with."""
