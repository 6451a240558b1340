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

from instances.formats import sha256_of, suffixes
from storage.records import InstanceSet, Job, ModelContent, Submission
from storage.store import Store
from tuner.service.uploads import Caps

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
def served(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve an application on a free port, and yield a client of it."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
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
