"""A verdict on a machine that is busy with other work: runs that hardly got their core decide nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from instances.families import FAMILIES, generate
from storage.records import Check, Claim, Configuration, Purpose, Response, Run, StoredRun, Termination
from storage.store import Store
from tests.simulated_worker import SOLVER, SPACE, answering
from tests.simulation import World
from tests.test_job import Silence
from tests.verdict_runs import CUTOFF, HIGHS, HOLDOUT, SEED, TUNED, held_out, job, stopped_at, stored
from tuner.app.intake import submission_of
from tuner.app.owning import owned
from tuner.app.tuning import Means, carry_out_own
from tuner.cost import Cost
from tuner.errors import Failed
from tuner.scenario import Scenario
from tuner.verdict.decide import decide
from tuner.verdict.holdout import AGAIN, ROUNDS, contenders, holdout_seeds, lacking, repeated
from tuner.verdict.starved import is_starved
from tuner.verdict.words import paragraph

STARVED = Response(Termination.EXITED, Claim.FEASIBLE, gap=0.1, cpu=CUTOFF / 4, wall=CUTOFF, integral=CUTOFF / 2)
ALIKE = [1.0, 1.3, 0.8, 1.1, 2.0, 0.9, 1.5, 1.2]
SLOW = [2.1, 2.4, 2.3, 2.2, 2.45, 2.35, 2.15, 2.25]
"""CPU seconds that are just available on a quarter of a core."""


def starved(configuration: Configuration, places: range, seed: int = SEED) -> list[StoredRun]:
    return [stored(configuration, HOLDOUT[place], STARVED, seed) for place in places]


def test_a_default_that_hardly_got_the_processor_makes_no_gain() -> None:
    runs = [*held_out(HIGHS, 2.5), *starved(HIGHS, range(1, 8)), *held_out(TUNED, *SLOW)]
    verdict = decide(job(), runs, TUNED)
    assert (verdict.outcome, verdict.recommended) == ("default kept", HIGHS)
    found = verdict.comparison(TUNED, HIGHS)
    assert found is not None
    assert (found.pairs, found.baseline_solved) == (1, 1)
    assert found.ratio == pytest.approx(2.5 / SLOW[0], rel=0.05)
    text = paragraph(verdict)
    assert "7 runs had to end at the cutoff of 10 s with less than nine tenths of it in CPU time." in text
    assert "7 of 8 pairs of model and seed held out, with such a run, are left out of the comparison with highs" in text
    assert "a machine, or cores, that nothing else uses meanwhile" in text
    assert "a larger --cutoff" not in text


def test_what_was_not_disturbed_still_proves_a_gain() -> None:
    runs = [*held_out(HIGHS, *ALIKE, seeds=2), *held_out(TUNED, *(0.3 * cost for cost in ALIKE), seeds=2)]
    runs += [*starved(HIGHS, range(3), 77), *(stored(TUNED, HOLDOUT[place], 0.5, 77) for place in range(3))]
    verdict = decide(job(), runs, TUNED)
    assert verdict.outcome == "gain"
    assert "3 of 19 pairs of model and seed held out" in paragraph(verdict)
    again = [stored(of, HOLDOUT[0], cost, seed) for of, cost in ((HIGHS, 1.0), (TUNED, 0.3)) for seed in (78, 79)]
    assert "On 8 instances x 2 to 4 seeds" in paragraph(decide(job(), runs + again, TUNED))
    row = verdict.row(HIGHS)
    assert (row.runs, row.solved, row.starved) == (19, 16, 3)
    assert "(shifted geometric mean)" not in paragraph(verdict), "the rows' means are of other pairs than the ratio"


def test_pairs_that_only_the_other_solved_on_a_busy_machine_speak_against_a_gain() -> None:
    runs = [*held_out(HIGHS, *ALIKE, seeds=2), *held_out(TUNED, *(0.3 * cost for cost in ALIKE), seeds=2)]
    runs += [*starved(TUNED, range(3), 77), *(stored(HIGHS, HOLDOUT[place], 0.5, 77) for place in range(3))]
    verdict = decide(job(), runs, TUNED)
    assert verdict.outcome == "default kept"
    assert "highs as it comes solved more of the runs that other work on the machine disturbed" in paragraph(verdict)


def test_who_solved_more_of_the_disturbed_runs_says_nothing_where_gaps_count() -> None:
    gaps = {HIGHS: 0.2, TUNED: 0.02}
    runs = [
        stored(configuration, instance, stopped_at(CUTOFF, gap), seed)
        for configuration, gap in gaps.items()
        for instance in HOLDOUT
        for seed in (SEED, SEED + 1)
    ]
    runs += [*starved(TUNED, range(3), 77), *(stored(HIGHS, HOLDOUT[place], 0.5, 77) for place in range(3))]
    assert decide(job(cost="gap"), runs, TUNED).outcome == "gain"


def test_a_verdict_without_an_undisturbed_pair_says_so() -> None:
    verdict = decide(job(), [*starved(HIGHS, range(8)), *held_out(TUNED, *ALIKE)], TUNED)
    assert verdict.outcome == "default kept"
    text = paragraph(verdict)
    assert "cannot be compared with highs as it comes: on every model held out, other work on the machine left" in text
    assert "8 of 8 pairs" in text


@pytest.mark.parametrize("cost", list(Cost))
def test_a_solved_run_is_starved_where_its_wall_time_is_the_cost(cost: Cost) -> None:
    waited = Response(
        Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, 1.0, 1.0, 0.0, cpu=1.0, wall=4.0, integral=2.0
    )
    assert is_starved(stored(HIGHS, HOLDOUT[0], waited), cost) is (cost in (Cost.WALL, Cost.INTEGRAL))
    for fair in (replace(waited, cpu=2.5), replace(waited, cpu=0.01, wall=0.05)):
        assert not is_starved(stored(HIGHS, HOLDOUT[0], fair), cost)


@pytest.mark.parametrize("cost", list(Cost))
def test_a_little_less_of_a_core_matters_where_runs_fail_at_the_cutoff_not_where_gaps_count(
    cost: Cost,
) -> None:
    for share, is_unfair in ((0.95, False), (0.85, cost.is_time), (0.4, True)):
        response = replace(STARVED, cpu=share * CUTOFF)
        assert is_starved(stored(HIGHS, HOLDOUT[0], response), cost) is is_unfair, share


@pytest.mark.parametrize("cost", list(Cost))
def test_a_capped_run_had_no_cutoff_to_use_up(cost: Cost) -> None:
    ended = replace(STARVED, wall=0.95 * CUTOFF)
    assert is_starved(stored(HIGHS, HOLDOUT[0], ended), cost)
    assert not is_starved(stored(HIGHS, HOLDOUT[0], ended, limit=0.95 * CUTOFF), cost)


def test_a_claim_that_came_after_the_cutoff_for_want_of_a_core_is_starved_under_wall() -> None:
    late = Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, 1.0, 1.0, 0.0, cpu=2.0, wall=CUTOFF + 0.3)
    assert is_starved(stored(HIGHS, HOLDOUT[0], late), Cost.WALL)
    assert not is_starved(stored(HIGHS, HOLDOUT[0], late), Cost.PAR10)


def test_instances_are_shown_again_until_one_seed_has_shown_all_contenders() -> None:
    runs = [*held_out(HIGHS, *ALIKE[:4]), *starved(HIGHS, range(4, 7)), *held_out(TUNED, *ALIKE[:7])]
    field = contenders(job(), runs, TUNED)
    assert lacking(field, runs, Cost.PAR10) == HOLDOUT[4:7]
    runs += [stored(HIGHS, HOLDOUT[4], 1.0, 77)]
    assert lacking(field, runs, Cost.PAR10) == HOLDOUT[4:7], "the other one is missing"
    runs += [stored(TUNED, HOLDOUT[4], 1.0, 77), stored(TUNED, HOLDOUT[5], STARVED, 77)]
    assert lacking(field, runs, Cost.PAR10) == HOLDOUT[5:7]


def test_repeats_have_seeds_that_no_round_has() -> None:
    field = contenders(job(), [], TUNED)
    seeds = holdout_seeds(7)
    usual = {next(seeds) for _ in range(ROUNDS)}
    rounds = [repeated(field, HOLDOUT[:2], number, 7, CUTOFF) for number in range(AGAIN)]
    assert rounds == [repeated(field, HOLDOUT[:2], number, 7, CUTOFF) for number in range(AGAIN)]
    own = [{run.seed for run in runs} for runs in rounds]
    assert all(len(each) == 1 for each in own)
    assert len(set().union(*own) - usual) == AGAIN
    for runs in rounds:
        assert {(run.configuration, run.instance) for run in runs} == {
            (configuration, sha) for configuration in (TUNED, HIGHS) for sha in HOLDOUT[:2]
        }


def busy(seeds: frozenset[int] | None) -> Means:
    """Return a machine on which the default hardly gets its core with these seeds, or with any, on the holdout."""
    world = World({SOLVER: SPACE}, seed=1, seconds=1.0, effect=0.2, individual=0.05, noise=0.05)

    def answer(run: Run) -> Response:
        is_usual = seeds is None or run.seed in seeds
        if run.purpose is Purpose.HOLDOUT and not run.configuration.parameters and is_usual:
            return replace(STARVED, cpu=run.cutoff / 4, wall=run.cutoff)
        return world.answer(run)

    return answering(answer)


@pytest.mark.parametrize("is_always_busy", [False, True])
def test_a_job_executes_starved_instances_again_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_always_busy: bool
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    generate(FAMILIES["generalised-assignment"], 8, tmp_path / "models", seed=3, size=0.4)
    scenario = Scenario(str(tmp_path / "models"), SOLVER, 600.0, 10.0, slots=1, stop_after=40.0)
    usual = frozenset(islice(holdout_seeds(scenario.seed), ROUNDS))
    stop, watcher = threading.Event(), Silence()
    with Store.open(f"sqlite:///{tmp_path / 'tuner.db'}") as store:
        made = store.create_job(submission_of(scenario, watcher))
        with owned(store, made, stop, Failed) as lease:
            means = busy(None if is_always_busy else usual)
            verdict = carry_out_own(store, store.job(made.id), lease, watcher, stop, means).verdict
        runs = list(store.responses(made.id, purpose=Purpose.HOLDOUT))
    assert verdict is not None
    assert verdict.contenders.incumbent != verdict.contenders.baseline, "or there is nothing to compare"
    found = verdict.comparison(verdict.contenders.incumbent, verdict.contenders.baseline)
    held_out = {stored.run.instance for stored in runs}
    again = [stored.run for stored in runs if stored.run.seed not in usual]
    assert {run.instance for run in again} == held_out
    assert len({run.seed for run in again}) == (AGAIN if is_always_busy else 1)
    assert (found is None) is is_always_busy
    assert found is None or found.pairs == len(held_out)
    assert "are left out of the comparison with highs as it comes" in paragraph(verdict)
