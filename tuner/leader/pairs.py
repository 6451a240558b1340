"""The one list of (instance, seed) pairs along which every configuration is raced."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

FIFTHS = 5
FAST = 0.8
"""The first five pairs come from this fraction of the instances, the fastest: cheap, yet of every kind."""
SEEDS = 1000
"""How far apart the solver seeds of two scenarios with neighbouring seeds are."""


class Pair(NamedTuple):
    """What a configuration is executed on."""

    instance: int
    """Index of the training instance."""
    seed: int
    """Of the solver."""


class Course:
    """The pairs in the order in which configurations meet them: every instance once, then again with a new seed.

    All configurations follow the same course, so that any two share the pairs of the shorter one, but that those of the
    first block may be met in another order. The order is random until `lay` knows how long the instances take.
    """

    def __init__(self, instances: int, seed: int) -> None:
        """Order ``instances`` many instances at random; the solver seeds count up from ``1000 * seed``."""
        self._random = random.Random(seed)
        self._order = list(range(instances))
        self._random.shuffle(self._order)
        self._first_seed = seed * SEEDS
        self._pairs: list[Pair] = []
        """As many as were asked for."""

    def __len__(self) -> int:
        """Return how many instances are raced; the pairs go on behind them with new seeds."""
        return len(self._order)

    def __getitem__(self, position: int) -> Pair:
        """Return the pair at a position; there is one for every position from 0."""
        pairs = self._pairs
        while len(pairs) <= position:
            round_, place = divmod(len(pairs), len(self._order))
            pairs.append(Pair(self._order[place], (self._first_seed + round_) % 2**30))
        return pairs[position]

    @property
    def block(self) -> int:
        """How many pairs the first block has, within which not everybody starts with the same one."""
        return min(FIFTHS, len(self._order))

    def between(self, start: int, end: int, turn: int) -> Iterator[int]:
        """Yield the positions from ``start`` to ``end``, those of the first block from the ``turn``-th on and around.

        All of the first block are yielded unless ``start`` is behind it: within it, there may be gaps.
        """
        block = self.block
        if start < block:
            yield from (p for k in range(block) if (p := (k + turn) % block) < end)
        yield from range(max(start, block), end)

    def position(self, pair: Pair) -> int | None:
        """Return where the pair is; None when its instance is not raced or its seed is of another course."""
        round_ = (pair.seed - self._first_seed) % 2**30
        if pair.instance not in self._order or round_ >= SEEDS:
            return None
        return round_ * len(self._order) + self._order.index(pair.instance)

    def lay(self, seconds: Mapping[int, float], last: Collection[int], aside: Collection[int]) -> None:
        """Order the instances by how long the default takes: cheap and varied ones first, then stratified blocks.

        Args:
            seconds: how long the default took, by instance.
            last: instances to come at the end, as those do that the default was not executed on.
            aside: instances that are not raced.

        """
        raced = [i for i in self._order if i not in aside]
        known = sorted((i for i in raced if i in seconds and i not in last), key=lambda i: (seconds[i], i))
        later = [i for i in raced if i not in seconds] + [i for i in raced if i in seconds and i in last]
        fast = known[: max(FIFTHS, round(FAST * len(known)))]
        first = [self._random.choice(stratum) for stratum in _strata(fast)]
        rest = _strata([i for i in known if i not in first])
        for stratum in rest:
            self._random.shuffle(stratum)
        blocks = [stratum[k] for k in range(len(known)) for stratum in rest if k < len(stratum)]
        self._order = first + blocks + later
        self._pairs.clear()


def _strata(ordered: list[int]) -> list[list[int]]:
    """Cut a list into up to five consecutive parts of nearly equal length."""
    cuts = [round(k * len(ordered) / FIFTHS) for k in range(FIFTHS + 1)]
    return [ordered[low:high] for low, high in pairwise(cuts) if low < high]
