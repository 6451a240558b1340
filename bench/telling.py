"""Judging a response, storing it and telling the leader, at 10,000 and at 100,000 stored runs; and asking beside it.

A real SQLite store, the real referee and the real race, on simulated followers. The targets: 5 ms a run at 10,000 runs,
and no more than twice that at 100,000. Asking happens ahead, while all slots are busy: no slot waits for it.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from itertools import count
from statistics import median, quantiles

from bench._scene import HERE
from bench.ask import ask_cost
from storage.lease import this_process
from storage.records import Member, Response, Run, Submission
from storage.store import Store
from tests.simulation import World, space
from tuner.cost import Cost, Ties
from tuner.follower.referee import Referee
from tuner.leader.race import Race

SIZES = (10_000, 100_000)
MEASURED = 1_000
PARAMETERS = 40


def main() -> None:
    spaces = {"alpha": space("alpha", PARAMETERS)}
    world = World(spaces)
    race = Race(
        spaces,
        world.instances,
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=10.0,
        budget=0.3 * SIZES[-1],
        slots=2,
        seed=0,
        clock=count(0.0, 1e9).__next__,  # the model has used up its part at once: it is measured by itself below
    )
    medians = []
    print(f"{'runs stored':>11} {'judge, store, tell: median ms':>30} {'95 % ms':>8}")
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        lease = store.claim(store.create_job(_submission(world)).id, this_process(), 36_000)
        referee = Referee(1e-4)
        waiting: deque[tuple[Run, Response]] = deque()
        times: list[float] = []
        for number in range(1, SIZES[-1] + 1):
            waiting.extend((run, world.answer(run)) for run in race.due(4 - len(waiting), remaining=1e9))
            run, response = waiting.popleft()
            before = time.perf_counter()
            for judged, answer in referee.judge(run, response, maximise=False):
                store.record(lease, judged, answer, float(number), HERE)
                race.tell(judged, answer)
            times.append(1000 * (time.perf_counter() - before))
            if number in SIZES:
                last = times[-MEASURED:]
                medians.append(median(last))
                print(f"{number:>11,} {medians[-1]:>30.3f} {quantiles(last, n=20)[-1]:>8.3f}", flush=True)
    print(f"at {SIZES[1]:,} runs {medians[1] / medians[0]:.2f} times as long as at {SIZES[0]:,}")
    print(f"asking the model for a configuration of {PARAMETERS} parameters:", end=" ")
    print(", ".join(f"{ask_cost(PARAMETERS, trials):.0f} ms of CPU after {trials:,} trials" for trials in (100, 2_000)))


def _submission(world: World) -> Submission:
    members = tuple(Member(sha, sha[:8], f"/models/{sha[:8]}.mps", "training", 1, 1, 1, 1) for sha in world.instances)
    return Submission("", "bench", "0.3", ("alpha",), "par10", "mean", 10.0, 600.0, 2, 2048, 1e-4, 0, "", members)


if __name__ == "__main__":
    main()
