"""What advice without runs is worth: for each recorded family, what the knowledge of the others expects of it.

    python -m bench.advise                    every solver that is recorded on at least three families
    python -m bench.advise --solver scip      one of them
    python -m bench.advise --compare          likelihood and rank correlation with other ways to use the families

Expected and measured gain (both as the mean logarithm of the ratio to the default's time) of all recorded
configurations: Spearman's rank correlation, how many measured gains lie in the 80 % intervals, and the ratio that the
configuration advised first and the strongest one have in the simulator (`_world`), on all models. A minus marks
families that are unlike all others: advice would say that nothing is known of them. The multiple of the intervals'
width is chosen, for each family, on the others: each of those is left out in turn, too.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from statistics import fmean

import numpy as np

from bench._left_out import Case, calibration, case, each_left_out, recorded
from bench._models import models_of
from bench._recording import Recording
from bench._world import World
from storage.records import Configuration
from tuner.follower.solvers import SOLVERS, default_space
from tuner.leader import knowledge, likeness
from tuner.leader.advice import Adviser, is_near
from tuner.leader.knowledge import Like

ON_REQUEST = True
FEWEST = 3
"""Families that a solver must be recorded on."""
WORLDS = 5
"""Of the simulator, over which advised configurations are judged."""
COMPARED: Sequence[tuple[str, float, float, float, float]] = (
    ("families do not correlate", 0.0, 2.0, 0.5, 2 / 3),
    ("as shipped", 0.9, 2.0, 0.5, 2 / 3),
    ("the wide kernel alone", 0.6, 2.0, 0.5, 1.0),
    ("the narrow kernel alone, twice as wide", 0.9, 1.0, 1.0, 1.0),
    ("a wider kernel: 3", 0.9, 3.0, 0.5, 2 / 3),
    ("a wider kernel: 5", 0.9, 5.0, 0.5, 2 / 3),
    ("less correlation of all", 0.6, 2.0, 0.5, 2 / 3),
)
"""Names with values of `COMMON`, `WIDE`, `NARROW` and `WIDELY`."""


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.advise")
    parser.add_argument("--compare", action="store_true", help="with other ways to use the families")
    parser.add_argument("--solver", nargs="+", choices=list(SOLVERS), default=list(SOLVERS))
    given = parser.parse_args(words)
    for solver in given.solver:
        names = recorded(solver)
        if len(names) >= FEWEST:
            (_compare if given.compare else _report)(solver, names)


def _report(solver: str, names: Sequence[str]) -> None:
    print(f"\n{solver}")
    print(f"{'family':<24} {'likest':<28} {'rank':>6} {'held':>6} {'times':>6} {'one change':>14} {'strongest':>14}")
    ranks, held, one, strongest, advised_held = [], [], [], [], []
    for name in names:
        others = tuple(other for other in names if other != name)
        each, times = case(name, others, solver), calibration(each_left_out(others, solver))
        (first, *_) = each.known.like(models_of(name))
        known = replace(each.known, calibration=times)
        advised = Adviser(default_space(solver), known, models_of(name)).advise()
        got = [_simulated(name, solver, advice.configuration) for advice in advised]
        ranks.append(each.rank)
        held.append(each.held(times))
        most = min(range(len(advised)), key=lambda place: advised[place].effect)
        one.append(got[0])
        strongest.append(got[most])
        advised_held += [a.interval[0] <= ratio <= a.interval[1] for a, ratio in zip(advised, got, strict=True)]
        print(
            f"{name:<24} {first.family.name:<22}{_mark(first)}{first.likeness:>5.2f} {ranks[-1]:>6.2f} "
            f"{held[-1]:>6.0%} {times:>6.2f} "
            f"{advised[0].ratio:>7.2f} {got[0]:>6.2f} {advised[most].ratio:>7.2f} {got[most]:>6.2f}"
        )
    print(
        f"{'mean':<52} {fmean(ranks):>6.2f} {fmean(held):>6.0%} {calibration(each_left_out(names, solver)):>6.2f} "
        f"{'':>7} {_mean(one):>6.2f} {'':>7} {_mean(strongest):>6.2f}"
    )
    print(f"of {len(advised_held)} configurations advised, intervals hold {fmean(advised_held):.0%} in the simulator")


def _mark(first: Like) -> str:
    return " " if is_near(first) else "-"


def _simulated(name: str, solver: str, configuration: Configuration) -> float:
    """Return a configuration's ratio to the default in the simulator, the mean of some worlds, on all models."""
    default, places = default_space(solver).default, range(len(models_of(name)))
    drawn = [_world(name, solver, draw) for draw in range(WORLDS)]
    return _mean([math.exp(world.score(configuration, places) - world.score(default, places)) for world in drawn])


@cache
def _world(name: str, solver: str, draw: int) -> World:
    return World(_recording(name), (solver,), draw)


_recording = cache(Recording)


def _compare(solver: str, names: Sequence[str]) -> None:
    print(f"\n{solver:<40} {'log likelihood':>14} {'rank':>6} {'held':>6}")
    for title, *values in COMPARED:
        with _constants(*values):
            cases = each_left_out(names, solver)
        likelihood, held = fmean(map(_likelihood, cases)), fmean(each.held(1.0) for each in cases)
        print(f"{title:<40} {likelihood:>14.3f} {fmean(each.rank for each in cases):>6.2f} {held:>6.0%}")


@contextmanager
def _constants(common: float, wide: float, narrow: float, widely: float) -> Iterator[None]:
    before = knowledge.COMMON, likeness.WIDE, likeness.NARROW, likeness.WIDELY
    try:
        knowledge.COMMON, likeness.WIDE, likeness.NARROW, likeness.WIDELY = common, wide, narrow, widely
        case.cache_clear()
        yield
    finally:
        knowledge.COMMON, likeness.WIDE, likeness.NARROW, likeness.WIDELY = before
        case.cache_clear()


def _likelihood(each: Case) -> float:
    """Return the logarithm of the joint density of what was measured, by configuration."""
    away = each.measured - each.mean
    _, size = np.linalg.slogdet(2 * math.pi * each.covariance)
    return float(-0.5 * (size + away @ np.linalg.solve(each.covariance, away)) / len(away))


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(fmean(map(math.log, ratios)))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
