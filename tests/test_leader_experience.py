"""What a race makes of earlier jobs' responses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from instances.features import features
from storage.records import Check, Configuration, Response, Run, Termination
from tests.racing import ALPHA, CUTOFF, DEFAULT, Job, answered, new_race, tune
from tests.simulation import World, space
from tests.small_models import knapsack, market_split
from tuner.cost import Cost, Ties
from tuner.leader.experience import Earlier, Experience, gathered
from tuner.leader.features import Features
from tuner.leader.knowledge import Family, Knowledge
from tuner.leader.race import Race
from tuner.leader.study import distributions
from tuner.space import Preset, Space

Told = list[tuple[Run, Response]]
GOOD = Configuration.of("alpha", {"p04": False})
BAD = Configuration.of("alpha", {"p08": False})


MODELS = [features(knapsack(10 + k, 2)) for k in range(3)]
"""Of every job, here."""
FEATURES = Features(
    distributions(ALPHA["alpha"]), {parameter.name: parameter.default for parameter in ALPHA["alpha"].parameters}
)


def experience(
    *jobs: Told, known: Knowledge | None = None, like: Mapping[str, float] = MODELS[0], cost: Cost = Cost.PAR10
) -> Experience:
    """Return what jobs let one expect whose models all look like one."""
    earlier = [
        Earlier(f"job {number}", runs, {run.instance: like for run, _ in runs}) for number, runs in enumerate(jobs, 1)
    ]
    return gathered(ALPHA, earlier, cost, Ties.MEAN, {"alpha": known} if known else {}, MODELS)


def knowledge(label: str, effect: float, families: int = 4) -> Knowledge:
    """Return that each of some families on which this was tried twenty times, alone, shows the same effect."""
    x = np.zeros((20, FEATURES.count))
    x[:, FEATURES.labels.index(label)] = 1.0
    told = [Family.of(f"family {k}", "", MODELS, x, np.full(20, effect), np.full(20, 20.0)) for k in range(families)]
    return Knowledge.learnt(FEATURES.labels, told)


def responses(world: World, configurations: list[Configuration], instances: int = 8) -> Told:
    """Return what these configurations and the default answer on a world's first instances."""
    runs = [
        Run(configuration, instance, 0, CUTOFF, CUTOFF)
        for configuration in (DEFAULT, *configurations)
        for instance in world.instances[:instances]
    ]
    return [(run, world.answer(run)) for run in runs]


def flips() -> list[Configuration]:
    """Return twelve single changes and more."""
    return [
        Configuration.of("alpha", {name: value})
        for name, value in (
            *(("p04", False), ("p08", False), ("p12", False), ("p16", False), ("p01", "off"), ("p01", "on")),
            *(("p05", "off"), ("p05", "on"), ("p13", "off"), ("p13", "on"), ("p17", "off"), ("p17", "on")),
        )
    ]


@pytest.fixture(scope="module")
def world() -> World:
    """GOOD is twice as fast as the default, BAD twice as slow."""

    def bonus(configuration: Configuration) -> float:
        values = configuration.values
        return 0.7 * ((values.get("p08") is False) - (values.get("p04") is False))

    return World(ALPHA, seed=5, effect=0.0, individual=0.1, bonus=bonus)


def test_winners_are_tried_before_presets_and_the_solvers_presets_in_turns() -> None:
    alpha = {name: Preset("", Configuration.of("alpha", {"p04": name == "one"})) for name in ("one", "two")}
    beta = Preset("", Configuration.of("beta", {"p01": "off"}))
    spaces = {
        "alpha": Space("alpha", (), presets=tuple(alpha.values())),
        "beta": Space("beta", (), presets=(beta,)),
        "gamma": Space("gamma", ()),
    }
    tried = Experience({}, [BAD, alpha["two"].configuration]).first(spaces)
    assert tried == [BAD, alpha["two"].configuration, alpha["one"].configuration, beta.configuration]
    assert Experience({}, []).first({"gamma": spaces["gamma"]}) == []


def test_without_earlier_jobs_nothing_is_expected(world: World) -> None:
    known = knowledge("p04=False instead of True", -0.3)
    assert experience() == Experience({}, [])
    assert experience(known=known) == Experience({"alpha": known.prior(MODELS)}, [])
    assert experience(responses(world, [])) == Experience({}, []), "a default alone tells nothing of parameters"


def test_effects_that_an_earlier_job_saw_are_expected(world: World) -> None:
    prior = experience(responses(world, flips())).priors["alpha"]
    assert prior.mean["p04=False instead of True"] < -0.15
    assert prior.mean["p08=False instead of True"] > 0.15
    assert all(abs(mean) < 0.1 for label, mean in prior.mean.items() if "p04" not in label and "p08" not in label)
    twice = experience(responses(world, flips()), responses(world, flips())).priors["alpha"]
    label = "p04=False instead of True"
    assert twice.mean[label] < prior.mean[label], "more responses are trusted more"


def test_what_was_expected_before_counts_until_it_is_contradicted(world: World) -> None:
    label = "p04=False instead of True"
    after = experience(responses(world, flips()), known=knowledge(label, 0.4)).priors["alpha"]
    assert -0.15 < after.mean[label] < 0.4


def test_the_winner_of_each_job_is_tried_first_the_latest_job_s_before_the_others(world: World) -> None:
    other = World(ALPHA, seed=6, effect=0.0, bonus=lambda c: -0.7 * (c.values.get("p12") is False))
    latest = Configuration.of("alpha", {"p12": False})
    assert experience(responses(world, flips()), responses(other, flips())).winners == [latest, GOOD]
    assert experience(responses(world, [BAD])).winners == []
    assert experience(responses(world, [GOOD], instances=2)).winners == [], "two instances prove nothing"


