"""The opening of a race: which default the others have to beat, and how long the instances take it."""

from __future__ import annotations

import math
from statistics import fmean

from storage.records import Run
from tuner.leader.candidate import Candidate, Status
from tuner.leader.field import Field
from tuner.leader.pairs import Course, Pair

SHARE = 0.1
"""The part of the budget that executing the default everywhere may take, if something is solved by then."""
FEW = 2
"""Instances without which there is no race."""
FAR = math.log(2.0)
"""A default that is so much worse in score on the first pair need not be executed to its end there."""
SWAP = 0.2
"""Level of the test by which one default replaces another as the reference."""
HOPE = 0.04
"""The part of the budget that one pass over instances the default does not solve may take; else they are set aside."""


class Opening:
    """Executes the reference, the best default, on every training instance; the other defaults race it meanwhile.

    Which default is the best shows on the first pair, where all are executed. So a solver that is hopeless costs a
    few capped runs.
    """

    def __init__(self, field: Field, course: Course, budget: float) -> None:
        """Open a race on ``course`` that may execute ``budget`` seconds in all its slots together."""
        self._field = field
        self._course = course
        self._budget = budget
        self.over = False

    def task(self) -> tuple[Candidate, Pair] | None:
        """Return what has to be executed next, with the full cutoff; None when all of it is under way or done."""
        field, first = self._field, self._course[0]
        if not field.reference.observations:
            for default in field.defaults:
                if first not in default.observations and first not in default.under_way:
                    return default, first
        if self._is_enough(len(field.reference.under_way)):
            return None
        for position in range(len(self._course)):
            pair = self._course[position]
            if pair not in field.reference.observations and pair not in field.reference.under_way:
                return field.reference, pair
        return None

    def _is_enough(self, under_way: int) -> bool:
        """Whether the default's runs, together with so many under way, use up its share of the budget."""
        reference = self._field.reference
        known = len(reference.observations)
        expected = fmean(o.seconds for o in reference.observations.values()) if known else 0.0
        spent = self._field.wall + under_way * expected > SHARE * self._budget and reference.solved > 0
        return spent and len({pair.instance for pair in (*reference.observations, *reference.under_way)}) >= FEW

    def follow(self, default: Candidate, pair: Pair) -> None:
        """See what follows from a response of a default: another reference, runs that are lost, the end."""
        field = self._field
        if default.status is not Status.FLAGGED:
            if default is not field.reference and self._beats_reference(default, pair):
                old = field.reference
                field.refer(default)
                field.lead(default)
                if old.status is not Status.FLAGGED:
                    field.race(old)
            observation = default.observations[pair]
            if observation.solved and pair == self._course[0]:
                field.lost.extend(self._too_long(default, pair, 2.0 * observation.seconds))
        known = len({pair.instance for pair in field.reference.observations})
        if known >= len(self._course) or (known >= FEW and self._is_enough(0)):
            self._close()

    def _beats_reference(self, default: Candidate, pair: Pair) -> bool:
        field = self._field
        reference = field.reference
        if not reference.observations:
            return default.observations[pair].solved
        evidence = field.judge.compare(default.observations, reference.observations)
        if evidence.instances <= 1:
            return evidence.mean < -FAR
        return evidence.better(SWAP)

    def _too_long(self, winner: Candidate, pair: Pair, allowed: float) -> list[Run]:
        if not self._field.cost.is_time:
            return []
        others = [default.under_way.get(pair) for default in self._field.defaults if default is not winner]
        return [run for run in others if run is not None and run.limit > allowed + self._field.judge.shift]

    def _close(self) -> None:
        """Order the course by the reference's responses, and set aside what says nothing or costs too much."""
        field = self._field
        observations = {pair.instance: o for pair, o in field.reference.observations.items()}
        unsolved = set()
        if field.cost.is_time:
            unsolved = {instance for instance, o in observations.items() if not (o.solved or o.censored)}
        trivial = {instance for instance, o in observations.items() if o.cost < field.judge.shift / 4}
        if len(observations) - len(trivial | unsolved) < FEW:
            trivial = set()
        aside = set(trivial)
        telling = len(observations) - len(trivial | unsolved)
        if telling >= max(FEW, len(unsolved)) and len(unsolved) * field.cutoff > HOPE * self._budget:
            aside |= unsolved
        self._course.lay({instance: o.seconds for instance, o in observations.items()}, unsolved, aside)
        for candidate in field.candidates.values():
            candidate.cursor = 0
        self.over = True
