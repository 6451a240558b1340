"""What may be chosen: the solvers that a scenario names and their spaces, held against the real solvers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tuner.commands import command
from tuner.errors import UsageError
from tuner.follower.describing import describe
from tuner.follower.solvers import SOLVERS, default_space
from tuner.follower.solvers.admission import check_space
from tuner.scenario import ANY, Scenario
from tuner.space import Space, read_spaces, unknown


def spaces_of(solvers: Sequence[str], text: str, source: str = "the space file") -> dict[str, Space]:
    """Return the space of each solver: the built-in one, with the parameters of a space file's text added.

    Raises UsageError when the file names a solver, parameter or value that the real solver does not have.
    """
    built_in = {solver: default_space(solver) for solver in SOLVERS}
    spaces = read_spaces(text, source, built_in)
    for solver, space in spaces.items():
        own = set(built_in[solver].parameters)
        added = tuple(parameter for parameter in space.parameters if parameter not in own)
        if added:
            _check(Space(solver, added), source)
    return {solver: spaces[solver] for solver in solvers}


def _check(added: Space, source: str) -> None:
    try:
        check_space(added, describe(added.solver).parameters)
    except UsageError as error:
        every = command("params", added.solver, "--all")
        raise UsageError(f"{source}: {error}; {every} lists what it has") from None


def solvers_of(scenario: Scenario) -> list[str]:
    """Return the solvers that a scenario names; UsageError when there is none of a name."""
    return solver_names(scenario.solver)


def solver_names(text: str) -> list[str]:
    """Return the solvers that a text names, with commas between; UsageError when there is none of a name."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in (*SOLVERS, ANY):
            problem = unknown("solver", name, (*SOLVERS, ANY))
            raise UsageError(f"{problem}; solvers are {', '.join(SOLVERS)}, or {ANY} to choose among them too")
    return list(SOLVERS) if ANY in names else names


def space_text(scenario: Scenario) -> str:
    """Return what is in a scenario's space file; empty without one. UsageError when it cannot be read."""
    if not scenario.space:
        return ""
    try:
        return Path(scenario.space).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"--space {scenario.space}: not a text file; a TOML file was expected") from None
    except OSError as error:
        raise UsageError(f"--space {scenario.space}: cannot be read: {error.strerror}") from None
