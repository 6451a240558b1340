"""The leader for budgets of few runs: its beliefs, its choice of runs, and whole jobs on one and several solvers."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench._recording import Cell, Recording, Scene
from bench._world import World
from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tests.racing import ALPHA
from tests.simulation import Clock, SimulatedExecutor, normal, space
from tests.simulation import World as Synthetic
from tuner.cost import Cost, Ties
from tuner.follower.solvers import default_space
from tuner.leader.any_budget import AnyBudget
from tuner.leader.beliefs import SHARED, Beliefs, Believer, Seen
from tuner.leader.draws import Draws
from tuner.leader.explorer import PART, Explorer
from tuner.leader.features import Floats
from tuner.leader.gradient import Choice, most_valuable
from tuner.leader.loop import race
from tuner.leader.pairs import Course
from tuner.leader.prior import Prior
from tuner.leader.race import Race
from tuner.space import Space

SPACE = default_space("highs")
CUTOFF, PLACES = 3.0, 12
DEFAULT, ONE, OTHER = np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0])


def believe(*seen: Seen, expected: float = 0.0) -> Beliefs:
    """Return beliefs about the default, one change, and another, on three instances."""
    believer = Believer(np.array([expected, expected]), np.array([0.45, 0.45]), 0.03)
    return believer.believe(np.array([DEFAULT, ONE, OTHER]), np.array([0.0, 0.2, 0.2]), 3, seen)


def test_two_runs_on_one_pair_say_who_is_better() -> None:
    worth = believe(Seen(0, 0, 0.0, False), Seen(1, 0, -1.0, False)).worth
    assert worth[0] == pytest.approx(0.0, abs=1e-9)
    assert -1.0 < worth[1] < -0.3
    assert worth[2] == pytest.approx(0.0, abs=1e-9)


def test_a_prior_is_believed_until_runs_contradict_it() -> None:
    assert believe(Seen(0, 0, 0.0, False), expected=-0.5).worth[1] == pytest.approx(-0.5)
    contradicted = believe(Seen(0, 0, 0.0, False), Seen(1, 0, 1.0, False), expected=-0.5)
    assert contradicted.worth[1] > 0.0


def test_a_capped_run_says_that_its_configuration_takes_longer_than_the_cap() -> None:
    seen = (Seen(0, 0, 0.0, False), Seen(0, 1, 0.0, False))
    exact, capped = believe(*seen, Seen(1, 0, 0.4, False)), believe(*seen, Seen(1, 0, 0.4, True))
    assert capped.worth[1] > exact.worth[1] > 0.0
    far_below = believe(*seen, Seen(1, 0, -3.0, True))
    assert far_below.worth[1] == pytest.approx(0.0, abs=0.02), "a cap that everybody passes says nothing"


def test_an_instance_that_is_solved_at_once_says_little() -> None:
    easy, hard = math.log(0.03 + 0.002), math.log(0.03 + 1.0)
    told = [believe(Seen(0, 0, level, False), Seen(1, 0, level - 0.5, False)).worth[1] for level in (easy, hard)]
    assert told[1] < 2.0 * told[0] < 0.0


def test_a_run_under_way_makes_another_like_it_worth_less() -> None:
    seen = (Seen(0, 0, 0.0, False), Seen(1, 0, -0.2, False))
    idle = believe(*seen)
    busy = idle.after([(2, 0)])
    assert busy.worth == pytest.approx(idle.worth)
    assert busy.covariance[2, 2] < 0.8 * idle.covariance[2, 2]
    options, known = [Choice(1, 0), Choice(2, 0)], np.array([True, True, False])
    assert most_valuable(idle, options, np.ones(2), known) == 1


def test_what_does_not_add_up_is_shared_by_configurations_that_make_the_same_changes() -> None:
    x = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 0, 0]], dtype=float)
    believer = Believer(np.zeros(4), np.full(4, 1e-3), 0.03)
    beliefs = believer.believe(x, np.array([0.0, *[0.2] * 4]), 2, [Seen(0, 0, 0.0, False), Seen(1, 0, -1.0, False)])
    default, own, near, apart, part = beliefs.worth
    assert own < near < part < -0.05
    assert default == pytest.approx(0.0, abs=1e-6)
    assert apart == pytest.approx(0.0, abs=1e-3)


def test_opposite_changes_share_the_opposite_and_other_solvers_share_nothing() -> None:
    x = np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0], [1, 0, 0], [1, 0, 1]], dtype=float)
    believer = Believer(np.zeros(3), np.array([1.0, 1e-3, 1e-3]), 0.03, others=1)
    rest = np.array([0.0, 0.2, 0.2, 0.0, 0.2])
    covariance = believer.believe(x, rest, 1, []).covariance
    assert covariance[1, 2] == pytest.approx(-SHARED * 0.04, rel=0.01)
    assert covariance[1, 4] == pytest.approx(0.0, abs=1e-9), "only their solvers' own changes count"
    drawn = np.random.default_rng(1).normal(size=(40, 2))
    many = np.hstack((drawn, drawn**2))
    prior = Believer(np.zeros(4), np.full(4, 0.05), 0.03).believe(many, np.full(40, 0.2), 1, []).covariance[:40, :40]
    assert np.linalg.eigvalsh(prior).min() > 0.0


@pytest.mark.parametrize("slots", [12, 40])
def test_many_slots_on_many_instances_are_filled_though_nothing_is_known_before(slots: int) -> None:
    for seed in range(3):
        world = Synthetic(ALPHA, seed=seed, instances=60)
        leader, executor, told = explore(world, 4.0, slots=slots, cutoff=3.0)  # type: ignore[arg-type]
        assert len({run.instance for run, _ in told}) > 5
        assert executor.idle < 0.5 * slots
        assert leader.incumbent.solver == "alpha"


def test_what_runs_would_tell_follows_from_what_scores_are_made_of() -> None:
    beliefs = believe(
        Seen(0, 0, -1.0, False), Seen(1, 0, -1.9, False), Seen(0, 1, -3.0, False), Seen(1, 1, -3.1, False)
    )

    def parts(owner: int, instance: int) -> Floats:
        level, share = beliefs.mean[[3 + instance, 6 + instance]]
        assert instance == 2 or abs(share) > 1e-3
        shown = 1.0 - 0.03 * math.exp(-level)
        made = np.zeros(9)
        made[[owner, 3 + instance, 6 + instance]] = shown * (1.0 + share), 1.0, shown * beliefs.mean[owner]
        return made

    for owner, instance in itertools.product(range(3), range(3)):
        places = np.array([owner]), np.array([instance])
        for found, made, runs in (
            (beliefs.foreseen(*places), parts(owner, instance), 1),
            (beliefs.compared(*places, 1), parts(owner, instance) - parts(1, instance), 2),
        ):
            moved = beliefs.covariance @ made
            assert (found.own + found.rest)[:, 0] == pytest.approx(moved[:3], abs=1e-9)
            assert found.variance[0] + found.among[0] == pytest.approx(made @ moved + runs * beliefs.noise**2, abs=1e-9)


def test_runs_under_way_count_the_same_together_as_one_after_the_other() -> None:
    beliefs = believe(Seen(0, 0, 0.0, False), Seen(1, 0, -0.2, False))
    together = beliefs.after([(2, 0), (1, 1), (2, 1)])
    each = beliefs.after([(2, 0)]).after([(1, 1)]).after([(2, 1)])
    assert together.covariance == pytest.approx(each.covariance)
    assert beliefs.after([]) is beliefs


def test_of_runs_that_say_the_same_the_shorter_is_chosen() -> None:
    beliefs, known = believe(Seen(0, 0, 0.0, False), Seen(1, 0, -0.1, False)), np.array([True, True, False])
    options = [Choice(2, 0), Choice(2, 0)]
    assert most_valuable(beliefs, options, np.array([2.0, 1.0]), known) == 1
    assert most_valuable(beliefs, options, np.array([1.0, 2.0]), known) == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a world in which a third of the time is left without presolve."""
    folder: Path = tmp_path_factory.mktemp("recordings")
    recording = Recording("made-up", folder)
    recording.begin(
        Scene("made-up", "nothing real", tuple(f"m{k}" for k in range(PLACES)), CUTOFF, {"highs": "1"}, "2 x any")
    )
    draws = Draws(random.Random(1))
    chosen = [SPACE.default, *draws.flips(SPACE)[:40], *(draws.any(SPACE) for _ in range(30))]
    for number, configuration in enumerate(dict.fromkeys(chosen)):
        recording.add_configuration(configuration)
        for place in range(PLACES):
            off = configuration.values.get("presolve") == "off"
            cpu = math.exp(-1.0 + 0.5 * normal("size", place) - 1.1 * off + 0.1 * normal(configuration.key, place))
            cpu = min(cpu, CUTOFF)
            response = Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, gap=0.0, cpu=cpu, wall=cpu)
            recording.add(Cell(number, place, 0), response, CUTOFF)
    return World(recording, ["highs"])


