"""The referee: holds every claim against the best verified solution of its instance, from whatever configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from storage.records import Check, Claim, Response, Run, Termination
from tuner.follower.check import contradicts

_SLACK = 1e-6
"""Relative difference that two objectives may have beyond the gap: both points are right within 1e-6 only."""


@dataclass
class _Case:
    """What is known of one instance."""

    best: float | None = None
    """The best verified objective."""
    by: str = ""
    """Who found it."""
    bounded: str = ""
    """Who claimed an optimum whose point is verified: the instance has one, or that claim is wrong as well."""
    standing: list[tuple[Run, Response]] = field(default_factory=list)
    """The responses that claim something a better solution can contradict, and that nothing has contradicted yet."""


class Referee:
    """Judges responses as they come in. Feeding it the stored ones in order rebuilds it."""

    def __init__(self, gap: float) -> None:
        """Take the relative gap at which solvers may call an answer optimal."""
        self._tolerance = gap + _SLACK
        self._cases: dict[str, _Case] = {}

    def judge(self, run: Run, response: Response, maximise: bool) -> list[tuple[Run, Response]]:
        """Return the response with its final check, then the earlier ones that it has overturned, refuted now.

        Args:
            run: what was executed.
            response: what came of it, checked against the model (see `tuner.follower.check`).
            maximise: whether more is better on this instance.

        """
        case = self._cases.setdefault(run.instance, _Case())
        overturned: list[tuple[Run, Response]] = []
        found = _verified(response)
        who = f"{run.configuration} with seed {run.seed}"
        better = found is not None and (case.best is None or (found > case.best if maximise else found < case.best))
        closed = found is not None and response.claim is Claim.OPTIMAL and not case.bounded
        if better:
            case.best, case.by = found, who
        if closed:
            case.bounded = who
        if better or closed:
            standing, case.standing = case.standing, []
            for earlier, said in standing:
                reason = self._wrong(said, case, maximise)
                if reason:
                    overturned.append((earlier, replace(said, check=Check.REFUTED, reason=reason)))
                else:
                    case.standing.append((earlier, said))
        if response.check is not Check.REFUTED:
            reason = self._wrong(response, case, maximise)
            if reason:
                response = replace(response, check=Check.REFUTED, reason=reason)
            elif response.termination is Termination.EXITED:
                case.standing.append((run, response))
        return [(run, response), *overturned]

    def _wrong(self, response: Response, case: _Case, maximise: bool) -> str:
        """Return how the best verified solution contradicts a response; empty when it does not."""
        if case.best is None:
            return ""
        better = f"{case.by} found a verified solution of {case.best:.12g}"
        if response.claim is Claim.INFEASIBLE:
            return f"claimed infeasible, but {better}"
        if response.claim is Claim.UNBOUNDED and case.bounded:
            return f"claimed unbounded, but {case.bounded} claims an optimum with a verified solution"
        claimed = response.objective if response.claim is Claim.OPTIMAL else None
        if claimed is not None and contradicts(claimed, case.best, maximise, self._tolerance):
            return f"claimed {claimed:.12g} as optimal, but {better}"
        if response.bound is not None and contradicts(response.bound, case.best, maximise, self._tolerance):
            return f"claimed the bound {response.bound:.12g}, but {better}"
        return ""


def _verified(response: Response) -> float | None:
    """Return the objective of a response whose point our check has confirmed."""
    if response.check is Check.CONFIRMED and response.claim in (Claim.OPTIMAL, Claim.FEASIBLE):
        return response.objective
    return None
