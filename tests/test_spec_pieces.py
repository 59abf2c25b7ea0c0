"""The small parts of the spec room: patterns, units, item names, machine facts, and where a workspace is found."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.errors import UsageError
from riverrun.spec import find, load_local
from riverrun.spec.foreach import item_name
from riverrun.spec.glob import capturing, compiled, escape, overlap, shape
from riverrun.spec.problems import mistaken
from riverrun.spec.units import duration, size
from spec_case import write


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.txt", ["a.txt", "ä b.txt"], [".a.txt", "a.txt.gz", "d/a.txt", "txt"]),
        (".*", [".a", ".a.b"], ["a", "d/.a"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("d/**/x?", ["d/x1", "d/e/x2", "d/e/f/x3"], ["d/.e/x1", "d/x", "x1", "e/d/x1"]),
        ("**", ["a", "d/e/f"], [".a", "d/.e", ".d/e"]),
        ("**/*.c", ["a.c", "d/e/f.c"], [".c", "a.cc"]),
        ("[!a-c]x", ["dx", "Ax"], ["ax", "/x", "x"]),
        ("[]a]x", ["]x", "ax"], ["bx"]),
        ("[*]x[?]", ["*x?"], ["axb"]),
        ("[[]x]", ["[x]"], ["x"]),
        ("a[.]b+(c)", ["a.b+(c)"], ["axb+(c)"]),
        ("{x}*", ["{x}y"], ["xy"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    whole = compiled(pattern).whole()
    assert [path for path in yes + no if whole.fullmatch(path)] == yes


@given(st.text("ab*?[]!.^-\\&{}é", min_size=1, max_size=8))
def test_an_escaped_name_matches_itself_alone(name: str) -> None:
    glob = capturing(escape(name))
    assert glob.whole().fullmatch(name)
    assert not glob.whole().fullmatch(name + "x")
    matches = glob.segments[0].matcher()
    assert glob.segments[0].plain == name or matches(name)


PATTERNS = st.lists(
    st.sampled_from(["a", "b", "*", "?", "[ab]", "/", "**/", "{x}"]), min_size=1, max_size=6
).map("".join)


@settings(max_examples=300)
@given(PATTERNS, PATTERNS, st.text("ab/", min_size=1, max_size=6))
def test_patterns_that_share_a_path_overlap(one: str, other: str, path: str) -> None:
    if capturing(one).whole().fullmatch(path) and capturing(other).whole().fullmatch(path):
        assert overlap(shape(one), shape(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/*.txt", "a/*.csv"), ("a/*", "b/*"), ("a/*.txt", "a/b/c.txt"), ("x", "y"), ("a*b", "a*c")],
)
def test_patterns_that_share_none_do_not(one: str, other: str) -> None:
    assert not overlap(shape(one), shape(other))


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("3", 3), ("4GiB", 4 << 30), ("1.5 kB", 1500), ("20G", 20 * 10**9), ("2Mi", 2 << 20), ("x", None), ("1 XB", None),
     ("-1", None), ("", None)],
)  # fmt: skip
def test_sizes(text: str, bytes_: int | None) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10min", 600), ("2h", 7200), ("1h 30min", 5400), ("1d", 86400), ("1.5h", 5400), ("h", None),
     ("2 weeks", None)],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds


def test_item_names_are_safe_and_distinct() -> None:
    assert (
        item_name(["a b", 2, True, "x,y", "a/b", "ä", "\udcff", "%"])
        == "a%20b,2,true,x%2Cy,a%2Fb,%C3%A4,%FF,%25"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("input", "inputs"), ("Inputs", "inputs"), ("ouptuts", "outputs"), ("dya", "day"), ("day", ""), ("print", ""), ("x", ""),
     ("a", ""), ("user", ""), ("END", "")],
)  # fmt: skip
def test_near_misses(name: str, meant: str) -> None:
    assert mistaken(name, ["inputs", "outputs", "params", "resources", "day", "i"]) == meant


def test_machine_facts(tmp_path: Path) -> None:
    files = {
        "p/riverrun.local.toml": 'tmp = "/fast"\n[limits]\ncpus = 8\nmemory = "64GiB"\n'
        '[cache]\npath = "~/c"\nmax_size = "20GiB"\n',
        "config/riverrun/local.toml": 'trust = ["nfs"]\ntmp = "t"\n[limits]\ncpus = 2\nlicence = 1\n[cache]\ncopy_limit = 5\n',
    }
    write(tmp_path, files)
    found = load_local(str(tmp_path / "p"), str(tmp_path / "config"), "/home/me")
    assert (found.trust, found.tmp, found.cache_path) == (("nfs",), "/fast", "/home/me/c")
    assert found.limits == {"cpus": 8, "licence": 1, "memory": 64 << 30}
    assert (found.copy_limit, found.max_size) == (5, 20 << 30)
    assert [one.content is None for one in found.files] == [False, False]
    bare = load_local(str(tmp_path), str(tmp_path / "nowhere"))
    assert (bare.trust, bare.tmp, bare.copy_limit) == ((), None, 1 << 30)
    assert [one.content for one in bare.files] == [None, None]


def test_a_workspace_is_found_upward_and_beyond_tributaries(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(
        top,
        {
            "riverrun.toml": '[tributary.world]\npath = "./w"\n',
            "w/riverrun.toml": '[tributary.inner]\npath = "in"\n',
            "w/in/riverrun.toml": "",
            "w/in/deep/": "",
            "alone/riverrun.toml": "",
            "other.toml": "",
        },
    )

    def told(*args: str) -> tuple[str, str, str | None]:
        found = find(*args)
        return os.path.relpath(found.root, top), found.file, found.tributary

    assert told(str(top)) == (".", "riverrun.toml", None)
    assert told(str(top / "w/in/deep")) == (".", "riverrun.toml", "world/inner")
    assert told(str(top / "w")) == (".", "riverrun.toml", "world")
    assert told(str(top / "alone")) == ("alone", "riverrun.toml", None)
    assert told(str(top / "w"), "../other.toml") == (".", "other.toml", None)
    with pytest.raises(UsageError, match=r"no file 'nope\.toml'"):
        find(str(top), "nope.toml")
    (top / "riverrun.toml").write_text("broken = ")
    assert told(str(top / "w")) == ("w", "riverrun.toml", None)


def test_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no 'riverrun\.toml' here"):
        find(str(tmp_path))
