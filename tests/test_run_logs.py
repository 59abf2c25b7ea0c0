"""In: what commands say, little or gigabytes. Out: bounded logs."""

import os
import resource
from pathlib import Path

import pytest

from crews import KEY, crew_in, finish, make, one
from riverrun.run.finished import Ending
from riverrun.run.logs import HEAD_BYTES, RUNS_KEPT, TAIL_BYTES, Log, file_name, forget_old


@pytest.mark.parametrize("beyond", [-1, 0, 1, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 3 * TAIL_BYTES + 5])
@pytest.mark.parametrize("piece", [4093, 3 << 20])
def test_head_and_tail_are_kept(tmp_path: Path, beyond: int, piece: int) -> None:
    said = os.urandom(64) * ((HEAD_BYTES + beyond) // 64 + 1)
    said = said[: HEAD_BYTES + beyond]
    log = Log(str(tmp_path / "a" / "log"), 0)
    for start in range(0, len(said), piece):
        log.write(memoryview(said)[start : start + piece])
    log.close()
    kept = (tmp_path / "a" / "log").read_bytes()
    if beyond <= TAIL_BYTES:
        assert kept == said
    else:
        note = b"\n[... %d bytes left out ...]\n" % (beyond - TAIL_BYTES)
        assert kept == said[:HEAD_BYTES] + note + said[-TAIL_BYTES:]


def test_a_flood_does_no_harm(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    finished = one(tmp_path, make("s", "head -c 1G /dev/zero; echo the end; exit 1"))
    assert finished.tail.endswith("the end")
    assert (tmp_path / finished.log).stat().st_size < HEAD_BYTES + TAIL_BYTES + 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_what_was_said_last_is_read_to_the_end(tmp_path: Path) -> None:
    finished = one(tmp_path, make("s", "head -c 65536 /dev/zero | tr '\\0' x; seq 1 100000; exit 1"))
    assert finished.tail.splitlines() == [str(n) for n in range(99_981, 100_001)]
    assert (tmp_path / finished.log).stat().st_size == 65536 + 588895


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    finished = one(tmp_path, make("s", r"printf 'a\377b\n'; printf 'err\n' >&2; exit 1"))
    assert finished.tail == "a\N{REPLACEMENT CHARACTER}b\nerr"
    assert (tmp_path / finished.log).read_bytes() == b"a\xffb\nerr\n"


def test_attempts_share_a_log(tmp_path: Path) -> None:
    step = make("s", "echo said; exit 1", test="true")
    with crew_in(tmp_path) as crew:
        for attempt in range(2):
            crew.start(step, KEY, attempt)
            assert finish(crew)[0].tail == "said"
            crew.folders.keep_failed(step)
    assert (tmp_path / ".riverrun/logs/run1/s.log").read_text() == "said\n[attempt 2]\nsaid\n"


def test_command_and_test_share_a_log(tmp_path: Path) -> None:
    finished = one(tmp_path, make("s", "echo ran", test="echo tested; exit 1"))
    assert finished.tail == "ran\ntested"


def test_a_log_that_cannot_be_written_does_not_end_the_command(tmp_path: Path) -> None:
    with crew_in(tmp_path) as crew:
        (tmp_path / ".riverrun/logs/run1").write_text("a file where the folder should be")
        crew.start(make("s", "echo said"), KEY)
        finished = finish(crew)[0]
    assert (finished.ending, finished.log) == (Ending.SUCCEEDED, "")
    assert "the log could not be written" in finished.message


def test_names_are_safe_and_never_shared() -> None:
    names = ["count@a", "world/exec", "world:exec", "world%2Fexec", ".hidden", "a b", "a\nb", "ü", "\udcff"]
    names += ["x" * 300, "x" * 301, "s@" + "/" * 300]
    files = [file_name(name) for name in names]
    assert files[:3] == ["count@a.log", "world:exec.log", "world%3Aexec.log"]
    assert len(set(files)) == len(files)
    assert all(
        "/" not in file and len(os.fsencode(file)) <= 255 and not file.startswith(".") for file in files
    )


def test_the_last_runs_are_kept(tmp_path: Path) -> None:
    for number in range(RUNS_KEPT + 5):
        (tmp_path / f"r{number}").mkdir()
        os.utime(tmp_path / f"r{number}", (number, number))
    forget_old(str(tmp_path), "r0")
    kept = {f"r{number}" for number in range(6, RUNS_KEPT + 5)} | {"r0"}
    assert {path.name for path in tmp_path.iterdir()} == kept
