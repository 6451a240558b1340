"""The commands that read what is kept: jobs, show, best, responses, export."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storage.records import Bracket, Configuration, Job, JobKind, JobState, Member, StoredRun, spell
from storage.store import Store
from tuner.app.files import parameter_file, prepared_folder, python_file, verdict_again, write_files
from tuner.app.stores import existing_store
from tuner.cli import answers
from tuner.cli.hints import told
from tuner.cli.words import duration, number, print_csv, print_json, print_table
from tuner.commands import counted
from tuner.cost import Cost, censored, cost_of
from tuner.errors import Failed, NotFound, UsageError

RESPONSE_COLUMNS = (
    "id",
    "instance",
    "sha256",
    "part",
    "solver",
    "configuration",
    "parameters",
    "seed",
    "cutoff",
    "limit",
    "termination",
    "claim",
    "check",
    "cost",
    "objective",
    "bound",
    "gap",
    "cpu_s",
    "wall_s",
    "solver_wall_s",
    "peak_mib",
    "nodes",
    "iterations",
    "work",
    "integral",
    "raw_status",
    "reason",
    "elapsed_s",
    "host",
    "processor",
    "cores",
    "software",
    "stored_at",
)
RESUMABLE = (JobState.INTERRUPTED, JobState.FAILED, JobState.QUEUED)
NUMBERS = ("cost", "objective", "gap", "cpu_s", "nodes", "follower", "optimistic", "pessimistic")
NARROW = ("instance", "part", "configuration", "seed", "claim", "check", "cost", "objective", "gap", "cpu_s", "nodes")


def jobs(arguments: argparse.Namespace) -> int:
    """List the jobs."""
    with existing_store(arguments.store) as store:
        found = store.jobs()
    if arguments.json:
        print_json([job_data(job) for job in found])
        return 0
    rows = (
        (
            str(job.id),
            job.name,
            job.state.value,
            ", ".join(job.solvers),
            job.cost or f"{job.kind.value}, {job.ties}",
            f"{duration(job.spent)} of {duration(job.budget)}",
            _first_clause(job.outcome),
            str(job.best) if job.best else "",
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M}",
        )
        for job in found
    )
    print_table(
        ("job", "name", "state", "solvers", "cost", "spent", "outcome", "best", "handed in"), rows, right=("job",)
    )
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one job."""
    with existing_store(arguments.store) as store:
        job = store.job(arguments.job)
        if job.kind is JobKind.SOLVE:
            return _show_problem(store, job, arguments)
        steps = list(store.incumbents(job.id))
        events = list(store.events(job.id))
        runs = store.count(job.id)
    if arguments.json:
        data = job_data(job)
        data["runs"] = runs
        data["trajectory"] = [
            {
                "elapsed_s": step.elapsed,
                "configuration": configuration_data(step.configuration),
                "cost": step.cost,
                "default_cost": step.default_cost,
                "pairs": step.pairs,
            }
            for step in steps
        ]
        data["events"] = [{"elapsed_s": event.elapsed, "kind": event.kind, "text": event.text} for event in events]
        print_json(data)
        return 0
    training = sum(member.part == "training" for member in job.members)
    print(f"{job.name} (job {job.id}): {job.state.value}{', ' + job.outcome if job.outcome else ''}")
    print(f"  models    {job.folder}: {training} to tune on, {len(job.members) - training} held out")
    print(
        f"  task      {', '.join(job.solvers)}; {job.cost} at a cutoff of {job.cutoff:g} s; "
        f"ties {job.ties}; seed {job.seed}"
    )
    executed = f"{counted(job.slots, 'slot')}, {counted(runs, 'run')}"
    print(f"  spent     {duration(job.spent)} of {duration(job.budget)} on {executed}")
    if steps:
        print("  trajectory")
        for step in steps:
            print(
                f"    {duration(step.elapsed):>8}  {number(step.cost)} (default {number(step.default_cost)}, "
                f"{step.pairs} pairs)  {step.configuration}"
            )
    for event in events:
        print(f"  {duration(event.elapsed)}  {event.kind}: {event.text}")
    if job.report:
        print(f"\n{job.report}")
    elif job.state in RESUMABLE:
        print(told("\nGo on with", ("resume", job.name), arguments))
    return 0


