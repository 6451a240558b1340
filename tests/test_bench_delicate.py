"""A slice of the bench on delicate models: what it counts must be nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from bench._delicate import KINDS, made
from bench.delicate import Score, judge, recommend, solved


def test_a_tolerance_refutes_no_right_answer_and_recommends_no_wrong_one() -> None:
    score = Score(Counter(), [])
    judged = [judge(case, score) for case in solved(range(24))]
    recommend(judged, score)
    counts = score.counts
    assert counts["right answers refuted"] == counts["right answers disputed"] == 0, score.told
    assert counts["lies not refuted"] == counts["orders that differ"] == 0, score.told
    assert counts["wrong answers recommended"] == 0, score.told
    assert counts["right answers"] > 30
    assert counts["wrong answers disputed"] > 3, "these models are delicate"
    assert counts["lies planted"] > 40


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_a_delicate_model_is_the_same_whenever_it_is_made(number: int) -> None:
    (one, optimum), (other, again) = made(number), made(number)
    assert (one.value.tolist(), optimum) == (other.value.tolist(), again)
