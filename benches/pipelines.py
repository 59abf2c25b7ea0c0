"""In: a folder and how many steps. Out: the same pipeline in that folder as each tool has it, and the bytes of its end state.

`chains`: two copies each of one small file, and a last step that joins what they made, by listing the folder: no command
can be given so many names. `diamond`: a step makes a folder; tributaries each take a file of it through a chain of folders;
a last step joins what they promise. Other tools than riverrun have it without tributaries.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

JOIN = "find out -name '*.txt' -print0 | LC_ALL=C sort -z | xargs -0 cat"
LINKS = 100  # steps of each tributary of a diamond


class Pipeline(NamedTuple):
    """A shape: how it is written for each tool, the source that is changed, and what the end state then is."""

    writers: dict[str, Callable[[Path, int], None]]
    change: Callable[[Path], None]
    end: Callable[[int, str], str]
    steps: Callable[[int], int]  # how many there are for so many wanted


CHANGED = "changed"  # a line of a source, once changed


# -- chains -----------------------------------------------------------------------------------------------------------


def _sources(folder: Path, chains: int) -> None:
    (folder / "src").mkdir(parents=True)
    for number in range(chains):
        (folder / f"src/{number}.txt").write_text(f"source {number}\n")


def _copies(chains: int) -> list[tuple[str, str, str]]:
    """Name, source and target of each copy."""
    pairs = (("a", "src", "mid"), ("b", "mid", "out"))
    return [
        (f"{name}{number}", f"{source}/{number}.txt", f"{target}/{number}.txt")
        for number in range(chains)
        for name, source, target in pairs
    ]


def _made(chains: int) -> list[str]:
    return [f"out/{number}.txt" for number in range(chains)]


def chains_riverrun(folder: Path, steps: int) -> None:
    chains = (steps - 1) // 2
    _sources(folder, chains)
    parts = [
        f'[step.{name}]\nrun = "cp {{inputs}} {{outputs}}"\ninputs = ["{source}"]\noutputs = ["{target}"]\n'
        for name, source, target in _copies(chains)
    ]
    made = ", ".join(f'"{path}"' for path in _made(chains))
    parts.append(f'[step.last]\nrun = "{JOIN} > {{outputs}}"\ninputs = [{made}]\noutputs = ["last.txt"]\n')
    (folder / "riverrun.toml").write_text("".join(parts))


def chains_ninja(folder: Path, steps: int) -> None:
    chains = (steps - 1) // 2
    _sources(folder, chains)
    parts = [f"rule cp\n  command = cp $in $out\nrule join\n  command = {JOIN} > $out\n"]
    parts += [f"build {target}: cp {source}\n" for _, source, target in _copies(chains)]
    parts.append(f"build last.txt: join {' '.join(_made(chains))}\ndefault last.txt\n")
    (folder / "build.ninja").write_text("".join(parts))


def chains_make(folder: Path, steps: int) -> None:
    chains = (steps - 1) // 2
    _sources(folder, chains)
    rules = [f"last.txt: {' '.join(_made(chains))}\n\t{JOIN} > $@\n"]
    rules += [f"{target}: {source}\n\tcp $< $@\n" for _, source, target in _copies(chains)]
    (folder / "Makefile").write_text("".join(rules))
    for name in ("mid", "out"):
        (folder / name).mkdir()


def chains_snakemake(folder: Path, steps: int) -> None:
    chains = (steps - 1) // 2
    _sources(folder, chains)
    (folder / "Snakefile").write_text(
        f"rule last:\n    input: expand('out/{{n}}.txt', n=range({chains}))\n    output: 'last.txt'\n"
        f"    shell: {JOIN + ' > {output}'!r}\n"
        + "".join(
            f"rule {rule}:\n    input: '{source}/{{n}}.txt'\n    output: '{target}/{{n}}.txt'\n"
            "    shell: 'cp {input} {output}'\n"
            for rule, source, target in (("a", "src", "mid"), ("b", "mid", "out"))
        )
    )


def chains_doit(folder: Path, steps: int) -> None:
    chains = (steps - 1) // 2
    _sources(folder, chains)
    for name in ("mid", "out"):
        (folder / name).mkdir()
    (folder / "dodo.py").write_text(
        "DOIT_CONFIG = {'verbosity': 0}\n"
        f"COPIES = {_copies(chains)!r}\n"
        "def task_copy():\n    for name, source, target in COPIES:\n"
        "        yield {'name': name, 'actions': [f'cp {source} {target}'], 'file_dep': [source], 'targets': [target]}\n"
        f"def task_last():\n    return {{'actions': [{JOIN + ' > last.txt'!r}], 'file_dep': {_made(chains)!r}, "
        "'targets': ['last.txt']}\n"
    )


def chains_dvc(folder: Path, steps: int) -> None:
    chains = (steps - 1) // 2
    _sources(folder, chains)
    for name in ("mid", "out"):
        (folder / name).mkdir()
    parts = ["stages:\n"]
    parts += [
        f"  {name}:\n    cmd: cp {source} {target}\n    deps: [{source}]\n    outs: [{target}]\n"
        for name, source, target in _copies(chains)
    ]
    parts.append(
        f'  last:\n    cmd: "{JOIN} > last.txt"\n    deps: [{", ".join(_made(chains))}]\n    outs: [last.txt]\n'
    )
    (folder / "dvc.yaml").write_text("".join(parts))


def _change_chain(folder: Path) -> None:
    (folder / "src/0.txt").write_text(f"{CHANGED}\n")


def _end_of_chains(steps: int, first: str) -> str:
    order = sorted(range((steps - 1) // 2), key=lambda number: f"out/{number}.txt")
    return "".join(f"{first if number == 0 else f'source {number}'}\n" for number in order)


# -- a diamond ---------------------------------------------------------------------------------------------------------


def _width(steps: int) -> int:
    return max(1, (steps - 2) // LINKS)


def _words(folder: Path, width: int) -> None:
    folder.mkdir(parents=True)
    (folder / "words.txt").write_text("".join(f"source {number}\n" for number in range(width)))


SPLIT = "mkdir -p {out} && split -l 1 -a 6 -d words.txt {out}/"  # parts/000000, parts/000001, ...


def diamond_riverrun(folder: Path, steps: int) -> None:
    width = _width(steps)
    _words(folder, width)
    parts = [
        f'[step.split]\nrun = "{SPLIT.format(out="{outputs}")}"\ninputs = ["words.txt"]\noutputs = ["parts/"]\n'
    ]
    for number in range(width):
        parts.append(
            f'[tributary.t{number}]\npath = "t{number}"\ninputs = {{ part = "parts/{number:06}" }}\n'
        )
        links = []
        for link in range(LINKS):
            before = '"@inputs.part"' if not link else f'"d{link - 1}/"'
            source = "{inputs}" if not link else "{inputs}/x"
            links.append(
                f'[step.s{link}]\nrun = "mkdir {{outputs}} && cp {source} {{outputs}}/x"\n'
                f'inputs = [{before}]\noutputs = ["d{link}/"]\n'
            )
        (folder / f"t{number}").mkdir()
        (folder / f"t{number}/riverrun.toml").write_text("".join(links))
    promised = ", ".join(f'"@t{number}"' for number in range(width))
    parts.append(
        '[step.last]\nrun = "for folder in {inputs}; do cat $folder/x; done > {outputs}"\n'
        f'inputs = [{promised}]\noutputs = ["last.txt"]\n'
    )
    (folder / "riverrun.toml").write_text("".join(parts))


def _links(width: int) -> list[tuple[str, str]]:
    """What each link of all chains is made from, and the file that it makes in its folder."""
    return [
        (f"t{number}/d{link - 1}/x" if link else f"parts/{number:06}", f"t{number}/d{link}/x")
        for number in range(width)
        for link in range(LINKS)
    ]


def _last(width: int) -> str:
    return " ".join(f"t{number}/d{LINKS - 1}/x" for number in range(width))


def diamond_ninja(folder: Path, steps: int) -> None:
    width = _width(steps)
    _words(folder, width)
    made = " ".join(f"parts/{number:06}" for number in range(width))
    parts = [
        f"rule split\n  command = {SPLIT.format(out='parts')}\nrule cp\n  command = cp $in $out\n"
        f"rule cat\n  command = cat $in > $out\nbuild {made}: split words.txt\n"
    ]
    parts += [f"build {target}: cp {source}\n" for source, target in _links(width)]
    parts.append(f"build last.txt: cat {_last(width)}\ndefault last.txt\n")
    (folder / "build.ninja").write_text("".join(parts))


def diamond_make(folder: Path, steps: int) -> None:
    width = _width(steps)
    _words(folder, width)
    made = " ".join(f"parts/{number:06}" for number in range(width))
    rules = [f"last.txt: {_last(width)}\n\tcat $^ > $@\n{made} &: words.txt\n\t{SPLIT.format(out='parts')}\n"]
    for source, target in _links(width):
        rules.append(f"{target}: {source}\n\tmkdir -p $(@D) && cp $< $@\n")
    (folder / "Makefile").write_text("".join(rules))


def _change_diamond(folder: Path) -> None:
    words = folder / "words.txt"
    words.write_text(words.read_text().replace("source 0\n", f"{CHANGED}\n", 1))


def _end_of_diamond(steps: int, first: str) -> str:
    return "".join(f"{first if number == 0 else f'source {number}'}\n" for number in range(_width(steps)))


PIPELINES = {
    "chains": Pipeline(
        {
            "riverrun": chains_riverrun,
            "ninja": chains_ninja,
            "make": chains_make,
            "snakemake": chains_snakemake,
            "doit": chains_doit,
            "dvc": chains_dvc,
        },
        _change_chain,
        _end_of_chains,
        lambda steps: (steps - 1) // 2 * 2 + 1,
    ),
    "diamond": Pipeline(
        {"riverrun": diamond_riverrun, "ninja": diamond_ninja, "make": diamond_make},
        _change_diamond,
        _end_of_diamond,
        lambda steps: _width(steps) * LINKS + 2,
    ),
}
