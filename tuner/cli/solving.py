"""The commands that need no job: execute, params, generate, doctor."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from instances.families import FAMILIES
from instances.families import generate as write_family
from instances.visible import one_line
from storage.errors import StoreError
from storage.records import spell
from tuner.app.execution import Execution, described, versions
from tuner.app.execution import execute as execute_once
from tuner.app.stores import open_store, printed_url, store_exists
from tuner.cli.words import fits, print_folded, print_json, print_table, put, put_facts, sayer
from tuner.commands import counted
from tuner.errors import Failed, UsageError
from tuner.extras import EXTRAS
from tuner.follower.limits import enforceable
from tuner.follower.solvers import default_space
from tuner.follower.solvers.admission import domain_of
from tuner.scenario import parse_mib, parse_seconds, read_number, read_whole
from tuner.space import unknown

PACKAGES = ("tuner", "highspy", "ortools", "optuna", "numpy", "sqlalchemy")


def execute(arguments: argparse.Namespace) -> int:
    """Execute one run and print its response."""
    execution = execute_once(
        Path(arguments.instance),
        arguments.solver,
        arguments.set,
        seed=read_whole(arguments.seed, "--seed"),
        cutoff=parse_seconds(arguments.cutoff, "--cutoff"),
        memory_mib=parse_mib(arguments.memory, "--memory"),
        gap=read_number(arguments.gap, "--gap"),
    )
    say = sayer()
    for warning in execution.instance.warnings:
        say(f"warning: {one_line(str(execution.instance.path))}: {warning}")
    data = _execution_data(execution)
    if arguments.json:
        print_json(data)
    else:
        put_facts(list(data.items()))
    return 0 if execution.response.feasible else 5


def params(arguments: argparse.Namespace) -> int:
    """List a solver's parameters."""
    space = default_space(arguments.solver)
    if arguments.all:
        description = described(arguments.solver)
        tuned = {parameter.name for parameter in space.parameters}
        entries: list[dict[str, Any]] = [
            {
                "name": parameter.name,
                "default": parameter.default,
                "range": domain_of(parameter),
                "tuned": parameter.name in tuned,
                "meaning": parameter.meaning,
            }
            for parameter in description.parameters
        ]
        heading = f"{arguments.solver} {description.version}: {len(entries)} parameters"
    else:
        entries = [
            {
                "name": parameter.name,
                "default": parameter.own_default,
                "range": str(parameter.domain),
                "follows": " or ".join(parameter.follows),
                "when": " and ".join(
                    f"{other} = {' or '.join(map(spell, values))}" for other, values in parameter.when
                ),
                "meaning": parameter.meaning,
            }
            for parameter in space.parameters
        ]
        heading = f"{arguments.solver}: the {len(entries)} parameters that are tuned (--all lists all it has)"
    if arguments.json:
        print_json({"solver": arguments.solver, "parameters": entries})
        return 0
    put(heading)
    columns = tuple(entries[0])
    rows = [[_text(entry[column]) for column in columns] for entry in entries]
    if fits(columns, rows):
        print_table(columns, rows)
    else:
        for row in rows:
            _print_parameter(dict(zip(columns, row, strict=True)))
    return 0


def _print_parameter(entry: Mapping[str, str]) -> None:
    """Print a parameter where a table of all is too wide: a line with its default, and what is to be said below it."""
    put(f"{entry['name']} = {entry['default']}")
    own = {"name", "default", "range", "meaning"}
    also = [f"{name}: {text}" for name, text in entry.items() if text and name not in own]
    for text in (entry["meaning"], f"range: {entry['range']}", *also):
        if text:
            print_folded(text, 4)


def generate(arguments: argparse.Namespace) -> int:
    """Write models of a family."""
    if arguments.list:
        print_table(("family", "what it is"), ((name, family.title) for name, family in FAMILIES.items()))
        return 0
    if not (arguments.family and arguments.count and arguments.folder):
        raise UsageError(
            "generate needs FAMILY N DIR, such as: tuner generate set-cover 30 models/; --list names families"
        )
    if arguments.family not in FAMILIES:
        raise UsageError(f"{unknown('family', arguments.family, FAMILIES)}; families are {', '.join(FAMILIES)}")
    count = read_whole(arguments.count, "N")
    seed = read_whole(arguments.seed, "--seed")
    size = read_number(arguments.size, "--size")
    if count < 1 or seed < 0 or not 0 < size < 100:
        raise UsageError("N must be 1 or more, --seed 0 or more, --size above 0 and below 100")
    folder = Path(arguments.folder)
    try:
        paths = write_family(FAMILIES[arguments.family], count, folder, seed, size)
    except OSError as error:
        raise Failed(f"{folder}: cannot be written: {error.strerror}") from None
    put(f"{len(paths)} models in {folder}: {paths[0].name} to {paths[-1].name}")
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Say what works here."""
    found: dict[str, Any] = {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    for extra in EXTRAS:
        found[f"extra {extra.name}"] = "there" if extra.is_there else f"missing; {extra.advice}"
    for solver, solver_version in versions().items():
        found[f"solver {solver}"] = solver_version
    found["cores"] = f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}"
    for limit, (works, remark) in enforceable().items():
        found[f"limit: {limit}"] = f"{'enforced' if works else 'NOT enforced'}{', ' + remark if remark else ''}"
    code = 0
    try:
        if store_exists(arguments.store):
            with open_store(arguments.store) as store:
                state = f"works, {counted(len(store.jobs()), 'job')}"
        else:
            state = "is not there yet; tuner tune makes it"
        found["store"] = f"{printed_url(arguments.store)}: {state}"
    except StoreError as error:
        found["store"] = f"does not work: {error}"
        code = 5
    if arguments.json:
        print_json(found)
    else:
        put_facts(list(found.items()))
    return code


def _execution_data(execution: Execution) -> dict[str, Any]:
    instance, run, response = execution.instance, execution.run, execution.response
    return {
        "instance": instance.name,
        "sha256": instance.sha256,
        "size": f"{instance.rows} rows, {instance.columns} columns ({instance.integers} integer), "
        f"{instance.nonzeros} nonzeros",
        "configuration": str(run.configuration),
        "seed": run.seed,
        "cutoff_s": run.cutoff,
        "termination": response.termination.value,
        "claim": response.claim.value,
        "check": response.check.value,
        "solved": execution.solved,
        "objective": response.objective,
        "proven_objective": response.proven_objective,
        "bound": response.bound,
        "gap": response.gap,
        "cpu_s": round(response.cpu, 6),
        "wall_s": round(response.wall, 6),
        "solver_wall_s": response.solver_wall,
        "peak_mib": response.peak_mib,
        "nodes": response.nodes,
        "iterations": response.iterations,
        "work": response.work,
        "integral": response.integral,
        "raw_status": response.raw_status,
        "reason": response.reason or None,
        "doubt": response.doubt or None,
    }


def _text(value: Any) -> str:
    return spell(value) if isinstance(value, bool | int | float | str) else str(value)
