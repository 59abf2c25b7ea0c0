"""Hashing from Python: known digests, hashlib's protocol, odd files and their errors, threads and signals."""

import array
import errno
import hashlib
import hmac
import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import riverrun
from riverrun import Digest, Hasher, hash_file, hash_files

CHUNK = 4 << 20
ALGORITHMS = ["blake3", "xxh3"]
KNOWN = [
    (b"", "blake3", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    (b"\0", "blake3", "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    (b"", "xxh3", "99aa06d3014798d86001c324468d497f"),
]


def noise(length: int) -> bytes:
    return hashlib.shake_128(b"riverrun").digest(length)


@pytest.mark.parametrize(("content", "algorithm", "digest"), KNOWN)
def test_known_digests(tmp_path: Path, content: bytes, algorithm: Any, digest: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    hasher = Hasher(algorithm)
    hasher.update(content)
    assert hash_file(file, algorithm=algorithm).hex() == hasher.hexdigest() == digest


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
def test_all_ways_to_a_digest_agree(tmp_path: Path, algorithm: Any, length: int) -> None:
    content = noise(length)
    file = tmp_path / "file"
    file.write_bytes(content)
    digest = hash_file(file, algorithm=algorithm, threads=1)
    with file.open("rb") as opened:
        streamed = hashlib.file_digest(opened, lambda: Hasher(algorithm))
        assert opened.seek(0, os.SEEK_CUR) == length
        assert hash_file(opened.fileno(), algorithm=algorithm) == digest
        assert opened.seek(0, os.SEEK_CUR) == length
    assert streamed.digest() == bytes(digest)
    names: list[Any] = [str(file), os.fsencode(file), file]
    assert hash_files(names, algorithm=algorithm, threads=3) == [digest] * 3
    with file.open("r+b") as sparse:
        sparse.truncate(length + 2 * CHUNK)
    dense = tmp_path / "dense"
    dense.write_bytes(content + bytes(2 * CHUNK))
    assert hash_file(file, algorithm=algorithm) == hash_file(dense, algorithm=algorithm)


def test_hasher_has_the_protocol_of_hashlib() -> None:
    assert [(Hasher().name, Hasher().digest_size), (Hasher("xxh3").name, Hasher("xxh3").digest_size)] == [
        ("blake3", 32),
        ("xxh3", 16),
    ]
    hasher = Hasher()
    hasher.update(b"one")
    copy = hasher.copy()
    copy.update(b"two")
    assert hasher.digest() == hasher.digest() != copy.digest()
    assert hmac.new(b"key", b"message", Hasher).digest_size == 32
    for refused, error in [("text", TypeError), (7, TypeError), (memoryview(b"abcd")[::2], BufferError)]:
        with pytest.raises(error):
            hasher.update(refused)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="md5"):
        Hasher("md5")  # type: ignore[arg-type]


def test_any_buffer_feeds_a_hasher() -> None:
    numbers = array.array("d", range(1000))
    content = numbers.tobytes()
    with mmap.mmap(-1, len(content)) as mapped:
        mapped[:] = content
        square = memoryview(content).cast("B").cast("d", [10, 100])
        buffers: list[Any] = [content, bytearray(content), memoryview(content), numbers, mapped, square]
        for buffer in buffers:
            hasher = Hasher("xxh3")
            hasher.update(buffer)
            hasher.update(b"")
            assert hasher.digest() == bytes.fromhex(hasher.hexdigest())
            expected = Hasher("xxh3")
            expected.update(content)
            assert hasher.digest() == expected.digest(), type(buffer)


def test_digests_are_values() -> None:
    one, two = Digest(b"\1" * 32), Digest(b"\2" * 32)
    fast = Digest(b"\1" * 16, "xxh3")
    assert (one.algorithm, fast.algorithm) == ("blake3", "xxh3")
    assert len({one, two, fast, Digest(bytes(one))}) == 3
    assert sorted([fast, two, one]) == [one, two, fast]
    assert one != "01" * 32
    assert one.hex() == "01" * 32
    assert repr(fast) == f"<Digest xxh3:{'01' * 16}>"
    assert pickle.loads(pickle.dumps(fast)) == fast
    for value, algorithm in [(b"short", "blake3"), (bytes(32), "xxh3"), (bytes(32), "sha1")]:
        with pytest.raises(ValueError, match=algorithm):
            Digest(value, algorithm)  # type: ignore[arg-type]


def test_errors_name_the_file(tmp_path: Path) -> None:
    fifo, bound, secret, folder = (tmp_path / name for name in ("fifo", "socket", "secret", "folder"))
    os.mkfifo(fifo)
    folder.mkdir()
    secret.touch(0)
    cases: list[tuple[Any, type[OSError], int]] = [
        (tmp_path / "missing", FileNotFoundError, errno.ENOENT),
        (str(folder), IsADirectoryError, errno.EISDIR),
        (os.fsencode(fifo), OSError, errno.EINVAL),
        (bound, OSError, errno.EINVAL),
        ("/dev/null", OSError, errno.EINVAL),
        (secret / "below", NotADirectoryError, errno.ENOTDIR),
    ]
    if os.geteuid() != 0:
        cases.append((secret, PermissionError, errno.EACCES))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bound))
        together = hash_files([path for path, _, _ in cases])
        for (path, kind, number), in_list in zip(cases, together, strict=True):
            with pytest.raises(kind) as raised:
                hash_file(path)
            for error in (raised.value, in_list):
                assert isinstance(error, kind), path
                assert (error.errno, error.filename) == (number, path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        hash_file(10_000_000)
    reading, writing = os.pipe()
    with pytest.raises(OSError, match="not a regular file"):
        hash_file(reading)
    os.close(reading)
    os.close(writing)


def test_arguments_that_make_no_sense(tmp_path: Path) -> None:
    calls: list[tuple[Any, type[Exception]]] = [
        (lambda: hash_file("a\0b"), ValueError),
        (lambda: hash_file(tmp_path, threads=0), ValueError),
        (lambda: hash_file(tmp_path, algorithm="md5"), ValueError),  # type: ignore[arg-type]
        (lambda: hash_file(None), TypeError),  # type: ignore[arg-type]
        (lambda: hash_file(3.5), TypeError),  # type: ignore[arg-type]
        (lambda: hash_file(1 << 40), OverflowError),
        (lambda: hash_files("abc"), TypeError),
        (lambda: hash_files(5), TypeError),  # type: ignore[arg-type]
    ]
    for call, error in calls:
        with pytest.raises(error):
            call()
    assert hash_files([]) == []


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe\n"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    assert hash_file(raw) == hash_file(os.fsdecode(raw)) == hash_files([raw])[0]


def test_many_threads_share_one_hasher_and_the_pool(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(noise(2 * CHUNK + 1))
    portion = b"r" * 10_000
    shared, expected = Hasher(), Hasher()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(shared.update, [portion] * 200))
        digests = set(threads.map(hash_file, [file] * 16))
    expected.update(portion * 200)
    assert shared.digest() == expected.digest()
    assert digests == {hash_file(file)}


def test_hashing_works_in_a_forked_child(tmp_path: Path) -> None:
    """The pool's threads are not there in a child; it must not wait for them."""
    file = tmp_path / "file"
    file.write_bytes(noise(2 * CHUNK))
    program = (
        "import os, sys, riverrun\n"
        "before = riverrun.hash_file(sys.argv[1])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(riverrun.hash_file(sys.argv[1]) != before)\n"
        "sys.exit(os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-c", program, str(file)], check=True, timeout=60)


