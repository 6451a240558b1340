"""What earlier jobs' responses are worth to a new one: what to expect of parameters, and what to try first.

Nothing of it is proof: the new race executes everything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.records import Configuration, Response, Run, Termination
from tuner.cost import Cost, Ties
from tuner.errors import UsageError
from tuner.leader.additive import OUTSIDE
from tuner.leader.candidate import Status
from tuner.leader.features import Features
from tuner.leader.field import CONVINCING, Field
from tuner.leader.prior import NOTHING, Prior, learnt
from tuner.leader.study import Study, distributions
from tuner.space import Space

FEWEST = 10
"""Configurations of a solver without which a job says nothing of its parameters."""
WINNERS = 4
"""How many winners of earlier jobs are tried first, at most: those of the latest jobs."""


@dataclass(frozen=True)
class Experience:
    """What a race may start from."""

    priors: Mapping[str, Prior]
    """By solver."""
    winners: Sequence[Configuration]
    """The best of earlier jobs, of the latest one first."""


def gathered(
    spaces: Mapping[str, Space],
    jobs: Iterable[Sequence[tuple[Run, Response]]],
    cost: Cost,
    ties: Ties,
    priors: Mapping[str, Prior],
) -> Experience:
    """Return what earlier jobs let one expect.

    Args:
        spaces: by solver; whatever of the responses has no place in them is passed over.
        jobs: each job's runs with their responses, the oldest job first.
        cost: by which the responses are judged.
        ties: over seeds.
        priors: what was to be expected before.

    """
    fields = [field for runs in jobs if (field := _field(spaces, runs, cost, ties)) is not None]
    found = {solver: _prior(space, fields, priors.get(solver, NOTHING)) for solver, space in spaces.items()}
    winners = dict.fromkeys(winner for field in reversed(fields) for winner in _winners(field))
    return Experience({s: prior for s, prior in found.items() if prior is not NOTHING}, list(winners)[:WINNERS])


def _prior(space: Space, fields: Sequence[Field], before: Prior) -> Prior:
    """Return what to expect of a solver's parameters after these jobs; what was expected before when they tell nothing.

    Each job counts as a family of models of its own.
    """
    defaults = {parameter.name: parameter.default for parameter in space.parameters}
    features = Features(distributions(space), defaults)
    families = []
    for field in fields:
        anchor = field.candidates[space.default].observations
        told = []
        for candidate in field.candidates.values():
            if candidate.configuration.solver == space.solver:
                evidence = field.judge.anchored(candidate.observations, anchor)
                mean = OUTSIDE if candidate.status is Status.FLAGGED else min(evidence.mean, OUTSIDE)
                if evidence.instances:
                    told.append((features.vector(defaults | candidate.configuration.values), mean, evidence.instances))
        if len(told) >= FEWEST:
            x, means, counts = zip(*told, strict=True)
            families.append((np.array(x), np.array(means), np.array(counts, dtype=float)))
    return learnt(features, families, before) if families else before


def _field(spaces: Mapping[str, Space], runs: Sequence[tuple[Run, Response]], cost: Cost, ties: Ties) -> Field | None:
    """Return an earlier job's candidates with what was observed of them."""
    usable = [
        (run, response)
        for run, response in runs
        if response.termination is not Termination.KILLED and _fits(spaces, run.configuration)
    ]
    if not usable:
        return None
    instances = list(dict.fromkeys(run.instance for run, _ in usable))
    field = Field(spaces, instances, Study(spaces, 0), cost, ties, usable[0][0].cutoff)
    for run, response in usable:
        candidate = field.enter(run.configuration, "earlier")
        field.observe(candidate, field.pair(run), run, response)
        if not response.feasible:
            candidate.status = Status.FLAGGED
    return field


def _fits(spaces: Mapping[str, Space], configuration: Configuration) -> bool:
    """Whether the configuration is one of these spaces'."""
    space = spaces.get(configuration.solver)
    if space is None:
        return False
    try:
        space.check(configuration.values)
    except UsageError:
        return False
    return space.configuration(configuration.values) == configuration


def _winners(field: Field) -> list[Configuration]:
    """Return the best configuration of each solver, by the upper end of what it may cost, if it beats the default."""
    best: dict[str, tuple[float, Configuration]] = {}
    defaults = {default.configuration.solver: default for default in field.defaults}
    for candidate in field.candidates.values():
        solver = candidate.configuration.solver
        if candidate.status is Status.FLAGGED or candidate is defaults[solver]:
            continue
        evidence = field.judge.anchored(candidate.observations, defaults[solver].observations)
        upper = evidence.mean + evidence.error
        if evidence.instances >= CONVINCING and upper < min(0.0, best.get(solver, (0.0, None))[0]):
            best[solver] = upper, candidate.configuration
    return [configuration for _, configuration in sorted(best.values(), key=lambda pair: pair[0])]
