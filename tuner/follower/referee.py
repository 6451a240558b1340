"""The referee: holds every claim against what is proven of its instance, by whatever configuration.

A claim is refuted only by a point that is feasible beyond doubt (`tuner.follower.certificate`). A point that holds
within a solver's tolerance only proves nothing: where it is better than a claim that stands allows, it is the point
that is disputed. What becomes of a response follows from all responses on its instance, in whatever order they come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from storage.records import Check, Claim, Response, Run, Termination
from tuner.follower.check import OBJECTIVE, contradicts

_SLACK = 1e-6
"""Relative difference that two objectives may have beyond the gap: claimed ones are right within 1e-6 only."""


@dataclass(frozen=True)
class _Limit:
    """A claim that a better solution would contradict."""

    objective: float
    claim: str
    """Whose it is, and what it says."""


@dataclass
class _Case:
    """What is known of one instance."""

    maximise: bool
    best: float | None = None
    """The best objective that is proven."""
    by: str = ""
    """Who found it."""
    bounded: str = ""
    """Who claimed an optimum, with a proven point: the instance has one, or that claim is wrong as well."""
    limit: _Limit | None = None
    """The tightest claim that stands."""
    unbounded: str = ""
    """Who claims that the objective has no limit; empty when no such claim stands."""
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

    def judge(self, run: Run, response: Response, maximise: bool) -> list[tuple[Run, Response]]:
        """Return the response with its check as it stands now, then the earlier ones whose check it has changed.

        Args:
            run: what was executed.
            response: what came of it, checked against the model (see `tuner.follower.check`).
            maximise: whether more is better on this instance.

        """
        if response.termination is not Termination.EXITED:
            return [(run, response)]
        case = self._cases.setdefault(run.instance, _Case(maximise))
        before = list(case.said)
        if response.check is Check.DISPUTED:  # stored so: whether it still is follows from the others
            response = replace(response, check=Check.CONFIRMED, reason="")
        case.said.append((run, response))
        newest, everybody = range(len(before), len(case.said)), range(len(case.said))
        proven = _learn(case, run, response)
        self._refute(case, everybody if proven else newest)
        standing = (case.limit, case.unbounded)
        if proven:
            case.limit, case.unbounded = None, ""
        for earlier, said in case.said if proven else case.said[-1:]:
            _stand(case, earlier, said)
        self._dispute(case, newest if standing == (case.limit, case.unbounded) else everybody)
        return [case.said[-1], *(now for now, then in zip(case.said, before, strict=False) if now is not then)]

    def _refute(self, case: _Case, places: Iterable[int]) -> None:
        for place in places:
            run, response = case.said[place]
            if response.check is not Check.REFUTED and (reason := self._wrong(response, case)):
                case.said[place] = run, replace(response, check=Check.REFUTED, reason=reason)

    def _wrong(self, response: Response, case: _Case) -> str:
        """Return how what is proven contradicts a response; empty when it does not."""
        if response.claim is Claim.UNBOUNDED and case.bounded:
            return f"claimed unbounded, but {case.bounded} claims an optimum with a verified solution"
        if case.best is None:
            return ""
        better = f"{case.by} found a verified solution of {case.best:.12g}"
        if response.claim is Claim.INFEASIBLE:
            return f"claimed infeasible, but {better}"
        claimed = response.objective if response.claim is Claim.OPTIMAL else None
        if claimed is not None and contradicts(claimed, case.best, case.maximise, self._tolerance):
            return f"claimed {claimed:.12g} as optimal, but {better}"
        if response.bound is not None and contradicts(response.bound, case.best, case.maximise, self._tolerance):
            return f"claimed the bound {response.bound:.12g}, but {better}"
        return ""

    def _dispute(self, case: _Case, places: Iterable[int]) -> None:
        """Dispute points that contradict what stands, and settle disputes that rested on what does not any more."""
        for place in places:
            run, response = case.said[place]
            if response.check not in (Check.CONFIRMED, Check.DISPUTED):
                continue
            against = self._against(response, case)
            if against and response.check is Check.CONFIRMED:
                case.said[place] = run, replace(response, check=Check.DISPUTED, reason=_disputed(response, against))
            elif not against and response.check is Check.DISPUTED:
                case.said[place] = run, replace(response, check=Check.CONFIRMED, reason="")

    def _against(self, response: Response, case: _Case) -> str:
        """Return which claim that stands an answer contradicts within the tolerance only; empty for none."""
        objective, proven = response.objective, response.proven_objective
        if objective is None or response.claim not in (Claim.OPTIMAL, Claim.FEASIBLE):
            return ""
        if proven is not None and not contradicts(proven, objective, case.maximise, OBJECTIVE):
            return ""
        if response.claim is Claim.OPTIMAL and case.unbounded:
            return case.unbounded
        limit = case.limit
        if limit is not None and contradicts(limit.objective, objective, case.maximise, self._tolerance):
            return limit.claim
        return ""


def _learn(case: _Case, run: Run, response: Response) -> bool:
    """Take note of what a response proves; return whether that is news."""
    proven = response.proven_objective
    if proven is None:
        return False
    news = False
    if case.best is None or case.is_better(proven, case.best):
        case.best, case.by, news = proven, _who(run), True
    if response.claim is Claim.OPTIMAL and not case.bounded:
        case.bounded, news = _who(run), True
    return news


def _stand(case: _Case, run: Run, response: Response) -> None:
    """Take note of what a response claims, unless it is refuted."""
    if response.check is Check.REFUTED:
        return
    nothing = -math.inf if case.maximise else math.inf
    claims: list[tuple[float | None, str]] = [(response.bound, "the bound {}")]
    if response.claim is Claim.OPTIMAL:
        claims.append((response.objective, "{} as optimal"))
    if response.claim is Claim.INFEASIBLE:
        claims.append((nothing, "that there is no solution"))
    if response.claim is Claim.UNBOUNDED and not case.unbounded:
        case.unbounded = f"{_who(run)} claims that there is no optimum"
    for objective, what in claims:
        if objective is None or math.isnan(objective):
            continue
        if case.limit is None or case.is_better(case.limit.objective, objective):
            case.limit = _Limit(objective, f"{_who(run)} claims {what.format(f'{objective:.12g}')}")


def _who(run: Run) -> str:
    return f"{run.configuration} with seed {run.seed}"


def _disputed(response: Response, against: str) -> str:
    why = response.doubt or "the model is too large to examine it exactly"
    return f"{against}; the better point of {response.objective:.12g} holds within the solver's tolerance only: {why}"
