"""What a job leaves of its budget when every run takes as long as the cutoff."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from instances.families import FAMILIES, generate
from storage.records import Claim, Purpose, Response, Run, Termination
from storage.store import Store
from tests.simulated_worker import SOLVER, answering
from tests.simulation import chance
from tests.test_job import Silence
from tuner.app.intake import submission_of
from tuner.app.owning import owned
from tuner.app.tuning import carry_out_own
from tuner.cost import Cost
from tuner.errors import Failed
from tuner.scenario import Scenario

CUTOFF = 10.0


def answer(run: Run) -> Response:
    """Return a run that ends at its limit, with a gap that each change of a parameter makes smaller."""
    gap = 0.3 * (0.5 + chance(run.instance, run.seed)) * 0.6 ** len(run.configuration.parameters)
    return Response(
        Termination.EXITED, Claim.FEASIBLE, gap=gap, cpu=run.limit, wall=run.limit, integral=run.limit * gap
    )


@pytest.mark.parametrize("budget", [150.0, 240.0, 600.0])
def test_a_job_under_the_gap_uses_its_budget_and_not_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: float
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    generate(FAMILIES["generalised-assignment"], 14, tmp_path / "models", seed=3, size=0.4)
    means = answering(answer, starting=1000.0)  # before the budget begins
    scenario = Scenario(str(tmp_path / "models"), SOLVER, budget, CUTOFF, cost=Cost.GAP, slots=1)
    with Store.open(f"sqlite:///{tmp_path / 'tuner.db'}") as store:
        made = store.create_job(submission_of(scenario, Silence()))
        stop = threading.Event()
        with owned(store, made, stop, Failed) as lease:
            job = carry_out_own(store, store.job(made.id), lease, Silence(), stop, means).job
        held_out = [stored.run for stored in store.responses(made.id, purpose=Purpose.HOLDOUT)]
    assert budget - 2.5 * CUTOFF <= job.spent <= budget
    configurations = {run.configuration for run in held_out}
    by_pair = {(run.instance, run.seed): 0 for run in held_out}
    for run in held_out:
        by_pair[run.instance, run.seed] += 1
    assert len(configurations) == 2
    assert set(by_pair.values()) == {2}, "an instance is executed by all or by none"
