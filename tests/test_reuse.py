"""Which responses of earlier jobs a job may use: real stores, made-up responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from instances.features import features
from storage.lease import this_process
from storage.records import Configuration, Environment, Job, Response, Run, Termination
from storage.store import Store
from tests.small_models import knapsack, market_split
from tests.store_samples import HERE, MEMBERS, SOLVED, SUBMISSION
from tuner.app.advising import SolverAdvice, advised
from tuner.app.reuse import experience_of, knowledge_of
from tuner.follower.environment import environment_of
from tuner.follower.solvers import default_space
from tuner.leader.experience import Experience
from tuner.leader.shipped import shipped

SPACES = {"highs": default_space("highs")}
SPACE = SPACES["highs"]
WINNER = Configuration.of("highs", {"mip_heuristic_effort": 0.3})
TUNED = [member.sha256 for member in MEMBERS[:3]]
HELD_OUT = MEMBERS[3].sha256
MEMBERS_TOMORROW = tuple(
    replace(member, sha256=f"{member.sha256[:-4]}{n:04x}", part="training") for n, member in enumerate(MEMBERS[:3])
)


def job(store: Store, name: str, **changes: Any) -> Job:
    return store.create_job(replace(SUBMISSION, name=name, solvers=("highs",), **changes))


def execute(
    store: Store,
    job: Job,
    environment: Environment | None = None,
    instances: Sequence[str] = TUNED,
    seconds: float = 1.0,
    runs: int = 12,
) -> None:
    """Record that the winner takes half of what the default and ten others take."""
    others = [Configuration.of("highs", {"mip_pool_age_limit": age}) for age in range(1, runs - 1)]
    lease = store.claim(job.id, this_process(), 60)
    for configuration in (SPACE.default, WINNER, *others):
        cpu = seconds / 2 if configuration == WINNER else seconds
        for instance in instances:
            run = Run(configuration, instance, 0, job.cutoff, job.cutoff)
            store.record(lease, run, replace(SOLVED, cpu=cpu), 1.0, environment or environment_of("highs"))
    store.interrupt(lease)


def found(store: Store, job: Job) -> tuple[Experience, str]:
    return experience_of(store, job, SPACES, {})


def test_an_earlier_job_on_other_models_is_used(store: Store) -> None:
    execute(store, job(store, "yesterday"))
    experience, words = found(store, job(store, "today", members=MEMBERS_TOMORROW, reuse=True))
    assert experience.winners == [WINNER]
    assert experience.priors["highs"].mean
    assert words == "36 responses of yesterday (36)"


def test_what_was_handed_in_to_a_server_uses_and_names_its_owners_jobs_only(store: Store) -> None:
    for owner in ("ann", "bob"):
        execute(store, job(store, f"of {owner}", owner=owner, served=True))
    mine = job(store, "mine", members=MEMBERS_TOMORROW, reuse=True, owner="bob", served=True)
    assert found(store, mine)[1] == "36 responses of of bob (36)"
    swapped = tuple(replace(m, part="holdout" if m is MEMBERS[0] else "training") for m in MEMBERS)
    assert "ann" not in found(store, job(store, "swapped", members=swapped, reuse=True, owner="bob", served=True))[1]
    here = job(store, "here", members=MEMBERS_TOMORROW, reuse=True)
    assert "of bob (36), of ann (36)" in found(store, here)[1]  # who has the store itself sees everything


def test_a_job_that_was_tuned_on_what_is_held_out_now_is_left_out(store: Store) -> None:
    execute(store, job(store, "yesterday"))
    swapped = tuple(replace(m, part="holdout" if m is MEMBERS[0] else "training") for m in MEMBERS)
    experience, words = found(store, job(store, "today", members=swapped, reuse=True))
    assert experience == Experience({}, [])
    assert words == "nothing; left out: yesterday (it rests on 1 model that is held out now)"


def test_what_a_job_reused_is_what_it_rests_on_too(store: Store) -> None:
    execute(store, job(store, "first"))
    second = job(store, "second", members=MEMBERS_TOMORROW, reuse=True)
    execute(store, second, instances=[member.sha256 for member in MEMBERS_TOMORROW])
    fresh = replace(MEMBERS[0], sha256="7" * 64, part="training")
    third = job(store, "third", members=(fresh, replace(MEMBERS[0], part="holdout")), reuse=True)
    experience, words = found(store, third)
    assert experience == Experience({}, [])
    assert "second (it rests on 1 model that is held out now), first (it rests on 1 model" in words
    apart = job(store, "apart", members=(fresh, replace(MEMBERS[3], part="holdout")), reuse=True)
    assert found(store, apart)[0].winners == [WINNER]


def test_a_run_that_wanted_more_memory_than_there_was_is_not_held_against_it_where_there_is_more(store: Store) -> None:
    earlier = job(store, "yesterday", memory_mib=512)
    execute(store, earlier)
    lease = store.claim(earlier.id, this_process(), 60)
    run = Run(WINNER, TUNED[0], 1, earlier.cutoff, earlier.cutoff)
    store.record(lease, run, Response(Termination.MEMORY), 1.0, environment_of("highs"))
    assert found(store, job(store, "same", memory_mib=512, reuse=True))[0].winners != [WINNER]
    assert found(store, job(store, "more", memory_mib=1024, reuse=True))[0].winners == [WINNER]


def test_no_response_on_what_is_held_out_now_is_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = job(store, "yesterday")
    execute(store, earlier)
    execute(store, earlier, instances=[HELD_OUT], seconds=2.0)
    experience, words = found(store, job(store, "today", reuse=True))
    assert experience.winners == [WINNER]
    assert words == "36 responses of yesterday (36)"


@pytest.mark.parametrize(
    "environment",
    [
        replace(environment_of("highs"), processor="another"),
        replace(environment_of("highs"), cores=environment_of("highs").cores + 1),
        replace(environment_of("highs"), software="highspy 0.1"),
        HERE,
        Environment(environment_of("highs").host, "", 0, ""),
    ],
)
def test_runs_on_machines_or_by_versions_of_another_kind_are_left_out(store: Store, environment: Environment) -> None:
    execute(store, job(store, "yesterday"), environment)
    experience, words = found(store, job(store, "today", reuse=True))
    assert experience == Experience({}, [])
    assert "yesterday (no run of it that is known to be from such a machine and these versions)" in words


def test_another_host_of_the_same_kind_will_do(store: Store) -> None:
    execute(store, job(store, "yesterday"), replace(environment_of("highs"), host="another"))
    assert found(store, job(store, "today", reuse=True))[0].winners == [WINNER]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gap": 0.01}, "another gap"),
        ({"cost": "gap"}, "another cost or cutoff"),
        ({"cost": "integral"}, "another cost or cutoff"),
    ],
)
def test_jobs_that_measured_something_else_are_left_out(store: Store, changes: dict[str, Any], reason: str) -> None:
    execute(store, job(store, "yesterday", **changes))
    experience, words = found(store, job(store, "today", reuse=True))
    assert experience == Experience({}, [])
    assert words == f"nothing; left out: yesterday ({reason})"


def test_seconds_of_another_cutoff_are_used(store: Store) -> None:
    execute(store, job(store, "yesterday", cutoff=10.0, cost="wall"))
    assert found(store, job(store, "today", reuse=True))[0].winners == [WINNER]


def test_what_is_stored_later_changes_nothing(store: Store) -> None:
    earlier = job(store, "yesterday")
    execute(store, earlier)
    today = job(store, "today", reuse=True)
    before = found(store, today)
    execute(store, earlier, instances=TUNED[:1], runs=20, seconds=5.0)
    execute(store, job(store, "tomorrow"))
    assert found(store, store.job(today.id)) == before


def test_many_jobs_that_are_left_out_are_counted(store: Store) -> None:
    for number in range(6):
        job(store, f"empty {number}")
    _, words = found(store, job(store, "today", reuse=True))
    assert words.startswith("nothing; left out: empty 5 (no run of it")
    assert words.endswith(" and 3 older jobs")


def test_a_response_of_every_kind_can_be_reused(store: Store) -> None:
    earlier = job(store, "yesterday")
    execute(store, earlier)
    lease = store.claim(earlier.id, this_process(), 60)
    for number, termination in enumerate(Termination):
        run = Run(Configuration.of("highs", {"mip_pool_age_limit": 100 + number}), TUNED[0], 0, 30.0, 30.0)
        store.record(lease, run, Response(termination), 1.0, environment_of("highs"))
    assert found(store, job(store, "today", reuse=True))[0].winners == [WINNER]


SPLITS = [features(market_split(40, 4, seed)) for seed in range(4)]
"""Of models like which no family is that comes with the package."""


def known_from(store: Store, owner: str | None = None) -> SolverAdvice:
    known = shipped("highs")
    assert known is not None
    return advised("highs", knowledge_of(store, SPACES, {"highs": known}, SUBMISSION.gap, owner)["highs"], SPLITS)


def test_jobs_on_models_like_these_are_known_families_of_theirs(store: Store) -> None:
    members = tuple(replace(member, features=like) for member, like in zip(MEMBERS, SPLITS, strict=True))
    assert "nothing is known about models like these" in known_from(store).reason
    execute(store, job(store, "splits", members=members))
    found = known_from(store)
    assert found.alike[0].family.name == "splits"
    assert found.alike[0].likeness > 0.9
    assert "splits (" in found.evidence
    assert found.configurations


def test_jobs_of_other_owners_and_machines_are_no_knowledge(store: Store) -> None:
    members = tuple(replace(member, features=like) for member, like in zip(MEMBERS, SPLITS, strict=True))
    execute(store, job(store, "of ann", members=members, owner="ann", served=True))
    assert known_from(store, "bob").configurations == ()
    assert known_from(store, "ann").alike[0].family.name == "of ann"
    execute(store, job(store, "elsewhere", members=members, owner="cid", served=True), HERE)
    assert known_from(store, "cid").configurations == ()


def test_a_job_on_models_like_these_moves_expectations_most(store: Store) -> None:
    label = "mip_heuristic_effort in 0 .. 0.5 from 0.05"
    today = tuple(replace(member, features=like) for member, like in zip(MEMBERS_TOMORROW, SPLITS[1:], strict=True))
    expected = []
    for number, likes in enumerate((SPLITS, [features(knapsack(400, 2, seed)) for seed in range(4)])):
        members = tuple(
            replace(member, features=like, sha256=f"{number}{member.sha256[1:]}")
            for member, like in zip(MEMBERS, likes, strict=True)
        )
        earlier = job(store, f"earlier {number}", members=members)
        execute(store, earlier, instances=[member.sha256 for member in members[:3]])
        asking = job(store, f"today {number}", members=today, reuse=True)
        expected.append(found(store, asking)[0].priors["highs"].mean[label])
        store.delete_job(earlier.id)
    assert expected[0] < expected[1] < 0
