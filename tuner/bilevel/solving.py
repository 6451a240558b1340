"""Solving a bilevel problem: choices of the leader, the follower's answers, and a bound that comes to meet them.

Where the problem is linear, the leader's next choice is the best point of the master problem, which every answer
tightens; where it is not, but x can be counted, every choice is answered. Both end with a proof. The value is that of
the best choice so far and the bound always holds, so that whoever interrupts has a valid bracket.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from instances.model import Floats, VariableKind
from storage.records import Claim
from tuner.bilevel import parametric
from tuner.bilevel.branching import Tree
from tuner.bilevel.duality import has_linear_follower
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.master import Limits, Master
from tuner.bilevel.optimiser import Optimiser
from tuner.bilevel.problem import Problem, Variable, X
from tuner.bilevel.responder import Responder, Response, Status, unbounded
from tuner.bilevel.result import Bound, Ending, Result
from tuner.cost import Ties
from tuner.errors import Failed, UsageError

FEW, MANY = 256, 200_000
"""Up to so many choices are answered one and all, instead of any other proof and where there is no other."""
EXACT = 1e-6
"""Value and bound have met when they differ by this times max(1, |value|)."""
BUDGET = 600.0
"""Wall seconds, unless told otherwise."""


@dataclass(frozen=True)
class Bracket:
    """Where solving stands, for people."""

    value: float | None
    x: X | None
    bound: float
    kind: Bound
    responses: int
    elapsed: float


def solve(
    problem: Problem,
    *,
    ties: Ties | None = None,
    solver: str = "highs",
    budget: float = BUDGET,
    slots: int = 1,
    seed: int = 0,
    stop: threading.Event | None = None,
    watch: Callable[[Bracket], None] | None = None,
) -> Result:
    """Find the leader's best choice.

    Args:
        problem: to be solved.
        ties: what the leader assumes, in place of what the problem says.
        solver: of the follower: highs, cp-sat or scip.
        budget: wall seconds for the whole.
        slots: how many responses are found at a time.
        seed: of all randomness.
        stop: once set, the search ends and the bracket so far is the result.
        watch: called after every response and every new bound.

    Raises:
        UsageError: x has no bounds where the proof needs them.
        Failed: the follower is unbounded for some x, or the answer was another one in another process.

    """
    search = _Search(problem, ties or problem.ties, solver, budget, slots, seed, stop or threading.Event(), watch)
    return search.result()


class _Search:
    def __init__(
        self,
        problem: Problem,
        ties: Ties,
        solver: str,
        budget: float,
        slots: int,
        seed: int,
        stop: threading.Event,
        watch: Callable[[Bracket], None] | None,
    ) -> None:
        if ties is Ties.MEAN:
            raise UsageError("ties: optimistic or pessimistic; a mean over solver seeds is for tuning")
        self._problem, self._ties, self._solver, self._seed = problem, ties, solver, seed
        self._slots, self._stop, self._watch = slots, stop, watch
        self._began = time.monotonic()
        self._until = self._began + budget
        self._known: dict[X, Response] = {}
        self._best: Response | None = None
        self._bound = math.inf if problem.maximise else -math.inf
        self._kind = Bound.NONE
        self._open: float | None = None
        """The best that a choice can be whose response was not proven."""
        self._is_done = False
        self._study = _study(problem)
        self._distributions = {variable.name: _distribution(variable) for variable in problem.variables}

    def result(self) -> Result:
        """Search, then have the answer confirmed."""
        problem = self._problem
        with Responder(problem, self._solver, self._slots, self._seed) as responder:
            self._responder = responder
            if isinstance(problem, LinearProblem) and problem.count > FEW:
                with Optimiser(seed=self._seed) as optimiser:
                    self._prove(problem, optimiser)
            if not self._is_done and problem.count <= MANY:
                self._exhaust()
        remarks = [] if self._best is None else self._confirm(self._best.x)
        objective = self._value
        if self._is_done:
            ending = Ending.INFEASIBLE if objective is None else Ending.OPTIMAL
        else:
            ending = Ending.NOTHING if objective is None else Ending.FEASIBLE
        counts = [response.status for response in self._known.values()]
        return Result(
            problem,
            self._ties,
            ending,
            None if self._best is None else self._best.x,
            self._best,
            objective,
            objective if self._is_done and objective is not None else self._bound,
            self._kind,
            len(counts),
            counts.count(Status.INFEASIBLE),
            counts.count(Status.OUTSIDE),
            counts.count(Status.UNPROVEN),
            time.monotonic() - self._began,
            self._study,
            tuple(remarks),
        )

    # What is known

    @property
    def _value(self) -> float | None:
        tie = None if self._best is None else self._best.tie(self._ties)
        return None if tie is None else tie.objective

    @property
    def _left(self) -> float:
        return 0.0 if self._stop.is_set() else self._until - time.monotonic()

    def _take(self, response: Response) -> None:
        if response.status is Status.UNBOUNDED:
            raise unbounded(self._problem, response.x)
        self._known[response.x] = response
        tie, value = response.tie(self._ties), self._value
        if tie is not None and (value is None or self._problem.is_better(tie.objective, value)):
            self._best = response
        self._study.add_trial(
            create_trial(
                params=self._problem.named(response.x),
                distributions=self._distributions,
                state=TrialState.FAIL if tie is None else TrialState.COMPLETE,
                value=None if tie is None else tie.objective,
                user_attrs={"status": response.status.value},
            )
        )
        self._tell()

    def _tell(self) -> None:
        if self._watch is not None:
            best = None if self._best is None else self._best.x
            elapsed = time.monotonic() - self._began
            self._watch(Bracket(self._value, best, self._bound, self._kind, len(self._known), elapsed))

    def _respond(self, x: X, elsewhere: Floats | None) -> Response:
        self._responder.submit(x, self._ties, elsewhere=elsewhere)
        (response,) = self._responder.wait()
        self._take(response)
        return response

    # Ways to a proof

    def _exhaust(self) -> None:
        """Answer every choice."""
        waiting = (x for x in self._problem.choices() if x not in self._known)
        is_over = False
        while self._left > 0:
            while self._responder.outstanding < 2 * self._slots and not is_over:
                x = next(waiting, None)
                if x is None:
                    is_over = True
                else:
                    self._responder.submit(x, self._ties)
            if not self._responder.outstanding:
                self._kind = Bound.EXHAUSTION
                self._is_done = all(response.proven for response in self._known.values())
                return
            for response in self._responder.wait(self._left):
                self._take(response)

    def _prove(self, problem: LinearProblem, optimiser: Optimiser) -> None:
        """Try every way to a proof that a linear problem has."""
        limits = self._limits(problem, optimiser)
        if limits is None:
            return
        self._cut(problem, limits, optimiser)
        if not self._is_done and self._ties is Ties.PESSIMISTIC and parametric.applies(problem):
            self._look_at_pieces(problem, limits, optimiser)
        if not self._is_done and has_linear_follower(problem) and not problem.is_zero_sum:
            self._branch(problem, limits, optimiser)

    def _look_at_pieces(self, problem: LinearProblem, limits: Limits, optimiser: Optimiser) -> None:
        """Answer the ends of the pieces of the follower's value: a pessimistic leader's best x is among them."""
        (column,) = problem.x
        ends = []
        for maximise in (False, True):
            found = optimiser.extreme(problem.joint, column, maximise, self._left)
            if found.claim is not Claim.OPTIMAL:
                return
            ends.append(min(max(found.bound, limits.lower[column]), limits.upper[column]))
        places = parametric.breaks(problem, ends[0], ends[1], optimiser, lambda: self._left)
        if places is None:
            return
        for place in places:
            if self._left <= 0:
                return
            self._respond(problem.choice([place]), None)
        if all(response.proven for response in self._known.values()):
            self._is_done = True
            self._kind = Bound.PIECES

    def _branch(self, problem: LinearProblem, limits: Limits, optimiser: Optimiser) -> None:
        """Branch on the complementarity of the follower's optimality conditions, until value and bound meet."""
        tree = Tree(problem, Master(problem, limits, Ties.OPTIMISTIC), optimiser)
        tree.begin(self._left)
        while self._left > 0:
            bound, value = tree.bound, self._value
            if bound is None or (value is not None and not self._problem.is_better(bound, value + self._margin(value))):
                self._close(Bound.BRANCHING)
                return
            self._lower(bound, Bound.BRANCHING)
            node = tree.pop()
            if node.found.point is None:
                self._leave_open(bound)
                continue
            x = problem.choice([float(node.found.point[column]) for column in problem.x])
            response = self._known.get(x) or self._respond(x, None)
            if tree.branch(node, lambda: self._left):
                continue
            tie = response.tie(self._ties)
            if tie is None or self._problem.is_better(bound, tie.objective + self._margin(tie.objective)):
                self._leave_open(bound)

    def _cut(self, problem: LinearProblem, limits: Limits, optimiser: Optimiser) -> None:
        """Answer the master's best choice, and tighten the master by the answer, until value and bound meet."""
        master = Master(problem, limits, self._ties)
        integer = problem.joint.kind[problem.x] == VariableKind.INTEGER
        countable = bool(np.all(integer)) and bool(np.all(np.isfinite(limits.lower[problem.x])))
        countable &= bool(np.all(np.isfinite(limits.upper[problem.x])))
        middle = 0.5 * (limits.lower + limits.upper)[problem.x]
        elsewhere = None
        if problem.lower_products and np.all(np.isfinite(middle)):
            elsewhere = problem.lower_coefficients(middle)
        while self._left > 0:
            found = optimiser.solve(master.model, self._left)
            if found.claim is Claim.INFEASIBLE:
                self._close()
                return
            if found.claim is Claim.UNBOUNDED:
                return
            if master.bounds:
                self._lower(found.bound)
                value = self._value
                if value is not None and not self._problem.is_better(found.bound, value + self._margin(value)):
                    self._close()
                    return
            if found.claim is not Claim.OPTIMAL or found.point is None:
                return
            x = problem.choice([float(found.point[column]) for column in problem.x])
            if x in self._known:
                return  # nothing new to learn: not every product is exact
            response = self._respond(x, elsewhere)
            if not response.proven:
                self._leave_open(found.bound)
            worst = None if response.pessimistic is None else response.pessimistic.y
            for y in dict.fromkeys((response.widest or response.y, worst)):
                if y is not None:
                    master.cut(y)
            if countable:
                master.exclude(x)

    def _margin(self, value: float) -> float:
        """Return by how much a bound has to be better than the value to leave something open."""
        return (1 if self._problem.maximise else -1) * EXACT * max(1.0, abs(value))

    def _close(self, kind: Bound = Bound.CUTS) -> None:
        """Note that no choice is better than the best, but for those that are open."""
        if self._open is None:
            self._is_done = True
            self._kind = kind
        else:
            self._bound = self._open

    def _leave_open(self, bound: float) -> None:
        if self._open is None or self._problem.is_better(bound, self._open):
            self._open = bound

    def _lower(self, bound: float, kind: Bound = Bound.CUTS) -> None:
        """Take a new bound, never a worse one."""
        if self._open is not None and self._problem.is_better(self._open, bound):
            bound = self._open
        value = self._value
        if value is not None and self._problem.is_better(value, bound):
            bound = value
        if self._problem.is_better(self._bound, bound):
            self._bound = bound
            self._kind = kind if self._known else Bound.RELAXATION
            self._tell()

    def _limits(self, problem: LinearProblem, optimiser: Optimiser) -> Limits | None:
        """Return bounds of all columns, infinite ones as tight as the high-point relaxation makes them.

        None when the relaxation is infeasible, and so the problem.
        """
        joint = problem.joint
        lower, upper = joint.lower.copy(), joint.upper.copy()
        if np.any(lower > upper):
            self._close()
            return None
        entering = np.union1d(np.union1d(problem.x, problem.lower_products.y), problem.upper_products.y)
        entering = np.union1d(entering, problem.y[problem.lower_objective != 0]).astype(int)
        for column in entering:
            for bounds, maximise in ((lower, False), (upper, True)):
                if not math.isfinite(bounds[column]):
                    found = optimiser.extreme(joint, column, maximise, self._left)
                    if found.claim is Claim.INFEASIBLE:
                        self._close()
                        return None
                    bounds[column] = found.bound
        integer = joint.kind == VariableKind.INTEGER
        lower[integer], upper[integer] = np.ceil(lower[integer] - 1e-6), np.floor(upper[integer] + 1e-6)
        return Limits(lower, upper)

    # The end

    def _confirm(self, x: X) -> list[str]:
        """Have the answer found again by another process with another seed, and with ten times the tolerance."""
        problem = self._problem
        remarks = []
        value = self._value
        assert value is not None
        with Responder(problem, self._solver, seed=self._seed + 1) as responder:
            responder.submit(x, None)
            (again,) = responder.wait()
            tie = again.tie(self._ties)
            if tie is None or abs(tie.objective - value) > EXACT * max(1.0, abs(value)):
                other = again.status.value if tie is None else f"F = {tie.objective:.12g}"
                raise Failed(
                    f"{problem.name}: at {problem.named(x)} F is {value:.12g}, but another seed of {self._solver} says "
                    f"{other}{', ' + again.reason if again.reason else ''}; solve it with another --solver"
                )
            self._best = again
            if problem.tolerance:
                responder.submit(x, self._ties, 10 * problem.tolerance)
                (loose,) = responder.wait()
                tie = loose.tie(self._ties)
                if tie is None or abs(tie.objective - value) > 10 * EXACT * max(1.0, abs(value)):
                    other = loose.status.value if tie is None else f"{tie.objective:.12g}"
                    remarks.append(
                        f"with ten times the tolerance for ties ({10 * problem.tolerance:g}), F is {other} "
                        f"instead of {value:.12g}: the follower is nearly indifferent"
                    )
        return remarks


def _study(problem: Problem) -> optuna.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="maximize" if problem.maximise else "minimize")
    finally:
        optuna.logging.set_verbosity(verbosity)


def _distribution(variable: Variable) -> BaseDistribution:
    low, high = max(variable.lower, -1e15), min(variable.upper, 1e15)
    if variable.step == 1 and float(low).is_integer():
        return IntDistribution(int(low), int(high))
    return FloatDistribution(low, high, step=variable.step or None) if low < high else FloatDistribution(low, low)
