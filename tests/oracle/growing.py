"""New steps: a bench and numbers come in, a family that reads what is there, or a tributary, is added."""

from dataclasses import replace
from random import Random

from oracle.bench import Bench
from oracle.content import File
from oracle.edits import NOT_NOW
from oracle.world import BRANCH, Family, How, Mode, Over, Pipe, Read, Span, Style, World

SOURCES = (
    Read(How.FILE, "in/a.txt"),
    Read(How.FILE, "in/b.txt"),
    Read(How.FILE, "dir/keep.txt"),
    Read(How.OPTIONAL, "opt.txt"),
    Read(How.GLOB, "in/*.txt"),
    Read(How.GLOB, "in/*.txt", without="in/b.txt"),
    Read(How.GLOB, "in/?.md"),
    Read(How.GLOB, "dir/[d-k]*.txt"),
    Read(How.FOLDER, "dir/"),
)
INNER = (Read(How.FILE, "s.txt"), Read(How.FILE, "r.txt"), Read(How.GIVEN, "cfg"))
MODES = (Mode.JOIN, Mode.COARSE, Mode.COARSE, Mode.EXEC, Mode.PAIR, Mode.SPLIT)


def first_world() -> World:
    """Sources and params, and no step yet."""
    texts = {
        "in/a.txt": "ant 1\nbee 1\n",
        "in/b.txt": "bud 2\n",
        "in/c.txt": "cat 3\nxen 3\n",
        "in/a.md": "arc 4\n",
        "dir/keep.txt": "keep 5\n",
        "dir/sub/deep.txt": "deep 6\n",
        "mix/s.out": "mix 7\n",
        "lib/u.txt": "use 8\n",
        "lib/v.txt": "use 9\n",
        "rows.tsv": "n\tw\nk\t1\nl\t2\n",
        "t1/s.txt": "inner 1\n",
        "t1/r.txt": "inner 2\n",
        "t1/d/a.txt": "item a\n",
        "t1/d/b.txt": "item b\n",
    }
    sources: dict[str, File | None] = {path: File(text.encode()) for path, text in texts.items()}
    sources["dir/tool.txt"] = File(b"tool 0\n", exec=True)
    top = Pipe("", params={"p0": 0, "p1": 1, "xs": [1, 2]})
    branch = Pipe(BRANCH, params={"q0": 0}, given={"cfg": Read(How.FILE, "in/a.txt")})
    return World({"": top, BRANCH: branch}, sources)


def add_family(bench: Bench, a: int, b: int, c: int) -> str:
    """A step of one of many kinds."""
    chance = Random(f"{a} {b} {c}")
    kinds = (
        _plain,
        _plain,
        _joining,
        _joining,
        _splitting,
        _spanning,
        _spanning,
        _inside,
        _same,
        _inner,
        _inner,
    )
    bench.uids += 1
    made = kinds[a % len(kinds)](bench.world, f"f{bench.uids}", chance)
    if made is None:
        return NOT_NOW
    home, family = made
    bench.become(bench.world.with_family(bench.world.pipes[home], family))
    return f"new in '{home}': {family}"


def add_given(bench: Bench, a: int, b: int, c: int) -> str:
    """The tributary is given another input: a source, or what a step of the parent makes from sources."""
    branch = bench.world.pipes[BRANCH]
    leaves = [one.uid for one in bench.world.pipes[""].families if one.outs[0].startswith("mix/")]
    reads = [
        Read(How.FILE, "in/a.txt"),
        Read(How.FILE, "in/b.txt"),
        *(Read(How.OUTPUT, of=uid) for uid in leaves),
    ]
    read = reads[a % len(reads)]
    if branch.given["cfg"] == read:
        return NOT_NOW
    bench.become(bench.world.with_pipe(replace(branch, given={"cfg": read})))
    return f"tributary is given {read}"


def _family(
    uid: str, chance: Random, mode: Mode, reads: list[Read], over: Over | None = None, folder: str = ""
) -> Family:
    tail = f"o_{uid}/{{n}}" if over else f"{folder}o_{uid}"
    outs = {Mode.SPLIT: (tail + "/",), Mode.PAIR: (tail + ".out", tail + ".second")}.get(
        mode, (tail + ".out",)
    )
    items = ("n", "w") if over and over.span is Span.ROWS else ("n",) if over else ()
    uses = [Read(How.FILE, path) for path in ("lib/u.txt", "lib/v.txt") if chance.random() < 0.2]
    return Family(
        uid=uid,
        name=uid,
        mode=mode,
        const=f"c{chance.randrange(3)}",
        outs=outs,
        reads=tuple(dict.fromkeys(reads)),
        uses=tuple(uses),
        over=over,
        style=chance.choice(tuple(Style)),
        params=tuple(name for name in ("p0", "p1") if chance.random() < 0.2),
        declared=("p1",) if chance.random() < 0.1 else (),
        words=tuple(name for name in items if chance.random() < 0.5),
        named=chance.random() < 0.3 and bool(reads),
        temporary=chance.random() < 0.2 and not folder,
        cached=chance.random() < 0.85,
        real=chance.random() < 0.1,
    )


