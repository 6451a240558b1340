"""One trial in Optuna's tables, written as a whole in a transaction of a few statements.

Optuna keeps the database locked while it builds some 150 statements for a trial, in Python and beside a race that
computes: 0.1 to 0.3 s, and one trial after the other at the end of a job. Others who wrote to the same file of SQLite
waited for seconds. Here everything is computed before the lock is taken.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import DateTime, MetaData, Table, func, insert, literal, select

_NAMES = ("studies", "trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")
_STEPS = "trial_intermediate_values"


class Trials:
    """Adds trials to a study, each in a short transaction."""

    def __init__(self, storage: RDBStorage, study: int) -> None:
        """Read what Optuna's tables are like, and which parameters the study has already."""
        self._storage, self._study = storage, study
        found = MetaData()
        with storage.engine.connect() as connection:
            self._tables = {name: Table(name, found, autoload_with=connection) for name in (*_NAMES, _STEPS)}
            params, trials = self._tables["trial_params"].c, self._tables["trials"].c
            known = select(params.param_name, params.distribution_json).distinct()
            own = known.join(self._tables["trials"], trials.trial_id == params.trial_id).where(trials.study_id == study)
            self._distributions: dict[str, str] = {
                row.param_name: row.distribution_json for row in connection.execute(own)
            }

    def add(self, trial: FrozenTrial) -> int:
        """Write a trial and return its id, after a pause in which others can write.

        Raises:
            ValueError: the study has a parameter of the same name with other kinds of values.
            KeyError: the study was deleted.

        """
        for name, distribution in trial.distributions.items():
            self._check(name, distribution)
        rows = _rows(trial)
        trials, studies = self._tables["trials"], self._tables["studies"]
        this = studies.c.study_id == self._study
        values = {
            "study_id": studies.c.study_id,
            "number": select(func.count()).where(trials.c.study_id == self._study).scalar_subquery(),
            "state": literal(trial.state.name, trials.c.state.type),
            "datetime_start": literal(_utc(trial.datetime_start), DateTime),
            "datetime_complete": literal(_utc(trial.datetime_complete), DateTime),
        }
        made = insert(trials).from_select(list(values), select(*values.values()).where(this))
        began = time.monotonic()
        with self._storage.engine.begin() as connection:
            if connection.dialect.name != "sqlite":  # which has one writer anyway
                connection.execute(select(studies.c.study_id).where(this).with_for_update())
            id_ = connection.execute(made.returning(trials.c.trial_id)).scalar()
            if id_ is None:
                raise KeyError(f"Optuna's study {self._study} was deleted")
            for name, some in rows.items():
                if some:
                    connection.execute(insert(self._tables[name]), [{"trial_id": id_, **row} for row in some])
        time.sleep(time.monotonic() - began)  # SQLite has no queue: a waiting writer tries again every 0.1 s
        return int(id_)

    def _check(self, name: str, distribution: BaseDistribution) -> None:
        text = distribution_to_json(distribution)
        known = self._distributions.setdefault(name, text)
        if known != text:
            check_distribution_compatibility(json_to_distribution(known), distribution)


def _rows(trial: FrozenTrial) -> dict[str, list[dict[str, Any]]]:
    """Return what the tables have of a trial, by their names."""
    params = [
        {"param_name": name, "param_value": kind.to_internal_repr(trial.params[name]), "distribution_json": text}
        for name, kind in trial.distributions.items()
        for text in [distribution_to_json(kind)]
    ]
    values = [
        {"objective": place, "value": number, "value_type": kind}
        for place, value in enumerate(trial.values or ())
        for number, kind in [_number(value)]
    ]
    steps = [
        {"step": step, "intermediate_value": number, "intermediate_value_type": kind}
        for step, value in trial.intermediate_values.items()
        for number, kind in [_number(value)]
    ]
    return {
        "trial_params": params,
        "trial_values": values,
        "trial_user_attributes": _attributes(trial.user_attrs.items()),
        "trial_system_attributes": _attributes(trial.system_attrs.items()),
        _STEPS: steps,
    }


def _attributes(items: Iterable[tuple[str, Any]]) -> list[dict[str, str]]:
    return [{"key": name, "value_json": json.dumps(value)} for name, value in items]


def _number(value: float) -> tuple[float | None, str]:
    """Return what Optuna keeps of a number, and what kind of number it is."""
    if math.isfinite(value):
        return value, "FINITE"
    return None, "NAN" if math.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"


def _utc(moment: datetime | None) -> datetime | None:
    """Return a local time as Optuna keeps it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