def explore(
    world: World,
    budget: float,
    *,
    slots: int = 2,
    prior: Prior | None = None,
    answer: Callable[[Run], Response] | None = None,
    **options: Any,
) -> tuple[Explorer, SimulatedExecutor, list[tuple[Run, Response]]]:
    """Explore for so many virtual seconds."""
    clock = Clock()
    executor = SimulatedExecutor(answer or world.answer, clock, slots)
    leader = explorer(world, slots=slots, prior=prior, **options)
    told: list[tuple[Run, Response]] = []

    def keep(run: Run, response: Response) -> list[tuple[Run, Response]]:
        told.append((run, response))
        return [(run, response)]

    race(leader, executor, keep, lambda: budget, clock=clock, attention=0.02)
    return leader, executor, told


def explorer(world: Any, *, slots: int = 2, prior: Prior | None = None, **options: Any) -> Explorer:
    settings: dict[str, Any] = {"cost": Cost.PAR10, "ties": Ties.MEAN, "cutoff": CUTOFF, "seed": 3} | options
    priors = {} if prior is None else {"highs": prior}
    return Explorer(world.spaces, world.instances, slots=slots, priors=priors, **settings)


WITHOUT_PRESOLVE = "presolve=off instead of choose"


@pytest.mark.parametrize(("mean", "runs"), [(-0.5, 5), (0.3, 25)])
def test_few_runs_find_what_is_better_though_the_prior_expects_it_or_the_opposite(
    world: World, mean: float, runs: int
) -> None:
    prior = Prior({WITHOUT_PRESOLVE: mean}, {WITHOUT_PRESOLVE: 0.5})
    seconds = runs * 0.4 / 2
    leader, executor, told = explore(world, seconds, prior=prior)
    found: Configuration = leader.finalist
    assert world.score(found, range(PLACES)) < world.score(SPACE.default, range(PLACES)) - 0.35
    assert sum(response.wall for _, response in told) == pytest.approx(2 * seconds, rel=0.1)
    assert executor.idle == pytest.approx(0.0, abs=0.05 * seconds)


