"""What a configuration is worth, from responses on instances of which some tell much, some little, some nothing.

A configuration that is worth f against the default scores ``share * f + offset`` on an instance, and noise. The share
says what the instance tells: a model that is solved at the root tells nothing of anybody. The offset is how lucky the
default was there, which all others share. (The two-parameter model of item response theory, with continuous responses.)
A capped run is a censored response (Tobin 1958): it says that the score is no less than its limit.

Worth and instances are estimated in turn, as in expectation maximisation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tuner.leader.features import Floats

SHARE = 0.5
"""Standard deviation of shares, whose mean is 1."""
LEAST = 0.05
"""No share is below this, before they are scaled to be 1 on average."""
OFFSET = 0.25
"""Standard deviation of offsets."""
SPREAD, WEIGHT = 0.3, 10.0
"""Standard deviation of the noise before anything is known, and as how many responses that counts ..."""
OWN = 4.0
"""... and as how many what is usual on all instances counts on each."""
LOW, HIGH = -5.0, 1.5
"""Scores beyond these, less the default's, are not told apart: an unsolved run says no more than a slow one, and all
that solve what the default does not are good."""
ROUNDS = 2
"""How often the instances are estimated anew each time."""
FAR = 6.0
"""Standard deviations from which on a limit below says nothing, and one above says that the score is there."""


@dataclass(frozen=True, slots=True)
class Responses:
    """Responses of numbered configurations on numbered instances, all of shape (responses,)."""

    owner: NDArray[np.intp]
    """The configuration."""
    item: NDArray[np.intp]
    """The instance."""
    score: Floats
    """Less the default's."""
    censored: NDArray[np.bool_]
    """Whether the score is a lower bound."""

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, float, bool]]) -> Self:
        """Return the responses (owner, item, score, censored)."""
        owner, item, score, censored = np.array(list(rows), dtype=float).reshape(-1, 4).T
        lowest = np.where(
            censored, -np.inf, LOW
        )  # who is known to take longer than almost nothing may take longer still
        return cls(owner.astype(int), item.astype(int), np.clip(score, lowest, HIGH), censored.astype(bool))


class Items:
    """The instances as one solver's configurations see them."""

    def __init__(self) -> None:
        """Know of no instance yet."""
        self.share = np.empty(0)
        self.offset = np.empty(0)
        self.spread = np.empty(0)

    def worth(self, responses: Responses, expected: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Return what its responses say of every configuration: its worth and the standard error of that.

        Args:
            responses: of all configurations.
            expected: what they are thought to be worth so far, shape (configurations,): there, capped runs are looked
                at, and the instances are estimated with that and the responses together.
            variance: and how surely, of the same shape.

        Returns two arrays of shape (configurations,); the error is infinite for a configuration without responses.

        """
        self._meet(responses)
        worth = expected
        for _ in range(ROUNDS):
            told, said = self._said(responses, worth)
            precision = 1.0 / variance + told
            worth = (expected / variance + said) / precision
            self._learn(responses, worth, 1.0 / precision)
        told, said = self._said(responses, worth)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(told > 0, said / told, 0.0), 1.0 / np.sqrt(told)

    def _meet(self, responses: Responses) -> None:
        """Make room for instances that are new."""
        missing = 1 + int(responses.item.max(initial=-1)) - len(self.share)
        if missing > 0:
            self.share = np.append(self.share, np.ones(missing))
            self.offset = np.append(self.offset, np.zeros(missing))
            self.spread = np.append(self.spread, np.full(missing, SPREAD))

    def _said(self, responses: Responses, worth: Floats) -> tuple[Floats, Floats]:
        """Return how much the responses tell of every configuration, as a precision, and that times what they say."""
        item, count = responses.item, len(worth)
        share, variance = self.share[item], self.spread[item] ** 2
        score, weight = _completed(responses, *self._beyond(responses, worth))
        told = _sums(weight * share**2 / variance, responses.owner, count)
        said = _sums(weight * share * (score - self.offset[item]) / variance, responses.owner, count)
        return told, said

    def _beyond(self, responses: Responses, worth: Floats) -> tuple[Floats, Floats, Floats]:
        """Return of censored scores how many spreads the limit is above what is thought, the hazard, and the spread."""
        item, owner = responses.item[responses.censored], responses.owner[responses.censored]
        mean, spread = self.share[item] * worth[owner] + self.offset[item], self.spread[item]
        z = np.clip((responses.score[responses.censored] - mean) / spread, -FAR, FAR)
        return z, np.interp(z, PLACES, HAZARDS), spread

    def _learn(self, responses: Responses, worth: Floats, variance: Floats) -> None:
        """Estimate shares, offsets and spreads from what the configurations are thought to be worth."""
        item, count = responses.item, len(self.share)
        z, hazard, spread = self._beyond(responses, worth)
        score, weight = _completed(responses, z, hazard, spread)
        own, unsure = worth[responses.owner], variance[responses.owner]
        precise = weight / self.spread[item] ** 2

        def total(values: Floats) -> Floats:
            return _sums(values, item, count)

        both = total(precise * own)
        squares = total(precise * (own**2 + unsure)) + SHARE**-2
        ones = total(precise) + OFFSET**-2
        right, left = total(precise * own * score) + SHARE**-2, total(precise * score)
        share = np.maximum((right * ones - both * left) / (squares * ones - both**2), LEAST)
        offset = (left - both * share) / ones

        score, open_ = responses.score.copy(), np.zeros(len(responses.score))
        score[responses.censored] += spread * (hazard - z)
        open_[responses.censored] = spread**2 * np.maximum(1.0 + z * hazard - hazard**2, 0.0)
        rest = score - share[item] * own - offset[item]
        squares = total(rest**2 + open_ + share[item] ** 2 * unsure)
        seen = total(np.ones(len(score)))
        usual = (squares.sum() + WEIGHT * SPREAD**2) / (seen.sum() + WEIGHT)
        self.spread = np.sqrt((squares + OWN * usual) / (seen + OWN))
        heard = seen > 0
        self.share = np.where(heard, share / (share[heard].mean() if heard.any() else 1.0), 1.0)
        self.offset = offset


def _completed(responses: Responses, z: Floats, hazard: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Return scores with weights that say what the censored ones say, near what is thought of the configurations.

    A censored score has the first two derivatives of its log likelihood, by the score that is thought right, in
    common with the one that stands for it.
    """
    score, weight = responses.score.copy(), np.ones(len(responses.score))
    score[responses.censored] += spread * (1.0 / (hazard - z) - z)
    weight[responses.censored] = hazard * (hazard - z)
    return score, weight


def _sums(values: Floats, index: NDArray[np.intp], count: int) -> Floats:
    """Return the sums of the values that have the same index, shape (count,)."""
    return np.asarray(np.bincount(index, values, count), dtype=float)


def _hazard(z: float) -> float:
    """Return the standard normal density at ``z`` divided by the probability of what is beyond it."""
    return math.exp(-0.5 * z * z) / math.sqrt(0.5 * math.pi) / math.erfc(z / math.sqrt(2.0))


PLACES = np.linspace(-FAR, FAR, 2401)
HAZARDS = np.array([_hazard(z) for z in PLACES])
"""Of which thousands are asked for at a time: interpolated, they are right to six digits."""
