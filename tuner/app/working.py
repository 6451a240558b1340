"""Workers: processes that carry out the jobs that a server was handed, one at a time each.

A worker needs the store and nothing else: the models of a job lie in it, and are laid into the worker's own folder.
Workers on one machine or on many take the most urgent job that waits; one whose worker died is gone on with by another.
"""

from __future__ import annotations

import errno
import math
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from storage.errors import JobBusy, StoreError, StoreUnavailable, UnknownJob
from storage.lease import Lease, this_process
from storage.records import Event, Job, JobKind, ModelContent, Submission
from storage.store import Store
from tuner.app.discretion import without_places
from tuner.app.intake import check_base, submission_of
from tuner.app.job_data import MODELS
from tuner.app.job_folders import clear_unused, job_folder
from tuner.app.owning import LEASE_SECONDS, kept
from tuner.app.patience import patient
from tuner.app.progress import Progress
from tuner.app.solving import carry_out_own as solve
from tuner.app.stating import try_out
from tuner.app.tuning import LOCAL, Means
from tuner.app.tuning import carry_out_own as tune
from tuner.app.watchdog import watched
from tuner.cost import Cost, Ties
from tuner.errors import Failed, NotFound, TunerError, UsageError
from tuner.follower import cache
from tuner.follower.settings import settings_of
from tuner.scenario import Scenario

NOTE_EVERY = 600.0
"""Seconds after which a worker notes again in the store that it is there."""
MODELS_TOLD = 50
"""Events that say what became of models; the others are counted."""
IDLE = 1.0
"""Seconds between two looks for a job while none waits."""
GRACE = 5.0
"""Seconds that others have, when the store is back, to renew the leases that ran out while it was away."""
ODD_NAMES = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ, errno.EINVAL}
"""What the file system says of names that it does not take: a fault of the job, and not of this machine."""
JOBS = "jobs"
"""The folder, below the worker's own, of the folders of jobs."""
OVERTIME = 120.0
"""Seconds beyond its budget that a bilevel problem may take to end by itself."""
REST = 30.0
"""Seconds after which a job is tried again that this machine could not carry out."""


