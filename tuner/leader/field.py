"""The field: every configuration in the race, what is known of it, and who leads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from storage.records import Check, Configuration, Response, Run, Termination
from tuner.cost import Cost, Ties, censored, cost_of, exceeded, seconds, shift, shifted_geometric_mean, solved, worst
from tuner.leader.candidate import Candidate, Status, Trial
from tuner.leader.evidence import Difference, Judge, Observation
from tuner.leader.pairs import Pair
from tuner.leader.schedule import next_look
from tuner.leader.study import Study
from tuner.ports import Against, Standing
from tuner.space import Space

SHRINK = 2
"""A mean over n instances counts n / (n + 2) of itself in a candidate's value: few responses prove little."""
SETTINGS = "settings"
"""The origin of the candidate that is the user's own settings."""
CONVINCING = 3
"""Observations from which on a configuration's value speaks for its solver."""


class Field:
    """The candidates and their standing. It changes standings on request; the race decides on them."""

    def __init__(
        self, spaces: Mapping[str, Space], instances: Sequence[str], study: Study, cost: Cost, ties: Ties, cutoff: float
    ) -> None:
        """Enter the default of every solver; the first is the incumbent until another one is."""
        self.cost = cost
        self.cutoff = cutoff
        self.judge = Judge(shift(cost, cutoff), ties)
        self.instances = instances
        self.candidates: dict[Configuration, Candidate] = {}
        self.racing: list[Candidate] = []
        self.elites: list[Candidate] = []
        self.lost: list[Run] = []
        self.tried = 0
        """Candidates with a response."""
        self.runs = 0
        self.solved = 0
        self.wall = 0.0
        """Wall seconds of all responses."""
        self.flagged: dict[Configuration, str] = {}
        self._presets = {preset.configuration for space in spaces.values() for preset in space.presets}
        self._index = {sha256: index for index, sha256 in enumerate(instances)}
        self._study = study
        self._changed: dict[Configuration, Candidate] = {}
        self.defaults = [self.enter(space.default, "default") for space in spaces.values()]
        self.incumbent = self.reference = self.defaults[0]
        """The reference is the best default: the values of all others are relative to it."""
        self.lead(self.incumbent)

    def enter(self, configuration: Configuration, origin: str) -> Candidate:
        """Return the candidate with this configuration, entered now if it is new."""
        candidate = self.candidates.get(configuration)
        if candidate is None:
            candidate = self.candidates[configuration] = Candidate(configuration, origin)
            self._study.adopt(configuration)
            self.racing.append(candidate)
        return candidate

    def origin(self, configuration: Configuration) -> str:
        """Return what to call the source of a configuration that is handed in: a space's preset, or an earlier job."""
        return "preset" if configuration in self._presets else "earlier"

    def pair(self, run: Run) -> Pair:
        """Return the pair of a run; ValueError when its instance is no training instance."""
        if run.instance not in self._index:
            raise ValueError(f"run on {run.instance}: not a training instance of this race")
        return Pair(self._index[run.instance], run.seed)

    def observe(self, candidate: Candidate, pair: Pair, run: Run, response: Response) -> bool:
        """Take a response into account; return whether it is news: a capped one is none for a pair that is known."""
        open_ended = censored(self.cost, run, response)
        floor = exceeded(self.cost, run, response)
        if open_ended and response.termination is not Termination.KILLED:
            floor = run.limit  # also on a busy machine, where it had less CPU time: else it would be due again at once
        least = floor if response.floor is None else 0.0
        before = candidate.observations.get(pair)
        if before is not None and open_ended and (not before.censored or before.cost >= floor):
            return False
        self.tried += not candidate.observations
        success = solved(self.cost, run, response)
        candidate.observations[pair] = Observation(
            cost=floor if open_ended else cost_of(self.cost, run, response),
            seconds=min(max(seconds(self.cost, response), least), run.cutoff),
            censored=open_ended,
            solved=success,
            feasible=response.feasible,
            disputed=response.check is Check.DISPUTED,
        )
        if before is None or before.censored:
            self.runs += 1
            self.wall += response.wall
        if before is not None:
            self.solved -= before.solved
            candidate.solved -= before.solved
        self.solved += success
        candidate.solved += success
        (candidate.censored.add if open_ended else candidate.censored.discard)(pair)
        self._changed[candidate.configuration] = candidate
        return True

    def lead(self, candidate: Candidate) -> None:
        """Make the candidate the incumbent; where the old one goes is for the caller to say."""
        self._leave(candidate)
        self.incumbent = candidate
        self._set(candidate, Status.INCUMBENT)

    def refer(self, default: Candidate) -> None:
        """Make a default the reference, in whose terms all that is known is told to the study again."""
        self.reference = default
        for candidate in self.candidates.values():
            self.inform(candidate)

    def keep(self, candidate: Candidate) -> None:
        """Make the candidate an elite."""
        self._leave(candidate)
        self.elites.append(candidate)
        self._set(candidate, Status.ELITE)

    def race(self, candidate: Candidate) -> None:
        """Put the candidate back among those that race the incumbent."""
        self._leave(candidate)
        self.racing.append(candidate)
        candidate.lost_to = None
        candidate.look = next_look(len(candidate.observations))
        self._set(candidate, Status.RACING)

    def reject(self, candidate: Candidate) -> None:
        """Drop the candidate: it lost against the incumbent. What it has under way is lost."""
        self._leave(candidate)
        candidate.lost_to = self.incumbent
        self.lost.extend(candidate.under_way.values())
        self._set(candidate, Status.REJECTED)
        self.inform(candidate)

    def flag(self, candidate: Candidate, reason: str) -> None:
        """Drop the candidate for a response outside C. If it was the incumbent, the next best takes over."""
        if candidate.status is Status.FLAGGED:
            return
        deposed = candidate is self.incumbent
        self._leave(candidate)
        candidate.reason = self.flagged[candidate.configuration] = reason
        if candidate is not self.reference:
            self.lost.extend(candidate.under_way.values())
        self._set(candidate, Status.FLAGGED)
        self._study.tell(candidate.configuration, self._differences(candidate), feasible=False)
        if deposed:
            self._succeed(candidate)

    def _succeed(self, deposed: Candidate) -> None:
        """Find a new incumbent, and give those that lost against the deposed one another chance against it."""
        heirs = [c for c in (*self.elites, *self.defaults) if c.status is not Status.FLAGGED and c.observations]
        if not heirs:
            self.incumbent = deposed
            return
        self.lead(min(heirs, key=lambda heir: (self.value(heir), heir is not self.reference)))
        for candidate in self.candidates.values():
            if candidate.lost_to is deposed and candidate.status is Status.REJECTED:
                self.race(candidate)

    def inform(self, candidate: Candidate) -> None:
        """Tell the study what the candidate is worth now."""
        differences = self._differences(candidate)
        candidate.value = _shrunk(differences)
        if candidate.value is None:
            return
        self._changed[candidate.configuration] = candidate
        is_feasible = candidate.status is not Status.FLAGGED
        self._study.tell(candidate.configuration, differences, is_feasible)

    def value(self, candidate: Candidate) -> float:
        """Return the candidate's value; 0 is the reference's."""
        return self._value(candidate) or 0.0

    def _differences(self, candidate: Candidate) -> dict[int, Difference]:
        return self.judge.differences(candidate.observations, self.reference.observations)

    def _value(self, candidate: Candidate) -> float | None:
        return _shrunk(self._differences(candidate))

    @property
    def best(self) -> Mapping[str, float]:
        """The best value of every solver that was executed, by those candidates whose value convinces, if any does."""
        solvers = {default.configuration.solver for default in self.defaults}
        if len(solvers) == 1:
            return dict.fromkeys(solvers, 0.0)  # there is no choice
        hopeless = math.log(worst(self.cost, self.cutoff) / self.judge.shift)
        found: dict[str, tuple[bool, float]] = {}
        for candidate in self.candidates.values():
            if candidate.status is Status.FLAGGED:
                own = (True, hopeless)
            elif candidate.value is not None:
                own = (len(candidate.observations) < CONVINCING, candidate.value)
            else:
                continue
            solver = candidate.configuration.solver
            found[solver] = min(own, found.get(solver, own))
        return {solver: value for solver, (_, value) in found.items()} or {self.reference.configuration.solver: 0.0}

    @property
    def hopeless(self) -> bool:
        """Whether every default was executed on every instance and nothing was solved by any configuration."""
        return (
            self.cost.is_time
            and self.solved == 0
            and all(
                (default.status is Status.FLAGGED and default is not self.reference)
                or len({pair.instance for pair in default.observations.keys() - default.censored})
                == len(self.instances)
                for default in self.defaults
            )
        )

    def standing(self) -> Standing:
        """Return where the race stands."""
        incumbent, default = self.incumbent, self.reference
        pairs = shared(incumbent, default)
        return Standing(
            incumbent=incumbent.configuration,
            incumbent_cost=self._cost_on(incumbent, pairs),
            default=default.configuration,
            default_cost=self._cost_on(default, pairs),
            pairs=len(pairs),
            configurations=self.tried,
            runs=self.runs,
            solved=self.solved,
            flagged=dict(self.flagged),
            settings=self._against_settings(),
        )

    def _against_settings(self) -> Against | None:
        """Return how the user's own settings stand beside another incumbent."""
        settings = next((each for each in self.candidates.values() if each.origin == SETTINGS), self.incumbent)
        pairs = shared(settings, self.incumbent) if settings is not self.incumbent else []
        cost, incumbent_cost = self._cost_on(settings, pairs), self._cost_on(self.incumbent, pairs)
        return None if cost is None or incumbent_cost is None else Against(cost, incumbent_cost, len(pairs))

    def paired(self) -> list[tuple[float, float]]:
        """Return what each instance costs the incumbent and the reference, on the pairs that both are known on."""
        known = [each.observations for each in (self.incumbent, self.reference)]
        pairs = [p for p in shared(self.incumbent, self.reference) if not any(seen[p].disputed for seen in known)]
        costs: dict[int, tuple[list[float], list[float]]] = {}
        for pair in pairs:
            for own, seen in zip(costs.setdefault(pair.instance, ([], [])), known, strict=True):
                own.append(seen[pair].cost)
        aggregate = self.judge.aggregate
        return [(aggregate(ours), aggregate(theirs)) for ours, theirs in costs.values()]

    def _cost_on(self, candidate: Candidate, pairs: Sequence[Pair]) -> float | None:
        by_instance: dict[int, list[float]] = {}
        for pair in pairs:
            by_instance.setdefault(pair.instance, []).append(candidate.observations[pair].cost)
        costs = [self.judge.aggregate(costs) for costs in by_instance.values()]
        return shifted_geometric_mean(costs, self.judge.shift) if costs else None

    def parents(self) -> dict[str, list[Configuration]]:
        """Return the configurations worth mutating, by solver, the incumbent first."""
        families: dict[str, list[Configuration]] = {}
        for candidate in (self.incumbent, *self.elites):
            families.setdefault(candidate.configuration.solver, []).append(candidate.configuration)
        return families

    def trials(self) -> list[Trial]:
        """Return the candidates that changed since the last call, as the study's tables show them."""
        changed = [candidate for candidate in self._changed.values() if candidate.observations]
        self._changed.clear()
        return [self._trial(candidate) for candidate in changed]

    def _trial(self, candidate: Candidate) -> Trial:
        by_instance: dict[int, list[float]] = {}
        for pair, observation in candidate.observations.items():
            by_instance.setdefault(pair.instance, []).append(observation.cost)
        return Trial(
            configuration=candidate.configuration,
            origin=candidate.origin,
            status=candidate.status,
            value=self._value(candidate),
            costs={i: self.judge.aggregate(costs) for i, costs in sorted(by_instance.items())},
            runs=len(candidate.observations),
            solved=candidate.solved,
            reason=candidate.reason,
        )

    def _set(self, candidate: Candidate, status: Status) -> None:
        candidate.status = status
        self._changed[candidate.configuration] = candidate

    def _leave(self, candidate: Candidate) -> None:
        for group in (self.racing, self.elites):
            if candidate in group:
                group.remove(candidate)


def _shrunk(differences: Mapping[int, Difference]) -> float | None:
    """Return the mean of differences to the reference, shrunk for resting on few instances; None when on none."""
    n = len(differences)
    return fmean(difference.score for difference in differences.values()) * n / (n + SHRINK) if n else None


def shared(one: Candidate, other: Candidate) -> list[Pair]:
    """Return the pairs on which the exact costs of both are known."""
    return [
        pair
        for pair in one.observations
        if pair in other.observations and pair not in one.censored and pair not in other.censored
    ]
