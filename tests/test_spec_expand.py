"""Specs that are right: a table of text, files and the steps that they mean."""

from pathlib import Path

import pytest

from riverrun.spec import load
from spec_case import Files, expanded, told, write

CASES: list[tuple[str, str, Files, list[str]]] = [
    (
        "the simplest",
        'step.a = { run = "sort {inputs} > {outputs}", inputs = ["x"], outputs = ["y"] }',
        {"x": ""},
        ["a: sort x > y  < x  > y"],
    ),
    (
        "paths are quoted, and never look like options",
        'step.a = { run = "cat {inputs} > {outputs}", inputs = ["a b", "-c", "it\'s"], outputs = ["-o"] }',
        {},
        ["""a: cat 'a b' ./-c 'it'"'"'s' > ./-o  < a b -c it's  > -o"""],
    ),
    (
        "other people's braces",
        """
[step.a]
run = '''
awk '{print $1}' {inputs} | awk '{ n += $2 } END {print n}' | jq '{a: .b}' | jq '{user}' > {outputs}
curl -d '{"x": 1}' "${HOME}" ${inputs} {{inputs}} {{print}} {1..3} {a,b} {} # {outputs}
'''
inputs = ["x"]
outputs = ["y"]
""",
        {},
        [
            "a: awk '{print $1}' x | awk '{ n += $2 } END {print n}' | jq '{a: .b}' | jq '{user}' > y\n"
            'curl -d \'{"x": 1}\' "${HOME}" ${inputs} {inputs} {{print}} {1..3} {a,b} {} # y\n  < x  > y'
        ],
    ),
    (
        "names, places and lists",
        """
[step.a]
run = ["tool", "{inputs}", "--ref={inputs.ref}", "{inputs.0}", "{outputs.log}", "{params.seeds}", "x{params.on}"]
inputs = { ref = "r.fa", reads = ["1.fq", "2.fq"] }
outputs = { log = "a.log" }
[params]
seeds = [1, 2.5]
on = true
""",
        {},
        [
            "a: ['tool', 'r.fa', '1.fq', '2.fq', '--ref=r.fa', 'r.fa', 'a.log', '1', '2.5', 'xtrue']"
            "  < ref=r.fa reads=1.fq reads=2.fq  > log=a.log"
        ],
    ),
    (
        "a pattern gives items, in the order of their bytes",
        """
[step.count]
foreach = "logs/{day}.csv"
run = "count {inputs} {day} > {outputs}"
inputs = ["logs/{day}.csv"]
outputs = ["counts/{day}.txt"]
[step.total]
run = "cat {inputs} > {outputs}"
inputs = ["@count"]
outputs = ["total.txt"]
""",
        dict.fromkeys(
            ["logs/b.csv", "logs/a.csv", "logs/a b.csv", "logs/.hidden.csv", "logs/sub/c.csv", "logs/ä.csv"],
            "",
        ),
        [
            "count@a%20b: count 'logs/a b.csv' 'a b' > 'counts/a b.txt'  < logs/a b.csv  > counts/a b.txt",
            "count@a: count logs/a.csv a > counts/a.txt  < logs/a.csv  > counts/a.txt",
            "count@b: count logs/b.csv b > counts/b.txt  < logs/b.csv  > counts/b.txt",
            "count@%C3%A4: count 'logs/ä.csv' 'ä' > 'counts/ä.txt'  < logs/ä.csv  > counts/ä.txt",
            "total: cat 'counts/a b.txt' counts/a.txt counts/b.txt 'counts/ä.txt' > total.txt"
            "  < counts/a b.txt counts/a.txt counts/b.txt counts/ä.txt  > total.txt",
        ],
    ),
    (
        "a product, and items paired by what they share",
        """
[params]
seeds = [0, 1]
[step.train]
foreach = { depth = [2, 4], seed = "{params.seeds}" }
run = "train {depth} {seed} > {outputs.model}"
outputs = { model = "m-{depth}-{seed}", log = "l-{depth}-{seed}" }
[step.best]
foreach = { depth = [4, 2] }
run = "best {inputs} > {outputs}"
inputs = ["@train.model"]
outputs = ["best-{depth}"]
""",
        {},
        [
            "train@2,0: train 2 0 > m-2-0  > model=m-2-0 log=l-2-0",
            "train@2,1: train 2 1 > m-2-1  > model=m-2-1 log=l-2-1",
            "train@4,0: train 4 0 > m-4-0  > model=m-4-0 log=l-4-0",
            "train@4,1: train 4 1 > m-4-1  > model=m-4-1 log=l-4-1",
            "best@4: best m-4-0 m-4-1 > best-4  < m-4-0 m-4-1  > best-4",
            "best@2: best m-2-0 m-2-1 > best-2  < m-2-0 m-2-1  > best-2",
        ],
    ),
    (
        "rows of a table, and the items of another step",
        """
[step.align]
foreach = "samples.tsv"
run = "align {inputs} {lane} > {outputs}"
inputs = ["{file}"]
outputs = ["{sample}.bam"]
[step.index]
foreach = "@align"
run = "index {inputs} > {outputs}"
inputs = ["@align"]
outputs = ["{sample}.bai"]
""",
        {"samples.tsv": "sample\tfile\tlane\ns1\tr/1.fq\t3\ns2\tr/2.fq\t4\n"},
        [
            "align@s1: align r/1.fq 3 > s1.bam  < r/1.fq  > s1.bam",
            "align@s2: align r/2.fq 4 > s2.bam  < r/2.fq  > s2.bam",
            "index@s1: index s1.bam > s1.bai  < s1.bam  > s1.bai",
            "index@s2: index s2.bam > s2.bai  < s2.bam  > s2.bai",
        ],
    ),
    (
        "rows of .csv and .jsonl, named by all values where the first do not tell them apart",
        """
[step.a]
foreach = "a.csv"
run = "a {x} {y} > {outputs}"
outputs = ["a-{x}-{y}"]
[step.b]
foreach = "b.jsonl"
run = "b {n} > {outputs}"
outputs = ["b-{n}"]
""",
        {"a.csv": 'x,y\n1,"p, q"\n1,r\n', "b.jsonl": '{"n": 1}\n\n{"n": "two"}\n'},
        [
            "a@1,p%2C%20q: a 1 'p, q' > 'a-1-p, q'  > a-1-p, q",
            "a@1,r: a 1 r > a-1-r  > a-1-r",
            "b@1: b 1 > b-1  > b-1",
            "b@two: b two > b-two  > b-two",
        ],
    ),
    (
        "globs match sources and what steps declare, but nothing of their own",
        """
[step.gen]
run = "gen > {outputs}"
outputs = ["d/made.txt"]
[step.all]
run = "cat {inputs} > {outputs}"
inputs = ["d/first.txt", "d/*.txt", "!d/not*", "d/**/*.md"]
outputs = ["d/all.txt"]
""",
        dict.fromkeys(
            [
                "d/a.txt",
                "d/first.txt",
                "d/not.txt",
                "d/.x.txt",
                "d/all.txt",
                "d/e/f/g.md",
                "d/h.md",
                "d/.e/i.md",
            ],
            "",
        ),
        [
            "gen: gen > d/made.txt  > d/made.txt",
            "all: cat d/first.txt d/a.txt d/made.txt d/e/f/g.md d/h.md > d/all.txt"
            "  < d/first.txt d/a.txt d/made.txt d/e/f/g.md d/h.md  > d/all.txt",
        ],
    ),
    (
        "values are no patterns, and patterns may be spelled",
        """
[step.a]
foreach = { x = ["a*", "b"] }
run = "cat {inputs} > {outputs}"
inputs = ["{x}.txt", "{x}?.dat", "[[]z].txt", ".h*"]
outputs = ["out/{x}"]
""",
        dict.fromkeys(["a*.txt", "b.txt", "ab.txt", "a*1.dat", "ax1.dat", "b1.dat", "[z].txt", ".hid"], ""),
        [
            "a@a%2A: cat 'a*.txt' 'a*1.dat' '[z].txt' .hid > 'out/a*'  < a*.txt a*1.dat [z].txt .hid  > out/a*",
            "a@b: cat b.txt b1.dat '[z].txt' .hid > out/b  < b.txt b1.dat [z].txt .hid  > out/b",
        ],
    ),
    (
        "folders, and the working folder of a command",
        """
[step.split]
run = "split {inputs} {outputs}"
inputs = ["big"]
outputs = ["parts/"]
[step.join]
run = "tool {inputs} {outputs}"
inputs = ["parts/", "parts/1", "src/"]
outputs = ["sub/j"]
cwd = "sub"
""",
        {"sub/": ""},
        [
            "split: split big parts  < big  > parts",
            "join: tool ../parts ../parts/1 ../src j  < parts parts/1 src  > sub/j",
        ],
    ),
    (
        "defaults give way, but uses and env add",
        """
[defaults]
uses = ["lock.txt"]
env = ["A=1", "B=2"]
shell = ["sh", "-c"]
[step.a]
run = "a {outputs}"
uses = ["a.py"]
outputs = ["x"]
env = { B = "{params.n}", C = 3 }
[params]
n = 7
""",
        {},
        ["a: a x  ; lock.txt a.py  > x"],
    ),
    (
        "tributaries: params, inputs, promises",
        """
[params]
level = 3
[tributary.world]
path = "w/orld"
params = { level = "{params.level}", name = "n{params.level}" }
inputs = { config = "config.h", made = "@gen" }
[step.gen]
run = "gen > {outputs}"
outputs = ["gen.h"]
[step.end]
run = "cat {inputs} > {outputs}"
inputs = ["@world", "@world.stage", "@world.extra", "w/orld/stage.txt", "config.h"]
outputs = ["end"]
""",
        {
            "config.h": "",
            "w/orld/riverrun.toml": """
[pipeline]
end = ["@stage", "extra.log"]
[params]
level = 1
name = "x"
[step.build]
run = "cc {inputs.src} -I {inputs.h} -O{params.level} -o {outputs}"
inputs = { src = "w.c", h = "@inputs.config" }
outputs = ["w", "extra.log"]
[step.stage]
run = "./{inputs} {params.name} > {outputs}"
inputs = ["w"]
uses = ["@inputs.made"]
outputs = ["stage.txt"]
""",
        },
        [
            "world/build: cc w.c -I ../../config.h -O3 -o w extra.log"
            "  < src=w/orld/w.c h=config.h  > w/orld/w w/orld/extra.log",
            "world/stage: ./w n3 > stage.txt  < w/orld/w  ; gen.h  > w/orld/stage.txt",
            "gen: gen > gen.h  > gen.h",
            "end: cat w/orld/stage.txt w/orld/extra.log w/orld/stage.txt w/orld/extra.log w/orld/stage.txt config.h > end"
            "  < w/orld/stage.txt w/orld/extra.log w/orld/stage.txt w/orld/extra.log w/orld/stage.txt config.h  > end",
        ],
    ),
    (
        "an optional input that is not there is left out of the command",
        """
[step.a]
run = "cat {inputs} > {outputs}"
inputs = ["x", { path = "local.toml", optional = true }, { path = "there.toml", optional = true }]
outputs = ["y"]
""",
        {"there.toml": ""},
        ["a: cat x there.toml > y  < x local.toml there.toml  > y"],
    ),
    (
        "values are spelled as in TOML, and params come from a file",
        """
[pipeline]
params = "p.json"
[step.a]
run = "a {params.t.f} {params.t.b} {params.s} {params.e} > {outputs}"
outputs = ["o-{params.t.b}"]
""",
        {"p.json": '{"t": {"f": 1.5, "b": false}, "s": "x y", "e": ""}'},
        ["a: a 1.5 false 'x y' '' > o-false  > o-false"],
    ),
    (
        "what a foreach pattern catches may repeat, and stars may stand beside",
        """
[step.a]
foreach = "in/*/{x}_{n}.{x}"
run = "a {x} {n} > {outputs}"
outputs = ["out/{x}{n}"]
""",
        dict.fromkeys(["in/p/a_1.a", "in/q/a_1.a", "in/q/a_1.b", "in/q/b_c_2.b_c"], ""),
        ["a@a,1: a a 1 > out/a1  > out/a1", "a@b_c,2: a b_c 2 > out/b_c2  > out/b_c2"],
    ),
    (
        "a foreach pattern over what other steps declare",
        """
[step.clean]
foreach = "d/{x}.clean.csv"
run = "report {inputs} > {outputs}"
inputs = ["d/{x}.clean.csv"]
outputs = ["{x}.html"]
[step.a]
foreach = "d/{x}.csv"
run = "clean {inputs} > {outputs}"
inputs = ["d/{x}.csv"]
outputs = ["d/{x}.clean.csv"]
""",
        dict.fromkeys(["d/p.csv", "d/p.clean.csv"], ""),
        [
            "clean@p: report d/p.clean.csv > p.html  < d/p.clean.csv  > p.html",
            "a@p: clean d/p.csv > d/p.clean.csv  < d/p.csv  > d/p.clean.csv",
        ],
    ),
]


