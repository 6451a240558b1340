"""What the follower answers once x is chosen, and what its ties are worth to the leader.

With x fixed, the follower faces a MILP over y, and of its optimal solutions the leader assumes the one that is best or
worst for itself. So a few MILPs follow one another: the follower's own; the leader's objective at its best, with the
leader's constraints, and at its worst over the follower's optimal set; and how far that set violates each constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from instances.model import Floats, Model, VariableKind
from storage.records import Check, Claim
from tuner.cost import Ties
from tuner.follower.certificate import examine
from tuner.follower.check import FEASIBILITY
from tuner.follower.exact import ExactRows
from tuner.follower.scaling import unseen
from tuner.ports import Answer

TOLERANCE = 1e-9
"""How much worse than its optimum a follower's objective may be, times max(1, |optimum|), to count as a tie."""
SHARPNESS = 1000.0
"""The largest coefficient of the row that keeps to the follower's optimal set, where its objective has no steps."""
DECIMALS, STRICT = 6, 1e-12
"""Of a solution that is preferred to a longer one, and how well it has to keep to bounds and rows, relatively."""
OPTIMALITY = "the follower's optimality"
"""The name of the row that keeps to the follower's optimal set."""
OPERATIONS = 2_000
"""Operations on exact numbers that one answer may take to be examined beyond the tolerance: it is one of many
thousand, and what takes longer is believed as far as doubles tell."""
OWN, BEST, WORST, MOST, LEAST, WIDEST = "own", "best", "worst", "most", "least", "widest"


@dataclass(frozen=True, eq=False)
class Situation:
    """What both levels face once x is chosen, over the same columns y."""

    lower: Model
    """The follower's MILP."""
    upper: Model
    """The leader's objective F(x, .), and its coupling constraints C(x, .) as rows."""
    elsewhere: Floats | None = None
    """The follower's objective in the middle of the leader's choices: of its optimal solutions, the one that is best
    there, too, says most about other choices. None where nobody wants to know."""


@dataclass(frozen=True)
class Tie:
    """One of the follower's optimal solutions, and the leader's objective with it."""

    objective: float
    y: tuple[float, ...]


