"""SCIP's emphases: words that stand for many of its parameters at once.

SCIP has no parameter for them but functions and, in its shell, commands such as ``set heuristics emphasis fast``. Here
each is a parameter by that command's name. What an emphasis sets, SCIP itself knows; parameters that are set beside it
come after it and override it. In SCIP's parameter files an emphasis is a line such as ``emphasis: heuristics fast``, at
the top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage.records import Value
from tuner.follower.solvers.libscip import Environment
from tuner.ports import RealParameter

DEFAULT = "default"

_PART = {DEFAULT: 0, "aggressive": 1, "fast": 2, "off": 3}
"""SCIP_PARAMSETTING_*."""


@dataclass(frozen=True)
class Emphasis:
    """One emphasis: what sets it, and its words with their numbers in SCIP's interface."""

    function: str
    words: Mapping[str, int]
    meaning: str


EMPHASES: Mapping[str, Emphasis] = {
    # SCIP_PARAMEMPHASIS_*. Left out: counter (6) and numerics (10) change what is solved, benchmark (11) is about
    # memory, and SCIP's files have no words for the phases (7 to 9): they are the parts and node selection together.
    "emphasis": Emphasis(
        "SCIPsetEmphasis",
        {
            DEFAULT: 0,
            "cpsolver": 1,
            "easycip": 2,
            "feasibility": 3,
            "hardlp": 4,
            "optimality": 5,
        },
        "what SCIP's parameters are set for, all together",
    ),
    "presolving/emphasis": Emphasis("SCIPsetPresolving", _PART, "what the parameters of presolving are set for"),
    "heuristics/emphasis": Emphasis("SCIPsetHeuristics", _PART, "what the parameters of heuristics are set for"),
    "separating/emphasis": Emphasis("SCIPsetSeparating", _PART, "what the parameters of cuts are set for"),
}
"""By name, in the order in which they are set: the parts override the whole."""


def parameters() -> tuple[RealParameter, ...]:
    """Return the emphases as parameters."""
    return tuple(
        RealParameter(name, "text", DEFAULT, values=tuple(emphasis.words), meaning=emphasis.meaning)
        for name, emphasis in EMPHASES.items()
    )


def emphasise(scip: Environment, chosen: Mapping[str, Value]) -> None:
    """Set the emphases among these parameters; other parameters have to be set after them."""
    for name, emphasis in EMPHASES.items():
        if name in chosen:
            scip(emphasis.function, emphasis.words[str(chosen[name])], 1)
