"""Section BOUNDS of an MPS file: what the bounds of a column come to, and what kind of variable they make it."""

from __future__ import annotations

from instances.builder import INFINITY, Builder
from instances.model import VariableKind
from instances.mps_fields import Problem

SENSES = {"UP": "<=", "LO": ">=", "FX": "=", "LI": ">=", "UI": "<=", "SC": "<=", "SI": "<="}
"""What a bound's value says of its column, by the type of bound."""
VALUED = tuple(SENSES)
"""The types of bounds that have a value."""
VALUELESS = ("FR", "MI", "PL", "BV")
_KINDLESS = ("UP", "LO", "FX", "FR", "MI", "PL")
"""Those that say nothing of the column's kind."""

_Given = dict[int, tuple[str, float]]


class Bounds:
    """The bounds that were read so far, and the kinds of the builder's columns."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._lower: _Given = {}
        """By column, the type of bound that said it and its value."""
        self._upper: _Given = {}
        self.marked: set[int] = set()
        """The columns between integer markers."""

    def add(self, type: str, name: str, column: int, value: float) -> None:
        """Take in a bound of a column; Problem when it contradicts one before it, or solvers differ on the two."""
        for given, side in zip((self._lower, self._upper), _sides(type, value), strict=True):
            if side is not None:
                self._set(given, name, column, type, side)
        self._builder.kind[column] = _kind(type, VariableKind(self._builder.kind[column]), name)

    def has(self, type: str, column: int) -> bool:
        """Return whether a bound of this type would add nothing, as all that it says was given."""
        low, high = _sides(type, 0.0)
        return type in _KINDLESS and (low is None or column in self._lower) and (high is None or column in self._upper)

    def of(self, name: str, column: int) -> tuple[float, float]:
        """Return the lower and upper bound of a column, once all are read.

        Raises:
            ValueError: solvers differ on what is not given.

        """
        low, high = (given[column][1] if column in given else None for given in (self._lower, self._upper))
        if low is None and high is not None and high < 0:
            if self._builder.kind[column] in (VariableKind.SEMI_CONTINUOUS, VariableKind.SEMI_INTEGER):
                raise ValueError(
                    f"the semi-continuous column {name!r} has the upper bound {high:g} and no lower bound: Gurobi "
                    "takes -inf for that, CPLEX 1, HiGHS and SCIP 0; give it a bound LO or MI"
                )
            low = -INFINITY
        if low is None and high is None and column in self.marked:
            high = 1.0
        return 0.0 if low is None else low, INFINITY if high is None else high

    def _set(self, given: _Given, name: str, column: int, type: str, value: float) -> None:
        first = given.setdefault(column, (type, value))
        if first == (type, value):
            return
        if first[1] != value:
            side = "lower" if given is self._lower else "upper"
            raise Problem(
                f"column {name!r} has two {side} bounds, {_shown(*first)} and {_shown(type, value)}: CPLEX refuses "
                "that, the others keep the first or the last; leave one out"
            )
        raise Problem(
            f"column {name!r} has a bound {type} where it has {first[0]} already: CPLEX refuses that, the others keep "
            "the first or the second; leave one out"
        )


def _shown(type: str, value: float) -> str:
    return f"{type} {value:g}" if type in VALUED else type


def _sides(type: str, value: float) -> tuple[float | None, float | None]:
    """Return what a bound says of the lower and of the upper side."""
    match type:
        case "UP" | "UI" | "SC" | "SI":
            return None, value
        case "LO" | "LI":
            return value, None
        case "FX":
            return value, value
        case "FR":
            return -INFINITY, INFINITY
        case "MI":
            return -INFINITY, None
        case "PL":
            return None, INFINITY
    return 0.0, 1.0


def _kind(type: str, kind: VariableKind, name: str) -> VariableKind:
    """Return what kind of variable a column is with a further bound."""
    if type in _KINDLESS:
        return kind
    whole = kind in (VariableKind.INTEGER, VariableKind.SEMI_INTEGER)
    if type in ("SC", "SI"):
        return VariableKind.SEMI_INTEGER if whole or type == "SI" else VariableKind.SEMI_CONTINUOUS
    if kind in (VariableKind.SEMI_CONTINUOUS, VariableKind.SEMI_INTEGER):
        raise Problem(
            f"semi-continuous column {name!r} has the bound {type} too: CPLEX and SCIP take it for semi-integer, "
            "Gurobi and HiGHS for integer; say SI for the one, leave SC or SI out for the other"
        )
    return VariableKind.INTEGER
