"""Parameter spaces: domains, conditions, forbidden combinations and the canonical form of a configuration.

A space is written as TOML, the built-in ones (``tuner/follower/solvers/*.toml``) and a user's ``--space`` file alike::

    [highs.mip_heuristic_effort]
    type = "float"                  # boolean, integer, float or choice
    range = [0.0, 1.0]              # integer and float; for choice: values = ["off", "choose", "on"]
    log = false                     # integer and float: search on a logarithmic scale
    default = 0.05
    meaning = "share of the effort spent in heuristics"
    when = { presolve = ["on"] }    # only active when the other parameters have one of these values

    [scip."heuristics/alns/freq"]   # without a value of its own it is what an emphasis makes of it
    type = "choice"                 # boolean or choice
    values = [-1, 20]
    default = 20                    # the solver's own, while the emphasis is at its default
    follows = ["heuristics/emphasis"]

    [[forbidden]]                   # never both at once
    solver = "highs"
    values = { presolve = "off", mip_detect_symmetry = true }

    [[preset]]                      # worth trying before anything else
    solver = "highs"
    meaning = "branch and bound alone"
    values = { mip_allow_restart = false, mip_heuristic_run_rins = false }

An emphasis is one parameter that sets many others. One that follows it takes the value `FOLLOW` beside its own, which
is its default and never reaches the solver: what is not set stays as the emphasis left it, and what is set overrides
it, the solver's own default included.

A user's file adds to the built-in space of a solver or replaces parameters there; its conditions, forbidden
combinations and presets may name the built-in parameters too, and its presets come before the built-in ones.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from storage.records import Configuration, Value, spell
from tuner.commands import command
from tuner.documents import read_toml
from tuner.errors import UsageError

FOLLOW = "follow"
"""The value of a parameter that follows an emphasis, when it is not set: it is as the emphasis says."""


@dataclass(frozen=True)
class Boolean:
    """True or false."""

    def contains(self, value: Value) -> bool:
        """Whether the value is of this domain."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "true, false"


@dataclass(frozen=True)
class Integer:
    """An integer from low to high, both included."""

    low: int
    high: int
    log: bool = False

    def contains(self, value: Value) -> bool:
        """Whether the value is of this domain."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low} .. {self.high}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Float:
    """A real number from low to high, both included."""

    low: float
    high: float
    log: bool = False

    def contains(self, value: Value) -> bool:
        """Whether the value is of this domain."""
        return isinstance(value, float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} .. {self.high:g}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """One of a few values, in no particular order."""

    values: tuple[Value, ...]

    def contains(self, value: Value) -> bool:
        """Whether the value is of this domain."""
        return any(value == own and type(value) is type(own) for own in self.values)

    def __str__(self) -> str:
        return ", ".join(spell(value) for value in self.values)


Domain = Boolean | Integer | Float | Choice


@dataclass(frozen=True)
class Parameter:
    """One parameter of a solver."""

    name: str
    domain: Domain
    default: Value
    meaning: str = ""
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """Active only when each of these other parameters has one of these values."""
    follows: tuple[str, ...] = ()
    """The emphases that set it when it is at `FOLLOW`, its default then."""
    usual: Value | None = None
    """The solver's own default of a parameter that follows; None for the others, whose ``default`` it is."""

    @property
    def own_default(self) -> Value:
        """The solver's own default, with every emphasis at its own."""
        return self.default if self.usual is None else self.usual


@dataclass(frozen=True)
class Preset:
    """A configuration that is known to help some models: worth trying first."""

    meaning: str
    configuration: Configuration


