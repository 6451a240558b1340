"""Is an answer that is claimed optimal within the gap, by the solver's own bound?

Solvers have gap limits of their own (CP-SAT's relative gap is that to objectives of at least 1), bounds that are weaker
for the scaling of an objective, and parameters that let them stop early. So the claim is held against the bound.
"""

from __future__ import annotations

from dataclasses import replace

from instances.model import Model
from storage.records import Claim
from tuner.follower.check import OBJECTIVE
from tuner.follower.scaling import unit_of
from tuner.gap import relative_gap
from tuner.ports import Answer


def held_to_gap(model: Model, answer: Answer, gap: float) -> Answer:
    """Return an answer with the claim optimal only where its own bound allows it, else with the claim feasible.

    Args:
        model: what was solved.
        answer: of a solver, in the model's own numbers.
        gap: relative gap at which an answer counts as optimal.

    """
    found = own_gap(model, answer)
    if answer.claim is not Claim.OPTIMAL or found is None or found <= gap:
        return answer
    return replace(
        answer,
        claim=Claim.FEASIBLE,
        raw_status=f"{answer.raw_status}, but its own bound {answer.bound:.12g} leaves a gap of {found:.3g} to "
        f"{answer.objective:.12g}; {gap:g} counts as optimal",
    )


def own_gap(model: Model, answer: Answer) -> float | None:
    """Return the relative gap between an answer's objective and its bound; None when one is missing.

    It is 0 where they differ by less than solvers promise: 1e-6 of the objective, or of its unit where that is more.
    """
    found = relative_gap(answer.objective, answer.bound)
    if not found or answer.objective is None or answer.bound is None:
        return found
    scale = max(unit_of(model), abs(answer.objective), abs(answer.bound))
    return 0.0 if abs(answer.objective - answer.bound) <= OBJECTIVE * scale else found
