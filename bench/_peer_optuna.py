"""The script that an Optuna user writes: TPE with the Wilcoxon pruner, one process for each slot, a common journal."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from bench._peer import Client, Spec, deadline, done, score, spec_of_this_process


def suggest(trial: optuna.Trial, spec: Spec) -> dict[str, Any]:
    """Suggest the active parameters."""
    values: dict[str, Any] = {}
    for p in spec.parameters:
        if not all(values.get(other) in allowed for other, allowed in p.when):
            continue
        if p.kind == "integer":
            values[p.name] = trial.suggest_int(p.name, int(p.low), int(p.high), log=p.log)
        elif p.kind == "float":
            values[p.name] = trial.suggest_float(p.name, p.low, p.high, log=p.log)
        else:
            values[p.name] = trial.suggest_categorical(p.name, [False, True] if p.kind == "boolean" else list(p.values))
    return values


def study_of(spec: Spec, worker: int) -> optuna.Study:
    """Open the common study."""
    return optuna.create_study(
        study_name="tuning",
        storage=JournalStorage(JournalFileBackend(str(Path(spec.folder) / "journal.log"))),
        sampler=optuna.samplers.TPESampler(seed=spec.seed * 100 + worker),
        pruner=optuna.pruners.WilcoxonPruner(p_threshold=0.1),
        load_if_exists=True,
    )


def work(spec: Spec, worker: int, until: float) -> None:
    """Execute trials until the time is over."""
    study, client = study_of(spec, worker), Client(spec)
    generator = random.Random(spec.seed * 100 + worker)
    while time.monotonic() < until:
        trial = study.ask()
        values = suggest(trial, spec)
        trial.set_user_attr("values", values)
        costs: list[float] = []
        for place in generator.sample(range(spec.instances), spec.instances):
            if time.monotonic() >= until:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                return
            costs.append(score(spec, client.cost(values, place, trial.number)))
            trial.report(costs[-1], place)
            if trial.should_prune():
                break
        study.tell(trial, fmean(costs))


def main() -> None:
    spec = spec_of_this_process()
    until = deadline(spec)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study_of(spec, 0).enqueue_trial({p.name: p.default for p in spec.parameters})
    processes = [multiprocessing.Process(target=work, args=(spec, worker, until)) for worker in range(spec.slots)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    complete = study_of(spec, 0).get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    best = min(complete, key=lambda trial: trial.value, default=None)
    # A budget in which not even the default has seen every model leaves such a script with the default.
    done(spec, {} if best is None else best.user_attrs["values"])


if __name__ == "__main__":
    main()
