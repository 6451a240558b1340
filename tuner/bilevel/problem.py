"""What a bilevel problem is: the leader's variables, and for each choice of them what both levels face."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from instances.model import Model
from tuner.bilevel.responder import SECONDS, Responder, Response, X
from tuner.bilevel.workers import Workers
from tuner.cost import Ties
from tuner.errors import UsageError
from tuner.follower.reaction import Situation
from tuner.space import unknown

SHOWN = 12
"""Values of x that are told to people."""
NEAR = 1e-6
"""A value may be this far from one of its domain's, relative to a step of it or to 1."""


@dataclass(frozen=True)
class Variable:
    """A variable of the leader and the values it may take."""

    name: str
    lower: float
    upper: float
    step: float = 0.0
    """It takes ``lower``, ``lower + step``, ... up to ``upper``; 0 for every value between the two. (Steps are counted
    from 0 where there is no lower bound.)"""

    def __post_init__(self) -> None:
        for what, value in (("lower bound", self.lower), ("upper bound", self.upper), ("step", self.step)):
            if math.isnan(value):
                raise UsageError(f"variable {self.name}: its {what} is not a number")
        if self.lower > self.upper or self.lower == math.inf or self.upper == -math.inf:
            raise UsageError(
                f"variable {self.name}: no value is from {self.lower:g} to {self.upper:g}; mend its bounds"
            )
        if self.step < 0 or math.isinf(self.step):
            raise UsageError(f"variable {self.name}: the step {self.step:g} has to be positive, or 0 for every value")

    @property
    def count(self) -> float:
        """How many values it may take; infinite when they cannot be counted."""
        if self.lower == self.upper:
            return 1
        if not self.step or math.isinf(self.upper) or math.isinf(self.lower):
            return math.inf
        return 1 + math.floor((self.upper - self.lower) / self.step + NEAR)

    @property
    def origin(self) -> float:
        """Where steps are counted from."""
        return self.lower if math.isfinite(self.lower) else 0.0

    def at(self, place: int) -> float:
        """Return the value so many steps above the origin, rid of what floating point adds to it."""
        return self._inside(self.origin + place * self.step)

    def _inside(self, value: float) -> float:
        """Return a value with twelve digits, unless that takes it out of the bounds; no -0."""
        return min(max(float(f"{value:.12g}"), float(self.lower)), float(self.upper)) + 0.0

    def values(self) -> Iterator[float]:
        """Yield all values from below; only for a variable that has a finite count."""
        return (self.at(place) for place in range(int(self.count)))

    def nearest(self, value: float) -> float:
        """Return the value of the domain that is nearest to this one."""
        inside = min(max(value, self.lower), self.upper)
        if not self.step:
            return self._inside(inside)
        place = round((inside - self.origin) / self.step)
        if math.isfinite(self.upper):
            place = min(place, math.floor((self.upper - self.origin) / self.step + NEAR))
        return self.at(place)

    def admit(self, value: Any) -> float:
        """Return the value as the domain spells it; UsageError when it has none so near."""
        try:
            value = float(value)
        except (TypeError, ValueError):
            raise UsageError(f"variable {self.name}: {value!r} is no number") from None
        if not math.isfinite(value):
            raise UsageError(f"variable {self.name}: {value} is no value")
        nearest = self.nearest(value)
        if abs(nearest - value) > NEAR * (self.step or max(1.0, abs(value))):
            raise UsageError(f"variable {self.name}: {value:.12g} is not among {self}")
        return nearest

    def __str__(self) -> str:
        where = f"{self.lower:.12g} to {self.upper:.12g}"
        return f"{where} in steps of {self.step:.12g}" if self.step else where


def require_linear(name: str, model: Model) -> None:
    """Raise UsageError, naming the first one, for a model with indicator constraints or special ordered sets."""
    if len(model.indicator_row):
        row, column = model.row_names[model.indicator_row[0]], model.column_names[model.indicator_column[0]]
        what = f"row {row} holds only where {column} is {model.indicator_value[0]}"
    elif len(model.sos_type):
        what = f"{model.sos_names[0]} is a special ordered set"
    else:
        return
    raise UsageError(
        f"{name}: {what}; bilevel problems take linear rows only: write it as linear rows with binary variables"
    )