def test_an_explorer_that_was_killed_goes_on_as_one_that_was_not(world: World) -> None:
    leader, _, told = explore(world, 3.0)
    for cut in (1, 7, len(told)):
        first, second = explorer(world), explorer(world)
        for run, response in told[:cut]:
            first.due(2)
            first.tell(run, response)
            second.tell(run, response)
        assert second.incumbent == first.incumbent
        assert second.standing() == first.standing()
    assert second.incumbent == leader.incumbent


def test_nothing_is_executed_twice_and_no_more_than_the_slots_at_a_time(world: World) -> None:
    _, executor, told = explore(world, 3.0, slots=3)
    keys = [(run.configuration, run.instance, run.seed) for run, _ in told]
    assert len(set(keys)) == len(keys)
    assert executor.idle < 0.5


def test_a_run_that_had_hardly_begun_when_the_job_was_interrupted_is_due_again(world: World) -> None:
    for seconds, is_again in ((0.001, True), (1.0, False)):
        leader = explorer(world)
        (run,) = leader.due(1)
        leader.tell(run, Response(Termination.KILLED, wall=seconds))
        assert (leader.due(1) == [run]) == is_again


def test_a_run_that_takes_too_long_is_ended_and_what_it_took_is_a_bound(world: World) -> None:
    """The prior's favourite takes for ever: it is ended when the default's time on the same model is known."""
    prior = Prior({WITHOUT_PRESOLVE: -0.5}, {WITHOUT_PRESOLVE: 0.2})

    def answer(run: Run) -> Response:
        if run.configuration.values.get("presolve") == "off":
            return Response(Termination.CUTOFF, cpu=run.limit, wall=run.limit)
        return world.answer(run)

    leader, _, told = explore(world, 6.0, prior=prior, answer=answer)
    killed = [(run, r) for run, r in told if r.termination is Termination.KILLED and r.wall]
    assert killed and all(run.configuration.values.get("presolve") == "off" for run, r in killed[:1])
    assert killed[0][1].wall < CUTOFF / 2
    assert leader.incumbent.values.get("presolve") != "off"
    trials = {trial.configuration: trial for trial in leader.trials()}
    assert all(cost <= CUTOFF for cost in trials[killed[0][0].configuration].costs.values())