def _show_problem(store: Store, job: Job, arguments: argparse.Namespace) -> int:
    """Show a job that solves a bilevel problem."""
    bracket = store.bracket(job.id)
    if arguments.json:
        data = job_data(job)
        data["bracket"] = None if bracket is None else bracket_data(store, job, bracket)
        print_json(data)
        return 0
    print(f"{job.name} (job {job.id}): {job.state.value}{', ' + job.outcome if job.outcome else ''}")
    print(f"  problem   {json.loads(job.document)['kind']}; {job.ties}; {', '.join(job.solvers)}; seed {job.seed}")
    print(f"  spent     {duration(job.spent)} of {duration(job.budget)} on {counted(job.slots, 'slot')}")
    if bracket is not None:
        value = "-" if bracket.objective is None else f"{bracket.objective:.7g}"
        print(f"  value     {value}")
        print(f"  bound     {f'{bracket.bound:.7g}' if math.isfinite(bracket.bound) else '-'} ({bracket.bound_kind})")
    if job.report:
        print(f"\n{job.report}")
    elif job.state in RESUMABLE:
        print(told("\nGo on with", ("resume", job.name), arguments))
    return 0


def bracket_data(store: Store, job: Job, bracket: Bracket) -> dict[str, Any]:
    """Return where a bilevel problem stands, for JSON."""
    return {
        "objective": bracket.objective,
        "bound": bracket.bound if math.isfinite(bracket.bound) else None,
        "bound_kind": bracket.bound_kind,
        "x": _best_choice(store, job, bracket),
    }


def _best_choice(store: Store, job: Job, bracket: Bracket | None) -> dict[str, float] | None:
    if bracket is None or bracket.best is None:
        return None
    return dict(next(store.answers(job.id, since=bracket.best - 1)).answer.x)


def best(arguments: argparse.Namespace) -> int:
    """Print a job's best configuration."""
    with existing_store(arguments.store) as store:
        job = store.job(arguments.job)
        if job.kind is JobKind.SOLVE:
            return _print_best_choice(store, job, arguments)
        configuration = _best(store, job)
    if arguments.json:
        data = configuration_data(configuration)
        data["final"] = job.best is not None
        print_json(data)
        return 0
    print(f"solver = {configuration.solver}")
    for name, value in configuration.parameters:
        print(f"{name} = {spell(value)}")
    if configuration.is_default:
        print("(nothing differs from the solver's default)")
    return 0


def _print_best_choice(store: Store, job: Job, arguments: argparse.Namespace) -> int:
    bracket = store.bracket(job.id)
    choice = _best_choice(store, job, bracket)
    if choice is None or bracket is None:
        raise NotFound(
            f"{job.name} has no best choice: it is {job.state.value}, and no choice is bilevel feasible so far"
        )
    if arguments.json:
        print_json({**bracket_data(store, job, bracket), "final": job.state is JobState.FINISHED})
        return 0
    for name, value in choice.items():
        print(f"{name} = {value:.12g}")
    return 0


