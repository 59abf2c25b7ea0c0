"""Damage to what riverrun keeps: files of `.riverrun/` are cut short, overwritten, lost; the end state comes all the same."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import riverrun
from project import Project
from riverrun.errors import StoreError
from small_pipeline import SOURCES, inside, small, stands

BIG = "left, which is large\n" * 15_000  # bytes that get a file of their own in the store
LENGTHS = 12
Damage = tuple[str, Callable[[Path], object]]


def overwrite(content: bytes) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        path.chmod(0o644)
        path.write_bytes(content)

    return damage


def damages(content: bytes) -> Iterator[Damage]:
    """Ways to harm a file with this content."""
    chance = random.Random(len(content))
    for number in range(LENGTHS):
        length = len(content) * number // LENGTHS
        yield f"cut to {length}", overwrite(content[:length])
    yield "one byte short", overwrite(content[:-1])
    yield "longer", overwrite(content + b"more")
    yield "zeros", overwrite(bytes(len(content)))
    yield "noise", overwrite(chance.randbytes(len(content)))
    yield "another file", overwrite(b"GIF89a, a picture of a river\n")
    for _ in range(4):
        start = chance.randrange(len(content))
        noise = chance.randbytes(min(40, len(content) - start))
        yield f"noise at {start}", overwrite(content[:start] + noise + content[start + len(noise) :])
    yield "gone", Path.unlink


@pytest.fixture
def damaged(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that has been run; this process has the environment of its calls."""
    small(project).write({"left.txt": BIG})
    inside(project, monkeypatch)
    riverrun.Pipeline.load(project.root).run().raise_for_failure()
    riverrun.Pipeline.load(project.root).status()
    return project


def settles(project: Project) -> list[str]:
    """A look harms nothing; a run brings the end state; the next one has nothing to do. All notes."""
    pipeline = riverrun.Pipeline.load(project.root)
    look = pipeline.status()
    assert look.ok
    report = pipeline.run()
    assert report.ok, report
    stands(project)
    project.counted()
    again = pipeline.run()
    assert again.ok and again.counts["kept"] == 7 and not again.counts["repaired"], again
    assert not project.counted()
    assert not again.notes, again
    return [f"{note.kind}: {note.message}" for note in (*look.notes, *report.notes)]


def files(project: Project, pattern: str) -> list[Path]:
    return sorted(path for path in (project.root / ".riverrun").glob(pattern) if path.is_file())


@pytest.mark.parametrize(
    "pattern",
    [
        "ledger.db",
        "index",
        "graph",
        "seals/*",
        "store/packs/*.pack",
        "store/packs/*.idx",
        "store/objects/**/*",
    ],
)
def test_damage(damaged: Project, pattern: str) -> None:
    found = files(damaged, pattern)
    if not found and pattern in ("graph", "seals/*"):
        pytest.skip("not kept in a file of its own")
    kinds = [name for name, _ in damages(found[0].read_bytes())]
    for number, kind in enumerate(kinds):
        # What is restored, what runs and what is kept changes from one harm to the next.
        damaged.write({"right.txt": f"right {number % 4}\n"})
        if number % 2:
            damaged.remove("sum.txt")
            damaged.write({"joined.txt": "lies\n"})
        if number % 3 == 0:
            damaged.remove("parts")
        for path in files(damaged, pattern):
            if content := path.read_bytes():
                dict(damages(content)).get(kind, overwrite(b""))(path)
        notes = settles(damaged)
        if pattern in ("ledger.db", "index") and kind in ("noise", "another file"):
            assert any(note.startswith(pattern.partition(".")[0]) for note in notes), (kind, notes)


@pytest.mark.parametrize("pattern", ["ledger.db", "index", "seals/*"])
def test_damage_where_nothing_else_changed(damaged: Project, pattern: str) -> None:
    """What is kept is not taken for lost because what told so is: nothing but the steps themselves runs again."""
    for kind, harm in damages(b"x" * 3000):
        for path in files(damaged, pattern):
            harm(path)
        settles(damaged)
        assert damaged.read("left.txt") == BIG, kind


@pytest.mark.parametrize(
    "name",
    ["ledger.db", "index", "graph", "seals", "store", "store/packs", "store/objects", "logs", "work", "."],
)
def test_parts_that_are_gone(damaged: Project, name: str) -> None:
    for edit in ({}, {"sum.txt": None, "joined.txt": "lies\n"}, {"rows.csv": "a,5\n", "final.txt": None}):
        place = damaged.root / ".riverrun" / name
        if place.is_dir():
            shutil.rmtree(place)
        elif place.exists():
            place.unlink()
        damaged.write(edit)
        settles(damaged)
    assert SOURCES.keys() <= damaged.files().keys()


def test_a_file_where_a_folder_was(damaged: Project) -> None:
    """A lost ledger beside folders of strangers."""
    for name in ("ledger.db", "index"):
        place = damaged.root / ".riverrun" / name
        place.unlink()
        place.mkdir()
        pipeline = riverrun.Pipeline.load(damaged.root)
        try:
            assert pipeline.run().ok
        except (OSError, riverrun.errors.RiverrunError) as error:
            assert str(place) in str(error)
        place.rmdir()
        settles(damaged)


def test_a_store_of_another_kind(damaged: Project) -> None:
    """Not ours to write into: a clear word. A mark that a crash left half is no such thing."""
    mark = damaged.root / ".riverrun" / "store" / "format"
    whole = mark.read_bytes()
    for length in range(len(whole)):
        mark.write_bytes(whole[:length])
        if length % 3:
            damaged.remove("sum.txt")
        settles(damaged)
    mark.write_bytes(b"another store 7\n")
    damaged.remove("sum.txt")
    with pytest.raises(StoreError, match="not a store"):
        riverrun.Pipeline.load(damaged.root).run()
    assert mark.read_bytes() == b"another store 7\n"
    mark.write_bytes(whole)
    settles(damaged)
