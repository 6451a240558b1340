"""Tuning as a bilevel problem: x is a configuration, and the followers are solver runs, one for each model.

The upper level minimises a cost F of the runs, aggregated over models as a tuning job does it. The lower level of each
model is the MILP itself: its solver looks for the best objective and cares nothing for F. What x changes is not the
follower's model but its way to the optimum; so the value of each follower is the same for every x, and F is not. A
configuration is bilevel feasible when every response is inside C: not refuted by a check, not crashed, within its
memory. A follower that reaches its cutoff costs ten of it. Ties are broken by solver seeds: at best, at worst, or on
average, which is what tuning assumes.

Thousands of x times dozens of followers are too much for a search that answers each x in full. So `solve` races: most
configurations are dropped after two followers (`docs/racing.md`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from instances.instance import Instance
from storage.records import Configuration, Run, Termination, Value, spell
from storage.records import Response as RunResponse
from tuner.bilevel.problem import Problem, Variable
from tuner.bilevel.responder import Response, Status, X
from tuner.bilevel.result import Bound, Ending, Result
from tuner.bilevel.state import Bracket, study_of
from tuner.cost import Cost, Ties, cost_of, over_seeds, shift, shifted_geometric_mean
from tuner.errors import Failed, UsageError
from tuner.follower.executor import LocalExecutor
from tuner.follower.reaction import Tie
from tuner.follower.referee import Referee
from tuner.follower.scaling import unit_by
from tuner.leader.any_budget import AnyBudget
from tuner.leader.loop import race
from tuner.leader.mirror import frozen
from tuner.leader.shipped import expected, shipped_for
from tuner.space import Boolean, Choice, Domain, Float, Integer, Space

SEEDS = 2
"""Solver seeds of a response: with one there were no ties."""
FRESH = 2**30
"""Added to the seed of a race, it is the first of the seeds that its answer is executed anew with."""
SOLVER = "solver"


class ConfigurationProblem(Problem):
    """Which configuration solves some models at the least cost.

    A value of x is a number: of a parameter that has no numbers, the place of its value among those it takes. By name,
    x takes and gives the solver's own values, and parameters that are left out have their defaults.
    """

    def __init__(
        self,
        name: str,
        instances: Sequence[Instance],
        spaces: Mapping[str, Space],
        *,
        cost: Cost = Cost.PAR10,
        cutoff: float = 30.0,
        ties: Ties = Ties.MEAN,
        memory_mib: float = 2048.0,
        gap: float = 1e-4,
    ) -> None:
        """Describe the problem.

        Args:
            name: for people.
            instances: the models, each one a follower; no two of a name.
            spaces: what may be chosen, by solver; with several, so is the solver.
            cost: what is minimised.
            cutoff: seconds for one run.
            ties: what is assumed over solver seeds.
            memory_mib: MiB for one run.
            gap: relative gap that counts as optimal.

        Raises:
            UsageError: no models, or two of a name.

        """
        if not instances or len({instance.name for instance in instances}) < len(instances):
            raise UsageError(f"{name}: models with different names are needed, at least one")
        if not 0 < cutoff < math.inf:
            raise UsageError(f"{name}: the cutoff is {cutoff:g}; seconds above zero are needed")
        self.instances = {instance.sha256: instance for instance in instances}
        self.spaces = dict(spaces)
        self.cost, self.cutoff, self.memory_mib, self.gap = cost, cutoff, memory_mib, gap
        self._solver: Domain = Choice(tuple(self.spaces))
        self._domains: dict[str, Domain] = {SOLVER: self._solver} if len(self.spaces) > 1 else {}
        for space in self.spaces.values():
            self._domains |= {self._long(space, p.name): p.domain for p in space.parameters}
        super().__init__(
            name,
            [_variable(own, domain) for own, domain in self._domains.items()],
            maximise=False,
            ties=ties,
        )

    def _long(self, space: Space, name: str) -> str:
        """Return what a solver's parameter is called as a variable."""
        return f"{space.solver}:{name}" if len(self.spaces) > 1 else name

    def choice(self, x: Mapping[str, Any] | Sequence[float] | Configuration) -> X:
        """Return x in its canonical form: parameters without effect have their defaults.

        Args:
            x: the solver's own values by name, or numbers in the order of the variables, or a configuration.

        Raises:
            UsageError: a name or value is unknown, without effect, or the combination is forbidden.

        """
        if isinstance(x, Configuration):
            if x.solver not in self.spaces:
                raise UsageError(f"{self.name}: {x.solver} is not among {', '.join(self.spaces)}")
            space = self.spaces[x.solver]
            space.check(x.values)
            return self._numbers(space.configuration(x.values))
        if not isinstance(x, Mapping):
            configuration = self.configuration(super().choice(x))
            self.spaces[configuration.solver].check(configuration.values)
            return self._numbers(configuration)
        self._known_names(x)
        space = self._space(x)
        own = self._own(space, x)
        if len(own) + (SOLVER in x and len(self.spaces) > 1) < len(x):
            raise UsageError(f"{self.name}: parameters of another solver than {space.solver} have no effect")
        space.check(own)
        return self._numbers(space.configuration(own))

    def configuration(self, x: X) -> Configuration:
        """Return the configuration that x is; numbers that `choice` returned."""
        values = {name: _value(domain, n) for (name, domain), n in zip(self._domains.items(), x, strict=True)}
        space = self._space(values)
        return space.configuration(self._own(space, values))

    def read(self, settings: Sequence[str]) -> dict[str, Value]:
        """Read ``name=value`` as users type it; UsageError when there is no such parameter or value."""
        found: dict[str, Value] = {}
        for setting in settings:
            name, equals, text = (part.strip() for part in setting.partition("="))
            if not equals:
                raise UsageError(f"{setting}: NAME=VALUE is needed")
            self._known_names([name])
            domain = self._domains[name]
            try:
                found[name] = _read(domain, text)
            except ValueError:
                raise UsageError(f"{setting}: not a value of it; it takes {domain}") from None
        return found

    def _space(self, x: Mapping[str, Any]) -> Space:
        solver = x.get(SOLVER, next(iter(self.spaces))) if len(self.spaces) > 1 else next(iter(self.spaces))
        if not isinstance(solver, str) or solver not in self.spaces:
            raise UsageError(f"{self.name}: {SOLVER}={solver}: not a value of it; it takes {self._solver}")
        return self.spaces[solver]

    def _own(self, space: Space, values: Mapping[str, Any]) -> dict[str, Value]:
        """Return what x says of one solver's parameters; a float parameter may be given as a whole number."""
        names = {p.name: self._long(space, p.name) for p in space.parameters}
        found = {name: values[long] for name, long in names.items() if long in values}
        return {
            name: float(value) if isinstance(space[name].domain, Float) and type(value) is int else value
            for name, value in found.items()
        }

    def _numbers(self, configuration: Configuration) -> X:
        changed = configuration.values
        values: dict[str, Value] = {SOLVER: configuration.solver}
        for space in self.spaces.values():
            own = changed if space.solver == configuration.solver else {}
            values |= {self._long(space, p.name): own.get(p.name, p.default) for p in space.parameters}
        return tuple(_number(domain, values[name]) for name, domain in self._domains.items())

    def named(self, x: X) -> dict[str, Value]:
        """Return what differs from the solver's default, by name, and the solver where there are several."""
        configuration = self.configuration(x)
        space = self.spaces[configuration.solver]
        solver: dict[str, Value] = {SOLVER: configuration.solver} if len(self.spaces) > 1 else {}
        chosen = {parameter.name for parameter in space.parameters}  # and not fixed
        return solver | {self._long(space, n): value for n, value in configuration.parameters if n in chosen}

    def words(self, x: X) -> str:
        """Return the configuration for people: what differs from the default."""
        return str(self.configuration(x))

    def reaction_names(self, x: X) -> list[str]:
        """Return the names of the models: a reaction's values are their objectives."""
        return [instance.name for instance in self.instances.values()]

    def respond(
        self,
        x: Mapping[str, Any] | Sequence[float] | Configuration,
        *,
        seed: int = 0,
        slots: int = 1,
        stop: threading.Event | None = None,
    ) -> Response:
        """Return the responses of all followers to one configuration, as one.

        Args:
            x: a configuration; see `choice`.
            seed: the first of the solver's seeds; each model is solved with `SEEDS` of them.
            slots: how many runs execute at a time.
            stop: once set, what is under way is ended.

        Raises:
            UsageError: as in `choice`.

        """
        return self.respond_all([self.choice(x)], seed=seed, slots=slots, stop=stop)[0]

    def respond_all(
        self, choices: Sequence[X], *, seed: int = 0, slots: int = 1, stop: threading.Event | None = None
    ) -> list[Response]:
        """Return the response to each of several configurations, whose runs are executed in turn."""
        found: dict[Run, RunResponse] = {}
        referee = Referee(self.gap)
        runs = {
            x: [
                Run(self.configuration(x), sha256, seed + number, self.cutoff, self.cutoff)
                for sha256 in self.instances
                for number in range(SEEDS)
            ]
            for x in choices
        }
        with LocalExecutor(self.instances, slots, self.memory_mib, self.gap) as executor:
            for turn in zip(*runs.values(), strict=True):
                for run in dict.fromkeys(turn):
                    executor.submit(run)
            while executor.outstanding:
                if stop is not None and stop.is_set():
                    for run in (run for each in runs.values() for run in each if run not in found):
                        executor.cancel(run)
                for done in executor.wait(0.1):
                    instance = self.instances[done.run.instance]
                    found.update(referee.judge(done.run, done.response, instance.maximise, unit_by(instance.features)))
        return [self._response(x, [(run, found[run]) for run in each]) for x, each in runs.items()]

    def _response(self, x: X, executed: Sequence[tuple[Run, RunResponse]]) -> Response:
        """Return what the runs of one configuration, of each model `SEEDS`, come to."""
        cpu, wall = (sum(getattr(response, what) for _, response in executed) for what in ("cpu", "wall"))
        if any(response.termination is Termination.KILLED for _, response in executed):
            return Response(x, Status.UNPROVEN, reason="ended on request", cpu=cpu, wall=wall, stopped=True)
        outside = [(run, response) for run, response in executed if not response.feasible]
        names = {sha256: instance.name for sha256, instance in self.instances.items()}
        violations = {f"{names[run.instance]} seed {run.seed}": 1.0 for run, _ in outside}
        reason = "; ".join(f"{names[run.instance]}: {r.reason or r.termination.value}" for run, r in outside[:3])
        ties = {} if outside else {ties: self._tie(executed, ties) for ties in Ties}
        return Response(
            x,
            Status.OUTSIDE if outside else Status.FEASIBLE,
            optimistic=ties.get(Ties.OPTIMISTIC),
            pessimistic=ties.get(Ties.PESSIMISTIC),
            mean=ties.get(Ties.MEAN),
            violations=violations,
            reason=reason,
            cpu=cpu,
            wall=wall,
            solver=sum(response.solver_wall or 0.0 for _, response in executed),
        )

    def _tie(self, executed: Sequence[tuple[Run, RunResponse]], ties: Ties) -> Tie:
        """Return F with ties, and the objective of each model; 0 of one that has none."""
        costs, objectives = [], []
        for sha256 in self.instances:
            own = [(run, response) for run, response in executed if run.instance == sha256]
            costs.append(over_seeds(ties, [cost_of(self.cost, run, response) for run, response in own]))
            objectives.append(next((r.objective for _, r in own if r.objective is not None), 0.0))
        return Tie(shifted_geometric_mean(costs, shift(self.cost, self.cutoff)), tuple(objectives))


