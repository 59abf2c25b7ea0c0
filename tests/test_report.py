"""What a person reads and a program gets of a run: values in, words, pictures and documents out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from riverrun.errors import Interrupted, Location, Problem, PromiseNotKept
from riverrun.model.step import ArtifactKind, Command, Output, Step, Waiting
from riverrun.model.verdict import OUTCOMES, Action, Cause, Reason, StepResult
from riverrun.report import Note, Report, count, picture, problems, wording

HEX = "0123456789abcdef" * 4


def result(step: str, action: Action, *reasons: Reason, seconds: float = 0.0) -> StepResult:
    return StepResult(step, action, OUTCOMES[action], reasons, seconds)


def report_of(*steps: StepResult, dry: bool = False, interrupted: bool = False) -> Report:
    counts = count(steps)
    return Report(
        ok=not counts["not_kept"],
        check="stat",
        seconds=1.234,
        counts=counts,
        steps=steps,
        dry=dry,
        interrupted=interrupted,
    )


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (Reason(Cause.FIRST_RUN), "never made before"),
        (Reason(Cause.INPUT_CHANGED, "a.csv", HEX, HEX[::-1]), "input changed: a.csv"),
        (Reason(Cause.PARAM_CHANGED, "level", "3", "4"), "param changed: level (3 -> 4)"),
        (Reason(Cause.COMMAND_CHANGED, "", "a\nb", "c"), "command changed"),
        (Reason(Cause.UPSTREAM, "count@a"), "waits for count@a"),
        (Reason(Cause.COMMAND_FAILED, after="exit code 1"), "command failed (exit code 1)"),
        (Reason(Cause.INPUT_REMOVED, "a\nb\udcff.csv"), "input removed: a\\nb\\xff.csv"),
        (Reason(Cause.COMMAND_CHANGED, "", "x" * 100, "y"), "command changed"),
        (Reason(Cause.COMMAND_CHANGED, "", "sort a", "sort b"), "command changed (sort a -> sort b)"),
        (
            Reason(Cause.PARAM_CHANGED, "text", "x" * 30, "y"),
            "param changed: text (xxxxxxxxxxxxxxxxxxxxx... -> y)",
        ),
        (Reason(Cause.PARAM_CHANGED, "text", "x" * 30 + "1", "x" * 30 + "2"), "param changed: text"),
        (Reason(Cause.TEST_FAILED, after="its test failed: exit code 1"), "its test failed (exit code 1)"),
        (
            Reason(Cause.TIMEOUT, after="it took longer than its timeout of 2 s"),
            "took too long (timeout of 2 s)",
        ),
        (
            Reason(Cause.OUTLIVED, after="still running when its command had ended, and killed: sleep"),
            "left a process running (killed: sleep)",
        ),
    ],
)
def test_a_reason_on_one_line(reason: Reason, line: str) -> None:
    assert wording.reason_line(reason) == line


LEVEL, COMMAND = (
    Reason(Cause.PARAM_CHANGED, "level", "3", "4"),
    Reason(Cause.COMMAND_CHANGED, "", "a 3", "a 4"),
)
LONG = Reason(Cause.PARAM_CHANGED, "other", "x" * 24, "y" * 24)


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        ([COMMAND, LEVEL], "param changed: level (3 -> 4)"),
        ([LEVEL, LONG], "param changed: level; param changed: other"),
        (
            [LEVEL, LEVEL, LEVEL, COMMAND],
            "param changed: level (3 -> 4); param changed: level (3 -> 4); and 1 more",
        ),
    ],
)
def test_reasons_fit_a_line(reasons: list[Reason], line: str) -> None:
    assert wording.reasons_line(reasons) == line


def test_every_cause_and_action_has_words() -> None:
    assert set(wording.PHRASES) == set(Cause)
    assert set(wording.VERBS) == set(Action)


@pytest.mark.parametrize(
    ("reason", "block"),
    [
        (
            Reason(Cause.INPUT_CHANGED, "a.csv", HEX, "missing"),
            ["input changed: a.csv", "  was  0123456789ab...", "  now  missing"],
        ),
        (Reason(Cause.INPUT_ADDED, "b.csv", after=HEX), ["input added: b.csv", "  now  0123456789ab..."]),
        (
            Reason(Cause.COMMAND_CHANGED, "", "sort a\nuniq", "sort"),
            ["command changed", "  was  sort a", "       uniq", "  now  sort"],
        ),
    ],
)
def test_a_reason_with_its_values(reason: Reason, block: list[str]) -> None:
    assert wording.reason_block(reason) == block


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0.0, "0.00s"), (9.994, "9.99s"), (9.995, "10s"), (119.4, "119s")),
        *((119.6, "2m00s"), (725, "12m05s"), (11400, "3h10m")),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 40, "1.0 TiB"), (1 << 50, "1024.0 TiB")],
)
def test_sizes(count: int, words: str) -> None:
    assert wording.size(count) == words


KEPT, RAN = result("a", Action.NONE), result("b", Action.RAN, seconds=0.5)
RESTORED, FAILED = result("c", Action.RESTORED), result("d", Action.FAILED)
BLOCKED = result("e", Action.BLOCKED, Reason(Cause.UPSTREAM, "d"))
STOPPED = result("f", Action.FAILED, Reason(Cause.INTERRUPTED))
SPARED = result("g", Action.BLOCKED, Reason(Cause.INTERRUPTED), Reason(Cause.FIRST_RUN))
BEHIND = result("h", Action.BLOCKED, Reason(Cause.UPSTREAM, "f"))


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (report_of(KEPT), "nothing to do: 1 kept in 1.23s (check: stat)"),
        (report_of(KEPT, dry=True), "nothing to do: 1 kept (check: stat)"),
        (report_of(KEPT, RAN, RESTORED), "1 kept, 1 restored, 1 ran, 0 failed in 1.23s (check: stat)"),
        (report_of(FAILED, BLOCKED), "0 kept, 0 restored, 0 ran, 1 failed, 1 blocked in 1.23s (check: stat)"),
        (
            report_of(KEPT, interrupted=True),
            "interrupted: 1 kept, 0 restored, 0 ran, 0 failed in 1.23s (check: stat)",
        ),
        (
            report_of(KEPT, STOPPED, SPARED, BEHIND, FAILED, BLOCKED, interrupted=True),
            "interrupted: 1 kept, 0 restored, 0 ran, 1 failed, 1 blocked, 1 stopped, 2 not started in 1.23s "
            "(check: stat)",
        ),
        (
            report_of(result("a", Action.RUN), result("b", Action.MAYBE), BLOCKED, dry=True),
            "0 kept, 1 would run, 1 may run, 1 cannot be made (check: stat)",
        ),
    ],
)
def test_the_last_line(report: Report, line: str) -> None:
    assert wording.summary(report) == line


def test_the_document_has_what_the_design_says() -> None:
    reason = Reason(Cause.INPUT_CHANGED, "src.txt", "1", "2")
    report = replace(
        report_of(KEPT, replace(result("gen", Action.RAN, reason, seconds=0.01), log="x.log")),
        notes=(Note("orphan", "y"),),
    )
    document = report.as_json()
    assert list(document) == ["riverrun", "ok", "check", "seconds", "interrupted", "counts", "steps", "notes"]
    assert document["counts"] == {"kept": 1, "repaired": 1, "not_kept": 0, "ran": 1, "restored": 0}
    assert document["steps"] == [
        {
            "step": "gen",
            "outcome": "repaired",
            "action": "ran",
            "seconds": 0.01,
            "log": "x.log",
            "reasons": [{"kind": "input_changed", "path": "src.txt", "before": "1", "after": "2"}],
            "notes": [],
        }
    ]
    assert [entry["step"] for entry in report.as_json(all_steps=True)["steps"]] == ["a", "gen"]
    assert count([result("a", Action.RUN)])["would_run"] == 1


def test_a_report_raises_when_asked() -> None:
    report_of(KEPT, RAN).raise_for_failure()
    with pytest.raises(PromiseNotKept, match="not kept: d, e"):
        report_of(KEPT, FAILED, BLOCKED).raise_for_failure()
    with pytest.raises(Interrupted):
        report_of(KEPT, interrupted=True).raise_for_failure()


@pytest.mark.parametrize(
    ("problem", "lines"),
    [
        (Problem("x", "it broke"), ["it broke"]),
        (
            Problem("x", "odd", Location("r.toml", 12, 3, "a\tbc = 1", 2), "mend it"),
            ["odd", "  --> r.toml:12:3", "   |", "12 | a bc = 1", "   |   ^^", "hint: mend it"],
        ),
        (
            Problem("x", "wide", Location("r.toml", 1, 2, "水\x1b=", 1)),
            ["wide", "  --> r.toml:1:2", "  |", "1 | 水\\x1b=", "  |   ^^^^"],
        ),
        (
            Problem("x", "past the end", Location("r.toml", 1, 9, "ab")),
            ["past the end", "  --> r.toml:1:9", "  |", "1 | ab", "  |   ^"],
        ),
    ],
)
def test_a_problem_shows_its_place(problem: Problem, lines: list[str]) -> None:
    assert list(problems.spell(problem)) == lines


@dataclass
class Fake:
    """A graph as a table."""

    steps: Mapping[str, Step]
    edges: Mapping[str, Sequence[str]]
    waiting: Sequence[Waiting] = ()

    def needs(self, name: str, /) -> Sequence[str]:
        return self.edges.get(name, ())


WHERE = Location("riverrun.toml", 1, 1)


def step(name: str, *outputs: str) -> Step:
    kinds = (ArtifactKind.FILE, ArtifactKind.FOLDER)
    made = tuple(Output(path.rstrip("/"), kinds[path.endswith("/")], path.rstrip("/")) for path in outputs)
    return Step(
        name=name,
        family=name.partition("@")[0],
        home="",
        where=WHERE,
        run=Command(("true",), "true"),
        outputs=made,
    )


def graph() -> Fake:
    steps = [
        step("split", "parts/"),
        step("count@a", "a.txt"),
        step("count@b", "b.txt"),
        step("count@c", "c.txt"),
    ]
    steps += [step("total", "total.txt"), step('odd "#\udcff', "odd")]
    counts = ["count@a", "count@b", "count@c"]
    edges = {name: ["split"] for name in counts} | {"total": counts, 'odd "#\udcff': ["count@a", "split"]}
    return Fake(
        {item.name: item for item in steps}, edges, [Waiting("late@?", ("parts",), WHERE, ("late/*",))]
    )


def test_a_tree() -> None:
    nodes = picture.draw(graph(), picture.Items.GATHERED)
    assert list(picture.tree(nodes, picture.Glyphs.UNICODE)) == [
        "total -> total.txt",
        "└── count@{3} -> a.txt, b.txt and 1 more",
        "    └── split -> parts/",
        'odd "#\\xff -> odd',
        "├── count@{3} (see above)",
        "└── split -> parts/",
        "late@? -> late/*",
        "└── split -> parts/",
    ]
    spelled = list(picture.tree(picture.draw(graph(), picture.Items.SPELLED), picture.Glyphs.ASCII))
    assert spelled[:3] == ["total -> total.txt", "|-- count@a -> a.txt", "|   `-- split -> parts/"]


def test_a_long_chain_is_drawn_and_a_ring_of_families_ends() -> None:
    names = [f"s{place}" for place in range(3000)]
    chain = Fake({name: step(name) for name in names}, {b: [a] for a, b in pairwise(names)})
    assert len(list(picture.tree(picture.draw(chain, picture.Items.GATHERED), picture.Glyphs.ASCII))) == 3000
    items = ["a@1", "a@2", "b@1", "b@2"]
    ring = Fake({name: step(name) for name in items}, {"b@1": ["a@1"], "a@2": ["b@1"], "b@2": ["a@2"]})
    assert list(picture.tree(picture.draw(ring, picture.Items.GATHERED), picture.Glyphs.ASCII)) == [
        "b@{2}",
        "`-- a@{2}",
        "    `-- b@{2} (see above)",
    ]


def test_pictures_for_other_programs() -> None:
    nodes = picture.draw(graph(), picture.Items.GATHERED)
    dot = list(picture.dot(nodes))
    assert '  "odd \\"#\\\\xff";' in dot
    assert '  "count@{3}" -> "total";' in dot
    mermaid = list(picture.mermaid(nodes))
    assert mermaid[:3] == ["flowchart LR", '  n0["split"]', '  n1["count@{3}"]']
    assert '  n3["odd #quot;#35;\\xff"]' in mermaid
    assert "  n1 --> n2" in mermaid
    document = picture.as_json(graph())
    assert document["steps"][4]["needs"] == ["count@a", "count@b", "count@c"]
    assert document["waiting"] == [{"step": "late@?", "folders": ["parts"], "outputs": ["late/*"]}]
