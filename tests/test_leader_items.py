from __future__ import annotations

import math

import numpy as np
import pytest

from tests.simulation import normal
from tuner.leader.features import Floats
from tuner.leader.items import Items, Responses

COUNT, INSTANCES = 120, 6
WORTH = np.array([0.3 * normal("worth", number) - 0.3 for number in range(COUNT)])
SHARES = np.array([2.0, 1.5, 1.0, 0.8, 0.6, 0.1])
OFFSETS = np.array([0.0, 0.5, -0.5, 0.0, 0.3, 0.0])
NOISE = 0.15
Row = tuple[int, int, float, bool]
VAGUE = np.full(COUNT, 0.3**2)


def score(number: int, instance: int) -> float:
    return float(SHARES[instance] * WORTH[number] + OFFSETS[instance] + NOISE * normal("noise", number, instance))


def everywhere() -> list[Row]:
    return [(k, i, score(k, i), False) for k in range(COUNT) for i in range(INSTANCES)]


def capped(limit: float) -> list[Row]:
    """Return the responses when every run ends at a limit of its score."""
    return [(k, i, min(s, limit), s > limit) for k, i, s, _ in everywhere()]


def mean_error(worth: Floats) -> float:
    return float(np.sqrt(np.mean((worth - WORTH) ** 2)))


def test_what_instances_tell_is_learnt() -> None:
    items = Items()
    for _ in range(4):
        items.worth(Responses.of(everywhere()), np.full(COUNT, -0.3), VAGUE)
    assert items.share == pytest.approx(SHARES / SHARES.mean(), abs=0.2)
    assert items.offset == pytest.approx(OFFSETS, abs=0.15)
    assert (items.spread < 0.22).all()


def test_an_instance_that_tells_nothing_counts_for_nothing() -> None:
    items = Items()
    rows = everywhere()
    rows[5] = (0, 5, 1.5, False)  # the sixth instance tells nothing, and now says nonsense
    worth, _ = items.worth(Responses.of(rows), np.full(COUNT, -0.3), VAGUE)
    assert worth[0] == pytest.approx(WORTH[0], abs=0.15)
    only = [row for row in rows if row[0] != 1 or row[1] == 5]
    _, error = items.worth(Responses.of(only), np.full(COUNT, -0.3), VAGUE)
    assert error[1] > 4 * error[3], "of the second, only that instance is known"


def test_a_run_that_was_capped_says_that_it_took_longer_and_how_little_that_is() -> None:
    expected = np.full(COUNT, WORTH.mean())
    complete, _ = Items().worth(Responses.of(everywhere()), expected, VAGUE)
    limited, _ = Items().worth(Responses.of(capped(-0.3)), expected, VAGUE)
    believed = [(k, i, s, False) for k, i, s, _ in capped(-0.3)]
    naive, _ = Items().worth(Responses.of(believed), expected, VAGUE)
    assert mean_error(complete) < 0.12
    assert mean_error(limited) < 0.8 * mean_error(naive), "a limit is no response"
    hardly = [(k, i, -2.9, True) if k == 0 else (k, i, s, False) for k, i, s, _ in everywhere()]
    _, error = Items().worth(Responses.of(hardly), expected, VAGUE)
    assert error[0] > 10 * error[1], "everybody takes longer than this"


@pytest.mark.parametrize("limit", [-1.5, -0.4, 0.0, 0.8, 1.4])
def test_a_capped_response_stands_for_its_likelihood(limit: float) -> None:
    items, thought = Items(), np.array([-0.3])
    items.worth(Responses.of([(0, 0, -0.3, False)]), thought, np.array([0.1]))
    share, offset, spread = items.share[0], items.offset[0], items.spread[0]

    def likelihood(worth: float) -> float:
        return math.log(0.5 * math.erfc((limit - share * worth - offset) / spread / math.sqrt(2.0)))

    step = 1e-3
    below, here, above = (likelihood(thought[0] + k * step) for k in (-1, 0, 1))
    told, said = items._said(Responses.of([(0, 0, limit, True)]), thought)
    assert said[0] - told[0] * thought[0] == pytest.approx((above - below) / (2 * step), rel=0.01, abs=1e-4)
    assert told[0] == pytest.approx(-(above - 2 * here + below) / step**2, rel=0.01, abs=1e-4)


@pytest.mark.parametrize("limit", [0.5, 1.4])
def test_a_run_that_was_capped_far_above_expectations_was_at_least_as_bad_as_that(limit: float) -> None:
    expected = np.full(COUNT, WORTH.mean())
    rows = [row for row in everywhere() if row[0] != 0]
    exact, _ = Items().worth(Responses.of([*rows, (0, 0, limit, False)]), expected, VAGUE)
    capped_, _ = Items().worth(Responses.of([*rows, (0, 0, limit, True)]), expected, VAGUE)
    assert capped_[0] >= exact[0] - 0.02


def test_nothing_is_learnt_of_noise_where_every_run_was_capped() -> None:
    items, rows = Items(), [(k, 0, 0.1, True) for k in range(COUNT)]
    for _ in range(30):
        worth, error = items.worth(Responses.of(rows), np.full(COUNT, -0.3), VAGUE)
    assert np.isfinite(worth).all() and np.isfinite(error).all()
    assert items.spread[0] < 1.0


def test_who_was_not_executed_is_not_known() -> None:
    worth, error = Items().worth(Responses.of([(1, 0, -0.5, False)]), np.zeros(3), np.full(3, 0.1))
    assert np.isinf(error[[0, 2]]).all() and np.isfinite(error[1])
    assert (worth[[0, 2]] == 0.0).all()
