"""What is expected of effects on the gap: a part of those on the time, until earlier jobs under the gap know better."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pytest

import tuner.app.tuning as tuning
from instances.families import FAMILIES, generate
from storage.records import Claim, Response, Run, Termination
from storage.store import Store
from tests.simulated_worker import SOLVER, SPACE, answering
from tests.simulation import chance
from tests.test_job import Silence
from tuner.app.intake import submission_of
from tuner.app.owning import owned
from tuner.cost import Cost
from tuner.errors import Failed
from tuner.leader.any_budget import AnyBudget
from tuner.leader.prior import APART, TRANSFER, USUAL, Prior
from tuner.leader.shipped import expected, shipped
from tuner.scenario import Scenario

CUTOFF = 10.0


def answer(run: Run) -> Response:
    """Return a run that ends at its limit, with a gap that each change of a parameter makes smaller."""
    gap = 0.3 * (0.5 + chance(run.instance, run.seed)) * 0.9 ** len(run.configuration.parameters)
    return Response(Termination.EXITED, Claim.FEASIBLE, gap=gap, cpu=run.limit, wall=run.limit)


def test_a_part_of_the_effect_is_expected_and_less_surely() -> None:
    prior = Prior({"a": -0.8, "b": 0.1}, {"a": 0.3, "c": 0.2})
    gap = prior.for_gap()
    assert gap.mean == {"a": pytest.approx(-0.8 * TRANSFER), "b": pytest.approx(0.1 * TRANSFER)}
    assert gap.deviation["a"] == pytest.approx(math.hypot(0.3, APART * 0.8))
    assert gap.deviation["b"] == pytest.approx(math.hypot(USUAL, APART * 0.1))
    assert gap.deviation["c"] == 0.2


def test_another_prior_refines_it_by_what_it_learnt_beyond_the_usual() -> None:
    prior = Prior({"a": -0.4, "b": 0.2}, {"a": 0.3, "b": 0.3})
    refined = prior.refined(Prior({"a": 0.2, "b": 0.0, "c": -0.3}, {"a": 0.06, "b": 1.1 * USUAL, "c": 0.06}))
    assert (refined.mean["b"], refined.deviation["b"]) == (0.2, 0.3), "nothing is known of it there"
    assert 0.2 < refined.mean["a"] < 0.27 and refined.deviation["a"] < 0.07, "0.27 is what was seen, 0.2 with the usual"
    assert refined.mean["c"] == pytest.approx(-0.3), "as if nothing had been known here"


def test_the_time_is_expected_as_it_is_known() -> None:
    knowledge = shipped("highs")
    assert knowledge is not None
    for cost in (Cost.PAR10, Cost.WALL, Cost.INTEGRAL):
        assert expected({"highs": knowledge}, [], cost) == {"highs": knowledge.prior([])}


def test_a_job_under_the_gap_starts_from_the_times_and_later_ones_from_what_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    started: list[dict[str, Any]] = []
    trained: list[list[Any]] = []

    class Noted(AnyBudget):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            started.append(settings)
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(tuning, "AnyBudget", Noted)
    knowledge = shipped(SOLVER)
    assert knowledge is not None
    with Store.open(f"sqlite:///{tmp_path / 'tuner.db'}") as store:
        for number, reuse in enumerate((False, True)):
            models = tmp_path / f"models{number}"
            generate(FAMILIES["generalised-assignment"], 8, models, seed=3 + number, size=0.4)
            scenario = Scenario(str(models), SOLVER, 600.0, CUTOFF, cost=Cost.GAP, slots=1, reuse=reuse)
            made = store.create_job(submission_of(scenario, Silence()))
            stop = threading.Event()
            with owned(store, made, stop, Failed) as lease:
                tuning.carry_out_own(store, store.job(made.id), lease, Silence(), stop, answering(answer))
            trained.append([member.features for member in made.members if member.part == "training"])
    first, later = (settings["priors"][SOLVER] for settings in started)
    beforehand = [knowledge.prior(models).for_gap() for models in trained]
    assert first == beforehand[0]
    mean, deviation = beforehand[1].mean, beforehand[1].deviation
    moved = [label for label, found in later.mean.items() if found != mean.get(label)]
    assert {label.split("=")[0] for label in moved} <= {parameter.name for parameter in SPACE.parameters}
    assert len(moved) >= 4, "the others are expected as before: the earlier job did not look at them"
    assert all(later.mean[label] < mean.get(label, 0.0) for label in moved), "each change made the gap smaller"
    assert all(later.deviation[label] < deviation.get(label, USUAL) for label in moved)
