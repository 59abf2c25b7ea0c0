"""In: examples/flights, and maybe a folder to work in. Out: the story of a pipeline, told by running it.

python examples/demo.py [FOLDER]     without FOLDER a temporary one is used, and removed at the end
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MADE = (".riverrun", "data", "months", "clean", "joined", "monthly", "year", "pictures", "summary.md")


def say(text: str) -> None:
    """A title above what happens next."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def run(*words: str, expect: int = 0) -> None:
    """Show a command and run it; the demonstration ends if it does not do what it should."""
    print("$", *words, flush=True)
    code = subprocess.run(words).returncode
    if code != expect:
        sys.exit(f"the demonstration has failed: exit code {code}, not {expect}")


def riverrun(*words: str, expect: int = 0) -> None:
    """Show and run riverrun itself."""
    run("riverrun", *words, expect=expect)


def story() -> None:
    """Every chapter changes one thing and lets riverrun find out."""
    print(
        "The pipeline: every flight that left New York City in 2013, by month, carrier, airport and weather."
    )

    say("1. First build: everything runs")
    riverrun("run")

    say("2. Nothing to do")
    riverrun("run")

    say(
        "3. A comment in scripts/clean.py: its twelve items run, yield the same bytes, and the rest is cut off"
    )
    with open("scripts/clean.py", "a") as script:
        script.write("# This comment changes nothing.\n")
    riverrun("run")

    say(
        "4. One flight in March is corrected: the months are split again, then only March and what gathers it"
    )
    with open("corrections.csv", "a") as corrections:
        corrections.write("3,8,UA,1124,EWR,arr_delay,-12\n")
    riverrun("run")

    say(
        "5. An interior state is tampered with: 'UA' becomes 'AA' in clean/07.csv, same size, same time of change"
    )
    july = Path("clean/07.csv")
    before = july.stat()
    july.write_bytes(july.read_bytes().replace(b"UA", b"AA"))
    os.utime(july, ns=(before.st_atime_ns, before.st_mtime_ns))
    riverrun("status")
    print()
    riverrun("run")

    say("6. The end state")
    riverrun("status")
    run("head", "-n", "12", "summary.md")


def main() -> None:
    """Copy the example, tell the story in the copy."""
    given = sys.argv[1:]
    folder = Path(given[0] if given else tempfile.mkdtemp(prefix="riverrun-demo-")).resolve()
    try:
        shutil.copytree(
            HERE / "flights",
            folder / "flights",
            ignore=shutil.ignore_patterns(*MADE),
            dirs_exist_ok=bool(given),
        )
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        os.chdir(folder / "flights")
        story()
        if given:
            print(f"\nThe pictures: {folder}/flights/pictures/")
    finally:
        if not given:
            os.chdir(HERE)
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
