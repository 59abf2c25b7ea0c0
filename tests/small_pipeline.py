"""One small pipeline with a bit of everything, and what its end state must be, computed without riverrun."""

import os
import re
from collections.abc import Iterable

import pytest

from project import Outcome, Project

SPEC = r"""
[pipeline]
end = ["final.txt"]

[params]
scale = 3
title = "flow"

[defaults]
pass = ["TALLY"]

[step.strip]
run     = 'echo strip >> $TALLY; grep -v "^#" {inputs} > {outputs}'
inputs  = ["code.txt"]
outputs = ["made/stripped.txt"]

[step.build]
run     = 'echo build >> $TALLY; ./tools/build.sh {inputs} > {outputs}'
inputs  = ["made/stripped.txt"]
uses    = ["tools/build.sh", "tools/lib.sh"]
outputs = ["made/built.txt"]

[step.split]
run     = 'echo split >> $TALLY; mkdir {outputs}; while IFS=, read -r a b; do echo $b > {outputs}/$a; done < {inputs}'
inputs  = ["rows.csv"]
outputs = ["parts/"]

[step.sum]
run     = '''echo sum >> $TALLY; cat parts/* | awk '{ s += $1 } END { print s * {params.scale} }' > {outputs}'''
inputs  = ["parts/"]
outputs = ["sum.txt"]

[step.label]
run     = 'echo label >> $TALLY; echo {params.title} > {outputs}'
outputs = ["label.txt"]

[step.join]
run     = 'echo join >> $TALLY; cat {inputs} > {outputs}'
inputs  = ["left.txt", "right.txt"]
outputs = ["joined.txt"]

[step.final]
run     = 'echo final >> $TALLY; cat {inputs} > {outputs}'
inputs  = ["made/built.txt", "sum.txt", "label.txt", "joined.txt"]
outputs = ["final.txt"]
"""

SOURCES: dict[str, str | bytes | None] = {
    "code.txt": "# old words\none\n# more\ntwo\n",
    "tools/build.sh": '#!/bin/sh\n. ./tools/lib.sh\necho v1\nsed "s/$/$suffix/" "$1"\n',
    "tools/lib.sh": "suffix=x\n",
    "rows.csv": "a,1\nb,2\nc,4\n",
    "left.txt": "left\n",
    "right.txt": "rite\n",
}
STEPS = frozenset({"strip", "build", "split", "sum", "label", "join", "final"})


def small(project: Project) -> Project:
    """The pipeline, written but not run."""
    project.env["TALLY"] = str(project.tally)
    return project.write(SOURCES).spec(SPEC)


def built(project: Project) -> Project:
    """The pipeline, run once."""
    small(project)
    came(project, project.run(), ran=STEPS)
    return project


def expected(project: Project) -> dict[str, str]:
    """Every artifact as it must be, from the sources and params that stand there now."""

    def param(name: str) -> str:
        found = re.search(rf'^{name} = "?(\w+)', project.read("riverrun.toml"), re.MULTILINE)
        assert found
        return found[1]

    made = {}
    kept = [line for line in project.read("code.txt").splitlines() if not line.startswith("#")]
    made["made/stripped.txt"] = "".join(f"{line}\n" for line in kept)
    suffix = project.read("tools/lib.sh").partition("=")[2].strip()
    version = project.read("tools/build.sh").partition("echo ")[2].split("\n")[0]
    made["made/built.txt"] = f"{version}\n" + "".join(f"{line}{suffix}\n" for line in kept)
    rows = [line.split(",") for line in project.read("rows.csv").splitlines()]
    made |= {f"parts/{name}": f"{value}\n" for name, value in rows}
    made["sum.txt"] = f"{sum(int(value) for _, value in rows) * int(param('scale'))}\n"
    made["label.txt"] = f"{param('title')}\n"
    order = re.search(r'inputs  = \["(left|right).txt", "(left|right).txt"\]', project.read("riverrun.toml"))
    assert order
    made["joined.txt"] = project.read(f"{order[1]}.txt") + project.read(f"{order[2]}.txt")
    made["final.txt"] = "".join(
        made[name] for name in ("made/built.txt", "sum.txt", "label.txt", "joined.txt")
    )
    return made


def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the environment of the project's calls: what counts is the same here and there."""
    for name in set(os.environ) - set(project.env):
        if not name.startswith("PYTEST"):
            monkeypatch.delenv(name)
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)


def stands(project: Project) -> None:
    """The end state, and every state on the way to it, is what the sources yield; nothing else lies about."""
    made = {
        name: content.decode()
        for name, content in project.files().items()
        if name not in SOURCES and name != "riverrun.toml"
    }
    assert made == expected(project)


def came(
    project: Project, outcome: Outcome, *, ran: Iterable[str] = (), restored: Iterable[str] = ()
) -> None:
    """Exactly these steps ran, once each, and exactly these were restored; all promises are kept and stand."""
    ran, restored = set(ran), set(restored)
    assert outcome.code == 0, outcome
    assert set(outcome.ran) == ran, outcome
    assert set(outcome.restored) == restored, outcome
    assert project.counted() == dict.fromkeys(ran, 1)
    assert set(outcome.steps) == ran | restored, outcome
    repaired = len(ran) + len(restored)
    assert outcome.counts == {
        "kept": len(STEPS) - repaired,
        "repaired": repaired,
        "not_kept": 0,
        "ran": len(ran),
        "restored": len(restored),
    }
    assert outcome.document["ok"] is True
    stands(project)