def test_a_wrong_answer_is_flagged_and_never_the_answer(world: World) -> None:
    def answer(run: Run) -> Response:
        response = world.answer(run)
        is_wrong = run.configuration.values.get("presolve") == "off"
        return replace(response, check=Check.REFUTED, reason="wrong") if is_wrong else response

    prior = Prior({WITHOUT_PRESOLVE: -0.5}, {WITHOUT_PRESOLVE: 0.2})
    leader, _, told = explore(world, 4.0, prior=prior, answer=answer)
    flagged = leader.standing().flagged
    assert flagged and set(flagged.values()) == {"wrong"}
    assert leader.incumbent not in flagged
    assert sum(run.configuration in flagged for run, _ in told) <= len(flagged) + 2


def test_one_that_is_refuted_late_leads_no_longer(world: World) -> None:
    leader, _, told = explore(world, 4.0, prior=Prior({WITHOUT_PRESOLVE: -0.5}, {WITHOUT_PRESOLVE: 0.2}))
    best = leader.incumbent
    run, response = next((run, r) for run, r in told if run.configuration == best and r.solved)
    leader.tell(run, replace(response, check=Check.REFUTED, reason="wrong"))
    assert leader.incumbent != best
    assert leader.standing().flagged[best] == "wrong"


def test_when_all_that_was_tried_is_flagged_something_else_is_executed() -> None:
    world = Synthetic(ALPHA, seed=2)
    leader = explorer(world)
    for _ in range(4):
        (run, *_) = leader.due(1)
        leader.tell(run, Response(Termination.CRASHED, reason="signal 11"))
    (run,) = leader.due(1)
    assert run.configuration not in leader.standing().flagged


@pytest.mark.parametrize("seed", [1, 3, 9])
def test_the_better_solver_is_found_and_a_hopeless_one_costs_little(seed: int) -> None:
    spaces = {solver: space(solver) for solver in ("slow", "alpha", "beta")}
    world = Synthetic(spaces, seed=seed, speeds={"slow": 0.01, "alpha": 1.0, "beta": 2.5})
    leader, _, told = explore(world, 12.0, cutoff=10.0)  # type: ignore[arg-type]
    assert leader.incumbent.solver == "beta"
    assert leader.standing().default.solver
    spent = sum(response.wall for run, response in told if run.configuration.solver == "slow")
    assert spent < 0.2 * 24.0


@pytest.mark.parametrize("cost", [Cost.GAP, Cost.INTEGRAL])
def test_costs_that_are_no_times_are_explored_without_caps(cost: Cost) -> None:
    logs = []
    for seed in range(100, 106):
        world = Synthetic(ALPHA, seed=seed, seconds=4.0)
        leader, _, told = explore(world, 40.0, cost=cost, cutoff=2.0)  # type: ignore[arg-type]
        assert not any(run.capped for run, _ in told)
        logs.append(math.log(world.ratio(leader.incumbent, Configuration("alpha"))))
    assert sum(logs) / len(logs) < 0.0


def test_disputed_answers_tell_nothing_of_who_is_faster(world: World) -> None:
    leader = explorer(world)
    (default, *_) = leader.due(2)
    leader.tell(default, world.answer(default))
    (other, *_) = leader.due(1)
    before = leader.standing().incumbent
    fast = replace(world.answer(other), cpu=0.001, wall=0.001, check=Check.DISPUTED)
    leader.tell(other, fast)
    assert leader.incumbent == before or leader.incumbent == default.configuration


