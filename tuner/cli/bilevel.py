"""The command for bilevel problems whose leader is not a tuner: solve."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import StoreUnavailable
from storage.records import Job, Value
from storage.store import Store
from tuner.app.solving import Solved, carry_out, hand_in
from tuner.app.stores import open_store, printed_url
from tuner.bilevel import Bound, Problem, Ties
from tuner.bilevel.applications import Application, example, generated, read_application, restored, without_files
from tuner.bilevel.applications.configuration import Tuning
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.plot import plot
from tuner.bilevel.responder import Response
from tuner.bilevel.state import Bracket
from tuner.cli.hints import told
from tuner.cli.interrupts import stoppable
from tuner.cli.tuning import carry_out_scenario
from tuner.cli.words import Terminal, print_json, put, put_facts, terminal
from tuner.commands import command, counted, duration
from tuner.errors import Failed, UsageError
from tuner.follower.solvers import adapter
from tuner.scenario import KIND, parse_seconds, read_scenario, read_whole
from tuner.space import unknown

PROVEN, NOT_PROVEN, INTERRUPTED = 0, 4, 130
SOLVER, BUDGET, SEED = "highs", "10m", "0"
"""Unless told otherwise."""
TIES = (Ties.OPTIMISTIC.value, Ties.PESSIMISTIC.value)
EVERY = 2.0
"""Seconds between two lines of progress."""


def solve(arguments: argparse.Namespace) -> int:
    """Solve a bilevel problem, or answer one choice of its leader."""
    application = _application(arguments, _seed(arguments))
    if isinstance(application, Tuning):
        return _tune(application, arguments)
    options = options_of(arguments)
    solver, slots = options.solver, options.slots or len(os.sched_getaffinity(0))
    if arguments.cutoff is not None:
        raise UsageError("--cutoff: only runs of configurations have one")
    if arguments.write:
        return _write(application, Path(arguments.write))
    problem = application.problem(options.ties)
    if arguments.plot and (len(problem.variables) > 2 or not arguments.plot.endswith(".svg")):
        raise UsageError(
            f"--plot {arguments.plot}: a name that ends in .svg is needed, and a leader of one or two variables; "
            f"this one has {len(problem.variables)}"
        )
    if arguments.at:
        values = _numbers(arguments.at)
        return _answer(problem, values, problem.respond(values, solver=solver), arguments)
    with open_store(arguments.store) as store:
        job = hand_in(
            store,
            application,
            source=arguments.file or f"example {arguments.example}",
            name=arguments.name or "",
            ties=options.ties,
            solver=solver,
            budget=options.budget,
            slots=slots,
            seed=options.seed,
        )
        return go_on(store, job, arguments, problem)


@dataclass(frozen=True)
class Options:
    """How a problem is to be solved."""

    ties: Ties
    solver: str
    budget: float
    """Seconds."""
    slots: int | None
    """None for as many as there are cores."""
    seed: int


def options_of(arguments: argparse.Namespace) -> Options:
    """Return how a problem is to be solved; UsageError for what is wrong with an option."""
    ties = arguments.ties or Ties.OPTIMISTIC.value
    if ties not in TIES:
        raise UsageError(f"{unknown('ties', ties, TIES)}; a leader is {' or '.join(TIES)}")
    solver = adapter(arguments.solver or SOLVER).name
    budget = parse_seconds(arguments.budget or BUDGET, "--budget")
    slots = None if arguments.slots is None else read_whole(arguments.slots, "--slots")
    if slots is not None and slots < 1:
        raise UsageError("--slots must be 1 or more")
    return Options(Ties(ties), solver, budget, slots, _seed(arguments))


def _seed(arguments: argparse.Namespace) -> int:
    seed = read_whole(SEED if arguments.seed is None else arguments.seed, "--seed")
    if not 0 <= seed < 2**31 - 1:
        raise UsageError("--seed must be from 0 to 2147483646")
    return seed


def _tune(tuning: Tuning, arguments: argparse.Namespace) -> int:
    """Solve a problem whose leader chooses a configuration: a tuning job, as `tuner tune` hands it in."""
    given = {name: getattr(arguments, name) for name in ("ties", "solver", "budget", "cutoff", "slots", "seed", "name")}
    own = {name: value for name, value in tuning.document().items() if name != KIND}
    tuning = Tuning(read_scenario(None, own | {name: value for name, value in given.items() if value is not None}))
    if arguments.plot:
        raise UsageError(f"--plot {arguments.plot}: F over configurations is not drawn; the report draws the race")
    if arguments.write:
        return _write(tuning, Path(arguments.write))
    if not arguments.at:
        return carry_out_scenario(tuning.scenario, arguments)
    problem = tuning.problem()
    values = problem.read(arguments.at)
    response = problem.respond(values, seed=tuning.scenario.seed, slots=max(1, tuning.scenario.slots))
    return _answer(problem, values, response, arguments)


def go_on(store: Store, job: Job, arguments: argparse.Namespace, problem: LinearProblem | None = None) -> int:
    """Carry out a job that solves a bilevel problem, and print what came of it."""
    console = terminal()
    if problem is None:
        problem = restored(job.document).problem(Ties(job.ties))
    console.say(
        f"{job.name}: {counted(len(problem.variables), 'variable')} of the leader"
        f"{f' with {problem.count:.6g} choices' if math.isfinite(problem.count) else ''}, "
        f"{len(problem.y)} of the follower; {job.ties}; {job.solvers[0]}; budget {job.budget:g} s; "
        f"store {printed_url(arguments.store)}",
    )
    go_on_with = ("resume", job.name)
    try:
        with stoppable() as stop, _progress(console) as watch:
            solved = carry_out(store, job, watch, lambda text: console.say(f"  {text}"), stop)
    except StoreUnavailable as error:
        raise Failed(str(error), *go_on_with) from None
    result = solved.result
    if arguments.json:
        print_json(_data(solved))
    else:
        _print(solved)
    sys.stdout.flush()
    if solved.interrupted:
        kept = f"Interrupted; answers kept: {result.responses}. Go on with"
        console.say(told(kept, go_on_with, arguments))
        return INTERRUPTED
    place = getattr(arguments, "plot", None)
    if place:
        drawn = plot(problem, best=result.x, solver=job.solvers[0], slots=job.slots)
        _written(Path(place), drawn)
        console.say(f"F over x is drawn in {place}")
    return PROVEN if result.is_proven else NOT_PROVEN


def _application(arguments: argparse.Namespace, seed: int) -> Application | Tuning:
    if (arguments.file is None) == (arguments.example is None):
        raise UsageError("name a FILE to solve, or one of the examples: tuner solve --example toll")
    if arguments.file is not None:
        if arguments.size is not None:
            raise UsageError("--size is for random examples: tuner solve --example interdiction --size 20")
        return read_application(Path(arguments.file))
    if arguments.size is None:
        return example(arguments.example)
    return generated(arguments.example, read_whole(arguments.size, "--size"), seed)


def _write(application: Application | Tuning, path: Path) -> int:
    if path.suffix != ".json":
        raise UsageError(f"--write {path}: a name that ends in .json is needed")
    written = application if isinstance(application, Tuning) else without_files(application)
    _written(path, json.dumps(written.document(), indent=2) + "\n")
    put(f"{application.name} is in {path}; edit it, then: {command('solve', str(path))}")
    return PROVEN


def _written(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{path}: cannot be written: {error.strerror}") from None


def _numbers(settings: Sequence[str]) -> dict[str, float]:
    values = {}
    for setting in settings:
        name, separator, text = setting.rpartition("=")
        try:
            values[name] = float(text)
        except ValueError:
            separator = ""
        if not separator:
            raise UsageError(f"--at {setting}: NAME=NUMBER is needed")
    return values


def _answer(problem: Problem, values: Mapping[str, Value], response: Response, arguments: argparse.Namespace) -> int:
    """Print the follower's response to one choice."""
    data = {"at": dict(values), **_response(problem, response)}
    if arguments.json:
        print_json(data)
    else:
        put_facts([(name, None if value in (None, "") else _shown(value)) for name, value in data.items()])
    return PROVEN if response.proven else NOT_PROVEN