def test_an_interrupt_ends_a_long_hashing(tmp_path: Path) -> None:
    """A sparse file of 1 TiB takes minutes; the signal's own exception comes out long before."""
    file = tmp_path / "endless"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)

    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Alarm):
            hash_file(file)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_version_is_the_distribution_s() -> None:
    from importlib.metadata import version

    assert riverrun.__version__ == version("riverrun")


@pytest.mark.parametrize("algorithm", ["blake3", "xxh3"])
def test_progress_is_told_and_what_it_raises_ends_the_work(tmp_path: Path, algorithm: Any) -> None:
    path = tmp_path / "file"
    size = (9 << 20) + 5
    path.write_bytes(bytes(size))
    told: list[int] = []
    digest = riverrun.hash_file(path, algorithm=algorithm, on_progress=told.append)
    assert (digest, told[-1]) == (riverrun.hash_file(path, algorithm=algorithm), size)
    assert told == sorted(told)
    assert riverrun.hash_files([path, path], algorithm=algorithm, on_progress=told.append) == [digest] * 2
    assert told[-1] == 2 * size
    riverrun.Index(tmp_path / "index").scan([path], on_progress=told.append)
    assert told[-1] == size

    def refuse(count: int) -> None:
        raise KeyError(count)

    for work in (
        lambda: riverrun.hash_file(path, algorithm=algorithm, on_progress=refuse),
        lambda: riverrun.hash_files([path], algorithm=algorithm, on_progress=refuse),
        lambda: riverrun.Index(tmp_path / "other").scan([path], on_progress=refuse),
    ):
        with pytest.raises(KeyError):
            work()
