"""Carrying out a job: the race on training, then the verdict on the holdout. Here leader, followers and store meet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from instances.folder import ModelFile
from instances.instance import Instance
from storage.errors import StoreError
from storage.lease import Lease
from storage.records import Configuration, Event, Incumbent, Job, Purpose, Response, Run, StoredRun, Termination
from storage.store import Store
from tuner.app import study_page
from tuner.app.discretion import without_places
from tuner.app.drawing import figures
from tuner.app.figures import figures_of
from tuner.app.goals import ENDED, EXPLORED, FEW_RUNS, Goals, verdict_end
from tuner.app.news import News
from tuner.app.owning import owned
from tuner.app.patience import clock
from tuner.app.progress import Progress, Watcher
from tuner.app.reuse import NOTHING, experience_of
from tuner.cost import Cost, Ties
from tuner.errors import Failed, Stopped
from tuner.follower.environment import environment_of
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import READING_MIB, READING_SECONDS, cache_directory, complaint, read_instances
from tuner.follower.referee import Referee
from tuner.follower.scaling import unit_by
from tuner.follower.settings import with_fixed
from tuner.follower.spaces import spaces_of
from tuner.leader.any_budget import AnyBudget
from tuner.leader.behind import Behind
from tuner.leader.experience import Experience
from tuner.leader.loop import Ending, race
from tuner.leader.mirror import Description, Mirror
from tuner.leader.prior import NOTHING as NO_PRIOR
from tuner.leader.shipped import expected, shipped_for
from tuner.ports import Executor
from tuner.space import Space
from tuner.verdict.decide import Verdict, decide
from tuner.verdict.delicate import delicate, sentences
from tuner.verdict.holdout import AGAIN, FEWEST, Contenders, affordable, contenders, lacking, plan, repeated, reserve
from tuner.verdict.starved import is_starved
from tuner.verdict.words import busy, paragraph

SHOW_EVERY = 0.2
"""Seconds between two reports of progress."""
MIRROR_SECONDS, STOPPED_MIRROR_SECONDS = 60.0, 1.0
"""What Optuna's tables may take at the end of a job, and when somebody waits for it to stop."""
SETTLE_EVERY, SETTLE_PART = 5.0, 0.02
"""Seconds, and the part of the budget where that is less, after which the time that the verdict needs is estimated
again."""

RACING = "racing"
"""The phase in which the leader chooses, whether it races or, with few runs, explores."""
REUSED = "reused"
"""The kind of the event that says what a job uses of earlier ones."""


@dataclass(frozen=True)
class Conclusion:
    """How carrying out a job ended."""

    job: Job
    runs: int
    """How many are stored."""
    verdict: Verdict | None
    """None when it was interrupted before the verdict."""


@dataclass(frozen=True)
class Means:
    """What a job is carried out with: solvers here and now, or simulated ones in a time of their own."""

    executor: Callable[[Mapping[str, Instance], Job, threading.Event], AbstractContextManager[Executor]]
    """Makes what executes a job's runs, on its models by SHA-256; raises Stopped when the event is set meanwhile."""
    clock: Callable[[Store], float]
    """Seconds, by which the budget is counted; those for which the store was waited for are not."""
    spaces: Callable[[Job], Mapping[str, Space]]
    """What may be chosen, by solver."""


@contextmanager
def _local(instances: Mapping[str, Instance], job: Job, stop: threading.Event) -> Iterator[LocalExecutor]:
    is_watched = not Cost(job.cost).is_time  # else a run is capped, and has no cost before its end
    with LocalExecutor(instances, job.slots, job.memory_mib, job.gap, is_watched=is_watched) as executor:
        executor.prepare(job.solvers, stop)
        yield executor


LOCAL = Means(_local, clock, lambda job: spaces_of(job.solvers, job.space))


