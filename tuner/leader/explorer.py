"""A leader for budgets of few runs: every run is the one that is worth most per second for the answer.

It has no opening and no tests. Beliefs (`tuner.leader.beliefs`) about all configurations follow from the prior and all
responses together. Who is believed to be best leads, and the next run is the one with the largest knowledge gradient
per second (`tuner.leader.gradient`), given what is under way. The leader has to prove itself on the more instances the
more configurations were tried: otherwise one easy instance, which shows nothing, may decide everything.

All that it decides follows from the responses that it was told; so telling the stored ones rebuilds it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from storage.records import Configuration, Purpose, Response, Run, Termination
from tuner.cost import Cost, Ties, worst
from tuner.leader.beliefs import Beliefs
from tuner.leader.candidate import Candidate, Status, Trial
from tuner.leader.features import Floats
from tuner.leader.field import SETTINGS, Field
from tuner.leader.gradient import Choice, most_valuable
from tuner.leader.outlook import Outlook
from tuner.leader.pairs import Course, Pair
from tuner.leader.prior import Prior
from tuner.leader.study import Study
from tuner.leader.terms import Terms
from tuner.ports import Allowance, Standing
from tuner.space import Space

SCALE = 1.5
"""Multiple of the prior's standard deviations."""
CAP = 1.5
"""A run may take so many times the seconds that the best is expected to take."""
LOOSE = 2.0
"""The leader's own runs may take so many times that."""
PART = 0.5
"""A run may take such a part of the seconds that are left, while nothing is solved: its model may be the hardest."""
FRESH = 3.0
"""The leader has been executed on one pair more for every so many configurations tried."""
UNSURE = 1.0
"""Multiple of the mean that is added for what a mean over few instances may miss: seconds scatter by as much."""
OVERHEAD = 0.01
"""Seconds of a run besides those that are measured."""


