"""What a user fixes beforehand: parameters of solvers that have one value in every run of a job.

A setting is written ``name=value``, and is then for every solver of the job that has a parameter of this name, or
``solver:name=value``. It may name any parameter of the real solver, in its space or not, but one that tuner sets itself
or whose default what is proven rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from storage.records import Configuration, Value, spell
from tuner.commands import command
from tuner.errors import UsageError
from tuner.follower.describing import describe, untaken
from tuner.follower.solvers import SOLVERS
from tuner.follower.solvers.admission import is_free_text, read_setting
from tuner.ports import RealParameter
from tuner.space import Space, unknown


def fixed_of(settings: Sequence[str], solvers: Sequence[str]) -> tuple[Configuration, ...]:
    """Return what is fixed, as a configuration for each solver that has some, in the solvers' order.

    Args:
        settings: as users write them, see above.
        solvers: of the job.

    Raises:
        UsageError: names the first setting that is wrong, and says what is wrong with it.

    """
    fixed: dict[str, dict[str, Value]] = {solver: {} for solver in solvers}
    for setting in settings:
        for solver in _meant(setting, solvers):
            name, value = _read(solver, setting)
            before = fixed[solver].setdefault(name, value)
            if before != value:
                raise UsageError(f"fix: {solver}'s {name} is fixed to {spell(before)} and to {spell(value)}; drop one")
    found = tuple(Configuration.of(solver, values) for solver, values in fixed.items() if values)
    for configuration in found:
        check_taken(configuration, "fix")
    return found


def check_taken(configuration: Configuration, where: str) -> None:
    """Raise UsageError when this build of the solver does not take what is set: every run would crash.

    Args:
        configuration: admitted, by what the solver says of its parameters.
        where: the settings come from, for the message.

    """
    solver = configuration.solver
    if (refused := untaken(configuration)) is not None:
        setting, reason = refused
        reason = reason.removeprefix(f"{setting}: ")
        raise UsageError(
            f"{where}: {setting}: the {solver} that is installed here knows this value but cannot use it: {reason}; "
            "choose another value, or leave it out"
        )


def settings_of(fixed: Sequence[Configuration]) -> tuple[str, ...]:
    """Return what `fixed_of` makes these configurations of."""
    return tuple(f"{each.solver}:{name}={spell(value)}" for each in fixed for name, value in each.parameters)


def with_fixed(spaces: Mapping[str, Space], fixed: Sequence[Configuration]) -> dict[str, Space]:
    """Return the spaces without the parameters that are fixed, which every configuration of theirs has.

    Raises UsageError where what is fixed is forbidden in a space.
    """
    values = {each.solver: each.values for each in fixed}
    return {solver: space.fix(values.get(solver, {})) for solver, space in spaces.items()}


def _meant(setting: str, solvers: Sequence[str]) -> list[str]:
    """Return the solvers that a setting is for."""
    left, equals, _ = setting.partition("=")
    solver, colon, name = left.rpartition(":")
    solver, name = solver.strip(), name.strip()
    if not equals or not name or (colon and not solver):
        raise UsageError(f"fix: {setting!r}: write name=value, such as presolve=off, or solver:name=value")
    if solver and solver not in SOLVERS:
        raise UsageError(f"fix: {setting}: {unknown('solver', solver, SOLVERS)}; solvers are {', '.join(SOLVERS)}")
    if solver and solver not in solvers:
        raise UsageError(f"fix: {setting}: {solver} is not among the solvers of this job: {', '.join(solvers)}")
    if solver or len(solvers) == 1:
        return [solver or solvers[0]]
    having = [each for each in solvers if name in known_parameters(each)]
    if not having:
        names = sorted({known for each in solvers for known in known_parameters(each)})
        problem = unknown(f"parameter of {', '.join(solvers)}", name, names)
        raise UsageError(f"fix: {setting}: {problem}; {command('params', 'SOLVER', '--all')} lists what a solver has")
    return [each for each in having if not known_parameters(each)[name].reserved] or having[:1]


def _read(solver: str, setting: str) -> tuple[str, Value]:
    """Return name and value of a setting without its solver."""
    left, _, text = setting.partition("=")
    own = left.rpartition(":")[2].strip()
    try:
        name, value = read_setting(solver, known_parameters(solver).values(), f"{own}={text}")
    except UsageError as error:
        raise UsageError(f"fix: {error}") from None
    if is_free_text(known_parameters(solver)[name]):
        raise UsageError(f"fix: {name}: its value is free text, such as the name of a file; it cannot be fixed")
    return name, value


@cache
def known_parameters(solver: str) -> dict[str, RealParameter]:
    """Return every parameter that a solver really has, by name; it is asked once."""
    return {parameter.name: parameter for parameter in describe(solver).parameters}
