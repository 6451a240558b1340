"""The executor with a real solver: what is measured from outside agrees with what the solver knows of itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from instances.model import Model
from storage.records import Check, Claim, Response, Termination
from tests.followers.scene import executor, run_of, saved


def covering(columns: int, rows: int, seed: int) -> Model:
    """Return a random set covering problem: each row is covered by a sixth of the columns."""
    random = np.random.default_rng(seed)
    matrix = random.random((rows, columns)) < 1 / 6
    start = np.concatenate(([0], matrix.sum(axis=1).cumsum())).astype(np.int32)
    return Model(
        name="covering",
        maximise=False,
        offset=0.0,
        objective=random.integers(10, 30, columns).astype(float),
        lower=np.zeros(columns),
        upper=np.ones(columns),
        kind=np.ones(columns, dtype=np.uint8),
        row_lower=np.ones(rows),
        row_upper=np.full(rows, np.inf),
        row_start=start,
        column_index=np.nonzero(matrix)[1].astype(np.int32),
        value=np.ones(start[-1]),
        column_names=tuple(f"x{j}" for j in range(columns)),
        row_names=tuple(f"r{i}" for i in range(rows)),
    )


@pytest.fixture(scope="module")
def responses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Response]]:
    """Two runs of HiGHS, one after the other in the same warm process."""
    with executor(saved(covering(60, 50, seed=1), tmp_path_factory.mktemp("covering"))) as runs:
        for seed in (0, 1):
            runs.submit(run_of("Honest", limit=60.0, instance="covering", seed=seed))
        finished = []
        while more := runs.wait():
            finished += more
        yield [one.response for one in finished]


def test_highs_solves_and_its_claim_is_confirmed(responses):
    for response in responses:
        assert (response.termination, response.claim) == (Termination.EXITED, Claim.OPTIMAL)
        assert response.check is Check.CONFIRMED, response.reason
        assert response.solved
        assert response.gap is not None and response.gap <= 1e-4


def test_cpu_time_from_outside_is_what_the_solver_has_used(responses):
    for response in responses:
        own = float(response.raw_status)
        assert own <= response.cpu + 0.02, "the kernel counts in ticks"
        assert response.cpu < own + 0.1


def test_wall_time_from_outside_holds_the_solve(responses):
    for response in responses:
        assert response.solver_wall is not None
        assert response.cpu * 0.9 - 0.02 < response.wall
        assert response.solver_wall < response.wall


def test_until_the_first_solution_the_gap_is_one(responses):
    for response in responses:
        assert response.integral == pytest.approx(response.solver_wall)
