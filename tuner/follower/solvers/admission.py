"""Which parameters and values a solver takes, by its own description: asked before the solver is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from storage.records import Value, spell
from tuner.commands import command
from tuner.errors import UsageError
from tuner.ports import RealParameter
from tuner.space import FOLLOW, Boolean, Choice, Space, unknown

_KINDS: dict[str, tuple[type, ...]] = {"boolean": (bool,), "integer": (int,), "float": (float, int), "text": (str,)}

_READERS: dict[str, Callable[[str], Value]] = {
    "boolean": lambda text: {"true": True, "on": True, "false": False, "off": False}[text.lower()],
    "integer": int,
    "float": float,
    "text": str,
}


def admit(solver: str, real: Iterable[RealParameter], parameters: Mapping[str, Value]) -> dict[str, Value]:
    """Return the parameters with each value in the type that the solver wants.

    Args:
        solver: its name, for messages.
        real: every parameter that it has.
        parameters: what a configuration wants.

    Raises:
        ValueError: names the first parameter that does not exist, that is reserved or that does not take its value.

    """
    known = {parameter.name: parameter for parameter in real}
    admitted: dict[str, Value] = {}
    for name, value in parameters.items():
        if name not in known:
            raise ValueError(unknown(f"parameter of {solver}", name, known))
        parameter = known[name]
        if parameter.reserved:
            why = (
                "tuner sets this parameter itself, or keeps its default: what is proven rests on it, or it writes files"
            )
            raise ValueError(f"{name}: {why}; it cannot be chosen for {solver}")
        wrong = (isinstance(value, bool) and parameter.type != "boolean") or not isinstance(
            value, _KINDS[parameter.type]
        )
        if wrong or not _within(parameter, value):
            raise ValueError(
                f"{name}={spell(value)}: {solver} does not take this value; it takes {domain_of(parameter)}"
            )
        admitted[name] = float(value) if parameter.type == "float" else value
    return admitted


def check_space(space: Space, real: Iterable[RealParameter]) -> None:
    """Hold a space against the solver's own description.

    Raises UsageError that names the first parameter that the solver does not have, that is reserved, whose default is
    not the solver's, or that has a value which the solver does not take.
    """
    known = {parameter.name: parameter for parameter in real}
    for parameter in space.parameters:
        domain = parameter.domain
        if isinstance(domain, Boolean):
            values: tuple[Value, ...] = (True, False)
        else:
            values = domain.values if isinstance(domain, Choice) else (domain.low, domain.high)
        try:
            for value in values:
                if not (parameter.follows and value == FOLLOW):
                    admit(space.solver, known.values(), {parameter.name: value})
            default = admit(space.solver, known.values(), {parameter.name: parameter.own_default})[parameter.name]
        except ValueError as error:
            raise UsageError(str(error)) from None
        if default != known[parameter.name].default:
            own = spell(known[parameter.name].default)
            raise UsageError(f"{parameter.name}: default = {spell(default)} is wrong; in {space.solver} it is {own}")


def read_setting(solver: str, real: Iterable[RealParameter], setting: str) -> tuple[str, Value]:
    """Read ``name=value`` as users type it.

    Raises UsageError when the solver has no such parameter or does not take the value.
    """
    known = {parameter.name: parameter for parameter in real}
    name, equals, text = (part.strip() for part in setting.partition("="))
    if not equals or not name:
        raise UsageError(f"{setting}: write name=value")
    try:
        value = read_value(known[name], text) if name in known else text
        return name, admit(solver, known.values(), {name: value})[name]
    except ValueError as error:
        raise UsageError(f"{error}; {command('params', solver, '--all')} lists what it has") from None


def is_free_text(parameter: RealParameter) -> bool:
    """Whether the solver takes any text, such as the name of a file that it would read or write."""
    return parameter.type == "text" and not parameter.values


def read_value(parameter: RealParameter, text: str) -> Value:
    """Return a value that was written as text in the parameter's type; as text where it has none of that type."""
    if parameter.values:
        return next((value for value in parameter.values if spell(value) == text), text)
    try:
        return _READERS[parameter.type](text)
    except (ValueError, KeyError):
        return text  # of the wrong type: refused as any other wrong value is


def _within(parameter: RealParameter, value: Value) -> bool:
    if parameter.values:
        return value in parameter.values
    if isinstance(value, str):
        return True
    return (parameter.low is None or value >= parameter.low) and (parameter.high is None or value <= parameter.high)


def domain_of(parameter: RealParameter) -> str:
    """Say which values a parameter takes."""
    if parameter.values:
        return ", ".join(spell(value) for value in parameter.values)
    if parameter.low is None and parameter.high is None:
        return f"any {parameter.type}" if parameter.type != "boolean" else "true, false"
    low = "-inf" if parameter.low is None else f"{parameter.low:g}"
    high = "inf" if parameter.high is None else f"{parameter.high:g}"
    return f"{parameter.type} from {low} to {high}"
