"""In: benches/results/*.json, as the benches wrote them. Out: the tables of benches/README.md, between its two marks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- made by table.py -->\n", "<!-- end -->\n"


def main() -> None:
    page = HERE / "README.md"
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    tables = [line for name in sorted((HERE / "results").glob("*.json")) for line in of_results(name)]
    page.write_text(before + BEGIN + "\n".join(tables) + "\n" + END + after)


def of_results(path: Path) -> Iterator[str]:
    results = json.loads(path.read_text())
    if "rounds" not in results:  # pytest-benchmark's
        return
    machine = results["machine"]
    yield f"\n### {path.stem}\n"
    yield (
        f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['filesystem']}; load when "
        f"it began {machine['load']}; {'; '.join(filter(None, machine['versions'].values()))}; rounds: {results['rounds']}.\n"
    )
    if "steps" in results:
        yield from of_steps(results)
        return
    if "uneven steps" in results:
        yield from of_makespans(results)
        return
    yield "| work | who | median | least .. most | rate | CPU | peak |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    budgets = []
    for row in results["rows"]:
        if "skipped" in row:
            yield f"| {row['row']} | {row['skipped']} | | | | | |"
            continue
        name = f"{row['row']}{' (cold)' if row['cache'] == 'cold' else ''}"
        for entry in row["contestants"]:
            yield contestant_line(name, entry, row)
            name = ""
        budgets += [(row["row"], budget) for budget in row["budgets"]]
    if budgets:
        yield "\n| work | budget | measured | |"
        yield "|---|---|---:|---|"
        yield from (budget_line(name, budget) for name, budget in budgets)


def of_steps(results: dict[str, Any]) -> Iterator[str]:
    """What steps.py measured: whole processes, side by side with ninja and make."""
    yield f"{results['steps']:,} steps, -j{results['jobs']}.\n"
    yield "| work | who | median | least .. most | CPU | of ninja |"
    yield "|---|---|---:|---:|---:|---:|"
    for row in results["rows"]:
        name, ratio = row["row"], f"{row['of ninja']:.2f} x"
        for entry in row["contestants"]:
            median, least, most, cpu = (entry[key] for key in ("median", "least", "most", "processors"))
            yield f"| {name} | {entry['name']} | {median:.3f} s | {least:.3f} .. {most:.3f} | {cpu:.2f} s | {ratio} |"
            name = ratio = ""


def of_makespans(results: dict[str, Any]) -> Iterator[str]:
    """What makespan.py measured: each run as a multiple of the least that is possible."""
    yield f"{results['uneven steps']} uneven steps; times the least that is possible, which the first columns have.\n"
    yield "| shape | jobs | least | who | first run | least .. most | second run | least .. most |"
    yield "|---|---:|---:|---|---:|---:|---:|---:|"
    for row in results["rows"]:
        least, most = min(row["bounds"]), max(row["bounds"])
        head = f"| {row['shape']} | {row['jobs']} | {least:.1f} .. {most:.1f} s |"
        for name in dict.fromkeys(entry["name"] for entry in row["contestants"]):
            runs = [entry for entry in row["contestants"] if entry["name"] == name]
            cells = (f"{run['median']:.2f} x | {run['least']:.2f} .. {run['most']:.2f}" for run in runs)
            yield f"{head} {name} | {' | '.join(cells)} |"
            head = "| | | |"


def contestant_line(name: str, entry: dict[str, Any], row: dict[str, Any]) -> str:
    median, least, most = (entry[key] for key in ("median", "least", "most"))
    if row["work"] == "bytes":
        rate = f"{row['amount'] / median / 1e9:.2f} GB/s"
    else:
        rate = f"{median / row['amount'] * 1e6:.2f} us a file"
    peak = f"{entry['peak_bytes'] / 1e6:.0f} MB" if "peak_bytes" in entry else ""
    cpu = f"{entry['cpu']:.3f} s" if "cpu" in entry else ""
    return (
        f"| {name} | {entry['name']} | {median:.4f} s | {least:.4f} .. {most:.4f} | {rate} | {cpu} | {peak} |"
    )


def budget_line(name: str, budget: dict[str, Any]) -> str:
    if "used" in budget:
        measured = f"{budget['used'] / 1e6:.0f} MB"
    else:
        measured = f"{budget['ratio']:.2f} (at most {budget['limit']:.2f} times the time)"
    return f"| {name} | {budget['what']} | {measured} | {'met' if budget['met'] else '**missed**'} |"


if __name__ == "__main__":
    main()
