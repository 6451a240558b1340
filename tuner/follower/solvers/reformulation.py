"""Indicator constraints and special ordered sets as linear rows, for solvers that have neither.

A row that must hold only where a binary b has a value gets a term in b that is large enough to make it say nothing
where b has the other one (a big M). A set gets binaries that tell which members may be nonzero. Both need bounds of the
columns concerned, the model's own or those that its rows imply; they are calculated exactly and rounded outwards, so
that no point is lost. A model without such bounds is refused.

A solver takes a binary of 1e-6 for zero, and M times that gets through. So M has a limit, and where an answer does not
meet the model itself, the model is solved again with the integers fixed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from instances.model import Floats, Model, VariableKind
from storage.records import Claim
from tuner.follower.check import OBJECTIVE, violation
from tuner.follower.solvers.implied import Bounds
from tuner.ports import Answer


class NotLinear(ValueError):
    """A model has no exact linear reformulation within the limits. The message names the row or set and the column."""


def refusal(model: Model, largest: float) -> str:
    """Return why a model cannot be made linear, within the limit of `linear`; empty when it can."""
    try:
        linear(model, largest)
    except NotLinear as error:
        return str(error)
    return ""


def linear(model: Model, largest: float) -> Model:
    """Return a linear model whose points, cut off after the model's columns, are those of the model.

    Raises NotLinear when that takes the bound of a column that has none, or an M that is more than ``largest`` times as
    large as the other coefficients of its row.
    """
    if model.is_linear:
        return model
    return _Reformulation(model, largest).model()


def solve_linear(model: Model, largest: float, limit: float, solve: Callable[[Model, float], Answer]) -> Answer:
    """Have a model solved by a solver of linear ones, and return the answer for the model itself.

    Args:
        model: any model.
        largest: the limit of `linear`.
        limit: wall seconds.
        solve: solves a linear model in so many wall seconds.

    Raises NotLinear when the model cannot be made linear.

    """
    if model.is_linear:
        return solve(model, limit)
    started = time.perf_counter()
    whole = linear(model, largest)
    found = solve(whole, max(0.0, limit - (time.perf_counter() - started)))
    answer = _cut(found, model)
    if found.point is None or answer.point is None or not violation(model, answer.point):
        return answer
    fixed = _cut(solve(_fixed(whole, found.point), max(0.0, limit - (time.perf_counter() - started))), model)
    if fixed.point is None or violation(model, fixed.point):
        words = f"{answer.raw_status}, but for binaries that are not quite 0 or 1"
        return replace(answer, claim=Claim.NOTHING, raw_status=words, objective=None, bound=None, point=None)
    assert fixed.objective is not None
    assert answer.objective is not None
    loss = (answer.objective - fixed.objective) * (1 if model.maximise else -1)
    return replace(
        answer,
        claim=answer.claim if loss <= OBJECTIVE * max(1.0, abs(answer.objective)) else Claim.FEASIBLE,
        raw_status=f"{answer.raw_status}, solved again with its integers fixed",
        objective=fixed.objective,
        point=fixed.point,
    )


def _cut(answer: Answer, model: Model) -> Answer:
    return answer if answer.point is None else replace(answer, point=answer.point[: model.columns])


def _fixed(model: Model, point: Floats) -> Model:
    """Return a linear model with its integer columns fixed at a point, rounded."""
    whole = (model.kind == VariableKind.INTEGER) | (model.kind == VariableKind.SEMI_INTEGER)
    return replace(
        model,
        lower=np.where(whole, np.rint(point), model.lower),
        upper=np.where(whole, np.rint(point), model.upper),
        kind=np.where(whole, VariableKind.CONTINUOUS, model.kind).astype(np.uint8),
    )


@dataclass
class _Rows:
    """Rows that are added to a model, or stand in place of some of its own."""

    names: list[str] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, name: str, entries: dict[int, float], lower: float = -math.inf, upper: float = math.inf) -> None:
        """Add a row."""
        entries = {column: value for column, value in entries.items() if value}
        self.names.append(name)
        self.lower.append(lower)
        self.upper.append(upper)
        self.sizes.append(len(entries))
        self.columns += entries
        self.values += entries.values()


class _Reformulation:
    """A linear model under construction."""

    def __init__(self, model: Model, largest: float) -> None:
        self._model = model
        self._largest = largest
        self._bounds = Bounds(model)
        self._rows = _Rows()
        self._binaries: list[str] = []
        self._flags: dict[int, int] = {}

    def model(self) -> Model:
        model = self._model
        for row, column, value in zip(
            model.indicator_row.tolist(), model.indicator_column.tolist(), model.indicator_value.tolist(), strict=True
        ):
            self._add_indicator(row, column, value)
        for number, type in enumerate(model.sos_type.tolist()):
            members = model.sos_column[model.sos_start[number] : model.sos_start[number + 1]].tolist()
            (self._add_one if type == 1 else self._add_two)(model.sos_names[number], members)
        return self._assembled()

    def _add_indicator(self, row: int, binary: int, value: int) -> None:
        model, name = self._model, self._model.row_names[row]
        bounds = self._bounds
        possible = [number for number in (0, 1) if bounds.lower[binary] <= number <= bounds.upper[binary]]
        entries, lower, upper = model.row(row), float(model.row_lower[row]), float(model.row_upper[row])
        if possible == [value]:
            self._rows.add(name, entries, lower, upper)
        if len(possible) < 2:
            return
        negated = {column: -coefficient for column, coefficient in entries.items()}
        for side, these, bound in (("upper", entries, upper), ("lower", negated, -lower)):
            if bound < math.inf:
                self._add_switched(f"{name}.{side}", row, these, bound, binary, value)

    def _add_switched(
        self, name: str, row: int, entries: dict[int, float], upper: float, binary: int, value: int
    ) -> None:
        """Add ``entries @ x <= upper`` for where the binary has the value."""
        rest = {column: coefficient for column, coefficient in entries.items() if column != binary}
        if self._is_whole(entries):
            upper = float(math.floor(upper))
        # What the rest may be where the binary has the value, and where it has the other one.
        allowed = Fraction(upper) - Fraction(entries.get(binary, 0.0)) * value
        where = f"row {self._model.row_names[row]} holds only where {self._model.column_names[binary]} is {value}"
        highest = _exact_sum((a, self._needed(column, a > 0, where)) for column, a in rest.items())
        if highest <= allowed:
            return
        if rest:
            self._admit(float(highest - allowed) / max(map(abs, rest.values())), where)
        if value:
            top = _up(highest)
            self._rows.add(name, rest | {binary: -_up(allowed - Fraction(top))}, upper=top)
        else:
            self._rows.add(name, rest | {binary: -_up(highest - allowed)}, upper=float(allowed))

    def _add_one(self, name: str, members: list[int]) -> None:
        """Let at most one member be nonzero."""
        members = [column for column in members if self._bounds.lower[column] or self._bounds.upper[column]]
        if len(members) > 1:
            self._rows.add(name, {self._flag(name, column): 1.0 for column in members}, upper=1.0)

    def _flag(self, name: str, column: int) -> int:
        """Return a binary that is 1 where a column is nonzero: the column itself when it is one."""
        is_whole = self._model.kind[column] == VariableKind.INTEGER
        if is_whole and self._bounds.lower[column] >= 0 and self._bounds.upper[column] <= 1:
            return column
        if column not in self._flags:
            binary = self._flags[column] = self._new(f"{self._model.column_names[column]}.nonzero")
            self._tie(name, column, [binary])
        return self._flags[column]

    def _add_two(self, name: str, members: list[int]) -> None:
        """Let at most two members be nonzero, which are neighbours: a binary for each two neighbours."""
        if len(members) < 3:
            return
        pairs = [self._new(f"{name}.{place}") for place in range(len(members) - 1)]
        self._rows.add(name, dict.fromkeys(pairs, 1.0), 1.0, 1.0)
        for place, column in enumerate(members):
            self._tie(name, column, pairs[max(0, place - 1) : place + 1])

    def _tie(self, name: str, column: int, binaries: list[int]) -> None:
        """Have a column be zero where all these binaries are; one of them at most is 1."""
        where = f"special ordered set {name} has the member {self._model.column_names[column]}"
        label = f"{name}.{self._model.column_names[column]}"
        for upwards, side in ((True, "upper"), (False, "lower")):
            bound = self._needed(column, upwards, where)
            if bound <= 0 if upwards else bound >= 0:
                continue  # by its own bound the column is at most, or at least, zero
            self._admit(abs(bound), where)
            entries = {column: 1.0, **dict.fromkeys(binaries, -bound)}
            if upwards:
                self._rows.add(f"{label}.{side}", entries, upper=0.0)
            else:
                self._rows.add(f"{label}.{side}", entries, lower=0.0)

    def _new(self, name: str) -> int:
        self._binaries.append(name)
        return self._model.columns + len(self._binaries) - 1

    def _needed(self, column: int, upwards: bool, where: str) -> float:
        bounds = self._bounds.upper if upwards else self._bounds.lower
        if math.isinf(bounds[column]):
            self._bounds.extend()
        if math.isinf(bounds[column]):
            side, name = ("upper" if upwards else "lower"), self._model.column_names[column]
            raise NotLinear(f"{where}, and {name} has no {side} bound: give it one, or use scip")
        return float(bounds[column])

    def _admit(self, ratio: float, where: str) -> None:
        """Raise NotLinear when M is too large beside the largest of the other coefficients: that is what gets through.

        What a binary of 1e-6 lets through is 1e-6 M, and the columns take it by their own coefficients.
        """
        if ratio > self._largest:
            raise NotLinear(
                f"{where}: as a linear row, that takes a coefficient {ratio:.4g} times as large as the others; above "
                f"{self._largest:g} times answers are unreliable: give its columns tighter bounds, or use scip"
            )

    def _is_whole(self, entries: dict[int, float]) -> bool:
        """Whether a row's activity is an integer at every point."""
        kind = self._model.kind
        return all(
            coefficient.is_integer() and kind[column] in (VariableKind.INTEGER, VariableKind.SEMI_INTEGER)
            for column, coefficient in entries.items()
        )

    def _assembled(self) -> Model:
        model, rows, extra = self._model, self._rows, len(self._binaries)
        kept = model.unconditional
        entries = np.repeat(kept, np.diff(model.row_start))
        sizes = np.concatenate((np.diff(model.row_start)[kept], rows.sizes))
        return Model(
            name=model.name,
            maximise=model.maximise,
            offset=model.offset,
            objective=np.concatenate((model.objective, np.zeros(extra))),
            lower=np.concatenate((model.lower, np.zeros(extra))),
            upper=np.concatenate((model.upper, np.ones(extra))),
            kind=np.concatenate((model.kind, np.full(extra, VariableKind.INTEGER, dtype=np.uint8))),
            row_lower=np.concatenate((model.row_lower[kept], rows.lower)),
            row_upper=np.concatenate((model.row_upper[kept], rows.upper)),
            row_start=np.concatenate(([0], np.cumsum(sizes))).astype(np.int32),
            column_index=np.concatenate((model.column_index[entries], rows.columns)).astype(np.int32),
            value=np.concatenate((model.value[entries], rows.values)),
            column_names=(*model.column_names, *self._binaries),
            row_names=(*(name for name, is_kept in zip(model.row_names, kept, strict=True) if is_kept), *rows.names),
        )


def _exact_sum(products: Iterable[tuple[float, float]]) -> Fraction:
    """Return the sum of the products of two finite doubles, exactly."""
    numerators: dict[int, int] = {}
    for one, other in products:
        n, d = one.as_integer_ratio()
        m, e = other.as_integer_ratio()
        numerators[d * e] = numerators.get(d * e, 0) + n * m
    # Few fractions: adding these is what takes time.
    return sum((Fraction(numerator, denominator) for denominator, numerator in numerators.items()), Fraction(0))


def _up(number: Fraction) -> float:
    """Return the least double that is not below a number."""
    nearest = float(number)
    return nearest if Fraction(nearest) >= number else math.nextafter(nearest, math.inf)