def responses(arguments: argparse.Namespace) -> int:
    """Print the response data of a job's runs."""
    with existing_store(arguments.store) as store:
        job = store.job(arguments.job)
        columns: tuple[str, ...]
        narrow: tuple[str, ...]
        if job.kind is JobKind.SOLVE:
            if arguments.part or arguments.instance or arguments.configuration:
                raise UsageError(f"{job.name} solves a bilevel problem: it has no parts, instances or configurations")
            rows, columns = answers.answers(store.answers(job.id)), answers.COLUMNS
            narrow = answers.COLUMNS[:8]
        else:
            members = {member.sha256: member for member in job.members}
            rows, columns = _rows(store, job, members, arguments), RESPONSE_COLUMNS
            narrow = NARROW
        if arguments.csv:
            print_csv(columns, rows)
        elif arguments.json:
            print_json(list(rows))
        else:
            numbers = [name for name in narrow if name in NUMBERS]
            print_table(narrow, ([_cell(row[name]) for name in narrow] for row in rows), right=numbers)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Print a job's best configuration in the solver's own form, or as Python; or write all of its files anew."""
    if arguments.files and arguments.configuration:
        raise UsageError("--files is for what the verdict recommends; leave out --configuration")
    with existing_store(arguments.store) as store:
        job = store.job(arguments.job)
        if job.kind is JobKind.SOLVE:
            raise UsageError(
                f"{job.name} solves a bilevel problem: there are no parameters to export; see", "best", job.name
            )
        if arguments.files:
            return _write_files(store, job, arguments)
        configuration = _chosen(store, job, arguments) or _best(store, job)
    text = (python_file if arguments.python else parameter_file)(job, configuration)
    if not arguments.out:
        print(text, end="")
        return 0
    try:
        Path(arguments.out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{arguments.out}: cannot be written: {error.strerror}") from None
    return 0


def _write_files(store: Store, job: Job, arguments: argparse.Namespace) -> int:
    if job.state in RESUMABLE:
        waiting = f"job {job.name!r} is {job.state.value} and has no verdict yet; go on with"
        raise UsageError(waiting, "resume", job.name)
    verdict = verdict_again(store, job)
    folder = prepared_folder(job.name, arguments.out)
    files = write_files(store, job, verdict, folder)
    print(f"Written to {folder}: {', '.join(path.name for path in files)}", file=sys.stderr)
    return 0


def configuration_data(configuration: Configuration) -> dict[str, Any]:
    """Return a configuration for JSON."""
    return {
        "key": configuration.key,
        "solver": configuration.solver,
        "parameters": configuration.values,
        "default": configuration.is_default,
    }


def job_data(job: Job) -> dict[str, Any]:
    """Return a job for JSON."""
    return {
        "id": job.id,
        "name": job.name,
        "kind": job.kind.value,
        "state": job.state.value,
        "outcome": job.outcome,
        "folder": job.folder,
        "holdout": job.holdout,
        "solvers": list(job.solvers),
        "cost": job.cost,
        "ties": job.ties,
        "cutoff_s": job.cutoff,
        "budget_s": job.budget,
        "spent_s": job.spent,
        "slots": job.slots,
        "memory_mib": job.memory_mib,
        "gap": job.gap,
        "seed": job.seed,
        "reuse": job.reuse,
        "created_at": job.created_at.isoformat(),
        "best": configuration_data(job.best) if job.best else None,
        "report": job.report,
    }


def _first_clause(outcome: str) -> str:
    """Return what fits into a table of why a job failed: "gain" and "default kept" are clauses by themselves."""
    return outcome.partition("; ")[0].partition("\n")[0]


def _best(store: Store, job: Job) -> Configuration:
    if job.best is not None:
        return job.best
    steps = list(store.incumbents(job.id))
    if not steps:
        raise NotFound(f"{job.name} has no best configuration yet: it is {job.state.value} and nothing was executed")
    return steps[-1].configuration


def _chosen(store: Store, job: Job, arguments: argparse.Namespace) -> Configuration | None:
    """Return the configuration that was asked for, by its key or as best; None when none was."""
    key = arguments.configuration
    if not key:
        return None
    if key == "best":
        return _best(store, job)
    for stored in store.responses(job.id, configuration=key):
        return stored.run.configuration
    raise NotFound(f"{job.name} has executed no configuration {key!r}; keys are in the table of", "responses", job.name)


def _rows(
    store: Store, job: Job, members: dict[str, Member], arguments: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    chosen = _chosen(store, job, arguments)
    instance = None
    if arguments.instance:
        matching = [sha for sha, member in members.items() if arguments.instance in (member.name, sha)]
        if not matching:
            raise NotFound(f"{job.name} has no instance {arguments.instance!r}; see", "responses", job.name)
        instance = matching[0]
    for stored in store.responses(job.id, configuration=chosen.key if chosen else None, instance=instance):
        member = members[stored.run.instance]
        if arguments.part in (None, member.part):
            yield _row(job, stored, member)


def _row(job: Job, stored: StoredRun, member: Member) -> dict[str, Any]:
    run, response = stored.run, stored.response
    cost = Cost(job.cost)
    return {
        "id": stored.id,
        "instance": member.name,
        "sha256": run.instance,
        "part": member.part,
        "solver": run.configuration.solver,
        "configuration": run.configuration.key,
        "parameters": " ".join(f"{name}={spell(value)}" for name, value in run.configuration.parameters),
        "seed": run.seed,
        "cutoff": run.cutoff,
        "limit": run.limit,
        "termination": response.termination.value,
        "claim": response.claim.value,
        "check": response.check.value,
        "cost": None if censored(cost, run, response) else cost_of(cost, run, response),
        "objective": response.objective,
        "bound": response.bound,
        "gap": response.gap,
        "cpu_s": response.cpu,
        "wall_s": response.wall,
        "solver_wall_s": response.solver_wall,
        "peak_mib": response.peak_mib,
        "nodes": response.nodes,
        "iterations": response.iterations,
        "work": response.work,
        "integral": response.integral,
        "raw_status": response.raw_status,
        "reason": response.reason,
        "elapsed_s": stored.elapsed,
        "host": stored.environment.host,
        "processor": stored.environment.processor,
        "cores": stored.environment.cores,
        "software": stored.environment.software,
        "stored_at": stored.stored_at.isoformat(),
    }


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
