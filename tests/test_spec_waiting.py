"""Steps over what other steps will make: what waits, what it waits for, and what comes of it when folders settle."""

from pathlib import Path

import pytest

from riverrun.errors import SpecError
from riverrun.model.fact import Entry, Kind
from spec_case import expanded, told

SPEC = """
[step.split]
run = "split {inputs} {outputs}"
inputs = ["big.csv"]
outputs = ["parts/"]
[step.count]
foreach = "parts/{p}.csv"
run = "count {inputs} > {outputs}"
inputs = ["parts/{p}.csv"]
outputs = ["counts/{p}.txt"]
[step.plot]
foreach = "@count"
run = "plot {inputs} > {outputs}"
inputs = ["@count"]
outputs = ["{p}.png"]
[step.total]
run = "cat {inputs} > {outputs}"
inputs = ["counts/*.txt"]
outputs = ["total.txt"]
[step.mail]
run = "mail {inputs}"
inputs = ["total.txt"]
[step.apart]
run = "apart > {outputs}"
outputs = ["apart"]
"""
PARTS = {
    "parts": [
        Entry("", Kind.FOLDER),
        Entry("a.csv", Kind.FILE),
        Entry("b.csv", Kind.EXEC),
        Entry("sub", Kind.FOLDER),
    ]
}


def test_items_wait_for_a_folder_and_others_for_them(tmp_path: Path) -> None:
    found = expanded(tmp_path, SPEC, ["big.csv", "parts/old.csv"], made=["parts"])
    assert list(found.steps) == ["split", "apart"]
    assert [(one.name, one.folders, one.via, one.outputs) for one in found.waiting] == [
        ("count", ("parts",), (), ("counts/*.txt",)),
        ("plot", (), ("count",), ("*.png",)),
        ("total", (), ("count",), ("total.txt",)),
        ("mail", (), ("total",), ()),
    ]
    assert found.end == ("plot", "mail", "apart")


def test_a_settled_folder_gives_the_items(tmp_path: Path) -> None:
    found = expanded(tmp_path, SPEC, ["big.csv", "parts/on-disk.csv"], listings=PARTS)
    assert found.waiting == ()
    assert told(found)[1:] == [
        "count@a: count parts/a.csv > counts/a.txt  < parts/a.csv  > counts/a.txt",
        "count@b: count parts/b.csv > counts/b.txt  < parts/b.csv  > counts/b.txt",
        "plot@a: plot counts/a.txt > a.png  < counts/a.txt  > a.png",
        "plot@b: plot counts/b.txt > b.png  < counts/b.txt  > b.png",
        "total: cat counts/a.txt counts/b.txt > total.txt  < counts/a.txt counts/b.txt  > total.txt",
        "mail: mail total.txt  < total.txt",
        "apart: apart > apart  > apart",
    ]
    assert found.matches["step.count.foreach parts/{p}.csv"] == ()  # no sources


def test_an_empty_folder_gives_no_items(tmp_path: Path) -> None:
    spec = SPEC.replace('"counts/*.txt"', '"@count"')
    found = expanded(tmp_path, spec, ["big.csv"], listings={"parts": []})
    assert list(found.steps) == ["split", "total", "mail", "apart"]
    assert found.steps["total"].inputs == ()


def test_a_glob_in_a_folder_waits_too(tmp_path: Path) -> None:
    spec = """
[step.split]
run = "split {outputs}"
outputs = ["parts/"]
[step.all]
run = "cat {inputs} > {outputs}"
inputs = ["parts/**/*.csv"]
outputs = ["all"]
"""
    (waiting,) = expanded(tmp_path, spec).waiting
    assert (waiting.name, waiting.folders) == ("all", ("parts",))
    nested = {"parts": [Entry("s", Kind.FOLDER), Entry("s/b.csv", Kind.FILE), Entry("a.csv", Kind.FILE)]}
    found = expanded(tmp_path, spec, listings=nested)
    assert [one.path for one in found.steps["all"].inputs] == ["parts/a.csv", "parts/s/b.csv"]


def test_a_tributary_can_wait(tmp_path: Path) -> None:
    spec = """
[tributary.t]
path = "t"
[step.end]
run = "cat {inputs}"
inputs = ["@t"]
"""
    found = expanded(tmp_path, spec, {"t/riverrun.toml": SPEC, "t/big.csv": ""})
    assert list(found.steps) == ["t/split", "t/apart"]
    assert (found.waiting[0].name, found.waiting[0].via) == ("t/count", ())
    assert found.waiting[-1].via == ("t/plot",)
    settled = expanded(tmp_path, spec, listings={"t/parts": PARTS["parts"]})
    assert [one.path for one in settled.steps["end"].inputs] == ["t/a.png", "t/b.png", "t/apart"]


def test_waiting_for_each_other_is_told(tmp_path: Path) -> None:
    spec = SPEC.replace('inputs = ["big.csv"]', 'inputs = ["counts/seed.txt"]')
    with pytest.raises(SpecError, match="wait for each other: "):
        expanded(tmp_path, spec)
    assert "split" in expanded(tmp_path, spec, ["counts/seed.txt"]).steps  # a source is a source
