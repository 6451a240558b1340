"""The master problem: the high-point relaxation of a linear problem, tightened by what the follower has answered.

Products of x and y become linear: an integer factor between bounds is written in binary digits, and the product of a
digit and a bounded variable is linear exactly (McCormick 1976). Where neither factor is an integer, what stays is a
relaxation: the bound is valid, only not tight.

An answer of the follower, an optimal y for one x, is feasible for other x too, and there the follower does not accept
less: f(x, y) <= f(x, answer) wherever the answer is feasible (Mitsos 2010; Lozano and Smith 2017). Where x enters the
follower's rows, one binary variable for each of them says that it is the row that forbids the answer. A pessimistic
leader has to reckon with the answer wherever no other is better for the follower by a step of its objective.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from instances.builder import Builder
from instances.model import Floats, Model, VariableKind
from tuner.bilevel.linear import LinearProblem, Products, Terms
from tuner.bilevel.responder import X
from tuner.cost import Ties
from tuner.follower.reaction import common_step

WHOLE = 1e-9
"""How much short of an edge counts as reaching it."""
DIGITS = 30
"""Binary digits of an integer factor, at most."""


@dataclass(frozen=True)
class Limits:
    """Bounds of the joint model's columns, shape (n,), perhaps tighter than its own."""

    lower: Floats
    upper: Floats

    def of(self, terms: Mapping[int, float]) -> tuple[float, float]:
        """Return the least and the largest value of a linear expression of joint columns."""
        low = sum(c * (self.lower[j] if c > 0 else self.upper[j]) for j, c in terms.items() if c)
        high = sum(c * (self.upper[j] if c > 0 else self.lower[j]) for j, c in terms.items() if c)
        return float(low), float(high)


