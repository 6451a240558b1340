"""The command that submits a folder of models, or a bilevel problem, to a server."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instances.formats import suffixes
from storage.errors import UnknownJob
from storage.records import JobKind, JobState
from tuner.app.job_data import MODELS, Data
from tuner.app.proof import INFEASIBLE, OPTIMAL
from tuner.app.result_rows import result_rows
from tuner.cli import tuning
from tuner.cli.hints import again
from tuner.cli.progress import LINE_EVERY
from tuner.cli.stored import client_of
from tuner.cli.words import number, print_json, put, sayer
from tuner.client import Away, Client
from tuner.commands import counted, duration
from tuner.documents import read_document
from tuner.errors import Failed, UsageError
from tuner.follower.base import base_of, read_base_file
from tuner.follower.spaces import solvers_of
from tuner.scenario import ANY, CONFIGURATION, KIND, Scenario, read_scenario, read_whole

FLAGS = tuple(name for name in tuning.FLAGS if name != "space")
"""A server takes no space of one's own."""
OF_SCENARIOS = ("cutoff", "cost", "holdout", "memory", "gap", "reuse", "fix", "base", "target", "stop_after")
"""Options that a bilevel problem has not."""
DONE, NOT_PROVEN = 0, 4


def submit(arguments: argparse.Namespace) -> int:
    """Submit a folder of models or a bilevel problem to a server."""
    path = Path(arguments.folder)
    if path.is_dir():
        return _submit_scenario(_scenario(None, arguments), arguments)
    if path.suffix in (".toml", ".json"):
        if read_document(path).get(KIND, CONFIGURATION) == CONFIGURATION:
            return _submit_scenario(_scenario(path, arguments), arguments)
        return _submit_problem(path, arguments)
    if path.suffix == ".aux" or suffixes(path.name) is not None:
        return _submit_problem(path, arguments)
    return _submit_scenario(_scenario(None, arguments), arguments)


def _scenario(file: Path | None, arguments: argparse.Namespace) -> Scenario:
    given = {name: getattr(arguments, name) for name in FLAGS}
    return read_scenario(file, given if file else {**given, "folder": arguments.folder})


def _submit_scenario(scenario: Scenario, arguments: argparse.Namespace) -> int:
    """Send the models that the server does not have, and make a job on them."""
    fraction = scenario.holdout_fraction
    if fraction is None:
        raise UsageError(f"--holdout {scenario.holdout}: a fraction such as 0.3 is needed; a server takes no folder")
    if scenario.space:
        raise UsageError(f"space {scenario.space}: a server takes no space of one's own; leave it out")
    folder = Path(scenario.folder)
    say = sayer()
    settings = _settings(scenario, say)
    with client_of(arguments) as client:
        models = client.upload(folder, folder.resolve().name or "models", say)
        job = client.submit(
            {
                "instance_set": models["id"],
                "name": scenario.name,
                "solvers": [ANY] if scenario.solver == ANY else [part.strip() for part in scenario.solver.split(",")],
                "budget_s": scenario.budget,
                "cutoff_s": scenario.cutoff,
                "cost": scenario.cost.value,
                "ties": scenario.ties.value,
                "holdout": fraction,
                "slots": scenario.slots or None,
                "memory_mib": round(scenario.memory),
                "gap": scenario.gap,
                "seed": scenario.seed,
                "reuse": scenario.reuse,
                "fix": list(scenario.fix),
                "base": settings,
                "target": scenario.target,
                "stop_after_s": scenario.stop_after,
                "priority": read_whole(arguments.priority, "--priority"),
            }
        )
        job = _watched(client, job, _standing, say) if arguments.watch else job
    if arguments.json:
        print_json(job)
    elif arguments.watch:
        put(job["report"] or _ended(job))
    else:
        _print_submitted(job, arguments)
    if not arguments.watch:
        return DONE
    if job["state"] != JobState.FINISHED:
        return Failed.exit_code
    return tuning.GAIN if job["outcome"] == "gain" else tuning.KEPT


def _settings(scenario: Scenario, say: Callable[[str], None]) -> str:
    """Return what the user's settings come to, as JSON; empty for none.

    They are read here, too: a server has nobody to tell what is left out, and takes no file of a thousand defaults.
    """
    if not scenario.base:
        return ""
    base = base_of(read_base_file(Path(scenario.base)), scenario.base, solvers_of(scenario))
    for remark in base.remarks:
        say(remark)
    found = base.configuration
    return "" if found is None else json.dumps({"solver": found.solver, "parameters": found.values})


