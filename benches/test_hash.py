"""In: files made here, hot in the page cache. Out: how long hashing takes beside bare reading (`make bench`)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import riverrun

LARGE = 256 << 20  # bytes: far above every processor's cache
SMALL, SMALL_FILES = 2048, 10_000  # bytes, files
PIECE = 1 << 20  # bytes a read call: more gains nothing

Benchmark = Callable[..., Any]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One large file of bytes that no filesystem can make smaller."""
    path = tmp_path_factory.mktemp("large") / "file"
    with path.open("wb") as out:
        for _ in range(LARGE // PIECE):
            out.write(os.urandom(PIECE))
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Many small files in folders of a hundred."""
    root = tmp_path_factory.mktemp("small")
    paths = []
    for number in range(SMALL_FILES):
        path = root / f"{number // 100:03}" / f"{number % 100:02}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(SMALL))
        paths.append(str(path))
    return paths


def read(paths: list[str]) -> int:
    """The yardstick: every byte read once, by one thread, and looked at by no one."""
    buffer = bytearray(PIECE)
    total = 0
    for path in paths:
        with open(path, "rb", buffering=0) as source:
            while got := source.readinto(buffer):
                total += got
    return total


def test_large_read(benchmark: Benchmark, large: Path) -> None:
    assert benchmark(read, [str(large)]) == LARGE


@pytest.mark.parametrize("algorithm", ["xxh3", "blake3"])
def test_large_hash(benchmark: Benchmark, large: Path, algorithm: Any) -> None:
    assert benchmark(riverrun.hash_file, large, algorithm=algorithm).algorithm == algorithm


def test_small_read(benchmark: Benchmark, small: list[str]) -> None:
    assert benchmark(read, small) == SMALL * SMALL_FILES


@pytest.mark.parametrize("algorithm", ["xxh3", "blake3"])
def test_small_hash(benchmark: Benchmark, small: list[str], algorithm: Any) -> None:
    assert len(benchmark(riverrun.hash_files, small, algorithm=algorithm)) == SMALL_FILES
