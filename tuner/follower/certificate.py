"""The certificate: is there a point that is feasible beyond doubt where a solver says that there is one?

The check (`tuner.follower.check`) accepts what solvers promise: a budget of 50,000,000 may be overdrawn by 50. Such a
point proves nothing against anybody. So its integers are rounded, and a point that holds exactly is searched for
(`tuner.follower.search`). The objective of the point found is a fact about the model, whoever claims what.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instances.model import Floats, Model
from storage.records import Check
from tuner.follower.check import OBJECTIVE, check_answer, contradicts, rounding
from tuner.follower.exact import Exact, ExactRows, integer_columns
from tuner.follower.scaling import unit_of
from tuner.follower.search import SNAP, Search
from tuner.ports import Answer

OPERATIONS = 50_000
"""Operations on small rational numbers that one point may take ..."""
PER_ENTRY = 5
"""... and how many more for every entry of the matrix ..."""
MOST = 1_000_000
"""... up to so many in all: about two seconds."""


@dataclass(frozen=True)
class Certificate:
    """What was proven of a point that holds within the tolerances.

    Neither an objective nor a doubt: nothing is known. The model is too large, or it depends on the last digits of
    numbers that were computed.
    """

    objective: float | None = None
    """Of a point near it that is feasible beyond doubt; None when none was found."""
    doubt: str = ""
    """Why the claim holds within the tolerance only, for people: which row is off, and by how much. Empty when the
    claim is proven, and when nothing is known."""
    may_be_rounded: bool = False
    """Of one with a doubt and without an objective: whether it may hold for numbers of which the model's were rounded
    when it was written, as 0.3333333 is a third."""

    @property
    def is_no_solution(self) -> bool:
        """Whether the whole numbers of the point are part of no solution, however the model's numbers are read."""
        return self.objective is None and bool(self.doubt) and not self.may_be_rounded


def examine(
    rows: ExactRows, answer: Answer, tolerance: float = OBJECTIVE, operations: int | None = None
) -> tuple[Check, str, Certificate]:
    """Return what the check says of an answer, why when it is refuted, and what is proven of its point.

    Solvers that add up large costs that cancel may say too little of a point. That is no fault, and the reason says so.

    Args:
        rows: of the model, made once for all answers.
        answer: a solver's.
        tolerance: as in `certify`.
        operations: as in `certify`.

    """
    model = rows.model
    check, reason = check_answer(model, answer)
    if check is not Check.CONFIRMED or answer.point is None or answer.objective is None:
        return check, reason, Certificate()
    found = certify(rows, answer.point, answer.objective, tolerance, operations)
    if answer.bound is not None and found.objective is not None:
        off = abs(found.objective - answer.bound) - rounding(model, answer.point)
        if off > 0 and contradicts(answer.bound, found.objective, model.maximise, OBJECTIVE, unit_of(model)):
            reason = (
                f"claimed the bound {answer.bound:.12g}, but its own point, which is feasible beyond doubt, has the "
                f"objective {found.objective:.12g}"
            )
            return Check.REFUTED, reason, found
    if found.objective is not None and contradicts(
        answer.objective, found.objective, model.maximise, tolerance, unit_of(model)
    ):
        reason = f"its point is better than it says: {found.objective:.12g} in exact numbers"
    return check, reason, found


def certify(
    rows: ExactRows, point: Floats, claimed: float, tolerance: float = OBJECTIVE, operations: int | None = None
) -> Certificate:
    """Certify a point that `tuner.follower.check.check_point` accepts.

    Args:
        rows: of the model, made once for all points.
        point: the one claimed, shape (n,).
        claimed: its objective.
        tolerance: relative difference to the claimed objective at which a point that holds exactly proves it.
        operations: how many each of at most two searches may take; None for as many as `operations_for` says.

    """
    model = rows.model
    rows.forget()
    allowed = operations_for(model) if operations is None else operations

    def proves(objective: float | None) -> bool:
        return objective is not None and not contradicts(objective, claimed, model.maximise, tolerance, unit_of(model))

    nearest = np.where(integer_columns(model), np.rint(point), point)
    first = Search(rows, nearest, bool(np.any(np.abs(nearest - point) > SNAP)), allowed).run()
    if proves(first.objective):
        return Certificate(first.objective)
    rounded = _other_rounding(model, point, nearest, first.wrong)
    other = None if rounded is None else Search(rows, rounded, True, allowed).run()
    second = None if other is None else other.objective
    if proves(second):
        return Certificate(second)
    if first.is_unknown:
        return Certificate()
    proven = [objective for objective in (first.objective, second) if objective is not None]
    if not proven:
        is_open = other is not None and (other.is_unknown or other.may_be_rounded)
        return Certificate(None, first.doubt, first.may_be_rounded or is_open)
    best = max(proven) if model.maximise else min(proven)
    found_best = f"the best point found that holds exactly has the objective {best:.12g}"
    return Certificate(best, f"{first.doubt}; {found_best}" if first.doubt else found_best)


def operations_for(model: Model) -> int:
    """Return how many operations on exact numbers an answer to this model may take."""
    return min(MOST, OPERATIONS + PER_ENTRY * model.nonzeros)


def _other_rounding(
    model: Model, point: Floats, nearest: Floats, wrong: tuple[tuple[int, Exact], ...]
) -> Floats | None:
    """Return the point with integers that were rounded rounded the other way; None when there are none to move.

    That is those that were clearly off, and those without whose being off a row does not hold: a flow of 0.05 opens a
    source with a big M of 1e8 by 5e-10.
    """
    integer, off = integer_columns(model), point - nearest
    moved = integer & (np.abs(off) > SNAP)
    for i, excess in wrong:
        bound, missing = abs(float(model.row_upper[i] if excess > 0 else model.row_lower[i])), abs(float(excess))
        if missing > SNAP * max(1.0, bound):
            entries = slice(model.row_start[i], model.row_start[i + 1])
            columns = model.column_index[entries]
            does_its_share = len(columns) * np.abs(model.value[entries] * off[columns]) >= missing
            moved[columns] |= integer[columns] & does_its_share
    other = np.where(moved, nearest + np.sign(off), nearest)
    within = (other >= model.lower) & (other <= model.upper)
    return other if moved.any() and bool(np.all(within | ~moved)) else None
