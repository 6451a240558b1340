"""The nouns that are kept. Frozen, and with no SQL in sight."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

ALL_SLOTS = 1024
"""Slots of a job that takes as many as its worker has."""
Value = bool | int | float | str
"""The value of one solver parameter."""


class Termination(StrEnum):
    """How the solver's process ended."""

    EXITED = "exited"
    """By itself, with an answer."""
    CUTOFF = "cutoff"
    """Ended from outside, because the run's limit of time was over."""
    MEMORY = "memory"
    """Ended because it wanted more memory than the limit."""
    CRASHED = "crashed"
    """By itself, without an answer that can be read: a signal, an exit code, garbage."""
    KILLED = "killed"
    """Ended from outside on request: cancelled by the race or interrupted by the user."""


class Claim(StrEnum):
    """What the solver says about its own answer."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NOTHING = "nothing"


class Check(StrEnum):
    """What our own check says of the claim."""

    CONFIRMED = "confirmed"
    """The point is feasible, the objective is right and no verified solution contradicts the claim. Of a claim that
    the objective has no limit: a direction in which it improves without limit was found."""
    REFUTED = "refuted"
    """The claim is wrong: the reason says how."""
    UNCONFIRMED = "unconfirmed"
    """Nothing was claimed, or nothing at hand proves or contradicts it."""
    DISPUTED = "disputed"
    """It contradicts another answer, and nothing is proven: its point is the better one but holds within the solver's
    tolerance only, or no more is known of the other answer either. It counts as unsolved, and is no fault."""


class Purpose(StrEnum):
    """Why a run is executed."""

    RACE = "race"
    """By the leader, on a training instance."""
    HOLDOUT = "holdout"
    """By the verdict, on a holdout instance; the leader never sees these."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """Stopped before its end, by the user or because its process died; it can be resumed."""
    PAUSED = "paused"
    """Stopped on request; no worker goes on with it until it is resumed."""
    CANCELLED = "cancelled"
    """Stopped on request, for good."""
    FINISHED = "finished"
    FAILED = "failed"


HELD = (JobState.PAUSED, JobState.CANCELLED)
"""States that somebody asked for."""


class JobKind(StrEnum):
    """What a job is about."""

    TUNE = "tune"
    """A solver is tuned on a folder of models."""
    SOLVE = "solve"
    """A bilevel problem is solved."""


@dataclass(frozen=True)
class Configuration:
    """A solver and the parameters that differ from its default, sorted by name. No parameters: the default."""

    solver: str
    parameters: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, solver: str, parameters: Mapping[str, Value]) -> Configuration:
        """Return the configuration with these parameters, in canonical order."""
        return cls(solver, tuple(sorted(parameters.items())))

    @property
    def values(self) -> dict[str, Value]:
        """The parameters that differ from the default, by name."""
        return dict(self.parameters)

    @property
    def is_default(self) -> bool:
        """Whether nothing differs from the solver's default."""
        return not self.parameters

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that name this configuration in the store."""
        text = json.dumps([self.solver, self.parameters], separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        changes = " ".join(f"{name}={spell(value)}" for name, value in self.parameters)
        return f"{self.solver} {changes or 'default'}"


def spell(value: Value) -> str:
    """Write a parameter's value as users type it: true, 0.05, off."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Run:
    """One follower execution."""

    configuration: Configuration
    instance: str
    """The SHA-256 of the instance."""
    seed: int
    cutoff: float
    """Seconds after which a run counts as unsolved."""
    limit: float
    """Seconds after which this run is ended: the cutoff, or a tighter cap that the race has set."""
    purpose: Purpose = Purpose.RACE

    @property
    def capped(self) -> bool:
        """Whether the race gave this run less than the cutoff."""
        return self.limit < self.cutoff


