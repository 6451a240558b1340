"""What the tests of the service share: models in a store, jobs on them, and a server on a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from instances.caps import Caps
from instances.formats import sha256_of, suffixes
from storage.lease import this_process
from storage.records import Bracket, Configuration, Event, InstanceSet, Job, ModelContent, Scope, Submission
from storage.store import Store
from tests.archives import MPS
from tests.store_samples import ANSWER, COMPARISON, HERE, INCUMBENT, MEMBERS, PROBLEM, RESPONSE, TUNED, run
from tests.store_samples import SUBMISSION as SAMPLE
from tuner.service.connections import Limits, configured

CAPS = Caps(upload=200_000, model=100_000, total=300_000, models=20, depth=4, name=60)
"""Of a server that takes little."""
WIDE = 64
"""As many slots as there are."""
SUBMISSION = Submission(
    name="",
    folder="assignments",
    holdout="0.3",
    solvers=("highs",),
    cost="par10",
    ties="mean",
    cutoff=1.0,
    budget=6.0,
    slots=1,
    memory_mib=2048,
    gap=1e-4,
    seed=1,
    space="",
    owner="me",
    served=True,
)


def uploaded(store: Store, folder: Path, owner: str = "me") -> InstanceSet:
    """Keep all models of a folder in the store, as a set."""
    members = []
    for path in sorted(folder.iterdir()):
        parts = suffixes(path.name)
        assert parts is not None
        content = ModelContent(sha256_of(path), parts.format + parts.packing, path.stat().st_size)
        store.keep_model(owner, content, [path.read_bytes()])
        members.append((parts.stem, content.sha256))
    return store.create_instance_set(owner, folder.name, members)


def handed_in(store: Store, models: InstanceSet, **changes: object) -> Job:
    """Hand in a job on a set of models."""
    return store.submit(replace(SUBMISSION, **{"instance_set": models.id, **changes}))[0]  # type: ignore[arg-type]


@contextmanager
def served(app: FastAPI, limits: Limits | None = None) -> Iterator[httpx.Client]:
    """Serve an application on a free port as `tuner serve` does, and yield a client of it."""
    server = uvicorn.Server(configured(app, limits, port=0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < give_up
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)


def bearer(store: Store, owner: str, scope: Scope = Scope.SUBMIT) -> dict[str, str]:
    """Return the headers of somebody with a new token."""
    return {"Authorization": f"Bearer {store.create_token('t', owner, scope)[1]}"}


def sent(client: httpx.Client, headers: dict[str, str] | None = None, count: int = 5) -> int:
    """Upload some models and make a set of them; return its number."""
    members = {}
    for number in range(count):
        answer = client.post("/v1/models?suffix=.mps", content=MPS + b"*%d\n" % number, headers=headers)
        assert answer.status_code == 201, answer.text
        members[f"day/{number}"] = answer.json()["sha256"]
    made = client.post("/v1/instance-sets", json={"name": "spring", "members": members}, headers=headers)
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    assert isinstance(number, int)
    return number


def refused(response: httpx.Response, status: int, words: str) -> None:
    """Assert that a request was refused, with a problem whose detail has these words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert words in problem["detail"], problem


def carried_out(store: Store, owner: str = "local") -> str:
    """Put a finished job with two runs into the store."""
    submission = replace(SAMPLE, owner=owner, members=MEMBERS, solvers=("highs",), folder="/data/spring")
    job = store.create_job(replace(submission, name=f"done by {owner}"))
    lease = store.claim(job.id, this_process(), 30)
    for configuration in (Configuration("highs"), TUNED):
        store.record(lease, run(0, configuration), RESPONSE, 1.0, HERE)
    store.add_incumbent(lease, INCUMBENT)
    store.add_event(lease, Event(1.0, "crashed", "<script>alert(1)</script>"))
    store.finish(lease, "gain", "it is faster", TUNED, [COMPARISON])
    return job.name


def solved(store: Store, owner: str = "local") -> str:
    """Put a bilevel problem that is solved, with two answers, into the store."""
    job = store.create_job(replace(PROBLEM, name=f"solved by {owner}", owner=owner))
    lease = store.claim(job.id, this_process(), 30)
    store.name_reactions(lease, ["a", "b", "c"])
    best, _ = (store.record_answer(lease, replace(ANSWER, reason=reason), 1.0, HERE) for reason in ("", "late"))
    store.set_bracket(lease, Bracket(15.0, 15.0, "all choices", best), 1.0)
    store.add_event(lease, Event(1.0, "ties", "nothing hangs on them"))
    store.finish(lease, "optimal", "", None)
    return job.name