def _submit_problem(path: Path, arguments: argparse.Namespace) -> int:
    """Send a problem as one that needs no file, and make a job of it."""
    from tuner.bilevel.applications import read_application, without_files  # here: tuning needs none of it
    from tuner.bilevel.applications.configuration import Tuning
    from tuner.cli.bilevel import options_of

    for name in OF_SCENARIOS:
        if getattr(arguments, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')}: only scenarios have one, and {path} is a bilevel problem")
    options = options_of(arguments)
    application = read_application(path)
    assert not isinstance(application, Tuning)
    document = without_files(application).document()
    with client_of(arguments) as client:
        job = client.submit_problem(
            {
                "problem": document,
                "name": arguments.name or "",
                "ties": options.ties.value,
                "solver": options.solver,
                "budget_s": options.budget,
                "slots": options.slots,
                "seed": options.seed,
                "priority": read_whole(arguments.priority, "--priority"),
            }
        )
        job = _watched(client, job, _bracket, sayer()) if arguments.watch else job
    if arguments.json:
        print_json(job)
    elif arguments.watch:
        _print_result(job)
    else:
        _print_submitted(job, arguments)
    if job["state"] == JobState.FAILED:
        raise Failed(f"{job['name']} has failed: {job['outcome']}")
    return DONE if not arguments.watch or job["outcome"] in (OPTIMAL, INFEASIBLE) else NOT_PROVEN


def _watched(client: Client, job: Data, line: Callable[[Data], str], say: Callable[[str], None]) -> Data:
    """Follow a job to its end, with a line for each piece of news and otherwise from time to time; return the job."""
    number = str(job["id"])
    shown, said_at, told = None, 0.0, 0
    try:
        for standing in client.follow(number, say):
            if standing["event"] is not None and standing["event"]["id"] > told:
                told = _tell_events(client, job, told, say)
            news = [standing.get(name) for name in ("state", "incumbent", "bracket")]
            if news != shown or time.monotonic() - said_at >= LINE_EVERY:
                shown, said_at = news, time.monotonic()
                say(line(standing))
        _tell_events(client, job, told, say)
        return client.show(number)
    except UnknownJob:  # which names the number that it is followed by
        raise UnknownJob(f"{client.url}: job {job['name']!r} was deleted") from None


def _tell_events(client: Client, job: Data, told: int, say: Callable[[str], None]) -> int:
    """Say what has happened to a tuning job, such as models that were left out, in the words of `tune`.

    A bilevel problem's events are rows of its result. What cannot be asked now is told later.

    Args:
        client: of its server.
        job: that is watched.
        told: the id of the last event that was said before.
        say: told the others, a text each.

    Returns the id of the last event that is said now.
    """
    if job["kind"] == JobKind.SOLVE:
        return told
    with suppress(Away):
        for event in client.log(str(job["id"]), told):
            say(event["text"] if event["kind"] == MODELS else f"{event['kind']}: {event['text']}")
            told = event["id"]
    return told


def _standing(data: Data) -> str:
    incumbent = data["incumbent"]
    costs = f"{number(incumbent['default_cost'])} -> {number(incumbent['cost'])}" if incumbent else "-"
    return f"{_spent(data)}   {counted(data['runs'], 'run')}   default -> incumbent: {costs}"


def _bracket(data: Data) -> str:
    bracket = data["bracket"] or {"objective": None, "bound": None}
    value = "nothing feasible yet" if bracket["objective"] is None else f"value {bracket['objective']:.7g}"
    bound = "no bound" if bracket["bound"] is None else f"bound {bracket['bound']:.7g} ({bracket['bound_kind']})"
    return f"{_spent(data)}   {counted(data['answers']['all'], 'response')}   {value}   {bound}"


def _spent(data: Data) -> str:
    return f"  {data['state']:<11} {duration(data['spent_s'])} of {duration(data['budget_s'])}"


def _print_submitted(job: Data, arguments: argparse.Namespace) -> None:
    put(f"{job['name']} is job {job['id']}, {job['state']}; {again(('show', job['name']), arguments)} shows it")


def _print_result(job: Data) -> None:
    put(job["report"] or _ended(job))
    if job["report"]:
        put()
        for name, text in result_rows(job):
            put(f"{name:<10} {text}")


def _ended(job: Data) -> str:
    return f"{job['name']}: {job['state']}{', ' + job['outcome'] if job['outcome'] else ''}"
