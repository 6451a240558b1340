"""A tuning job without solvers: a synthetic response model, and an executor under a virtual clock.

The logarithm of a run's seconds is a sum: how hard the instance is, what each parameter does on average, what the
configuration as a whole does on this instance, and the solver seed's noise. Every term is drawn by hashing its name, so
that a response depends on the run alone.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist, fmean

from storage.records import Check, Claim, Configuration, Response, Run, Termination, Value
from tuner.ports import Activity, Finished
from tuner.space import Boolean, Choice, Float, Integer, Parameter, Space

NORMAL = NormalDist()
OVERHEAD = 0.01


def chance(*name: object) -> float:
    """Return a number between 0 and 1 that depends on the name alone."""
    digest = hashlib.blake2b(repr(name).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0.5) / 2**64


def normal(*name: object) -> float:
    return NORMAL.inv_cdf(chance(*name))


def space(solver: str = "alpha", parameters: int = 20) -> Space:
    """Return a space as a solver's: booleans, choices, integers, reals, and one condition in ten parameters."""
    made: list[Parameter] = []
    for k in range(parameters):
        name = f"p{k:02}"
        if k % 10 == 9:
            made.append(Parameter(name, Float(0.0, 1.0), 0.5, when=(("p00", (True,)),)))
        elif k % 4 == 0:
            made.append(Parameter(name, Boolean(), True))
        elif k % 4 == 1:
            made.append(Parameter(name, Choice(("off", "choose", "on")), "choose"))
        elif k % 4 == 2:
            made.append(Parameter(name, Integer(1, 1000, log=True), 30))
        else:
            made.append(Parameter(name, Float(0.0, 1.0), 0.05))
    return Space(solver, tuple(made))


class World:
    """What the followers answer."""

    def __init__(
        self,
        spaces: Mapping[str, Space],
        *,
        instances: int = 20,
        seed: int = 0,
        seconds: float = 0.5,
        effect: float = 0.25,
        individual: float = 0.25,
        noise: float = 0.2,
        speeds: Mapping[str, float] | None = None,
        wrong: Callable[[Configuration], bool] = lambda configuration: False,
        bonus: Callable[[Configuration], float] = lambda configuration: 0.0,
    ) -> None:
        """Draw a world.

        Args:
            spaces: by solver.
            instances: how many there are.
            seed: another one is another world.
            seconds: what the typical instance takes the default of a solver of speed 1.
            effect: scale of what a parameter does to log seconds; a third of the parameters do something.
            individual: standard deviation over instances of what a configuration does there, besides its average.
            noise: standard deviation of log seconds over solver seeds.
            speeds: how fast each solver's default is; 1 when it is not named.
            wrong: which configurations claim wrong optima, on one instance in four.
            bonus: added to the log seconds of a configuration.

        """
        self.spaces = spaces
        self.instances = [hashlib.sha256(f"{seed}-{k}".encode()).hexdigest() for k in range(instances)]
        self.seed, self.seconds, self.effect = seed, seconds, effect
        self.individual, self.noise = individual, noise
        self.speeds, self.wrong, self.bonus = speeds or {}, wrong, bonus

    def level(self, configuration: Configuration) -> float:
        """Return what the configuration does to log seconds on average, against a default of speed 1."""
        space = self.spaces[configuration.solver]
        total = -math.log(self.speeds.get(configuration.solver, 1.0)) + self.bonus(configuration)
        for name, value in configuration.parameters:
            total += self._effect(space, name, value)
        return total

    def _effect(self, space: Space, name: str, value: Value) -> float:
        if chance(self.seed, space.solver, name) > 0.35:
            return 0.0
        domain = space[name].domain
        if isinstance(domain, (Integer, Float)):
            low, high, x, default = domain.low, domain.high, float(value), float(space[name].default)  # type: ignore[arg-type]
            if domain.log:
                low, high, x, default = (math.log(v) for v in (low, high, x, default))
            peak = normal(self.seed, space.solver, name, "slope")
            return self.effect * 2.0 * peak * (x - default) / (high - low)
        return self.effect * (0.4 + normal(self.seed, space.solver, name, value))

    def cpu(self, configuration: Configuration, instance: str, seed: int) -> float:
        """Return the seconds to a proven optimum."""
        size = 0.7 * normal(self.seed, instance)
        changed = min(1.0, len(configuration.parameters) / 3)
        own = self.individual * changed * normal(self.seed, instance, configuration.key)
        solver = 0.3 * normal(self.seed, instance, configuration.solver)
        luck = self.noise * normal(self.seed, instance, configuration.key, seed)
        return self.seconds * math.exp(size + solver + own + luck + self.level(configuration))

    def answer(self, run: Run) -> Response:
        cpu = self.cpu(run.configuration, run.instance, run.seed)
        if cpu > run.limit:
            return Response(
                Termination.CUTOFF, cpu=run.limit, wall=run.limit + OVERHEAD, gap=0.1, integral=run.limit / 2
            )
        wrong = self.wrong(run.configuration) and chance(self.seed, run.instance, "wrong") < 0.25
        return Response(
            Termination.EXITED,
            Claim.OPTIMAL,
            Check.REFUTED if wrong else Check.CONFIRMED,
            gap=0.0,
            cpu=cpu,
            wall=cpu + OVERHEAD,
            integral=cpu / 2,
            reason="the objective is wrong" if wrong else "",
        )

    def ratio(self, configuration: Configuration, reference: Configuration, instances: int = 400) -> float:
        """Return the geometric mean of the configuration's seconds to the reference's, on instances of its own."""
        fresh = [f"holdout-{k}" for k in range(instances)]
        return math.exp(fmean(math.log(self.cpu(configuration, i, 77) / self.cpu(reference, i, 77)) for i in fresh))