def carry_out(store: Store, job: Job, watcher: Watcher, stop: threading.Event) -> Conclusion:
    """Claim a job and carry it out from where it stands to its verdict, or until ``stop`` is set.

    Every response is in the store before anything is made of it, so that a process that dies loses none and
    whoever goes on executes none again.

    Raises:
        storage.errors.JobOver: it is finished.
        storage.errors.JobBusy: another process works on it.
        storage.errors.UnknownJob: it was deleted meanwhile.
        Failed: nothing can be solved, or a model is gone; the message says what to do.

    """
    with owned(store, job, stop, Failed) as lease:
        return carry_out_own(store, store.job(job.id), lease, watcher, stop)


def carry_out_own(
    store: Store, job: Job, lease: Lease, watcher: Watcher, stop: threading.Event, means: Means = LOCAL
) -> Conclusion:
    """Carry out a job that this process owns; its members' paths are here."""
    try:
        verdict = _Work(store, job, lease, watcher, stop, means).carry_out()
    except Stopped:
        verdict = None
    if verdict is None:
        store.interrupt(lease)
    return Conclusion(store.job(job.id), store.count(job.id), verdict)


class _Work:
    """One job in the hands of this process."""

    def __init__(
        self, store: Store, job: Job, lease: Lease, watcher: Watcher, stop: threading.Event, means: Means
    ) -> None:
        self._store, self._job, self._lease, self._watcher, self._stop = store, job, lease, watcher, stop
        self._means = means
        self._clock: Callable[[], float] = partial(means.clock, store)
        self._began: float
        """When the budget began, by the clock, had the job been carried out in one go: when runs could be executed."""
        self._instances = _instances(job, stop)
        self._names = {member.sha256: member.name for member in job.members}
        paths = {member.sha256: member.path for member in store.job(job.id).members}  # as they were handed in
        self._news = News(job, self._names, paths)
        self._training = [member.sha256 for member in job.members if member.part == "training"]
        self._holdout = [member.sha256 for member in job.members if member.part == "holdout"]
        self._cost = Cost(job.cost)
        self._spaces = with_fixed(means.spaces(job), job.fixed)
        self._reserve = 0.0
        self._phase = RACING
        self._shown = 0.0
        self._settled = 0.0
        self._referee = Referee(job.gap)
        self._behind = Behind(self._cost, job.cutoff)
        experience = self._experience()
        self._race = AnyBudget(
            self._spaces,
            self._training,
            cost=self._cost,
            ties=Ties(job.ties),
            cutoff=job.cutoff,
            budget=job.budget,
            slots=job.slots,
            seed=job.seed,
            priors=experience.priors,
            first=experience.first(self._spaces),
            base=job.base,
        )
        self._done: set[Run] = set()
        known = {stored.run: stored.response for stored in store.responses(job.id)}
        judged: dict[Run, Response] = {}
        for run, response in known.items():
            judged.update(self._judge(run, response))
        for run, response in judged.items():
            if response.check is known[run].check:
                self._news.remember(run, response)
            else:  # the process died before it could write this down
                store.overturn(lease, run, response)
            if response.termination is not Termination.KILLED:
                self._done.add(run)
            if run.purpose is Purpose.RACE:
                self._race.tell(run, response)
        self._runs = len(known)
        steps = store.incumbents(job.id, last=1)
        self._goals = Goals(job, steps[-1].elapsed if steps else None)
        self._stepped: Configuration | None = steps[-1].configuration if steps else None

    def carry_out(self) -> Verdict | None:
        """Race, then execute the holdout, and decide; None when stopped before."""
        job = self._job
        with (
            self._means.executor(self._instances, job, self._stop) as executor,
            self._mirror() as mirror,
        ):
            self._began = self._clock() - job.spent
            self._settle_reserve()
            ending = race(
                self._race,
                executor,
                self._keep,
                deadline=lambda: self._began + job.budget - self._reserve,
                stop=self._stop,
                watch=lambda: self._watch(executor, mirror),
                enough=lambda: self._goals.reached(self._race, self._elapsed()),
                clock=self._clock,
            )
            self._tell_ending(ending)
            self._tell_rest()
            if self._race.hopeless or self._nothing_solved():
                raise Failed(self._hopelessness())
            mirror.offer(self._race.trials())
            if not self._stop.is_set():
                end = verdict_end(ending, self._elapsed(), job.budget)
                self._execute_holdout(executor, mirror, end)
                self._tell_rest()
            self._store.spend(self._lease, self._elapsed())
            verdict = self._decide(mirror) if not self._stop.is_set() else None
        if verdict is not None:
            best = verdict.recommended
            self._store.finish(self._lease, verdict.outcome, paragraph(verdict), best, verdict.comparisons)
        return verdict

    def _decide(self, mirror: Mirror) -> Verdict:
        job = self._store.job(self._job.id)
        verdict = decide(job, self._store.responses(job.id), self._race.finalist)
        best = verdict.recommended
        note = study_page.closing(job, verdict.outcome, paragraph(verdict), best, self._spaces[best.solver])
        drawn = figures_of(self._store, replace(job, best=best))
        mirror.describe(Description(note, figures(drawn)))
        return verdict

    def _experience(self) -> Experience:
        """Return what is known beforehand: of the parameters, and of earlier jobs where they may be reused."""
        known = shipped_for(self._spaces)
        models = [self._instances[sha256].features for sha256 in self._training]
        if not self._job.reuse:
            return Experience(expected(known, models, self._cost), ())
        if self._cost is Cost.GAP:  # earlier jobs under the gap cannot join families that are known by times
            experience, words = experience_of(self._store, self._job, self._spaces, {})
            priors = expected(known, models, self._cost)
            found = {solver: priors.get(solver, NO_PRIOR).refined(own) for solver, own in experience.priors.items()}
            experience = replace(experience, priors={**priors, **found})
        else:
            experience, words = experience_of(self._store, self._job, self._spaces, known)
        if words == NOTHING:
            return experience
        if not any(event.kind == REUSED for event in self._store.events(self._job.id)):
            self._store.add_event(self._lease, Event(0.0, REUSED, words))
        self._watcher.say(f"{REUSED}: {words}")
        return experience

    def _nothing_solved(self) -> bool:
        """Whether the race had its time and not one run was solved, where solving is what counts."""
        timed = self._cost.is_time
        return timed and not self._stop.is_set() and self._race.standing().solved == 0

    def _hopelessness(self) -> str:
        cutoff = self._job.cutoff
        ended = [s for s in self._responses_of(self._job.defaults) if s.response.termination is not Termination.KILLED]
        failed = [stored for stored in ended if not stored.response.feasible]
        if ended and 2 * len(failed) >= len(ended):
            run, response = failed[0].run, failed[0].response
            reason = response.reason or response.raw_status or response.termination.value
            return (
                f"runs of {run.configuration} without an answer that counts: {len(failed)} of {len(ended)}; the "
                f"first one, on {self._names[run.instance]}: {reason}. Mend that first (what is fixed, the solver or "
                "the model)"
            )
        starved = sum(is_starved(stored, self._cost) for stored in self._store.responses(self._job.id))
        tried = len({stored.run.instance for stored in ended})
        if any(stored.run.capped for stored in ended) or tried < len(self._training):
            longest = max((stored.response.wall for stored in ended), default=0.0)
            told = (
                f"no run solved a model: {tried} of the {len(self._training)} were tried, for {longest:.2g} s at most; "
                f"a larger --budget gives each more time, and --cost gap counts how far runs come"
            )
        else:
            told = (
                f"no solver solved any of the {len(self._training)} models within the cutoff of {cutoff:g} s; "
                f"tune for the gap instead (--cost gap), or try a longer cutoff (--cutoff {4 * cutoff:g}s)"
            )
        return (
            told
            + "".join(f". {sentence}".removesuffix(".") for sentence in self._delicacy())
            + (f". {busy(starved, self._cost, cutoff)}, and counted as unsolved" if starved else "")
        )

    def _delicacy(self) -> list[str]:
        """Say which models are delicate: perhaps nothing was solved because every answer is disputed."""
        return sentences(delicate(self._job.members, self._store.tallies(self._job.id)))

    @contextmanager
    def _mirror(self) -> Iterator[Mirror]:
        names = [self._names[sha256] for sha256 in self._training]
        mirror = Mirror(self._store.url, self._job.name, self._spaces, self._watcher.say, names, self._is_there)
        mirror.describe(Description(study_page.opening(self._job)))
        try:
            yield mirror
        finally:
            mirror.close(STOPPED_MIRROR_SECONDS if self._stop.is_set() else MIRROR_SECONDS)

    def _is_there(self) -> bool:
        """Whether the job was not deleted, as far as can be told now."""
        try:
            self._store.standing(self._job.id)
        except StoreError:
            return False
        return True

    def _elapsed(self) -> float:
        """Return the seconds of the budget that are spent; waiting for the store costs none."""
        return self._clock() - self._began

    def _settle_reserve(self) -> None:
        """Set the seconds to keep for the verdict, by what is known of how long the contenders take."""
        asked = {*self._job.defaults, self._race.finalist, *([self._job.base] if self._job.base else [])}
        runs = self._responses_of(asked)
        field = contenders(self._job, runs, self._race.finalist)
        self._reserve = reserve(self._job, field, runs, len(self._holdout), self._race.standing().solved > 0)
        self._settled = self._clock()

    def _keep(self, run: Run, response: Response) -> list[tuple[Run, Response]]:
        """Hold a response against the others, store it, and return what the leader is to be told."""
        response = self._behind.settle(run, response)
        if response.termination is Termination.KILLED and not response.wall:
            return [(run, response)]  # it was cancelled while it waited: nothing was executed
        if self._job.served:  # what a solver or its process says may name files of this machine
            reason, raw_status = map(without_places, (response.reason, response.raw_status))
            response = replace(response, reason=reason, raw_status=raw_status)
        judged = self._judge(run, response)
        elapsed = self._elapsed()
        (_, response), *overturned = judged
        if self._store.record(self._lease, run, response, elapsed, environment_of(run.configuration.solver)):
            self._runs += 1
        for earlier, other in overturned:
            self._store.overturn(self._lease, earlier, other)
        for judged_run, judged_response in judged:
            if (told := self._news.of(judged_run, judged_response, run)) is not None:
                self._tell(*told)
        return judged

    def _judge(self, run: Run, response: Response) -> list[tuple[Run, Response]]:
        instance = self._instances[run.instance]
        return self._referee.judge(run, response, instance.maximise, unit_by(instance.features))

    def _tell(self, kind: str, text: str) -> None:
        """Keep an event of the job, and say it."""
        self._store.add_event(self._lease, Event(self._elapsed(), kind, text))
        self._watcher.say(f"{kind}: {text}")

    def _tell_ending(self, ending: Ending) -> None:
        """Tell how the race went that was no race, or ended early or short of its target; once, also when resumed."""
        told = {event.kind for event in self._store.events(self._job.id)}
        explored = FEW_RUNS if self._race.explores and not self._stop.is_set() else ""
        for kind, words in ((EXPLORED, explored), (ENDED, self._goals.words(ending, self._race))):
            if words and kind not in told:
                self._tell(kind, words)

    def _tell_rest(self) -> None:
        """Tell how many responses were wrong like others before."""
        for kind, text in self._news.rest():
            self._tell(kind, text)

    def _watch(self, executor: Executor, mirror: Mirror) -> None:
        if self._phase == RACING:
            for run in self._behind.look(self._race, executor.activity(), time.monotonic()):
                executor.cancel(run)
        if self._race.incumbent != self._stepped:
            self._note_incumbent()
        now = time.monotonic()
        if now - self._shown < SHOW_EVERY:
            return
        self._shown = now
        if self._phase == RACING and self._clock() - self._settled >= min(SETTLE_EVERY, SETTLE_PART * self._job.budget):
            self._settle_reserve()
        mirror.offer(self._race.trials())
        self._watcher.show(
            Progress(
                job=self._job.name,
                phase="exploring" if self._phase == RACING and self._race.explores else self._phase,
                elapsed=self._elapsed(),
                budget=self._job.budget,
                standing=self._race.standing(),
                runs=self._runs,
                slots=executor.activity(),
                names=self._names,
                goals=self._goals.line(self._elapsed()) if self._phase == RACING else "",
                base=self._job.base,
                solvers=self._job.solvers,
            )
        )

    def _note_incumbent(self) -> None:
        standing = self._race.standing()
        if standing.incumbent_cost is None or standing.default_cost is None:
            return
        self._stepped = standing.incumbent
        step = Incumbent(
            standing.incumbent, self._elapsed(), standing.incumbent_cost, standing.default_cost, standing.pairs
        )
        self._store.add_incumbent(self._lease, step)
        self._goals.stepped(step.elapsed)

    def _execute_holdout(self, executor: Executor, mirror: Mirror, end: float) -> None:
        """Execute the holdout: the first round within the budget, others while they end by ``end`` seconds of it."""
        self._phase = "verdict"
        job = self._job
        field = contenders(job, self._store.responses(job.id), self._race.finalist)
        for number, runs in enumerate(plan(field, self._holdout, job.seed, job.cutoff)):
            is_whole = self._execute_round(runs, executor, mirror, end if number else job.budget, is_first=not number)
            if self._stop.is_set():
                return
            if not is_whole:
                break
        self._repeat(field, executor, mirror)

    def _execute_round(
        self, runs: Sequence[Run], executor: Executor, mirror: Mirror, end: float, *, is_first: bool
    ) -> bool:
        """Execute a round by ``end`` seconds of the budget; return whether there was time for all of its instances.

        Where there is not, it is executed on as many as there is time for: whole instances, in an order in which they
        were before anything was known of them, and more as long as the time is enough.
        """
        configurations = list(dict.fromkeys(run.configuration for run in runs))
        while missing := [run for run in runs if run not in self._done]:
            waiting = list(dict.fromkeys(run.instance for run in missing))
            count = self._affordable(configurations, len(waiting), end - self._elapsed())
            if is_first:
                count = max(count, FEWEST - (len(self._holdout) - len(waiting)))
            if count < 1 or self._stop.is_set():
                return False
            chosen = set(waiting[:count])
            self._execute([run for run in missing if run.instance in chosen], executor, mirror)
        return True

    def _repeat(self, field: Contenders, executor: Executor, mirror: Mirror) -> None:
        """Execute instances again on which runs were starved, while the budget lasts."""
        job = self._job
        for number in range(AGAIN):
            wanted = lacking(field, self._store.responses(job.id, purpose=Purpose.HOLDOUT), self._cost)
            if not wanted or self._stop.is_set():
                return
            wanted = wanted[: self._affordable(field.later, len(wanted), job.budget - self._elapsed())]
            runs = repeated(field, wanted, number, job.seed, job.cutoff)
            self._execute([run for run in runs if run not in self._done], executor, mirror)

    def _affordable(self, configurations: Sequence[Configuration], instances: int, seconds: float) -> int:
        """Return on how many of some instances these can be executed in so many seconds."""
        known = self._responses_of(configurations)
        return affordable(configurations, known, instances, self._job.cutoff, self._job.slots, seconds)

    def _responses_of(self, configurations: Iterable[Configuration]) -> list[StoredRun]:
        return [run for c in configurations for run in self._store.responses(self._job.id, configuration=c.key)]

    def _execute(self, runs: Sequence[Run], executor: Executor, mirror: Mirror) -> None:
        for run in runs:
            executor.submit(run)
        while executor.outstanding:
            if self._stop.is_set():
                for run in runs:
                    executor.cancel(run)
            for finished in executor.wait(timeout=SHOW_EVERY):
                self._keep(finished.run, finished.response)
                self._done.add(finished.run)
            self._watch(executor, mirror)


def _instances(job: Job, stop: threading.Event) -> dict[str, Instance]:
    files = [ModelFile(Path(member.path), member.name, member.sha256) for member in job.members]
    reading = read_instances(
        files, cache_directory(), seconds=READING_SECONDS, memory_mib=READING_MIB, slots=job.slots, stop=stop
    )
    for path, reason in reading.failed:
        raise Failed(
            f"{complaint(path, reason)}; the job needs this model: put it back, then go on", "resume", job.name
        )
    return {instance.sha256: instance for instance in reading.instances}
