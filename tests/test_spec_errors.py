"""Specs that are wrong: a table of text and files; what people are told, with places and hints, is golden."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from riverrun.errors import Problem, SpecError
from riverrun.spec import expand, load, load_local
from spec_case import Files, write

A = '[step.a]\nrun = "a"\n'
CASES: dict[str, tuple[str | bytes, Files]] = {
    "no TOML": ('step.a = { run = "x\n', {}),
    "duplicate key": ('[step.a]\nrun = "x"\nrun = "y"\n', {}),
    "no UTF-8": (b'[step.a]\nrun = "\xc3\xa9\xff"\n', {}),
    "no step": ('[pipeline]\nname = "x"\n', {}),
    "unknown keys": ('[pipline]\n[step.a]\nrun = "x"\ninput = ["a"]\nretires = 2\nqqq = 1\n', {}),
    "wrong forms": (
        '[pipeline]\nend = "x"\n[step.a]\nrun = 3\ninputs = "x"\noutputs = [1]\ncache = true\nretries = -1\ncontain = "no"\n'
        'env = 3\nresources = { cpus = -1 }\ntimeout = true\nforeach = { x = [[1]] }\nalways = 1\nwhat = { a = 1 }\n',
        {},
    ),
    "no run": ('[step.a]\noutputs = ["x"]\n', {}),
    "empty run": ('[step.a]\nrun = " "\n', {}),
    "bad names": ('[step."a b"]\nrun = "x"\n[step.inputs]\nrun = "x"\n[step.t]\nrun = "x"\n[tributary.t]\npath = "t"\n',
        {"t/riverrun.toml": A}),
    "placeholders": (
        """
[params]
level = 3
table = { x = 1 }
[step.a]
foreach = { day = [1] }
run = '''cat {input} {inputs.refs} {outputs.0} {outputs.1} > {params.levle} {params} {params.table} {params.level.x}
{resources.cpu} {dya} {day.x} {day} {awk} {{input}}'''
inputs = { ref = "x" }
outputs = ["o-{inputs}", "{day}-{dayy}"]
resources = { cpus = 1 }
""",
        {},
    ),
    "escapes before a placeholder": ('[step.a]\nrun = """é\\t\\u00e9 \\"{inptus}\\" \\\n     {outptus}"""\n', {}),
    "a long string": ('[step.a]\nrun = """\nfirst {inputs}\n  second {output}\n"""\ninputs = ["x"]\n', {}),
    "placeholders of nothing, and of a param": (
        '[params]\nlr = 1\n[step.a]\nforeach = { day = [1] }\nrun = "cat {inputs} {lr} {day} > {outputs}"\n', {},
    ),
    "quotes": ('[params]\nt = "a b"\nl = [1, 2]\n[step.a]\nrun = """echo \'{params.t}\' \\"{params.l}\\" {params.t}"""\n', {}),
    "several values in one place": (
        '[step.a]\nrun = ["a", "x={inputs}", "{inputs.7}"]\ninputs = ["a", "b"]\nenv = { X = "{inputs}" }\n', {},
    ),
    "references": (
        A + 'inputs = ["@b", "@c.bma", "@a", "@inputs.x", "@", "@inputs", "@count@x", "@tt"]\n'
        '[step.count]\nrun = "c"\noutputs = { bam = "x" }\n[step.c]\nrun = "c"\noutputs = { bam = "y" }\n', {},
    ),
    "paths": (
        A + 'inputs = ["../x", "", ".", ".riverrun/x", "a/../../b", "x\\u0000"]\n'
        'outputs = ["/x", "~/y", "*.txt", "../z", "a//./b", "riverrun.toml", "./"]\ncwd = "../up"\nscratch = ["/tmp"]\n', {},
    ),
    "a step reads what it makes": (A + 'inputs = ["x", "d/y"]\noutputs = ["x", "d/"]\n', {}),
    "a folder that is a file": (A + 'outputs = ["x"]\n[step.b]\nrun = "b"\ninputs = ["x/"]\n', {}),
    "globs": (A + 'inputs = ["lgos/*.csv", "logs/q[.csv", "logs/*.cvs", "nothing/here/*"]\n', {"logs/a.csv": ""}),
    "foreach": (
        '[step.a]\nrun = "a"\nforeach = "logs/*.csv"\n[step.b]\nrun = "b"\nforeach = "@c"\n'
        '[step.c]\nrun = "c"\nforeach = "@b"\n'
        '[step.d]\nrun = "d"\nforeach = "@e"\n[step.e]\nrun = "e"\n[step.f]\nrun = "f"\nforeach = "@g"\n'
        '[step.h]\nrun = "h"\nforeach = { inputs = [1] }\n[step.i]\nrun = "i"\nforeach = { x = [1, "1"] }\n'
        '[step.j]\nrun = "j"\nforeach = { x = "{params.x}" }\n[step.k]\nrun = "k"\nforeach = "absent.tsv"\n', {},
    ),
    "foreach that matches nothing": ('[step.a]\nrun = "a"\nforeach = "logs/{x}.csv"\n', {}),
    "foreach in a circle": (
        '[step.a]\nrun = "a {x}"\nforeach = "p/{x}.b"\noutputs = ["p/{x}.a"]\n'
        '[step.b]\nrun = "b {x}"\nforeach = "p/{x}.a"\noutputs = ["p/{x}.b"]\n', {},
    ),
    "no such item": (
        '[step.a]\nrun = "a"\nforeach = { x = [1] }\noutputs = ["o{x}"]\n'
        '[step.b]\nrun = "b"\nforeach = { x = [1, 2, 3] }\ninputs = ["@a"]\n', {},
    ),
    "tables": (
        '[step.a]\nrun = "a"\nforeach = "a.tsv"\n[step.b]\nrun = "b"\nforeach = "b.csv"\n'
        '[step.c]\nrun = "c"\nforeach = "c.jsonl"\n'
        '[step.d]\nrun = "d"\nforeach = "d.tsv"\n',
        {"a.tsv": "x\ty\n1\n", "b.csv": 'x,x\n1,2\n', "c.jsonl": '{"a": 1}\n{"b": 2}\nnope\n[1]\n', "d.tsv": ""},
    ),
    "params twice": ('[pipeline]\nparams = "p.toml"\n[params]\nx = 1\n' + A, {"p.toml": "x = \n"}),
    "params in JSON": ('[pipeline]\nparams = "p.json"\n' + A, {"p.json": '{"x": 1,\n "y" 2}\n'}),
    "tributaries": (
        '[tributary.t]\npath = "t"\nparams = { levle = 2, deep = { q = 1 } }\ninputs = { c = "../c", d = "@nope" }\n'
        '[tributary.u]\n[tributary.v]\npath = "v"\n[tributary.w]\npath = "../w"\n[tributary.x]\npath = "t"\npaht = "t"\n',
        {"t/riverrun.toml": '[params]\nlevel = 1\ndeep = { p = 1 }\n' + A + 'inputs = ["../up", "@inputs.config"]\nqqq = 1\n'},
    ),
    "encapsulation": (
        '[tributary.t]\npath = "t"\n' + A + 'inputs = ["t/b", "t/c", "@t.b", "@t.c", "t/"]\n'
        '[step.g]\nrun = "g"\ninputs = ["t/[b]"]\n',
        {
            "t/riverrun.toml": '[pipeline]\nend = ["c"]\n[step.b]\nrun = "b"\noutputs = ["b"]\n'
            '[step.c]\nrun = "c"\noutputs = ["c"]\n'
        },
    ),
    "end": ('[pipeline]\nend = ["otu", "@b", "x*"]\n' + A + 'outputs = ["out"]\n', {}),
    "end of what no step makes": (
        '[pipeline]\nend = ["otu", "x*", "src"]\n' + A + 'outputs = ["out"]\n', {"src": "", "x1": ""},
    ),
    "paths of items": (
        A + 'foreach = { x = ["../..", "/abs", "", "ok"] }\ninputs = ["{x}/i"]\nuses = ["{x}"]\noutputs = ["o/{x}"]\n', {},
    ),
    "inputs of items": (
        A + 'foreach = { x = ["../..", "/abs", "", "ok"] }\ninputs = ["d{x}/i"]\nuses = ["{x}"]\noutputs = ["o"]\n', {},
    ),
    "defaults": ('[defaults]\nuses = ["{dya}"]\nretires = 1\n[step.a]\nrun = "a {day}"\nforeach = { day = [1] }\n', {}),
    "amounts": (
        A + 'timeout = "soon"\nresources = { memory = "4 GB each", cpus = "{params.n}" }\ntemporary = ["y"]\nparams = ["m"]\n'
        'outputs = ["x"]\nenv = ["A B=1"]\n[params]\nn = "many"\n', {},
    ),
}  # fmt: skip