def _made(world: World, chance: Random) -> list[Read]:
    """Some of what the top's steps, and the tributary, make."""
    reads = [Read(How.FOLDER, "mix/"), Read(How.GLOB, "mix/*.out")]
    for one in world.pipes[""].families:
        reads.append(Read(How.STEP, of=one.uid))
        if one.mode is Mode.SPLIT and not one.over:
            reads += [Read(How.OUTPUT, of=one.uid), Read(How.INSIDE, "base.txt", of=one.uid)]
            reads += [
                Read(How.INSIDE, "deep/all.txt", of=one.uid),
                Read(How.GLOB, one.outs[0] + "*.txt", of=one.uid),
            ]
        elif one.over:
            reads.append(Read(How.GLOB, one.outs[0].replace("{n}", "*"), of=one.uid))
        else:
            reads.append(Read(How.OUTPUT, of=one.uid))
    if world.pipes[BRANCH].families:
        reads += [Read(How.PROMISE, of=BRANCH), *(Read(How.PROMISE, uid, BRANCH) for uid in world.promised())]
    return chance.sample(reads, min(len(reads), chance.randrange(1, 4)))


def _sources(chance: Random, most: int) -> list[Read]:
    reads = chance.sample(SOURCES, chance.randrange(most + 1))
    globs = [read for read in reads if read.text == "in/*.txt"]
    return [read for read in reads if read not in globs[1:]]


def _plain(world: World, uid: str, chance: Random) -> tuple[str, Family]:
    folder = chance.choice(("", "mix/"))
    mode = chance.choice(MODES[:-1])
    return "", _family(uid, chance, mode, _sources(chance, 3), folder=folder)


def _joining(world: World, uid: str, chance: Random) -> tuple[str, Family]:
    reads = [*_made(world, chance), *_sources(chance, 1)]
    chance.shuffle(reads)
    family = _family(uid, chance, chance.choice(MODES), reads)
    used = [one for one in world.pipes[""].families if not one.over and one.mode is not Mode.SPLIT]
    if used and chance.random() < 0.3:
        family = replace(family, uses=(*family.uses, Read(How.OUTPUT, of=chance.choice(used).uid)))
    return "", family


def _splitting(world: World, uid: str, chance: Random) -> tuple[str, Family]:
    reads = _sources(chance, 2) if chance.random() < 0.7 else _made(world, chance)
    return "", _family(uid, chance, Mode.SPLIT, reads)


def _spanning(world: World, uid: str, chance: Random) -> tuple[str, Family]:
    over = chance.choice(
        (Over(Span.SOURCES, "in/{n}.txt"), Over(Span.VALUES, "xs"), Over(Span.ROWS, "rows.tsv"))
    )
    reads = _sources(chance, 1)
    if over.span is Span.SOURCES:
        reads = [Read(How.ITEM), *(read for read in reads if read.text != "in/*.txt")]
    return "", _family(uid, chance, chance.choice(MODES[:-1]), reads, over)


def _inside(world: World, uid: str, chance: Random) -> tuple[str, Family] | None:
    folders = [one.uid for one in world.pipes[""].families if one.mode is Mode.SPLIT and not one.over]
    if not folders:
        return None
    over = Over(Span.INSIDE, of=chance.choice(folders))
    return "", _family(uid, chance, chance.choice(MODES[:-1]), [Read(How.ITEM)], over)


def _same(world: World, uid: str, chance: Random) -> tuple[str, Family] | None:
    families = [one.uid for one in world.pipes[""].families if one.over]
    if not families:
        return None
    over = Over(Span.SAME, of=chance.choice(families))
    return "", _family(
        uid, chance, chance.choice(MODES[:-1]), [Read(How.STEP, of=over.of), *_sources(chance, 1)], over
    )


def _inner(world: World, uid: str, chance: Random) -> tuple[str, Family]:
    """A step of the tributary; it does not use up what the top asks for by name."""
    branch = world.pipes[BRANCH]
    asked = {read.text for one in world.pipes[""].families for read in one.reads if read.how is How.PROMISE}
    free = [one.uid for one in branch.families if one.uid not in asked]
    if "" in asked:  # all promises are asked for; let them stay
        free = [one for one in free if one not in world.promised()]
    reads = [*INNER, *(Read(How.STEP, of=of) for of in free)]
    over = Over(Span.SOURCES, "d/{n}.txt") if chance.random() < 0.3 else None
    if over:
        reads = [read for read in reads if read.how is not How.STEP]
    chosen = chance.sample(reads, chance.randrange(min(3, len(reads)) + 1))
    family = _family(
        uid, chance, chance.choice(MODES[:-1]), [Read(How.ITEM), *chosen] if over else chosen, over
    )
    params = ("q0",) if chance.random() < 0.5 else ()
    return BRANCH, replace(family, uses=(), params=params, declared=())
