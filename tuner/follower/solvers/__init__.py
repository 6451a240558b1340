"""The solvers, one adapter each. This table is what the rest knows of them: it imports no solver.

Adding a solver: a module with a class that has the methods of `tuner.ports.Solver`, its default space as TOML beside
it, one line here, and the conformance suite (``tests/test_solvers.py``) passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tuner.errors import UsageError
from tuner.space import Space, read_spaces, unknown


@dataclass(frozen=True)
class Adapter:
    """Where a solver's adapter is found and which library it needs; two libraries never share a process."""

    name: str
    library: str
    """The Python package that carries the solver: one warm process per slot and library."""
    path: str
    """``module:class``, imported in the child's process only."""
    space: str = ""
    """The file of its default space, beside this one."""


SOLVERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        Adapter("highs", "highspy", "tuner.follower.solvers.highs:Highs", "highs.toml"),
        Adapter("cp-sat", "ortools", "tuner.follower.solvers.cpsat:CpSat", "cpsat.toml"),
        Adapter("scip", "ortools", "tuner.follower.solvers.scip:Scip", "scip.toml"),
    )
}


def adapter(name: str) -> Adapter:
    """Return the adapter of the solver with this name; UsageError when there is none."""
    if name not in SOLVERS:
        raise UsageError(f"{unknown('solver', name, SOLVERS)}; solvers are {', '.join(SOLVERS)}")
    return SOLVERS[name]


@cache
def default_space(name: str) -> Space:
    """Return the curated space of a solver."""
    file = adapter(name).space
    return read_spaces((files(__name__) / file).read_text(encoding="utf-8"), file)[name]
