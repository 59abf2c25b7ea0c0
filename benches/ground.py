"""A folder comes in, the files that are measured on it go out, each made once; all of it is removed at the end."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from machine import subject

BLOCK = 64 << 20  # bytes of noise; a large file repeats them, each time turned a little
SETTLED = 1.5  # seconds: older than any filesystem's tick, so that stats can be trusted
GIT_NAME = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_CONFIG_GLOBAL": "/dev/null"}


class Ground:
    """Where the files lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.limits = folder / "limits"
        source = Path(__file__).parent / "yardstick" / "limits.c"
        subprocess.run(["cc", "-O2", "-pthread", source, "-o", self.limits], check=True)

    def large(self, size: int) -> Path:
        """A file of bytes that no filesystem can make smaller."""
        path = self.folder / f"large-{size}"
        if not path.exists():
            noise = os.urandom(min(BLOCK, size))
            with path.open("wb") as out:
                turn = 0
                while (left := size - out.tell()) > 0:
                    out.write((noise[turn:] + noise[:turn])[:left])
                    turn += 4099
            self.settle()
        return path

    def tree(self, folders: int, files: int, size: int, *, alike: bool = False) -> Path:
        """`folders` folders of `files` files."""
        path = self.folder / f"tree-{folders}-{files}-{size}"
        if not path.exists():
            path.mkdir()
            words = [self.limits, "make", path, str(folders), str(files), str(size)]
            subprocess.run([*words, *(["same"] if alike else [])], check=True, stdout=subprocess.DEVNULL)
            self.settle()
        return path

    def listing(self, tree: Path) -> Path:
        """The paths of a tree's files, one a line; beside it the same with NUL between, for xargs."""
        path = tree.with_suffix(".list")
        if not path.exists():
            names = sorted(os.path.join(top, name) for top, _, found in os.walk(tree) for name in found)
            path.write_text("".join(name + "\n" for name in names))
            path.with_suffix(".list0").write_text("".join(name + "\0" for name in names))
        return path

    def index(self, path: Path) -> Path:
        """riverrun's index of what lies at a path."""
        index = path.with_suffix(".index")
        if not index.exists():
            subprocess.run(subject("learn", str(index), str(path)), check=True, stdout=subprocess.DEVNULL)
        return index

    def repository(self, tree: Path) -> Path | None:
        """The tree as git's index knows it. All files must be alike: their one object is named, none is written."""
        if not shutil.which("git"):
            return None
        folder = tree.with_suffix(".git")
        if not folder.exists():
            git = ["git", f"--git-dir={folder}", f"--work-tree={tree}"]
            environment = os.environ | GIT_NAME
            subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True, env=environment)
            names = self.listing(tree).read_text().splitlines()
            made = subprocess.run([*git, "hash-object", names[0]], check=True, capture_output=True, text=True)
            blob = made.stdout.strip()
            lines = "".join(f"100644 {blob}\t{os.path.relpath(name, tree)}\n" for name in names)
            subprocess.run([*git, "update-index", "--index-info"], input=lines, text=True, check=True)
            subprocess.run([*git, "update-index", "-q", "--refresh"], check=True, cwd=tree)
        return folder

    def settle(self) -> None:
        os.sync()
        time.sleep(SETTLED)


def flip(path: Path, at: int) -> None:
    """Change one byte, or change it back."""
    with path.open("r+b") as out:
        out.seek(at)
        byte = out.read(1)[0]
        out.seek(at)
        out.write(bytes([byte ^ 1]))
        out.flush()
        os.fsync(out.fileno())
    time.sleep(SETTLED / 30)
