"""How the opening of a race orders the instances by what the default showed."""

from __future__ import annotations

from dataclasses import replace

from storage.records import Response, Run, Termination
from tests.racing import ALPHA, CUTOFF, DEFAULT, answered
from tuner.cost import Cost, Ties
from tuner.leader.field import Field
from tuner.leader.opening import Opening
from tuner.leader.pairs import Course
from tuner.leader.study import Study

INSTANCES = [f"{place:064x}" for place in range(8)]


def order(last: Response, limit: float) -> int:
    """Return where in the course the instance comes on which the default answers ``last``; on the others, 1 to 7 s."""
    field = Field(ALPHA, INSTANCES, Study(ALPHA, 0), Cost.PAR10, Ties.MEAN, CUTOFF)
    course = Course(len(INSTANCES), 0)
    opening = Opening(field, course, 1000.0)
    (default,) = field.defaults
    for place, instance in enumerate(INSTANCES):
        run = Run(DEFAULT, instance, 0, CUTOFF, CUTOFF)
        response = last if place == 7 else answered(place + 1.0)
        run = replace(run, limit=limit) if place == 7 else run
        (pair,) = (course[position] for position in range(8) if course[position].instance == place)
        field.observe(default, pair, run, response)
        if not opening.over:
            opening.follow(default, pair)
    assert opening.over
    return [course[position].instance for position in range(8)].index(7)


def test_a_default_that_was_ended_early_is_not_taken_for_one_that_solves_nothing() -> None:
    ended = Response(Termination.EXITED, cpu=0.5, wall=0.5)
    assert order(ended, 0.5) < 5, "it took a moment, as far as is known: among the cheap ones"
    unsolved = Response(Termination.CUTOFF, cpu=CUTOFF, wall=CUTOFF)
    assert order(unsolved, CUTOFF) == 7, "at the end"
