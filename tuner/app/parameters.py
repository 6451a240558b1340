"""What a user writes about parameters, held against what the real solver has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from storage.records import Value, spell
from tuner.errors import UsageError
from tuner.ports import RealParameter
from tuner.space import Boolean, Choice, Float, Integer, Parameter, Space, unknown


def check_against(space: Space, real: Sequence[RealParameter], source: str) -> None:
    """Raise UsageError when a space has a parameter, default or value that the real solver does not have.

    Args:
        space: as read from a user's file.
        real: every parameter of the solver.
        source: what to call the file in messages.

    """
    known = {parameter.name: parameter for parameter in real}
    for parameter in space.parameters:
        where = f"{source}: {space.solver}.{parameter.name}"
        own = _find(known, parameter.name, space.solver, source)
        if own.reserved:
            raise UsageError(f"{where}: limits, gap, seed, threads and output belong to the scenario")
        if parameter.default != own.default or isinstance(parameter.default, bool) != isinstance(own.default, bool):
            raise UsageError(f"{where}: its default is {spell(own.default)}, not {spell(parameter.default)}")
        for value in _extremes(parameter):
            if not _takes(own, value):
                raise UsageError(f"{where}: {spell(value)} is no value of it; {space.solver} takes {real_range(own)}")


def parse_setting(setting: str, real: Sequence[RealParameter], solver: str) -> tuple[str, Value]:
    """Read ``name=value`` as a parameter of the solver; UsageError when it has none such or does not take the value."""
    name, equals, text = (part.strip() for part in setting.partition("="))
    if not equals or not name:
        raise UsageError(f"--set {setting}: write --set name=value")
    own = _find({parameter.name: parameter for parameter in real}, name, solver, f"--set {setting}")
    if own.reserved:
        raise UsageError(
            f"--set {setting}: {name} is set by the run itself; there are --cutoff, --gap, --seed and --memory"
        )
    try:
        value = _parsed(own, text)
    except ValueError:
        value = None
    if value is None or not _takes(own, value):
        raise UsageError(f"--set {setting}: not a value of {name}; {solver} takes {real_range(own)}")
    return name, value


def real_range(own: RealParameter) -> str:
    """Say which values a solver's parameter takes."""
    if own.values:
        return ", ".join(map(spell, own.values))
    if own.type == "boolean":
        return "true, false"
    if own.low is None and own.high is None:
        return f"any {own.type}"
    return f"{_bound(own.low, '-inf')} .. {_bound(own.high, 'inf')}"


def _find(known: dict[str, RealParameter], name: str, solver: str, where: str) -> RealParameter:
    if name not in known:
        raise UsageError(
            f"{where}: {unknown(f'parameter of {solver}', name, known)}; tuner params {solver} --all lists them"
        )
    return known[name]


def _bound(value: float | None, missing: str) -> str:
    return missing if value is None else f"{value:g}"


def _extremes(parameter: Parameter) -> Iterable[Value]:
    domain = parameter.domain
    if isinstance(domain, Integer | Float):
        return (domain.low, domain.high)
    return domain.values if isinstance(domain, Choice) else (True, False)


def _parsed(own: RealParameter, text: str) -> Value | None:
    if own.type == "boolean":
        return Boolean().parse(text)
    if own.type == "integer":
        return int(text)
    if own.type == "float":
        return float(text)
    return text


def _takes(own: RealParameter, value: Value) -> bool:
    if own.values:
        return any(value == allowed and type(value) is type(allowed) for allowed in own.values)
    if own.type == "boolean" or isinstance(value, bool):
        return own.type == "boolean" and isinstance(value, bool)
    if own.type == "text" or isinstance(value, str):
        return own.type == "text" and isinstance(value, str)
    if own.type == "integer" and not isinstance(value, int):
        return False
    return (own.low is None or value >= own.low) and (own.high is None or value <= own.high)
