"""Bilevel problems whose levels are linear in y, and affine in x or linear in products of one x and one y.

The data are those of a MIBLP: one model over x and y with the leader's objective, which is the high-point relaxation;
which of its columns and rows are the follower's; and the follower's objective. Products of the leader's and the
follower's variables may be in both objectives: what a toll brings, what an interdicted item is worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instances.model import Floats, Model, VariableKind
from tuner.bilevel.problem import ModelProblem, Variable, require_linear
from tuner.bilevel.responder import X
from tuner.cost import Ties
from tuner.errors import UsageError
from tuner.follower.reaction import TOLERANCE, Situation, common_step

Places = NDArray[np.intp]
Terms = dict[int, float]
"""A linear expression: column to coefficient."""


LEAST = 1e-8
"""Of a coefficient of rows and products, but for 0."""


@dataclass(frozen=True, eq=False)
class Products:
    """A sum of ``coefficient * x * y``, all of shape (terms,)."""

    x: Places
    """Columns of the leader in the joint model."""
    y: Places
    """Columns of the follower in the joint model."""
    coefficient: Floats

    @classmethod
    def of(cls, terms: Mapping[tuple[int, int], float]) -> Products:
        """Return the sum over (column of x, column of y) to coefficient."""
        kept = {pair: value for pair, value in terms.items() if value}
        pairs = np.array(list(kept), dtype=np.intp).reshape(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1], np.array(list(kept.values()), dtype=float))

    def slope(self, point: Floats) -> Floats:
        """Return by which coefficients y enters once x is fixed at a point of the joint model, over its columns."""
        slope = np.zeros(len(point))
        np.add.at(slope, self.y, self.coefficient * point[self.x])
        return slope

    def __bool__(self) -> bool:
        """Whether there are any terms."""
        return len(self.coefficient) > 0


NONE = Products.of({})


@dataclass(frozen=True)
class Unit:
    """What a column of the leader means: ``origin + step * column``."""

    origin: float = 0.0
    step: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.origin) and 0 < self.step < math.inf):
            raise UsageError(f"a unit begins at a number and has positive steps, not {self.origin:g} and {self.step:g}")

    def value(self, steps: float) -> float:
        """Return what so many steps mean."""
        return float(f"{self.origin + self.step * steps:.12g}") + 0.0  # no -0

    def steps(self, value: float) -> float:
        """Return how many steps a value is."""
        return float(f"{(value - self.origin) / self.step:.12g}") + 0.0


class LinearProblem(ModelProblem):
    """A mixed-integer bilevel linear problem, with products of x and y allowed in both objectives."""

    def __init__(
        self,
        joint: Model,
        lower_columns: Sequence[int],
        lower_rows: Sequence[int],
        lower_objective: Sequence[float] | Floats,
        *,
        lower_maximise: bool = False,
        upper_products: Products = NONE,
        lower_products: Products = NONE,
        units: Mapping[int, Unit] | None = None,
        ties: Ties = Ties.OPTIMISTIC,
    ) -> None:
        """Describe the problem.

        Args:
            joint: over x and y: the leader's objective and sense, the rows of both levels.
            lower_columns: which columns are y.
            lower_rows: which rows are the follower's; the others are the coupling constraints C.
            lower_objective: the follower's coefficients, in the order of ``lower_columns``.
            lower_maximise: the follower's sense.
            upper_products: terms x * y of the leader's objective, by columns of ``joint``.
            lower_products: the same of the follower's.
            units: of columns of the leader that count steps: then the variable's values are what the steps mean.
            ties: optimistic, or pessimistic.

        Raises:
            UsageError: columns or rows that do not exist or stand there twice, a variable of the leader that has no
                value, an indicator constraint or a special ordered set.

        """
        require_linear(joint.name, joint)
        self.joint = joint
        self.y = _places(lower_columns, joint.columns, "column", joint.name)
        self.lower_rows = np.sort(_places(lower_rows, joint.rows, "row", joint.name))
        self.x = np.setdiff1d(np.arange(joint.columns), self.y)
        self.upper_rows = np.setdiff1d(np.arange(joint.rows), self.lower_rows)
        self.lower_objective = np.asarray(lower_objective, dtype=float)
        self.lower_maximise = lower_maximise
        self.upper_products, self.lower_products = upper_products, lower_products
        if self.lower_objective.shape != self.y.shape:
            raise UsageError(
                f"{joint.name}: {len(self.lower_objective)} coefficients of the follower's objective for "
                f"{len(self.y)} variables of it"
            )
        if not np.isfinite(self.lower_objective).all():
            raise UsageError(f"{joint.name}: a coefficient of the follower's objective is not finite")
        for what, numbers in (
            ("row", joint.value),
            ("product", upper_products.coefficient),
            ("product", lower_products.coefficient),
        ):
            tiny = numbers[(numbers != 0) & (np.abs(numbers) < LEAST)]
            if len(tiny):
                raise UsageError(
                    f"{joint.name}: a coefficient of a {what} is {tiny[0]:g}; solvers take what is below {LEAST:g} "
                    "for 0: choose other units, or a larger step"
                )
        order = np.argsort(self.y)
        self.y, self.lower_objective = self.y[order], self.lower_objective[order]
        for products in (upper_products, lower_products):
            if not (np.isin(products.x, self.x).all() and np.isin(products.y, self.y).all()):
                raise UsageError(
                    f"{joint.name}: a product is of one of the leader's variables and one of the follower's"
                )
            if np.any(joint.kind[products.y] >= VariableKind.SEMI_CONTINUOUS):
                raise UsageError(f"{joint.name}: a product takes no semi-continuous variable; use one and a binary one")
            if not np.isfinite(products.coefficient).all():
                raise UsageError(f"{joint.name}: a coefficient of a product is not finite")
        empty = self.y[joint.lower[self.y] > joint.upper[self.y]]
        if len(empty):
            name, low, high = joint.column_names[empty[0]], joint.lower[empty[0]], joint.upper[empty[0]]
            raise UsageError(f"{joint.name}: variable {name} of the follower has no value: from {low:g} to {high:g}")
        given = units or {}
        if wrong := set(given) - set(self.x.tolist()):
            raise UsageError(f"{joint.name}: column {min(wrong)} has a unit, and is none of the leader's")
        self._units = [given.get(column, Unit()) for column in self.x.tolist()]
        super().__init__(
            joint.name,
            [_variable(joint, column, unit) for column, unit in zip(self.x.tolist(), self._units, strict=True)],
            maximise=joint.maximise,
            ties=ties,
        )

    def with_ties(self, ties: Ties) -> LinearProblem:
        """Return the same problem of a leader that assumes other ties."""
        other = copy(self)
        other.ties = ties
        return other

    @cached_property
    def is_zero_sum(self) -> bool:
        """Whether the leader wants what the follower wants least, and x changes only what y is worth.

        Then F is the follower's value for every x, and all of the follower's solutions are feasible for all x.
        """
        row, column = self._entries
        entering = np.isin(row, self.lower_rows) & np.isin(column, self.x)
        coupled = np.isin(row, self.upper_rows) & np.isin(column, self.y)
        upper, lower = self.upper_products, self.lower_products
        return bool(
            self.maximise is not self.lower_maximise
            and not entering.any()
            and not coupled.any()
            and np.array_equal(self.joint.objective[self.y], self.lower_objective)
            and np.array_equal(upper.x, lower.x)
            and np.array_equal(upper.y, lower.y)
            and np.array_equal(upper.coefficient, lower.coefficient)
        )

    @cached_property
    def upper_step(self) -> float:
        """By how much different values of F differ at least; 0 when unknown."""
        integer = self.joint.kind == VariableKind.INTEGER
        products = self.upper_products
        used = self.joint.objective != 0
        whole = np.all(integer[used]) and np.all(integer[products.x]) and np.all(integer[products.y])
        return common_step(np.concatenate((self.joint.objective[used], products.coefficient))) if whole else 0.0

    @cached_property
    def step(self) -> float:
        """By how much different values of the follower's objective differ at least, whatever x is; 0 when unknown."""
        integer = self.joint.kind == VariableKind.INTEGER
        products = self.lower_products
        whole = np.all(integer[self.y[self.lower_objective != 0]]) and np.all(integer[products.x])
        whole &= np.all(integer[products.y])
        return common_step(np.concatenate((self.lower_objective, products.coefficient))) if whole else 0.0

    @property
    def tolerance(self) -> float:
        """0 when the values of the follower's objective are apart by a step; else the usual one."""
        return 0.0 if self.step else TOLERANCE

    def point(self, x: X, y: Sequence[float] | Floats | None = None) -> Floats:
        """Return a point of the joint model; y is 0 unless given."""
        point = np.zeros(self.joint.columns)
        point[self.x] = [unit.steps(value) for unit, value in zip(self._units, x, strict=True)]
        if y is not None:
            point[self.y] = y
        return point

    def answer(self, y: Sequence[float] | Floats) -> Floats:
        """Return a point of the joint model that has this y and 0 elsewhere, integers made whole."""
        point = np.zeros(self.joint.columns)
        point[self.y] = y
        integer = self.joint.kind == VariableKind.INTEGER
        point[integer] = np.rint(point[integer])
        return point

    def x_of(self, point: Floats) -> X:
        """Return the choice that is nearest to a point of the joint model, or of a model that begins with it."""
        return tuple(
            variable.nearest(unit.value(float(point[column])))
            for variable, unit, column in zip(self.variables, self._units, self.x.tolist(), strict=True)
        )

    def objective(self, point: Floats) -> float:
        """Return F at a point of the joint model."""
        return float((self.joint.objective + self.upper_products.slope(point)) @ point) + self.joint.offset

    def lower_value(self, point: Floats) -> float:
        """Return the follower's objective at a point of the joint model."""
        return float(self.lower_objective @ point[self.y] + self.lower_products.slope(point) @ point)

    def bounded(self, lower: Floats, upper: Floats) -> list[Variable]:
        """Return the leader's variables between these bounds of the joint model's columns."""
        return [
            Variable(variable.name, unit.value(float(lower[column])), unit.value(float(upper[column])), variable.step)
            for variable, unit, column in zip(self.variables, self._units, self.x.tolist(), strict=True)
        ]

    def lower_coefficients(self, point: Floats) -> Floats:
        """Return the follower's coefficients over y, with x as it is in a point of the joint model."""
        return self.lower_objective + self.lower_products.slope(point)[self.y]

    def situation(self, x: X) -> Situation:
        """Return what both levels face once x is chosen."""
        joint, fixed = self.joint, self.point(x)
        moved = joint.activity(fixed)
        lower = self._over_y(
            self.lower_rows,
            moved,
            self.lower_coefficients(fixed),
            0.0,
            self.lower_maximise,
        )
        objective = joint.objective + self.upper_products.slope(fixed)
        offset = float(joint.objective[self.x] @ fixed[self.x]) + joint.offset
        return Situation(lower, self._over_y(self.upper_rows, moved, objective[self.y], offset, joint.maximise))

    @cached_property
    def _entries(self) -> tuple[Places, Places]:
        """Row and column of every entry of the joint matrix."""
        joint = self.joint
        return np.repeat(np.arange(joint.rows), np.diff(joint.row_start)), joint.column_index.astype(np.intp)

    def _over_y(self, rows: Places, moved: Floats, objective: Floats, offset: float, maximise: bool) -> Model:
        """Return the model of these rows over the columns y, what x contributes moved to the bounds of the rows."""
        joint, (row, column) = self.joint, self._entries
        position = np.full(joint.columns, -1)
        position[self.y] = np.arange(len(self.y))
        number = np.full(joint.rows, -1)
        number[rows] = np.arange(len(rows))
        kept = (number[row] >= 0) & (position[column] >= 0)
        counts = np.bincount(number[row[kept]], minlength=len(rows))
        return Model(
            name=joint.name,
            maximise=maximise,
            offset=offset,
            objective=objective,
            lower=joint.lower[self.y],
            upper=joint.upper[self.y],
            kind=joint.kind[self.y],
            row_lower=joint.row_lower[rows] - moved[rows],
            row_upper=joint.row_upper[rows] - moved[rows],
            row_start=np.concatenate(([0], np.cumsum(counts))).astype(np.int32),
            column_index=position[column[kept]].astype(np.int32),
            value=joint.value[kept],
            column_names=tuple(joint.column_names[place] for place in self.y),
            row_names=tuple(joint.row_names[place] for place in rows),
        )


def _places(given: Sequence[int], count: int, what: str, name: str) -> Places:
    places = np.array(given, dtype=np.intp)
    wrong = places[(places < 0) | (places >= count)]
    if len(wrong):
        raise UsageError(
            f"{name}: the follower is said to have {what} {wrong[0]}; they are numbered from 0 to {count - 1}"
        )
    if len(np.unique(places)) < len(places):
        raise UsageError(f"{name}: a {what} of the follower stands there twice")
    return places


def _variable(joint: Model, column: int, unit: Unit) -> Variable:
    kind = joint.kind[column]
    if kind not in (VariableKind.CONTINUOUS, VariableKind.INTEGER):
        raise UsageError(
            f"{joint.name}: variable {joint.column_names[column]} of the leader is semi-continuous; "
            "make it continuous with a binary one"
        )
    lower, upper = float(joint.lower[column]), float(joint.upper[column])
    if kind == VariableKind.INTEGER:
        lower, upper = float(np.ceil(lower - 1e-9)), float(np.floor(upper + 1e-9))
    step = unit.step if kind == VariableKind.INTEGER else 0.0
    return Variable(joint.column_names[column], unit.value(lower), unit.value(upper), step)
