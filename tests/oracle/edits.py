"""Edits: a bench and three numbers come in, something is changed as a person, a program or a clock would; told in words."""

from collections.abc import Callable
from dataclasses import replace

from oracle.bench import Bench, Clock
from oracle.content import File
from oracle.world import BRANCH, FAIL, Family, How, Pipe, Read, Style

Edit = Callable[[Bench, int, int, int], str]
NOT_NOW = ""  # there is nothing that this edit could change

WORDS = ("ant", "arc", "bee", "bud", "cat", "xen", "xyl")
CLOCKS = tuple(Clock)


def text_of(number: int) -> bytes:
    """Some lines of words; few enough that texts meet again, and many of one size."""
    chosen = [WORDS[(number >> (3 * at)) % len(WORDS)] for at in range(1 + number % 3)]
    return "".join(f"{word} {number % 5}\n" for word in chosen).encode()


def change_source(bench: Bench, a: int, b: int, c: int) -> str:
    """Write other bytes, with one clock or another."""
    paths = [
        path for path, file in bench.world.sources.items() if file is not None and not path.endswith(".tsv")
    ]
    path = paths[a % len(paths)]
    old = bench.world.sources[path]
    assert old is not None
    clock = CLOCKS[c % len(CLOCKS)]
    new = replace(old, text=_same_size(old.text) if b % 3 == 0 else text_of(b))
    bench.become(bench.world.with_sources({path: new}), clock)
    return f"{path} becomes {new.text!r}, {clock.value}"


def _same_size(text: bytes) -> bytes:
    """Other bytes of the same size: the first word turns to one of its length."""
    names = [word.encode() for word in WORDS]
    head = text[:3]
    return (names[(names.index(head) + 1) % len(names)] if head in names else names[0]) + text[3:]


def touch_source(bench: Bench, a: int, b: int, c: int) -> str:
    """The same bytes, another clock."""
    path = sorted(bench.world.sources)[a % len(bench.world.sources)]
    bench.put(path, bench.world.sources[path], CLOCKS[c % len(CLOCKS)])
    return f"touch {path}, {CLOCKS[c % len(CLOCKS)].value}"


def flip_source(bench: Bench, a: int, b: int, c: int) -> str:
    """Let a source be executed, or not."""
    paths = [path for path, file in bench.world.sources.items() if file is not None]
    path = paths[a % len(paths)]
    file = bench.world.sources[path]
    assert file is not None
    bench.become(bench.world.with_sources({path: replace(file, exec=not file.exec)}), CLOCKS[c % len(CLOCKS)])
    return f"flip x of {path}"


PLACES = ("in/{}.txt", "in/{}.txt", "dir/{}.txt", "dir/sub/{}.txt", "mix/{}.out", "in/{}.md")


def add_source(bench: Bench, a: int, b: int, c: int) -> str:
    """A new source where globs, families and folders look."""
    path = PLACES[a % len(PLACES)].format("defg"[b % 4])
    if path in bench.world.sources or path in bench.memory.disk:
        return NOT_NOW
    bench.become(bench.world.with_sources({path: File(text_of(c))}))
    return f"new source {path}"


def _passing(bench: Bench) -> list[str]:
    """The sources that no step names."""
    return sorted(
        path for path in bench.world.sources if path.rpartition("/")[2][:2] in ("d.", "e.", "f.", "g.")
    )


def remove_source(bench: Bench, a: int, b: int, c: int) -> str:
    """Remove a source that only globs, families and folders know."""
    paths = _passing(bench)
    if not paths:
        return NOT_NOW
    path = paths[a % len(paths)]
    bench.become(bench.world.with_sources({}, (path,)))
    return f"remove source {path}"


def rename_source(bench: Bench, a: int, b: int, c: int) -> str:
    """Rename a source that only globs, families and folders know."""
    paths = _passing(bench)
    if not paths:
        return NOT_NOW
    path = paths[a % len(paths)]
    folder, _, name = path.rpartition("/")
    new = f"{folder}/{'defg'[b % 4]}.{name.partition('.')[2]}"
    if new in bench.world.sources:
        return NOT_NOW
    bench.become(bench.world.with_sources({new: bench.world.sources[path]}, (path,)))
    return f"rename source {path} to {new}"