@dataclass(frozen=True)
class Reaction:
    """What the follower answers, checked."""

    claim: Claim
    """Of the follower's own problem: optimal means with a proof."""
    reason: str = ""
    """Why what was asked is not answered; empty when it is."""
    value: float | None = None
    """The follower's optimal objective."""
    y: tuple[float, ...] | None = None
    """An optimal solution of the follower."""
    widest: tuple[float, ...] | None = None
    """The one that is best elsewhere, too; None when nobody asked."""
    best: Tie | None = None
    """The best for the leader that satisfies the leader's constraints; None when none does, or nobody asked."""
    worst: Tie | None = None
    """The worst for the leader, whatever the constraints say; None when nobody asked, or F has no limit there."""
    is_limitless: bool = False
    """Whether F has no limit over the follower's optimal set, at the end that was asked for."""
    violations: dict[str, float] = field(default_factory=dict)
    """By how much some optimal solution violates the leader's constraints, by row; only those beyond the tolerance."""
    seconds: float = 0.0
    """Wall seconds inside the solver."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Reaction:
        """Read what `to_json` returned."""
        y, widest, best, worst = fields["y"], fields["widest"], fields["best"], fields["worst"]
        return cls(
            **{
                **fields,
                "claim": Claim(fields["claim"]),
                "y": None if y is None else tuple(y),
                "widest": None if widest is None else tuple(widest),
                "best": None if best is None else Tie(best["objective"], tuple(best["y"])),
                "worst": None if worst is None else Tie(worst["objective"], tuple(worst["y"])),
            }
        )


class Question(NamedTuple):
    """One MILP to solve, and what for."""

    about: str
    """OWN, BEST, WORST, MOST, LEAST or WIDEST."""
    row: int
    """The row of the leader that MOST and LEAST are about."""
    model: Model


class Answered(NamedTuple):
    """What a solver said to a question."""

    about: str
    row: int
    answer: Answer


def ask(situation: Situation, ties: Ties | None, tolerance: float, solve: Callable[[Model], Answer]) -> list[Answered]:
    """Ask the questions one after the other, each only where the answers so far leave something to ask.

    Args:
        situation: what both levels face.
        ties: what the leader assumes; None to ask for both ends.
        tolerance: as `TOLERANCE`; 0 where the values that the follower's objective takes are apart by a step.
        solve: a solver that proves what it claims.

    """
    own = solve(situation.lower)
    answers = [Answered(OWN, 0, own)]
    if own.claim is Claim.OPTIMAL and own.objective is not None:
        for question in questions(situation, own.objective, ties, tolerance):
            answer = solve(question.model)
            answers.append(Answered(question.about, question.row, answer))
            if answer.claim not in _PROOFS:
                break
    return answers


def questions(situation: Situation, value: float, ties: Ties | None, tolerance: float) -> Iterator[Question]:
    """Yield what is asked once the follower's optimal value is known."""
    lower, upper = situation.lower, situation.upper
    optimal = optimal_set(lower, value, tolerance)
    is_settled = multiple_of(lower, upper) is not None
    if situation.elsewhere is not None:
        yield Question(WIDEST, 0, _optimising(optimal, situation.elsewhere, 0.0, lower.maximise))
    if ties is not Ties.PESSIMISTIC and not (is_settled and not upper.nonzeros):
        model = with_rows(optimal, upper)
        yield Question(BEST, 0, _optimising(model, upper.objective, upper.offset, upper.maximise))
    if ties is not Ties.OPTIMISTIC:
        if not is_settled:
            yield Question(WORST, 0, _optimising(optimal, upper.objective, upper.offset, not upper.maximise))
        for row in range(upper.rows):
            coefficients = np.zeros(upper.columns)
            for column, coefficient in upper.row(row).items():
                coefficients[column] = coefficient
            if coefficients.any():
                if np.isfinite(upper.row_upper[row]):
                    yield Question(MOST, row, _optimising(optimal, coefficients, 0.0, maximise=True))
                if np.isfinite(upper.row_lower[row]):
                    yield Question(LEAST, row, _optimising(optimal, coefficients, 0.0, maximise=False))


def concluded(
    situation: Situation,
    answers: Sequence[Answered],
    ties: Ties | None,
    tolerance: float,
    seconds: float,
    exact: Callable[[Model], ExactRows] = ExactRows,
) -> Reaction:
    """Return what the answers to `ask` say, each checked against its model and not believed otherwise.

    Args:
        situation: what both levels face.
        answers: to the questions, in their order.
        ties: as in `ask`.
        tolerance: as in `ask`.
        seconds: that the solver took.
        exact: returns the rows of a model in exact numbers.

    """
    own, others = answers[0].answer, list(answers[1:])
    reason = _wrong(situation.lower, own, exact)
    if reason:
        return Reaction(Claim.NOTHING, reason, seconds=seconds)
    if own.claim is not Claim.OPTIMAL or own.objective is None or own.point is None:
        return Reaction(own.claim, "" if own.claim in _PROOFS else own.raw_status, seconds=seconds)
    off = unseen(situation.lower)
    if off > _room(situation.lower, own.objective, max(tolerance, FEASIBILITY if tolerance else 0.0)):
        reason = f"some of the follower's costs are too small beside others to be seen: they make up to {off:.3g}"
        return Reaction(Claim.NOTHING, f"{reason}; choose other units", seconds=seconds)
    reaction = Reaction(Claim.OPTIMAL, "", own.objective, tuple(own.point.tolist()), seconds=seconds)
    multiple = multiple_of(situation.lower, situation.upper)
    if multiple is not None:
        tie = Tie(multiple * (own.objective - situation.lower.offset) + situation.upper.offset, reaction.y or ())
        reaction = replace(reaction, best=None if situation.upper.nonzeros else tie, worst=tie)
    for question in questions(situation, own.objective, ties, tolerance):
        if not others or others[0][:2] != question[:2]:
            return replace(reaction, reason="not every question about the ties was answered")
        answer = others.pop(0).answer
        reason = _wrong(question.model, answer, exact)
        if reason or answer.claim not in _PROOFS:
            return replace(reaction, reason=reason or f"ties left open: {answer.raw_status}")
        if answer.point is not None:
            lost = loss(situation.lower, own.objective, answer.point)
            if lost > _room(situation.lower, own.objective, max(tolerance, FEASIBILITY if tolerance else 0.0)):
                reason = f"a tie is worse for the follower by {lost:.3g}: the solver's tolerance is too wide for it"
                return replace(reaction, reason=reason)
        reaction = _taken(reaction, situation.upper, question, answer)
    constant = _constant_violations(situation.upper)
    return replace(reaction, best=None if constant else reaction.best, violations={**reaction.violations, **constant})


