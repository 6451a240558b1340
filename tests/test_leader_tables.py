"""Optuna reads what we write into its tables as if it had written that itself."""

from __future__ import annotations

import math
from datetime import datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import event

from tuner.leader.mirror import connect
from tuner.leader.tables import Trials

KINDS = {
    "a": FloatDistribution(1e-6, 1.0, log=True),
    "b": IntDistribution(0, 9),
    "c": CategoricalDistribution(("x", "y")),
}


def a_trial(state: TrialState = TrialState.COMPLETE, value: float | None = -0.5) -> FrozenTrial:
    return create_trial(
        state=state,
        value=value,
        params={"a": 0.25, "b": 3, "c": "y"},
        distributions=KINDS,
        user_attrs={"configuration": "k", "runs": 2},
        system_attrs={"constraints": [0.0]},
        intermediate_values={0: 1.5, 3: math.inf, 7: -math.inf, 9: math.nan},
    )


@pytest.fixture
def storage(database_url: str) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return connect(database_url.replace("postgresql://", "postgresql+psycopg://"))


def as_told(trial: FrozenTrial) -> dict[str, object]:
    told = {
        name.lstrip("_"): value for name, value in vars(trial).items() if name not in ("_trial_id", "_number", "number")
    }
    steps = told.pop("intermediate_values")
    assert isinstance(steps, dict)
    return {**told, "steps": [(step, str(value)) for step, value in sorted(steps.items())]}


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (TrialState.COMPLETE, -0.5),
        (TrialState.COMPLETE, math.inf),
        (TrialState.COMPLETE, -math.inf),
        (TrialState.RUNNING, None),
        (TrialState.PRUNED, None),
    ],
)
def test_a_trial_is_read_as_the_one_that_optuna_itself_writes(
    storage: RDBStorage, state: TrialState, value: float | None
) -> None:
    study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "day")
    trial = a_trial(state, value)
    trial.datetime_start = datetime(2026, 1, 2, 3, 4, 5, 678)
    theirs = storage.create_new_trial(study, template_trial=trial)
    ours = Trials(storage, study).add(trial)
    assert as_told(storage.get_trial(ours)) == as_told(storage.get_trial(theirs))
    assert [each.number for each in storage.get_all_trials(study)] == [0, 1]


def test_trials_are_numbered_by_study(storage: RDBStorage) -> None:
    studies = [storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], name) for name in ("a", "b")]
    for study in (*studies, *studies):
        Trials(storage, study).add(a_trial())
    for study in studies:
        assert [each.number for each in storage.get_all_trials(study)] == [0, 1]


def test_a_parameter_of_another_kind_is_refused_as_optuna_does(storage: RDBStorage) -> None:
    study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "day")
    Trials(storage, study).add(a_trial())
    other = create_trial(value=1.0, params={"c": 1}, distributions={"c": IntDistribution(0, 9)})
    with pytest.raises(ValueError, match="distribution"):
        Trials(storage, study).add(other)
    wider = create_trial(value=1.0, params={"b": 90}, distributions={"b": IntDistribution(0, 99)})
    Trials(storage, study).add(wider)
    assert storage.get_n_trials(study) == 2


def test_a_study_that_was_deleted_is_told_apart(storage: RDBStorage) -> None:
    study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "day")
    trials = Trials(storage, study)
    storage.delete_study(study)
    with pytest.raises(KeyError, match="was deleted"):
        trials.add(a_trial())


def test_a_trial_takes_few_statements_while_the_database_is_locked(storage: RDBStorage) -> None:
    study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "day")
    trials, said = Trials(storage, study), []
    event.listen(storage.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    many = {f"p{n}": FloatDistribution(0.0, 1.0) for n in range(100)}
    trials.add(create_trial(value=1.0, params=dict.fromkeys(many, 0.5), distributions=many))
    assert len(said) <= 5