def optional_source(bench: Bench, a: int, b: int, c: int) -> str:
    """An optional input comes or goes."""
    if "opt.txt" in bench.world.sources:
        bench.become(bench.world.with_sources({}, ("opt.txt",)))
        return "remove opt.txt"
    bench.become(bench.world.with_sources({"opt.txt": File(text_of(b))}))
    return "new opt.txt"


def empty_folder(bench: Bench, a: int, b: int, c: int) -> str:
    """An empty folder in a folder that steps read comes or goes."""
    if "dir/void" in bench.world.sources:
        bench.become(bench.world.with_sources({}, ("dir/void",)))
        return "remove dir/void/"
    bench.become(bench.world.with_sources({"dir/void": None}))
    return "new dir/void/"


def change_rows(bench: Bench, a: int, b: int, c: int) -> str:
    """Change a row of the table, add one, remove one, or turn the order around."""
    table = bench.world.sources["rows.tsv"]
    assert table is not None
    head, *rows = table.text.decode().splitlines()
    told = ("change", "add", "remove", "reverse")[a % 4]
    if told == "change":
        name = rows[b % len(rows)].split("\t")[0]
        rows[b % len(rows)] = f"{name}\t{c % 5}"
    elif told == "add":
        free = [name for name in "klmno" if not any(row.startswith(name) for row in rows)]
        rows += [f"{free[0]}\t{c % 5}"] if free else []
    elif told == "remove" and len(rows) > 1:
        rows.pop(b % len(rows))
    elif told == "reverse":
        rows.reverse()
    bench.become(bench.world.with_sources({"rows.tsv": File("\n".join([head, *rows, ""]).encode())}))
    return f"{told} rows: {rows}"


def change_param(bench: Bench, a: int, b: int, c: int) -> str:
    """Another value of a param, of what the parent gives a tributary, or of a list that a family runs over."""
    kind = a % 4
    pipe = bench.world.pipes[BRANCH if kind == 1 else ""]
    if kind == 3:
        values = list(pipe.params["xs"])
        values = values[:-1] if b % 2 and len(values) > 1 else [*values, max(values) + 1]
        bench.become(bench.world.with_pipe(replace(pipe, params={**pipe.params, "xs": values})))
        return f"xs = {values}"
    if kind == 1 and b % 2:
        overrides = {} if pipe.overrides else {"q0": c % 3}
        bench.become(bench.world.with_pipe(replace(pipe, overrides=overrides)))
        return f"tributary params {overrides}"
    name = "q0" if kind == 1 else f"p{b % 2}"
    bench.become(bench.world.with_pipe(replace(pipe, params={**pipe.params, name: c % 3})))
    return f"{name} = {c % 3}"


def _chosen(bench: Bench, number: int) -> tuple[Pipe, Family] | None:
    families = bench.world.families()
    return families[number % len(families)] if families else None


def _rewritten(bench: Bench, number: int, change: Callable[[Family], Family], told: str) -> str:
    chosen = _chosen(bench, number)
    if chosen is None:
        return NOT_NOW
    pipe, family = chosen
    new = change(family)
    if new == family:
        return NOT_NOW
    bench.become(bench.world.with_family(pipe, new))
    return f"{family.uid} '{family.name}': {told} {new}"


def change_const(bench: Bench, a: int, b: int, c: int) -> str:
    """Another command; now and then one that fails, and then one that does not."""
    return _rewritten(
        bench, a, lambda family: replace(family, const=FAIL if b % 7 == 0 else f"c{b % 3}"), "const"
    )


def change_style(bench: Bench, a: int, b: int, c: int) -> str:
    """The same command, spelled in another way."""
    return _rewritten(bench, a, lambda family: replace(family, style=tuple(Style)[b % 3]), "style")


def change_flag(bench: Bench, a: int, b: int, c: int) -> str:
    """What does not change the command: temporary, always, real files, caching, names of inputs."""

    def flip(family: Family) -> Family:
        flag = ("temporary", "always", "real", "cached", "named")[b % 5]
        lying = any(out.startswith("mix/") for out in family.outs)
        if (flag == "temporary" and lying) or (flag == "named" and not family.reads):
            return family
        return replace(family, **{flag: not getattr(family, flag)})  # type: ignore[arg-type]

    return _rewritten(bench, a, flip, ("temporary", "always", "real", "cached", "named")[b % 5])