class Problem(ABC):
    """A bilevel problem. ``F`` is optimised over x and the follower's reaction to it."""

    def __init__(self, name: str, variables: Sequence[Variable], *, maximise: bool, ties: Ties) -> None:
        """Set what every problem has.

        Args:
            name: for people, and for the store.
            variables: of the leader, at least one, no two of a name.
            maximise: the sense of F.
            ties: which of the follower's optimal answers the leader assumes.

        Raises:
            UsageError: no variable, or a name twice.

        """
        if not variables:
            raise UsageError(f"{name}: the upper level has no variable, so there is nothing to choose")
        for variable, times in Counter(variable.name for variable in variables).items():
            if times > 1:
                raise UsageError(f"{name}: the upper level has {times} variables of the name {variable}")
        self.name = name
        self.variables = tuple(variables)
        self.maximise = maximise
        self.ties: Ties = ties

    @abstractmethod
    def respond(self, x: Mapping[str, Any] | Sequence[float], *, seed: int = 0) -> Response:
        """Return the follower's response to x, with both ends of its ties.

        Args:
            x: a value for each variable, by name or in their order.
            seed: of the follower's solver.

        Raises:
            UsageError: a name or a value is unknown or missing.

        """

    @abstractmethod
    def reaction_names(self, x: X) -> Sequence[str]:
        """Return what the follower's values at x are called, in the order of a reaction's ``y``."""

    @property
    def count(self) -> float:
        """How many x there are; infinite when they cannot be counted."""
        return math.prod(variable.count for variable in self.variables)

    def choice(self, x: Mapping[str, Any] | Sequence[float]) -> X:
        """Return x as the domains spell it.

        Raises:
            UsageError: a name or a value is unknown or missing.

        """
        if isinstance(x, Mapping):
            names = self._known_names(x)
            if missing := [name for name in names if name not in x]:
                raise UsageError(f"{self.name}: no value for {', '.join(missing)}")
            x = [x[name] for name in names]
        if len(x) != len(self.variables):
            raise UsageError(f"{self.name}: {len(x)} values for {len(self.variables)} variables")
        return tuple(variable.admit(value) for variable, value in zip(self.variables, x, strict=True))

    def _known_names(self, x: Iterable[str]) -> list[str]:
        """Return the variables' names; UsageError when x has another one."""
        names = [variable.name for variable in self.variables]
        for name in x:
            if name not in names:
                more = ", ..." if len(names) > SHOWN else ""
                has = ", ".join(names[:SHOWN]) + more
                raise UsageError(f"{self.name}: {unknown('variable', name, names)}; it has {has}")
        return names

    def named(self, x: X) -> Mapping[str, Any]:
        """Return the values by the names of their variables."""
        return {variable.name: value for variable, value in zip(self.variables, x, strict=True)}

    def words(self, x: X) -> str:
        """Return x for people: what is not 0 of it, a dozen at most."""
        told = [f"{name} = {value:.7g}" for name, value in self.named(x).items() if value]
        more = f", and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        return ", ".join(told[:SHOWN]) + more or "all 0"

    def is_better(self, one: float, other: float) -> bool:
        """Whether one value of F is strictly better than another."""
        return one > other if self.maximise else one < other


class ModelProblem(Problem):
    """A problem whose follower solves a MILP that x enters."""

    def __init__(
        self, name: str, variables: Sequence[Variable], *, maximise: bool, ties: Ties = Ties.OPTIMISTIC
    ) -> None:
        """Set what every such problem has; ``ties`` are optimistic or pessimistic, for the rest see `Problem`.

        Raises:
            UsageError: no variable, a name twice, or another kind of ties.

        """
        if ties is Ties.MEAN:
            raise UsageError("ties: a follower that has several optimal answers gives one: optimistic or pessimistic")
        super().__init__(name, variables, maximise=maximise, ties=ties)

    @abstractmethod
    def situation(self, x: X) -> Situation:
        """Return what both levels face once x is chosen, whose values are of the domains."""

    @property
    @abstractmethod
    def tolerance(self) -> float:
        """How much worse than its optimum the follower's objective may be in a tie, times max(1, |optimum|)."""

    def choices(self) -> Iterator[X]:
        """Yield every x; only where their count is finite."""
        return product(*(variable.values() for variable in self.variables))

    def named(self, x: X) -> dict[str, float]:
        """Return the values by the names of their variables."""
        return {variable.name: value for variable, value in zip(self.variables, x, strict=True)}

    def reaction_names(self, x: X) -> Sequence[str]:
        """Return the names of the follower's columns."""
        return self.situation(x).lower.column_names

    def respond(
        self,
        x: Mapping[str, float] | Sequence[float],
        *,
        seed: int = 0,
        solver: str = "highs",
        seconds: float = SECONDS,
    ) -> Response:
        """Return the follower's response to x, with both ends of its ties.

        Args:
            x: a value for each variable, by name or in their order.
            seed: of the solver.
            solver: highs, cp-sat or scip.
            seconds: wall seconds for it.

        Raises:
            UsageError: a name or a value is unknown or missing.

        """
        chosen = self.choice(x)
        with Workers() as workers:
            responder = Responder(self, workers, solver, seed, seconds)
            responder.submit(chosen, None)
            (response,) = responder.wait()
        return response


class FunctionProblem(ModelProblem):
    """A problem whose lower level is a function of x: any MILP of linear rows over y, with F and C linear in y."""

    def __init__(
        self,
        name: str,
        variables: Sequence[Variable],
        react: Callable[[Mapping[str, float]], Situation],
        *,
        maximise: bool,
        ties: Ties = Ties.OPTIMISTIC,
        tolerance: float = 1e-6,
    ) -> None:
        """Describe the problem.

        Args:
            name: for people, and for the store.
            variables: of the leader.
            react: returns what both levels face, from x by name. It is called for one x at a time and as often as it
                pleases the solver, and has to return the same for the same x.
            maximise: the sense of F, the same as in what ``react`` returns.
            ties: optimistic, or pessimistic.
            tolerance: how much worse than its optimum the follower's objective may be in a tie, times
                max(1, |optimum|); 0 for whole numbers.

        """
        super().__init__(name, variables, maximise=maximise, ties=ties)
        if not 0 <= tolerance < 1:
            raise UsageError(f"{name}: the tolerance {tolerance:g} has to be from 0 to below 1")
        self._react = react
        self._tolerance = tolerance

    @property
    def tolerance(self) -> float:
        """As it was given."""
        return self._tolerance

    def situation(self, x: X) -> Situation:
        """Return what the function says, once it was looked at."""
        found = self._react(self.named(x))
        if not isinstance(found, Situation):
            raise UsageError(f"{self.name}: the lower level has to return a Situation, not {type(found).__name__}")
        lower, upper = found.lower, found.upper
        for model in (lower, upper):
            require_linear(self.name, model)
        if lower.column_names != upper.column_names:
            raise UsageError(
                f"{self.name}: at {self.named(x)} the two levels differ in their columns y: "
                f"{lower.columns} and {upper.columns}, or other names"
            )
        if upper.maximise is not self.maximise:
            sense = "maximise" if self.maximise else "minimise"
            raise UsageError(f"{self.name}: F was said to {sense}, and the situation at {self.named(x)} says otherwise")
        return found
