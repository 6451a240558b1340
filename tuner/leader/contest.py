"""The contest between the incumbent and its challengers: who is dropped, who goes on, who takes over.

Everything here follows from the responses alone, in the order in which they are told.
"""

from __future__ import annotations

from tuner.leader.candidate import Candidate, Status
from tuner.leader.evidence import Evidence
from tuner.leader.field import Field
from tuner.leader.opening import Opening
from tuner.leader.pairs import Course, Pair
from tuner.leader.schedule import alpha, next_look

MARGIN = 0.04
"""A challenger has to promise to be better by this difference in score: about four percent."""
FIRST = (2, 5)
"""Pairs (or all instances, when they are fewer) after which a challenger may become the incumbent, at first and when
many were rejected: the more were tried, the more are just lucky ..."""
ENOUGH = (4, 10)
"""... and after which it is dropped unless it is likely to."""
BOLD = 40
"""Rejections until both have grown."""
LIKELY, UNLIKELY = 0.3, 0.02
"""Level of the test that a challenger has to pass to take over from another one, at first and at the end. That one
stays an elite until the new incumbent was executed on all of its pairs, too, and may take its place back."""
MANY = 100
"""Rejections that halve the level: the more were tried, the more are just lucky."""
PROVEN = (0.3, 0.01)
"""Level of the test that a challenger has to pass to take over from a default, at first and at the end."""
SOME = 10
"""Rejections that halve that level."""
STAMINA = 2
"""Rounds of the course in which a challenger has to be proven better, if it goes on being likely."""
RETIRED = 0.1
"""Level of the test that drops an elite once the incumbent was executed on all of its pairs."""
DEFAULT_PAIRS = 10
"""Pairs before which no solver's default is dropped for another's: who wins on a few models may fail on all others."""
ELITES = 3
ROUNDS = 5
"""Seeds of an instance beyond which more pairs are only raced when nothing else is left to do."""
PATIENCE = 8
"""Rejections after which the incumbent and the elites are executed on one more pair."""


class Contest:
    """Decides on the candidates of a field when something is known of them that was not before."""

    def __init__(self, field: Field, course: Course, opening: Opening) -> None:
        """Hold a contest in which nobody was rejected yet; until the opening is over, nobody takes over."""
        self._field = field
        self._course = course
        self._opening = opening
        self._rejections = 0
        self.frontier = len(course)
        """The incumbent, and whoever wants to replace it, is executed on all pairs before this position."""

    def begin(self) -> None:
        """Put the frontier where the first challengers may be judged."""
        self.frontier = self.enough

    def extend(self) -> None:
        """Move the frontier by one pair."""
        self.frontier += 1

    def reach(self, pair: Pair) -> None:
        """Move the frontier behind a pair that somebody was executed on."""
        self.frontier = max(self.frontier, 1 + (self._course.position(pair) or 0))

    def consider(self, candidate: Candidate) -> None:
        """Decide on what a response of this candidate may change."""
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
        elif self._opening.over and self.covered(candidate) >= self.first:
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
        return evidence.worse(RETIRED if settled else PROVEN[1])

    def _conclude(self, candidate: Candidate, evidence: Evidence) -> None:
        """Promote a candidate that is better; drop a challenger that is not likely to be; let others go on.

        Who is likely to be better and not proven so on all instances and seeds that it may have stays as an elite.
        """
        field = self._field
        first, last, many = (*PROVEN, SOME) if field.incumbent in field.defaults else (LIKELY, UNLIKELY, MANY)
        level = max(last, first / (1 + self._rejections / many))
        better = evidence.better(level)
        candidate.exact = better
        if better and not candidate.censored:
            self._promote(candidate)
        elif not better and candidate.status is Status.RACING and self.covered(candidate) >= self.enough:
            if not evidence.better(LIKELY):
                self._reject(candidate)
            elif self.covered(candidate) < STAMINA * len(self._course):
                self.frontier = max(self.frontier, min(candidate.look, STAMINA * len(self._course)))
            else:
                field.keep(candidate)
                self._trim()

    def _replace_flagged(self, candidate: Candidate) -> None:
        """Promote whoever is first to be executed everywhere: anything is better than a response outside C."""
        if self._opening.over and self.covered(candidate) >= self.enough:
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
        self.compare_anew()
        self._trim()

    def compare_anew(self) -> None:
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
        if self._opening.over and self._rejections % PATIENCE == 0 and self.frontier < ROUNDS * len(self._course):
            self.extend()

    def _compare(self, candidate: Candidate) -> Evidence:
        evidence = self._field.judge.compare(
            candidate.observations, self._field.incumbent.observations, who=candidate.configuration
        )
        candidate.promise = evidence.mean / evidence.error
        return evidence

    def covered(self, candidate: Candidate) -> int:
        """Return how many pairs from the start of the course the candidate was executed on without a gap.

        In the first block, whose order is not the same for all, whatever it was executed on counts.
        """
        known, block = candidate.observations, self._course.block
        if candidate.cursor < block:
            candidate.cursor = sum(self._course[position] in known for position in range(block))
        if candidate.cursor >= block:
            while self._course[candidate.cursor] in known:
                candidate.cursor += 1
        return candidate.cursor

    @property
    def first(self) -> int:
        """Pairs after which a challenger may take over."""
        return min(self._grown(*FIRST), len(self._course))

    @property
    def enough(self) -> int:
        """Pairs after which a challenger is dropped unless it is likely to take over."""
        return min(self._grown(*ENOUGH), len(self._course))

    @property
    def promising(self) -> int:
        """Pairs after which a challenger's value means something."""
        return (self.enough + 1) // 2

    def _grown(self, first: int, last: int) -> int:
        return first + round((last - first) * min(1.0, self._rejections / BOLD))
