"""Whole folders: a path comes in; it is removed, set aside, or copied. Links are never followed."""

import contextlib
import errno
import itertools
import os
import shutil
import stat
import sys
from collections.abc import Callable

from riverrun.model.names import OWN

if sys.platform == "linux":
    import fcntl

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file
_DEEP = (
    100  # levels; below that a folder is first moved up, so that neither descriptors nor the stack run out
)
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_serial = itertools.count()


def remove(path: str) -> bool:
    """Remove what is at `path`, if anything. False where something would not go; what would, is gone."""
    try:
        os.unlink(path)
        return True
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):  # EPERM: a folder, on macOS
            return False
    waiting = [path]
    gone = True

    def lift(name: str, folder: int) -> None:
        lifted = f"{path}.{next(_serial)}"
        os.rename(name, lifted, src_dir_fd=folder)
        waiting.append(lifted)

    while waiting:
        try:
            _remove_folder(waiting.pop(), None, 0, lift)
        except OSError:
            gone = False
    return gone


def set_aside(root: str, path: str) -> str:
    """Rename `path` into the workspace's trash, under a name that no one uses; the new path, "" if nothing was there."""
    target = _free_in_trash(root)
    try:
        move(path, target)
    except FileNotFoundError:
        return ""
    return target


def new_in_trash(root: str) -> str:
    """A new folder in the workspace's trash."""
    target = _free_in_trash(root)
    os.mkdir(target)
    return target


def _free_in_trash(root: str) -> str:
    trash = os.path.join(root, OWN, "trash")
    os.makedirs(trash, exist_ok=True)
    target = os.path.join(trash, f"{os.getpid()}-{next(_serial)}")
    while os.path.lexists(target):  # left by a killed run that had the same process number
        target = os.path.join(trash, f"{os.getpid()}-{next(_serial)}")
    return target


def move(path: str, target: str) -> None:
    """Rename, also a folder that its command made read-only: its own entry `..` is written then."""
    try:
        os.rename(path, target)
    except PermissionError:
        if os.path.islink(path):
            raise
        os.chmod(path, stat.S_IRWXU)
        os.rename(path, target)


def copy(source: str, target: str) -> None:
    """Put a file or folder there as a copy that shares blocks where the filesystem can; links inside folders stay links."""
    if os.path.isdir(source):
        os.mkdir(target)
        with os.scandir(source) as entries:
            for entry in entries:
                below = os.path.join(target, entry.name)
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), below)
                else:
                    copy(entry.path, below)
        shutil.copystat(source, target)
        os.chmod(target, os.stat(target).st_mode | stat.S_IRWXU)  # the work folder is the command's own
    else:
        _copy_file(source, target)


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb", buffering=0) as reader:
        found = os.fstat(reader.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", source)
        with open(target, "xb", buffering=0) as writer:
            if not _clone(reader.fileno(), writer.fileno()):
                shutil.copyfileobj(
                    reader, writer, 1 << 20
                )  # as large as a pipe: system calls no longer matter
            os.fchmod(writer.fileno(), stat.S_IMODE(found.st_mode) & 0o777 | stat.S_IWUSR)
            os.utime(writer.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))


def _clone(reader: int, writer: int) -> bool:
    """Have the kernel do it: by reference, else by a copy within it. False where it cannot."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(writer, _FICLONE, reader)
        return True
    except OSError:
        pass
    try:
        while os.copy_file_range(reader, writer, 1 << 30):
            pass
        return True
    except OSError:
        os.lseek(reader, 0, os.SEEK_SET)
        os.ftruncate(writer, 0)
        os.lseek(writer, 0, os.SEEK_SET)
        return False


def _remove_folder(name: str, parent: int | None, depth: int, lift: Callable[[str, int], None]) -> None:
    """Remove one folder by descriptor, so that a link put in its place meanwhile leads nowhere."""
    try:
        folder = os.open(name, _OPEN_FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        folder = os.open(name, _OPEN_FOLDER, dir_fd=parent)
    try:
        if os.fstat(folder).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(folder, stat.S_IRWXU)  # read-only folders do not let go of what they hold
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for below, is_folder in found:
            with contextlib.suppress(OSError):  # the folder itself will not go then, and says so
                if not is_folder:
                    os.unlink(below, dir_fd=folder)
                elif depth < _DEEP:
                    _remove_folder(below, folder, depth + 1, lift)
                else:
                    lift(below, folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=parent)
