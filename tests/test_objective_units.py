"""The unit of an objective is a matter of taste: a model in pence, or in billions, is solved and judged alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from instances.features import features
from instances.instance import Instance
from instances.model import Model
from storage.records import Check, Claim, Configuration, Response, Run
from tests.followers.scene import saved
from tests.small_models import CONTINUOUS, INF, INTEGER, anything, best, milp
from tuner.cost import Cost, cost_of
from tuner.follower.executor import LocalExecutor
from tuner.follower.referee import Referee
from tuner.follower.scaling import unit_by

GAP = 1e-4
SOLVERS = [Configuration(name) for name in ("highs", "scip", "cp-sat")]
EXPONENTS = (-9, -7, -5, -2, 0, 4, 9, 12)
SIZES = {"knapsack": 6, "any": 6, "mixed": 4}


def of_family(family: str, seed: int) -> Model:
    if family == "any":
        return anything(seed)
    random = np.random.default_rng(seed)
    n = 12 if family == "knapsack" else 8
    weights = random.integers(5, 60, (2, n))
    rows = [(-INF, row, row.sum() // 2) for row in weights]
    kind = np.full(n, INTEGER)
    kind[: 0 if family == "knapsack" else 3] = CONTINUOUS
    return milp(random.integers(1, 100, n), rows, kind=kind, maximise=True, upper=1.0 if family == "knapsack" else 3.0)


def in_unit(model: Model, exponent: int) -> Model:
    """Return the model with its objective in another unit, as decimals that are written so."""
    costs = np.array([float(f"{cost:.0f}e{exponent}") for cost in model.objective.tolist()])
    return replace(model, objective=costs, offset=float(f"{model.offset:.0f}e{exponent}"))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Response]]]:
    """Every response, by the name of the model and then by solver."""
    folder: Path = tmp_path_factory.mktemp("units")
    instances: dict[str, Instance] = {}
    for family, count in SIZES.items():
        for seed in range(count):
            for exponent in EXPONENTS:
                name = f"{family} {seed} {exponent}"
                instances[name] = saved(replace(in_unit(of_family(family, seed), exponent), name=name), folder)
    found: dict[str, dict[str, Response]] = {name: {} for name in instances}
    with LocalExecutor(instances, 2, 500.0, GAP) as executor:
        for name in instances:
            for configuration in SOLVERS:
                executor.submit(Run(configuration, name, 0, 20.0, 20.0))
        while executor.outstanding:
            for done in executor.wait():
                found[done.run.instance][done.run.configuration.solver] = done.response
    yield found


def test_claims_and_proofs_are_those_of_enumeration_in_every_unit(answers: dict[str, dict[str, Response]]) -> None:
    for family in ("knapsack", "any"):
        for seed in range(SIZES[family]):
            optimum = best(of_family(family, seed))
            for exponent in EXPONENTS:
                for solver, response in answers[f"{family} {seed} {exponent}"].items():
                    where = (family, seed, exponent, solver, response.raw_status, response.reason)
                    assert response.solved, where
                    if optimum is None:
                        assert response.claim is Claim.INFEASIBLE, where
                        continue
                    wanted = pytest.approx(optimum * 10.0**exponent, rel=GAP, abs=1e-9 * 10.0**exponent)
                    assert (response.claim, response.doubt) == (Claim.OPTIMAL, ""), where
                    assert response.objective == wanted, where
                    assert response.proven_objective == wanted, where
                    assert cost_of(Cost.GAP, Run(Configuration(solver), "", 0, 20.0, 20.0), response) == 0.0


def test_models_with_continuous_variables_end_alike_in_every_unit(answers: dict[str, dict[str, Response]]) -> None:
    for seed in range(SIZES["mixed"]):
        for solver in ("highs", "scip", "cp-sat"):
            usual = answers[f"mixed {seed} 0"][solver]
            assert usual.objective is not None
            for exponent in EXPONENTS:
                response = answers[f"mixed {seed} {exponent}"][solver]
                assert (response.claim, response.check, response.solved) == (usual.claim, usual.check, usual.solved)
                assert bool(response.doubt) is bool(usual.doubt)
                if solver != "cp-sat":
                    assert response.solved
                    assert response.objective == pytest.approx(usual.objective * 10.0**exponent, rel=2 * GAP)
                    assert response.proven_objective == pytest.approx(response.objective, rel=1e-6)


def test_the_referee_tells_worse_answers_from_right_ones_in_every_unit(answers: dict[str, dict[str, Response]]) -> None:
    for seed in range(SIZES["knapsack"]):
        optimum = best(of_family("knapsack", seed))
        assert optimum is not None
        for exponent in EXPONENTS:
            model = in_unit(of_family("knapsack", seed), exponent)
            said = answers[f"knapsack {seed} {exponent}"]
            worse = (optimum - 1.0) * 10.0**exponent
            referee, final = Referee(GAP), {}
            lie = replace(said["highs"], objective=worse, bound=worse, proven_objective=worse)
            for solver, response in (*said.items(), ("liar", lie)):
                run = Run(Configuration(solver), "", 0, 20.0, 20.0)
                final.update(referee.judge(run, response, maximise=True, unit=unit_by(features(model))))
            checks = {run.configuration.solver: response.check for run, response in final.items()}
            assert checks == {**dict.fromkeys(said, Check.CONFIRMED), "liar": Check.REFUTED}, (seed, exponent)
