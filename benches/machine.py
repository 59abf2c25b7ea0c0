"""Out: what the machine is, which peers are on it and in which version. No name of it, no path."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import riverrun

PEERS = {"b3sum": "--version", "xxhsum": "--version", "git": "--version", "cc": "--version"}


def describe(ground: Path) -> dict[str, Any]:
    return {
        "processor": first_field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": first_field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release().split("-")[0],
        "filesystem": filesystem(ground),
        "python": platform.python_version(),
        "riverrun": riverrun.__version__,
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version(name, flag) for name, flag in PEERS.items()},
        "absent": [name for name in PEERS if not shutil.which(name)],
    }


def version(name: str, flag: str) -> str | None:
    if not shutil.which(name):
        return None
    done = subprocess.run([name, flag], capture_output=True, text=True, check=False)
    told = (done.stdout + done.stderr).strip()
    return told.split("\n", 1)[0] if told else None


def first_field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "unknown"


def filesystem(ground: Path) -> str:
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", ground], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def drop_caches() -> bool:
    """Only root may; whether it worked."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


def peak_sorted_cores() -> list[int]:
    """1, 2, 4 ... and all cores."""
    cores = len(os.sched_getaffinity(0))
    steps = {1 << power for power in range(cores.bit_length()) if 1 << power <= cores}
    return sorted(steps | {cores})


def subject(*words: str) -> list[str]:
    """The command of one round of riverrun."""
    return [sys.executable, str(Path(__file__).with_name("subject.py")), *words]
