"""What the recorded families say of the effects of parameters, for the race to start from.

    python -m bench.prior            write the knowledge that the product ships with, from all recordings

The other benches race on a family with the knowledge of the other families alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import tuner.leader
from bench._left_out import calibration, each_left_out, recorded, skill
from bench._models import models_of
from bench._told import families, made
from tuner.follower.solvers import SOLVERS
from tuner.leader.knowledge import Knowledge
from tuner.leader.prior import NOTHING, Prior
from tuner.leader.shipped import FOLDER, written

__all__ = ["families", "knowledge_without", "made", "shippable", "without"]

ON_REQUEST = True
FEWEST = 3
"""Families without which it is not known how far to trust what they say."""


@cache
def without(family: str, solver: str) -> dict[str, Prior]:
    """Return what all families but this one let one expect of its models, by the solver; nothing where none tells."""
    prior = knowledge_without(family, solver).prior(models_of(family))
    return {} if prior is NOTHING else {solver: prior}


@cache
def knowledge_without(family: str, solver: str) -> Knowledge:
    """Return what all families but this one say of a solver."""
    return made([name for name in families() if name != family], solver)


def shippable(solver: str) -> Knowledge | None:
    """Return what all recorded families say of a solver, with what leaving out each one showed; None for nothing."""
    names = recorded(solver)
    if not names:
        return None
    known = made(names, solver)
    if len(names) < FEWEST:
        return known
    cases = each_left_out(names, solver)
    return replace(known, calibration=calibration(cases), skill=skill(cases))


def main() -> None:
    for solver in SOLVERS:
        knowledge = shippable(solver)
        if knowledge is None:
            continue
        path = Path(tuner.leader.__file__).parent / FOLDER / f"{solver}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(solver, knowledge), encoding="utf-8")
        print(
            f"{path}: {len(knowledge.labels)} effects on {len(knowledge.families)} families, "
            f"intervals {knowledge.calibration:g} times as wide, rank correlation {knowledge.skill:g}"
        )


if __name__ == "__main__":
    main()
