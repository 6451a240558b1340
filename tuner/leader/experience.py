"""What earlier jobs' responses are worth to a new one: what to expect of parameters, and what to try first.

Nothing of it is proof: the new race executes everything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from storage.records import Configuration, Response, Run, Termination
from tuner.cost import Cost, Ties
from tuner.leader.additive import OUTSIDE
from tuner.leader.candidate import Candidate, Status
from tuner.leader.evidence import Observation
from tuner.leader.features import Features, Floats
from tuner.leader.field import CONVINCING, Field
from tuner.leader.knowledge import Family, Knowledge
from tuner.leader.pairs import Pair
from tuner.leader.prior import NOTHING, Prior
from tuner.leader.study import Study, distributions
from tuner.space import Space

FEWEST = 10
"""Configurations of a solver without which a job says nothing of its parameters."""
MOST = 20
"""Earlier jobs, or groups of jobs that share models, that are learnt from, at most: the latest ones. The time that it
takes grows with the cube of their number."""
WINNERS = 4
"""How many winners of earlier jobs are tried first, at most: those of the latest jobs."""


@dataclass(frozen=True)
class Experience:
    """What a race may start from."""

    priors: Mapping[str, Prior]
    """By solver."""
    winners: Sequence[Configuration]
    """The best of earlier jobs, of the latest one first."""

    def first(self, spaces: Mapping[str, Space]) -> list[Configuration]:
        """Return what to try first: the winners, then the solvers' presets in turns, the first of each solver first."""
        turns = zip_longest(*(space.presets for space in spaces.values()))
        presets = [preset.configuration for turn in turns for preset in turn if preset is not None]
        return list(dict.fromkeys([*self.winners, *presets]))


@dataclass(frozen=True)
class Earlier:
    """An earlier job, as far as it may be used."""

    name: str
    runs: Sequence[tuple[Run, Response]]
    features: Mapping[str, Mapping[str, float]]
    """Of its models, by SHA-256."""


def gathered(
    spaces: Mapping[str, Space],
    jobs: Iterable[Earlier],
    cost: Cost,
    ties: Ties,
    known: Mapping[str, Knowledge],
    models: Sequence[Mapping[str, float]],
) -> Experience:
    """Return what earlier jobs let one expect.

    Args:
        spaces: by solver; whatever of the responses has no place in them is passed over.
        jobs: the oldest one first.
        cost: by which the responses are judged.
        ties: over seeds.
        known: what is known without these jobs, by solver.
        models: the features of those to be tuned on.

    """
    fields = _fields(spaces, jobs, cost, ties)
    found = {solver: knowledge.prior(models) for solver, knowledge in _all_informed(spaces, fields, known).items()}
    winners = dict.fromkeys(winner for _, field in reversed(fields) for winner in _winners(field))
    return Experience({s: prior for s, prior in found.items() if prior is not NOTHING}, list(winners)[:WINNERS])


def informed(
    spaces: Mapping[str, Space], jobs: Iterable[Earlier], cost: Cost, ties: Ties, known: Mapping[str, Knowledge]
) -> dict[str, Knowledge]:
    """Return what is known of each solver once earlier jobs are taken into account; arguments as of `gathered`."""
    return _all_informed(spaces, _fields(spaces, jobs, cost, ties), known)


Fields = Sequence[tuple[Earlier, Field]]
"""Earlier jobs, each with its candidates and what was observed of them."""


def _fields(spaces: Mapping[str, Space], jobs: Iterable[Earlier], cost: Cost, ties: Ties) -> Fields:
    return [(job, field) for job in jobs if (field := _field(spaces, job.runs, cost, ties)) is not None]


def _all_informed(spaces: Mapping[str, Space], fields: Fields, known: Mapping[str, Knowledge]) -> dict[str, Knowledge]:
    found = {solver: _informed(space, fields, known.get(solver)) for solver, space in spaces.items()}
    return {solver: knowledge for solver, knowledge in found.items() if knowledge is not None}


def _informed(space: Space, fields: Fields, before: Knowledge | None) -> Knowledge | None:
    """Return what is known of a solver's parameters with these jobs; None for nothing.

    Each job counts as a family of models of its own, but those that share models count as one together.
    """
    defaults = {parameter.name: parameter.default for parameter in space.parameters}
    features = Features(distributions(space), defaults)
    groups: list[_Group] = []
    for job, field in fields:
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
            group = _Group([job.name], set(field.instances), dict(job.features), told)
            for other in [each for each in groups if each.instances & group.instances]:
                groups.remove(other)
                group = _Group(
                    other.names + group.names,
                    other.instances | group.instances,
                    other.features | group.features,
                    other.told + group.told,
                )
            groups.append(group)
    if not groups:
        return before
    known = before or Knowledge.learnt(features.labels, ())
    return known.joined(features.labels, [group.family() for group in groups[-MOST:]])


@dataclass(frozen=True)
class _Group:
    """Earlier jobs that share models."""

    names: list[str]
    instances: set[str]
    features: dict[str, Mapping[str, float]]
    told: list[tuple[Floats, float, int]]

    def family(self) -> Family:
        vectors, means, counts = zip(*self.told, strict=True)
        models = [self.features[instance] for instance in sorted(self.instances) if instance in self.features]
        return Family.of(
            ", ".join(self.names),
            "tuned here before",
            models,
            np.array(vectors),
            np.array(means),
            np.array(counts, dtype=float),
        )


def _exact(candidate: Candidate) -> dict[Pair, Observation]:
    """Return the observations of a candidate that are no mere lower bounds."""
    return {pair: seen for pair, seen in candidate.observations.items() if not seen.censored}


def _field(spaces: Mapping[str, Space], runs: Sequence[tuple[Run, Response]], cost: Cost, ties: Ties) -> Field | None:
    """Return an earlier job's candidates with what was observed of them."""
    fitting = {c for c in {run.configuration for run, _ in runs} if c.solver in spaces and spaces[c.solver].has(c)}
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
