"""The referee: holds every claim against what is proven of its instance, by whatever configuration.

A claim is refuted only by what is certain: a point that is feasible beyond doubt (`tuner.follower.certificate`), or a
direction in which the objective improves without limit (`tuner.follower.ray`). Claims that contradict each other with
nothing proven are disputed. A point that is known to hold within a solver's tolerance only gives way to the claim that
it contradicts; where nothing is known of either side, both are disputed. What becomes of a response follows from all
responses on its instance, in whatever order they come.

Nobody is refuted by their own point. A solver that adds up large costs that cancel may claim an objective that is worse
than its point's; its claim is then taken to be about what the point is worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from storage.records import Check, Claim, Response, Run, Termination
from tuner.follower.check import OBJECTIVE, contradicts
from tuner.follower.ray import DIRECTION

_SLACK = OBJECTIVE
"""Relative difference that two objectives may have beyond the gap: claimed ones are right within this only."""
_UNKNOWN = "the model is too large to examine exactly, or it depends on the last digits of numbers that were computed"
_UNDECIDED = "which of the two is right is not proven"
_DISPUTABLE = (Check.CONFIRMED, Check.UNCONFIRMED, Check.DISPUTED)


@dataclass(frozen=True)
class _Said:
    """An objective, and the words for who says what of it."""

    objective: float
    words: str


@dataclass(frozen=True)
class _Standing:
    """The claims on one instance that are not refuted: whom other answers may contradict."""

    limit: _Said | None = None
    """The tightest claim of what cannot be improved."""
    point: _Said | None = None
    """The best point of which nothing is known beyond the tolerance."""
    bounded: str = ""
    """Who claims something that an objective without limit contradicts; empty for nobody."""
    unbounded: str = ""
    """Who claims that the objective has no limit; empty for nobody."""


@dataclass
class _Case:
    """What is known of one instance."""

    maximise: bool
    unit: float = 1.0
    """Of its objective (`tuner.follower.scaling.unit`)."""
    best: _Said | None = None
    """The best objective that is proven."""
    ray: str = ""
    """Who showed a direction in which the objective improves without limit; empty for nobody."""
    standing: _Standing = _Standing()
    said: list[tuple[Run, Response]] = field(default_factory=list)
    """Every answer, with its check as it stands."""

    def is_better(self, one: float, other: float) -> bool:
        """Whether an objective is better than another one."""
        return one > other if self.maximise else one < other


class Referee:
    """Judges responses as they come in. Feeding it the stored ones in order rebuilds it."""

    def __init__(self, gap: float) -> None:
        """Take the relative gap at which solvers may call an answer optimal."""
        self._tolerance = gap + _SLACK
        self._cases: dict[str, _Case] = {}

    def judge(self, run: Run, response: Response, maximise: bool, unit: float = 1.0) -> list[tuple[Run, Response]]:
        """Return the response with its check as it stands now, then the earlier ones whose check it has changed.

        Args:
            run: what was executed.
            response: what came of it, checked against the model (see `tuner.follower.check`).
            maximise: whether more is better on this instance.
            unit: of its objective (`tuner.follower.scaling.unit`), below which objectives are close to each other.

        """
        if response.termination is not Termination.EXITED:
            return [(run, response)]
        case = self._cases.setdefault(run.instance, _Case(maximise, unit))
        before = list(case.said)
        if response.check is Check.DISPUTED:  # stored so: whether it still is follows from the others
            response = _undisputed(response)
        if response.claim is Claim.UNBOUNDED and response.check is Check.CONFIRMED:  # so earlier versions stored it
            response = replace(response, check=Check.UNCONFIRMED, doubt=DIRECTION)
        case.said.append((run, response))
        newest, everybody = range(len(before), len(case.said)), range(len(case.said))
        proven = _learn(case, run, response)
        self._refute(case, everybody if proven else newest)
        standing = case.standing
        if proven:
            case.standing = _Standing()
        for earlier, said in case.said if proven else case.said[-1:]:
            case.standing = _stand(case, earlier, said)
        self._dispute(case, newest if standing == case.standing else everybody)
        return [case.said[-1], *(now for now, then in zip(case.said, before, strict=False) if now is not then)]

    def _refute(self, case: _Case, places: Iterable[int]) -> None:
        for place in places:
            run, response = case.said[place]
            if response.check is not Check.REFUTED and (reason := self._wrong(response, case)):
                case.said[place] = run, replace(response, check=Check.REFUTED, reason=reason)

    def _wrong(self, response: Response, case: _Case) -> str:
        """Return how what is proven contradicts a response; empty when it does not."""
        if case.ray and response.claim is Claim.OPTIMAL and response.objective is not None:
            return f"claimed {response.objective:.12g} as optimal, but {case.ray}"
        if case.best is None:
            return ""
        better = case.best.words
        if response.claim is Claim.INFEASIBLE:
            return f"claimed infeasible, but {better}"
        limits = _limits(response, case.maximise)
        for claimed, what in reversed(limits):
            if contradicts(claimed, case.best.objective, case.maximise, self._tolerance, case.unit):
                return f"claimed {what}, but {better}"
        return f"claimed {limits[0][1]}, but {better}, and {case.ray}" if case.ray and limits else ""

    def _dispute(self, case: _Case, places: Iterable[int]) -> None:
        """Dispute what contradicts a claim that stands, and settle disputes that rested on what does not any more."""
        for place in places:
            run, response = case.said[place]
            if response.check not in _DISPUTABLE:
                continue
            against = self._against(response, case)
            if against and response.check is not Check.DISPUTED:
                case.said[place] = run, replace(response, check=Check.DISPUTED, reason=against)
            elif not against and response.check is Check.DISPUTED:
                case.said[place] = run, _undisputed(response)

    def _against(self, response: Response, case: _Case) -> str:
        """Return which claim that stands a response contradicts with nothing proven, and why; empty for none."""
        standing = case.standing
        if response.claim is Claim.UNBOUNDED:
            return f"{standing.bounded}; {_UNDECIDED}" if standing.bounded else ""
        objective, limit, point = response.objective, standing.limit, standing.point
        if (
            limit is not None
            and objective is not None
            and response.claim in (Claim.OPTIMAL, Claim.FEASIBLE)
            and not self._holds(response, case)
            and contradicts(limit.objective, objective, case.maximise, self._tolerance, case.unit)
        ):
            why = (
                f"holds within the solver's tolerance only: {response.doubt}"
                if response.doubt
                else f"is not proven: {_UNKNOWN}"
            )
            return f"{limit.words}; the better point of {objective:.12g} {why}"
        limits = _limits(response, case.maximise)
        if standing.unbounded and limits:
            return f"{standing.unbounded}; {_UNDECIDED}"
        if point is not None:
            for claimed, what in limits:
                if contradicts(claimed, point.objective, case.maximise, self._tolerance, case.unit):
                    return f"it claims {what}, but {point.words}, and which is right is not known: {_UNKNOWN}"
        return ""

    def _holds(self, response: Response, case: _Case) -> bool:
        """Whether a point is proven, as good as it is claimed to be."""
        proven, objective = response.proven_objective, response.objective
        return (
            proven is not None
            and objective is not None
            and not contradicts(proven, objective, case.maximise, self._tolerance, case.unit)
        )


def _undisputed(response: Response) -> Response:
    """Return a response that was disputed as it was before: with a point that was checked, or without one."""
    has_point = response.claim in (Claim.OPTIMAL, Claim.FEASIBLE)
    return replace(response, check=Check.CONFIRMED if has_point else Check.UNCONFIRMED, reason="")


def _learn(case: _Case, run: Run, response: Response) -> bool:
    """Take note of what a response proves; return whether that is news."""
    if response.claim is Claim.UNBOUNDED and response.doubt and not case.ray:
        case.ray = f"{_who(run)} found a direction in which the objective improves without limit"
        return True
    proven = response.proven_objective
    if proven is None or (case.best is not None and not case.is_better(proven, case.best.objective)):
        return False
    case.best = _Said(proven, f"{_who(run)} found a verified solution of {proven:.12g}")
    return True


def _stand(case: _Case, run: Run, response: Response) -> _Standing:
    """Return what stands once a response is heard as well, unless it is refuted."""
    standing = case.standing
    if response.check is Check.REFUTED:
        return standing
    who, limits = _who(run), _limits(response, case.maximise)
    for objective, what in limits:
        if standing.limit is None or case.is_better(standing.limit.objective, objective):
            standing = replace(standing, limit=_Said(objective, f"{who} claims {what}"))
    if limits and not standing.bounded:
        standing = replace(standing, bounded=f"{who} claims {limits[0][1]}")
    if response.claim is Claim.UNBOUNDED and not standing.unbounded:
        standing = replace(standing, unbounded=f"{who} claims that the objective has no limit")
    at = response.objective if _is_unexamined(response) else None
    if at is not None and (standing.point is None or case.is_better(at, standing.point.objective)):
        standing = replace(standing, point=_Said(at, f"{who} has a point of {at:.12g}"))
    return standing


def _limits(response: Response, maximise: bool) -> list[tuple[float, str]]:
    """Return the objectives that a response claims not to be improved upon, and in words what it claims.

    None is worse than what is proven of its own point.
    """
    none = math.inf if maximise else -math.inf
    own, better = response.proven_objective, max if maximise else min
    found = []
    if response.claim is Claim.INFEASIBLE:
        found.append((-none, "that there is no solution"))
    elif response.claim is not Claim.UNBOUNDED and response.bound is not None:
        found.append((response.bound, f"the bound {response.bound:.12g}"))
    if response.claim is Claim.OPTIMAL and response.objective is not None:
        found.append((response.objective, f"{response.objective:.12g} as optimal"))
    return [
        (objective if own is None else better(objective, own), what)
        for objective, what in found
        if not math.isnan(objective) and objective != none
    ]


def _is_unexamined(response: Response) -> bool:
    """Whether a response has a point of which nothing is known beyond the solver's tolerance."""
    has_point = response.claim in (Claim.OPTIMAL, Claim.FEASIBLE) and response.check is not Check.UNCONFIRMED
    return has_point and response.proven_objective is None and not response.doubt


def _who(run: Run) -> str:
    return f"{run.configuration} with seed {run.seed}"
