"""A ground comes in, the rows of the table go out: which work, who does it, what riverrun may need for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from contest import Budget, Cache, Clock, Contestant, Row
from machine import peak_sorted_cores, subject

from ground import Ground, flip

GIB = 1 << 30
THREADS = "2"  # of the yardsticks, as the budgets say
RIVERRUN_STAT_MEMORY = 300_000_000  # bytes


def of_large_file(ground: Ground, size: int, cache: Cache = Cache.HOT) -> Row:
    path = str(ground.large(size))
    contestants = [
        Contestant("pread, 2 threads", [str(ground.limits), "read", path, THREADS], Clock.OWN),
        Contestant("riverrun xxh3", subject("hash", "xxh3", path), Clock.OWN),
        Contestant("riverrun blake3", subject("hash", "blake3", path), Clock.OWN),
        *peer("b3sum", "b3sum", path),
        *peer("xxhsum", "xxhsum -H128", "-H128", path, most_rounds=3),
    ]
    if cache is Cache.HOT:
        contestants.append(Contestant("MD5, as DVC", subject("md5", path), Clock.OWN, most_rounds=1))
    budgets = [
        Budget("riverrun xxh3", "pread, 2 threads", 1 / 0.80, "xxh3 at least 0.80 of bare pread"),
        Budget("riverrun xxh3", "b3sum", 1 / 1.5, "xxh3 at least 1.5 times b3sum"),
        Budget("riverrun blake3", "b3sum", 1 / 0.8, "blake3 at least 0.8 times b3sum"),
    ]
    name = f"one file of {readable(size)}"
    return Row(name, "bytes", size, contestants, budgets if cache is Cache.HOT else [], cache)


def of_small_files(ground: Ground, folders: int, files: int, cache: Cache = Cache.HOT) -> Row:
    tree = ground.tree(folders, files, 2048)
    index = ground.index(tree)
    listing = ground.listing(tree)
    names = listing.with_suffix(".list0")
    shape = [str(tree), str(folders), str(files)]
    check = subject("check", "content", str(index), str(tree))
    contestants = [
        Contestant("openat + read, 2 threads", [str(ground.limits), "files", *shape, THREADS], Clock.OWN),
        Contestant("riverrun content check", check, Clock.OWN),
        Contestant("riverrun xxh3 of a list", subject("many", "xxh3", str(listing)), Clock.OWN),
        Contestant("riverrun blake3 of a list", subject("many", "blake3", str(listing)), Clock.OWN),
        *peer("b3sum", "b3sum", stdin=names, most_rounds=3),
        *peer("xxhsum", "xxhsum -H128", "-H128", stdin=names, most_rounds=3),
    ]
    yardstick = "openat + read, 2 threads"
    budget = Budget("riverrun content check", yardstick, 1.3, "content check at most 1.3 times openat + read")
    name = f"content of {folders * files:,} files of 2 KiB"
    return Row(name, "files", folders * files, contestants, [budget] if cache is Cache.HOT else [], cache)


def of_untouched_files(ground: Ground, folders: int, files: int) -> Row:
    tree = ground.tree(folders, files, 16, alike=True)
    index = ground.index(tree)
    repository = ground.repository(tree)
    shape = [str(tree), str(folders), str(files)]
    check = subject("check", "stat", str(index), str(tree))
    contestants = [
        Contestant("statx, 2 threads", [str(ground.limits), "stat", *shape, THREADS], Clock.OWN),
        Contestant("riverrun stat check", check, Clock.OWN),
    ]
    if repository:
        git = [
            "git",
            f"--git-dir={repository}",
            f"--work-tree={tree}",
            "-C",
            str(tree),
            "diff-files",
            "--quiet",
        ]
        contestants.append(Contestant("git diff-files", git))
    budget = Budget("riverrun stat check", "statx, 2 threads", 1.5, "stat check at most 1.5 times statx")
    memory = ("riverrun stat check", RIVERRUN_STAT_MEMORY)
    name = f"stat check of {folders * files:,} files"
    return Row(name, "files", folders * files, contestants, [budget], memory_limit=memory)


def of_flipped_byte(ground: Ground, size: int) -> Row:
    """The index has seen the file; before each round the byte is set to what the contestant's name says."""
    path = ground.large(size)
    index = ground.index(path)
    command = subject("check", "content", str(index), str(path))
    at = size // 2 + 12345
    original = byte_at(path, at)

    def set_to(value: int) -> None:
        if byte_at(path, at) != value:
            flip(path, at)

    contestants = [
        Contestant("content check, as it was", command, Clock.OWN, lambda: set_to(original)),
        Contestant("content check and new name", command, Clock.OWN, lambda: set_to(original ^ 1)),
    ]
    new, same = "content check and new name", "content check, as it was"
    budget = Budget(new, same, 1.15, "a flipped byte at most 1.15 times a content check")
    return Row(f"one byte flipped in {readable(size)}", "bytes", size, contestants, [budget])


def byte_at(path: Path, at: int) -> int:
    with path.open("rb") as source:
        source.seek(at)
        return source.read(1)[0]


def growth(ground: Ground, sizes: list[int], counts: list[int]) -> Iterator[Row]:
    """How cost grows: with the size of one file, with the number of files, with threads."""
    for size in sizes:
        path = str(ground.large(size))
        yield Row(
            f"one file of {readable(size)}, growth",
            "bytes",
            size,
            [
                Contestant("riverrun xxh3", subject("hash", "xxh3", path), Clock.OWN),
                Contestant("riverrun blake3", subject("hash", "blake3", path), Clock.OWN),
                *peer("b3sum", "b3sum", path),
            ],
        )
    for count in counts:
        folders = max(1, count // 1000)
        tree = ground.tree(folders, count // folders, 2048)
        index = ground.index(tree)
        checks = [
            Contestant(f"riverrun {level} check", subject("check", level, str(index), str(tree)), Clock.OWN)
            for level in ("stat", "content")
        ]
        yield Row(f"{count:,} files, growth", "files", count, checks)
    large = str(ground.large(GIB))
    hashes = [
        Contestant(
            f"riverrun {algorithm}, {cores} threads", subject("hash", algorithm, large, str(cores)), Clock.OWN
        )
        for cores in peak_sorted_cores()
        for algorithm in ("xxh3", "blake3")
    ]
    yield Row("threads, one file of 1 GiB", "bytes", GIB, hashes)


def peer(
    program: str, name: str, *words: str, stdin: Path | None = None, most_rounds: int = 1000
) -> list[Contestant]:
    """Another program, if it is there. With `stdin` it is given the names in that file, as many at once as fit."""
    if not shutil.which(program):
        return []
    command = ["xargs", "-0", program, *words] if stdin else [program, *words]
    return [Contestant(name, command, stdin=stdin, most_rounds=most_rounds)]


def readable(size: int) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << shift:
            return f"{size >> shift} {unit}"
    return f"{size} B"
