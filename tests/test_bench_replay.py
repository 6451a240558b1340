"""The benches' recordings, the world that is made of one, and the strategies that race in it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import _kept, replay
from bench._kept import Found, Kept, Key
from bench._optimum import optimum
from bench._recording import FOLDER, Cell, Outcome, Recording, Scene
from bench._strategies import STRATEGIES, Purse
from bench._world import Landscape, World
from bench.record import SIZES
from instances.families import FAMILIES
from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tests.simulation import normal
from tuner.follower.solvers import default_space
from tuner.leader.draws import Draws
from tuner.space import Choice

CUTOFF = 3.0
PLACES = 20
SCENE = Scene("made-up", "nothing real", tuple(f"m{k}" for k in range(PLACES)), CUTOFF, {"highs": "1"}, "2 x any")
SPACE = default_space("highs")
DEFAULT = SPACE.default
GOOD = Configuration.of("highs", {"presolve": "off"})


def seconds(configuration: Configuration, place: int) -> float:
    """Return what a made-up solver takes: a third without presolve, and some more or less for every other change."""
    total = -1.0 + 0.5 * normal("size", place)
    for name, value in configuration.parameters:
        total += -1.1 if name == "presolve" and value == "off" else 0.15 * normal(name, value) + 0.05
    return math.exp(total + 0.1 * normal(configuration.key, place))


def response(cpu: float) -> Response:
    if cpu > CUTOFF:
        return Response(Termination.EXITED, Claim.FEASIBLE, gap=0.1, cpu=CUTOFF, wall=CUTOFF)
    return Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, gap=0.0, cpu=cpu, wall=cpu)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    recording = Recording("made-up", tmp_path_factory.mktemp("recordings"))
    recording.begin(SCENE)
    draws = Draws(random.Random(1))
    chosen = [DEFAULT, GOOD, *draws.flips(SPACE)[:30], *(draws.any(SPACE) for _ in range(40))]
    for number, configuration in enumerate(dict.fromkeys(chosen)):
        recording.add_configuration(configuration)
        for place in range(PLACES):
            recording.add(Cell(number, place, 0), response(seconds(configuration, place)), CUTOFF)
            if number < 5:
                noisy = seconds(configuration, place) * math.exp(0.2 * normal(number, place))
                recording.add(Cell(number, place, 1), response(noisy), CUTOFF)
    return recording


@pytest.fixture(scope="module")
def world(recorded: Recording) -> World:
    return World(recorded, ["highs"])


def test_a_recording_is_read_again_as_it_was_written(recorded: Recording) -> None:
    again = Recording("made-up", recorded.folder)
    assert (again.scene, again.configurations, again.entries) == (SCENE, recorded.configurations, recorded.entries)
    assert len(again.entries) > PLACES * 60


def test_a_recording_goes_on_behind_a_line_that_was_half_written(tmp_path: Path) -> None:
    recording = Recording("cut", tmp_path)
    recording.begin(SCENE)
    recording.add_configuration(DEFAULT)
    recording.add(Cell(0, 0, 0), response(0.5), CUTOFF)
    with (tmp_path / "cut.csv").open("a") as file:
        file.write("0,1,0,sol")
    with (tmp_path / "cut.jsonl").open("a") as file:
        file.write('["highs", {"pre')
    again = Recording("cut", tmp_path)
    assert (again.configurations, list(again.entries)) == ([DEFAULT], [Cell(0, 0, 0)])
    again.add(Cell(0, 1, 0), Response(Termination.CRASHED, cpu=0.1), CUTOFF)
    assert Recording("cut", tmp_path).entries[Cell(0, 1, 0)] == (Outcome.OUTSIDE, 0.1)


def test_a_recording_of_other_models_is_not_mixed_in(recorded: Recording) -> None:
    other = Scene("made-up", "others", SCENE.instances, CUTOFF, {}, "")
    with pytest.raises(ValueError, match="remove it"):
        recorded.begin(other)


def test_the_world_answers_what_was_recorded(world: World) -> None:
    for place in range(PLACES):
        run = Run(GOOD, world.instances[place], 0, CUTOFF, CUTOFF)
        told = world.answer(run)
        assert math.log(told.cpu) == pytest.approx(math.log(seconds(GOOD, place)), abs=4 * world.quality("highs").noise)
        assert told.solved
    assert world.answer(run) == world.answer(run)


def test_the_world_ends_runs_at_their_limit(world: World) -> None:
    slow = max(range(PLACES), key=lambda place: seconds(DEFAULT, place))
    told = world.answer(Run(DEFAULT, world.instances[slow], 0, CUTOFF, 0.05))
    assert (told.claim, told.cpu) == (Claim.NOTHING, 0.05)


def test_the_surrogate_knows_what_matters(world: World) -> None:
    quality = world.quality("highs")
    assert quality.error < 0.8 * quality.spread
    assert quality.noise == pytest.approx(0.2 / math.sqrt(2), rel=0.5)
    draws = Draws(random.Random(2))
    fresh = [c for c in (draws.any(SPACE) for _ in range(60)) if c not in (DEFAULT, GOOD)]
    scores = {c: world.score(c, range(PLACES)) for c in fresh}
    without = [scores[c] for c in fresh if c.values.get("presolve") == "off"]
    others = [scores[c] for c in fresh if c.values.get("presolve") != "off"]
    assert sum(without) / len(without) < sum(others) / len(others) - 0.5


def test_every_draw_is_another_world_with_the_same_recording(recorded: Recording, world: World) -> None:
    other = World(recorded, ["highs"], draw=1)
    draws = Draws(random.Random(3))
    fresh = [draws.any(SPACE) for _ in range(20)]
    assert (other.logs(GOOD) == world.logs(GOOD)).all()
    assert not any((other.logs(c) == world.logs(c)).all() for c in fresh)
    assert (World(recorded, ["highs"], draw=1).logs(fresh[0]) == other.logs(fresh[0])).all()


def test_a_model_that_tells_nothing_tells_nothing_of_new_configurations_either(tmp_path: Path) -> None:
    recording = Recording("made-up", tmp_path)
    recording.begin(SCENE)
    draws = Draws(random.Random(1))
    for number, configuration in enumerate(dict.fromkeys([DEFAULT, GOOD, *(draws.any(SPACE) for _ in range(40))])):
        recording.add_configuration(configuration)
        for place in range(PLACES):
            cpu = seconds(configuration, place) if place else 0.03 * math.exp(0.01 * normal(number))
            recording.add(Cell(number, place, 0), response(cpu), CUTOFF)
    world = World(recording, ["highs"])
    fresh = np.array([world.logs(draws.any(SPACE)) for _ in range(60)])
    deviations = fresh.std(axis=0)
    assert deviations[0] < 0.1 * deviations[1:].min()


def test_nothing_is_much_faster_than_what_was_recorded(world: World, recorded: Recording) -> None:
    least = [min(math.log(seconds(c, place) + 0.005) for c in recorded.configurations) for place in range(PLACES)]
    draws = Draws(random.Random(4))
    for _ in range(50):
        assert min(world.logs(draws.any(SPACE)) - least) > -0.11 - 4 * 0.2


def test_a_landscape_of_pairs_is_told_from_one_of_single_effects() -> None:
    random_numbers = np.random.default_rng(0)
    x = (random_numbers.random((150, 12)) < 0.4).astype(float)
    x[0] = 0.0
    single, pairs = random_numbers.normal(0, 0.2, 12), random_numbers.normal(0, 0.15, (12, 12))
    adding = (x @ single)[:, None]
    paired = adding + np.einsum("ni,ij,nj->n", x, pairs, x)[:, None]
    assert Landscape(x, adding, 1e-4).pairs == 0.0
    found = Landscape(x, paired, 1e-4)
    assert found.pairs >= 0.2
    assert found.white <= 0.03
    drawn = found.drawn(random_numbers)
    assert np.abs(np.array([drawn(row) for row in x]) - paired).max() < 0.1
    fresh = (random_numbers.random((50, 12)) < 0.4).astype(float)
    truth = fresh @ single + np.einsum("ni,ij,nj->n", fresh, pairs, fresh)
    assert np.std([drawn(row)[0] for row in fresh] - truth) < 0.7 * np.std(truth)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_strategy_spends_its_purse_and_finds_what_is_better(
    world: World, strategy: Callable[[Purse, int], Configuration]
) -> None:
    training = range(12)
    purse = Purse(world, training, left=120.0)
    found = strategy(purse, 3)
    assert -CUTOFF <= purse.left < CUTOFF
    assert purse.runs > 100
    assert world.score(found, training) < world.score(DEFAULT, training) - 0.5
    again = Purse(world, training, left=120.0)
    assert strategy(again, 3) == found


def test_what_others_found_is_kept_until_the_recording_or_the_rules_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kept, "FOLDER", tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text("scene\n")
        (tmp_path / f"{name}.csv").write_text("runs\n")
    path, key, found = tmp_path / "kept.csv", Key("one", "highs", "irace", 50, 7), Found(0.5, 0.6, 100, 1.25)
    other = Key("two", "highs", "irace", 50, 7)
    first = Kept(path, ["one", "two"], "rules")
    first.add(other, found)
    first.add(key, found)
    first.write()
    written = path.read_text()
    again = Kept(path, ["one"], "rules")
    assert (again.get(key), again.get(key._replace(seed=8)), again.get(other)) == (found, None, None)
    again.write()
    assert path.read_text() == written, "what was not asked for stays"
    assert Kept(path, ["one"], "other rules").get(key) is None
    (tmp_path / "one.csv").write_text("other runs\n")
    changed = Kept(path, ["one", "two"], "rules")
    assert (changed.get(key), changed.get(other)) == (None, found)
    changed.write()
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("strategy", [replay.OURS, "irace"])
def test_a_job_is_replayed_on_models_it_is_not_judged_by(
    recorded: Recording, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "_recording", lambda name: recorded)
    replay._world.cache_clear()
    result = replay.execute(replay.Task("made-up", ("highs",), strategy, 200, 1))
    assert result.training < 0.6
    assert result.holdout < 0.7
    assert result.training != result.holdout


def test_no_single_change_and_nothing_recorded_is_better_than_the_optimum(recorded: Recording) -> None:
    world = World(recorded, ["highs"], draw=1)
    everywhere = range(PLACES)
    best = optimum(world, ["highs"])
    least = world.score(best, everywhere)
    assert least == min(world.score(each, everywhere) for each in [best, *world.recorded("highs")])
    values = SPACE.complete(best.values)
    changed = 0
    for parameter in SPACE.parameters:
        if isinstance(parameter.domain, Choice):
            for value in parameter.domain.values:
                other = SPACE.configuration(values | {parameter.name: value})
                changed += other != best
                assert world.score(other, everywhere) >= least, (parameter.name, value)
    assert changed > 5
    assert world.score(GOOD, everywhere) - least > 0.1, "there is more to find than the best single change"


def test_every_family_can_be_recorded_and_the_recordings_stay_small() -> None:
    assert SIZES.keys() == FAMILIES.keys()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 15e6
