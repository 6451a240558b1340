"""What a race makes of each response that it is told, and what is due then."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from storage.records import Check, Configuration, Response, Run, Termination
from tests.racing import ALPHA, CUTOFF, DEFAULT, answered, new_race
from tests.simulation import World, space
from tuner.cost import Ties
from tuner.leader import contest
from tuner.leader.candidate import Candidate, Status
from tuner.leader.contest import Contest
from tuner.leader.evidence import Observation
from tuner.leader.pairs import Course
from tuner.leader.race import Race


def runs_of(world: World, configuration: Configuration, seed: int = 0) -> list[Run]:
    return [Run(configuration, instance, seed, CUTOFF, CUTOFF) for instance in world.instances]


def statuses(leader: Race) -> dict[Configuration, Status]:
    """Return the status of every configuration for which it changed."""
    return {trial.configuration: trial.status for trial in leader.trials()}


def crowned(world: World, leader: Race, better: Configuration) -> None:
    """Tell responses that make ``better`` the incumbent."""
    for seed in (0, 1):
        for configuration, cpu in ((DEFAULT, 1.0), (better, 0.4)):
            for k, run in enumerate(runs_of(world, configuration, seed)):
                leader.tell(run, answered(cpu * (1 + 0.02 * k)))
    assert leader.incumbent == better


def told_along_the_course(leader: Race, seconds: Callable[[int, Run], float], runs: int = 28) -> Configuration:
    """Race one challenger for ``runs``, which takes ``seconds`` of their number and the run; the default takes 1."""
    for run in leader.due(20):
        leader.tell(run, answered(1.0))
    challenger = None
    number = 0
    for _ in range(2000):
        for run in leader.due(1):
            challenger = challenger or run.configuration
            mine = run.configuration == challenger
            leader.tell(run, answered(seconds(number, run) if mine else 1.0 if run.configuration == DEFAULT else 5.0))
            number += mine
        if number >= runs:
            break
    assert challenger is not None
    return challenger


def test_an_incumbent_that_was_lucky_loses_its_place_on_the_pairs_of_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for constant, value in (("FIRST", (5, 5)), ("ENOUGH", (10, 10)), ("PROVEN", (0.01, 0.01))):
        monkeypatch.setattr(contest, constant, value)
    leader = new_race(World(ALPHA))
    good = told_along_the_course(leader, lambda number, run: 0.5, runs=5)
    assert leader.incumbent == good
    known = {trial.configuration for trial in leader.trials()}
    lucky, led, number = None, False, 0
    for _ in range(100):
        for run in leader.due(1, remaining=0.0 if lucky else math.inf):
            if lucky is None and run.configuration not in known:
                lucky = run.configuration
            mine = run.configuration == lucky
            seconds = (0.4, 0.52)[number % 2] if number < 6 else 3.0
            leader.tell(run, answered(seconds if mine else 0.5 if run.configuration == good else 5.0))
            number += mine
        if leader.incumbent == lucky and not led:
            led = True
            assert good in leader.elites
    assert led
    assert leader.incumbent == good
    assert lucky not in leader.elites


def test_a_challenger_that_is_as_good_is_no_incumbent() -> None:
    leader = new_race(World(ALPHA))
    similar = told_along_the_course(leader, lambda number, run: (0.8, 1.25)[number % 2])
    assert statuses(leader)[similar] is not Status.INCUMBENT
    assert leader.incumbent == DEFAULT


def test_a_challenger_that_is_better_everywhere_is_the_incumbent() -> None:
    leader = new_race(World(ALPHA))
    better = told_along_the_course(leader, lambda number, run: 0.5)
    assert leader.incumbent == better
    assert leader.elites == [better]


def test_a_capped_run_is_executed_again_before_its_challenger_leads() -> None:
    world = World(ALPHA)
    leader = new_race(world)
    better = Configuration.of("alpha", {"p04": False})
    for seed in (0, 1):
        for run in runs_of(world, DEFAULT, seed):
            leader.tell(run, answered(1.0))
    dear, *others = runs_of(world, better, 0) + runs_of(world, better, 1)
    leader.tell(replace(dear, limit=2.0), Response(Termination.CUTOFF, cpu=2.0, wall=2.0))
    for run in others:
        leader.tell(run, answered(0.3))
    assert leader.incumbent == DEFAULT
    assert dear in leader.due(1, remaining=0.0) + leader.due(8, remaining=0.0)
    leader.tell(dear, answered(2.5))
    assert leader.incumbent == better


def test_a_cap_is_half_more_than_the_incumbents_time_less_what_is_under_way() -> None:
    leader = new_race(World(ALPHA))
    for run in leader.due(20):
        leader.tell(run, answered(1.0))
    first, second = leader.due(2)
    assert first.configuration == second.configuration
    assert (first.limit, second.limit) == (1.5, 1.5)
    leader.tell(first, answered(0.98))
    leader.tell(second, answered(0.98))
    (third,) = leader.due(1)
    assert third.configuration == first.configuration
    assert third.limit == pytest.approx(1.5 * 3 - 2 * 0.98)


def test_runs_of_a_solver_that_is_slower_on_the_first_pair_are_cancelled_once() -> None:
    spaces = {solver: space(solver) for solver in ("slow", "fast", "faster")}
    leader = new_race(World(spaces))
    slow, fast, faster = leader.due(3)
    assert [run.configuration.solver for run in (slow, fast, faster)] == list(spaces)
    leader.tell(faster, answered(0.5))
    assert set(leader.lost({})) == {slow, fast}
    leader.tell(fast, answered(0.6))
    assert leader.lost({}) == []
    leader.tell(slow, Response(Termination.KILLED, cpu=0.5, wall=0.5))
    again = next(run for run in leader.due(4) if run.configuration == slow.configuration)
    assert again.instance == slow.instance and again.limit == 0.75


def test_a_late_refutation_deposes_the_incumbent_and_frees_those_it_beat() -> None:
    world = World(ALPHA)
    leader = new_race(world)
    liar = Configuration.of("alpha", {"p04": False})
    honest = Configuration.of("alpha", {"p08": False})
    worse = Configuration.of("alpha", {"p12": False})
    crowned(world, leader, liar)
    for configuration, cpu in ((honest, 0.8), (worse, 1.5)):
        for run in runs_of(world, configuration):
            leader.tell(run, answered(cpu))
    assert statuses(leader)[honest] is Status.REJECTED
    leader.tell(runs_of(world, liar)[3], answered(0.4, Check.REFUTED))
    assert leader.incumbent == DEFAULT
    assert leader.standing().flagged == {liar: "wrong"}
    assert liar not in leader.elites
    assert statuses(leader) == {
        liar: Status.FLAGGED,
        DEFAULT: Status.INCUMBENT,
        honest: Status.RACING,
        worse: Status.REJECTED,
    }
    assert liar not in {run.configuration for run in leader.due(40)}


def test_a_refuted_default_is_no_incumbent_once_another_is_executed_everywhere() -> None:
    world = World(ALPHA)
    leader = new_race(world)
    slower = Configuration.of("alpha", {"p04": False})
    for k, run in enumerate(runs_of(world, DEFAULT)):
        leader.tell(run, answered(0.1, Check.REFUTED if k == 7 else Check.CONFIRMED))
    assert leader.incumbent == DEFAULT
    for run in runs_of(world, slower):
        leader.tell(run, answered(0.9))
    assert leader.incumbent == slower


def test_runs_of_a_candidate_that_lost_are_cancelled_once() -> None:
    world = World(ALPHA)
    leader = new_race(world)
    for run in runs_of(world, DEFAULT):
        leader.tell(run, answered(0.5))
    first, *others = leader.due(2)
    assert [run.configuration for run in others] == [first.configuration]
    leader.tell(first, Response(Termination.CRASHED, reason="signal 11"))
    assert leader.lost({}) == others
    assert leader.lost({}) == []
    assert leader.standing().flagged == {first.configuration: "signal 11"}


def test_a_killed_run_counts_for_nothing_and_is_due_again() -> None:
    leader = new_race(World(ALPHA))
    due = leader.due(3)
    before = leader.standing()
    leader.tell(due[1], Response(Termination.KILLED, cpu=3.0, wall=3.0))
    assert leader.standing() == before
    assert due[1] in leader.due(1)


def test_who_began_elsewhere_in_the_first_block_has_covered_what_it_was_executed_on_there() -> None:
    course = Course(8, seed=1)
    contest = Contest(None, course, None)  # type: ignore[arg-type]
    candidate = Candidate(DEFAULT, "model")
    for covered, position in ((1, 3), (2, 4), (2, 6), (3, 0), (4, 1), (5, 2), (7, 5)):
        candidate.observations[course[position]] = Observation(1.0, 1.0, censored=False, solved=True, feasible=True)
        assert contest.covered(candidate) == covered


def test_each_run_is_due_once() -> None:
    leader = new_race(World(ALPHA))
    due = [run for _ in range(10) for run in leader.due(3)]
    assert len(set(due)) == len(due)


@pytest.mark.parametrize(("ties", "wins"), [(Ties.OPTIMISTIC, True), (Ties.MEAN, False), (Ties.PESSIMISTIC, False)])
def test_ties_over_seeds_decide_between_a_gambler_and_the_default(ties: Ties, wins: bool) -> None:
    world = World(ALPHA)
    leader = new_race(world, ties=ties)
    gambler = Configuration.of("alpha", {"p04": False})
    for seed in (0, 1):
        for run in runs_of(world, DEFAULT, seed):
            leader.tell(run, answered(1.0))
    for k, runs in enumerate(zip(runs_of(world, gambler, 0), runs_of(world, gambler, 1), strict=True)):
        leader.tell(runs[0], answered(0.5 + 0.01 * k))
        leader.tell(runs[1], answered(3.0 + 0.01 * k))
    assert (leader.incumbent == gambler) is wins


def test_the_trials_tell_what_changed_since_the_last_call() -> None:
    world = World(ALPHA)
    leader = new_race(world)
    for run in runs_of(world, DEFAULT)[:3]:
        leader.tell(run, answered(0.5))
    (trial,) = leader.trials()
    assert (trial.configuration, trial.status.value, trial.runs, trial.solved) == (DEFAULT, "incumbent", 3, 3)
    assert trial.costs == {0: 0.5, 1: 0.5, 2: 0.5}
    assert leader.trials() == []


def test_a_challenger_that_is_never_proven_better_does_not_hold_up_the_others() -> None:
    world = World(ALPHA, instances=5)
    leader = new_race(world)
    likely, entered = None, set()
    for _ in range(400):
        for run in leader.due(1):
            if run.configuration != DEFAULT:
                likely = likely or run.configuration
                entered.add(run.configuration)
            place = world.instances.index(run.instance)
            seconds = 1.0 if run.configuration == DEFAULT else (0.7, 0.8, 0.9, 1.0, 1.02)[place]
            leader.tell(run, answered(seconds if run.configuration in (DEFAULT, likely) else 5.0))
    assert len(entered) > 50


def test_the_capped_runs_of_a_winner_are_executed_before_any_other_of_it() -> None:
    world = World(ALPHA)
    leader = new_race(world)
    better = Configuration.of("alpha", {"p04": False})
    for seed in (0, 1, 2):
        for run in runs_of(world, DEFAULT, seed):
            leader.tell(run, answered(1.0))
    capped, *others = runs_of(world, better)
    leader.tell(replace(capped, limit=2.0), Response(Termination.CUTOFF, cpu=2.0, wall=2.0))
    for run in others:
        leader.tell(run, answered(0.2))
    of_better = [run for run in leader.due(12, remaining=0.0) if run.configuration == better]
    assert of_better[0] == capped
