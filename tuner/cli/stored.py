"""The commands that read what is kept, here or at a server: jobs, show, best, responses, export; and what is wanted of
a job there: pause, cancel."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from storage.records import Configuration, JobKind, JobState, spell
from tuner.app.files import prepared_folder, verdict_again, write_files
from tuner.app.job_data import Data
from tuner.app.response_rows import ANSWER_COLUMNS, cell
from tuner.app.result_rows import result_rows
from tuner.app.stores import existing_store
from tuner.app.views import RESUMABLE, Filters, StoredView, View
from tuner.cli.hints import told
from tuner.cli.words import number, print_csv, print_json, print_table, put, sayer
from tuner.commands import counted, duration
from tuner.errors import Failed, UsageError

if TYPE_CHECKING:
    from tuner.client import Client

SERVER = "http://127.0.0.1:8000"
"""Where a server is, unless told otherwise."""
NUMBERS = ("cost", "objective", "gap", "cpu_s", "nodes", "follower", "optimistic", "pessimistic")
NARROW = ("instance", "part", "configuration", "seed", "claim", "check", "cost", "objective", "gap", "cpu_s", "nodes")


@contextmanager
def viewed(arguments: argparse.Namespace) -> Iterator[View]:
    """Look at the store that is meant, or at the server where one is."""
    if is_remote(arguments):
        with client_of(arguments) as client:
            yield client
        return
    with existing_store(arguments.store) as store:
        yield StoredView(store)


def is_remote(arguments: argparse.Namespace) -> bool:
    """Whether a server is meant: by --server, or by $TUNER_SERVER where no store is named."""
    if arguments.server and arguments.store:
        raise UsageError("--server and --store: name one of them")
    return bool(arguments.server or (os.environ.get("TUNER_SERVER") and not arguments.store))


def client_of(arguments: argparse.Namespace) -> Client:
    """Return a client of the server that is meant; its token is in $TUNER_TOKEN."""
    from tuner.client import Client  # here: what is at hand needs no network

    return Client(arguments.server or os.environ.get("TUNER_SERVER") or SERVER, os.environ.get("TUNER_TOKEN", ""))


def jobs(arguments: argparse.Namespace) -> int:
    """List the jobs."""
    with viewed(arguments) as view:
        found = view.jobs()
    if arguments.json:
        print_json(found)
        return 0
    rows = (
        (
            str(job["id"]),
            job["name"],
            job["state"],
            ", ".join(job["solvers"]),
            job["cost"] or f"{job['kind']}, {job['ties']}",
            f"{duration(job['spent_s'])} of {duration(job['budget_s'])}",
            _first_clause(job["outcome"]),
            _in_short(job["best"]) if job["best"] else "",
            f"{datetime.fromisoformat(job['created_at']).astimezone():%Y-%m-%d %H:%M}",
        )
        for job in found
    )
    print_table(
        ("job", "name", "state", "solvers", "cost", "spent", "outcome", "best", "submitted"), rows, right=("job",)
    )
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one job."""
    with viewed(arguments) as view:
        job = view.show(arguments.job)
    if arguments.json:
        print_json(job)
        return 0
    put(f"{job['name']} (job {job['id']}): {job['state']}{', ' + job['outcome'] if job['outcome'] else ''}")
    if job["kind"] == JobKind.SOLVE:
        _show_bracket(job)
    else:
        _show_race(job)
    if job["report"]:
        put(f"\n{job['report']}")
    elif job["state"] in RESUMABLE:
        put(told("\nGo on with", ("resume", job["name"]), arguments))
    return 0


def _show_race(job: Data) -> None:
    models = job["models"]
    parts = f"{models['training']} to tune on, {models['holdout']} held out" if any(models.values()) else "not read yet"
    put(f"  models    {job['folder']}: {parts}")
    put(
        f"  task      {', '.join(job['solvers'])}; {job['cost']} at a cutoff of {job['cutoff_s']:g} s; "
        f"ties {job['ties']}; seed {job['seed']}"
    )
    fixed = [str(Configuration.of(solver, values)) for solver, values in job["fixed"].items()]
    if fixed:
        put(f"  fixed     {'; '.join(fixed)}")
    if job["base"]:
        put(f"  settings  {_configuration(job['base'])}")
    goals = [f"at {job['target']:g} times the default"] if job["target"] else []
    goals += [f"after {duration(job['stop_after_s'])} without a new incumbent"] if job["stop_after_s"] else []
    if goals:
        put(f"  stops     {' or '.join(goals)}")
    executed = f"{_slots(job)}, {counted(job['runs'], 'run')}"
    put(f"  spent     {duration(job['spent_s'])} of {duration(job['budget_s'])} on {executed}")
    if job["trajectory"]:
        put("  trajectory")
    default = "best default" if len(job["solvers"]) > 1 else "default"
    for step in job["trajectory"]:
        put(
            f"    {duration(step['elapsed_s']):>8}  {number(step['cost'])} ({default} {number(step['default_cost'])}, "
            f"{counted(step['pairs'], 'pair')})  {_configuration(step['configuration'])}"
        )
    for event in job["events"]:
        text = event["text"].replace("\n", "\n      ")  # so that nobody takes it for words of ours
        put(f"  {duration(event['elapsed_s'])}  {event['kind']}: {text}")


