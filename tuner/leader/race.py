"""The race: which configuration is executed on what next, which is dropped, and which is the incumbent.

Challengers follow the incumbent along one course of (instance, seed) pairs, from cheap to dear, each run capped by what
the incumbent took. They are compared with it after 2, 3, 4, 5, 6, 8, ... pairs and dropped early, on little evidence.
Much evidence replaces a default, less of it a challenger that leads: it was one of many itself, and may take its place
back. (After ParamILS, irace and SMAC3; `docs/racing.md` tells why, and what was measured.)

Every decision is made when a response is told and follows from the responses alone; so telling the stored ones rebuilds
a race.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from storage.records import Configuration, Purpose, Response, Run, Termination
from tuner.cost import Cost, Ties, shifted_geometric_mean
from tuner.leader.candidate import Candidate, Status, Trial
from tuner.leader.evidence import Evidence
from tuner.leader.field import Field, shared
from tuner.leader.opening import Opening
from tuner.leader.pairs import Course, Pair
from tuner.leader.prior import Prior
from tuner.leader.sampler import Proposals
from tuner.leader.schedule import LOOKS, alpha, next_look, slack
from tuner.leader.study import Study
from tuner.ports import Standing
from tuner.space import Space

MARGIN = 0.04
"""A challenger has to promise to be better by this difference in score: about four percent."""
FIRST = 5
"""Pairs (or all instances, when they are fewer) after which a challenger may become the incumbent ..."""
ENOUGH = 10
"""... and after which it is dropped unless it is likely to."""
LIKELY, UNLIKELY = 0.3, 0.02
"""Level of the test that a challenger has to pass to take over from another one, at first and at the end. That one
stays an elite until the new incumbent was executed on all of its pairs, too, and may take its place back."""
MANY = 100
"""Rejections that halve the level: the more were tried, the more are just lucky."""
PROVEN = 0.01
"""Level of the test that a challenger has to pass to take over from a default."""
STAMINA = 2
"""Rounds of the course in which a challenger has to be proven better, if it goes on being likely."""
RETIRED = 0.1
"""Level of the test that drops an elite once the incumbent was executed on all of its pairs."""
ENDING = 0.15
"""The last part of the budget, at most, in which no new challenger is entered."""
LEAD = 2
"""Pairs that the incumbent is executed on ahead of the others."""
DEFAULT_PAIRS = 10
"""Pairs before which no solver's default is dropped for another's: who wins on a few models may fail on all others."""
ELITES = 3
ROUNDS = 5
"""Seeds of an instance beyond which more pairs are only raced when nothing else is left to do."""
PATIENCE = 8
"""Rejections after which the incumbent and the elites are executed on one more pair."""
THOUGHT = 0.015
"""The part of the executed seconds that the model may think, at most."""
AHEAD = 3
"""How many challengers are kept ready."""


class Race:
    """A `Leader` for one scenario. Not thread-safe: one loop asks and tells."""

    def __init__(
        self,
        spaces: Mapping[str, Space],
        instances: Sequence[str],
        *,
        cost: Cost,
        ties: Ties,
        cutoff: float,
        budget: float,
        slots: int,
        seed: int,
        priors: Mapping[str, Prior] | None = None,
        first: Iterable[Configuration] = (),
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Prepare a race in which nothing has been executed yet.

        Args:
            spaces: by solver; the default of the first leads until another configuration does.
            instances: the SHA-256 of the training instances, in an order that stays the same when a job is resumed.
            cost: what is minimised.
            ties: how costs are aggregated over seeds.
            cutoff: seconds for one run.
            budget: wall seconds that the race is going to have; only a hint of what is affordable.
            slots: how many runs execute at a time.
            seed: of the scenario: all randomness and the solver seeds are derived from it.
            priors: what to expect of the parameters' effects, by solver; nothing of a solver that has none.
            first: the first challengers, before any that the race proposes itself.
            clock: returns CPU seconds; measures what the sampler's thinking costs.

        """
        study = Study(spaces, seed, priors)
        self._field = Field(spaces, instances, study, cost, ties, cutoff)
        self._course = Course(len(instances), seed)
        self._opening = Opening(self._field, self._course, budget * slots)
        self._proposals = Proposals(spaces, study, seed)
        self._ready = deque((configuration, "earlier") for configuration in first)
        self._slots = slots
        self._budget = budget
        self._frontier = len(instances)
        """The incumbent, and whoever wants to replace it, is executed on all pairs before this position."""
        self._rejections = 0
        self._cancelled: set[Run] = set()
        self._clock = clock
        self._thought = 0.0

    # What to execute

    def due(self, count: int, remaining: float = math.inf) -> list[Run]:
        """Return up to ``count`` runs to execute next; fewer only when nothing new can be found out.

        Args:
            count: how many are wanted.
            remaining: wall seconds that the race still has; near its end no new challenger is entered.

        """
        runs: list[Run] = []
        while len(runs) < count and (run := self._next(remaining)) is not None:
            runs.append(run)
        return runs

    def prepare(self) -> None:
        """Find one more challenger ahead of its time; to be called while all slots are busy."""
        if len(self._ready) < AHEAD:
            self._propose()

    def lost(self) -> list[Run]:
        """Return the runs under way that cannot change anything any more, each once."""
        runs = []
        for run in self._field.lost:
            candidate = self._field.candidates[run.configuration]
            if run not in self._cancelled and run in candidate.under_way.values():
                self._cancelled.add(run)
                runs.append(run)
        self._field.lost.clear()
        return runs

    @property
    def incumbent(self) -> Configuration:
        """The best configuration so far."""
        return self._field.incumbent.configuration

    @property
    def elites(self) -> list[Configuration]:
        """The incumbent, then those that it replaced or that may be as good, the best first."""
        elites = sorted(self._field.elites, key=self._field.value)
        return [candidate.configuration for candidate in (self._field.incumbent, *elites)]

    @property
    def finalist(self) -> Configuration:
        """What to hold against the defaults on the holdout: the incumbent, or who promises most of its challengers.

        While a default leads, nobody was proven better within the race's time. The holdout is the real proof, it would
        otherwise stay unused, and one configuration chosen without it is what its level is made for.
        """
        field = self._field
        if field.incumbent not in field.defaults:
            return field.incumbent.configuration
        hopeful = [c for c in (*field.elites, *field.racing) if c.observations and self._covered(c) >= self._promising]
        best = min(hopeful, key=field.value, default=field.incumbent)
        return (best if field.value(best) < field.value(field.incumbent) - MARGIN else field.incumbent).configuration

    @property
    def hopeless(self) -> bool:
        """Whether every default was executed on every instance and nothing was solved by any configuration."""
        field = self._field
        return (
            field.cost.is_time
            and field.solved == 0
            and all(
                (default.status is Status.FLAGGED and default is not field.reference)
                or len({pair.instance for pair in default.observations.keys() - default.censored})
                == len(field.instances)
                for default in field.defaults
            )
        )

    def standing(self) -> Standing:
        """Return where the race stands."""
        field = self._field
        incumbent, default = field.incumbent, field.reference
        pairs = shared(incumbent, default)
        return Standing(
            incumbent=incumbent.configuration,
            incumbent_cost=self._cost_on(incumbent, pairs),
            default=default.configuration,
            default_cost=self._cost_on(default, pairs),
            pairs=len(pairs),
            configurations=field.tried,
            runs=field.runs,
            solved=field.solved,
            flagged=dict(field.flagged),
        )

    def trials(self) -> list[Trial]:
        """Return the configurations that changed since the last call."""
        return self._field.trials()

    def tell(self, run: Run, response: Response) -> None:
        """Take a response into account; of a run that was told before, the new response replaces the old one.

        Raises ValueError for a run that is not of the race or not on a training instance.
        """
        if run.purpose is not Purpose.RACE:
            raise ValueError(f"run for {run.purpose} on {run.instance}: the leader may not see it")
        field = self._field
        pair = field.pair(run)
        candidate = field.enter(run.configuration, "stored")
        self._cancelled.discard(run)
        if candidate.under_way.get(pair) == run:
            del candidate.under_way[pair]
        if response.termination is Termination.KILLED:
            field.wall += response.wall
            return
        if not field.observe(candidate, pair, run, response):
            return
        if not response.feasible:
            before = field.incumbent
            field.flag(candidate, response.reason or response.raw_status or response.termination.value)
            if field.incumbent is not before:
                self._compare_anew()
        if self._opening.over:
            self._frontier = max(self._frontier, 1 + (self._course.position(pair) or 0))
        elif candidate in field.defaults:
            self._opening.follow(candidate, pair)
            if self._opening.over and field.solved:
                self._frontier = self._enough
        self._consider(candidate)

    # What to execute

    def _next(self, remaining: float) -> Run | None:
        field = self._field
        if not self._opening.over:
            run = self._open()
            if run is not None:
                return run
        if (run := self._step(field.incumbent, upto=self._wanted())) is not None:
            return run
        for candidate in (*field.elites, *sorted(field.racing, key=lambda c: c.promise)):
            if (run := self._step(candidate)) is not None:
                return run
        if field.reference.observations and not self._is_ending(remaining):
            challenger = self._challenger()
            if challenger is not None and (run := self._step(challenger)) is not None:
                return run
        for candidate in field.racing:
            if (run := self._step(candidate, ahead=True)) is not None:
                return run
        return self._one_more_pair()

    def _open(self) -> Run | None:
        """Return a run of a default while the opening lasts: first those that may turn out to be the better one."""
        if self._field.reference.observations:
            for default in self._field.defaults:
                if default.status is Status.RACING and (run := self._step(default)) is not None:
                    return run
        task = self._opening.task()
        return None if task is None else self._start(*task, limit=self._field.cutoff)

    def _one_more_pair(self) -> Run | None:
        """Learn more of the incumbent and the elites, when there is nothing else to do."""
        for _ in range(2):
            for candidate in (self._field.incumbent, *self._field.elites):
                if (run := self._step(candidate)) is not None:
                    return run
            self._frontier += 1
        return None

    def _wanted(self) -> int:
        """Return up to which position others may soon want to be compared with the incumbent.

        When the opening had to end early, the incumbent has gaps. They are filled when somebody gets that far.
        """
        others = (*self._field.racing, *self._field.elites)
        reached = max((self._covered(candidate) + LEAD for candidate in others), default=LEAD)
        return min(reached, self._frontier)

    def _step(self, candidate: Candidate, ahead: bool = False, upto: int = 0) -> Run | None:
        """Return the candidate's next run, on the course up to a position, else up to the frontier.

        None when it has none or has to wait: for the incumbent, and for its next look unless ``ahead``.
        """
        follows = candidate.status is Status.RACING
        known, under_way = candidate.observations, candidate.under_way
        if candidate.exact:
            for pair in sorted(candidate.censored):
                if pair not in under_way:
                    return self._start(candidate, pair, self._field.cutoff)
        waiting = follows and not ahead and len(known) + sum(p not in known for p in under_way) >= candidate.look
        if not waiting:
            incumbent = self._field.incumbent
            for position in range(self._covered(candidate), upto or self._frontier):
                pair = self._course[position]
                if pair in known or pair in under_way or (follows and pair not in incumbent.observations):
                    continue
                return self._start(candidate, pair, self._limit(candidate, pair))
        return None

    def _start(self, candidate: Candidate, pair: Pair, limit: float) -> Run:
        field = self._field
        run = Run(candidate.configuration, field.instances[pair.instance], pair.seed, field.cutoff, limit)
        candidate.under_way[pair] = run
        return run

    def _limit(self, candidate: Candidate, pair: Pair) -> float:
        """Return the cap: what is left of a multiple of the incumbent's seconds on the same pairs."""
        field, incumbent = self._field, self._field.incumbent.observations
        target = incumbent.get(pair)
        if candidate.status is not Status.RACING or not field.cost.is_time or target is None or not target.feasible:
            return field.cutoff
        allowed = target.seconds
        spent = 0.0
        for other, own in candidate.observations.items():
            if other in incumbent:
                allowed += incumbent[other].seconds
                spent += own.seconds
        for other, run in candidate.under_way.items():
            if other in incumbent:
                allowed += incumbent[other].seconds
                spent += run.limit
        left = slack(len(candidate.observations)) * allowed - spent
        return min(field.cutoff, round(max(left, target.seconds + field.judge.shift), 3))

    def _challenger(self) -> Candidate | None:
        """Enter a new challenger; None when there is none."""
        while self._ready or self._propose():
            configuration, source = self._ready.popleft()
            if configuration not in self._field.candidates:  # else one of the first that was raced before a resume
                return self._field.enter(configuration, source)
        return None

    def _propose(self) -> bool:
        """Put a new challenger among those that are ready; False when there is none."""
        before = self._clock()
        model = self._thought <= THOUGHT * self._field.wall
        proposal = self._proposals.next(self._field.parents(), self._field.best, model)
        self._thought += self._clock() - before
        if proposal is not None:
            self._ready.append(proposal)
        return proposal is not None

    def _is_ending(self, remaining: float) -> bool:
        """Whether a new challenger could no longer become the incumbent."""
        if remaining == math.inf:
            return False
        observations = self._field.incumbent.observations.values()
        at_a_time = min(LOOKS[0], self._slots)
        needed = self._first * fmean(o.seconds for o in observations) / at_a_time if observations else 0.0
        return remaining < min(needed, ENDING * self._budget)

    # What follows from a response

    def _consider(self, candidate: Candidate) -> None:
        field = self._field
        if candidate is field.incumbent:
            field.inform(candidate)
            for elite in list(field.elites):
                self._decide(elite)
        elif candidate.status is Status.ELITE or (
            candidate.status is Status.RACING and (candidate.exact or len(candidate.observations) >= candidate.look)
        ):
            self._decide(candidate)

    def _decide(self, candidate: Candidate) -> None:
        """Compare with the incumbent: drop the candidate, promote it, keep it as an elite, or let it go on."""
        field = self._field
        if candidate.status not in (Status.RACING, Status.ELITE):
            return
        n = len(candidate.observations)
        candidate.look = next_look(n)
        evidence = self._compare(candidate)
        field.inform(candidate)
        if field.cost.is_time and field.solved == 0:
            return
        if field.incumbent.status is Status.FLAGGED:
            self._replace_flagged(candidate)
        elif self._is_lost(candidate, evidence):
            self._reject(candidate)
        elif self._opening.over and self._covered(candidate) >= self._first:
            self._conclude(candidate, evidence)

    def _is_lost(self, candidate: Candidate, evidence: Evidence) -> bool:
        """Whether a candidate is worse than the incumbent, or too little better."""
        n = len(candidate.observations)
        rivals = len(self._field.defaults) > 1
        if rivals and candidate in self._field.defaults and n < min(DEFAULT_PAIRS, len(self._course)):
            return False
        if candidate.status is not Status.ELITE:
            return evidence.worse(alpha(n), MARGIN)
        settled = candidate.observations.keys() <= self._field.incumbent.observations.keys()
        return evidence.worse(RETIRED if settled else PROVEN)

    def _conclude(self, candidate: Candidate, evidence: Evidence) -> None:
        """Promote a candidate that is better; drop a challenger that is not likely to be; let others go on.

        Who is likely to be better and not proven so on all instances and seeds that it may have stays as an elite.
        """
        field = self._field
        level = PROVEN if field.incumbent in field.defaults else max(UNLIKELY, LIKELY / (1 + self._rejections / MANY))
        better = evidence.better(level)
        candidate.exact = better
        if better and not candidate.censored:
            self._promote(candidate)
        elif not better and candidate.status is Status.RACING and self._covered(candidate) >= self._enough:
            if not evidence.better(LIKELY):
                self._reject(candidate)
            elif self._covered(candidate) < STAMINA * len(self._course):
                self._frontier = max(self._frontier, min(candidate.look, STAMINA * len(self._course)))
            else:
                field.keep(candidate)
                self._trim()

    def _replace_flagged(self, candidate: Candidate) -> None:
        """Promote whoever is first to be executed everywhere: anything is better than a response outside C."""
        if self._opening.over and self._covered(candidate) >= self._enough:
            candidate.exact = True
            if not candidate.censored:
                self._promote(candidate)

    def _promote(self, candidate: Candidate) -> None:
        field = self._field
        old = field.incumbent
        field.lead(candidate)
        field.inform(candidate)
        if old.status is not Status.FLAGGED:
            field.keep(old)
        self._compare_anew()
        self._trim()

    def _compare_anew(self) -> None:
        """Compare everybody with a new incumbent; nobody is promoted before it has a response of its own."""
        others = (*self._field.racing, *self._field.elites)
        for other in sorted(others, key=lambda c: c.configuration.key):  # in an order that follows from responses alone
            n = len(other.observations)
            evidence = self._compare(other)
            other.look = max(other.look, next_look(n))
            if n and self._is_lost(other, evidence):
                self._reject(other)

    def _trim(self) -> None:
        """Keep only the best elites."""
        elites = self._field.elites
        while len(elites) > ELITES:
            self._reject(max(elites, key=self._field.value))

    def _reject(self, candidate: Candidate) -> None:
        self._field.reject(candidate)
        self._rejections += 1
        if self._opening.over and self._rejections % PATIENCE == 0 and self._frontier < ROUNDS * len(self._course):
            self._frontier += 1

    def _compare(self, candidate: Candidate) -> Evidence:
        evidence = self._field.judge.compare(
            candidate.observations, self._field.incumbent.observations, who=candidate.configuration
        )
        candidate.promise = evidence.mean / evidence.error
        return evidence

    def _covered(self, candidate: Candidate) -> int:
        """Return how many pairs from the start of the course the candidate was executed on without a gap."""
        while self._course[candidate.cursor] in candidate.observations:
            candidate.cursor += 1
        return candidate.cursor

    def _cost_on(self, candidate: Candidate, pairs: Sequence[Pair]) -> float | None:
        by_instance: dict[int, list[float]] = {}
        for pair in pairs:
            by_instance.setdefault(pair.instance, []).append(candidate.observations[pair].cost)
        judge = self._field.judge
        costs = [judge.aggregate(costs) for costs in by_instance.values()]
        return shifted_geometric_mean(costs, judge.shift) if costs else None

    @property
    def _first(self) -> int:
        return min(FIRST, len(self._course))

    @property
    def _enough(self) -> int:
        return min(ENOUGH, len(self._course))

    @property
    def _promising(self) -> int:
        return (self._enough + 1) // 2
