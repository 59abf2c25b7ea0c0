"""In: how many steps. Out: benches/results/NAME.json: many small steps by riverrun, ninja and make, side by side.

The pipeline: chains of two `cp` of one small file, and a last step that joins what they made (by listing the folder: no
command can be given so many names). Each round makes everything anew in a folder of its own (ext4 is slower at making
files for a minute after many were removed in the same place), and the contestants take turns, each after a sync. riverrun
runs every step in a work folder, hashes, stores and records.
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
from collections.abc import Callable
from pathlib import Path

from machine import describe

HERE = Path(__file__).parent
JOIN = "find out -name '*.txt' -print0 | LC_ALL=C sort -z | xargs -0 cat"
BUDGETS = {"from scratch": 1.0, "nothing to do": 2.5}  # of ninja, at 10,001 steps (design, section 9)


def write_sources(folder: Path, chains: int) -> None:
    (folder / "src").mkdir(parents=True)
    for number in range(chains):
        (folder / f"src/{number}.txt").write_text(f"source {number}\n")


def write_riverrun(folder: Path, chains: int) -> None:
    parts = []
    for number in range(chains):
        for name, source, target in (("a", "src", "mid"), ("b", "mid", "out")):
            parts.append(
                f'[step.{name}{number}]\nrun = "cp {{inputs}} {{outputs}}"\n'
                f'inputs = ["{source}/{number}.txt"]\noutputs = ["{target}/{number}.txt"]\n'
            )
    made = ", ".join(f'"out/{number}.txt"' for number in range(chains))
    parts.append(f'[step.last]\nrun = "{JOIN} > {{outputs}}"\ninputs = [{made}]\noutputs = ["last.txt"]\n')
    (folder / "riverrun.toml").write_text("".join(parts))


def write_ninja(folder: Path, chains: int) -> None:
    parts = ["rule cp\n  command = cp $in $out\nrule cat\n", f"  command = {JOIN} > $out\n"]
    for number in range(chains):
        parts.append(
            f"build mid/{number}.txt: cp src/{number}.txt\nbuild out/{number}.txt: cp mid/{number}.txt\n"
        )
    made = " ".join(f"out/{number}.txt" for number in range(chains))
    parts.append(f"build last.txt: cat {made}\ndefault last.txt\n")
    (folder / "build.ninja").write_text("".join(parts))


def write_make(folder: Path, chains: int) -> None:
    made = " ".join(f"out/{number}.txt" for number in range(chains))
    rules = [f"last.txt: {made}\n\t{JOIN} > $@\n"]
    for number in range(chains):
        rules.append(
            f"mid/{number}.txt: src/{number}.txt\n\tcp $< $@\nout/{number}.txt: mid/{number}.txt\n\tcp $< $@\n"
        )
    (folder / "Makefile").write_text("".join(rules))
    for name in ("mid", "out"):
        (folder / name).mkdir()


WRITERS: dict[str, tuple[Callable[[Path, int], None], list[str]]] = {
    "riverrun": (write_riverrun, [sys.executable, "-m", "riverrun", "run", "-q"]),
    "ninja": (write_ninja, ["ninja", "--quiet"]),
    "make": (write_make, ["make", "--silent"]),
}


def measure(words: list[str], folder: Path) -> tuple[float, float]:
    """Seconds on the wall, and of all processors."""
    os.sync()
    time.sleep(0.3)  # the filesystem's own writing ends, and stamps settle
    before, began = os.times(), time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


def check(folder: Path, chains: int, changed: str) -> None:
    order = sorted(range(chains), key=lambda number: f"out/{number}.txt")
    wanted = "".join(changed if number == 0 else f"source {number}\n" for number in order)
    assert (folder / "last.txt").read_text() == wanted, f"a wrong end state in {folder.name}"


def one_round(
    nest: Path,
    contestants: list[str],
    chains: int,
    jobs: int,
    found: dict[str, dict[str, list[tuple[float, float]]]],
) -> None:
    folders = {name: nest / name for name in contestants}
    for name, folder in folders.items():
        write_sources(folder, chains)
        WRITERS[name][0](folder, chains)
    for row in ("from scratch", "nothing to do", "one change"):
        for name, folder in folders.items():
            if row == "nothing to do":
                measure([*WRITERS[name][1], f"-j{jobs}"], folder)  # stamps that were young have settled now
            if row == "one change":
                (folder / "src/0.txt").write_text("changed\n")
            found[row][name].append(measure([*WRITERS[name][1], f"-j{jobs}"], folder))
            check(folder, chains, "changed\n" if row == "one change" else "source 0\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_001)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--name", default="steps", help="of the file of results")
    parser.add_argument("--dir", type=Path, default=HERE.parent / "target", help="where the folders are made")
    wanted = parser.parse_args()
    wanted.dir.mkdir(exist_ok=True)
    contestants = [name for name in WRITERS if name == "riverrun" or shutil.which(name)]
    chains = (wanted.steps - 1) // 2
    found: dict[str, dict[str, list[tuple[float, float]]]] = {
        row: {name: [] for name in contestants} for row in ("from scratch", "nothing to do", "one change")
    }
    machine = describe(wanted.dir)
    nest = Path(tempfile.mkdtemp(prefix="riverrun-steps-", dir=wanted.dir))
    try:
        for number in range(wanted.rounds):
            turn = contestants if number % 2 == 0 else contestants[::-1]
            one_round(nest / str(number), turn, chains, wanted.jobs, found)
    finally:
        shutil.rmtree(nest)
    rows = [summary(row, times, 2 * chains + 1) for row, times in found.items()]
    results = {
        "machine": machine,
        "rounds": wanted.rounds,
        "jobs": wanted.jobs,
        "steps": 2 * chains + 1,
        "rows": rows,
    }
    place = HERE / "results" / f"{wanted.name}.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(results, indent=1) + "\n")


def summary(row: str, times: dict[str, list[tuple[float, float]]], steps: int) -> dict[str, object]:
    entries = []
    for name, pairs in times.items():
        walls, used = zip(*pairs, strict=True)
        entry = {"name": name, "median": statistics.median(walls), "least": min(walls), "most": max(walls)}
        entry["processors"] = statistics.median(used)
        entries.append(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in entry.items()}
        )
        line = f"{row:14} {name:9} {entry['median']:8.3f} s  {entry['least']:8.3f} .. {entry['most']:.3f}"
        print(f"{line}  processors {entry['processors']:8.3f} s", file=sys.stderr)
    told: dict[str, object] = {"row": row, "contestants": entries}
    medians = {entry["name"]: entry["median"] for entry in entries}
    if "ninja" in medians:
        told["of ninja"] = round(medians["riverrun"] / medians["ninja"], 3)
        if row in BUDGETS and steps == 10_001:
            told["budget"] = BUDGETS[row]
    return told


if __name__ == "__main__":
    main()
