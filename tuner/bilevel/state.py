"""Where solving stands: the responses so far, the best of them, and the bound. What every way to a proof works on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from instances.model import Floats
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.optimiser import Optimiser
from tuner.bilevel.problem import ModelProblem, Problem, Variable
from tuner.bilevel.ray import unbounded
from tuner.bilevel.responder import Responder, Response, Status, X
from tuner.bilevel.result import Bound
from tuner.cost import Ties
from tuner.errors import Failed

EXACT = 1e-6
"""Value and bound have met when they differ by this times max(1, |value|)."""
LARGEST = 1e15
"""What Optuna is told of a variable without a bound."""


@dataclass(frozen=True)
class Bracket:
    """Where solving stands, for people."""

    value: float | None
    """F of the best choice so far; None when none is bilevel feasible yet."""
    x: X | None
    bound: float
    kind: Bound
    responses: int
    elapsed: float
    """Seconds."""


class State:
    """What is known so far."""

    def __init__(
        self,
        problem: ModelProblem,
        ties: Ties,
        responder: Responder,
        optimiser: Optimiser,
        budget: float,
        stop: threading.Event,
        watch: Callable[[Bracket], None] | None = None,
        keep: Callable[[Response], None] | None = None,
    ) -> None:
        """Know nothing yet; see `tuner.bilevel.solve` for the arguments."""
        self.problem, self.ties = problem, ties
        self.responder, self.optimiser = responder, optimiser
        self.known: dict[X, Response] = {}
        self.best: Response | None = None
        self.bound = math.inf if problem.maximise else -math.inf
        self.kind = Bound.NONE
        self.is_done = False
        """Whether it is proven that no choice is better than the best, or that none is bilevel feasible."""
        self.study = study_of(problem)
        linear = problem if isinstance(problem, LinearProblem) else None
        self._step = 0.0 if linear is None else linear.upper_step
        self._offset = 0.0 if linear is None else linear.joint.offset
        self._began = time.monotonic()
        self._until = self._began + budget
        self._stop, self._watch, self._keep = stop, watch, keep

    @property
    def value(self) -> float | None:
        """F of the best choice so far, with ties as the leader assumes them."""
        tie = None if self.best is None else self.best.tie(self.ties)
        return None if tie is None else tie.objective

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left; 0 once somebody wants it to stop."""
        return 0.0 if self._stop.is_set() else max(0.0, self._until - time.monotonic())

    def submit(self, x: X, elsewhere: Floats | None = None) -> None:
        """Ask for the response to x, in the time that is left."""
        self.responder.submit(x, self.ties, elsewhere=elsewhere, seconds=self.left)

    def respond(self, x: X, elsewhere: Floats | None = None) -> Response:
        """Return the response to x, which is asked for unless it is known."""
        if x in self.known:
            return self.known[x]
        self.submit(x, elsewhere)
        while True:
            for response in self.responder.wait():
                self.take(response)
                if response.x == x:
                    return response

    def take(self, response: Response) -> None:
        """Take a response into account; one that was ended on request says nothing.

        Raises:
            Failed: the follower is unbounded, or F is in the leader's favour.

        """
        if response.stopped:
            return
        if response.status is Status.UNBOUNDED:
            raise unbounded(self.problem, response.x, self.optimiser)
        if response.status is Status.LIMITLESS and self.ties is Ties.OPTIMISTIC:
            named = ", ".join(f"{name} = {value:g}" for name, value in self.problem.named(response.x).items())
            raise Failed(
                f"{self.problem.name}: at {named} the leader's objective has no limit over the follower's optimal "
                "solutions; bound the follower's variables"
            )
        if self._keep is not None:
            self._keep(response)
        self.recall(response)

    def recall(self, response: Response) -> None:
        """Take a response into account that was kept already."""
        self.known[response.x] = response
        tie, value = response.tie(self.ties), self.value
        if tie is not None and (value is None or self.problem.is_better(tie.objective, value)):
            self.best = response
        self.study.add_trial(trial_of(self.problem, self.ties, response))
        self._tell()

    def tighten(self, bound: float, kind: Bound) -> None:
        """Take a bound that no choice is better than; a worse one than before changes nothing."""
        value = self.value
        if value is not None and self.problem.is_better(value, bound):
            bound = value
        if self.problem.is_better(self.bound, bound):
            self.bound, self.kind = bound, kind
            self._tell()

    def is_met(self, bound: float) -> bool:
        """Whether a bound leaves nothing that is better than the best choice, but for what cannot be told apart."""
        value = self.value
        return value is not None and not self.leaves_room(bound, value)

    def leaves_room(self, bound: float, value: float) -> bool:
        """Whether a bound is better than a value by half a step of F, or by `EXACT` where it has none."""
        margin = 0.5 * self._step or EXACT * max(1.0, abs(value - self._offset))
        return self.problem.is_better(bound, value + margin if self.problem.maximise else value - margin)

    def weaker(self, one: float, other: float | None) -> float:
        """Return the bound of two that says less."""
        return one if other is None or self.problem.is_better(one, other) else other

    def close(self, kind: Bound, bound: float | None = None) -> None:
        """Note that no choice is better than the best.

        Args:
            kind: what the proof rests on.
            bound: what is left of a bound where F has no steps; None where every choice was looked at.

        """
        self.is_done, self.kind = True, kind
        value = self.value
        if value is not None:
            is_open = bound is not None and not self._step and self.problem.is_better(bound, value)
            self.bound = bound if is_open and bound is not None else value
        self._tell()

    def _tell(self) -> None:
        if self._watch is not None:
            best = None if self.best is None else self.best.x
            self._watch(Bracket(self.value, best, self.bound, self.kind, len(self.known), self.elapsed))


def study_of(problem: Problem) -> optuna.Study:
    """Return an empty study of a problem, without the line that Optuna would log."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(study_name=problem.name, direction="maximize" if problem.maximise else "minimize")
    finally:
        optuna.logging.set_verbosity(verbosity)


def trial_of(problem: ModelProblem, ties: Ties, response: Response) -> FrozenTrial:
    """Return an answered choice as one of Optuna's trials: pruned when it is not bilevel feasible, failed unproven."""
    tie = response.tie(ties)
    return create_trial(
        params=problem.named(response.x),
        distributions={variable.name: distribution(variable) for variable in problem.variables},
        state=TrialState.COMPLETE if tie is not None else TrialState.PRUNED if response.proven else TrialState.FAIL,
        value=None if tie is None else tie.objective,
        user_attrs={"status": response.status.value},
    )


def distribution(variable: Variable) -> BaseDistribution:
    """Return Optuna's distribution of a variable; without bounds, a very wide one, and steps only of whole numbers."""
    low = variable.lower if math.isfinite(variable.lower) else -LARGEST
    high = variable.upper if math.isfinite(variable.upper) else LARGEST
    if variable.step == 1 and float(low).is_integer() and max(abs(low), abs(high)) <= LARGEST:
        return IntDistribution(int(low), math.floor(high))
    return FloatDistribution(low, high)
