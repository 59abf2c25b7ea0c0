"""In: how many uneven steps. Out: benches/results/NAME.json: how long whole runs take beside the least that is possible.

The steps sleep, so any number of them runs side by side on any machine, and what is measured is the order in which they
are started. No order can be quicker than the longer of two: the longest way through the graph, and the seconds of all
steps shared among the jobs. Each contestant makes everything twice, the second time after a change that all steps read:
then whoever keeps the times of the first run knows them. Contestants take turns, in folders of their own.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import describe, version

HERE = Path(__file__).parent
COMMON = "round.txt"  # read by all steps
RUNS = ("first run", "second run")


@dataclass(frozen=True)
class Step:
    """What it needs stands before it in the spec."""

    name: str
    seconds: float
    needs: Sequence[str] = ()


def web(chance: random.Random, count: int) -> list[Step]:
    """Steps of which a few are long, each with up to three needs somewhere before it."""
    steps: list[Step] = []
    for number in range(count):
        seconds = round(min(2.0, 0.1 + chance.expovariate(1 / 0.3)), 2)
        before = [step.name for step in steps]
        needs = chance.sample(before, min(len(before), chance.randint(0, 3)))
        steps.append(Step(f"s{number}", seconds, sorted(needs)))
    return steps


def late_chain(chance: random.Random, count: int) -> list[Step]:
    """A chain that the whole run waits for, named last; all others need nothing."""
    links = count // 8
    steps = [Step(f"s{number}", round(chance.uniform(0.1, 0.5), 2)) for number in range(count - links)]
    for number in range(links):
        steps.append(Step(f"link{number}", 0.5, (f"link{number - 1}",) if number else ()))
    return steps


def late_giant(chance: random.Random, count: int) -> list[Step]:
    """One long step, named last; none needs another, so only times can tell which should begin first."""
    steps = [Step(f"s{number}", round(chance.uniform(0.1, 0.5), 2)) for number in range(count - 1)]
    return [*steps, Step("giant", 3.0)]


SHAPES: dict[str, Callable[[random.Random, int], list[Step]]] = {
    "web": web,
    "late chain": late_chain,
    "late giant": late_giant,
}


def bound(steps: Sequence[Step], jobs: int) -> float:
    """Seconds that no order can do without."""
    ways: dict[str, float] = {}
    for step in steps:
        ways[step.name] = step.seconds + max((ways[need] for need in step.needs), default=0.0)
    return max(max(ways.values()), sum(step.seconds for step in steps) / jobs)


def command(step: Step, output: str) -> str:
    return f"sleep {step.seconds} && touch {output}"


def write_riverrun(folder: Path, steps: Sequence[Step]) -> None:
    parts = []
    for step in steps:
        needs = ", ".join(f'"{need}.out"' for need in step.needs)
        parts.append(
            f'[step.{step.name}]\nrun = "{command(step, "{outputs}")}"\ninputs = [{needs}]\n'
            f'uses = ["{COMMON}"]\noutputs = ["{step.name}.out"]\n'
        )
    (folder / "riverrun.toml").write_text("".join(parts))


def write_ninja(folder: Path, steps: Sequence[Step]) -> None:
    parts = ["rule do\n  command = sleep $seconds && touch $out\n"]
    for step in steps:
        needs = "".join(f" {need}.out" for need in step.needs)
        parts.append(f"build {step.name}.out: do{needs} {COMMON}\n  seconds = {step.seconds}\n")
    (folder / "build.ninja").write_text("".join(parts))


def write_make(folder: Path, steps: Sequence[Step]) -> None:
    rules = [f"all: {' '.join(f'{step.name}.out' for step in steps)}\n"]
    for step in steps:
        needs = "".join(f" {need}.out" for need in step.needs)
        rules.append(f"{step.name}.out:{needs} {COMMON}\n\t{command(step, '$@')}\n")
    (folder / "Makefile").write_text("".join(rules))


WRITERS: Mapping[str, tuple[Callable[[Path, Sequence[Step]], None], list[str]]] = {
    "riverrun": (write_riverrun, [sys.executable, "-m", "riverrun", "run", "-q"]),
    "ninja": (write_ninja, ["ninja", "--quiet"]),
    "make": (write_make, ["make", "--silent"]),
}


def measure(words: Sequence[str], folder: Path, steps: Sequence[Step], least: float) -> float:
    """Seconds from its start to its end; all steps must have run in it."""
    os.sync()
    time.sleep(0.1)  # stamps of the change and of what came before it are apart
    (folder / COMMON).write_text(f"{time.time_ns()}\n")
    wrote = (folder / COMMON).stat().st_mtime_ns
    began = time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    assert all((folder / f"{step.name}.out").stat().st_mtime_ns >= wrote for step in steps), (
        "a step did not run"
    )
    assert seconds >= least, f"{words[0]}: {seconds} s is less than the {least} s that are needed"
    return seconds


def one_graph(
    nest: Path, contestants: Sequence[str], steps: Sequence[Step], jobs: int
) -> dict[tuple[str, str], float]:
    """Seconds by contestant and run."""
    found = {}
    for name in contestants:
        (nest / name).mkdir(parents=True)
        WRITERS[name][0](nest / name, steps)
    for run in RUNS:
        for name in contestants:
            words = [*WRITERS[name][1], f"-j{jobs}"]
            found[name, run] = measure(words, nest / name, steps, bound(steps, jobs))
    return found


def summary(
    shape: str, jobs: int, bounds: Sequence[float], found: Sequence[dict[tuple[str, str], float]]
) -> dict[str, object]:
    """How many times the bound: of each graph, and their median."""
    entries = []
    for name, run in found[0]:
        walls = [graph[name, run] for graph in found]
        ratios = [wall / least for wall, least in zip(walls, bounds, strict=True)]
        entry = {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
        entries.append(
            {"name": name, "run": run, "seconds": [round(wall, 3) for wall in walls]}
            | {key: round(ratio, 3) for key, ratio in entry.items()}
        )
        told = f"{entry['median']:6.3f} x  {entry['least']:6.3f} .. {entry['most']:.3f}"
        print(f"{shape:11} -j{jobs}  {name:9} {run:11} {told}", file=sys.stderr)
    return {
        "shape": shape,
        "jobs": jobs,
        "bounds": [round(least, 3) for least in bounds],
        "contestants": entries,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3, help="graphs of each shape")
    parser.add_argument("--jobs", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--name", default="makespan", help="of the file of results")
    parser.add_argument("--dir", type=Path, default=HERE.parent / "target", help="where the folders are made")
    wanted = parser.parse_args()
    wanted.dir.mkdir(exist_ok=True)
    contestants = [name for name in WRITERS if name == "riverrun" or shutil.which(name)]
    machine = describe(wanted.dir)
    machine["versions"] = {
        name: f"{name} {(version(name, '--version') or '').removeprefix('GNU Make ')}"
        for name in contestants
        if name != "riverrun"
    }
    machine["absent"] = [name for name in WRITERS if name not in contestants]
    rows = []
    nest = Path(tempfile.mkdtemp(prefix="riverrun-makespan-", dir=wanted.dir))
    try:
        for shape in wanted.shapes:
            for jobs in wanted.jobs:
                graphs = [
                    SHAPES[shape](random.Random(number), wanted.steps) for number in range(wanted.rounds)
                ]
                found = []
                for number, steps in enumerate(graphs):
                    turn = contestants if number % 2 == 0 else contestants[::-1]
                    times = one_graph(nest / f"{shape}-{jobs}-{number}", turn, steps, jobs)
                    found.append({(name, run): times[name, run] for name in contestants for run in RUNS})
                rows.append(summary(shape, jobs, [bound(steps, jobs) for steps in graphs], found))
    finally:
        shutil.rmtree(nest)
    results = {"machine": machine, "rounds": wanted.rounds, "uneven steps": wanted.steps, "rows": rows}
    place = HERE / "results" / f"{wanted.name}.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
