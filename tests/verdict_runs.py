"""Records for the tests of the verdict: jobs, and runs with responses whose cost is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

from storage.records import (
    Check,
    Claim,
    Configuration,
    Job,
    JobState,
    Member,
    Purpose,
    Response,
    Run,
    StoredRun,
    Termination,
)
from tests.store_samples import HERE

CUTOFF = 10.0
HIGHS = Configuration("highs")
CPSAT = Configuration("cp-sat")
SCIP = Configuration("scip")
TUNED = Configuration.of("highs", {"presolve": "off", "mip_heuristic_effort": 0.2})
TRAINING = [f"{number:02d}" + "a" * 62 for number in range(10)]
HOLDOUT = [f"{number:02d}" + "b" * 62 for number in range(8)]
SEED = 2**30 + 5
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
_ids = count(1)


def job(solvers: Sequence[str] = ("highs",), **changes: object) -> Job:
    members = tuple(
        Member(sha, f"rosters/{sha[:2]}", f"models/rosters/{sha[:2]}.mps", part, 100, 50, 400, 100)
        for part, shas in (("training", TRAINING), ("holdout", HOLDOUT))
        for sha in shas
    )
    fields: dict[str, object] = {
        "id": 1,
        "name": "rosters",
        "state": JobState.RUNNING,
        "folder": "models",
        "holdout": "0.3",
        "solvers": tuple(solvers),
        "cost": "par10",
        "ties": "mean",
        "cutoff": CUTOFF,
        "budget": 600.0,
        "slots": 2,
        "memory_mib": 2048,
        "gap": 1e-4,
        "seed": 7,
        "space": "",
        "created_at": NOON,
        "members": members,
    }
    return Job(**{**fields, **changes})  # type: ignore[arg-type]


def solved_in(seconds: float) -> Response:
    return Response(
        Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, 1.0, 1.0, 0.0, cpu=seconds, wall=seconds, integral=seconds
    )


def stopped_at(seconds: float, gap: float | None = None) -> Response:
    claim = Claim.NOTHING if gap is None else Claim.FEASIBLE
    return Response(Termination.CUTOFF, claim, gap=gap, cpu=seconds, wall=seconds)


CRASHED = Response(Termination.CRASHED, cpu=0.01, wall=0.01, reason="signal 11")
REFUTED = Response(
    Termination.EXITED, Claim.OPTIMAL, Check.REFUTED, 9.0, 9.0, 0.0, cpu=0.01, wall=0.01, reason="row c<1> is violated"
)


def stored(
    configuration: Configuration,
    instance: str,
    response: Response | float,
    seed: int = SEED,
    purpose: Purpose = Purpose.HOLDOUT,
    limit: float = CUTOFF,
) -> StoredRun:
    if isinstance(response, float):
        response = solved_in(response) if response <= limit else stopped_at(limit)
    number = next(_ids)
    return StoredRun(
        number, Run(configuration, instance, seed, CUTOFF, limit, purpose), response, float(number), HERE, NOON
    )


def held_out(configuration: Configuration, *seconds: float, seeds: int = 1) -> list[StoredRun]:
    """Return a run for each cost on the first instances of the holdout, the same for every seed."""
    return [
        stored(configuration, instance, cost, SEED + number)
        for number in range(seeds)
        for instance, cost in zip(HOLDOUT, seconds, strict=False)
    ]


def raced(configuration: Configuration, *seconds: float, limit: float = CUTOFF) -> list[StoredRun]:
    """Return a run for each cost on the first training instances."""
    return [
        stored(configuration, instance, cost, 1, Purpose.RACE, limit)
        for instance, cost in zip(TRAINING, seconds, strict=False)
    ]