@dataclass(frozen=True)
class Response:
    """What a run yields: the three verdicts that are never merged, and what was measured."""

    termination: Termination
    claim: Claim = Claim.NOTHING
    check: Check = Check.UNCONFIRMED
    objective: float | None = None
    """Of the solver's best point, as it claims it, in the model's own sense and with its offset."""
    bound: float | None = None
    """The solver's dual bound on the objective."""
    gap: float | None = None
    """|objective - bound| / max(|objective|, |bound|), from 0 to 1; None without a point or a bound. Where
    ``doubt`` comes with a proven objective, it is that one's; None, too, where the point's whole numbers are part of no
    solution, however the model's numbers are read."""
    cpu: float = 0.0
    """CPU seconds, user and system, of the child and all its descendants, measured from outside."""
    wall: float = 0.0
    """Seconds from fork to reaped, measured from outside."""
    solver_wall: float | None = None
    """Seconds inside the adapter's solve, by its own clock: what is left of wall is overhead."""
    peak_mib: float | None = None
    """Largest resident set of the child or a descendant, MiB, measured from outside; what the child shares with the
    warm process it is forked from is part of it."""
    nodes: int | None = None
    iterations: int | None = None
    work: float | None = None
    """Deterministic work in the solver's own unit, where it has one."""
    integral: float | None = None
    """Primal-dual integral in seconds: the gap integrated over wall time from the start to the run's limit. It is
    1 before the first solution, stays at its last value when the solver gives up early, and is 0 once it is solved."""
    raw_status: str = ""
    """The solver's own words."""
    reason: str = ""
    """Why it crashed, was refuted or is disputed, for people; of one that is confirmed, that its point is better than
    it says."""
    proven_objective: float | None = None
    """Of a point at or near the solver's that is feasible beyond doubt: integers rounded, rows in exact numbers. Only
    this contradicts what others claim. None when there is no point, or when it holds within the tolerance only."""
    floor: float | None = None
    """Of a run that the race ended because it was behind: what its cost is taken to exceed. None for any other run."""
    doubt: str = ""
    """Why the point, or its objective, holds within the tolerance only, for people: which row is off, and by how much.
    Empty when it is proven to within the gap, when there is no point, and when nothing is known: the model is too large
    to tell, or it depends on the last digits of numbers that were computed. Of a claim that the objective has no limit:
    that a direction is proven, and a solution is not."""

    @property
    def solved(self) -> bool:
        """Whether the solver ended by itself with a final claim that is not refuted, disputed or overstated.

        Whether it did so in time is for `tuner.cost.solved` to say.
        """
        return (
            self.termination is Termination.EXITED
            and self.claim in (Claim.OPTIMAL, Claim.INFEASIBLE, Claim.UNBOUNDED)
            and self.check not in (Check.REFUTED, Check.DISPUTED)
            and not self.is_overstated
        )

    @property
    def is_overstated(self) -> bool:
        """Whether the optimum that is claimed is better than what is proven near it by more than the gap.

        Then the difference comes from the solver's tolerance, whether anybody contradicts the claim or not. So it does
        where nothing near it is a solution, and the answer has no gap.
        """
        is_standing = self.claim is Claim.OPTIMAL and self.check is Check.CONFIRMED
        return is_standing and bool(self.doubt) and (self.proven_objective is not None or self.gap is None)

    @property
    def feasible(self) -> bool:
        """Whether the leader may use this response (it is inside C): no crash, no memory limit, nothing refuted.

        One that is disputed is inside: it earns nothing, but nobody has shown it to be wrong.
        """
        return self.termination not in (Termination.CRASHED, Termination.MEMORY) and self.check is not Check.REFUTED


@dataclass(frozen=True)
class Environment:
    """What a run's seconds depend on besides the run: where it is executed, and by which version of the solver."""

    host: str
    """The machine's name in its network."""
    processor: str
    """The model of its processor; empty when that is not known."""
    cores: int
    """Logical ones of the machine; 0 when that is not known."""
    software: str
    """The package that the solver comes from with its version, such as "highspy 1.15.1"; empty when not known."""

    def is_like(self, other: Environment) -> bool:
        """Whether both are known and of the same kind, so that their seconds can be compared."""
        kind, others = (self.processor, self.cores, self.software), (other.processor, other.cores, other.software)
        return all(kind) and kind == others


@dataclass(frozen=True)
class StoredRun:
    """A run with its response, as one row of the store."""

    id: int
    run: Run
    response: Response
    elapsed: float
    """Seconds of the job's budget that were spent when this response was stored."""
    environment: Environment
    stored_at: datetime


