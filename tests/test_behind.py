"""Runs that are behind while they run: reported by solvers, cut by the race, and by a race that is rebuilt."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from instances.families import FAMILIES, generate
from instances.folder import scan
from storage.records import Claim, Configuration, Response, Run, Termination
from tests.racing import ALPHA, CUTOFF, DEFAULT, answered, new_race
from tests.simulation import World
from tuner.cost import Cost, censored
from tuner.follower import reporting
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import READING_MIB, READING_SECONDS, read_instances
from tuner.follower.reporting import LONGEST, Reports
from tuner.gap import gap_at, integral
from tuner.leader.behind import Behind
from tuner.leader.race import Race
from tuner.ports import Activity, Allowance, Step

OTHER = Configuration.of("alpha", {"p01": "on"})
RUN = Run(OTHER, "a", 0, CUTOFF, CUTOFF)
RIVAL = Run(DEFAULT, "a", 0, CUTOFF, CUTOFF)


MANY = 40
"""Runs after which a race that only learns more of its incumbent is left."""


class Allowing:
    """A leader that allows challengers this."""

    def __init__(self, cost: float, most: float) -> None:
        self.allowed = Allowance(DEFAULT, cost, most)

    def allowance(self, run: Run) -> Allowance | None:
        return None if run.configuration == DEFAULT else self.allowed


def look(behind: Behind, leader: Allowing, run: Run, steps: list[Step], seconds: float) -> list[Run]:
    told = tuple(step for step in steps if step.wall <= seconds)
    return behind.look(leader, [None, Activity(run, 90.0, 100.0, told)], 100.0 + seconds)  # type: ignore[arg-type]


def at(wall: float, gap: float) -> Step:
    return Step(wall, 100.0, 100.0 * (1 - gap))


def killed(wall: float) -> Response:
    return Response(Termination.KILLED, cpu=wall, wall=wall, reason="cancelled")


def seen_to_its_end(behind: Behind, steps: list[Step], seconds: float) -> None:
    look(behind, Allowing(0, 0), RIVAL, steps, seconds)
    behind.settle(RIVAL, replace(answered(seconds), solver_wall=seconds))


# The integral


def test_a_run_is_cut_when_its_integral_exceeds_what_it_may_cost() -> None:
    behind, leader = Behind(Cost.INTEGRAL, CUTOFF), Allowing(1.0, 1.5)
    steps = [at(0.5, 0.2)]
    assert look(behind, leader, RUN, steps, 1.0) == []
    assert look(behind, leader, RUN, steps, 5.4) == []
    assert look(behind, leader, RUN, steps, 5.6) == [RUN]
    assert look(behind, leader, RUN, steps, 6.0) == [], "once"
    cut = behind.settle(RUN, killed(5.7))
    assert cut.floor == pytest.approx(0.5 + 0.2 * 5.1)
    assert cut.reason == "behind the incumbent; its integral is taken to exceed 1.52"


def test_the_floor_is_never_above_the_integral_of_the_whole_run() -> None:
    steps = [at(0.3, 0.9), at(1.0, 0.5), at(4.0, 0.2), at(6.0, 0.01)]
    whole = integral(steps, 8.0, 0.0, CUTOFF)
    for tenth in range(1, 80):
        behind = Behind(Cost.INTEGRAL, CUTOFF)
        if look(behind, Allowing(0.1, 0.2), RUN, steps, tenth / 10):
            floor = behind.settle(RUN, killed(1.0)).floor
            assert floor is not None
            assert 0.2 < floor <= whole + 1e-9


def test_a_run_that_ended_by_itself_while_it_was_cut_is_what_it_is() -> None:
    behind = Behind(Cost.INTEGRAL, CUTOFF)
    assert look(behind, Allowing(0.1, 0.2), RUN, [], 1.0) == [RUN]
    response = answered(1.0)
    assert behind.settle(RUN, response) == response
    assert behind.settle(RUN, killed(1.0)) == killed(1.0), "it was executed again and cancelled"


def test_a_run_that_reports_nothing_or_whose_cost_is_time_is_not_cut() -> None:
    leader = Allowing(0.1, 0.2)
    assert Behind(Cost.INTEGRAL, CUTOFF).look(leader, [Activity(RUN, 1.0)], 99.0) == []  # type: ignore[arg-type]
    assert look(Behind(Cost.PAR10, CUTOFF), leader, RUN, [], 9.0) == []
    assert look(Behind(Cost.INTEGRAL, CUTOFF), leader, RIVAL, [], 9.0) == []


# The gap


def test_a_run_is_cut_that_has_twice_the_gap_at_two_looks_after_half_of_the_time() -> None:
    behind, leader = Behind(Cost.GAP, CUTOFF), Allowing(0.05, 0.1)
    seen_to_its_end(behind, [at(1.0, 0.3), at(3.0, 0.1), at(9.0, 0.05)], CUTOFF)
    steps = [at(1.0, 0.6)]
    assert look(behind, leader, RUN, steps, 4.9) == [], "too early"
    assert look(behind, leader, RUN, steps, 5.0) == [], "once"
    assert look(behind, leader, RUN, steps, 5.9) == [], "too soon"
    assert look(behind, leader, RUN, steps, 6.1) == [RUN]
    assert behind.settle(RUN, killed(6.1)).floor == 0.05


def test_a_run_that_catches_up_between_the_looks_is_not_cut() -> None:
    behind, leader = Behind(Cost.GAP, CUTOFF), Allowing(0.05, 0.1)
    seen_to_its_end(behind, [at(1.0, 0.3), at(3.0, 0.1), at(9.0, 0.05)], CUTOFF)
    steps = [at(1.0, 0.6), at(5.5, 0.15), at(6.5, 0.14)]
    assert [look(behind, leader, RUN, steps, second) for second in (5.0, 6.0, 7.0, 8.0, 8.9)] == [[]] * 5


def test_a_gap_is_compared_with_nothing_that_was_not_seen_and_small_ones_do_not_count() -> None:
    behind, leader = Behind(Cost.GAP, CUTOFF), Allowing(0.02, 0.1)
    assert [look(behind, leader, RUN, [], second) for second in (6.0, 9.0)] == [[], []]
    seen_to_its_end(behind, [at(0.5, 0.02)], CUTOFF)
    assert [look(behind, leader, RUN, [at(1.0, 0.029)], second) for second in (6.0, 9.0)] == [[], []]
    solved = Allowing(0.0, 0.1)
    assert [look(behind, solved, RUN, [at(1.0, 0.2)], second) for second in (6.0, 9.0)] == [[], []]
    assert [look(behind, leader, RUN, [at(1.0, 0.2)], second) for second in (6.0, 9.0)] == [[], [RUN]]


# The race


def raced(cost: Cost, challenger: list[float | None]) -> tuple[Race, list[tuple[Run, Response]]]:
    """Return a race in which the default costs 0.5 and the only challenger this, or is cut where there is None."""
    world = World(
        {"alpha": ALPHA["alpha"].fix({p.name: p.default for p in ALPHA["alpha"].parameters[1:]})}, instances=6
    )
    race = new_race(world, budget=1e6, cost=cost)
    default = world.spaces["alpha"].default
    told: list[tuple[Run, Response]] = []
    costs = iter(challenger)
    while len(told) < MANY and (runs := race.due(1)):
        (run,) = runs
        value = 0.5 if run.configuration == default else next(costs, "over")
        if value == "over":
            break
        response = replace(answered(9.0), claim=Claim.FEASIBLE, gap=value, integral=value)  # type: ignore[arg-type]
        if value is None:
            allowance = race.allowance(run)
            assert allowance is not None
            assert (allowance.incumbent, allowance.cost) == (default, 0.5)
            assert allowance.most > 0.5
            response = replace(killed(3.0), floor=allowance.most)
        race.tell(run, response)
        told.append((run, response))
    return race, told


@pytest.mark.parametrize("cost", [Cost.GAP, Cost.INTEGRAL])
def test_a_challenger_that_is_cut_twice_is_dropped_and_a_rebuilt_race_drops_it_too(cost: Cost) -> None:
    race, told = raced(cost, [None, None, 0.5])
    assert [response.floor is not None for _, response in told].count(True) == 2
    assert all(censored(cost, run, response) for run, response in told if response.floor is not None)
    (other,) = {run.configuration for run, response in told if response.floor is not None}
    changes = {trial.configuration: trial for trial in race.trials()}
    assert changes[other].status == "rejected"
    rebuilt, _ = raced(cost, [])
    for run, response in told:
        rebuilt.tell(run, response)
    again = {trial.configuration: trial for trial in rebuilt.trials()}
    assert (again[other].status, again[other].value) == ("rejected", changes[other].value)


def test_only_a_challengers_run_under_way_has_an_allowance() -> None:
    race, told = raced(Cost.INTEGRAL, [])
    assert race.allowance(told[0][0]) is None, "the incumbent's"
    (run,) = race.due(1)
    assert run.configuration != told[0][0].configuration
    assert race.allowance(run) is not None
    assert race.allowance(replace(run, seed=run.seed + 1)) is None
    race.tell(run, killed(1.0))
    assert race.allowance(run) is None


# What solvers report


def test_gaps_are_known_from_reports() -> None:
    steps = [Step(0.0, float("nan"), float("nan")), Step(1.0, float("inf"), 3.0), at(2.0, 0.25)]
    assert [gap_at(steps, second) for second in (-1.0, 0.5, 1.5, 2.0, 9.0)] == [1.0, 1.0, 1.0, 0.25, 0.25]


def test_reports_that_are_none_are_passed_over() -> None:
    reports = Reports()
    lines = [b"[0.5, 3, 2.5]", b"{}", b"[1]", b'["x", 1, 2]', b"[" * 5000, b"\xff", b"[1.5, null, -Infinity]", b"[2"]
    reports.take(b"\n".join(lines))
    assert reports.news() == [[0.5, 3.0, 2.5], [1.5, None, float("-inf")]]
    reports.take(b".0, 1, 1]\n" + b"x" * 10_000)
    assert reports.news() == [[2.0, 1.0, 1.0]]
    assert reports.news() == []


def test_a_solver_that_nobody_reads_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(reporting, "_pipe", -1)
    monkeypatch.setattr(reporting, "_told", 0.0)
    monkeypatch.setattr(reporting, "_started", 0.0)
    reporting.report(1.0, 2.0)
    reporting.open_to(writing)
    began = time.monotonic()
    for number in range(5000):
        reporting.report(float(number), 2.0, is_improvement=True)
    os.close(reading)
    reporting.report(1.0, 2.0, is_improvement=True)
    assert time.monotonic() - began < 5
    os.close(writing)
    assert len(json.dumps([1e9, 1.0, 2.0])) < LONGEST


@pytest.mark.parametrize("solver", ["highs", "scip", "cp-sat"])
def test_a_running_solver_reports_how_far_it_is_and_can_be_cut(solver: str, tmp_path: Path) -> None:
    generate(FAMILIES["set-cover"], 1, tmp_path / "models", 3, 6.0)
    (tmp_path / "cache").mkdir()
    files = scan(tmp_path / "models").files
    reading = read_instances(files, tmp_path / "cache", seconds=READING_SECONDS, memory_mib=READING_MIB, slots=1)
    (instance,) = reading.instances
    run = Run(Configuration(solver), instance.sha256, 0, 60.0, 60.0)
    with LocalExecutor({instance.sha256: instance}, 1, 2048, 0.0, is_watched=True) as executor:
        executor.submit(run)
        patience = time.monotonic() + 50
        while True:
            assert not executor.wait(0.1)
            (activity,) = executor.activity()
            assert time.monotonic() < patience
            if activity is not None and len(activity.steps) >= 2:
                break
        executor.cancel(run)
        (finished,) = executor.wait(20)
    assert activity.began is not None
    assert time.monotonic() - activity.seconds <= activity.began <= time.monotonic()
    assert [step.wall for step in activity.steps] == sorted(step.wall for step in activity.steps)
    assert 0 < gap_at(activity.steps, 60.0) <= 1
    assert finished.response.termination is Termination.KILLED
