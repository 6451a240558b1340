"""Optuna's own tables in the store's database, with a trial for each answered choice, for optuna-dashboard."""

from __future__ import annotations

from collections.abc import Callable

import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from tuner.leader.mirror import ERRORS, JOB, PERIOD, Description, Rounds, connect, describe, own_study
from tuner.leader.tables import Trials


class StudyMirror:
    """Writes trials in the order they are offered, from a thread of its own; `offer` never waits and nothing raises."""

    def __init__(self, url: str, name: str, maximise: bool, say: Callable[[str], None]) -> None:
        """Start the thread.

        Args:
            url: SQLAlchemy URL of the database.
            name: of the job, and of the study; trials that this job's study has already are not written again.
            maximise: the sense of F.
            say: called once with what is wrong when the tables cannot be written.

        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url, self._name, self._say = url, name, say
        self._direction = StudyDirection.MAXIMIZE if maximise else StudyDirection.MINIMIZE
        self._offered: list[FrozenTrial] = []
        self._storage: RDBStorage | None = None
        self._trials: Trials
        self._study, self._written = -1, 0
        """The study, and how many of the trials it has."""
        self._description: Description | None = None
        self._has_failed = False
        self._rounds = Rounds(self._round, PERIOD)
        self._rounds.start()

    def offer(self, trial: FrozenTrial) -> None:
        """Have a trial written some time soon. A job that goes on offers those of earlier processes first."""
        with self._rounds.lock:
            self._offered.append(trial)

    def describe(self, description: Description) -> None:
        """Have the study's page say this some time soon, in place of what it says."""
        with self._rounds.lock:
            self._description = description

    def close(self, timeout: float) -> None:
        """Write what is left and end the thread; give up after so many seconds."""
        self._rounds.close(timeout)

    def _round(self, closing: bool) -> None:
        with self._rounds.lock:
            known, description = len(self._offered), self._description
        try:
            self._open()
            self._write(known)
            if description is not None:
                describe(self._open(), self._study, description)
                with self._rounds.lock:
                    self._description = None if self._description is description else self._description
        except (*ERRORS, KeyError) as error:  # the latter of a study that was deleted
            if not self._has_failed:
                self._has_failed = True
                cause = str(error.__cause__ or error).splitlines()[0]
                self._say(f"Optuna's tables cannot be written ({cause}); the job goes on without them")
        if closing and self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()

    def _open(self) -> RDBStorage:
        if self._storage is None:
            storage = connect(self._url)
            with self._rounds.beginning():
                self._study, _ = own_study(storage, self._name, self._direction)
                storage.set_study_user_attr(self._study, JOB, self._name)
            self._written = storage.get_n_trials(self._study)
            self._trials = Trials(storage, self._study)
            self._storage = storage
        return self._storage

    def _write(self, known: int) -> None:
        while self._written < known:
            self._trials.add(self._offered[self._written])
            self._written += 1
