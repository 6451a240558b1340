"""The command for bilevel problems whose leader is not a tuner: solve."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from storage.errors import StoreUnavailable
from storage.records import Job
from storage.store import Store
from tuner.app.solving import Solved, carry_out, hand_in
from tuner.app.stores import open_store, printed_url
from tuner.bilevel import Bound, Ending, Ties, respond
from tuner.bilevel.applications import KINDS, Application, example, generated, read_application, restored
from tuner.bilevel.applications.pair import Pair
from tuner.bilevel.linear import LinearProblem
from tuner.bilevel.plot import plot
from tuner.bilevel.responder import Response
from tuner.bilevel.state import Bracket
from tuner.cli.hints import told
from tuner.cli.interrupts import stoppable
from tuner.cli.words import duration, print_json
from tuner.commands import command, counted
from tuner.errors import Failed, UsageError
from tuner.follower.solvers import adapter
from tuner.scenario import parse_seconds, read_whole
from tuner.space import unknown

PROVEN, NOT_PROVEN, INTERRUPTED = 0, 4, 130
TIES = (Ties.OPTIMISTIC.value, Ties.PESSIMISTIC.value)
EVERY = 2.0
"""Seconds between two lines of progress."""


def solve(arguments: argparse.Namespace) -> int:
    """Solve a bilevel problem, or answer one choice of its leader."""
    if arguments.ties not in TIES:
        raise UsageError(f"{unknown('ties', arguments.ties, TIES)}; a leader is {' or '.join(TIES)}")
    ties = Ties(arguments.ties)
    adapter(arguments.solver)
    budget, seed = parse_seconds(arguments.budget, "--budget"), read_whole(arguments.seed, "--seed")
    slots = len(os.sched_getaffinity(0)) if arguments.slots is None else read_whole(arguments.slots, "--slots")
    if slots < 1 or not 0 <= seed < 2**31 - 1:
        raise UsageError("--slots must be 1 or more, --seed from 0 to 2147483646")
    application = _application(arguments, seed)
    if arguments.write:
        return _write(application, Path(arguments.write))
    problem = application.problem(ties)
    if arguments.plot and (len(problem.variables) > 2 or not arguments.plot.endswith(".svg")):
        raise UsageError(
            f"--plot {arguments.plot}: a name that ends in .svg is needed, and a leader of one or two variables; "
            f"this one has {len(problem.variables)}"
        )
    if arguments.at:
        return _answer(problem, arguments)
    with open_store(arguments.store) as store:
        job = hand_in(
            store,
            application,
            source=arguments.file or f"example {arguments.example}",
            name=arguments.name or "",
            ties=ties,
            solver=arguments.solver,
            budget=budget,
            slots=slots,
            seed=seed,
        )
        return go_on(store, job, arguments, problem)


def go_on(store: Store, job: Job, arguments: argparse.Namespace, problem: LinearProblem | None = None) -> int:
    """Carry out a job that solves a bilevel problem, and print what came of it."""
    console = Console(stderr=True, highlight=False)
    if problem is None:
        problem = restored(job.document).problem(Ties(job.ties))
    console.print(
        f"{job.name}: {counted(len(problem.variables), 'variable')} of the leader"
        f"{f' with {problem.count:.6g} choices' if math.isfinite(problem.count) else ''}, "
        f"{len(problem.y)} of the follower; {job.ties}; {job.solvers[0]}; budget {job.budget:g} s; "
        f"store {printed_url(arguments.store)}",
        markup=False,
        soft_wrap=True,
    )
    go_on_with = ("resume", job.name)
    try:
        with stoppable() as stop, _progress(console) as watch:
            solved = carry_out(store, job, watch, lambda text: console.print(f"  {text}", markup=False), stop)
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
        console.print(told(kept, go_on_with, arguments), markup=False, soft_wrap=True)
        return INTERRUPTED
    place = getattr(arguments, "plot", None)
    if place:
        drawn = plot(problem, best=result.x, solver=job.solvers[0], slots=job.slots)
        _written(Path(place), drawn)
        console.print(f"F over x is drawn in {place}", markup=False, soft_wrap=True)
    return PROVEN if result.is_proven else NOT_PROVEN


def _application(arguments: argparse.Namespace, seed: int) -> Application:
    if (arguments.file is None) == (arguments.example is None):
        raise UsageError("name a FILE to solve, or one of the examples: tuner solve --example toll")
    if arguments.file is not None:
        if arguments.size is not None:
            raise UsageError("--size is for random examples: tuner solve --example interdiction --size 20")
        return read_application(Path(arguments.file))
    if arguments.example not in KINDS:
        raise UsageError(f"{unknown('example', arguments.example, KINDS)}; there are {', '.join(KINDS)}")
    if arguments.size is None:
        return example(arguments.example)
    return generated(arguments.example, read_whole(arguments.size, "--size"), seed)


def _write(application: Application, path: Path) -> int:
    if path.suffix != ".json":
        raise UsageError(f"--write {path}: a name that ends in .json is needed")
    if isinstance(application, Pair):
        raise UsageError(f"--write {path}: a pair of files is not written as one; copy both")
    _written(path, json.dumps(application.document(), indent=2) + "\n")
    print(f"{application.name} is in {path}; edit it, then: {command('solve', str(path))}")
    return PROVEN


def _written(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{path}: cannot be written: {error.strerror}") from None


def _answer(problem: LinearProblem, arguments: argparse.Namespace) -> int:
    """Print the follower's response to one choice."""
    values = {}
    for setting in arguments.at:
        name, separator, text = setting.rpartition("=")
        try:
            values[name] = float(text)
        except ValueError:
            separator = ""
        if not separator:
            raise UsageError(f"--at {setting}: NAME=NUMBER is needed")
    response = respond(problem, values, solver=arguments.solver)
    data = {"at": values, **_response(problem, response)}
    if arguments.json:
        print_json(data)
    else:
        width = max(map(len, data))
        for name, value in data.items():
            print(f"{name:<{width}}  {'-' if value is None or value == '' else _shown(value)}")
    return PROVEN if response.proven else NOT_PROVEN