def tune(
    problem: ConfigurationProblem,
    *,
    ties: Ties,
    budget: float,
    slots: int,
    seed: int,
    stop: threading.Event,
    watch: Callable[[Bracket], None] | None,
) -> Result:
    """Race for the best configuration; then execute it and the default anew, with other seeds.

    Args:
        problem: the problem.
        ties: over solver seeds.
        budget: wall seconds of the race; the executions at its end come on top.
        slots: runs at a time.
        seed: of the race.
        stop: once set, it ends.
        watch: called after each step.

    Raises:
        Failed: no solver solves any of the models within the cutoff.

    """
    models = [instance.features for instance in problem.instances.values()]
    known = shipped_for(problem.spaces)
    leader = AnyBudget(
        problem.spaces,
        list(problem.instances),
        cost=problem.cost,
        ties=ties,
        cutoff=problem.cutoff,
        budget=budget,
        slots=slots,
        seed=seed,
        priors=expected(known, models, problem.cost),
    )
    referee = Referee(problem.gap)

    def judge(run: Run, response: RunResponse) -> Sequence[tuple[Run, RunResponse]]:
        if response.termination is Termination.KILLED and not response.wall:
            return [(run, response)]
        instance = problem.instances[run.instance]
        return referee.judge(run, response, instance.maximise, unit_by(instance.features))

    def show() -> None:
        if watch is not None:
            standing = leader.standing()
            x, elapsed = problem.choice(standing.incumbent), time.monotonic() - began
            cost, tried = standing.incumbent_cost, standing.configurations
            watch(Bracket(cost, x, -math.inf, Bound.NONE, tried, elapsed))

    with LocalExecutor(problem.instances, slots, problem.memory_mib, problem.gap) as executor:
        executor.prepare(problem.spaces)
        began = time.monotonic()
        race(leader, executor, judge, lambda: began + budget, stop=stop, watch=show)
    standing = leader.standing()
    if problem.cost.is_time and not standing.solved and not stop.is_set():
        raise Failed(f"{problem.name}: no model was solved within the cutoff of {problem.cutoff:g} s; try a longer one")
    default, finalist = problem.choice(standing.default), problem.choice(leader.finalist)
    study = study_of(problem)
    study.add_trials([frozen(trial, problem.spaces) for trial in leader.trials()])
    responses = problem.respond_all(list(dict.fromkeys((finalist, default))), seed=FRESH + seed, slots=slots, stop=stop)
    best, remarks = _better(problem, ties, responses)
    tie = None if best is None else best.tie(ties)
    x, objective = (None, None) if best is None or tie is None else (best.x, tie.objective)
    if stop.is_set() and standing.incumbent_cost is not None:
        x, objective = problem.choice(standing.incumbent), standing.incumbent_cost
        remarks = ["interrupted before it was executed anew with other seeds"]
    return Result(
        problem,
        ties,
        ending=Ending.NOTHING if x is None else Ending.FEASIBLE,
        x=x,
        response=best,
        objective=objective,
        bound=-math.inf,
        bound_kind=Bound.NONE,
        responses=standing.configurations,
        infeasible=0,
        outside=len(standing.flagged),
        unproven=0,
        seconds=time.monotonic() - began,
        study=study,
        remarks=tuple(remarks),
    )


