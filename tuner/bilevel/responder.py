"""Follower responses: the lower level solved to proof in isolated processes, with ties as the leader assumes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from instances.model import Floats
from storage.records import Claim, Termination
from tuner.bilevel.workers import Workers
from tuner.cost import Ties
from tuner.follower.outcome import Outcome
from tuner.follower.reaction import Reaction, Tie
from tuner.follower.solvers import adapter
from tuner.follower.tasks import React, packed

if TYPE_CHECKING:
    from tuner.bilevel.problem import ModelProblem

X = tuple[float, ...]
"""A choice of the leader: one value for each of its variables, in their order."""
SECONDS = 600.0
"""What one response may take."""
LEAST_SECONDS = 0.1
MEMORY_MIB = 2048.0
CLIENT = "responder"


class Status(StrEnum):
    """What became of a choice of the leader."""

    FEASIBLE = "bilevel feasible"
    INFEASIBLE = "follower infeasible"
    """The follower has no feasible solution."""
    OUTSIDE = "no reaction satisfies C"
    """Or, for a pessimistic leader, some reaction does not."""
    UNPROVEN = "not proven"
    """The follower was not solved to proof in its time: x can be no answer."""
    UNBOUNDED = "follower unbounded"
    LIMITLESS = "F has no limit"
    """Over the follower's optimal solutions: at best for an optimistic leader, at worst for a pessimistic one."""


@dataclass(frozen=True)
class Response:
    """What the follower answers to one choice of the leader."""

    x: X
    status: Status
    value: float | None = None
    """The follower's optimal objective."""
    y: tuple[float, ...] | None = None
    """An optimal solution of the follower."""
    widest: tuple[float, ...] | None = None
    """The one of them that says most about other choices; None when nobody asked."""
    optimistic: Tie | None = None
    """The reaction that is best for the leader among those that satisfy C; None when none does, or nobody asked."""
    pessimistic: Tie | None = None
    """The worst for the leader among all reactions; None when nobody asked, or it has no limit."""
    violations: Mapping[str, float] | None = None
    """By how much some reaction violates C, by constraint; None when nobody asked."""
    reason: str = ""
    """Why it is not proven."""
    cpu: float = 0.0
    """CPU seconds of the process that answered."""
    wall: float = 0.0
    """Its wall seconds."""
    solver: float = 0.0
    """Wall seconds inside the solver."""
    stopped: bool = False
    """Whether it was ended on request: nothing is known of x."""
    mean: Tie | None = None
    """Over the solver seeds of a configuration: what tuning assumes. None for a follower that solves one model."""

    @property
    def proven(self) -> bool:
        """Whether the follower was solved to proof."""
        return self.status is not Status.UNPROVEN

    def tie(self, ties: Ties) -> Tie | None:
        """Return the reaction that a leader with these ties counts on; None when x is not bilevel feasible for it."""
        if self.status not in (Status.FEASIBLE, Status.OUTSIDE):
            return None
        if ties is Ties.OPTIMISTIC:
            return self.optimistic
        if ties is Ties.MEAN:
            return self.mean
        return None if self.violations else self.pessimistic


class Responder:
    """Answers for the follower, several choices of the leader at a time."""

    def __init__(
        self, problem: ModelProblem, workers: Workers, solver: str = "highs", seed: int = 0, seconds: float = SECONDS
    ) -> None:
        """Answer in these processes.

        Args:
            problem: whose lower level is solved.
            workers: its processes.
            solver: highs, cp-sat or scip.
            seed: of the solver.
            seconds: wall seconds for one response.

        """
        self._problem, self._workers, self._adapter = problem, workers, adapter(solver)
        self._seed, self._seconds = seed, seconds

    @property
    def slots(self) -> int:
        """How many responses are found at a time."""
        return self._workers.slots

    @property
    def outstanding(self) -> int:
        """How many were asked for and not yet returned by `wait`."""
        return self._workers.outstanding(CLIENT)

    def submit(
        self,
        x: X,
        ties: Ties | None,
        tolerance: float | None = None,
        elsewhere: Floats | None = None,
        seconds: float = math.inf,
    ) -> None:
        """Ask for the response to x.

        Args:
            x: a choice of the problem's.
            ties: what the leader assumes; None for both ends.
            tolerance: in place of the problem's.
            elsewhere: as in `Situation`.
            seconds: wall seconds for this response, if fewer than for any.

        """
        task = React(
            library=self._adapter.library,
            adapter=self._adapter.path,
            situation=packed(replace(self._problem.situation(x), elsewhere=elsewhere)),
            ties="" if ties is None else ties.value,
            tolerance=self._problem.tolerance if tolerance is None else tolerance,
            seed=self._seed,
            seconds=max(LEAST_SECONDS, min(self._seconds, seconds)),
            memory_mib=MEMORY_MIB,
        )
        self._workers.submit(CLIENT, (x, ties), task)

    def wait(self, timeout: float | None = None) -> list[Response]:
        """Return the responses found since the last call, waiting for at least one while any is outstanding."""
        return [_response(x, outcome, ties) for (x, ties), outcome in self._workers.wait(CLIENT, timeout)]


def _response(x: X, outcome: Outcome, ties: Ties | None) -> Response:
    if outcome.termination is not Termination.EXITED:
        reason = f"{outcome.termination.value}: {outcome.reason}"
        stopped = outcome.termination is Termination.KILLED
        return Response(x, Status.UNPROVEN, reason=reason, cpu=outcome.cpu, wall=outcome.wall, stopped=stopped)
    reaction = Reaction.from_json(outcome.result)
    asked_worst = ties is not Ties.OPTIMISTIC
    status = Status.FEASIBLE
    if reaction.claim is Claim.INFEASIBLE:
        status = Status.INFEASIBLE
    elif reaction.claim is Claim.UNBOUNDED:
        status = Status.UNBOUNDED
    elif reaction.claim is not Claim.OPTIMAL or reaction.reason:
        status = Status.UNPROVEN
    elif reaction.is_limitless:
        status = Status.LIMITLESS
    elif (ties is not Ties.PESSIMISTIC and reaction.best is None) or (ties is Ties.PESSIMISTIC and reaction.violations):
        status = Status.OUTSIDE
    return Response(
        x,
        status,
        reaction.value,
        reaction.y,
        reaction.widest,
        reaction.best,
        reaction.worst,
        reaction.violations if asked_worst else None,
        reaction.reason,
        outcome.cpu,
        outcome.wall,
        reaction.seconds,
    )