class Clock:
    """A clock that only moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SimulatedExecutor:
    """An executor whose runs take virtual seconds: first in, first out, ``slots`` at a time."""

    def __init__(self, answer: Callable[[Run], Response], clock: Clock, slots: int = 2) -> None:
        self._answer = answer
        self._clock = clock
        self._slots = slots
        self._queue: deque[Run] = deque()
        self._busy: list[tuple[float, int, Run, Response]] = []
        self._done: list[Finished] = []
        self._count = 0
        self.idle = 0.0
        """Slot seconds during which a slot had nothing to execute."""
        self.executed: list[Finished] = []
        self.submitted: list[Run] = []

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def outstanding(self) -> int:
        return len(self._queue) + len(self._busy) + len(self._done)

    def submit(self, run: Run) -> None:
        self.submitted.append(run)
        self._queue.append(run)
        self._fill()

    def wait(self, timeout: float | None = None) -> list[Finished]:
        until = math.inf if timeout is None else self._clock.now + timeout
        if not self._done and self._busy and self._busy[0][0] <= until:
            self._pass(self._busy[0][0])
            _, _, run, response = heapq.heappop(self._busy)
            self._done.append(Finished(run, response))
            self._fill()
        elif not self._done and timeout is not None and self.outstanding:
            self._pass(until)
        done, self._done = self._done, []
        self.executed.extend(done)
        return done

    def cancel(self, run: Run) -> None:
        if run in self._queue:
            self._queue.remove(run)
            self._done.append(Finished(run, Response(Termination.KILLED)))
        for end, _, other, response in self._busy:
            if other == run:
                wall = self._clock.now - end + response.wall
                cpu = max(0.0, wall - OVERHEAD)
                self._done.append(Finished(run, Response(Termination.KILLED, cpu=cpu, wall=wall)))
                self._busy = [entry for entry in self._busy if entry[2] != run]
                heapq.heapify(self._busy)
                self._fill()
                break

    def activity(self) -> Sequence[Activity | None]:
        running: list[Activity | None] = [
            Activity(run, self._clock.now - end + response.wall) for end, _, run, response in self._busy
        ]
        return running + [None] * (self._slots - len(running))

    def close(self) -> None:
        self._queue.clear()
        self._busy.clear()

    def _fill(self) -> None:
        while self._queue and len(self._busy) < self._slots:
            run = self._queue.popleft()
            response = self._answer(run)
            self._count += 1
            heapq.heappush(self._busy, (self._clock.now + response.wall, self._count, run, response))

    def _pass(self, until: float) -> None:
        self.idle += (self._slots - len(self._busy)) * (until - self._clock.now)
        self._clock.now = until
