"""What the tests of the service share: models in a store, and jobs on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from instances.formats import sha256_of, suffixes
from storage.records import InstanceSet, Job, ModelContent, Submission
from storage.store import Store

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