def _wrong(model: Model, answer: Answer, exact: Callable[[Model], ExactRows]) -> str:
    """Return what is wrong with an answer: refuted by its model, or right within the solver's tolerance only."""
    check, reason, certificate = examine(exact(model), answer, operations=OPERATIONS)
    if check is Check.REFUTED:
        return reason
    doubt = certificate.doubt
    return f"the answer holds within the solver's tolerance only: {doubt}" if doubt else ""


_PROOFS = (Claim.OPTIMAL, Claim.INFEASIBLE, Claim.UNBOUNDED)


def _taken(reaction: Reaction, upper: Model, question: Question, answer: Answer) -> Reaction:
    """Return the reaction with what one more proven answer says."""
    if answer.claim is Claim.INFEASIBLE:
        if question.about == BEST and upper.rows:
            return reaction
        return replace(reaction, reason="the follower's optimal solution was not found again: numerical trouble")
    if answer.claim is Claim.UNBOUNDED:
        if question.about == BEST:
            return replace(reaction, is_limitless=True)
        if question.about == WORST:
            return replace(reaction, is_limitless=True)
        if question.about == WIDEST:
            return reaction
        return replace(reaction, violations={**reaction.violations, upper.row_names[question.row]: float("inf")})
    assert answer.objective is not None
    assert answer.point is not None
    tie = _short(question.model, answer.objective, answer.point)
    if question.about == WIDEST:
        return replace(reaction, widest=tie.y)
    if question.about == BEST:
        return replace(reaction, best=tie)
    if question.about == WORST:
        return replace(reaction, worst=tie)
    row = question.row
    bound = upper.row_upper[row] if question.about == MOST else upper.row_lower[row]
    excess = answer.objective - bound if question.about == MOST else bound - answer.objective
    if excess <= FEASIBILITY * max(1.0, abs(bound)):
        return reaction
    name = upper.row_names[row]
    return replace(reaction, violations={**reaction.violations, name: max(excess, reaction.violations.get(name, 0.0))})


def _short(model: Model, objective: float, point: Floats) -> Tie:
    """Return a solution as a tie, of fewer digits where these are one, too: solvers return 1.99999999 for 2."""
    short = np.round(point, DECIMALS) + 0.0  # no -0
    sides = ((model.lower, model.upper, short), (model.row_lower, model.row_upper, model.activity(short)))
    for low, high, value in sides:
        room = STRICT * np.maximum(1.0, np.abs(value))
        if np.any(value < low - room) or np.any(value > high + room):
            return Tie(objective, tuple(point.tolist()))
    reached = float(model.objective @ short) + model.offset
    if abs(reached - objective) > FEASIBILITY * max(1.0, abs(objective)):
        return Tie(objective, tuple(point.tolist()))
    return Tie(float(f"{reached:.12g}"), tuple(short.tolist()))


def _constant_violations(upper: Model) -> dict[str, float]:
    """Return by how much the leader's constraints are violated that no y enters."""
    found = {}
    for row in np.flatnonzero(np.diff(upper.row_start) == 0):
        excess = float(max(upper.row_lower[row], -upper.row_upper[row]))
        bound = upper.row_lower[row] if excess == upper.row_lower[row] else upper.row_upper[row]
        if excess > FEASIBILITY * max(1.0, abs(bound)):
            found[upper.row_names[row]] = excess
    return found


