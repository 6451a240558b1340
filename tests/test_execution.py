"""What is said of one run that is executed on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from instances.instance import Instance
from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tuner.app.execution import Execution

INSTANCE = Instance("0" * 64, "a", Path("a.lp"), Path("a.npz"), 1, 1, 1, 1)
RUN = Run(Configuration("highs"), INSTANCE.sha256, 0, 2.0, 2.0)
SOLVED = Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, 1.0, 1.0, 0.0, cpu=1.9, wall=1.95)


def test_a_run_within_the_cutoff_is_solved() -> None:
    assert Execution(INSTANCE, RUN, SOLVED).solved


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": 2.01},
        {"wall": 2.01},
        {"check": Check.DISPUTED},
        {"check": Check.REFUTED},
        {"claim": Claim.FEASIBLE},
        {"proven_objective": 2.0, "doubt": "row c is off"},
    ],
    ids=str,
)
def test_a_run_beyond_the_cutoff_or_in_dispute_is_not_solved(changes: dict[str, object]) -> None:
    assert not Execution(INSTANCE, RUN, replace(SOLVED, **changes)).solved  # type: ignore[arg-type]