def rename_step(bench: Bench, a: int, b: int, c: int) -> str:
    """Another name: nothing must run."""
    return _rewritten(bench, a, lambda family: replace(family, name=f"{family.uid}{'abc'[b % 3]}"), "name")


def rename_output(bench: Bench, a: int, b: int, c: int) -> str:
    """Other output paths; the old ones are orphans then."""

    def moved(family: Family) -> Family:
        return replace(family, outs=tuple(f"v{b % 3}_{out.partition('_')[2]}" for out in family.outs))

    chosen = _chosen(bench, a)
    if chosen is None or any(out.startswith("mix/") for out in chosen[1].outs):
        return NOT_NOW
    if any(
        read.of == chosen[1].uid and read.how is How.GLOB
        for _, one in bench.world.families()
        for read in one.reads
    ):
        return NOT_NOW
    return _rewritten(bench, a, moved, "outputs")


def swap_reads(bench: Bench, a: int, b: int, c: int) -> str:
    """The same inputs in another order."""
    return _rewritten(bench, a, lambda family: replace(family, reads=family.reads[::-1]), "swap inputs of")


def drop_read(bench: Bench, a: int, b: int, c: int) -> str:
    """One input less; never the one that a family runs over."""

    def less(family: Family) -> Family:
        reads = list(family.reads)
        if len(reads) > 1 and reads[b % len(reads)].how is not How.ITEM:
            reads.pop(b % len(reads))
        return replace(family, reads=tuple(reads))

    return _rewritten(bench, a, less, "fewer inputs of")


def turn_spec(bench: Bench, a: int, b: int, c: int) -> str:
    """The steps written in another order: nothing must run."""
    bench.become(replace(bench.world, backwards=not bench.world.backwards))
    return "steps written the other way round"


def change_end(bench: Bench, a: int, b: int, c: int) -> str:
    """Name the end state, or leave it to what no one uses."""
    top = bench.world.pipes[""]
    uids = [family.uid for family in top.families]
    if not uids:
        return NOT_NOW
    end = () if top.end else tuple(dict.fromkeys((uids[a % len(uids)], uids[b % len(uids)])))
    bench.become(bench.world.with_pipe(replace(top, end=end)))
    return f"end = {end}"


def remove_family(bench: Bench, a: int, b: int, c: int) -> str:
    """Remove a step with all that run over it; others read it no longer."""
    chosen = _chosen(bench, a)
    if chosen is None:
        return NOT_NOW
    gone = {chosen[1].uid}
    while True:
        more = {one.uid for _, one in bench.world.families() if one.over and one.over.of in gone} - gone
        if not more:
            break
        gone |= more
    world = bench.world
    branch = any(one.uid not in gone for one in world.pipes[BRANCH].families)
    for pipe in world.pipes.values():
        left = []
        for one in pipe.families:
            if one.uid in gone:
                continue
            reads = tuple(r for r in one.reads if not _is_gone(r, gone, branch))
            uses = tuple(r for r in one.uses if r.of not in gone)
            left.append(replace(one, reads=reads, uses=uses, named=one.named and bool(reads)))
        given = {
            name: replace(read, how=How.FILE, text="in/a.txt", of="") if read.of in gone else read
            for name, read in pipe.given.items()
        }
        end = tuple(uid for uid in pipe.end if uid not in gone)
        world = world.with_pipe(replace(pipe, families=tuple(left), given=given, end=end))
    bench.become(world)
    return f"remove {sorted(gone)}"


def _is_gone(read: Read, gone: set[str], branch: bool) -> bool:
    return read.of in gone or read.text in gone or (read.how is How.PROMISE and not branch)


def revert(bench: Bench, a: int, b: int, c: int) -> str:
    """Sources and specs as they were at an earlier run."""
    if not bench.snapshots:
        return NOT_NOW
    at = a % len(bench.snapshots)
    bench.become(bench.snapshots[at], CLOCKS[c % len(CLOCKS)])
    return f"back to snapshot {at}"


def lose_index(bench: Bench, a: int, b: int, c: int) -> str:
    """The fingerprints are lost: costs only time."""
    bench.lose("index")
    return "index lost"


def lose_all(bench: Bench, a: int, b: int, c: int) -> str:
    """All that riverrun keeps and made is lost."""
    if b % 3:
        return NOT_NOW
    bench.lose("")
    return "all lost"
