"""The folders of a store and the mark of its format: a path comes in, a store stands there, or a word says why not."""

import os

from riverrun.errors import StoreError

FORMAT = b"riverrun store 1\n"
FOLDERS = ("objects", "packs", "staging", "broken", "workspaces")


def check(folder: str) -> None:
    """A store of another format is left alone; what is not there yet may become one."""
    try:
        with open(os.path.join(folder, "format"), "rb") as file:
            found = file.read(len(FORMAT) + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"cannot read the store '{folder}': {error.strerror}",
            hint="set another '[cache] path' in riverrun.local.toml",
        ) from error
    if not _cut_short(found) and found != FORMAT:
        raise StoreError(
            f"'{folder}' is not a store that this riverrun knows",
            hint="set another '[cache] path' in riverrun.local.toml, or use the version that made it",
        )


def make(folder: str) -> None:
    for name in FOLDERS:
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    mark = os.path.join(folder, "format")
    if not _marked(mark):
        new = os.path.join(folder, "staging", f"{os.getpid()}.format")
        with open(new, "wb") as file:
            file.write(FORMAT)
        os.rename(new, mark)


def _marked(mark: str) -> bool:
    try:
        with open(mark, "rb") as file:
            return file.read(len(FORMAT) + 1) == FORMAT
    except FileNotFoundError:
        return False


def _cut_short(found: bytes) -> bool:
    """Whether a mark is what a crash may leave of one: its beginning, or nothing but zeros."""
    return FORMAT.startswith(found.rstrip(b"\0"))