class Explorer:
    """A `tuner.ports.Leader` for one scenario with a budget of few runs. Not thread-safe."""

    def __init__(
        self,
        spaces: Mapping[str, Space],
        instances: Sequence[str],
        *,
        cost: Cost,
        ties: Ties,
        cutoff: float,
        slots: int,
        seed: int,
        priors: Mapping[str, Prior] | None = None,
        first: Iterable[Configuration] = (),
        base: Configuration | None = None,
    ) -> None:
        """Prepare to explore; see `tuner.leader.race.Race` for the arguments."""
        self._field = Field(spaces, instances, Study(spaces, seed), cost, ties, cutoff)
        self._course = Course(len(instances), seed)
        self._slots = slots
        terms = Terms(spaces, priors or {}, SCALE)
        self._outlook = Outlook(self._field, spaces, terms, slots, seed, list(first))
        settings = [] if base is None else [self._field.enter(base, SETTINGS)]
        self._beside = (*self._field.defaults, *settings)
        self._cancelled: set[Run] = set()

    # The answer

    @property
    def incumbent(self) -> Configuration:
        """The configuration that is believed to be best of all that gave an answer."""
        self._believed()
        return self._field.incumbent.configuration

    finalist = incumbent

    @property
    def hopeless(self) -> bool:
        """Whether every default was executed on every instance and nothing was solved by any configuration."""
        return self._field.hopeless

    def standing(self) -> Standing:
        """Return where the race stands."""
        self._believed()
        return self._field.standing()

    def paired(self) -> list[tuple[float, float]]:
        """Return what each instance costs the incumbent and the reference, on the pairs that both are known on."""
        self._believed()
        return self._field.paired()

    def trials(self) -> list[Trial]:
        """Return the configurations that changed since the last call."""
        return self._field.trials()

    # What to execute

    def due(self, count: int, remaining: float = math.inf) -> list[Run]:
        """Return the next runs; no more than there are free slots, since each response may change what comes next."""
        field = self._field
        free = self._slots - sum(len(candidate.under_way) for candidate in field.candidates.values())
        runs = []
        for _ in range(min(count, free)):
            step = self._opening(remaining) or self._next(remaining)
            if step is None:
                break
            candidate, pair, limit = step
            run = Run(candidate.configuration, field.instances[pair.instance], pair.seed, field.cutoff, limit)
            self._outlook.begin(candidate, pair, run)
            runs.append(run)
        return runs

    def prepare(self) -> None:
        """Do nothing: all thinking needs the next response."""

    def lost(self, elapsed: Mapping[Run, float]) -> list[Run]:
        """Return the runs that take longer than they would be allowed to if they began now.

        Args:
            elapsed: seconds that runs have been executing.

        """
        beliefs = self._believed()
        lost = [run for run in self._field.lost if run in self.under_way() and run not in self._cancelled]
        self._cancelled.update(lost)
        self._field.lost.clear()
        for candidate in self._outlook.entered:
            for pair, run in candidate.under_way.items():
                if run not in self._cancelled and elapsed.get(run, 0.0) > self._limit(beliefs, candidate, pair):
                    self._cancelled.add(run)
                    lost.append(run)
        return lost

    def tell(self, run: Run, response: Response) -> None:
        """Take a response into account; of a run that was told before, the new response replaces the old one.

        A run that was ended from outside says that its configuration takes longer than that; one that had hardly begun,
        as when a job is interrupted, says nothing and may be executed again.

        Raises ValueError for a run that is not of the race or not on a training instance.
        """
        if run.purpose is not Purpose.RACE:
            raise ValueError(f"run for {run.purpose} on {run.instance}: the leader may not see it")
        field = self._field
        pair, candidate = field.pair(run), field.enter(run.configuration, "stored")
        if candidate.under_way.get(pair) == run:
            del candidate.under_way[pair]
        self._cancelled.discard(run)
        self._outlook.beliefs = None
        is_killed = response.termination is Termination.KILLED and response.floor is None
        if is_killed and (not field.cost.is_time or response.wall < field.judge.shift):
            field.wall += response.wall
            return
        if not field.observe(candidate, pair, run, response):
            return
        self._outlook.note_response()
        if not response.feasible:
            field.flag(candidate, response.reason or response.raw_status or response.termination.value)

    def allowance(self, run: Run) -> Allowance | None:
        """Return what a run under way may cost, where the cost is not seconds: a multiple of the leader's."""
        field, pair = self._field, self._field.pair(run)
        candidate, lead = field.candidates.get(run.configuration), field.incumbent
        target = lead.observations.get(pair)
        if candidate is None or candidate is lead or candidate.under_way.get(pair) != run:
            return None
        if target is None or target.censored or not target.feasible or target.disputed:
            return None
        return Allowance(lead.configuration, target.cost, CAP * target.cost + field.judge.shift)

    def usual(self) -> float:
        """Return the seconds that the best default may take on average over all instances, by those executed so far.

        By what was told alone: what is under way has no part in it.
        """
        field, outlook = self._field, self._outlook
        if not field.cost.is_time:
            outlook.gather(is_busy=False)
            return self._usual_seconds()[-1]
        beliefs = outlook.renew(is_busy=False)
        defaults = [outlook.entered.index(default) for default in field.defaults if default in outlook.entered]
        if not defaults or not outlook.places:
            return field.cutoff
        places = np.arange(len(outlook.places))
        owner = np.full_like(places, min(defaults, key=lambda number: float(beliefs.worth[number])))
        level = beliefs.count + places
        score = beliefs.expected(owner, places) + 0.5 * beliefs.covariance[level, level]
        expected = np.exp(np.minimum(score, math.log(worst(field.cost, field.cutoff)))) - field.judge.shift
        few = max(0.0, 1.0 / len(outlook.places) - 1.0 / len(field.instances))
        return float((1.0 + UNSURE * math.sqrt(few)) * np.clip(expected, 0.0, field.cutoff).mean())

    def under_way(self) -> list[Run]:
        """Return the runs that were asked for and not told yet."""
        return [run for candidate in self._field.candidates.values() for run in candidate.under_way.values()]

    # Beliefs

    def _believed(self) -> Beliefs:
        """Return beliefs about all candidates in play, and the proposals if there are any; the best candidate leads."""
        field, outlook = self._field, self._outlook
        if outlook.beliefs is not None:
            return outlook.beliefs
        beliefs, entered = outlook.renew(), outlook.entered
        answers = [number for number, candidate in enumerate(entered) if _is_answer(candidate)]
        if answers:
            worth = beliefs.worth
            best = entered[min(answers, key=lambda number: float(worth[number]))]
            if best is not field.incumbent:
                field.lead(best)
            defaults = [number for number in answers if entered[number] in field.defaults]
            reference = min(defaults, key=lambda number: float(worth[number]), default=None)
            if reference is not None and entered[reference] is not field.reference:
                field.refer(entered[reference])
        return beliefs

    # What to execute

    def _opening(self, remaining: float) -> tuple[Candidate, Pair, float] | None:
        """Return a run of a default, or the user's settings, while there is one not executed yet: on the first pair
        on which the others did not fail.
        """
        for candidate in self._beside:
            if not _taken(candidate) and candidate.status is not Status.FLAGGED:
                return candidate, self._fresh(set(), self._too_hard()), self._first_limit(remaining)
        return None

    def _first_limit(self, remaining: float) -> float:
        """Return the cap while nothing is solved: none where there is no other model to go on with."""
        field = self._field
        if not field.cost.is_time or len(self._course) == 1 or math.isinf(remaining):
            return field.cutoff
        return min(field.cutoff, max(field.judge.shift, round(PART * remaining, 3)))

    def _next(self, remaining: float) -> tuple[Candidate, Pair, float] | None:
        """Return what is worth most; None when all that can be proposed is flagged."""
        outlook = self._outlook
        beliefs = outlook.propose(self._believed())
        lead = self._lead()
        if lead is None:
            return (outlook.enter(0), self._course[0], self._first_limit(remaining)) if outlook.proposed else None
        wanted = min(len(self._course), 1 + len(outlook.entered) / FRESH)
        is_stuck = not lead.under_way and len(lead.censored) == len(lead.observations) < len(self._course)
        if lead.observations and (len(_taken(lead)) < wanted or is_stuck):
            pair = self._fresh(_taken(lead), self._too_hard())
            return lead, pair, self._limit(beliefs, lead, pair, remaining)
        options, pairs, taking = self._options(beliefs)
        if (taking <= remaining).any():
            kept = np.flatnonzero(taking <= remaining)
            options, pairs, taking = [options[k] for k in kept], [pairs[k] for k in kept], taking[kept]
        is_known = np.zeros(beliefs.count, dtype=bool)
        is_known[: len(outlook.entered)] = [_is_answer(candidate) or candidate is lead for candidate in outlook.entered]
        place = most_valuable(beliefs, options, taking, is_known)
        number, pair = options[place].configuration, pairs[place]
        if options[place].is_paired:
            return lead, pair, self._limit(beliefs, lead, pair, remaining)
        is_entered = number < len(outlook.entered)
        candidate = outlook.entered[number] if is_entered else outlook.enter(outlook.proposal(number))
        return candidate, pair, self._limit(beliefs, candidate, pair, remaining)

    def _lead(self) -> Candidate | None:
        """Return the incumbent, or whoever is in play when no default is any more."""
        incumbent, entered = self._field.incumbent, self._outlook.entered
        return incumbent if incumbent in entered else next(iter(entered), None)

    def _options(self, beliefs: Beliefs) -> tuple[list[Choice], list[Pair], Floats]:
        """Return the runs to choose from, their pairs, and the seconds that each is expected to take.

        Every configuration may go on to the next pair of the leader's, or to a new one, where the leader goes first.
        """
        leader = self._lead()
        assert leader is not None
        lead, covered = self._outlook.entered.index(leader), _taken(leader)
        hard = self._too_hard()
        met = (pair for pair in covered if pair.instance not in hard)
        shared = sorted(met, key=lambda pair: self._course.position(pair) or 0)
        options, pairs = [], []
        for number, candidate in self._outlook.executable(beliefs):
            taken = set() if candidate is None else _taken(candidate)
            near = next((pair for pair in shared if pair not in taken), None)
            fresh = self._fresh(taken | covered, hard)
            for pair in (fresh,) if near is None else (near, fresh):
                options.append(Choice(number, self._outlook.place(beliefs, pair), pair is fresh and number != lead))
                pairs.append(pair)
        owner, instance = (np.array(column) for column in zip(*(option[:2] for option in options), strict=True))
        paired = np.array([option.is_paired for option in options])
        taking = self._seconds(beliefs, owner, instance, pairs)
        return options, pairs, taking + paired * self._seconds(beliefs, np.full_like(owner, lead), instance, pairs)

    def _too_hard(self) -> set[int]:
        """Return the instances on which somebody's cap ended a run, and which nobody is known to have got through.

        None are, where all would be: then there is nothing else to go on with.
        """
        open_ = {pair.instance for candidate in self._outlook.entered for pair in candidate.censored}
        known = {
            pair.instance
            for candidate in self._outlook.entered
            for pair, observation in candidate.observations.items()
            if not observation.censored
        }
        hard = open_ - known
        return hard if len(hard) < len(self._course) else set()

    def _seconds(
        self, beliefs: Beliefs, owner: NDArray[np.intp], instance: NDArray[np.intp], pairs: Sequence[Pair]
    ) -> Floats:
        """Return the seconds that runs are expected to take."""
        field = self._field
        if not field.cost.is_time:
            usual = self._usual_seconds()
            return np.array([OVERHEAD + usual.get(pair.instance, usual[-1]) for pair in pairs])
        taking = np.exp(self._expected(beliefs, owner, instance)) - field.judge.shift
        return np.asarray(OVERHEAD + np.clip(taking, 0.0, field.cutoff))

    def _usual_seconds(self) -> dict[int, float]:
        """Return the mean seconds of runs by instance; at -1 those on instances where nothing was executed."""
        by_instance: dict[int, list[float]] = {}
        for candidate in self._outlook.entered:
            for pair, observation in candidate.observations.items():
                by_instance.setdefault(pair.instance, []).append(observation.seconds)
        usual = {instance: fmean(all_) for instance, all_ in by_instance.items()}
        return {**usual, -1: fmean(usual.values()) if usual else self._field.cutoff}

    def _expected(self, beliefs: Beliefs, owner: NDArray[np.intp], instance: NDArray[np.intp]) -> Floats:
        return np.minimum(beliefs.expected(owner, instance), math.log(worst(self._field.cost, self._field.cutoff)))

    def _limit(self, beliefs: Beliefs, candidate: Candidate, pair: Pair, remaining: float = math.inf) -> float:
        """Return the cap: a multiple of what somebody as good as the leader is expected to take."""
        field, lead = self._field, self._lead()
        if not field.cost.is_time or lead is None or not any(map(_is_answer, self._outlook.entered)):
            return self._first_limit(remaining)
        worth, spread = float(beliefs.worth[self._outlook.entered.index(lead)]), 1.0
        if candidate is lead:
            worth, spread = 0.0, LOOSE
        place = beliefs.count + self._outlook.place(beliefs, pair)
        score = beliefs.mean[place] + worth + 0.5 * (beliefs.noise**2 + beliefs.covariance[place, place])
        expected = math.exp(min(float(score), math.log(worst(field.cost, field.cutoff))))
        expected = max(0.0, expected - field.judge.shift)
        return min(field.cutoff, round(spread * CAP * expected + field.judge.shift, 3))

    def _fresh(self, taken: set[Pair], hard: set[int]) -> Pair:
        """Return the next pair of the course that is not taken, of an instance that is not hard."""
        pairs = (self._course[position] for position in itertools.count())
        return next(pair for pair in pairs if pair not in taken and pair.instance not in hard)


def _taken(candidate: Candidate) -> set[Pair]:
    return {*candidate.observations, *candidate.under_way}


def _is_answer(candidate: Candidate) -> bool:
    return candidate.status is not Status.FLAGGED and len(candidate.observations) > len(candidate.censored)