@contextmanager
def _progress(console: Terminal) -> Iterator[Any]:
    """Yield what prints a line of progress from time to time."""
    last = [-EVERY]
    lock = threading.Lock()

    def watch(bracket: Bracket) -> None:
        with lock:
            if bracket.elapsed - last[0] < EVERY:
                return
            last[0] = bracket.elapsed
        value = "nothing feasible yet" if bracket.value is None else f"value {bracket.value:.7g}"
        bound = (
            "no bound"
            if bracket.kind is Bound.NONE or not math.isfinite(bracket.bound)
            else f"bound {bracket.bound:.7g} ({bracket.kind.value})"
        )
        console.say(
            f"  {duration(bracket.elapsed):>7}   {counted(bracket.responses, 'response')}   {value}   {bound}",
        )

    yield watch


def _print(solved: Solved) -> None:
    result = solved.result
    put(f"{solved.application.sentence(result)}.")
    put()
    for name, text in result.rows().items():
        put(f"{name:<10} {text}")
    for remark in result.remarks:
        put(f"remark     {remark}")


def _data(solved: Solved) -> dict[str, Any]:
    result = solved.result
    return {
        "id": solved.job.id,
        "name": solved.job.name,
        "state": solved.job.state.value,
        "sentence": solved.application.sentence(result),
        **result.data(),
    }


def _response(problem: Problem, response: Response) -> dict[str, Any]:
    names = problem.reaction_names(response.x)

    def named(y: Sequence[float]) -> dict[str, float]:
        return {name: value for name, value in zip(names, y, strict=True) if value}

    best, worst = response.optimistic, response.pessimistic
    return {
        "status": response.status.value,
        "follower": response.value,
        "optimistic": None if best is None else best.objective,
        "optimistic_y": None if best is None else named(best.y),
        "pessimistic": None if worst is None else worst.objective,
        **({} if response.mean is None else {"mean": response.mean.objective}),
        "pessimistic_y": None if worst is None else named(worst.y),
        "violations": dict(response.violations or {}),
        "reason": response.reason,
        "cpu_s": round(response.cpu, 6),
        "wall_s": round(response.wall, 6),
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_shown(each)}" for name, each in value.items()) or "-"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
