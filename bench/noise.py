"""How often a whole tuning job claims a gain where there is none: solvers whose parameters do nothing (an A/A test).

Race and verdict as in ``tuner tune``, on simulated followers in virtual time: instance and solver seed alone make
a run take longer or shorter. The target is at most 5 % of 200 jobs. TUNER_BENCH_JOBS sets another number of them.
"""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

from storage.records import Job, JobState, Member, Purpose, Response, Run, StoredRun
from tests.simulation import Clock, SimulatedExecutor, World, space
from tuner.cost import Cost, Ties
from tuner.leader.any_budget import AnyBudget
from tuner.leader.loop import race
from tuner.verdict.decide import GAIN, decide
from tuner.verdict.holdout import SHARE, contenders, plan

ON_REQUEST = True
TRAINING, HOLDOUT = 14, 6
BUDGET, CUTOFF, SLOTS = 120.0, 10.0, 2
NOISE = 0.3
"""Standard deviation of log seconds over seeds."""


def main() -> None:
    jobs = int(os.environ.get("TUNER_BENCH_JOBS", "200"))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        outcomes = list(pool.map(claims, range(jobs)))
    gains, tuned, runs = (sum(column) for column in zip(*outcomes, strict=True))
    print(f"{jobs} jobs, {runs / jobs:.0f} runs each; the race ended with another than the default in {tuned} of them")
    print(f"the verdict claimed a gain in {gains}: {100 * gains / jobs:.1f} % (target: at most 5 %)")


def claims(seed: int) -> tuple[bool, bool, int]:
    """Return whether a job claims a gain, whether its race ended with another than the default, and its runs."""
    spaces = {"alpha": space("alpha", 20)}
    world = World(spaces, instances=TRAINING + HOLDOUT, seed=seed, effect=0.0, individual=0.0, noise=NOISE)
    training, holdout = world.instances[:TRAINING], world.instances[TRAINING:]
    clock = Clock()
    executor = SimulatedExecutor(world.answer, clock, SLOTS)
    leader = AnyBudget(
        spaces, training, cost=Cost.PAR10, ties=Ties.MEAN, cutoff=CUTOFF, budget=BUDGET, slots=SLOTS, seed=seed
    )
    numbers = itertools.count(1)
    runs: list[StoredRun] = []

    def keep(run: Run, response: Response) -> list[tuple[Run, Response]]:
        runs.append(StoredRun(next(numbers), run, response, clock.now, "simulated", datetime.now(UTC)))
        return [(run, response)]

    race(leader, executor, keep, lambda: (1 - SHARE) * BUDGET, clock=clock)
    job = _job(training, holdout, seed)
    field = contenders(job, runs, leader.finalist)
    for number, planned in enumerate(plan(field, holdout, seed, CUTOFF)):
        before = clock.now
        for run in planned:
            executor.submit(run)
        while executor.outstanding:
            for finished in executor.wait():
                keep(finished.run, finished.response)
        took = clock.now - before
        if clock.now + took > BUDGET and number:
            break
    verdict = decide(job, runs, leader.finalist)
    assert any(stored.run.purpose is Purpose.HOLDOUT for stored in runs) or leader.finalist.is_default
    return verdict.outcome == GAIN, not leader.finalist.is_default, len(runs)


def _job(training: list[str], holdout: list[str], seed: int) -> Job:
    return Job(
        id=1,
        name="noise",
        state=JobState.RUNNING,
        folder="nowhere",
        holdout="0.3",
        solvers=("alpha",),
        cost="par10",
        ties="mean",
        cutoff=CUTOFF,
        budget=BUDGET,
        slots=SLOTS,
        memory_mib=2048,
        gap=1e-4,
        seed=seed,
        space="",
        created_at=datetime.now(UTC),
        members=tuple(
            Member(sha256, sha256[:6], "", part, 1, 1, 1, 1)
            for part, members in (("training", training), ("holdout", holdout))
            for sha256 in members
        ),
    )


if __name__ == "__main__":
    main()
