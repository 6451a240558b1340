from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event

from storage.records import Check, Claim, Configuration, Response, Run, Termination
from tests.simulation import Clock, SimulatedExecutor
from tuner.leader.loop import Ending, race
from tuner.ports import Standing

DEFAULT = Configuration("alpha")
SOLVED = Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, cpu=1.0, wall=1.0)


class Script:
    """A leader that has ``work`` runs to execute, and writes down what it is told."""

    def __init__(self, work: int = 1000) -> None:
        self.left = [Run(DEFAULT, "a" * 64, seed, 10.0, 10.0) for seed in range(work)]
        self.told: list[tuple[Run, Response]] = []
        self.cancel: list[Run] = []
        self.hopeless = False
        self.incumbent = DEFAULT
        self.prepared = 0

    def due(self, count: int, remaining: float) -> list[Run]:
        assert remaining > 0
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def prepare(self) -> None:
        self.prepared += 1

    def tell(self, run: Run, response: Response) -> None:
        self.told.append((run, response))

    def lost(self, elapsed: Mapping[Run, float]) -> list[Run]:
        lost, self.cancel = self.cancel, []
        return lost

    def standing(self) -> Standing:
        return Standing(DEFAULT, None, DEFAULT, None, 0, 0, 0, 0)


class Scene:
    """A script, a simulated executor in which every run takes a second, and a store."""

    def __init__(self, work: int = 1000) -> None:
        self.clock = Clock()
        self.leader = Script(work)
        self.executor = SimulatedExecutor(lambda run: SOLVED, self.clock, slots=2)
        self.kept: list[Run] = []

    def keep(self, run: Run, response: Response) -> Sequence[tuple[Run, Response]]:
        assert run not in [told for told, _ in self.leader.told], "the leader was told before the store"
        self.kept.append(run)
        return [(run, response)]


def test_the_deadline_holds_and_leaves_nothing_outstanding() -> None:
    scene = Scene()
    assert race(scene.leader, scene.executor, scene.keep, lambda: 9.5, clock=scene.clock) is Ending.DEADLINE
    assert scene.clock.now == 9.5
    assert scene.executor.outstanding == 0
    assert len(scene.kept) == 18 + 4
    assert scene.executor.idle == 0.0


def test_cancelled_runs_are_kept_and_told() -> None:
    scene = Scene()
    race(scene.leader, scene.executor, scene.keep, lambda: 4.5, clock=scene.clock)
    killed = [run for run, response in scene.leader.told if response.termination is Termination.KILLED]
    assert len(killed) == 4
    assert set(killed) <= set(scene.kept)


def test_what_the_store_overturns_is_told_as_well() -> None:
    scene = Scene(work=3)
    earlier = Run(DEFAULT, "b" * 64, 7, 10.0, 10.0)
    refuted = Response(Termination.EXITED, Claim.OPTIMAL, Check.REFUTED)
    keep = lambda run, response: [(run, response), (earlier, refuted)]  # noqa: E731
    assert race(scene.leader, scene.executor, keep, lambda: 99.0, clock=scene.clock) is Ending.NOTHING_LEFT
    assert scene.leader.told.count((earlier, refuted)) == 3


def test_setting_stop_ends_the_race_with_the_finished_runs_kept() -> None:
    scene, stop = Scene(), Event()

    def watch() -> None:
        if len(scene.kept) >= 5:
            stop.set()

    assert (
        race(scene.leader, scene.executor, scene.keep, lambda: 99.0, stop=stop, watch=watch, clock=scene.clock)
        is Ending.STOPPED
    )
    assert scene.executor.outstanding == 0
    assert scene.clock.now < 5.0
    finished = [run for run, r in scene.leader.told if r.termination is not Termination.KILLED]
    assert len(finished) == 5
    assert set(finished) <= set(scene.kept)


def test_lost_runs_are_cancelled() -> None:
    scene = Scene()

    def watch() -> None:
        if len(scene.kept) == 1:
            scene.leader.cancel = [scene.executor.submitted[3]]

    race(scene.leader, scene.executor, scene.keep, lambda: 6.0, watch=watch, clock=scene.clock)
    early = [run for run, r in scene.leader.told if r.termination is Termination.KILLED and run.seed < 6]
    assert early == [scene.executor.submitted[3]]


def test_a_hopeless_race_ends() -> None:
    scene = Scene()

    def watch() -> None:
        scene.leader.hopeless = len(scene.kept) >= 3

    assert (
        race(scene.leader, scene.executor, scene.keep, lambda: 99.0, watch=watch, clock=scene.clock) is Ending.HOPELESS
    )
    assert scene.clock.now < 3.0


def test_the_leader_thinks_ahead_while_the_slots_are_busy() -> None:
    scene = Scene()
    race(scene.leader, scene.executor, scene.keep, lambda: 5.0, clock=scene.clock)
    assert scene.leader.prepared >= 5


def test_an_error_of_the_store_leaves_nothing_outstanding() -> None:
    scene = Scene()

    def keep(run: Run, response: Response) -> Sequence[tuple[Run, Response]]:
        scene.kept.append(run)
        if len(scene.kept) == 4:
            raise OSError("disk full")
        return [(run, response)]

    try:
        race(scene.leader, scene.executor, keep, lambda: 99.0, clock=scene.clock)
    except OSError as error:
        assert "disk full" in str(error)
    else:
        raise AssertionError("the error was swallowed")
    assert scene.executor.outstanding == 0