@contextmanager
def _progress(console: Console) -> Iterator[Any]:
    """Yield what prints a line of progress from time to time."""
    last = [-EVERY]
    lock = threading.Lock()

    def watch(bracket: Bracket) -> None:
        with lock:
            if bracket.elapsed - last[0] < EVERY:
                return
            last[0] = bracket.elapsed
        value = "nothing feasible yet" if bracket.value is None else f"value {bracket.value:.7g}"
        bound = "no bound" if bracket.kind is Bound.NONE else f"bound {bracket.bound:.7g} ({bracket.kind.value})"
        console.print(
            f"  {duration(bracket.elapsed):>7}   {counted(bracket.responses, 'response')}   {value}   {bound}",
            markup=False,
            soft_wrap=True,
        )

    yield watch


def _print(solved: Solved) -> None:
    result = solved.result
    print(f"{solved.application.sentence(result)}.")
    print()
    rows = {
        "ending": f"{result.ending.value}{', proven' if result.ending is Ending.INFEASIBLE else ''}",
        "value": "-" if result.objective is None else f"{result.objective:.7g}",
        "bound": "-" if not math.isfinite(result.bound) else f"{result.bound:.7g} ({result.bound_kind.value})",
        "gap": "-" if not math.isfinite(result.gap) else f"{result.gap:.3g}",
    }
    if result.spread is not None and result.response is not None:
        best, worst = result.response.optimistic, result.response.pessimistic
        assert best is not None
        assert worst is not None
        rows["ties"] = (
            f"{result.ties.value}; at this choice the follower's ties leave {best.objective:.7g} at best, "
            f"{worst.objective:.7g} at worst"
        )
    rows["responses"] = (
        f"{result.responses}: {result.infeasible} without an answer of the follower, {result.outside} outside the "
        f"leader's constraints, {result.unproven} not proven"
    )
    rows["time"] = f"{result.seconds:.1f} s"
    for name, value in rows.items():
        print(f"{name:<10} {value}")
    for remark in result.remarks:
        print(f"remark     {remark}")


def _data(solved: Solved) -> dict[str, Any]:
    result = solved.result
    return {
        "id": solved.job.id,
        "name": solved.job.name,
        "state": solved.job.state.value,
        "sentence": solved.application.sentence(result),
        "ending": result.ending.value,
        "ties": result.ties.value,
        "objective": result.objective,
        "bound": result.bound if math.isfinite(result.bound) else None,
        "bound_kind": result.bound_kind.value,
        "gap": result.gap if math.isfinite(result.gap) else None,
        "spread": result.spread,
        "x": None if result.x is None else result.problem.named(result.x),
        "y": result.y,
        "follower": None if result.response is None else result.response.value,
        "responses": result.responses,
        "infeasible": result.infeasible,
        "outside": result.outside,
        "unproven": result.unproven,
        "seconds": round(result.seconds, 3),
        "remarks": list(result.remarks),
    }


def _response(problem: LinearProblem, response: Response) -> dict[str, Any]:
    names = problem.situation(response.x).lower.column_names

    def named(y: Sequence[float]) -> dict[str, float]:
        return {name: value for name, value in zip(names, y, strict=True) if value}

    best, worst = response.optimistic, response.pessimistic
    return {
        "status": response.status.value,
        "follower": response.value,
        "optimistic": None if best is None else best.objective,
        "optimistic_y": None if best is None else named(best.y),
        "pessimistic": None if worst is None else worst.objective,
        "pessimistic_y": None if worst is None else named(worst.y),
        "violations": dict(response.violations or {}),
        "reason": response.reason,
        "cpu_s": round(response.cpu, 6),
        "wall_s": round(response.wall, 6),
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {number:.7g}" for name, number in value.items()) or "-"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
