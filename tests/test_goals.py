"""Races that end before their time is over: at a target, or when nothing better comes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from storage.records import Configuration
from tests.racing import ALPHA, DEFAULT, new_race, tune
from tests.simulation import Clock, SimulatedExecutor, World
from tests.verdict_runs import TRAINING, job
from tuner.app.goals import Goals, verdict_end
from tuner.errors import UsageError
from tuner.leader.loop import Ending, race
from tuner.leader.race import Race
from tuner.scenario import Scenario, parse_target

JOB = replace(job(), target=3.0)


@dataclass
class Known:
    """A leader of which only this is known."""

    costs: list[tuple[float, float]]
    incumbent: Configuration = DEFAULT
    asked: int = field(default=0)

    def paired(self) -> list[tuple[float, float]]:
        self.asked += 1
        return self.costs


def reached(goals: Goals, costs: list[tuple[float, float]], elapsed: float = 100.0) -> Ending | None:
    return goals.reached(Known(costs), elapsed)  # type: ignore[arg-type]


def around(ratio: float, instances: int, spread: float = 0.2) -> list[tuple[float, float]]:
    random = Random(instances)
    return [
        (cost, cost * ratio * (1 + random.uniform(-spread, spread))) for cost in (0.5 + n / 9 for n in range(instances))
    ]


def test_a_target_is_reached_when_the_lower_end_of_the_interval_is_there() -> None:
    goals = Goals(JOB, None)
    assert reached(goals, around(4.0, 8)) is Ending.TARGET
    words = goals.words(Ending.TARGET, Known(around(4.0, 8)))  # type: ignore[arg-type]
    assert words.startswith("the target is reached: on 8 training instances the incumbent is ")
    assert "3.00 were wanted. The holdout tells whether it holds" in words
    assert reached(Goals(JOB, None), around(3.05, 8)) is None
    assert reached(Goals(JOB, None), around(4.0, 8, spread=0.9)) is None


def test_a_target_is_not_reached_on_few_instances() -> None:
    assert len(TRAINING) == 10
    assert reached(Goals(JOB, None), around(9.0, 4)) is None
    assert reached(Goals(JOB, None), around(9.0, 5)) is Ending.TARGET
    few = replace(JOB, members=tuple(m for m in JOB.members if m.part == "holdout" or m.sha256 in TRAINING[:3]))
    assert reached(Goals(few, None), around(9.0, 3)) is Ending.TARGET
    assert reached(Goals(JOB, None), []) is None


def test_patience_is_over_when_no_incumbent_came_for_so_long() -> None:
    goals = Goals(replace(JOB, target=None, stop_after=60.0), 100.0)
    assert reached(goals, [], 159.0) is None
    assert reached(goals, [], 160.0) is Ending.PATIENCE
    assert (
        goals.words(Ending.PATIENCE, Known([]))
        == "no new incumbent came for 1:00, which is as long as was to be waited"
    )  # type: ignore[arg-type]
    goals.stepped(150.0)
    assert reached(goals, [], 209.0) is None
    assert goals.line(200.0) == "no new incumbent for 50 s of 1:00"
    assert reached(Goals(replace(JOB, target=None, stop_after=60.0), None), [], 1e6) is None, "nothing was executed yet"


def test_progress_says_how_far_the_goals_are() -> None:
    goals = Goals(replace(JOB, stop_after=60.0), 10.0)
    none = "target 3.00x: the incumbent and the default share no training model yet; no new incumbent for 10 s of 1:00"
    assert goals.line(20.0) == none
    assert reached(goals, [], 20.0) is None
    assert goals.line(20.0) == none
    assert reached(goals, around(4.6, 2, spread=0.0), 20.0) is None
    assert goals.line(20.0).startswith("target 3.00x: 4.60x on 2 of the 5 training models that it takes; no new")
    assert reached(goals, around(2.0, 8), 20.0) is None
    assert re.match(r"target 3.00x: [12]\.\d+x, at least 1\.\d+x by the 95 % interval; no new", goals.line(20.0))
    assert Goals(job(), None).line(20.0) == ""


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (Ending.DEADLINE, "its time was over"),
        (Ending.NOTHING_LEFT, "there was nothing left to execute"),
        (Ending.PATIENCE, "no new incumbent came for 1:00, which is as long as was to be waited"),
    ],
)
def test_a_race_that_ends_short_of_its_target_says_how_far_it_was(ending: Ending, why: str) -> None:
    goals = Goals(replace(JOB, stop_after=60.0), None)
    few, many = Known(around(4.6, 2, spread=0.0)), Known(around(2.0, 8))
    short = "; the target of 3.00x was not reached: "
    assert goals.words(ending, few) == f"{why}{short}4.60x on 2 of the 5 training models that it takes"  # type: ignore[arg-type]
    assert goals.words(ending, many).startswith(f"{why}{short}")  # type: ignore[arg-type]
    assert "x by the 95 % interval" in goals.words(ending, many)  # type: ignore[arg-type]


def test_a_race_without_a_target_that_used_its_time_has_nothing_to_tell() -> None:
    leader = Known([])
    assert Goals(job(), None).words(Ending.DEADLINE, leader) == ""  # type: ignore[arg-type]
    assert Goals(JOB, None).words(Ending.STOPPED, leader) == ""  # type: ignore[arg-type]


def test_a_verdict_after_an_early_end_has_its_share_of_what_was_spent() -> None:
    assert verdict_end(Ending.DEADLINE, 492.0, 600.0) == 600.0
    assert verdict_end(Ending.TARGET, 82.0, 600.0) == pytest.approx(100.0)
    assert verdict_end(Ending.PATIENCE, 550.0, 600.0) == 600.0


@pytest.mark.parametrize("target", [1.2, 1.5])
def test_a_race_ends_at_its_target_and_a_rebuilt_one_ends_at_once(target: float) -> None:
    world = World(ALPHA, seed=102)
    whole = tune(world, budget=95.0)
    spec = replace(job(), target=target, cutoff=10.0)

    def run(leader: Race) -> tuple[Ending, int, float]:
        clock, executor, goals = Clock(), None, Goals(spec, None)
        executor = SimulatedExecutor(world.answer, clock, slots=2)
        count = 0

        def keep(run: object, response: object) -> list[object]:
            nonlocal count
            count += 1
            return [(run, response)]

        ending = race(leader, executor, keep, lambda: 95.0, enough=lambda: goals.reached(leader, clock()), clock=clock)  # type: ignore[arg-type]
        return ending, count, clock()

    leader = new_race(world, budget=95.0)
    ending, count, seconds = run(leader)
    assert ending is Ending.TARGET
    assert count < len(whole.told)
    assert seconds < 95.0
    assert world.ratio(leader.incumbent, DEFAULT, instances=200) < 1.0
    again, more, _ = run(leader)
    assert (again, more) == (Ending.TARGET, 0)


def test_costs_are_paired_by_instance_without_capped_runs() -> None:
    world = World(ALPHA, seed=102)
    leader = tune(world, budget=95.0).leader
    pairs = leader.paired()
    assert len(pairs) >= 5
    assert all(ours > 0 and theirs > 0 for ours, theirs in pairs)
    assert sum(theirs for _, theirs in pairs) > sum(ours for ours, _ in pairs)


@pytest.mark.parametrize(("text", "value"), [("3x", 3.0), ("1.5X", 1.5), (" 2 x", 2.0), (4, 4.0), ("1e1", 10.0)])
def test_targets_are_read(text: str | int, value: float) -> None:
    assert parse_target(text, "target") == value


@pytest.mark.parametrize("text", ["", "x", "three", "-3x", "nan", "inf", "3y", "3xx", True])
def test_a_target_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"target: .* is not understood; write for example 3x"):
        parse_target(text, "target")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": 1.0}, "target: must be above 1"),
        ({"target": float("inf")}, "target: must be above 1 and at most 1e"),
        ({"target": float("nan")}, "target: must be above 1"),
        ({"stop_after": 0.0}, "stop_after: must be above zero"),
        ({"stop_after": 1e-9}, "stop_after: at least 1 s are needed, not 1e-09 s"),
        ({"stop_after": float("inf")}, "stop_after: inf is too large"),
    ],
)
def test_goals_that_make_no_sense_are_refused(change: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Scenario("models", **change)  # type: ignore[arg-type]