def _show_bracket(job: Data) -> None:
    put(f"  problem   {job['problem']}; {job['ties']}; {', '.join(job['solvers'])}; seed {job['seed']}")
    put(f"  spent     {duration(job['spent_s'])} of {duration(job['budget_s'])} on {_slots(job)}")
    for name, text in result_rows(job):
        if name != "time":  # which is spent
            put(f"  {name:<9} {text}")


def _slots(job: Data) -> str:
    return counted(job["slots"], "slot") if job["slots"] else "all slots of a worker"


def best(arguments: argparse.Namespace) -> int:
    """Print a job's best configuration, or choice of the leader."""
    with viewed(arguments) as view:
        found = view.best(arguments.job)
    if arguments.json:
        print_json(found)
        return 0
    if "x" in found:
        for name, value in found["x"].items():
            put(f"{name} = {value:.12g}")
    else:
        _put_configuration(found)
    if found["note"]:
        put(f"({found['note']})")
    return 0


def _put_configuration(found: Data) -> None:
    put(f"solver = {found['solver']}")
    for name, value in found["parameters"].items():
        put(f"{name} = {spell(value)}")
    if found["default"]:
        put("(nothing differs from the solver's default)")


def responses(arguments: argparse.Namespace) -> int:
    """Print the response data of a job's runs."""
    filters = Filters(arguments.part or "", arguments.instance or "", arguments.configuration or "")
    with viewed(arguments) as view:
        found = view.responses(arguments.job, filters)
        if arguments.csv:
            print_csv(found)
        elif arguments.json:
            print_json(list(found.rows))
        else:
            narrow = ANSWER_COLUMNS[:8] if found.columns == ANSWER_COLUMNS else NARROW
            numbers = [name for name in narrow if name in NUMBERS]
            print_table(narrow, ([cell(row[name]) for name in narrow] for row in found.rows), right=numbers)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Print a job's best configuration in the solver's own form, or as Python; or write all of its files again."""
    if arguments.files and arguments.configuration:
        raise UsageError("--files is for what the verdict recommends; leave out --configuration")
    if arguments.files:
        return _write_files(arguments)
    with viewed(arguments) as view:
        text = view.export(arguments.job, arguments.configuration or "", arguments.python)
    if not arguments.out:
        put(text, "")
        return 0
    try:
        Path(arguments.out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{arguments.out}: cannot be written: {error.strerror}") from None
    return 0


def _write_files(arguments: argparse.Namespace) -> int:
    if is_remote(arguments):
        raise UsageError(
            "--files: they are written from a store, and a server is named; its page of the job has the report, and "
            "without --files there are the parameters",
            "export",
            arguments.job,
        )
    with existing_store(arguments.store) as store:
        job = store.job(arguments.job)
        if job.kind is JobKind.SOLVE:
            raise UsageError(
                f"{job.name} solves a bilevel problem: there are no parameters to export; see", "best", job.name
            )
        if job.state in RESUMABLE:
            waiting = f"job {job.name!r} is {job.state.value} and has no verdict yet; go on with"
            raise UsageError(waiting, "resume", job.name)
        verdict = verdict_again(store, job)
        folder = prepared_folder(job.name, arguments.out)
        files = write_files(store, job, verdict, folder)
    sayer()(f"Written to {folder}: {', '.join(path.name for path in files)}")
    return 0


def pause(arguments: argparse.Namespace) -> int:
    """Have a job stopped until it is resumed."""
    return _hold(arguments, JobState.PAUSED)


def cancel(arguments: argparse.Namespace) -> int:
    """Have a job stopped for good."""
    return _hold(arguments, JobState.CANCELLED)


def _hold(arguments: argparse.Namespace, wanted: JobState) -> int:
    with viewed(arguments) as view:
        job = view.hold(arguments.job, wanted)
    if arguments.json:
        print_json(job)
    elif job["state"] == wanted:
        put(f"{job['name']} is {wanted.value}")
    else:
        put(f"{job['name']} will be {wanted.value} as soon as its worker has looked, in a second or so")
    return 0


def _configuration(data: Data) -> str:
    return str(Configuration.of(data["solver"], data["parameters"]))


def _in_short(data: Data) -> str:
    changes = len(data["parameters"])
    return f"{data['solver']}, {counted(changes, 'change')}" if changes else f"{data['solver']} default"


def _first_clause(outcome: str) -> str:
    """Return what fits into a table of why a job failed: "gain" or "default kept" are clauses by themselves."""
    return outcome.partition("; ")[0].partition("\n")[0]
