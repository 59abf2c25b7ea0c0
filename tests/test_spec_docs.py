"""The page about the spec: each of its examples loads, and it tells of every key."""

import re
from pathlib import Path

import pytest

from project import ROOT
from riverrun.spec import expand, load
from riverrun.spec.shape import LOCAL, LOCAL_CACHE, PIPELINE, STEP, TOP, TRIBUTARY
from spec_case import write

PAGE = (ROOT / "docs/spec.md").read_text()
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {
    "samples.tsv": "sample\tfastq\ns1\t1.fq\n",
    "logs/a.csv": "",
    "data/x.csv": "",
    "world/riverrun.toml": '[params]\nlevel = 1\n[step.stage]\nrun = "x"\nuses = ["@inputs.config"]\noutputs = ["s"]\n',
}


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_examples_mean_something(block: str, tmp_path: Path) -> None:
    found = expand(load(write(tmp_path, {**FILES, "riverrun.toml": block})))
    assert found.steps


def test_every_key_is_told_of() -> None:
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", PAGE))))
    for forms in (TOP, PIPELINE, STEP, TRIBUTARY, LOCAL, LOCAL_CACHE):
        assert set(forms) <= told
