"""In: which rows, on which folder. Out: benches/results/NAME.json: riverrun beside its peers and beside the bare limits."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from contest import Cache, Row, run_row
from machine import describe, drop_caches
from rows import GIB, growth, of_flipped_byte, of_large_file, of_small_files, of_untouched_files

from ground import Ground

HERE = Path(__file__).parent
MIB = 1 << 20
SIZES = [1 << 10, 16 << 10, 256 << 10, 4 * MIB, 64 * MIB, GIB]
COUNTS = [1, 10, 100, 1000, 10_000, 100_000]


def main() -> None:
    wanted = arguments()
    place = HERE / "results" / f"{wanted.name}.json"
    place.parent.mkdir(exist_ok=True)
    ground_folder = Path(tempfile.mkdtemp(prefix="riverrun-bench-", dir=wanted.dir))
    try:
        ground = Ground(ground_folder)
        results = {"machine": describe(ground_folder), "rounds": wanted.rounds, "rows": []}
        for row in rows(ground, wanted):
            found = run_row(row, wanted.rounds, drop_caches)
            results["rows"].append(found)
            place.write_text(
                json.dumps(results, indent=1) + "\n"
            )  # what is done is done, if this is ended early
            tell(found)
    finally:
        shutil.rmtree(ground_folder)


def rows(ground: Ground, wanted: argparse.Namespace) -> Iterator[Row]:
    """Made one after the other: files are only there for the rows that follow."""
    size = wanted.gib * GIB
    if "large" in wanted.rows:
        yield of_large_file(ground, size)
    if "flip" in wanted.rows:
        yield of_flipped_byte(ground, size)
    if "small" in wanted.rows:
        yield of_small_files(ground, 100, wanted.files // 100)
    if "stat" in wanted.rows:
        yield of_untouched_files(ground, 1000, wanted.stats // 1000)
    if "cold" in wanted.rows:
        yield of_large_file(ground, size, Cache.COLD)
        yield of_small_files(ground, 100, wanted.files // 100, Cache.COLD)
    if "growth" in wanted.rows:
        sizes = [*SIZES, 4 * GIB, 16 * GIB] if wanted.long else SIZES
        counts = [*COUNTS, 1_000_000] if wanted.long else COUNTS
        yield from growth(ground, sizes, counts)


def tell(found: dict[str, object]) -> None:
    """One line a budget, as the run goes on."""
    print(found["row"], f"({found.get('cache', found.get('skipped'))})", file=sys.stderr)
    for entry in found.get("contestants", []):  # type: ignore[attr-defined]
        line = f"  {entry['name']:32}{entry['median']:10.4f} s  {entry['least']:10.4f} .. {entry['most']:.4f}"
        print(line, file=sys.stderr)
    for budget in found.get("budgets", []):  # type: ignore[attr-defined]
        got = (
            f"{budget['ratio']:.2f} of {budget['limit']:.2f}"
            if "ratio" in budget
            else f"{budget['used'] / 1e6:.0f} MB"
        )
        print(f"  {'met   ' if budget['met'] else 'MISSED'} {budget['what']}: {got}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    every = ["large", "flip", "small", "stat", "cold", "growth"]
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"some of {', '.join(every)}; the first four if none"
    )
    parser.add_argument("--name", default="core", help="of the file of results")
    parser.add_argument("--dir", type=Path, default=HERE.parent / "target", help="where the files are made")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gib", type=int, default=4, help="size of the large file")
    parser.add_argument("--files", type=int, default=100_000, help="small files")
    parser.add_argument("--stats", type=int, default=1_000_000, help="files that no one touched")
    parser.add_argument("--long", action="store_true", help="growth up to 16 GiB and 1,000,000 files")
    wanted = parser.parse_args()
    wanted.rows = wanted.rows or every[:4]
    if unknown := set(wanted.rows) - set(every):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    wanted.dir.mkdir(exist_ok=True)
    return wanted


if __name__ == "__main__":
    main()
