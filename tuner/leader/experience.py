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
from tuner.leader.candidate import Candidate, Status
from tuner.leader.evidence import Observation
from tuner.leader.features import Features, Floats
from tuner.leader.field import CONVINCING, Field
from tuner.leader.pairs import Pair
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

    Each job counts as a family of models of its own, but those that share models count as one together.
    """
    defaults = {parameter.name: parameter.default for parameter in space.parameters}
    features = Features(distributions(space), defaults)
    families: list[tuple[set[str], list[tuple[Floats, float, int]]]] = []
    for field in fields:
        anchor = _exact(field.candidates[space.default])
        told = []
        for candidate in field.candidates.values():
            if candidate.configuration.solver == space.solver:
                evidence = field.judge.anchored(candidate.observations, anchor)
                x = features.vector(defaults | candidate.configuration.values)
                if candidate.status is Status.FLAGGED:
                    told.append((x, OUTSIDE, 1))
                elif evidence.instances:
                    told.append((x, min(evidence.mean, OUTSIDE), evidence.instances))
        if len(told) >= FEWEST:
            models = set(field.instances)
            for other in [family for family in families if family[0] & models]:
                families.remove(other)
                models |= other[0]
                told = other[1] + told
            families.append((models, told))
    systems = []
    for _, told in families:
        vectors, means, counts = zip(*told, strict=True)
        systems.append((np.array(vectors), np.array(means), np.array(counts, dtype=float)))
    return learnt(features, systems, before) if systems else before


def _exact(candidate: Candidate) -> dict[Pair, Observation]:
    """Return the observations of a candidate that are no mere lower bounds."""
    return {pair: seen for pair, seen in candidate.observations.items() if not seen.censored}


def _field(spaces: Mapping[str, Space], runs: Sequence[tuple[Run, Response]], cost: Cost, ties: Ties) -> Field | None:
    """Return an earlier job's candidates with what was observed of them."""
    fitting = {c for c in {run.configuration for run, _ in runs} if _fits(spaces, c)}
    usable = [
        (run, response)
        for run, response in runs
        if response.termination is not Termination.KILLED and run.configuration in fitting
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
    """Return the best configuration of each solver, the best first, if it surely beats the best default.

    Surely: by the upper end of what it may cost.
    """
    first = max(field.defaults, key=lambda default: len(_exact(default)))
    known = [default for default in field.defaults if _exact(default)]
    if not known:
        return []
    anchor = _exact(min(known, key=lambda default: field.judge.anchored(_exact(default), _exact(first)).mean))
    best: dict[str, tuple[float, Configuration]] = {}
    for candidate in field.candidates.values():
        solver = candidate.configuration.solver
        if candidate.status is not Status.FLAGGED and candidate not in field.defaults:
            evidence = field.judge.anchored(candidate.observations, anchor)
            upper = evidence.mean + evidence.error
            if evidence.instances >= CONVINCING and upper < min(0.0, best.get(solver, (0.0, None))[0]):
                best[solver] = upper, candidate.configuration
    return [configuration for _, configuration in sorted(best.values(), key=lambda pair: pair[0])]