def _better(
    problem: ConfigurationProblem, ties: Ties, responses: Sequence[Response]
) -> tuple[Response | None, list[str]]:
    """Return the better of the race's answer and the default, executed anew, and what is to be remarked."""
    answer, default = responses[0], responses[-1]
    if answer.stopped or default.stopped:
        return None, ["interrupted before anything was executed anew with other seeds"]
    found, usual = answer.tie(ties), default.tie(ties)
    if found is None:
        remark = f"{problem.words(answer.x)} led, and is outside C with other seeds: {answer.reason}"
        return (None if usual is None else default), [remark]
    if usual is None:
        return answer, [f"{problem.words(default.x)} is outside C: {default.reason}"]
    if answer is default or found.objective >= usual.objective:
        return default, ["nothing was found that costs less than the default"]
    costs = f"F is {usual.objective:.7g} at {problem.words(default.x)}, on the same models with the same seeds"
    return answer, [costs, "the models were chosen on: `tuner tune` proves a gain on others"]


def _variable(name: str, domain: Domain) -> Variable:
    if isinstance(domain, Float):
        return Variable(name, domain.low, domain.high)
    if isinstance(domain, Integer):
        return Variable(name, domain.low, domain.high, step=1)
    return Variable(name, 0, len(_values(domain)) - 1, step=1)


def _values(domain: Boolean | Choice) -> tuple[Value, ...]:
    """Return the values that have no numbers of their own, in the order of their places."""
    return domain.values if isinstance(domain, Choice) else (False, True)


def _read(domain: Domain, text: str) -> Value:
    if isinstance(domain, Float | Integer):
        return (float if isinstance(domain, Float) else int)(text)
    values = _values(domain)
    return values[[spell(value) for value in values].index(text)]


def _value(domain: Domain, number: float) -> Value:
    """Return the solver's value that a number of x means."""
    if isinstance(domain, Float):
        return number
    return round(number) if isinstance(domain, Integer) else _values(domain)[round(number)]


def _number(domain: Domain, value: Value) -> float:
    """Return the number of x that means a solver's value."""
    if isinstance(domain, Float | Integer):
        assert not isinstance(value, str)
        return float(value)
    return float([spell(own) for own in _values(domain)].index(spell(value)))