def multiple_of(lower: Model, upper: Model) -> float | None:
    """Return which multiple of the follower's objective the leader's is, constants aside; None when it is none.

    Then all ties are alike to the leader: so in interdiction, and where the leader does not care.
    """
    if not upper.objective.any():
        return 0.0
    if not lower.objective.any():
        return None
    place = int(np.argmax(np.abs(lower.objective)))
    multiple = float(upper.objective[place] / lower.objective[place])
    return multiple if np.array_equal(upper.objective, multiple * lower.objective) else None


SCALES = (1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0)
"""Numbers of which one of these makes whole ones are decimals that somebody wrote; others are not."""


def common_step(numbers: Floats) -> float:
    """Return the largest number of which all of these are multiples; 0 when they are no short decimals."""
    used = np.abs(numbers[numbers != 0])
    if not len(used):
        return 1.0
    for scale in SCALES:
        whole = np.rint(used * scale)
        if whole.max() < 2.0**50 and np.all(np.abs(used * scale - whole) <= 1e-12 * whole + 1e-12):
            return float(np.gcd.reduce(whole.astype(np.int64))) / scale
    return 0.0


def step_of(model: Model) -> float:
    """Return the step between the values that a model's objective can take; 0 when it is not known to have steps."""
    whole = (model.kind == VariableKind.INTEGER) | (model.kind == VariableKind.SEMI_INTEGER)
    return common_step(model.objective) if np.all(whole[model.objective != 0]) else 0.0


def optimal_set(lower: Model, value: float, tolerance: float) -> Model:
    """Return the follower's model with a row that keeps its objective at ``value``, but for the tolerance.

    Without tolerance, half a step is left between what is as good and what is not. The row is scaled, so that what a
    solver tolerates in a row is less than that.
    """
    room, used = _room(lower, value, tolerance), np.flatnonzero(lower.objective)
    step = step_of(lower)
    scale = 1.0 / step if step else SHARPNESS / max(1.0, float(np.abs(lower.objective).max(initial=0.0)))
    reached = scale * (value - lower.offset - room if lower.maximise else value - lower.offset + room)
    row = replace(
        lower,
        row_lower=np.array([reached if lower.maximise else -np.inf]),
        row_upper=np.array([np.inf if lower.maximise else reached]),
        row_start=np.array([0, len(used)], dtype=np.int32),
        column_index=used.astype(np.int32),
        value=scale * lower.objective[used],
        row_names=(OPTIMALITY,),
    )
    return with_rows(lower, row)


def _room(lower: Model, value: float, tolerance: float) -> float:
    """Return by how much the follower's objective may be worse than its optimum in a tie."""
    return tolerance * max(1.0, abs(value)) if tolerance else 0.5 * step_of(lower)


def loss(lower: Model, value: float, point: Floats) -> float:
    """Return by how much a point is worse for the follower than its optimum, integers made whole."""
    whole = (lower.kind == VariableKind.INTEGER) | (lower.kind == VariableKind.SEMI_INTEGER)
    reached = float(lower.objective @ np.where(whole, np.rint(point), point)) + lower.offset
    return value - reached if lower.maximise else reached - value


def with_rows(model: Model, other: Model) -> Model:
    """Return a model with the rows of another one over the same columns, too."""
    return replace(
        model,
        row_lower=np.concatenate((model.row_lower, other.row_lower)),
        row_upper=np.concatenate((model.row_upper, other.row_upper)),
        row_start=np.concatenate((model.row_start, other.row_start[1:] + model.row_start[-1])).astype(np.int32),
        column_index=np.concatenate((model.column_index, other.column_index)),
        value=np.concatenate((model.value, other.value)),
        row_names=model.row_names + other.row_names,
    )


def _optimising(model: Model, objective: Floats, offset: float, maximise: bool) -> Model:
    return replace(model, objective=objective, offset=offset, maximise=maximise)
