"""Facts of the machine for `doctor`: nothing comes in, named words go out. Looks and leaves no trace behind."""

import ctypes
import errno
import fcntl
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Sequence

from riverrun.cli.door import spec_above
from riverrun.errors import RiverrunError
from riverrun.native import Index, __version__
from riverrun.report.wording import size

_LANDLOCK_CREATE_RULESET = 444  # the same number on every architecture
_LANDLOCK_ASK_VERSION = 1
_OCTAL = re.compile(r"\\([0-7]{3})")  # how the kernel writes spaces in mount points
_FICLONE = 0x40049409  # _IOW(0x94, 9, int) of linux/fs.h
_PROBE_BYTES = 4096
# Several ticks of the kernel's coarse clock: what lay there before is then old enough to vouch for itself.
_SETTLED_SECONDS = 0.05


def machine() -> dict[str, str]:
    """What is so wherever the folder is."""
    return {
        "riverrun": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "bash": shutil.which("bash") or "not found: steps whose `run` is a string cannot run",
        "landlock": _landlock(),
    }


def workspace(file: str | None) -> dict[str, str]:
    """What is so in this folder, or in that of the spec above it."""
    if not file and spec_above(".") is None:
        return {"spec": "none here or above"} | _ground(os.getcwd())
    from riverrun.flow.workspace import Workspace

    try:
        found = Workspace.find(None, file)
    except RiverrunError as error:
        return {"spec": "; ".join(problem.message for problem in error.problems)} | _ground(os.getcwd())
    store = found.local.cache_path or found.own("store")
    return {
        "spec": os.path.join(found.root, found.spec),
        **_ground(found.root),
        "stamps": _stamps(found.root, found.spec, found.local.trust),
        "store": store if os.path.isdir(store) else f"{store} (not there yet)",
        "store_space": f"{size(shutil.disk_usage(store if os.path.isdir(store) else found.root).free)} free",
    }


def _ground(folder: str) -> dict[str, str]:
    """What the filesystem of a folder is and can."""
    return {
        "folder": folder,
        "filesystem": _filesystem(folder),
        "reflink": _reflink(folder),
        "space": f"{size(shutil.disk_usage(folder).free)} free",
    }


def _landlock() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    version: int = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_ASK_VERSION)
    if version > 0:
        return f"version {version}"
    return {
        errno.ENOSYS: "not in this kernel",
        errno.EOPNOTSUPP: "switched off in this kernel",
    }.get(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _filesystem(folder: str) -> str:
    """The kind of filesystem: that of the last mount on the longest part of the folder's path."""
    point, kind = "", "unknown"
    try:
        with open("/proc/self/mountinfo", errors="surrogateescape") as mounts:
            for line in mounts:
                left, _, right = line.partition(" - ")
                mounted = _OCTAL.sub(lambda found: chr(int(found[1], 8)), left.split(" ")[4])
                inside = folder == mounted or folder.startswith(mounted.rstrip("/") + "/")
                if inside and len(mounted) >= len(point):
                    point, kind = mounted, right.split(" ")[0]
    except OSError:
        return "unknown"
    return kind


def _stamps(root: str, spec: str, trust: Sequence[str]) -> str:
    """Whether a file's stat can vouch for it here: asked of the index itself, about a file that lies still."""
    time.sleep(_SETTLED_SECONDS)
    with tempfile.TemporaryDirectory(prefix="riverrun-doctor-") as folder:
        try:
            index = Index(os.path.join(folder, "index"), root=root)
            fact = index.look([os.fsencode(spec)], trust=trust)[0]
        except OSError as error:
            return f"unknown: {error}"
    if fact.trusted:
        return "trusted: unchanged files are not read again"
    return "not trusted: files are read at every check (see `trust` in riverrun.local.toml)"


def _reflink(folder: str) -> str:
    """Whether a copy can share its bytes with the original: tried with two files that never have a name."""
    try:
        flags = os.O_TMPFILE | os.O_RDWR
        original, copy = os.open(folder, flags, 0o600), os.open(folder, flags, 0o600)
    except OSError as error:
        return f"unknown: {error.strerror}"
    try:
        os.write(original, bytes(_PROBE_BYTES))
        fcntl.ioctl(copy, _FICLONE, original)
    except OSError:
        return "no: outputs are copied into the store, or moved there when they are replaced"
    else:
        return "yes: copies share their bytes"
    finally:
        os.close(original)
        os.close(copy)
