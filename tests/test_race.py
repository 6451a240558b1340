"""Whole races on simulated followers under a virtual clock."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from statistics import fmean, geometric_mean

import pytest

from storage.records import Check, Claim, Configuration, Purpose, Response, Run, Termination
from tests.racing import ALPHA, CUTOFF, DEFAULT, Job, answered, new_race, tune
from tests.simulation import World, space
from tuner.cost import Cost
from tuner.leader.loop import Ending
from tuner.space import Space


@pytest.fixture(scope="module")
def typical() -> tuple[World, Job]:
    world = World(ALPHA, seed=102)
    return world, tune(world, budget=95.0)


def test_clearly_better_configurations_are_found_and_really_are_better() -> None:
    logs = []
    for seed in range(102, 105):
        world = World(ALPHA, seed=seed)
        job = tune(world, budget=95.0)
        logs.append(math.log(world.ratio(job.leader.incumbent, DEFAULT, instances=200)))
    assert math.exp(-fmean(logs)) > 1.3
    assert max(logs) < 0.05, "an incumbent that is worse than the default"


def test_a_short_race_names_a_finalist_that_is_better_on_average() -> None:
    logs = []
    for seed in range(100, 130):
        world = World(ALPHA, seed=seed)
        job = tune(world, budget=20.0)
        finalist = job.leader.finalist
        if finalist != DEFAULT:
            assert sum(run.configuration == finalist for run, _ in job.told) >= 2
        logs.append(math.log(world.ratio(finalist, DEFAULT, instances=200)))
    assert math.exp(-fmean(logs)) > 1.1


def test_a_default_that_loses_on_the_first_models_only_is_not_dropped() -> None:
    spaces = {"alpha": space("alpha"), "beta": space("beta")}
    world = World(spaces, seed=6, noise=0.05)
    easy: list[str] = []

    def answer(run: Run) -> Response:
        """Beta is the faster one on the first two models that it is asked for, and solves no other."""
        if run.configuration.solver == "alpha":
            return world.answer(run)
        if run.instance not in easy and len(easy) < 2:
            easy.append(run.instance)
        if run.instance in easy:
            return Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, cpu=0.02, wall=0.02)
        return Response(Termination.CUTOFF, cpu=run.limit, wall=run.limit)

    job = tune(world, answer, budget=200.0)
    assert len(easy) == 2
    assert job.leader.incumbent.solver == "alpha"


def test_who_is_worse_than_the_default_rarely_leads_at_the_end() -> None:
    led = 0
    for seed in range(40):
        world = World(
            ALPHA, seed=seed, effect=0.0, noise=0.3, bonus=lambda configuration: 0.2 * (configuration != DEFAULT)
        )
        job = tune(world)
        assert job.leader.standing().configurations > 5
        led += job.leader.incumbent != DEFAULT
    assert led <= 12


def test_a_wrong_follower_in_a_tempting_region_is_never_the_incumbent() -> None:
    def tempting(configuration: Configuration) -> bool:
        return configuration.values.get("p04") is False

    world = World(ALPHA, seed=5, wrong=tempting, bonus=lambda configuration: -1.2 * tempting(configuration))
    job = tune(world)
    tried = {run.configuration for run, _ in job.told}
    flagged = set(job.leader.standing().flagged)
    assert sum(map(tempting, tried)) > 1
    assert flagged and all(map(tempting, flagged))
    assert job.leader.standing().flagged[next(iter(flagged))] == "the objective is wrong"
    assert not any(map(tempting, job.leader.elites))
    assert not tempting(job.leader.incumbent)


def test_a_capped_run_is_no_timeout_and_an_incumbent_has_none(typical: tuple[World, Job]) -> None:
    _, job = typical
    capped = [(run, r) for run, r in job.told if run.capped and not r.solved]
    assert len(capped) > 30
    assert all(run.limit < CUTOFF for run, _ in capped)
    worst = max(cost for trial in job.leader.trials() for cost in trial.costs.values())
    assert worst < CUTOFF, "a capped run was counted as ten cutoffs"
    for incumbent in job.incumbents:
        last = {(run.instance, run.seed): (run, r) for run, r in job.told if run.configuration == incumbent}
        assert len(last) >= 2
        assert all(r.solved or not run.capped for run, r in last.values())


def test_caps_leave_room_for_a_worse_run_but_not_for_a_hopeless_one() -> None:
    world = World(
        ALPHA, seed=1, individual=0.0, noise=0.0, bonus=lambda configuration: 0.8 * (configuration != DEFAULT)
    )
    job = tune(world)
    assert job.incumbents == [DEFAULT]
    longest = {run.instance: r.wall for run, r in job.told if run.configuration == DEFAULT and r.solved}
    limits = [run.limit / longest[run.instance] for run, _ in job.told if run.capped]
    assert min(limits) > 1.0
    assert sorted(limits)[len(limits) // 2] < 4.0


def test_nothing_is_executed_twice_but_capped_runs_that_matter(typical: tuple[World, Job]) -> None:
    _, job = typical
    seen: dict[tuple[Configuration, str, int], tuple[Run, Response]] = {}
    for run, response in job.told:
        key = (run.configuration, run.instance, run.seed)
        if key in seen:
            before, answer = seen[key]
            assert before.capped and not answer.solved and run.limit > before.limit
        seen[key] = (run, response)


def test_slots_never_idle_while_the_race_is_on(typical: tuple[World, Job]) -> None:
    _, job = typical
    assert job.ending is Ending.DEADLINE
    assert job.executor.idle == 0.0


def test_slots_never_idle_when_the_space_is_exhausted() -> None:
    tiny = Space("alpha", space("alpha").parameters[:1])
    job = tune(World({"alpha": tiny}, seed=2), budget=40.0)
    assert job.executor.idle == 0.0
    assert job.leader.standing().configurations == 2
    assert len({run.seed for run, _ in job.told}) > 1


def test_an_empty_space_leaves_the_default() -> None:
    job = tune(World({"alpha": Space("alpha", ())}, seed=2), budget=20.0)
    assert job.leader.incumbent == DEFAULT


def test_the_users_settings_race_beside_the_default_though_they_are_not_of_the_space() -> None:
    own = Configuration.of("alpha", {"beyond": 3, "p03": 7.5})
    world = World(ALPHA, seed=3, bonus=lambda c: -1.5 if c == own else 0.0)
    job = tune(world, budget=60.0, base=own)
    assert [run.configuration for run, _ in job.told[:8]].count(own) >= 1
    assert job.leader.incumbent == own or world.ratio(job.leader.incumbent, own, instances=200) < 1.0
    assert own in job.incumbents
    tried = {run.configuration for run, _ in job.told} - {own}
    assert len(tried) > 20
    assert all(ALPHA["alpha"].has(configuration) for configuration in tried)
    rebuilt = new_race(world, budget=60.0, base=own)
    for run, response in job.told:
        rebuilt.tell(run, response)
    assert rebuilt.incumbent == job.leader.incumbent


def test_settings_that_are_worse_are_dropped_and_change_little() -> None:
    own = Configuration.of("alpha", {"beyond": 3})
    world = World(ALPHA, seed=102, bonus=lambda c: 1.5 if c == own else 0.0)
    job = tune(world, budget=95.0, base=own)
    runs = sum(run.configuration == own for run, _ in job.told)
    assert 1 <= runs <= 10
    assert own not in job.incumbents


def test_challengers_begin_with_different_models_once_somebody_leads(typical: tuple[World, Job]) -> None:
    _, job = typical
    first: dict[Configuration, str] = {}
    for run, _ in job.told:
        first.setdefault(run.configuration, run.instance)
    del first[DEFAULT]
    models = list(first.values())
    before = list(first).index(job.incumbents[1])
    assert len(set(models[:before])) <= 2, "the first pair, and the second where its run ended sooner"
    later = Counter(models[before + 10 :])
    assert len(later) == 5 and max(later.values()) < later.total() / 2


def test_only_training_instances_are_executed_and_told() -> None:
    world = World(ALPHA, seed=3)
    job = tune(world, budget=20.0)
    assert {run.instance for run in job.executor.submitted} <= set(world.instances)
    known = job.told[0][0]
    with pytest.raises(ValueError, match="not a training instance"):
        job.leader.tell(replace(known, instance="f" * 64), job.told[0][1])
    with pytest.raises(ValueError, match="may not see it"):
        job.leader.tell(replace(known, purpose=Purpose.HOLDOUT), job.told[0][1])


def test_configurations_are_canonical_and_allowed() -> None:
    conditional = space("alpha", 20)
    clause = (("p04", False), ("p08", False))
    spaces = {"alpha": replace(conditional, forbidden=(clause,))}
    job = tune(World(spaces, seed=4))
    tried = {run.configuration for run, _ in job.told}
    assert len(tried) > 20
    for configuration in tried:
        assert spaces["alpha"].configuration(configuration.values) == configuration
        spaces["alpha"].check(configuration.values)
    assert any("p09" in configuration.values for configuration in tried)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 0.7, 1.0])
def test_a_race_that_was_killed_is_rebuilt_from_its_responses(typical: tuple[World, Job], share: float) -> None:
    world, job = typical
    told = job.told[: max(1, round(share * len(job.told)))]
    first = new_race(world, budget=95.0)
    second = new_race(world, budget=95.0)
    for number, (run, response) in enumerate(told):
        if number % 25 == 0:
            first.due(2)
        first.tell(run, response)
        second.tell(run, response)
    assert second.incumbent == first.incumbent
    assert second.standing() == first.standing()
    finished = {
        (run.configuration, run.instance, run.seed): (run, r)
        for run, r in told
        if r.termination is not Termination.KILLED
    }
    for run in second.due(40):
        before, answer = finished.get((run.configuration, run.instance, run.seed), (None, None))
        assert before is None or answer is None or (before.capped and not answer.solved and not run.capped)


def test_a_rebuilt_race_has_the_incumbent_that_the_killed_one_had(typical: tuple[World, Job]) -> None:
    world, job = typical
    assert len(job.incumbents) > 1
    rebuilt = new_race(world, budget=95.0)
    for run, response in job.told:
        rebuilt.tell(run, response)
    assert rebuilt.incumbent == job.leader.incumbent
    assert rebuilt.elites == job.leader.elites


@pytest.mark.parametrize("order", [("alpha", "slow", "gamma"), ("slow", "gamma", "alpha")])
def test_a_hopeless_solver_costs_little_wherever_it_stands(order: tuple[str, ...]) -> None:
    spaces = {solver: space(solver) for solver in order}
    world = World(spaces, seed=6, speeds={"alpha": 1.0, "gamma": 1.5, "slow": 0.01})
    job = tune(world, budget=95.0)
    assert job.seconds["slow"] < 0.12 * sum(job.seconds.values())
    assert job.leader.incumbent.solver != "slow"
    assert job.leader.standing().default.solver != "slow"
    assert {run.configuration.solver for run, _ in job.told} == set(order)


def test_the_better_solver_gets_most_of_the_time() -> None:
    spaces = {solver: space(solver) for solver in ("alpha", "gamma")}
    job = tune(World(spaces, seed=7, speeds={"gamma": 3.0}, effect=0.1))
    assert job.seconds["gamma"] > 2.0 * job.seconds["alpha"]
    assert job.leader.incumbent.solver == "gamma"


def timeout(run: Run) -> Response:
    return Response(Termination.CUTOFF, cpu=run.limit, wall=run.limit, gap=0.5)


def test_a_race_in_which_nothing_can_be_solved_is_hopeless() -> None:
    spaces = {solver: space(solver) for solver in ("alpha", "gamma")}
    world = World(spaces, instances=6)
    job = tune(world, timeout, budget=1000.0)
    assert job.ending is Ending.HOPELESS
    for solver in spaces:
        executed = {
            run.instance for run, _ in job.told if run.configuration == Configuration(solver) and not run.capped
        }
        assert executed == set(world.instances)


def test_a_single_solved_run_is_hope() -> None:
    spaces = {solver: space(solver) for solver in ("alpha", "gamma")}
    world = World(spaces, instances=6)
    easy = Run(Configuration("gamma"), world.instances[4], 0, CUTOFF, CUTOFF)
    job = tune(world, lambda run: answered(1.0) if run == easy else timeout(run), budget=120.0)
    assert easy in {run for run, _ in job.told}
    assert job.ending is Ending.DEADLINE


def test_the_gap_is_tuned_without_caps() -> None:
    ratios = []
    for seed in range(100, 110):
        world = World(ALPHA, seed=seed, seconds=4.0)
        job = tune(world, budget=400.0, cost=Cost.GAP, cutoff=2.0)
        assert not any(run.capped for run, _ in job.told)
        assert not job.leader.hopeless
        ratios.append(world.ratio(job.leader.incumbent, DEFAULT))
    assert geometric_mean(ratios) < 1 / 1.2


def test_the_opening_ends_at_its_part_of_the_budget() -> None:
    world = World(ALPHA, seed=9, instances=200)
    job = tune(world, budget=60.0)
    first = next(k for k, (run, _) in enumerate(job.told) if run.configuration != DEFAULT)
    assert 0.05 * 120 < sum(response.wall for _, response in job.told[:first]) < 0.15 * 120
    assert job.leader.standing().configurations > 10


def test_a_default_that_takes_long_does_not_keep_challengers_waiting() -> None:
    job = tune(World(ALPHA, seed=11, seconds=3.0), budget=60.0)
    first = next(k for k, (run, _) in enumerate(job.told) if run.configuration != DEFAULT)
    assert first < 15
    assert job.executor.idle == 0.0


def test_near_the_end_no_new_challenger_is_entered() -> None:
    world = World(ALPHA, seed=10)
    leader = new_race(world)
    told = tune(world).told
    for run, response in told:
        leader.tell(run, response)
    known = {run.configuration for run in leader.due(1000, remaining=0.2)}
    assert known and known <= {run.configuration for run, _ in told}
    assert not {run.configuration for run in leader.due(20, remaining=60.0)} <= known
