"""Optuna's own tables in the job's database, kept in step for optuna-dashboard.

One trial is one configuration. A thread of its own writes them, so slowly that the race does not notice; trials that
change several times meanwhile are written once. The tables are for people only: nothing is ever read back from them but
which trials are there already.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, count
from threading import Condition, Lock, Thread
from typing import Any, Protocol

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from storage.records import spell
from tuner.extras import DASHBOARD
from tuner.leader.candidate import Status, Trial
from tuner.leader.study import distributions
from tuner.leader.tables import Trials
from tuner.space import Space

REST = 50.0
"""The thread rests so many times as long as it has worked: two percent of a core are its share."""
PERIOD = 2.0
"""Seconds between two looks for changes, at least."""
BUSY = 30.0
"""Seconds to wait for another writer of an SQLite database."""
ATTEMPTS, AGAIN = 5, 0.2
"""To make the tables beside other processes that do so, and the seconds between two of these, at most."""
EPSILON = 1e-9
FEASIBLE, REFUSED = 0.0, 1.0
"""Values of the constraint: whether all answers were inside C. Optuna's rule: at most 0 is feasible."""
CONSTRAINT = "answer"
KEY = "configuration"
"""User attribute that says which configuration a trial is."""
JOB = "tuner job"
"""User attribute that says which job's mirror made a study."""
ERRORS = (SQLAlchemyError, optuna.exceptions.OptunaError, OSError, ValueError)
"""What Optuna raises when it cannot write; ValueError for a study of an earlier version, with another space."""


class Drawn(Protocol):
    """A figure of Plotly's."""

    def to_json(self) -> str | None:
        """Return it as JSON."""
        ...


@dataclass(frozen=True)
class Description:
    """What a study's page says besides its trials."""

    note: str
    """In Markdown."""
    figures: Mapping[str, Drawn] = field(default_factory=dict)
    """By what identifies each; one with the name of an earlier one replaces it."""


class GivenUp(Exception):
    """Nobody waits for a mirror any more: its job may be deleted by now, and what it began then would be nobody's."""


