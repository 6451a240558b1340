"""Solving a bilevel problem: choices of the leader, the follower's answers, and a bound that comes to meet them.

Each way to a proof does what it can: a few choices are all answered; of linear problems the high-point relaxation is
cut by the follower's answers, and where the follower is a linear program, complementarity is branched on. Where there
is no proof, the leader searches. The value is that of the best choice so far and the bound always holds: whoever
interrupts has a valid bracket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from tuner.bilevel import parametric
from tuner.bilevel.branching import branch
from tuner.bilevel.configuring import ConfigurationProblem, tune
from tuner.bilevel.cutting import cut, limits_of, relax
from tuner.bilevel.duality import has_linear_follower
from tuner.bilevel.exhaustion import exhaust
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.optimiser import Optimiser
from tuner.bilevel.problem import ModelProblem, Problem
from tuner.bilevel.responder import Responder, Response, Status
from tuner.bilevel.result import Bound, Ending, Result
from tuner.bilevel.searching import search
from tuner.bilevel.state import EXACT, Bracket, State
from tuner.bilevel.workers import Workers
from tuner.cost import Ties
from tuner.errors import Failed, UsageError

FEW, MANY = 256, 100_000
"""Up to so many choices are answered one and all, instead of any other proof and where there is no other."""
BUDGET = 600.0
"""Wall seconds, unless told otherwise."""


def solve(
    problem: Problem,
    *,
    ties: Ties | None = None,
    solver: str = "highs",
    budget: float = BUDGET,
    slots: int = 1,
    seed: int = 0,
    stop: threading.Event | None = None,
    watch: Callable[[Bracket], None] | None = None,
    keep: Callable[[Response], None] | None = None,
    known: Iterable[Response] = (),
    proven: tuple[float, Bound] | None = None,
) -> Result:
    """Find the leader's best choice.

    Args:
        problem: to be solved.
        ties: what the leader assumes, in place of what the problem says.
        solver: of the follower: highs, cp-sat or scip. (Of configurations: x says which.)
        budget: wall seconds for the whole.
        slots: how many responses are found at a time.
        seed: of all randomness.
        stop: once set, the search ends and the bracket so far is the result.
        watch: called after every response and every new bound.
        keep: called with every response before anything is made of it. (Of configurations: not at all.)
        known: responses that were kept before; what they answer is not asked again. (Likewise.)

        proven: a bound that was found before, and what it rests on.

    Raises:
        UsageError: x has no bounds where they are needed.
        Failed: the follower is unbounded for some x, or the answer was another one in another process.

    """
    if ties is not None and ties not in list(Ties):
        raise UsageError(f"ties: {ties!r} is none; a leader is optimistic or pessimistic")
    if not budget > 0 and budget != 0:
        raise UsageError(f"budget: {budget} is none; seconds are needed")
    if slots < 1:
        raise UsageError(f"slots: {slots}; 1 or more are needed")
    ties = Ties(ties or problem.ties)
    stop = stop or threading.Event()
    if isinstance(problem, ConfigurationProblem):
        return tune(problem, ties=ties, budget=budget, slots=slots, seed=seed, stop=stop, watch=watch)
    if not isinstance(problem, ModelProblem):
        raise UsageError(f"{problem.name}: solve takes a problem whose follower solves a model, or configurations")
    if ties is Ties.MEAN:
        raise UsageError("ties: optimistic or pessimistic; a mean over solver seeds is for tuning")
    with Workers(slots, stop) as workers:
        responder, optimiser = Responder(problem, workers, solver, seed), Optimiser(workers, seed=seed)
        state = State(problem, ties, responder, optimiser, budget, stop, watch, keep)
        if proven is not None:
            state.tighten(*proven)
        for response in known:
            state.recall(response)
        _prove(problem, state, seed)
    remarks: list[str] = []
    if state.best is not None and stop.is_set():
        remarks = ["interrupted before the answer was found again by another process"]
    elif state.best is not None:
        state.best, remarks = _confirmed(state, state.best, solver, seed + 1)
    return _result(state, remarks)


def _prove(problem: ModelProblem, state: State, seed: int) -> None:
    """Try every way to a proof, and search where none leads to one."""
    if not isinstance(problem, LinearProblem):
        if problem.count <= MANY:
            exhaust(state)
        else:
            search(state, seed)
        return
    limits = limits_of(problem, state)
    if limits is None:
        return
    relaxed = relax(problem, limits, state)
    if not state.is_done and problem.count <= FEW:
        exhaust(state)
    if not state.is_done:
        cut(problem, limits, state, relaxed)
    if not state.is_done and state.ties is Ties.PESSIMISTIC and parametric.applies(problem):
        parametric.look_at_pieces(problem, limits, state)
    if not state.is_done and has_linear_follower(problem) and not problem.is_zero_sum:
        branch(problem, limits, state)
    if not state.is_done and problem.count <= MANY:
        exhaust(state)
    if not state.is_done:
        search(state, seed, limits)


def _confirmed(state: State, best: Response, solver: str, seed: int) -> tuple[Response, list[str]]:
    """Have the answer found again by another process with another seed, and with ten times the tolerance.

    Returns the response with both ends of its ties, and what is to be remarked.
    """
    problem, ties, value = state.problem, state.ties, state.value
    other = Ties.PESSIMISTIC if ties is Ties.OPTIMISTIC else Ties.OPTIMISTIC
    assert value is not None
    with Workers() as workers:
        responder = Responder(problem, workers, solver, seed)
        asked: list[tuple[Ties, float | None]] = [(ties, None), (other, None)]
        if problem.tolerance:
            asked.append((ties, 10 * problem.tolerance))
        found = []
        for ends, tolerance in asked:  # one after the other: that is their order
            responder.submit(best.x, ends, tolerance)
            found += responder.wait()
    again, spread = found[:2]
    tie = again.tie(ties)
    if tie is None or abs(tie.objective - value) > EXACT * max(1.0, abs(value)):
        said = again.status.value if tie is None else f"F = {tie.objective:.12g}"
        raise Failed(
            f"{problem.name}: at {problem.named(best.x)} F is {value:.12g}, but another seed of {solver} says "
            f"{said}{', ' + again.reason if again.reason else ''}; solve it with another --solver"
        )
    if ties is Ties.OPTIMISTIC:
        again = replace(again, pessimistic=spread.pessimistic, violations=spread.violations)
    else:
        again = replace(again, optimistic=spread.optimistic)
    if len(found) < 3 or not found[2].proven:
        return again, []
    tie = found[2].tie(ties)
    if tie is not None and abs(tie.objective - value) <= 10 * EXACT * max(1.0, abs(value)):
        return again, []
    said = found[2].status.value if tie is None else f"{tie.objective:.12g}"
    remark = (
        f"with ten times the tolerance for ties ({10 * problem.tolerance:g}), F is {said} instead of {value:.12g}: "
        "the follower is nearly indifferent"
    )
    return again, [remark]


def _result(state: State, remarks: list[str]) -> Result:
    objective = state.value
    if state.is_done:
        ending = Ending.INFEASIBLE if objective is None else Ending.OPTIMAL
    else:
        ending = Ending.NOTHING if objective is None else Ending.FEASIBLE
    counts = [response.status for response in state.known.values()]
    if counts.count(Status.LIMITLESS):
        ending = Ending.NOTHING if ending is Ending.INFEASIBLE else ending
        remarks.append(f"at {counts.count(Status.LIMITLESS)} choices F has no limit over the follower's solutions")
    unproven = next((response for response in state.known.values() if not response.proven), None)
    if unproven is not None:
        named = ", ".join(f"{name} = {value:g}" for name, value in list(state.problem.named(unproven.x).items())[:5])
        remarks.append(f"the follower was not solved to proof, such as at {named}: {unproven.reason}")
    return Result(
        state.problem,
        state.ties,
        ending,
        None if state.best is None else state.best.x,
        state.best,
        objective,
        state.bound,
        state.kind,
        len(counts),
        counts.count(Status.INFEASIBLE),
        counts.count(Status.OUTSIDE),
        counts.count(Status.UNPROVEN),
        state.elapsed,
        state.study,
        tuple(remarks),
    )