class Master:
    """A MILP over x, y and more columns that contains every bilevel feasible point not excluded, and few others."""

    def __init__(self, problem: LinearProblem, limits: Limits, ties: Ties, *, keep_y: bool = False) -> None:
        """Begin with the high-point relaxation.

        Args:
            problem: the bilevel problem.
            limits: bounds that hold for every bilevel feasible point.
            ties: what the leader assumes.
            keep_y: whether y stays in the model of a zero-sum game, too, which does without when it is cut.

        """
        without_y = problem.is_zero_sum and not keep_y
        self._problem, self._limits, self._ties = problem, limits, ties
        self._model = _builder(problem, limits, without_y)
        self._digits: dict[int, list[tuple[int, float]]] = {}
        self._products: dict[tuple[int, int], Terms] = {}
        self._cuts = 0
        self._worth: int | None = None
        """Of a zero-sum game: the column that stands for the follower's value, and y is not in the model."""
        self._step = problem.step
        if without_y:
            self._worth = self._model.add_column("worth", 0.0, -math.inf, math.inf)
            return
        for column, coefficient in self._linear(problem.upper_products).items():
            self._model.objective[column] += coefficient
        self._lower = self._over_y(
            problem.lower_products, dict(zip(problem.y.tolist(), problem.lower_objective.tolist(), strict=True))
        )
        self._upper = self._over_y(
            problem.upper_products, {j: float(problem.joint.objective[j]) for j in problem.y.tolist()}
        )

    @property
    def builder(self) -> Builder:
        """The MILP under construction, for more columns and rows."""
        return self._model

    @property
    def bounds(self) -> bool:
        """Whether the optimum is a bound of F: in a zero-sum game, from the first answer on."""
        return self._worth is None or self._model.objective[self._worth] != 0

    @property
    def model(self) -> Model:
        """The MILP as it is now; its first columns are the joint model's."""
        return self._model.build()

    def cut(self, y: Sequence[float]) -> bool:
        """Let the follower not accept less than what ``y`` gives it, wherever that is feasible.

        A pessimistic leader also gets no more than ``y`` leaves it, wherever nothing is better for the follower.

        Args:
            y: an answer of the follower, in the order of its columns.

        Returns False where the cut would need a bound that nothing has.

        """
        problem = self._problem
        answer = problem.answer(y)
        if self._worth is not None:
            # The follower does no worse than with this answer: it wants the value high where the leader wants it low.
            sign = 1.0 if problem.lower_maximise else -1.0
            row, room = self._difference({}, problem.lower_products, problem.lower_objective, answer, -sign)
            self._model.objective[self._worth] = 1.0
            return self._add({**row, self._worth: -sign}, room, ())
        escapes = self._escapes(answer)
        if escapes is None:
            return False
        sign = -1.0 if problem.lower_maximise else 1.0
        better, room = self._difference(self._lower, problem.lower_products, problem.lower_objective, answer, sign)
        if self._ties is Ties.PESSIMISTIC and self._step:
            self._cuts += 1
            spurned = self._model.add_binary(f"spurned {self._cuts}")
            better[spurned] = self._step
            self._limit_leader(answer, [*escapes, spurned])
        return self._add(better, room, escapes)

    def _limit_leader(self, answer: Floats, excuses: Sequence[int]) -> None:
        """Let F be no better than with this answer, and the answer satisfy C, unless one of the excuses holds."""
        problem, joint = self._problem, self._problem.joint
        sign = -1.0 if not problem.maximise else 1.0
        row, room = self._difference(self._upper, problem.upper_products, joint.objective[problem.y], answer, sign)
        self._add(row, room, excuses)
        inside = joint.activity(answer)
        for place in problem.upper_rows.tolist():
            terms = self._leader_terms(place)
            for side, sign in ((joint.row_upper, 1.0), (joint.row_lower, -1.0)):
                room = sign * (side[place] - inside[place])
                if math.isfinite(room):
                    self._add({column: sign * value for column, value in terms.items()}, room, excuses)

    def _difference(
        self, own: Terms, products: Products, objective: Floats, answer: Floats, sign: float
    ) -> tuple[Terms, float]:
        """Return terms and bound of the row: ``sign`` times an objective is no more than with the answer."""
        row = {column: sign * coefficient for column, coefficient in own.items()}
        for x, y, coefficient in zip(products.x.tolist(), products.y.tolist(), products.coefficient, strict=True):
            row[x] = row.get(x, 0.0) - sign * float(coefficient * answer[y])
        return row, sign * float(objective @ answer[self._problem.y])

    def _add(self, row: Terms, room: float, excuses: Sequence[int]) -> bool:
        """Add ``row <= room``, which holds unless one of the excuses is 1; False when nothing bounds the row."""
        if excuses:
            _, most = self._range(row)
            slack = most - room
            if slack <= 0:
                return True
            if not math.isfinite(slack):
                return False
            row = row | dict.fromkeys(excuses, 0.0)
            for digit in excuses:
                row[digit] -= slack
        self._cuts += 1
        self._model.add_row(f"cut {self._cuts}", row.items(), upper=room)
        return True

    def exclude(self, x: X) -> None:
        """Exclude one x of integers: it was looked at."""
        row: Terms = {}
        least = 1.0
        point = self._problem.point(x)
        for column in self._problem.x.tolist():
            left = round(point[column] - self._limits.lower[column])
            for digit, worth in reversed(self._digits_of(column)):
                if left >= worth:
                    left -= round(worth)
                    row[digit] = -1.0
                    least -= 1.0
                else:
                    row[digit] = 1.0
        self._cuts += 1
        self._model.add_row(f"excluded {self._cuts}", row.items(), lower=least)

    def _escapes(self, answer: Floats) -> list[int] | None:
        """Return a binary column for each row that x may make forbid the answer; None when a bound is missing.

        The column is 1 only where the row does.
        """
        problem, joint = self._problem, self._problem.joint
        inside = joint.activity(answer)
        found = []
        for row in problem.lower_rows.tolist():
            terms = self._leader_terms(row)
            if not terms:
                continue
            step = self._step_of(terms)
            low, high = self._limits.of(terms)
            for side, bound, sign in ((joint.row_upper, high, 1.0), (joint.row_lower, -low, -1.0)):
                edge = sign * (side[row] - inside[row])
                if not math.isfinite(edge):
                    continue
                if step:
                    edge = step * (math.floor(edge / step + 1e-7) + 1.0)
                if bound < edge - WHOLE:
                    continue  # no x goes so far
                other = -high if sign < 0 else low
                if not math.isfinite(other):
                    return None
                self._cuts += 1
                digit = self._model.add_binary(f"escape {self._cuts}")
                expression = [(column, sign * value) for column, value in terms.items()]
                self._model.add_row(f"escape {self._cuts}", [*expression, (digit, other - edge)], lower=other)
                found.append(digit)
        return found

    def _leader_terms(self, row: int) -> Terms:
        """Return what x contributes to a row of the joint model."""
        return {column: value for column, value in self._problem.joint.row(row).items() if column in self._leader}

    @cached_property
    def _leader(self) -> frozenset[int]:
        return frozenset(self._problem.x.tolist())

    def _step_of(self, terms: Terms) -> float:
        """Return a number of which every value of the expression is a multiple; 0 when there is none at hand."""
        kind = self._problem.joint.kind
        if any(kind[column] != VariableKind.INTEGER for column in terms):
            return 0.0
        return common_step(np.array(list(terms.values())))

    def _range(self, terms: Terms) -> tuple[float, float]:
        """Return limits of an expression of any columns."""
        low, high, kind = (np.array(values) for values in (self._model.lower, self._model.upper, self._model.kind))
        semi = kind >= VariableKind.SEMI_CONTINUOUS
        return Limits(np.where(semi, np.minimum(low, 0.0), low), np.where(semi, np.maximum(high, 0.0), high)).of(terms)

    def _linear(self, products: Products) -> Terms:
        """Return a linear expression for a sum of products."""
        total: Terms = {}
        for x, y, coefficient in zip(products.x, products.y, products.coefficient, strict=True):
            for column, value in self._product(int(x), int(y)).items():
                total[column] = total.get(column, 0.0) + float(coefficient) * value
        return total

    def _over_y(self, products: Products, linear: Terms) -> Terms:
        """Return a linear expression for what depends on y in an objective."""
        total = self._linear(products)
        for column, coefficient in linear.items():
            total[column] = total.get(column, 0.0) + coefficient
        return total

    def _product(self, x: int, y: int) -> Terms:
        """Return a linear expression for the product of two columns."""
        if (x, y) not in self._products:
            whole = [column for column in (x, y) if self._is_countable(column)]
            if whole:
                digital = min(whole, key=lambda column: self._limits.upper[column] - self._limits.lower[column])
                self._products[x, y] = self._by_digits(digital, y if digital == x else x)
            else:
                self._products[x, y] = self._relaxed(x, y)
        return self._products[x, y]

    def _is_countable(self, column: int) -> bool:
        width = self._limits.upper[column] - self._limits.lower[column]
        return bool(self._problem.joint.kind[column] == VariableKind.INTEGER and width < 2.0**DIGITS)

    def _by_digits(self, digital: int, other: int) -> Terms:
        low, high = float(self._limits.lower[other]), float(self._limits.upper[other])
        terms: Terms = {other: float(self._limits.lower[digital])}
        for digit, worth in self._digits_of(digital):
            terms[self._corners(digit, 0.0, 1.0, other, low, high)] = worth
        return terms

    def _relaxed(self, x: int, y: int) -> Terms:
        low, high = self._limits.lower, self._limits.upper
        return {self._corners(x, float(low[x]), float(high[x]), y, float(low[y]), float(high[y])): 1.0}

    def _corners(self, one: int, a: float, b: float, other: int, c: float, d: float) -> int:
        """Add a column for the product of one in [a, b] and other in [c, d], between its McCormick envelopes."""
        corners = [p * q for p in (a, b) for q in (c, d)]
        low, high = min(corners), max(corners)
        if not all(map(math.isfinite, corners)):
            low, high = -math.inf, math.inf
        model, name = self._model, f"product {one} {other}"
        z = model.add_column(name, 0.0, low, high)
        for number, (p, q, below) in enumerate(((a, c, True), (b, d, True), (b, c, False), (a, d, False))):
            # (one - p) (other - q) has one sign in the box: z >= (or <=) p other + q one - p q
            if math.isfinite(p) and math.isfinite(q):
                entries = [(z, 1.0), (other, -p), (one, -q)]
                edge = -p * q
                model.add_row(
                    f"{name} {number}", entries, lower=edge if below else -math.inf, upper=math.inf if below else edge
                )
        return z

    def _digits_of(self, column: int) -> list[tuple[int, float]]:
        """Return the binary columns of an integer column with what each is worth, above its lower bound."""
        if column not in self._digits:
            low, width = (
                float(self._limits.lower[column]),
                float(self._limits.upper[column] - self._limits.lower[column]),
            )
            if low == 0 and width == 1:
                self._digits[column] = [(column, 1.0)]
            else:
                worths = [2.0**place for place in range(max(1, math.ceil(math.log2(width + 1))))] if width else []
                digits = [(self._model.add_binary(f"digit {column} {worth:g}"), worth) for worth in worths]
                self._model.add_row(
                    f"digits {column}", [(column, 1.0), *((d, -worth) for d, worth in digits)], lower=low, upper=low
                )
                self._digits[column] = digits
        return self._digits[column]


def _builder(problem: LinearProblem, limits: Limits, without_y: bool) -> Builder:
    """Return the joint model under construction again, between these limits."""
    joint, left_out = problem.joint, np.zeros(problem.joint.columns, dtype=bool)
    left_out[problem.y] = without_y
    builder = Builder(joint.name, maximise=joint.maximise, offset=joint.offset)
    for j in range(joint.columns):
        builder.add_column(
            str(j),  # nobody reads these names, and ours must not meet the user's
            0.0 if left_out[j] else float(joint.objective[j]),
            0.0 if left_out[j] else float(limits.lower[j]),
            0.0 if left_out[j] else float(limits.upper[j]),
            VariableKind(joint.kind[j]),
        )
    for i in problem.upper_rows.tolist() if without_y else range(joint.rows):
        builder.add_row(str(i), joint.row(i).items(), lower=float(joint.row_lower[i]), upper=float(joint.row_upper[i]))
    return builder
