"""A family of timetables: lectures of courses in periods of a week."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from instances.builder import Builder
from instances.families.sizes import scaled
from instances.model import Model

Integers = NDArray[np.int64]
Bits = NDArray[np.bool_]

DAYS, SLOTS = 5, 4
"""Days of a week with lectures, and lectures one after another on a day."""
PERIODS = DAYS * SLOTS
ABSENT, UNWISHED = 0.3, 0.3
"""How often a teacher is absent, where the drawn timetable allows it, and would rather be."""
SEATS = (0, 30, 60)
"""Rooms are counted that hold more students than so many."""
SPREAD, ALONE, DISLIKED = 5.0, 2.0, 1.0
"""The prices of a day too few for a course's lectures, of a curriculum's lecture with none before or after it, and of a
lecture when its teacher would rather be absent."""


def course_timetabling(random: Generator, size: float) -> Model:
    """Give every lecture a period so that nobody has two at once: 10 courses of 2 to 5 lectures at size 1.

    Courses of one teacher or one curriculum (of which students take all courses) do not meet. Rooms are counted:
    as many as hold a course's students are free for those that need so much. A timetable is drawn first and teachers
    are never absent when it needs them, so that there is one; the cost is that of lectures on too few days and alone.
    """
    courses = scaled(10, size, least=4)
    students = random.integers(10, 101, courses)
    teacher = random.integers(0, max(2, 2 * courses // 3), courses)
    curricula = [random.choice(courses, min(4, courses), replace=False) for _ in range(max(2, courses // 2))]
    apart = [np.flatnonzero(teacher == one) for one in np.unique(teacher)] + curricula
    planned = _plan(random, random.integers(2, 6, courses), apart)
    lectures = planned.sum(axis=1)
    days = np.minimum(lectures, random.integers(3, 6, courses))
    absent = random.random((courses, PERIODS)) < ABSENT
    unwished = random.random((courses, PERIODS)) < UNWISHED
    builder = Builder()
    held: dict[tuple[int, int], int] = {}
    for course in range(courses):
        for period in range(PERIODS):
            if planned[course, period] or not absent[teacher[course], period]:
                price = DISLIKED * bool(unwished[teacher[course], period])
                held[course, period] = builder.add_binary(f"hold_{course}_{period}", price)
        entries = ((held[course, period], 1.0) for period in range(PERIODS) if (course, period) in held)
        builder.add_row(f"lectures_{course}", entries, lower=float(lectures[course]), upper=float(lectures[course]))
    for number, group in enumerate(apart):
        for period in range(PERIODS):
            meeting = [(held[course, period], 1.0) for course in group.tolist() if (course, period) in held]
            if len(meeting) > 1:
                builder.add_row(f"apart_{number}_{period}", meeting, upper=1.0)
    for seats in SEATS:
        rooms = float(planned[students > seats].sum(axis=0).max())
        for period in range(PERIODS):
            sitting = [
                (column, 1.0) for (course, at), column in held.items() if at == period and students[course] > seats
            ]
            if len(sitting) > rooms:
                builder.add_row(f"rooms_{seats}_{period}", sitting, upper=rooms)
    for course in range(courses):
        _spread(builder, course, int(days[course]), held)
    for number, curriculum in enumerate(curricula):
        _compact(builder, number, curriculum.tolist(), held)
    return builder.build()


def _plan(random: Generator, wanted: Integers, apart: list[Integers]) -> Bits:
    """Return a timetable of shape (courses, periods).

    Each lecture goes to the period with the fewest; one that fits into no period is left out.
    """
    planned = np.zeros((len(wanted), PERIODS), dtype=bool)
    for course in random.permutation(len(wanted)).tolist():
        others = np.unique(np.concatenate([group for group in apart if course in group]))
        for _ in range(wanted[course]):
            free = np.flatnonzero(~planned[others].any(axis=0))
            if len(free):
                load = planned[:, free].sum(axis=0) + random.random(len(free))
                planned[course, free[np.argmin(load)]] = True
    return planned


def _spread(builder: Builder, course: int, days: int, held: Mapping[tuple[int, int], int]) -> None:
    """Make each day that a course's lectures miss cost something."""
    used = []
    for day in range(DAYS):
        on = [held[course, p] for p in range(day * SLOTS, (day + 1) * SLOTS) if (course, p) in held]
        if on:
            used.append((builder.add_binary(f"day_{course}_{day}"), 1.0))
            builder.add_row(f"day_{course}_{day}", [used[-1], *((column, -1.0) for column in on)], upper=0.0)
    missing = builder.add_column(f"missing_{course}", SPREAD, 0.0, float(DAYS))
    builder.add_row(f"days_{course}", [*used, (missing, 1.0)], lower=float(days))


def _compact(builder: Builder, number: int, curriculum: list[int], held: Mapping[tuple[int, int], int]) -> None:
    """Make each lecture of a curriculum cost something that has none before or after it on its day."""
    for period in range(PERIODS):
        day = period // SLOTS
        beside = [p for p in (period - 1, period + 1) if 0 <= p < PERIODS and p // SLOTS == day]
        here = [(held[course, period], 1.0) for course in curriculum if (course, period) in held]
        near = [(held[course, p], -1.0) for p in beside for course in curriculum if (course, p) in held]
        if here:
            alone = builder.add_column(f"alone_{number}_{period}", ALONE, 0.0, 1.0)
            builder.add_row(f"alone_{number}_{period}", [*here, *near, (alone, -1.0)], upper=0.0)
