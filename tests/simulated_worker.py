"""A worker whose solvers are simulated, to be killed: ``python -m tests.simulated_worker URL FOLDER``.

Everything else is real: the store, the lease, the models that are laid and read, the race, the verdict. The clock is
virtual, so that a job of many minutes takes seconds, and what it finds depends on its seed alone. The space is so small
that a job gets to the end of it: what it finds at last does not hang on the order in which runs finish.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from instances.instance import Instance
from storage.records import Job, Response, Run
from storage.store import Store
from tests.simulation import Clock, SimulatedExecutor, World
from tuner.app.tuning import Means
from tuner.app.working import Worker
from tuner.space import Boolean, Choice, Parameter, Space

SOLVER = "highs"
PAUSE = 0.002
"""Real seconds that a simulated run takes: so that there is something to kill."""
SPACE = Space(
    SOLVER,
    (
        Parameter("presolve", Choice(("choose", "on", "off")), "choose"),
        Parameter("mip_detect_symmetry", Boolean(), True),
        Parameter("mip_allow_restart", Boolean(), True),
        Parameter("mip_heuristic_run_rins", Boolean(), True),
        Parameter("mip_heuristic_run_rens", Boolean(), True),
    ),
)


def simulated(seed: int) -> Means:
    """Return means in which a world of this seed answers."""
    world = World(
        {SOLVER: SPACE},
        seed=seed,
        seconds=1.5,
        effect=1.0,
        individual=0.05,
        noise=0.05,
        bonus=lambda configuration: -0.4 * len(configuration.parameters),  # else the default would be the best of most
    )

    def answer(run: Run) -> Response:
        time.sleep(PAUSE)
        return world.answer(run)

    return answering(answer)


def answering(answer: Callable[[Run], Response], starting: float = 0.0) -> Means:
    """Return means in which this answers, in a time of their own, of which it takes so many seconds to start."""
    clock = Clock()

    @contextmanager
    def executor(instances: Mapping[str, Instance], job: Job, stop: threading.Event) -> Iterator[SimulatedExecutor]:
        clock.now += starting
        with closing(SimulatedExecutor(answer, clock, job.slots)) as made:
            yield made

    return Means(executor, lambda store: clock(), lambda job: {SOLVER: SPACE})


def main(url: str, folder: str, seed: str) -> None:
    """Carry out jobs until none waits."""
    with Store.open(url) as store:
        Worker(store, Path(folder), 2, print, simulated(int(seed))).work(until_idle=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