class Rounds:
    """A thread that does something now and then, and rests `REST` times as long as it took."""

    def __init__(self, do: Callable[[bool], None], first: float) -> None:
        """Set what to do.

        Args:
            do: called again and again, the last time with True.
            first: seconds before it is called for the first time.

        """
        self.lock = Condition()
        """For what `do` shares with other threads."""
        self._do, self._rest = do, first
        self._closing = self._is_given_up = False
        self._begins = Lock()
        self._thread = Thread(target=self._work, name="optuna-mirror", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Do it for the last time and end the thread; give up after ``timeout`` seconds.

        Nothing begins after that; what is in the middle of `beginning` is waited for some more.
        """
        with self.lock:
            self._closing = True
            self.lock.notify()
        self._thread.join(timeout)
        self._is_given_up = True
        if self._begins.acquire(timeout=BUSY):
            self._begins.release()

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Begin, in the thread, something that would be left behind if it were only found after `close`.

        Raises GivenUp when it is too late for that.
        """
        with self._begins:
            if self._is_given_up:
                raise GivenUp
            yield

    def _work(self) -> None:
        with suppress(GivenUp):
            self._repeat()

    def _repeat(self) -> None:
        closing = False
        while not closing:
            with self.lock:
                self.lock.wait_for(lambda: self._closing, self._rest)
                closing = self._closing
            before = time.thread_time()
            self._do(closing)
            self._rest = max(PERIOD, REST * (time.thread_time() - before))


@dataclass
class _Written:
    """What the tables say of a trial."""

    id: int
    trial: Trial | None
    """As it was offered last; None for a trial of an earlier process that the race has not told of yet."""
    state: TrialState
    value: float | None
    attributes: dict[str, Any]


class Mirror:
    """Keeps an Optuna study in step with a race. `offer` and `close` never raise and `offer` never waits."""

    def __init__(
        self,
        url: str,
        name: str,
        spaces: Mapping[str, Space],
        say: Callable[[str], None],
        instances: Sequence[str] = (),
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Start the thread.

        Args:
            url: SQLAlchemy URL of the database.
            name: of the job, and of the study; one that this job's mirror made is gone on with, and where somebody else
                made a study of this name, it has " (tuner)" added.
            spaces: by solver.
            say: called from the thread when the study has another name than the job, and once with what is wrong when
                the tables cannot be written; that is tried again until `close`.
            instances: the names of the training instances, by index, to be shown as an attribute of the study.
            is_wanted: asked, in the thread, whether the job is still there before a study that is gone is made again.

        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url = url
        self._name = name
        self._instances = list(instances)
        self._say, self._is_wanted = say, is_wanted
        self._has_failed = False
        self._spaces = spaces
        self._pending: dict[str, Trial] = {}
        self._description: Description | None = None
        self._storage: RDBStorage | None = None
        self._trials: Trials
        self._study = -1
        self._written: dict[str, _Written] = {}
        self._incumbent: str = ""
        self._rounds = Rounds(self._round, 0.0)
        self._rounds.start()

    def offer(self, trials: Sequence[Trial]) -> None:
        """Have these trials written some time soon, in place of what was offered of them before."""
        with self._rounds.lock:
            for trial in trials:
                self._pending[trial.configuration.key] = trial

    def describe(self, description: Description) -> None:
        """Have the study's page say this some time soon, in place of what it says."""
        with self._rounds.lock:
            self._description = description

    def close(self, timeout: float = 60.0) -> None:
        """Write everything that is pending and end the thread; give up after ``timeout`` seconds."""
        self._rounds.close(timeout)

    def __enter__(self) -> Mirror:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread

    def _round(self, closing: bool) -> None:
        with self._rounds.lock:
            batch, self._pending = self._pending, {}
        done = self._write(batch)
        if closing:
            self._finish(done)

    def _write(self, batch: Mapping[str, Trial]) -> bool:
        """Write a batch; what cannot be written now is pending again. Returns whether all was written."""
        left = dict(batch)
        try:
            for key, trial in batch.items():
                if trial.status is Status.INCUMBENT:
                    self._incumbent = key
                self._put(key, trial)
                del left[key]
            if batch:
                self._let_the_incumbent_lead()
            self._describe()
        except KeyError:
            self._begin_anew(left)
            return False
        except ERRORS as error:
            with self._rounds.lock:
                self._pending = {**left, **self._pending}
            self._report(error)
            return False
        return True

    def _describe(self) -> None:
        with self._rounds.lock:
            description, self._description = self._description, None
        if description is None:
            return
        try:
            describe(self._open(), self._study, description)
        except (*ERRORS, KeyError):
            with self._rounds.lock:
                self._description = self._description or description
            raise

    def _begin_anew(self, left: Mapping[str, Trial]) -> None:
        """Forget a study that somebody deleted (the dashboard has a button for it); the next batch makes another.

        Raises GivenUp where it went with the job: nobody would ever delete another one.
        """
        if not self._is_wanted():
            raise GivenUp
        with self._rounds.beginning():
            pass  # nor is one made that nobody waits for
        known = {key: written.trial for key, written in self._written.items() if written.trial is not None}
        with self._rounds.lock:
            self._pending = {**known, **left, **self._pending}
        self._study, self._storage, self._written = -1, None, {}
        self._say(f"Optuna's study {self._name!r} was deleted; it is made anew with what this process has seen")

    def _finish(self, complete: bool) -> None:
        """Leave no trial running, and let go of the database."""
        try:
            for key, written in self._written.items() if complete else ():
                if written.state is TrialState.RUNNING and written.trial is not None:
                    racing = written.trial.status is Status.RACING
                    self._set(key, written, TrialState.PRUNED if racing else TrialState.COMPLETE)
            if self._storage is not None:
                self._storage.remove_session()
                self._storage.engine.dispose()
        except ERRORS as error:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        if not self._has_failed:
            self._has_failed = True
            cause = str(error.__cause__ or error).splitlines()[0]
            self._say(f"Optuna's tables cannot be written ({cause}); the job goes on without them and tries again")

    def _open(self) -> RDBStorage:
        """Return the storage, with the study in it and what it holds of an earlier process known."""
        if self._storage is None:
            storage = connect(self._url)
            with self._rounds.beginning():
                if self._study < 0:
                    self._study, name = own_study(storage, self._name, StudyDirection.MINIMIZE)
                    if name != self._name:
                        self._say(f"the study {self._name!r} of Optuna is somebody else's; this job's is {name!r}")
                storage.set_study_user_attr(self._study, JOB, self._name)
            storage.set_study_user_attr(self._study, "instances", dict(enumerate(self._instances)))
            self._load(storage)
            self._trials = Trials(storage, self._study)
            self._storage = storage
        return self._storage

    def _load(self, storage: RDBStorage) -> None:
        """Find the trials that are there: in two queries, since Optuna takes ten milliseconds for each."""
        trials = text(
            "SELECT t.trial_id, t.state, v.value FROM trials t LEFT JOIN trial_values v ON v.trial_id = t.trial_id "
            "WHERE t.study_id = :study"
        )
        attributes = text(
            "SELECT a.trial_id, a.key, a.value_json FROM trial_user_attributes a JOIN trials t "
            "ON t.trial_id = a.trial_id WHERE t.study_id = :study"
        )
        with storage.engine.connect() as connection:
            found = {
                trial: _Written(trial, None, TrialState[state], value, {})
                for trial, state, value in connection.execute(trials, {"study": self._study})
            }
            for trial, name, value in connection.execute(attributes, {"study": self._study}):
                found[trial].attributes[name] = json.loads(value)
        self._written = {w.attributes[KEY]: w for w in found.values() if KEY in w.attributes}

    def _put(self, key: str, trial: Trial) -> None:
        """Bring one trial up to date, in as few transactions as it takes."""
        storage = self._open()
        state = TrialState.RUNNING if trial.status in (Status.RACING, Status.ELITE) else TrialState.COMPLETE
        value = self._beaten(key, trial.value)
        attributes = _attributes(trial)
        written = self._written.get(key)
        if written is None:
            template = _frozen(trial, self._spaces, state, value if state is TrialState.COMPLETE else None, attributes)
            id_ = self._trials.add(template)
            self._written[key] = _Written(id_, trial, state, value, attributes)
            return
        if written.state is TrialState.COMPLETE and trial.status is Status.ELITE:
            state = TrialState.COMPLETE
        news = {name: v for name, v in attributes.items() if written.attributes.get(name) != v and name != "origin"}
        old = {} if written.trial is None else written.trial.costs
        if news or state is not written.state or (state is TrialState.COMPLETE and value != written.value):
            self._reopen(written)
            for name, v in news.items():
                storage.set_trial_user_attr(written.id, name, v)
            for step, cost in trial.costs.items():
                if old.get(step) != cost:
                    storage.set_trial_intermediate_value(written.id, step, cost)
            if "status" in news:
                for name, v in _constraints(trial).items():
                    storage.set_trial_system_attr(written.id, name, v)
            written.attributes.update(news)
            if state is TrialState.COMPLETE:
                written.trial = trial
                self._set(key, written, state)
        written.trial = trial

    def _set(self, key: str, written: _Written, state: TrialState) -> None:
        """Finish a trial with the value of its latest offer."""
        if written.trial is None:
            return
        storage = self._open()
        value = self._beaten(key, written.trial.value)
        self._reopen(written)
        storage.set_trial_state_values(written.id, state, [value])
        written.state, written.value = state, value

    def _reopen(self, written: _Written) -> None:
        """Make a finished trial one that Optuna lets us change: a value may be refined, an answer refuted later.

        Optuna has no call for this. A dashboard that has read the trial as finished shows the change when it is
        started again.
        """
        if written.state is not TrialState.RUNNING:
            with self._open().engine.begin() as connection:
                connection.execute(text("UPDATE trials SET state = 'RUNNING' WHERE trial_id = :id"), {"id": written.id})
            written.state = TrialState.RUNNING

    def _let_the_incumbent_lead(self) -> None:
        """Raise the values of others that are better than the incumbent's: they are so by luck, on fewer pairs."""
        for key, written in self._written.items():
            trial = written.trial if written.state is TrialState.COMPLETE else None
            if trial is not None and written.value != self._beaten(key, trial.value):
                self._set(key, written, TrialState.COMPLETE)

    def _beaten(self, key: str, value: float | None) -> float:
        """Return the value, or one that is worse than the incumbent's if it is better."""
        own = 0.0 if value is None else value
        incumbent = self._written.get(self._incumbent)
        if key == self._incumbent or incumbent is None or incumbent.trial is None or incumbent.trial.value is None:
            return own
        return max(own, incumbent.trial.value + EPSILON)


def frozen(trial: Trial, spaces: Mapping[str, Space]) -> FrozenTrial:
    """Return a race's trial as one of Optuna's that is over: pruned where its value is of a part of the models only."""
    is_whole = trial.status not in (Status.RACING, Status.ELITE) and trial.value is not None
    state = TrialState.COMPLETE if is_whole else TrialState.PRUNED
    return _frozen(trial, spaces, state, trial.value if is_whole else None, _attributes(trial))


def _frozen(
    trial: Trial, spaces: Mapping[str, Space], state: TrialState, value: float | None, attributes: dict[str, Any]
) -> FrozenTrial:
    solver = trial.configuration.solver
    space = spaces[solver]
    active = space.complete(trial.configuration.values)
    active = {name: value for name, value in active.items() if space[name].domain.contains(value)}
    own = distributions(space)
    params: dict[str, Any] = {f"{solver}:{name}": active[name] for name in active}
    kinds: dict[str, BaseDistribution] = {f"{solver}:{name}": own[name] for name in active}
    if len(spaces) > 1:
        params["solver"] = solver
        kinds["solver"] = CategoricalDistribution(tuple(spaces))
    return optuna.trial.create_trial(
        state=state,
        value=value,
        params=params,
        distributions=kinds,
        user_attrs=attributes,
        system_attrs=_constraints(trial),
        intermediate_values=dict(trial.costs),
    )


def _attributes(trial: Trial) -> dict[str, Any]:
    changes = " ".join(f"{name}={spell(value)}" for name, value in trial.configuration.parameters)
    return {
        KEY: trial.configuration.key,
        "solver": trial.configuration.solver,
        "changes": changes or "default",
        "origin": trial.origin,
        "status": str(trial.status),
        "runs": trial.runs,
        "solved": trial.solved,
        **({"reason": trial.reason} if trial.reason else {}),
    }


def _constraints(trial: Trial) -> dict[str, Any]:
    """Return the constraint as Optuna keeps it, and as the dashboard reads it."""
    value = REFUSED if trial.status is Status.FLAGGED else FEASIBLE
    return {f"constraints:{CONSTRAINT}": value, "constraints": [value]}


def own_study(storage: RDBStorage, job: str, direction: StudyDirection) -> tuple[int, str]:
    """Return id and name of the study that this job's mirror made, now or in an earlier process.

    It is called as the job, or with " (tuner)" added where somebody else has a study of that name.
    """
    for study in storage.get_all_studies():
        # One without anything in it is what a process left that was killed before it could mark it.
        id_, name = study._study_id, study.study_name
        blank = name == job and not study.user_attrs and not storage.get_n_trials(id_)
        if blank or study.user_attrs.get(JOB) == job:
            return id_, name
    for name in chain((job, f"{job} (tuner)"), (f"{job} (tuner {n})" for n in count(2))):
        with suppress(optuna.exceptions.DuplicatedStudyError):
            return storage.create_new_study([direction], name), name
    raise AssertionError("there are always more names")


def describe(storage: RDBStorage, study: int, description: Description) -> None:
    """Write a study's note and figures, as optuna-dashboard shows them; nothing where that is not installed."""
    if not DASHBOARD.is_there:
        return
    from optuna_dashboard import save_note, save_plotly_graph_object  # here: it takes a while

    own = optuna.load_study(study_name=storage.get_study_name_from_id(study), storage=storage)
    save_note(own, description.note)
    for name, figure in description.figures.items():
        save_plotly_graph_object(own, figure, graph_object_id=name)


def connect(url: str) -> RDBStorage:
    """Open Optuna's storage in a database that another connection writes to at the same time."""
    if not url.startswith("sqlite"):
        return _created(url, {"pool_pre_ping": True})  # the server may have been away meanwhile
    storage = _created(url, {"connect_args": {"timeout": BUSY}})

    def configure(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    event.listen(storage.engine, "connect", configure)
    storage.engine.dispose()
    return storage


def _created(url: str, options: dict[str, Any]) -> RDBStorage:
    """Open Optuna's storage; its tables are made where there are none.

    Optuna looks whether a table is there, and then makes it: where two processes do so at a time, one of them fails,
    and finds the table when it tries again.
    """
    for _ in range(ATTEMPTS):
        with suppress(SQLAlchemyError, optuna.exceptions.OptunaError):
            return RDBStorage(url, engine_kwargs=options)
        time.sleep(random.uniform(0.0, AGAIN))
    return RDBStorage(url, engine_kwargs=options)