@dataclass(frozen=True)
class Space:
    """The parameters of one solver that the leader may choose, and which combinations it may not."""

    solver: str
    parameters: tuple[Parameter, ...]
    forbidden: tuple[tuple[tuple[str, Value], ...], ...] = ()
    """Each a conjunction (name, value), ...: a configuration that has all of them is forbidden."""
    presets: tuple[Preset, ...] = ()
    fixed: tuple[tuple[str, Value], ...] = ()
    """What every configuration has, by name: parameters that the leader may not choose."""

    def __getitem__(self, name: str) -> Parameter:
        """Return the parameter with this name; UsageError with near names when there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise UsageError(unknown(f"parameter of {self.solver}", name, (p.name for p in self.parameters)))

    def before(self, name: str) -> tuple[Parameter, ...]:
        """Return the parameters before the one with this name: all when there is none. Conditions may name these."""
        names = [parameter.name for parameter in self.parameters]
        return self.parameters[: names.index(name)] if name in names else self.parameters

    @property
    def default(self) -> Configuration:
        """The solver as it comes, but for what is fixed."""
        return Configuration.of(self.solver, dict(self.fixed))

    def fix(self, values: Mapping[str, Value]) -> Space:
        """Return the space in which these parameters have these values, whether it had them to choose or not.

        Raises UsageError when what is fixed is forbidden, together with the defaults of all others.
        """
        fixed = {**dict(self.fixed), **values}
        names = {parameter.name for parameter in self.parameters} - fixed.keys()
        chosen: list[Parameter] = []
        for parameter in self.parameters:
            without_effect = any(
                fixed[other] not in allowed if other in fixed else other not in names
                for other, allowed in parameter.when
            )
            if without_effect:
                names.discard(parameter.name)
            elif parameter.name not in fixed:
                chosen.append(self._follower(parameter, fixed))
        space = Space(self.solver, tuple(chosen), self.forbidden, fixed=tuple(sorted(fixed.items())))
        if (clause := space._forbidden_by({})) is not None:
            both = " ".join(f"{name}={spell(value)}" for name, value in clause)
            raise UsageError(f"fix: forbidden in the space of {self.solver}: {both}; fix another one of them, too")
        return replace(space, presets=tuple(self._refitted(space)))

    def _follower(self, parameter: Parameter, fixed: Mapping[str, Value]) -> Parameter:
        """Return a parameter as it follows the emphases that are left; it is set in full where a fixed one rules."""
        emphases = [name for name in parameter.follows if name in fixed]
        if any(fixed[name] != self[name].default for name in emphases):
            return replace(parameter, follows=())
        return replace(parameter, follows=tuple(name for name in parameter.follows if name not in fixed))

    def _refitted(self, space: Space) -> Iterator[Preset]:
        """Yield the presets that agree with what is fixed in a space made of this one, as they are there."""
        fixed = dict(space.fixed)
        for preset in self.presets:
            values = preset.configuration.values
            rest = {name: value for name, value in values.items() if name not in fixed}
            again = Preset(preset.meaning, space.configuration(rest))
            if all(fixed.get(name, value) == value for name, value in values.items()) and space.has(
                again.configuration
            ):
                yield again

    def complete(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return a value for every active parameter that can be chosen: the given one, else the default.

        Parameters are active when their conditions hold, in the order of the space: a parameter may only depend on
        earlier ones, or on what is fixed.
        """
        fixed = dict(self.fixed)
        full: dict[str, Value] = {}
        for parameter in self.parameters:
            if all(full.get(other, fixed.get(other)) in allowed for other, allowed in parameter.when):
                full[parameter.name] = values.get(parameter.name, parameter.default)
        return full

    def configuration(self, values: Mapping[str, Value]) -> Configuration:
        """Return the canonical configuration: what is fixed, and of active parameters what differs from the default.

        What follows an emphasis is kept at the solver's own default where the emphasis may say otherwise.
        """
        full = self.complete(values)
        changed = {p.name: full[p.name] for p in self.parameters if p.name in full and not self._is_default(p, full)}
        return Configuration.of(self.solver, {**changed, **dict(self.fixed)})

    def _is_default(self, parameter: Parameter, full: Mapping[str, Value]) -> bool:
        value = full[parameter.name]
        if value == parameter.usual and parameter.follows:
            return all(name not in full or self._is_default(self[name], full) for name in parameter.follows)
        return value == parameter.default

    def forbids(self, values: Mapping[str, Value]) -> bool:
        """Whether the combination of values, completed by defaults, is forbidden."""
        return self._forbidden_by(values) is not None

    def _forbidden_by(self, values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...] | None:
        """Return the first clause that forbids a combination; None when none does."""
        full = {**self.complete(values), **dict(self.fixed)}
        return next((c for c in self.forbidden if all(full.get(name) == value for name, value in c)), None)

    def has(self, configuration: Configuration) -> bool:
        """Whether a configuration is one of this space, in its canonical form."""
        try:
            self.check(configuration.values)
        except UsageError:
            return False
        return self.configuration(configuration.values) == configuration

    def own(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return those of the values that are of this space: of one of its parameters, and in its domain."""
        domains = {parameter.name: parameter.domain for parameter in self.parameters}
        return {name: value for name, value in values.items() if name in domains and domains[name].contains(value)}

    def allows(self, preset: Preset) -> bool:
        """Whether a preset is in the space as it is now."""
        try:
            self.check(preset.configuration.values)
        except UsageError:
            return False
        return True

    def check(self, values: Mapping[str, Value]) -> None:
        """Raise UsageError when a name is unknown, a value is wrong or without effect, or the combination forbidden."""
        fixed = dict(self.fixed)
        for name, value in values.items():
            if name in fixed and value != fixed[name]:
                raise UsageError(f"{name}={spell(value)}: it is fixed to {spell(fixed[name])}")
        values = {name: value for name, value in values.items() if name not in fixed}
        for name, value in values.items():
            if not self[name].domain.contains(value):
                raise UsageError(f"{name}={spell(value)}: not a value of it; it takes {self[name].domain}")
        active = self.complete(values)
        for name, value in values.items():
            if name not in active:
                needs = " and ".join(
                    f"{other} = {' or '.join(map(spell, allowed))}" for other, allowed in self[name].when
                )
                raise UsageError(f"{name}={spell(value)}: has no effect here; it needs {needs}")
        if (clause := self._forbidden_by(values)) is not None:
            both = " ".join(f"{name}={spell(value)}" for name, value in clause)
            raise UsageError(f"forbidden in the space of {self.solver}: {both}")


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no such thing, and what the user may have meant."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"unknown {kind}: {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else "")


def read_spaces(text: str, source: str, base: Mapping[str, Space] | None = None) -> dict[str, Space]:
    """Read the spaces of one or more solvers from TOML, as described above.

    Args:
        text: the TOML.
        source: what to call it in messages, usually the file's name.
        base: spaces that the file adds to, by solver; those it does not name are returned as they are.

    Raises:
        UsageError: names the parameter and what is wrong with it.

    """
    document = read_toml(text, source)
    clauses = document.pop("forbidden", [])
    if not isinstance(clauses, list):
        raise UsageError(f"{source}: write forbidden combinations as [[forbidden]]")
    presets = document.pop("preset", [])
    if not isinstance(presets, list):
        raise UsageError(f"{source}: write presets as [[preset]]")
    spaces = dict(base or {})
    for solver, table in document.items():
        if base is not None and solver not in base:
            raise UsageError(f"{source}: {unknown('solver', solver, base)}; solvers are {', '.join(base)}")
        if not isinstance(table, dict):
            raise UsageError(f"{source}: {solver}: a table of parameters was expected, [{solver}.PARAMETER]")
        space = spaces.get(solver, Space(solver, ()))
        for name, entry in table.items():
            parameter = _parameter(name, entry, space.before(name), f"{source}: {solver}.{name}")
            space = merge(space, Space(solver, (parameter,)))
        spaces[solver] = space
    for clause in clauses:
        spaces = _with_clause(spaces, clause, source)
    for preset in reversed(presets):
        spaces = _with_preset(spaces, preset, source)
    return {
        solver: replace(space, presets=tuple(filter(space.allows, space.presets))) for solver, space in spaces.items()
    }


def _parameter(name: str, entry: Any, earlier: tuple[Parameter, ...], where: str) -> Parameter:
    if not isinstance(entry, dict):
        raise UsageError(
            f"{where}: a table with type and default was expected, such as {{ type = 'boolean', default = true }}"
        )
    domain = _domain(entry, where)
    keys = ("type", *_KEYS[type(domain)], "default", "meaning", "when", *_FOLLOWS[type(domain)])
    for key in entry:
        if key not in keys:
            raise UsageError(f"{where}: {unknown('key', key, keys)}; a {entry['type']} takes {', '.join(keys)}")
    if "default" not in entry:
        raise UsageError(f"{where}: the solver's default is missing; add default = ...")
    default = entry["default"]
    if isinstance(domain, Float) and isinstance(default, int) and not isinstance(default, bool):
        default = float(default)
    if not domain.contains(default):
        raise UsageError(f"{where}: the default {default!r} is not in the domain {domain}")
    conditions = []
    known = {parameter.name: parameter for parameter in earlier}
    when = entry.get("when", {})
    if not isinstance(when, dict):
        raise UsageError(f"{where}: write 'when' as {{ PARAMETER = [values] }}")
    for other, allowed in when.items():
        if other not in known:
            raise UsageError(f"{where}: 'when' names {other!r}, which is no earlier parameter of this space")
        allowed = allowed if isinstance(allowed, list) else [allowed]
        wrong = [value for value in allowed if not known[other].domain.contains(value)]
        if wrong or not allowed:
            raise UsageError(
                f"{where}: 'when' wants {other} to be {wrong or allowed}, but it takes {known[other].domain}"
            )
        conditions.append((other, tuple(allowed)))
    parameter = Parameter(name, domain, default, str(entry.get("meaning", "")), tuple(conditions))
    return _following(parameter, entry["follows"], known, where) if "follows" in entry else parameter


def _following(parameter: Parameter, emphases: Any, known: Mapping[str, Parameter], where: str) -> Parameter:
    """Return the parameter with the value `FOLLOW`, which stands for what these emphases make of it."""
    if not isinstance(emphases, list) or not emphases:
        raise UsageError(f"{where}: write 'follows' as [EMPHASIS, ...], the parameters that set this one too")
    for name in emphases:
        if not isinstance(name, str) or name not in known:
            raise UsageError(f"{where}: 'follows' names {name!r}, which is no earlier parameter of this space")
    domain = parameter.domain
    values = domain.values if isinstance(domain, Choice) else (True, False)
    if FOLLOW in values:
        raise UsageError(f"{where}: leave {FOLLOW!r} out of the values; a parameter that follows has it anyway")
    return replace(
        parameter, domain=Choice((FOLLOW, *values)), default=FOLLOW, follows=tuple(emphases), usual=parameter.default
    )


_KEYS: dict[type[Domain], tuple[str, ...]] = {
    Boolean: (),
    Integer: ("range", "log"),
    Float: ("range", "log"),
    Choice: ("values",),
}


_FOLLOWS: dict[type[Domain], tuple[str, ...]] = {Boolean: ("follows",), Integer: (), Float: (), Choice: ("follows",)}


def _domain(entry: Mapping[str, Any], where: str) -> Domain:
    kind = entry.get("type")
    log = entry.get("log", False)
    if kind == "boolean":
        return Boolean()
    if kind == "choice":
        values = entry.get("values")
        if (
            not isinstance(values, list)
            or any(not isinstance(value, (bool, int, float, str)) for value in values)
            or len({spell(value) for value in values}) < max(2, len(values))
        ):
            raise UsageError(f"{where}: a choice needs values = [...] with two or more different values")
        return Choice(tuple(values))
    if kind not in ("integer", "float"):
        raise UsageError(f"{where}: unknown type {kind!r}; it is one of boolean, integer, float, choice")
    bounds = entry.get("range")
    numbers = int if kind == "integer" else (int, float)
    if (
        not isinstance(bounds, list)
        or len(bounds) != 2
        or any(isinstance(b, bool) or not isinstance(b, numbers) or not math.isfinite(b) for b in bounds)
        or bounds[0] >= bounds[1]
    ):
        raise UsageError(f"{where}: needs range = [low, high] with two finite numbers of type {kind}, low < high")
    low, high = bounds
    if not isinstance(log, bool):
        raise UsageError(f"{where}: log is true or false, not {log!r}")
    if log and low <= 0:
        raise UsageError(f"{where}: a logarithmic range starts above 0, not at {low}")
    return Integer(low, high, log) if kind == "integer" else Float(float(low), float(high), log)


def _with_preset(spaces: dict[str, Space], preset: Any, source: str) -> dict[str, Space]:
    """Return the spaces with a preset added, before those that are there."""
    solver, values = (preset.get(key) if isinstance(preset, dict) else None for key in ("solver", "values"))
    if not isinstance(solver, str) or solver not in spaces or not isinstance(values, dict) or not values:
        raise UsageError(
            f"{source}: [[preset]] needs solver = (one of {', '.join(spaces)}) and values = {{ name = value }}"
        )
    space = spaces[solver]
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    values = {
        name: float(value) if isinstance(domains.get(name), Float) and type(value) is int else value
        for name, value in values.items()
    }
    try:
        space.check(values)
    except UsageError as error:
        raise UsageError(f"{source}: [[preset]] {error}; {command('params', solver)} lists what it may name") from None
    known = Preset(str(preset.get("meaning", "")), space.configuration(values))
    return {**spaces, solver: replace(space, presets=(known, *space.presets))}


def _with_clause(spaces: dict[str, Space], clause: Any, source: str) -> dict[str, Space]:
    solver = clause.get("solver") if isinstance(clause, dict) else None
    values = clause.get("values") if isinstance(clause, dict) else None
    if not isinstance(solver, str) or solver not in spaces or not isinstance(values, dict) or not values:
        raise UsageError(
            f"{source}: [[forbidden]] needs solver = (one of {', '.join(spaces)}) and values = {{ name = value }}"
        )
    space = spaces[solver]
    names = [parameter.name for parameter in space.parameters]
    for name, value in values.items():
        if name not in names:
            problem = unknown(f"parameter of {solver}", name, names)
            raise UsageError(f"{source}: [[forbidden]] {problem}; {command('params', solver)} lists those it may name")
        if not space[name].domain.contains(value):
            raise UsageError(f"{source}: [[forbidden]] {name} = {value!r}: it takes {space[name].domain}")
    forbidden = replace(space, forbidden=(*space.forbidden, tuple(values.items())))
    if forbidden.forbids({}):
        raise UsageError(f"{source}: [[forbidden]] {values}: this forbids the default of {solver}")
    return {**spaces, solver: forbidden}


def merge(base: Space, extra: Space) -> Space:
    """Return ``base`` with the parameters of ``extra`` added; one that both have is taken from ``extra``."""
    own = {parameter.name: parameter for parameter in base.parameters}
    own.update({parameter.name: parameter for parameter in extra.parameters})
    clauses = dict.fromkeys((*base.forbidden, *extra.forbidden))
    return replace(base, parameters=tuple(own.values()), forbidden=tuple(clauses))
