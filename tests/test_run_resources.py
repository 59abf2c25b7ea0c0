"""In: limits and what steps need. Out: who may run beside whom."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from crews import make
from riverrun.errors import UsageError
from riverrun.model.step import Step
from riverrun.model.verdict import Cause
from riverrun.run import resources
from riverrun.run.resources import Resources


def needing(*attempts: Mapping[str, float | str]) -> Step:
    return make("s", "true", resources=attempts or ({},))


# limits, jobs, what each step needs: how many of them fit together
TOGETHER: list[tuple[dict[str, float | str], int, dict[str, float | str], int]] = [
    ({}, 3, {}, 3),
    ({}, 4, {"cpus": 2}, 2),
    ({}, 1, {"cpus": 0.1}, 1),
    ({}, 4, {"cpus": 0}, 4),
    ({"cpus": 8}, 4, {"cpus": 2}, 4),
    ({"cpus": 1}, 20, {"cpus": 0.1}, 10),
    ({"memory": "8GiB"}, 4, {"memory": 4 << 30}, 2),
    ({}, 4, {"memory": 1 << 60}, 4),
    ({"licence": 1}, 4, {"licence": 1}, 1),
    ({"gpus": 2}, 4, {"gpus": 1}, 2),
    ({"gpus": "1,3,5"}, 4, {"gpus": 0.5}, 3),
    ({}, 4, {"queue": "long"}, 4),
]


@pytest.mark.parametrize(("limits", "jobs", "needs", "count"), TOGETHER)
def test_how_many_run_together(
    limits: dict[str, float | str], jobs: int, needs: dict[str, float | str], count: int
) -> None:
    pool, step = Resources(limits, jobs), needing(needs)
    assert pool.refusal(step, 0) is None
    for _ in range(2):
        grants = []
        while pool.fits(step, 0):
            grants.append(pool.acquire(step, 0))
        assert len(grants) == count
        assert not {gpu for grant in grants for gpu in grant.gpus} or len({g.gpus for g in grants}) == count
        for grant in grants:
            pool.release(grant)


@pytest.mark.parametrize(
    ("limits", "needs"),
    [
        ({}, {"cpus": 3}),
        ({"memory": "1GiB"}, {"memory": 2 << 30}),
        ({"gpus": 1}, {"gpus": 2}),
        ({"x": 0}, {"x": 1}),
    ],
)
def test_what_can_never_run_is_told(limits: dict[str, float | str], needs: dict[str, float | str]) -> None:
    refusal = Resources(limits, 2).refusal(needing(needs), 0)
    assert refusal is not None
    assert (refusal.cause, refusal.path) == (Cause.NO_RESOURCES, next(iter(needs)))


def test_each_attempt_has_its_own_needs() -> None:
    pool, step = Resources({"memory": 4}, 2), needing({"memory": 2}, {"memory": 8})
    assert [pool.refusal(step, attempt) is None for attempt in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("limits", "visible", "handed"),
    [
        ({"gpus": "1,3"}, None, (1, 3)),
        ({"gpus": 2}, None, (0, 2)),
        ({"gpus": 2}, "4,5,6", (4, 5)),
        ({}, "4,5,6", (4, 5)),
        ({}, None, (0, 2)),
    ],
)
def test_gpus_by_number(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, float | str],
    visible: str | None,
    handed: tuple[int, ...],
) -> None:
    for name in ("nvidia0", "nvidia2", "nvidiactl", "null"):
        (tmp_path / name).touch()
    monkeypatch.setattr(resources, "_DEVICES", str(tmp_path))
    pool = Resources(limits, 2, {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    step = needing({"gpus": 2})
    assert pool.fits(step, 0)
    assert pool.acquire(step, 0).gpus == handed


def test_a_limit_that_is_no_number() -> None:
    with pytest.raises(UsageError, match="memory=much"):
        Resources({"memory": "much"}, 1)
