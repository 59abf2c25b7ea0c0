"""The workspaces that use a store: each leaves a card there, and gc reads them all (rule 10)."""

import os

from riverrun.errors import StoreError
from riverrun.native import Hasher, sync_files
from riverrun.store.blob import Registered

_HEADER = b"riverrun workspace 1"
LARGEST_CARD = 64 << 10  # bytes: two paths


def register(store: str, workspace: str, ledger: str) -> None:
    """Leave a card: paths as raw bytes, durable before any trace relies on it.

    A store inside its workspace names it relative to itself, as both move together.
    """
    inside = os.path.commonpath([os.path.realpath(store), os.path.realpath(workspace)]) == os.path.realpath(
        workspace
    )
    named = [os.path.relpath(os.path.realpath(path), os.path.realpath(store)) if inside else os.path.abspath(path)
             for path in (workspace, ledger)]  # fmt: skip
    card = b"\0".join([_HEADER, *(os.fsencode(path) for path in named)])
    hasher = Hasher("blake3")
    hasher.update(card)
    folder = os.path.join(store, "workspaces")
    path = os.path.join(folder, hasher.hexdigest()[:32])
    if _content(path) == card:
        return
    new = os.path.join(store, "staging", f"{os.getpid()}.card")
    with open(new, "wb") as file:
        file.write(card)
    sync_files([os.fsencode(new)])
    os.rename(new, path)
    sync_files([os.fsencode(folder)])


def registered(store: str) -> list[Registered]:
    """All cards; one that cannot be read raises, as its workspace may want anything."""
    folder = os.path.join(store, "workspaces")
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        header, *paths = _content(path).split(b"\0")
        if header != _HEADER or len(paths) != 2:
            raise StoreError(
                f"'{path}' does not say which workspace uses the store",
                hint="remove it, then run riverrun in each workspace",
            )
        workspace, ledger = (os.path.normpath(os.path.join(store, os.fsdecode(each))) for each in paths)
        found.append(Registered(workspace, ledger, path))
    return found


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_CARD)
    except FileNotFoundError:
        return b""
