"""The database's server is stopped in the middle of a job for a minute: is anything lost, doubled, or stuck?

    python -m bench outage             about four minutes; PostgreSQL has to be installed

A worker carries out a job on small models, another one waits for work, and a server of ours answers; then PostgreSQL is
stopped, as if it had crashed and as for maintenance, for longer than a lease lasts. Meanwhile every endpoint is asked
again and again. What was stored has to stay, nothing may be there twice, no answer may be a 5xx other than 503, and
all has to go on without anything but the database being started, the job where it was.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from instances.families import FAMILIES, generate
from storage.records import JobState, Run
from storage.store import Store
from tests.endpoints import ask, endpoints
from tests.postgresql import NotInstalled, Server, stoppable_server
from tests.processes import Command, until
from tests.processes import Server as Service
from tests.service import handed_in, uploaded

ON_REQUEST = True
AWAY = 60.0
"""Seconds."""
BUDGET = 30.0
"""Seconds of the job: fewer than it has to wait."""
ENOUGH, QUEUED = 15, 2
"""Responses before the database goes away, and how many may be in the worker's hands then."""
HOWS = {signal.SIGQUIT: "as by a crash", signal.SIGINT: "for maintenance"}


def main() -> None:
    """Stop the database in both ways."""
    for how, words in HOWS.items():
        try:
            with stoppable_server() as database, tempfile.TemporaryDirectory() as folder:
                print(f"PostgreSQL stopped {words}: {endure(database, Path(folder), AWAY, how, BUDGET)}", flush=True)
        except NotInstalled as reason:
            print(f"there is no database to be stopped: {reason}")
            return


@dataclass
class Outcome:
    """What came of it."""

    away: float = 0.0
    """Seconds without a database."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers meanwhile, by status."""
    wrong: set[str] = field(default_factory=set)
    """Endpoints that answered meanwhile with anything but a problem of 503, or with a 5xx afterwards."""
    ready: float = 0.0
    """Seconds until the server of ours was ready again."""
    resumed: float = 0.0
    """Seconds until the job had other responses."""
    responses: int = 0
    lost: int = 0
    doubled: int = 0
    takings: int = 0
    """Times that a worker took the job."""
    state: str = ""
    spent: float = 0.0
    """Seconds of the job's budget."""

    def __str__(self) -> str:
        statuses = ", ".join(f"{count} times {status}" for status, count in sorted(self.statuses.items()))
        return (
            f"away for {self.away:.0f} s; answers: {statuses}, wrong ones by {', '.join(self.wrong) or 'no endpoint'}; "
            f"ready after {self.ready:.1f} s, the job gone on with after {self.resumed:.1f} s; responses: "
            f"{self.responses}, lost {self.lost}, doubled {self.doubled}; the job: {self.state}, taken {self.takings} "
            f"times, {self.spent:.0f} s of its budget spent"
        )


def endure(database: Server, folder: Path, away: float, how: signal.Signals, budget: float) -> Outcome:
    """Carry out a job whose database is away for some seconds, and return what came of it."""
    outcome = Outcome()
    generate(FAMILIES["generalised-assignment"], 6, folder / "assignments", seed=3, size=0.4)
    with (
        Store.open(database.url) as store,
        Service(database.url, folder / "server", "--without-worker") as service,
        Command(database.url, folder / "worker", "work", "--slots", "2") as worker,
        Command(database.url, folder / "other", "work", "--slots", "2") as other,
    ):
        job = handed_in(store, uploaded(store, folder / "assignments"), budget=budget, slots=1)
        service.start()
        asked = endpoints(service.client)
        worker.start()
        until(lambda: store.count(job.id) >= ENOUGH)
        other.start()
        until(lambda: "worker on" in other.said)
        for each in asked:
            if each.startswith("GET") and not each.endswith("/events"):  # which has no end yet
                ask(service.client, each)  # so that nothing is opened for the first time while the database is away
        known = _stored(store, job.id, outcome)
        _stop(database, service, asked, away, how, outcome)
        began = time.monotonic()
        until(lambda: service.client.get("/readyz").status_code == 200, 30.0)
        outcome.ready = time.monotonic() - began
        until(
            lambda: store.count(job.id) > len(known) + QUEUED or store.job(job.id).state is JobState.FINISHED,
            90.0 + budget,
        )
        outcome.resumed = time.monotonic() - began
        until(lambda: store.job(job.id).state is JobState.FINISHED, 90.0 + budget)
        found = _stored(store, job.id, outcome)
        outcome.lost = sum(found.get(run) != number for run, number in known.items())
        done = store.job(job.id)
        outcome.responses, outcome.state, outcome.spent = len(found), done.state.value, done.spent
        outcome.takings = sum(each.said.count(f"{job.name}: taken") for each in (worker, other))
        outcome.wrong |= {each for each in asked if ask(service.client, each).is_server_error}
    return outcome


def _stop(
    database: Server, service: Service, asked: list[str], away: float, how: signal.Signals, outcome: Outcome
) -> None:
    """Stop the database, ask all endpoints at least once, and start it again."""
    database.stop(how)
    began = time.monotonic()
    try:
        while True:
            for each in asked:
                answer = ask(service.client, each)
                outcome.statuses[answer.status_code] += 1
                if answer.status_code != 503 or answer.headers["content-type"] != "application/problem+json":
                    outcome.wrong.add(each)
            if service.client.get("/livez").status_code != 200:
                outcome.wrong.add("GET /livez")
            outcome.away = time.monotonic() - began
            if outcome.away >= away:
                return
            time.sleep(min(1.0, away - outcome.away))
    finally:
        database.start()


def _stored(store: Store, job_id: int, outcome: Outcome) -> dict[Run, int]:
    """Return the runs that are stored, with their ids, and count those that are there twice."""
    found: dict[Run, int] = {}
    for stored in store.responses(job_id):
        outcome.doubled += stored.run in found
        found[stored.run] = stored.id
    return found


if __name__ == "__main__":
    main()
