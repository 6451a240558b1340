"""The race: which configuration is executed on what next, which is dropped, and which is the incumbent.

Challengers follow the incumbent along one course of (instance, seed) pairs, cheap ones first, each run capped by what
the incumbent took. Once somebody leads, each begins with another of the first pairs: most are dropped after two of
them, and the model has to know more than two instances. They are compared with the incumbent after 2, 3, 4, 5, 6, 8,
... pairs and dropped early, on little evidence.
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
from tuner.cost import Cost, Ties
from tuner.leader.candidate import Candidate, Status, Trial
from tuner.leader.contest import MARGIN, Contest
from tuner.leader.field import SETTINGS, Field
from tuner.leader.opening import Opening
from tuner.leader.pairs import Course, Pair
from tuner.leader.prior import Prior
from tuner.leader.sampler import Proposals
from tuner.leader.schedule import LOOKS, slack
from tuner.leader.study import Study
from tuner.ports import Allowance, Standing
from tuner.space import Space

ENDING = 0.15
"""The last part of the budget, at most, in which no new challenger is entered."""
LEAD = 2
"""Pairs that the incumbent is executed on ahead of the others."""
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
        base: Configuration | None = None,
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
            base: the user's own settings: they race beside the defaults from the first pair on.
            clock: returns CPU seconds; measures what the sampler's thinking costs.

        """
        study = Study(spaces, seed, priors)
        self._field = Field(spaces, instances, study, cost, ties, cutoff)
        self._course = Course(len(instances), seed)
        self._opening = Opening(self._field, self._course, budget * slots)
        self._contest = Contest(self._field, self._course, self._opening)
        self._proposals = Proposals(spaces, study, seed)
        settings = [] if base is None else [self._field.enter(base, SETTINGS)]
        self._beside = (*self._field.defaults, *settings)
        self._ready = deque((c, self._field.origin(c)) for c in first)
        self._slots = slots
        self._budget = budget
        self._cancelled: set[Run] = set()
        self._idle: set[tuple[Candidate, bool]] = set()
        """Who has no next run, ahead of its look or not, until something is told."""
        self._clock = clock
        self._thought = 0.0
        self._turn = 0

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

    def lost(self, elapsed: Mapping[Run, float]) -> list[Run]:
        """Return the runs under way that cannot change anything any more, each once, however long they took."""
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
        contest = self._contest
        known = [c for c in (*field.elites, *field.racing) if c.observations]
        hopeful = [c for c in known if contest.covered(c) >= contest.promising]
        best = min(hopeful, key=field.value, default=field.incumbent)
        return (best if field.value(best) < field.value(field.incumbent) - MARGIN else field.incumbent).configuration

    @property
    def hopeless(self) -> bool:
        """Whether every default was executed on every instance and nothing was solved by any configuration."""
        return self._field.hopeless

    def standing(self) -> Standing:
        """Return where the race stands."""
        return self._field.standing()

    def expect(self, run: Run) -> None:
        """Take a run that another leader asked for as under way."""
        self._field.enter(run.configuration, "earlier").under_way[self._field.pair(run)] = run

    def paired(self) -> list[tuple[float, float]]:
        """Return what each instance costs the incumbent and the reference, on the pairs that both are known on."""
        return self._field.paired()

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
        self._idle.clear()
        pair = field.pair(run)
        candidate = field.enter(run.configuration, "stored")
        self._cancelled.discard(run)
        if candidate.under_way.get(pair) == run:
            del candidate.under_way[pair]
        if response.termination is Termination.KILLED and response.floor is None:
            field.wall += response.wall
            return
        if not field.observe(candidate, pair, run, response):
            return
        if not response.feasible:
            before = field.incumbent
            field.flag(candidate, response.reason or response.raw_status or response.termination.value)
            if field.incumbent is not before:
                self._contest.compare_anew()
        if self._opening.over:
            self._contest.reach(pair)
        elif candidate in field.defaults:
            self._opening.follow(candidate, pair)
            if self._opening.over and field.solved:
                self._contest.begin()
        self._contest.consider(candidate)

    def allowance(self, run: Run) -> Allowance | None:
        """Return what a challenger's run under way may cost, as `_limit` does where costs are seconds."""
        field = self._field
        candidate, pair = field.candidates.get(run.configuration), field.pair(run)
        theirs = field.incumbent.observations
        target = theirs.get(pair)
        if candidate is None or candidate.status is not Status.RACING or candidate.exact:
            return None
        if candidate.under_way.get(pair) != run or target is None or target.censored or not target.feasible:
            return None
        both = [(own.cost, theirs[p].cost) for p, own in candidate.observations.items() if p in theirs]
        allowed = slack(len(candidate.observations)) * (target.cost + sum(cost for _, cost in both))
        left = allowed - sum(cost for cost, _ in both)
        most = max(left, target.cost + field.judge.shift)
        return Allowance(field.incumbent.configuration, target.cost, most)

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
            if (run := self._further(candidate)) is not None:
                return run
        if field.reference.observations and not self._is_ending(remaining):
            challenger = self._challenger()
            if challenger is not None and (run := self._step(challenger)) is not None:
                return run
        for candidate in field.racing:
            if (run := self._further(candidate, ahead=True)) is not None:
                return run
        return self._one_more_pair()

    def _further(self, candidate: Candidate, ahead: bool = False) -> Run | None:
        """Return the candidate's next run; nobody is looked at twice for nothing."""
        if (candidate, ahead) in self._idle:
            return None
        run = self._step(candidate, ahead)
        if run is None:
            self._idle.add((candidate, ahead))
        return run

    def _open(self) -> Run | None:
        """Return a run of a default or the settings while the opening lasts: first of those that may be the better."""
        if self._field.reference.observations:
            for candidate in self._beside:
                if candidate.status is Status.RACING and (run := self._step(candidate)) is not None:
                    return run
        task = self._opening.task()
        return None if task is None else self._start(*task, limit=self._field.cutoff)

    def _one_more_pair(self) -> Run | None:
        """Learn more of the incumbent and the elites, when there is nothing else to do."""
        for _ in range(2):
            for candidate in (self._field.incumbent, *self._field.elites):
                if (run := self._step(candidate)) is not None:
                    return run
            self._contest.extend()
            self._idle.clear()
        return None

    def _wanted(self) -> int:
        """Return up to which position others may soon want to be compared with the incumbent.

        When the opening had to end early, the incumbent has gaps. They are filled when somebody gets that far.
        """
        others = (*self._field.racing, *self._field.elites)
        reached = max((self._contest.covered(candidate) + LEAD for candidate in others), default=LEAD)
        return min(reached, self._contest.frontier)

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
        incumbent = self._field.incumbent
        waiting = follows and not ahead and len(known) + sum(p not in known for p in under_way) >= candidate.look
        has_all = follows and not incumbent.observations.keys() - known.keys() - under_way.keys()
        if not waiting and not has_all:
            start, end = self._contest.covered(candidate), upto or self._contest.frontier
            for position in self._course.between(start, end, candidate.turn):
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
                candidate = self._field.enter(configuration, source)
                if self._field.incumbent not in self._field.defaults:
                    self._turn += 1
                    candidate.turn = self._turn
                return candidate
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
        needed = self._contest.first * fmean(o.seconds for o in observations) / at_a_time if observations else 0.0
        return remaining < min(needed, ENDING * self._budget)