def rendered(problems: tuple[Problem, ...]) -> str:
    """As a person reads them, nearly."""
    lines = []
    for problem in problems:
        lines.append(
            f"{problem.where or '-'}: {problem.message}" + (f"  [{problem.hint}]" if problem.hint else "")
        )
        if problem.where:
            lines += [
                f"    {problem.where.text}",
                "    " + " " * (problem.where.column - 1) + "^" * problem.where.width,
            ]
    return "\n".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_errors_tell_what_and_where(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    spec, files = CASES[name]
    root = write(tmp_path, {"riverrun.toml": spec, **files})
    with pytest.raises(SpecError) as error:
        expand(load(root))
    assert rendered(error.value.problems) == snapshot


def test_the_command_line_names_params_that_are_there(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    files = {"riverrun.toml": A + '[params]\nlevel = 1\n[tributary.t]\npath = "t"\n', "t/riverrun.toml": A}
    with pytest.raises(SpecError) as error:
        load(write(tmp_path, files), overrides={"levle": "2", "level.x": "2", "t.x": "1", "t": "1"})
    assert rendered(error.value.problems) == snapshot


def test_a_link_that_leads_back(tmp_path: Path) -> None:
    root = write(tmp_path, {"riverrun.toml": '[tributary.t]\npath = "t"\n'})
    (tmp_path / "t").symlink_to(".")
    with pytest.raises(SpecError, match="leads back to a pipeline that uses it"):
        load(root)


def test_machine_facts_are_checked(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    text = 'trsut = ["nfs"]\ntmp = 3\n[limits]\ncpus = "many"\n[cache]\npaht = "x"\nmax_size = "20 apples"\ncopy_limit = true\n'
    root = write(tmp_path, {"riverrun.local.toml": text})
    with pytest.raises(SpecError) as error:
        load_local(root, str(tmp_path / "config"))
    assert rendered(error.value.problems) == snapshot


def test_a_thousand_items_tell_one_fault_once(tmp_path: Path) -> None:
    values = ", ".join(map(str, range(1000)))
    spec = A + f"foreach = {{ x = [{values}] }}\n" + 'outputs = ["{x}/../../{x}"]\n'
    with pytest.raises(SpecError) as error:
        expand(load(write(tmp_path, {"riverrun.toml": spec})))
    assert len(error.value.problems) == 1
