"""Optuna's own tables in the store's database, with a trial for each answered choice, for optuna-dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Thread

import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from tuner.leader.mirror import ERRORS, JOB, PERIOD, REST, connect, own_study


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
        self._trials: list[FrozenTrial] = []
        self._written = -1
        """How many of them the study has; below 0 before anybody looked."""
        self._has_failed = False
        self._wake = Condition()
        self._closing = False
        self._thread = Thread(target=self._work, name="optuna-mirror", daemon=True)
        self._thread.start()

    def offer(self, trial: FrozenTrial) -> None:
        """Have a trial written some time soon. A job that goes on offers those of earlier processes first."""
        with self._wake:
            self._trials.append(trial)

    def close(self, timeout: float) -> None:
        """Write what is left and end the thread; give up after so many seconds."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        rest, storage, study = PERIOD, None, -1
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closing, rest)
                closing, known = self._closing, len(self._trials)
            before = time.thread_time()
            try:
                if storage is None:
                    storage = connect(self._url)
                    study, _ = own_study(storage, self._name, self._direction)
                    storage.set_study_user_attr(study, JOB, self._name)
                    self._written = storage.get_n_trials(study)
                self._write(storage, study, known)
            except ERRORS as error:
                if not self._has_failed:
                    self._has_failed = True
                    cause = str(error.__cause__ or error).splitlines()[0]
                    self._say(f"Optuna's tables cannot be written ({cause}); the job goes on without them")
            if closing:
                if storage is not None:
                    storage.remove_session()
                    storage.engine.dispose()
                return
            rest = max(PERIOD, REST * (time.thread_time() - before))

    def _write(self, storage: RDBStorage, study: int, known: int) -> None:
        while self._written < known:
            storage.create_new_trial(study, template_trial=self._trials[self._written])
            self._written += 1