class Worker:
    """Takes jobs from a store and carries them out."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        slots: int,
        say: Callable[[str], None],
        means: Means = LOCAL,
        largest: float = math.inf,
    ) -> None:
        """Take no job yet.

        Args:
            store: whose jobs are carried out.
            folder: where models are laid; made if missing, and may be deleted while nobody works.
            slots: how many runs may execute at a time on this host, over all of its workers.
            say: told what happens, a line each.
            means: what tuning jobs are carried out with.
            largest: bytes that the models of one job may take in the folder.

        """
        self._largest = largest
        self._folder, self._slots, self._say, self._means = folder, slots, say, means
        self._noted = -math.inf
        self._stop = threading.Event()
        self._bare, self._store = store, patient(store, say, self._stop)
        self._job_stop = threading.Event()

    def stop(self) -> None:
        """Give the job back that is worked on, and take no other; safe in a signal handler."""
        self._stop.set()
        self._job_stop.set()

    def work(self, until_idle: bool = False) -> None:
        """Carry out jobs until `stop` is called, or, if so wanted, until none waits."""
        clear_unused(self._folder / JOBS)
        while not self._stop.is_set():
            try:
                self._note()
                lease = self._claimed()
                if lease is not None:
                    self._carry_out(lease)
                elif until_idle and not self._stop.is_set():
                    return
                else:
                    self._stop.wait(IDLE)
            except StoreUnavailable:
                continue  # it was waited for in vain, or nobody wants to wait any more

    def _note(self) -> None:
        """Say now and then how many slots there are here, which the server's metrics tell."""
        if time.monotonic() > self._noted + NOTE_EVERY:
            with suppress(StoreUnavailable):  # `_claimed` waits for it
                self._bare.note_worker(this_process().host, self._slots)
                self._noted = time.monotonic()

    def _claimed(self) -> Lease | None:
        """Take the next job; while the store is away nobody's lease is over, except that he is gone for good."""
        try:
            return self._bare.claim_next(this_process(), LEASE_SECONDS, self._slots)
        except StoreUnavailable:
            self._store.states()
            self._stop.wait(GRACE)
            return self._store.claim_next(this_process(), LEASE_SECONDS, self._slots)

    def _carry_out(self, lease: Lease) -> None:
        """Carry out a job; whatever is wrong with it is told, and the worker goes on with the next."""
        self._job_stop = threading.Event()
        if self._stop.is_set():
            self._job_stop.set()
        store = self._store
        try:
            job = store.job(lease.job_id)
        except UnknownJob:
            self._let_go_of_deleted(lease)
            return
        self._say(f"{job.name}: taken")
        seconds = max(0.0, job.budget - job.spent) + OVERTIME if job.kind is JobKind.SOLVE else math.inf
        try:
            with (
                watched(self._bare, lease, self._job_stop, seconds, self._say),
                kept(store, lease, self._job_stop, Failed, UsageError, NotFound),
                job_folder(self._folder / JOBS, job.id) as own,
            ):
                self._work_on(job, lease, own)
        except JobBusy as error:
            self._say(str(error))
            return
        except UnknownJob:
            self._let_go_of_deleted(lease)
            return
        except (TunerError, StoreError) as error:
            self._say(f"{job.name}: {error}")
            return
        except OSError as error:  # this machine's fault, not the job's: it was given back, and others may do better
            self._say(f"{job.name}: {error}; see that this machine has space; it is tried again in {REST:.0f} s")
            self._stop.wait(REST)
            return
        finally:
            cache.let_go()
        try:
            done = store.standing(job.id)
        except UnknownJob:
            self._let_go_of_deleted(lease)
            return
        self._say(f"{job.name}: {done.state.value}{', ' + done.outcome if done.outcome else ''}")

    def _let_go_of_deleted(self, lease: Lease) -> None:
        """Let what a job has left go that was deleted while it was worked on."""
        self._say(f"job {lease.job_id}: deleted")
        self._store.release(lease)
        self._store.sweep()

    def _work_on(self, job: Job, lease: Lease, own: Path) -> None:
        """Carry out a job; what goes wrong with it that nobody has thought of fails it, and not this worker.

        Reasons call models as whoever handed them in does, and say nothing of where they lie here.
        """
        models = own / named_folder(job.folder)
        try:
            if job.kind is JobKind.SOLVE:
                self._solve(job, lease)
            else:
                tune(self._store, self._local(job, lease, own), lease, _Ear(self._say), self._job_stop, self._means)
        except TunerError as error:
            raise type(error)(without_places(str(error), models, own), *error.go_on) from error
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno not in ODD_NAMES:
                raise
            self._say("".join(traceback.format_exception(error)).rstrip())
            reason = without_places(str(error), models, own)
            raise Failed(f"it cannot be carried out: {type(error).__name__}: {reason}") from error

    def _solve(self, job: Job, lease: Lease) -> None:
        """Solve a bilevel problem, after it was seen that reading it does no harm here."""
        if job.slots > self._slots:
            job = replace(job, slots=self._slots)
            self._store.settle(lease, job)
        if self._store.bracket(job.id) is None:
            try_out(job.document, self._job_stop)
        solve(self._store, job, lease, lambda _: None, self._say, self._job_stop)

    def _local(self, job: Job, lease: Lease, own: Path) -> Job:
        """Return a job with its models laid into a folder of its own; they are looked at first if nobody did yet."""
        if job.instance_set is None:
            raise Failed(f"job {job.name!r} has no instance set")
        folder = own / named_folder(job.folder)
        places: dict[str, Path] = {}
        laid = 0
        for name, model in self._store.instance_set(job.instance_set).members:
            place = folder / f"{name}{model.suffix}"
            if not place.resolve().is_relative_to(folder.resolve()):  # which no upload lets through
                raise Failed(f"job {job.name!r}: model {name!r} would lie outside of its folder")
            laid += self._lay(model, place)
            if laid > self._largest:
                raise Failed(
                    f"its models take more than {self._largest / 2**20:g} MiB, the limit of this worker's folder; "
                    "those who run the worker can raise it (tuner work --folder-limit)"
                )
            places[model.sha256] = place
        if not job.members:
            scenario = replace(_scenario(job, folder), slots=min(job.slots, self._slots))
            said: list[str] = []
            try:
                submission = submission_of(scenario, _Ear(said.append))
                check_base(job.base, submission.solvers)
                self._store.settle(lease, _as_handed_in(submission, own))
            finally:  # also when too few can be used: which models are left out, and why
                self._tell(lease, said, folder)
            job = self._store.job(job.id)
        here = tuple(replace(member, path=str(places[member.sha256])) for member in job.members)
        return replace(job, members=here, slots=min(job.slots, self._slots))

    def _tell(self, lease: Lease, said: list[str], folder: Path) -> None:
        """Keep what was said of a job's models, as whoever handed them in calls them."""
        for line in said:
            self._say(line)
        told = [without_places(line, folder) for line in said[:MODELS_TOLD]]
        if len(said) > MODELS_TOLD:
            told.append(f"and {len(said) - MODELS_TOLD} more lines like these")
        for line in told:
            self._store.add_event(lease, Event(0.0, MODELS, line))

    def _lay(self, model: ModelContent, place: Path) -> int:
        """Lay a model's file into a folder, and return its bytes."""
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            return sum(file.write(piece) for piece in self._store.model(model.sha256))


class _Ear:
    """Watches a job for whoever reads the worker's lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def show(self, progress: Progress) -> None:
        """Nothing: who wants to know looks into the store."""


def named_folder(name: str) -> str:
    """Return the name of a folder for a set of models."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip(".")
    return plain[:80] or "models"


def _as_handed_in(submission: Submission, own: Path) -> Submission:
    """Return what was handed in with the models' paths as its owner has them: below the folder's name."""
    members = [replace(each, path=str(Path(each.path).relative_to(own.resolve()))) for each in submission.members]
    return replace(submission, members=tuple(members))


def _scenario(job: Job, folder: Path) -> Scenario:
    """Return what a server was handed, on models that are here."""
    return Scenario(
        folder=str(folder),
        solver=",".join(job.solvers),
        budget=job.budget,
        cutoff=job.cutoff,
        cost=Cost(job.cost),
        ties=Ties(job.ties),
        holdout=job.holdout,
        memory=float(job.memory_mib),
        gap=job.gap,
        seed=job.seed,
        reuse=job.reuse,
        fix=settings_of(job.fixed),
    )
