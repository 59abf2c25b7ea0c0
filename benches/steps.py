"""In: how many steps, of which shape. Out: benches/results/NAME.json: many small steps by riverrun and its peers, side by side.

Each round makes everything anew in folders of its own (ext4 is slower at making files for a minute after many were removed
in the same place), and the contestants take turns, each after a sync. riverrun runs every step in a work folder, hashes,
stores and records. Peers from PyPI are put into an environment that is made for this once, beside the folders.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from machine import describe, version
from pipelines import CHANGED, PIPELINES, Pipeline

HERE = Path(__file__).parent
ROWS = ("from scratch", "nothing to do", "one change")
PROGRAMS = {  # "JOBS" is the number of them
    "riverrun": [sys.executable, "-m", "riverrun", "run", "-q", "-jJOBS"],
    "ninja": ["ninja", "--quiet", "-jJOBS"],
    "make": ["make", "--silent", "-jJOBS"],
    "snakemake": ["snakemake", "--quiet", "all", "--cores", "JOBS", "last.txt"],
    "doit": ["doit", "-n", "JOBS"],
    "dvc": ["dvc", "repro", "--quiet"],
}
FROM_PYPI = ("snakemake", "doit", "dvc")
BUDGETS = {  # of ninja, for chains (design, section 9)
    10_001: {"from scratch": 1.0, "nothing to do": 2.5},
    100_001: {"nothing to do": 1.0},
}


class Cost(NamedTuple):
    """Of one whole process with its children."""

    seconds: float
    processors: float
    peak_bytes: int


def measure(words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    os.sync()
    time.sleep(0.3)  # the filesystem's own writing ends, and stamps settle
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(seconds, used.ru_utime + used.ru_stime, peak)


def check(folder: Path, wanted: str) -> None:
    assert (folder / "last.txt").read_text() == wanted, f"a wrong end state in {folder.name}"


def prepare(name: str, folder: Path, environ: Mapping[str, str]) -> None:
    """What a tool wants before its first run."""
    if name == "dvc":
        for words in (["git", "init", "-q"], ["dvc", "init", "--quiet"]):
            subprocess.run(words, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)


def one_round(
    nest: Path,
    pipeline: Pipeline,
    contestants: Sequence[str],
    steps: int,
    jobs: int,
    environ: Mapping[str, str],
    found: dict[str, dict[str, list[Cost]]],
) -> None:
    folders = {name: nest / name for name in contestants}
    for name, folder in folders.items():
        pipeline.writers[name](folder, steps)
        prepare(name, folder, environ)
    for row in ROWS:
        for name, folder in folders.items():
            words = [word.replace("JOBS", str(jobs)) for word in PROGRAMS[name]]
            if row == "nothing to do":
                measure(words, folder, environ)  # stamps that were young have settled now
            if row == "one change":
                pipeline.change(folder)
            found[row][name].append(measure(words, folder, environ))
            check(folder, pipeline.end(steps, CHANGED if row == "one change" else "source 0"))


def environment(nest: Path, wanted: Sequence[str]) -> dict[str, str]:
    """The variables with which peers are found; those of PyPI are installed."""
    peers = [name for name in wanted if name in FROM_PYPI]
    environ = dict(os.environ)
    if peers:
        place = nest / "peers"
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", *peers], check=True)
        environ["PATH"] = os.pathsep.join([str(place / "bin"), environ["PATH"]])
    return environ


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_001)
    parser.add_argument("--shape", choices=list(PIPELINES), default="chains")
    parser.add_argument("--who", nargs="+", default=["riverrun", "ninja", "make"], choices=list(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--name", default="steps", help="of the file of results")
    parser.add_argument("--dir", type=Path, default=HERE.parent / "target", help="where the folders are made")
    wanted = parser.parse_args()
    wanted.dir.mkdir(exist_ok=True)
    pipeline = PIPELINES[wanted.shape]
    nest = Path(tempfile.mkdtemp(prefix="riverrun-steps-", dir=wanted.dir))
    try:
        environ = environment(nest, wanted.who)
        there = [name for name in wanted.who if shutil.which(PROGRAMS[name][0], path=environ["PATH"])]
        contestants = [name for name in there if name in pipeline.writers]
        found: dict[str, dict[str, list[Cost]]] = {row: {name: [] for name in contestants} for row in ROWS}
        machine = describe(wanted.dir)
        machine["versions"] = {
            name: version(shutil.which(name, path=environ["PATH"]) or name, "--version")
            for name in contestants
            if name != "riverrun"
        }
        machine["absent"] = [name for name in wanted.who if name not in contestants]
        for number in range(wanted.rounds):
            turn = contestants if number % 2 == 0 else contestants[::-1]
            one_round(nest / str(number), pipeline, turn, wanted.steps, wanted.jobs, environ, found)
    finally:
        shutil.rmtree(nest)
    steps = pipeline.steps(wanted.steps)
    results = {
        "machine": machine,
        "rounds": wanted.rounds,
        "jobs": wanted.jobs,
        "steps": steps,
        "shape": wanted.shape,
        "rows": [summary(row, costs, steps, wanted.shape) for row, costs in found.items()],
    }
    place = HERE / "results" / f"{wanted.name}.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(results, indent=1) + "\n")


def summary(row: str, costs: Mapping[str, Sequence[Cost]], steps: int, shape: str) -> dict[str, object]:
    entries = []
    for name, of_name in costs.items():
        walls = [cost.seconds for cost in of_name]
        entry = {"name": name, "median": statistics.median(walls), "least": min(walls), "most": max(walls)}
        entry["processors"] = statistics.median(cost.processors for cost in of_name)
        entry["peak_bytes"] = max(cost.peak_bytes for cost in of_name)
        entries.append(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in entry.items()}
        )
        line = f"{row:14} {name:9} {entry['median']:8.3f} s  {entry['least']:8.3f} .. {entry['most']:.3f}"
        peak = entry["peak_bytes"] / 1e6
        print(f"{line}  processors {entry['processors']:8.3f} s  {peak:.0f} MB", file=sys.stderr)
    told: dict[str, object] = {"row": row, "contestants": entries}
    medians = {entry["name"]: entry["median"] for entry in entries}
    if "ninja" in medians:
        told["of ninja"] = round(medians["riverrun"] / medians["ninja"], 3)
        budget = BUDGETS.get(steps, {}).get(row) if shape == "chains" else None
        if budget is not None:
            told["budget"] = budget
    return told


if __name__ == "__main__":
    main()