@dataclass(frozen=True)
class Tally:
    """What is proven of the answers on one instance of a job."""

    instance: str
    """Its SHA-256."""
    disputed: int
    """Answers that are disputed."""
    doubtful: int
    """Answers of which that is known, and that are not disputed: they hold within the solver's tolerance only."""


@dataclass(frozen=True)
class Incumbent:
    """One step of a job's trajectory."""

    configuration: Configuration
    elapsed: float
    """Seconds of the job's budget that were spent when it became the incumbent."""
    cost: float
    """Its aggregated cost then."""
    default_cost: float
    """The aggregated cost of the default on the same pairs."""
    pairs: int
    """On how many (instance, seed) pairs it had been executed."""


@dataclass(frozen=True)
class Comparison:
    """How much better one configuration is than another on the runs of the holdout that both have."""

    candidate: Configuration
    baseline: Configuration
    measure: str
    """"shifted geometric mean" or "par10"."""
    ratio: float
    """The baseline's mean cost over the candidate's: above 1 when the candidate is better. 1 without a pair."""
    low: float
    """Lower end of the 95 % interval of the ratio; 0 when there are fewer than two instances."""
    high: float
    """Its upper end; infinite when there are fewer than two instances."""
    candidate_solved: int
    """How many of the pairs the candidate solved within the cutoff."""
    baseline_solved: int
    pairs: int
    """How many (instance, seed) pairs both have."""


@dataclass(frozen=True)
class Event:
    """Something worth telling that happened to a job: a refuted claim, a left-out file, an interruption."""

    elapsed: float
    kind: str
    text: str
    id: int = field(default=0, compare=False)
    """Grows with every event that is stored; 0 before it is."""


@dataclass(frozen=True)
class Member:
    """An instance as part of a job."""

    sha256: str
    name: str
    path: str
    part: str
    """"training" or "holdout"."""
    columns: int
    rows: int
    nonzeros: int
    integers: int
    features: Mapping[str, float] = field(default_factory=dict, hash=False)
    """What else is known of the model, by name; empty for one that was handed in before features were kept."""


@dataclass(frozen=True)
class Submission:
    """What is handed in: a scenario with everything settled, and its instances."""

    name: str
    """What to call the job; empty for a name made from the folder's."""
    folder: str
    holdout: str
    """A fraction such as "0.3", or a folder."""
    solvers: tuple[str, ...]
    cost: str
    ties: str
    cutoff: float
    budget: float
    slots: int
    memory_mib: int
    gap: float
    """Relative gap at which every solver may stop and call its answer optimal."""
    seed: int
    space: str
    """The user's space file, as text; empty for the default spaces."""
    reuse: bool = False
    """Whether responses that earlier jobs left in the store may be used."""
    fixed: tuple[Configuration, ...] = ()
    """The parameters that have one value in every run of the job, for each solver that has some. All of them are named,
    also one whose value is the solver's default."""
    base: Configuration | None = None
    """The user's own settings, a second baseline; None without any."""
    target: float | None = None
    """The race ends when the incumbent is this many times better than the default; None: it goes on."""
    stop_after: float | None = None
    """Seconds without a new incumbent after which the race ends; None: it goes on."""
    members: tuple[Member, ...] = field(default=(), repr=False)
    kind: JobKind = JobKind.TUNE
    document: str = field(default="", repr=False)
    """Of a bilevel problem: all that it takes to state it again, as JSON."""
    problem: str = ""
    """Of a bilevel problem: the kind that the document says it is."""
    owner: str = ""
    """Who handed it in to a server; empty for a job that its own process carries out."""
    served: bool = False
    """Whether it was handed in to a server: workers take it."""
    priority: int = 0
    """Of several that wait, workers take the one with the highest first."""
    instance_set: int | None = None
    """The id of the instance set that its models are taken from, of a job that a server was handed."""

    def default_of(self, solver: str) -> Configuration:
        """Return what a solver does in this job without tuning: its default, but for what is fixed."""
        return next((each for each in self.fixed if each.solver == solver), Configuration(solver))

    @property
    def defaults(self) -> tuple[Configuration, ...]:
        """What each solver does without tuning; the first is the baseline."""
        return tuple(map(self.default_of, self.solvers))