def test_many_slots_are_filled_with_different_runs_before_anything_is_known(world: World) -> None:
    leader = explorer(world, slots=40)
    due = leader.due(40)
    assert len(due) == len({(run.configuration, run.instance, run.seed) for run in due}) == 40
    assert len({run.configuration for run in due}) > 8
    assert len({run.instance for run in due}) > 2


def any_budget(world: World, seconds: float, slots: int) -> AnyBudget:
    """Return the leader of a job with so many wall seconds."""
    return AnyBudget(
        world.spaces,
        world.instances,
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=CUTOFF,
        budget=seconds,
        slots=slots,
        seed=3,
    )


def test_a_budget_of_many_runs_is_raced_and_one_of_few_explored(world: World) -> None:
    for runs, kind in ((10, Explorer), (200, Race)):
        clock = Clock()
        executor = SimulatedExecutor(world.answer, clock, 2)
        seconds = runs * 0.4 / 2
        leader = any_budget(world, seconds, 2)
        told: list[tuple[Run, Response]] = []

        def keep(run: Run, response: Response, told: list[tuple[Run, Response]] = told) -> list[tuple[Run, Response]]:
            told.append((run, response))
            return [(run, response)]

        race(leader, executor, keep, lambda seconds=seconds: seconds, clock=clock)  # type: ignore[misc]
        assert isinstance(leader._leader, kind)
        keys = [(run.configuration, run.instance, run.seed) for run, r in told if r.solved]
        assert len(set(keys)) == len(keys), "what was under way when the race began was executed again"


def test_few_runs_in_each_of_many_slots_are_explored_until_thinking_takes_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.leader.any_budget.MOST", 5)
    clock, slots, seconds = Clock(), 32, 0.4
    leader = any_budget(world, seconds, slots)
    explored: list[bool] = []

    def keep(run: Run, response: Response) -> list[tuple[Run, Response]]:
        explored.append(leader.explores)
        return [(run, response)]

    race(leader, SimulatedExecutor(world.answer, clock, slots), keep, lambda: seconds, clock=clock)
    assert all(explored[: 5 + slots])
    assert len(explored) > 1.5 * (5 + slots)
    assert not any(explored[round(1.2 * (5 + slots)) :])


def test_the_users_settings_are_executed_beside_the_default_and_may_be_the_answer() -> None:
    own = Configuration.of("alpha", {"beyond": 3, "p03": 7.5})
    world = Synthetic(ALPHA, seed=3, bonus=lambda c: -1.5 if c == own else 0.0)
    leader, _, told = explore(world, 6.0, cutoff=10.0, base=own)  # type: ignore[arg-type]
    assert own in {run.configuration for run, _ in told[:3]}
    assert leader.incumbent == own
    assert all(ALPHA["alpha"].has(run.configuration) for run, _ in told if run.configuration != own)


def test_a_default_with_fixed_parameters_is_the_default() -> None:
    fixed = {"alpha": ALPHA["alpha"].fix({"p04": False})}
    world = Synthetic(fixed, seed=3)
    leader, _, told = explore(world, 6.0, cutoff=10.0)  # type: ignore[arg-type]
    assert fixed["alpha"].default in {run.configuration for run, _ in told}
    assert all(run.configuration.values["p04"] is False for run, _ in told)
    assert leader.standing().default == fixed["alpha"].default


def crash(run: Run) -> Response:
    return Response(Termination.CRASHED, reason="signal 11")


@pytest.mark.parametrize("instances", [1, 20])
@pytest.mark.parametrize("cost", list(Cost))
def test_where_everything_crashes_and_nothing_is_left_to_propose_the_race_ends(cost: Cost, instances: int) -> None:
    world = Synthetic({"alpha": Space("alpha", space("alpha").parameters[:1])}, instances=instances)
    leader, executor, told = explore(world, 50.0, answer=crash, cost=cost, cutoff=10.0)  # type: ignore[arg-type]
    assert 1 <= len(told) <= 4
    assert executor.outstanding == 0
    assert leader.standing().flagged