def test_a_winner_that_was_refuted_or_is_of_another_space_is_no_winner(world: World) -> None:
    told = responses(world, flips())
    wrong = [
        (run, replace(response, check=Check.REFUTED) if run.configuration == GOOD else response)
        for run, response in told
    ]
    assert GOOD not in experience(wrong).winners
    assert experience(wrong).priors["alpha"].mean["p04=False instead of True"] > 0
    spaces = {"alpha": replace(space("alpha"), forbidden=((("p04", False),),))}
    assert GOOD not in gathered(spaces, [Earlier("job", told, {})], Cost.PAR10, Ties.MEAN, {}, MODELS).winners
    foreign = [(replace(run, configuration=Configuration.of("alpha", {"other": 1})), r) for run, r in told]
    assert gathered(spaces, [Earlier("job", foreign, {})], Cost.PAR10, Ties.MEAN, {}, MODELS) == Experience({}, [])
    assert experience([(replace(run, configuration=Configuration("beta")), r) for run, r in told]) == Experience({}, [])


def test_killed_and_capped_runs_are_not_taken_for_fast_ones(world: World) -> None:
    told = responses(world, flips())
    killed = [(run, Response(Termination.KILLED)) if run.configuration == BAD else (run, r) for run, r in told]
    capped = [
        (replace(run, limit=0.01), Response(Termination.CUTOFF, cpu=0.01, wall=0.01))
        if run.configuration == BAD
        else (run, r)
        for run, r in told
    ]
    for runs in (killed, capped):
        found = experience(runs)
        assert found.winners == [GOOD]
        assert found.priors["alpha"].mean["p08=False instead of True"] > -0.05


def test_a_race_tries_the_winners_first(world: World) -> None:
    first = new_race(world, first=[GOOD, DEFAULT, BAD])
    while not (runs := first.due(2)) or runs[0].configuration == DEFAULT:
        for run in runs:
            first.tell(run, answered(1.0))
    assert runs[0].configuration == GOOD


def test_a_race_says_what_was_a_preset_and_what_an_earlier_job_has_found(world: World) -> None:
    (alpha,) = ALPHA.values()
    spaces = {"alpha": replace(alpha, presets=(Preset("known", BAD),))}
    race = Race(
        spaces,
        world.instances,
        cost=Cost.PAR10,
        ties=Ties.MEAN,
        cutoff=CUTOFF,
        budget=60.0,
        slots=2,
        seed=0,
        first=Experience({}, [GOOD]).first(spaces),
    )
    origins: dict[Configuration, str] = {}
    while not {GOOD, BAD} <= origins.keys():
        for run in race.due(2):
            race.tell(run, answered(1.0))
        origins |= {trial.configuration: trial.origin for trial in race.trials()}
    assert (origins[GOOD], origins[BAD]) == ("earlier", "preset")


def test_a_default_that_was_only_capped_is_nothing_to_compare_with(world: World) -> None:
    told = [
        (replace(run, limit=0.05), Response(Termination.CUTOFF, cpu=0.05, wall=0.05))
        for run, _ in responses(world, flips())
    ]
    assert experience(told) == Experience({}, [])


def test_jobs_on_the_same_models_count_once(world: World) -> None:
    label = "p04=False instead of True"
    other = World(ALPHA, seed=77, effect=0.0, individual=0.1, bonus=lambda c: -0.7 * (c.values.get("p04") is False))
    again = experience(*(responses(world, flips()) for _ in range(5)), like={}).priors["alpha"]
    apart = experience(responses(world, flips()), responses(other, flips()), like={}).priors["alpha"]
    assert again.deviation[label] > apart.deviation[label]


def test_what_an_earlier_job_says_nothing_of_is_expected_as_before(world: World) -> None:
    label = "p09 in 0 .. 1 from 0.5"
    before = knowledge(label, -0.2)
    after = experience(responses(world, flips()), known=before).priors["alpha"]
    assert after.mean[label] == pytest.approx(before.prior(MODELS).mean[label], abs=0.02)
    assert after.deviation[label] == pytest.approx(before.prior(MODELS).deviation[label], abs=0.02)


def test_a_job_on_models_like_these_says_more_than_one_on_others(world: World) -> None:
    label, told = "p04=False instead of True", responses(world, flips())
    alike, other, unknown = (
        experience(told, like=like).priors["alpha"].mean[label]
        for like in (MODELS[0], features(market_split(400, 3)), {})
    )
    assert alike < other - 0.05
    assert other < unknown


def test_a_second_job_on_other_instances_gains_from_the_first() -> None:
    gains = []
    for seed in range(110, 122):
        whole = World(ALPHA, seed=seed, instances=24)
        yesterday, today = World(ALPHA, seed=seed, instances=24), World(ALPHA, seed=seed, instances=24)
        yesterday.instances, today.instances = whole.instances[:12], whole.instances[12:]
        first: Job = tune(yesterday, budget=40.0)
        found = experience(first.told)
        again = tune(today, budget=15.0, priors=found.priors, first=found.winners)
        alone = tune(today, budget=15.0)
        gains.append(
            math.log(whole.ratio(again.leader.finalist, DEFAULT) / whole.ratio(alone.leader.finalist, DEFAULT))
        )
    assert fmean(gains) < -0.05


def test_a_race_that_is_resumed_does_not_begin_with_the_winners_again(world: World) -> None:
    job = tune(world, budget=20.0, first=[BAD])
    assert BAD in {run.configuration for run, _ in job.told}
    resumed = new_race(world, budget=20.0, first=[BAD])
    for run, response in job.told:
        resumed.tell(run, response)
    assert BAD not in {run.configuration for run in resumed.due(20)}
