"""What the leader's thinking costs: telling it a response, after many of them, and asking it for a challenger."""

from __future__ import annotations

import time
from collections import deque
from itertools import count

from storage.records import Response, Run
from tests.simulation import World, space
from tuner.cost import Cost, Ties
from tuner.leader.evidence import Difference
from tuner.leader.race import Race
from tuner.leader.sampler import Proposals
from tuner.leader.study import Study

TOLD = (1_000, 10_000, 100_000)
PARAMETERS = (20, 40, 60)
NEWS = 4
"""How often a proposal's value is told anew before the next one is asked for: about as often as in a race."""
TRIALS = (20, 50, 100, 200, 500, 2_000)


def main() -> None:
    print("CPU milliseconds a run, in races of 20 instances on simulated followers, after so many runs\n")
    print(f"{'runs told':>10} {'configurations':>15} {'tell':>8} {'due':>8} {'standing':>9}")
    for row in race_costs():
        print("{:>10} {:>15} {:8.3f} {:8.3f} {:9.3f}".format(*row))
    print("\nCPU milliseconds for a proposal and what the model learns meanwhile, with so many configurations known\n")
    print(f"{'parameters':>10} " + " ".join(f"{trials:>7}" for trials in TRIALS))
    for parameters in PARAMETERS:
        print(f"{parameters:>10} " + " ".join(f"{ask_cost(parameters, trials):7.1f}" for trials in TRIALS))


def race_costs() -> list[tuple[int, int, float, float, float]]:
    """Race on and on, without the model; return what the last thousand runs before each mark cost."""
    spaces = {"alpha": space()}
    world = World(spaces)
    race = Race(
        spaces,
        world.instances,
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=10.0,
        budget=TOLD[-1] * 0.3,
        slots=2,
        seed=0,
        clock=count(0.0, 1e9).__next__,  # the model has used up its part at once: it is measured by itself below
    )
    rows = []
    waiting: deque[tuple[Run, Response]] = deque()
    tell = due = standing = 0.0
    for number in range(1, TOLD[-1] + 1):
        before = time.thread_time()
        runs = race.due(4 - len(waiting), remaining=1e9)
        due += time.thread_time() - before
        waiting.extend((run, world.answer(run)) for run in runs)
        run, response = waiting.popleft()
        before = time.thread_time()
        race.tell(run, response)
        tell += time.thread_time() - before
        before = time.thread_time()
        race.standing()
        standing += time.thread_time() - before
        if number in TOLD:
            rows.append((number, race.standing().configurations, tell, due, standing))
        if number % 1000 == 0:
            tell = due = standing = 0.0
    return rows


def ask_cost(parameters: int, trials: int, asks: int = 40) -> float:
    spaces = {"alpha": space("alpha", parameters)}
    study = Study(spaces, seed=0)
    proposals = Proposals(spaces, study, seed=0)
    for number in range(trials):
        proposal = proposals.next({}, {"alpha": 0.0}, model=False)
        if proposal is not None:
            study.tell(proposal[0], told(number, 2))
    study.ask("alpha")
    before = time.thread_time()
    for number in range(asks):
        proposal = study.ask("alpha")
        if proposal is not None:
            study.adopt(proposal)
            for runs in range(1, NEWS + 1):
                study.tell(proposal, told(number, runs))
    return (time.thread_time() - before) / asks * 1000


def told(number: int, instances: int) -> dict[int, Difference]:
    """Return scores of a configuration on some instances, every third of them a lower bound."""
    score = (number * 7919 % 1000) / 1000
    return {place: Difference(score, score if (number + place) % 3 == 0 else None) for place in range(instances)}


if __name__ == "__main__":
    main()
