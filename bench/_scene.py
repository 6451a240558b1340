"""What benches of the executor share: models made of random numbers, and a store with a job in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instances.instance import Instance
from instances.model import Model
from storage.lease import Lease, this_process
from storage.records import Member, Submission
from storage.store import Store
from tuner.follower.environment import environment_of

HERE = environment_of("highs")


def knapsack(columns: int, rows: int, density: float, seed: int) -> Model:
    """Return a multi-dimensional knapsack problem of binary variables: maximise value under ``rows`` capacities."""
    random = np.random.default_rng(seed)
    weights = random.integers(1, 1000, (rows, columns)) * (random.random((rows, columns)) < density).astype(float)
    values = weights.mean(axis=0) + random.uniform(0, 500, columns)
    return Model(
        name=f"knapsack-{columns}-{rows}-{seed}",
        maximise=True,
        offset=0.0,
        objective=np.rint(values),
        lower=np.zeros(columns),
        upper=np.ones(columns),
        kind=np.ones(columns, dtype=np.uint8),
        row_lower=np.full(rows, -np.inf),
        row_upper=np.rint(weights.sum(axis=1) / 2),
        row_start=np.concatenate(([0], (weights > 0).sum(axis=1).cumsum())).astype(np.int32),
        column_index=np.nonzero(weights)[1].astype(np.int32),
        value=weights[weights > 0],
        column_names=tuple(f"x{j}" for j in range(columns)),
        row_names=tuple(f"r{i}" for i in range(rows)),
    )


def saved(model: Model, folder: Path) -> Instance:
    """Save a model and return it as an instance."""
    arrays = folder / f"{model.name}.npz"
    model.save(arrays)
    sha256 = f"{abs(hash(model.name)):064x}"
    sizes = (model.columns, model.rows, model.nonzeros, model.integers)
    return Instance(sha256, model.name, folder / f"{model.name}.mps", arrays, *sizes, model.maximise)


def claimed(store: Store, instance: Instance, slots: int) -> Lease:
    """Return the lease of a new job on one instance."""
    sizes = (instance.columns, instance.rows, instance.nonzeros, instance.integers)
    job = store.create_job(
        Submission(
            name="bench",
            folder=str(instance.path.parent),
            holdout="0.3",
            solvers=("highs",),
            cost="par10",
            ties="mean",
            cutoff=10.0,
            budget=600.0,
            slots=slots,
            memory_mib=2048,
            gap=1e-4,
            seed=0,
            space="",
            members=(Member(instance.sha256, instance.name, str(instance.path), "training", *sizes),),
        )
    )
    return store.claim(job.id, this_process(), 3600.0)
