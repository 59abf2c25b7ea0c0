"""The convergence oracle: random pipelines and random edits; after every run all is as a clean build has it."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from oracle import edits, growing, tampering
from oracle.bench import Asked, Bench
from riverrun.flow import Listing

EDITS: dict[str, tuple[edits.Edit, ...]] = {
    "sources": (
        edits.change_source,
        edits.change_source,
        edits.touch_source,
        edits.flip_source,
        edits.add_source,
        edits.remove_source,
        edits.rename_source,
        edits.optional_source,
        edits.empty_folder,
        edits.change_rows,
    ),
    "spec": (
        edits.change_param,
        edits.change_const,
        edits.change_const,
        edits.change_style,
        edits.change_flag,
        edits.rename_step,
        edits.rename_output,
        edits.swap_reads,
        edits.drop_read,
        edits.turn_spec,
        edits.change_end,
        edits.remove_family,
        growing.add_family,
        growing.add_given,
    ),
    "artifacts": (
        tampering.tamper_file,
        tampering.tamper_file,
        tampering.delete,
        tampering.delete_all,
        tampering.tamper_folder,
        tampering.tamper_folder,
        tampering.replace_kind,
        tampering.swap,
        tampering.junk,
    ),
    "states": (edits.revert, edits.revert, edits.lose_index, edits.lose_all),
}
NUMBERS = st.integers(0, 10_000)
EDIT = st.tuples(
    st.sampled_from([edit for group in EDITS.values() for edit in group]), NUMBERS, NUMBERS, NUMBERS
)
NEW = st.tuples(st.just(growing.add_family), NUMBERS, NUMBERS, NUMBERS)
"""Numbers mean something in any state: which of the sources, which of the steps."""


class Oracle(RuleBasedStateMachine):
    """A bench that lives through edits and runs; its story is told when something is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="oracle-"))
        self.bench = Bench(self.folder, growing.first_world())
        self.story: list[str] = []

    @initialize(new=st.lists(NEW, min_size=3, max_size=9))
    def begin(self, new: list[tuple[edits.Edit, int, int, int]]) -> None:
        """A first pipeline, built."""
        self._edit(new)
        self._run(Asked())

    @rule(
        changes=st.lists(EDIT, min_size=1, max_size=3),
        jobs=st.sampled_from((1, 3)),
        listing=st.sampled_from(Listing),
    )
    def change_and_run(
        self, changes: list[tuple[edits.Edit, int, int, int]], jobs: int, listing: Listing
    ) -> None:
        """The main rule."""
        self._edit(changes)
        self._run(Asked(jobs=jobs, listing=listing))

    @rule(changes=st.lists(EDIT, max_size=2), which=st.lists(NUMBERS, min_size=1, max_size=2))
    def change_and_run_some(self, changes: list[tuple[edits.Edit, int, int, int]], which: list[int]) -> None:
        """Only some steps are asked for."""
        self._edit(changes)
        uids = [family.uid for _, family in self.bench.world.families()]
        if uids:
            self._run(Asked(words=tuple(dict.fromkeys(uids[number % len(uids)] for number in which))))

    @rule(which=NUMBERS)
    def force(self, which: int) -> None:
        """A step is forced."""
        uids = [family.uid for _, family in self.bench.world.families()]
        if uids:
            self._run(Asked(forced=(uids[which % len(uids)],)))

    @rule(value=st.integers(0, 2), name=st.sampled_from(("p0", "p1", "t1.q0")))
    def param(self, value: int, name: str) -> None:
        """A param is given on the command line."""
        name = name if self.bench.world.pipes["t1"].families else "p0"
        self._run(Asked(params={name: str(value)}))

    def _edit(self, changes: list[tuple[edits.Edit, int, int, int]]) -> None:
        for change, a, b, c in changes:
            told = change(self.bench, a, b, c)
            if told:
                self.story.append(f"{change.__name__}: {told}")

    def _run(self, asked: Asked) -> None:
        self.story.append(str(asked))
        try:
            self.bench.run(asked)
        except BaseException as problem:
            specs = [f"-- {path}\n{text}" for path, text in self.bench.specs.items()]
            problem.add_note("\n".join(["the story so far:", *self.story, *specs]))
            raise

    def teardown(self) -> None:
        """Nothing is left behind."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _settings(examples: int, steps: int, *, derandomize: bool) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=derandomize,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def test_oracle() -> None:
    """The same stories every time."""
    run_state_machine_as_test(Oracle, settings=_settings(60, 12, derandomize=True))


@pytest.mark.long
def test_oracle_long() -> None:
    """Other stories every time, and many."""
    run_state_machine_as_test(Oracle, settings=_settings(600, 25, derandomize=False))
