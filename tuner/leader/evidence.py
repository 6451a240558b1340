"""What two configurations' costs on shared pairs say about which is better.

Scores are log(shift + cost): a difference of 0.1 is about ten percent. An instance counts once, however many seeds it
was executed with: its costs over seeds are aggregated first, by the scenario's assumption about ties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean, variance

from tuner.cost import Ties, over_seeds
from tuner.leader.pairs import Pair

SPREAD = 0.5
"""Standard deviation of a score around what another configuration scores on the same pair, where a censored one is
imputed; typical of MILP solvers, and the result depends little on it."""
PRIOR_SPREAD = 0.3
"""Standard deviation of score differences that is assumed before any are seen ..."""
PRIOR_COUNT = 3.0
"""... as if from so many degrees of freedom."""
PRIOR_WEIGHT = 2.0
"""What is usual in this race counts as so many degrees of freedom: two differences that agree prove little."""
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of a configuration on one pair."""

    cost: float
    """Its cost; when censored, the limit that its cost is known to exceed."""
    seconds: float
    """What the run took of its cutoff."""
    censored: bool
    solved: bool
    feasible: bool
    disputed: bool = False
    """Whether another answer contradicts it, and neither is proven wrong: the pair tells nothing of who is faster."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Paired differences of scores, the first configuration's minus the second's; negative: the first is better."""

    instances: int
    mean: float
    error: float
    """Standard error of the mean."""
    freedom: float
    """Degrees of freedom of the error."""

    def worse(self, alpha: float, margin: float = 0.0) -> bool:
        """Whether a one-sided t test at level ``alpha`` rejects that the first is better by more than ``margin``."""
        return self.instances > 0 and self.mean + margin > critical(alpha, self.freedom) * self.error

    def better(self, alpha: float) -> bool:
        """Whether a one-sided t test at level ``alpha`` rejects that the first is no better."""
        return self.instances > 0 and self.mean < -critical(alpha, self.freedom) * self.error


@dataclass(frozen=True, slots=True)
class Difference:
    """A configuration's score on an instance, less another's."""

    score: float
    """What it is expected to be, where the run was capped."""
    limit: float | None = None
    """Where the run was capped: what the score is known to be no less than."""

    @property
    def is_capped(self) -> bool:
        """Whether only a limit is known."""
        return self.limit is not None

    @property
    def least(self) -> float:
        """The score, or its limit."""
        return self.score if self.limit is None else self.limit


class Judge:
    """Compares configurations by their observations."""

    def __init__(self, shift: float, ties: Ties) -> None:
        """Score costs as log(``shift`` + cost), after aggregating them over seeds by ``ties``."""
        self.shift = shift
        self.ties = ties
        self._seen: dict[object, tuple[float, int]] = {}
        self._squares, self._freedom = PRIOR_SPREAD**2 * PRIOR_COUNT, PRIOR_COUNT

    def compare(
        self,
        one: Mapping[Pair, Observation],
        other: Mapping[Pair, Observation],
        who: object = None,
    ) -> Evidence:
        """Return the evidence on the pairs that both were executed on.

        ``who`` names the first: how its differences scatter counts for what is expected of others from now on.
        """
        costs: dict[int, tuple[list[float], list[float]]] = {}
        for pair, mine in one.items():
            theirs = other.get(pair)
            if theirs is None or (mine.censored and theirs.censored) or mine.disputed or theirs.disputed:
                continue
            own, foreign = costs.setdefault(pair.instance, ([], []))
            own.append(self._imputed(mine, theirs.cost))
            foreign.append(self._imputed(theirs, mine.cost))
        return self._evidence([self.score(own) - self.score(foreign) for own, foreign in costs.values()], who)

    def anchored(self, one: Mapping[Pair, Observation], anchor: Mapping[Pair, Observation]) -> Evidence:
        """Return the evidence on the instances that both were executed on, whatever the seeds."""
        return self._evidence([difference.score for difference in self.differences(one, anchor).values()])

    def differences(self, one: Mapping[Pair, Observation], anchor: Mapping[Pair, Observation]) -> dict[int, Difference]:
        """Return the differences of scores by instance, whatever the seeds."""
        anchors: dict[int, list[float]] = {}
        for pair, observation in anchor.items():
            if observation.disputed:
                continue
            anchors.setdefault(pair.instance, []).append(observation.cost)
        seen: dict[int, list[Observation]] = {}
        for pair, mine in one.items():
            if pair.instance in anchors and not mine.disputed:
                seen.setdefault(pair.instance, []).append(mine)
        found = {}
        for instance, own in seen.items():
            base, mean = self.score(anchors[instance]), fmean(anchors[instance])
            score = self.score([self._imputed(mine, mean) for mine in own]) - base
            is_capped = any(mine.censored for mine in own)
            limit = self.score([mine.cost for mine in own]) - base if is_capped else None
            found[instance] = Difference(score, limit)
        return found

    def _evidence(self, differences: Sequence[float], who: object = None) -> Evidence:
        """Return the moderated t statistic's parts: the variance is shrunk towards what is usual in this race."""
        n = len(differences)
        if n == 0:
            return Evidence(0, 0.0, math.inf, 1.0)
        squares = (n - 1) * variance(differences) if n > 1 else 0.0
        if who is not None:
            before, count = self._seen.get(who, (0.0, 0))
            self._squares += squares - before
            self._freedom += n - 1 - count
            self._seen[who] = squares, n - 1
        usual = self._squares / self._freedom
        freedom = PRIOR_WEIGHT + n - 1
        spread = (PRIOR_WEIGHT * usual + squares) / freedom
        return Evidence(n, fmean(differences), math.sqrt(spread / n), freedom)

    def score(self, costs: Sequence[float]) -> float:
        """Return the score of one instance from its costs over seeds."""
        return math.log(self.shift + self.aggregate(costs))

    def aggregate(self, costs: Sequence[float]) -> float:
        """Return the cost of one instance from its costs over seeds."""
        return over_seeds(self.ties, costs)

    def _imputed(self, mine: Observation, theirs: float) -> float:
        """Return the cost, or what it is expected to be when all that is known is that it exceeds a limit.

        The conditional expectation of a normal score (Schmee and Hahn 1979), whose mean is the other's.
        """
        if not mine.censored:
            return mine.cost
        limit, mean = math.log(self.shift + mine.cost), math.log(self.shift + theirs)
        z = min((limit - mean) / SPREAD, 6.0)
        expected = mean + SPREAD * NORMAL.pdf(z) / (1.0 - NORMAL.cdf(z))
        return math.exp(max(expected, limit)) - self.shift


@lru_cache(maxsize=4096)
def critical(alpha: float, freedom: float) -> float:
    """Return the value that Student's t exceeds with probability ``alpha`` < 0.5.

    The Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5); exact for 1 and 2 degrees of freedom.
    """
    if freedom <= 1:
        return math.tan(math.pi * (0.5 - alpha))
    if freedom <= 2:
        return (1 - 2 * alpha) / math.sqrt(2 * alpha * (1 - alpha))
    z = NORMAL.inv_cdf(1 - alpha)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (k + 1) for k, term in enumerate(terms))