def test_the_reference_is_the_better_default_and_the_target_is_measured_against_it() -> None:
    spaces = {solver: space(solver) for solver in ("slow", "alpha")}
    world = Synthetic(spaces, seed=6, speeds={"slow": 0.05})
    leader, _, _ = explore(world, 12.0, cutoff=10.0)  # type: ignore[arg-type]
    standing = leader.standing()
    assert standing.default == Configuration("alpha")
    assert leader.paired() and standing.default_cost is not None


@pytest.mark.parametrize("cutoff", [3.0, 300.0, 3600.0])
def test_what_a_run_usually_takes_does_not_depend_on_the_cutoff(cutoff: float) -> None:
    world = Synthetic(ALPHA, seed=6)
    leader, _, told = explore(world, 10.0, cutoff=cutoff)  # type: ignore[arg-type]
    seconds = [r.cpu for run, r in told if not run.configuration.values and r.solved]
    mean = sum(seconds) / len(seconds)
    assert 0.3 * mean < leader.usual() < 3.5 * mean


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_a_first_model_that_nobody_solves_does_not_take_all_of_the_time(world: World, slots: int) -> None:
    cutoff, budget = 100.0, 20.0
    leader, told, first = _with_hard_models(world, 1, budget, slots=slots, cutoff=cutoff)
    assert told[0][0].limit == pytest.approx(PART * budget)
    assert sum(run.instance in first for run, _ in told) <= slots
    assert sum(response.solved for _, response in told) > 10
    assert leader.finalist in {run.configuration for run, response in told if response.solved}


@pytest.mark.parametrize("slots", [1, 2])
def test_the_users_settings_begin_on_another_model_than_the_one_that_the_default_failed_on(
    world: World, slots: int
) -> None:
    base = Configuration.of("highs", {"presolve": "off"})
    _, told, first = _with_hard_models(world, 1, 20.0, slots=slots, cutoff=100.0, base=base)
    assert sum(run.instance in first for run, _ in told) <= slots
    assert sum(response.solved for _, response in told) > 10


@pytest.mark.parametrize("slots", [1, 2])
def test_of_two_models_the_one_that_can_be_solved_is_gone_on_with(world: World, slots: int) -> None:
    two = SimpleNamespace(spaces=world.spaces, instances=world.instances[:2], answer=world.answer)
    _, told, first = _with_hard_models(two, 1, 20.0, slots=slots, cutoff=100.0)
    assert sum(run.instance in first for run, _ in told) <= slots
    assert sum(response.solved for _, response in told) > 10


def test_where_every_model_is_hard_challengers_are_tried_on_them(world: World) -> None:
    two = SimpleNamespace(spaces=world.spaces, instances=world.instances[:2], answer=world.answer)
    _, told, _ = _with_hard_models(two, 2, 20.0, slots=1, cutoff=100.0)
    assert [round(run.limit / 20.0, 3) for run, _ in told[:3]] == [PART, PART**2, PART**3]
    assert len({run.instance for run, _ in told[:2]}) == 2
    assert len({run.configuration for run, _ in told}) > 1
    alone = explorer(world, cutoff=100.0)
    assert alone.due(1, 20.0)[0].limit == pytest.approx(PART * 20.0)
    one = Explorer(world.spaces, world.instances[:1], cost=Cost.PAR10, ties=Ties.MEAN, cutoff=100.0, slots=1, seed=3)
    assert one.due(1, 20.0)[0].limit == 100.0, "there is no other model to go on with"


def _with_hard_models(
    world: Any, count: int, budget: float, *, slots: int, cutoff: float, **options: Any
) -> tuple[Explorer, list[tuple[Run, Response]], set[str]]:
    """Explore where nobody solves the first models of the course."""
    course = Course(len(world.instances), 3)
    hard = {world.instances[course[place].instance] for place in range(count)}

    def answer(run: Run) -> Response:
        if run.instance in hard:
            return Response(Termination.CUTOFF, gap=0.1, cpu=run.limit, wall=run.limit)
        return world.answer(run)

    leader, _, told = explore(world, budget, slots=slots, answer=answer, cutoff=cutoff, **options)
    return leader, told, hard