@dataclass(frozen=True, kw_only=True)
class Job(Submission):
    """A scenario that was handed in, with a state."""

    id: int
    state: JobState
    created_at: datetime
    reuse_upto: int | None = None
    """The id of the last run that was in the store when a job that reuses was handed in: it looks at none after that
    one, so that it usually finds the same when it is resumed. None for a job that does not reuse."""
    spent: float = 0.0
    """Seconds of the budget that are spent."""
    outcome: str = ""
    """"gain", "default kept" or "settings kept" once finished; the error once failed."""
    report: str = ""
    """The verdict in words, once finished."""
    best: Configuration | None = None
    """What the verdict recommends, once finished."""
    finished_at: datetime | None = None
    """None also for a job that finished before this was kept."""


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    SUBMIT = "submit"
    """To hand in, pause, resume and cancel one's own jobs, and to upload models; and to read."""
    ADMIN = "admin"
    """All of that for everybody's jobs."""


@dataclass(frozen=True)
class Token:
    """Who may use a server, and for what. The token itself is known to its holder only."""

    id: int
    name: str
    """What it was made for."""
    owner: str
    """Whose jobs it hands in and sees; an admin sees all."""
    scope: Scope
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class OwnerLimits:
    """What one owner may have of a server; None where there is no limit."""

    jobs: int | None = None
    """Unfinished jobs: queued, running, interrupted or paused."""
    priority: int | None = None
    """The highest that a job may have."""
    budget: float | None = None
    """Seconds that a job may have."""
    stored: int | None = None
    """Bytes of models and of bilevel problems."""
    slots: int | None = None
    """Runs at a time, over all jobs and workers."""


@dataclass(frozen=True)
class ModelContent:
    """A model's file, as it is kept for workers anywhere."""

    sha256: str
    """Of the decompressed content."""
    suffix: str
    """Of the kept bytes: .mps or .lp, with that of its compression."""
    size: int
    """Bytes of the decompressed content."""


@dataclass(frozen=True)
class InstanceSet:
    """Models that were uploaded together."""

    id: int
    owner: str
    name: str
    created_at: datetime
    size: int
    """How many models it has."""
    members: tuple[tuple[str, ModelContent], ...] = field(default=(), repr=False)
    """Each with its name in the set, in their order."""


@dataclass(frozen=True)
class Answer:
    """The follower's answer to one choice of the leader, of a job that solves a bilevel problem."""

    x: tuple[tuple[str, float], ...]
    """The choice: the leader's variables with their values."""
    ties: str
    """What the leader assumed when it asked: "optimistic" or "pessimistic"."""
    status: str
    """What became of the choice, as `tuner.bilevel.Status` has it."""
    value: float | None = None
    """The follower's optimal objective."""
    optimistic: float | None = None
    """The leader's objective with the reaction that is best for it; None when nobody asked or none satisfies C."""
    pessimistic: float | None = None
    """The same with the worst; None when nobody asked or it has no limit."""
    reactions: tuple[tuple[str, tuple[float, ...]], ...] = field(default=(), repr=False)
    """The follower's variables, by what each solution is: "own", "widest", "optimistic", "pessimistic"."""
    violations: tuple[tuple[str, float], ...] = ()
    """By how much some reaction violates the leader's constraints."""
    reason: str = ""
    """Why the answer is not proven."""
    cpu: float = 0.0
    """CPU seconds."""
    wall: float = 0.0
    """Seconds."""
    solver_wall: float = 0.0
    """Seconds inside the solver."""


@dataclass(frozen=True)
class StoredAnswer:
    """An answer as the store has it."""

    id: int
    """Grows with every answer that is stored."""
    answer: Answer
    elapsed: float
    """Seconds of the job's budget that were spent when it was stored."""
    environment: Environment
    stored_at: datetime


@dataclass(frozen=True)
class Bracket:
    """Where a job that solves a bilevel problem stands."""

    objective: float | None
    """The leader's, of the best choice so far; None when no choice is bilevel feasible yet."""
    bound: float
    """No choice is better; infinite when nothing is known."""
    bound_kind: str
    """What the bound rests on."""
    best: int | None = None
    """The id of the answer to the best choice so far."""