@pytest.mark.parametrize(
    ("spec", "files", "steps"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_specs_mean_steps(tmp_path: Path, spec: str, files: Files, steps: list[str]) -> None:
    assert told(expanded(tmp_path, spec, files)) == steps


def test_what_else_a_step_has(tmp_path: Path) -> None:
    spec = """
[params]
n = 7
train = { lr = 0.1 }
[defaults]
env = ["A=1", "B=2", "PASSED"]
timeout = "1h 30min"
[step.a]
foreach = { x = ["p"], y = [1] }
run = "a -j {resources.cpus} -m {resources.memory} {inputs.ref} {inputs.1} {outputs}"
inputs = { ref = "/refs/{x}.fa", more = ["~/b", "c"] }
uses = ["/etc/u"]
outputs = ["o"]
env = { B = "{params.n}", REF = "{inputs.ref}" }
params = ["train"]
pass = ["TOKEN"]
resources = { cpus = 2, memory = ["1GiB", "{params.n}G"], licence = 1.5 }
retries = 2
cache = false
temporary = ["o"]
scratch = ["ckpt/"]
contain = "strict"
always = true
real = true
in_place = true
description = "{params.n} {what}"
test = "test -s {outputs}"
"""
    (step,) = expanded(tmp_path, spec, environment={"HOME": "/home/me"}).steps.values()
    assert step.run.attempts == (
        f"a -j 2 -m {1 << 30} /refs/p.fa /home/me/b o",
        "a -j 2 -m 7000000000 /refs/p.fa /home/me/b o",
    )
    assert step.run.counted == "a -j {resources.cpus} -m {resources.memory} {inputs.ref} {inputs.more} o"
    assert [one.shown for one in step.reads] == ["ref", "more", "c", "uses:0"]
    assert step.env == (("A", "1"), ("B", "7"), ("PASSED", None), ("REF", "/refs/p.fa"))
    assert step.env_counted == (("A", "1"), ("B", "7"), ("PASSED", None), ("REF", "{inputs.ref}"))
    assert dict(step.params) == {"n": 7, "train": {"lr": 0.1}}
    assert (step.declared_params, dict(step.item)) == (("train",), {"x": "p"})
    assert (step.timeout, step.retries, step.passes) == (5400.0, 2, ("TOKEN",))
    assert [dict(one) for one in step.resources] == [
        {"cpus": 2, "memory": 1 << 30, "licence": 1.5},
        {"cpus": 2, "memory": 7_000_000_000, "licence": 1.5},
    ]
    assert (step.outputs[0].temporary, step.scratch, step.description) == (
        True,
        ("ckpt",),
        "{params.n} {what}",
    )
    assert [one.value for one in (step.cache, step.contain, step.rerun, step.real, step.ground)] == [
        "false", "strict", "always", "real", "in place",
    ]  # fmt: skip
    assert step.test is not None
    assert step.test.text(0) == "test -s o"


def test_end_states(tmp_path: Path) -> None:
    spec = """
[tributary.t]
path = "t"
[step.a]
run = "a"
outputs = ["a", "a.log"]
[step.b]
run = "b"
inputs = ["a"]
outputs = ["b/"]
[step.c]
run = "c"
inputs = ["b/x"]
"""
    inner = """
[step.u]
run = "u"
outputs = ["u"]
[step.v]
run = "v"
inputs = ["u"]
outputs = ["v"]
"""
    found = expanded(tmp_path, spec, {"t/riverrun.toml": inner})
    assert found.ends == ("t/v", "a.log")  # what no other step uses
    assert found.end == ("t/v", "a", "c")  # and a step that makes nothing
    assert found.promises == {"t": ("t/v",)}
    named = expanded(tmp_path, '[pipeline]\nend = ["b/x", "@a", "@t"]\n' + spec)
    assert (named.end, named.ends) == (("b", "a", "t/v"), ("b/x", "a", "a.log", "t/v"))


@pytest.mark.parametrize(
    ("overrides", "command"),
    [
        ({}, "a 1 x 0"),
        ({"n": "2"}, "a 2 x 0"),
        ({"n": "two words"}, "a 'two words' x 0"),
        ({"deep.s": '"3"'}, "a 1 3 0"),
        ({"deep": '{ s = "y" }'}, "a 1 y 0"),
        ({"t.m": "5"}, "a 1 x 5"),
    ],
)
def test_params_of_the_command_line(tmp_path: Path, overrides: dict[str, str], command: str) -> None:
    spec = """
[params]
n = 1
deep = { s = "x", other = 1 }
[tributary.t]
path = "t"
params = { m = 0 }
[step.a]
run = "a {params.n} {params.deep.s}"
"""
    files = {"t/riverrun.toml": '[params]\nm = 9\n[step.b]\nrun = "b {params.m}"\noutputs = ["o"]\n'}
    steps = expanded(tmp_path, spec, files, overrides=overrides).steps
    assert f"{steps['a'].run.counted} {steps['t/b'].run.counted[2:]}" == command


def test_what_runs_left_behind_is_no_source(tmp_path: Path) -> None:
    spec = 'step.a = { run = "cat {inputs} > {outputs}", inputs = ["d/**/*.txt"], outputs = ["out"] }'
    files = ["d/a.txt", "d/old.txt", "d/oldfolder/b.txt", "d/e/c.txt"]
    found = expanded(tmp_path, spec, files, made=["d/old.txt", "d/oldfolder"])
    assert told(found) == ["a: cat d/a.txt d/e/c.txt > out  < d/a.txt d/e/c.txt  > out"]
    assert found.matches == {"step.a.inputs d/**/*.txt": ("d/a.txt", "d/e/c.txt")}
    assert sorted(found.listed) == ["d", "d/e"]


def test_outside_patterns_and_names_that_are_no_text(tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, {b"r\xff.fa".decode(errors="surrogateescape"): "", "q.fa": ""})
    spec = f'step.a = {{ run = "cat {{inputs}} {{outputs}}", inputs = {{ refs = "{other}/*.fa" }}, outputs = ["out"] }}'
    (step,) = expanded(tmp_path / "here", spec).steps.values()
    assert [one.shown for one in step.inputs] == ["refs/q.fa", "refs/r\udcff.fa"]
    assert step.run.text(0) == f"cat {other}/q.fa '{other}/r\udcff.fa' out"
    assert step.run.counted == "cat {inputs.refs/q.fa} {inputs.refs/r\udcff.fa} out"


def test_a_named_file_is_recorded_with_the_absent_ones(tmp_path: Path) -> None:
    root = write(
        tmp_path, {"riverrun.toml": 'step.a = { run = "a {x}", foreach = "t.csv" }', "t.csv": "x\n1\n"}
    )
    assert [(one.path, one.content is None) for one in load(root).files] == [
        ("riverrun.toml", False),
        ("t.csv", False),
    ]
