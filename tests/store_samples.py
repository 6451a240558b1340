"""What the tests of the store keep in it."""

from __future__ import annotations

import math
from dataclasses import replace

from storage.lease import Owner
from storage.records import (
    Answer,
    Check,
    Claim,
    Comparison,
    Configuration,
    Environment,
    Event,
    Incumbent,
    JobKind,
    Member,
    Purpose,
    Response,
    Run,
    Submission,
    Termination,
)

MEMBERS = tuple(
    Member(
        sha256=f"{255 - n:064x}",
        name=f"day/{n}",
        path=f"/models/day/{n}.mps.gz",
        part="training" if n < 3 else "holdout",
        columns=30 + n,
        rows=20 + n,
        nonzeros=90 + n,
        integers=10 + n,
    )
    for n in range(4)
)

SUBMISSION = Submission(
    name="unit commitment",
    folder="/models/day",
    holdout="0.25",
    solvers=("scip", "highs"),
    cost="par10",
    ties="pessimistic",
    cutoff=30.0,
    budget=600.0,
    slots=2,
    memory_mib=2048,
    gap=1e-4,
    seed=7,
    space='[highs.presolve]\ntype = "choice"\n',
    members=MEMBERS,
)

UNNAMED = replace(SUBMISSION, name="")

DEFAULT = Configuration("highs")
TUNED = Configuration.of("highs", {"mip_heuristic_effort": 0.1, "presolve": "off", "mip_detect_symmetry": False})

RESPONSE = Response(
    termination=Termination.EXITED,
    claim=Claim.OPTIMAL,
    check=Check.CONFIRMED,
    objective=-12.5,
    bound=-12.625,
    gap=0.0099,
    cpu=1.25,
    wall=1.5,
    solver_wall=1.375,
    peak_mib=81.25,
    nodes=1234,
    iterations=2**40,
    work=3.0e9,
    integral=0.75,
    raw_status="kOptimal",
    reason="because",
    proven_objective=-12.25,
    doubt="row budget is 50000020, 20 above its bound 50000000",
)
"""One with every field filled; what it claims is overstated, so it is not solved."""

SOLVED = replace(RESPONSE, proven_objective=RESPONSE.objective, doubt="")
"""One that is."""

HERE = Environment("here", "Model T", 8, "highspy 1.15.1")
NODE7 = Environment("node7", "", 0, "")
"""Of which no more is known, as of runs that were stored by the first versions."""

INCUMBENT = Incumbent(TUNED, elapsed=61.5, cost=1.5, default_cost=2.25, pairs=6)
EVENT = Event(elapsed=3.5, kind="refuted", text="highs claimed 3, but 2 is possible")
COMPARISON = Comparison(
    candidate=TUNED,
    baseline=DEFAULT,
    measure="shifted geometric mean",
    ratio=1.5,
    low=1.25,
    high=float("inf"),
    candidate_solved=9,
    baseline_solved=8,
    pairs=10,
)


def run(seed: int, configuration: Configuration = DEFAULT, member: int = 0, limit: float = 30.0) -> Run:
    """Return a run of the race on one of `MEMBERS`."""
    return Run(configuration, MEMBERS[member].sha256, seed, cutoff=30.0, limit=limit)


def holdout_run(seed: int, configuration: Configuration = DEFAULT) -> Run:
    """Return a run of the verdict on the member of `MEMBERS` that is held out."""
    return replace(run(seed, configuration, member=3), purpose=Purpose.HOLDOUT)


def elsewhere(pid: int = 1) -> Owner:
    """Return a process on a machine that cannot be looked into from here."""
    return Owner("elsewhere", "another boot", pid, started=1)


PROBLEM = replace(
    SUBMISSION,
    name="tolls",
    folder="network.toml",
    holdout="",
    solvers=("highs",),
    cost="",
    space="",
    members=(),
    kind=JobKind.SOLVE,
    document='{"kind": "toll", "name": "tolls"}',
)
ANSWER = Answer(
    x=(("B", 5.5), ("A", 0.1)),
    ties="pessimistic",
    status="bilevel feasible",
    value=15.0,
    pessimistic=-1e-300,
    reactions=(("own", (1.0, 0.0, 2.5)), ("pessimistic", (0.0, 1.0, -0.5))),
    violations=(("budget", math.inf), ("noise", 0.25)),
    reason="",
    cpu=0.25,
    wall=0.5,
    solver_wall=0.125,
)

LONG = replace(
    SUBMISSION,
    name="long runs",
    fixed=(Configuration("scip", (("lp/scaling", 0),)), Configuration("highs", (("presolve", "off"),))),
    base=Configuration.of("highs", {"mip_heuristic_effort": 0.25, "presolve": "off"}),
    target=3.0,
    stop_after=120.0,
)
"""A job that is told a lot beforehand."""
