"""Bilevel problems: brackets against enumeration, time to a proof, and the overhead of a follower response.

    python -m bench bilevel            about 15 minutes

Random problems of small integers with coupling rows, each with both ties; knapsack interdictions of 12 items against
the enumeration of all attacks, and of 20 items for the time; and the response to models of 50 rows, from the question
to the answer, less the solver's own time (the target is 10 ms).
"""

from __future__ import annotations

import time
from collections import Counter
from itertools import product
from statistics import median, quantiles

import numpy as np

from instances.builder import Builder
from instances.model import VariableKind
from tests.bilevel_samples import enumerated, random_problem
from tuner.bilevel import Ending, LinearProblem, Ties, solve, solving
from tuner.bilevel.applications.interdiction import Interdiction
from tuner.bilevel.responder import Responder
from tuner.bilevel.workers import Workers

ON_REQUEST = True
PROBLEMS, ATTACKS, LARGE, RESPONSES = 300, 30, 10, 200


def main() -> None:
    _random()
    _attacks()
    _large()
    _overhead()


def _random() -> None:
    solving.FEW = solving.MANY = 0  # else all of these were answered one and all
    endings: Counter[str] = Counter()
    wrong = 0
    for seed in range(PROBLEMS):
        problem = random_problem(seed)
        for ties in (Ties.OPTIMISTIC, Ties.PESSIMISTIC):
            expected = enumerated(problem, ties)
            result = solve(problem, ties=ties)
            endings[result.ending.value] += 1
            if expected.objective is None:
                is_right = result.ending is Ending.INFEASIBLE
            else:
                ends = sorted((result.bound, np.inf if result.objective is None else result.objective))
                is_right = ends[0] - 1e-6 <= expected.objective <= ends[1] + 1e-6
            if not is_right:
                wrong += 1
                print(f"  problem {seed}, {ties.value}: {expected.objective} by enumeration, {result}")
    told = ", ".join(f"{count} {ending}" for ending, count in endings.items())
    print(f"{PROBLEMS} random problems with both ties: {told}; {wrong} brackets without the enumerated optimum")


def _attacks() -> None:
    agree = 0
    for seed in range(ATTACKS):
        attack = Interdiction.generated(12, seed)
        agree += abs((solve(attack.problem()).objective or 0.0) - _best_attack(attack)) < 1e-6
    print(f"knapsack interdictions of 12 items: {agree} of {ATTACKS} as enumerated")


def _best_attack(attack: Interdiction) -> float:
    """Return the least that the defender keeps, by all attacks and, for each, all knapsacks."""
    values = np.array([target.value for target in attack.targets])
    weights = np.array([target.weight for target in attack.targets])
    sizes = np.array([target.size for target in attack.targets])
    subsets = np.array(list(product((0, 1), repeat=len(values))))
    packed = subsets[subsets @ sizes <= attack.capacity]
    worth = packed * values
    return float(min((worth @ (1 - removed)).max() for removed in subsets[subsets @ weights <= attack.budget]))


def _large() -> None:
    seconds, responses = [], []
    for seed in range(LARGE):
        result = solve(Interdiction.generated(20, seed).problem(), budget=60.0)
        seconds.append(result.seconds if result.ending is Ending.OPTIMAL else np.inf)
        responses.append(result.responses)
    print(
        f"knapsack interdictions of 20 items: {sum(np.isfinite(seconds))} of {LARGE} proven; median "
        f"{median(seconds):.1f} s, slowest {max(seconds):.1f} s, up to {max(responses)} responses"
    )


def _overhead() -> None:
    problem = _wide()
    overhead = []
    with Workers() as workers:
        responder = Responder(problem, workers)
        for number in range(RESPONSES + 1):
            x = (float(number % 2), float(number // 2 % 2))
            started = time.perf_counter()
            responder.submit(x, None)
            (response,) = responder.wait()
            taken = time.perf_counter() - started
            assert response.proven, response.reason
            if number:  # the first one starts the process
                overhead.append(taken - response.solver)
    print(
        f"follower response on {len(problem.lower_rows)} rows: overhead {1000 * median(overhead):.1f} ms, "
        f"p90 {1000 * quantiles(overhead, n=10)[-1]:.1f} ms (target: 10)"
    )


def _wide() -> LinearProblem:
    """Return a problem of two binary choices and a follower with 50 rows, solved at its root."""
    b = Builder("wide")
    xs = [b.add_column(f"x{j}", 1.0, 0.0, 1.0, VariableKind.INTEGER) for j in range(2)]
    ys = [b.add_column(f"y{j}", -1.0, 0.0, 3.0, VariableKind.INTEGER) for j in range(80)]
    for row in range(50):
        b.add_row(f"r{row}", [(ys[row], 2.0), (ys[row + 30], 3.0), (xs[row % 2], 1.0)], upper=9.0)
    return LinearProblem(b.build(), ys, range(50), [-(1.0 + j % 7) for j in range(80)])


if __name__ == "__main__":
    main()
