"""The shapes of what a server answers, `tuner.app.job_data` as JSON: they describe the API, its client checks them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from storage.records import Check, Claim, JobState, Termination

Number = float | Literal["inf", "-inf", "nan"]
"""JSON has no word for those that are not finite."""
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Part = Literal["training", "holdout"]


class Uploaded(BaseModel):
    """A model that is there now."""

    sha256: Sha256 = Field(description="of the unpacked content")
    size: int = Field(description="bytes of the unpacked content")


class Missing(BaseModel):
    """Which of some models are to be uploaded."""

    missing: list[Sha256]


class SetOfModels(BaseModel):
    """An instance set."""

    id: int
    name: str
    owner: str
    created_at: Moment
    models: int = Field(description="how many it has")


class SetMember(BaseModel):
    """A model as part of a set."""

    name: str
    sha256: Sha256
    size: int = Field(description="bytes of the unpacked content")


class FullSet(SetOfModels):
    """An instance set with its members."""

    members: list[SetMember]


class ConfigurationShape(BaseModel):
    """A solver and the parameters that differ from its default."""

    key: str
    solver: str
    parameters: dict[str, bool | int | float | str]
    default: bool = Field(description="whether nothing differs")


class JobShape(BaseModel):
    """A job: what was asked for, and where it stands."""

    id: int
    name: str
    kind: Literal["tune", "solve"]
    state: JobState
    outcome: str = Field(description="once finished, what came of it; once failed, why")
    folder: str = Field(description="of its models, the set's name, or what a bilevel problem is called")
    holdout: str
    solvers: list[str]
    cost: str
    ties: str
    cutoff_s: float
    budget_s: float
    spent_s: float
    slots: int | None = Field(description="runs at a time; null for all of a worker, which is not known yet")
    memory_mib: int
    gap: float
    seed: int
    reuse: bool
    target: float | None = Field(description="times better than the default, at which the race ends")
    stop_after_s: float | None = Field(description="without a new incumbent, after which the race ends")
    base: ConfigurationShape | None = Field(description="the user's own settings")
    fixed: dict[str, dict[str, bool | int | float | str]] = Field(
        description="by solver, the parameters that have one value in every run"
    )
    owner: str
    priority: int
    instance_set: int | None
    problem: str | None = Field(description="of a bilevel problem: its kind")
    created_at: Moment
    finished_at: Moment | None
    best: ConfigurationShape | None = Field(description="what the verdict recommends, once finished")
    report: str


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    rows: list[JobShape]
    next: int | None = Field(description="the cursor of the next page; null on the last")


class EventShape(BaseModel):
    """Something that happened to a job."""

    id: int = Field(description="grows with every event that is stored")
    elapsed_s: float
    kind: str
    text: str


class EventPage(BaseModel):
    """Some of what happened to a job, in the order it happened."""

    rows: list[EventShape]
    next: int | None = Field(description="the cursor of the next page; null on the last")


class StepShape(BaseModel):
    """A configuration that became the incumbent."""

    elapsed_s: float
    configuration: ConfigurationShape
    cost: Number
    default_cost: Number = Field(description="of the default, on the same pairs")
    pairs: int = Field(description="of an instance and a seed, that it had been executed on")


class PartSizes(BaseModel):
    """How many models a job has of each part."""

    training: int
    holdout: int


class DelicateModel(BaseModel):
    """A model on which it depends on the solver's tolerance what is right."""

    name: str
    sha256: Sha256
    disputed: bool = Field(description="whether answers disagree; else some hold within the solver's tolerance only")


class TuningJob(JobShape):
    """A job that tunes a solver, with all that happened."""

    kind: Literal["tune"]
    models: PartSizes
    runs: int
    delicate: list[DelicateModel]
    trajectory: list[StepShape]
    events: list[EventShape]


class BracketShape(BaseModel):
    """Where the solution of a bilevel problem stands."""

    objective: Number | None = Field(description="the leader's, of the best choice so far")
    bound: Number | None = Field(description="no choice is better")
    bound_kind: str = Field(description="what the bound rests on")
    gap: Number | None


class ChoiceShape(BracketShape):
    """The best choice of the leader so far, and the follower's answer to it."""

    best: int | None = Field(description="the id of that answer")
    x: dict[str, float] | None
    y: dict[str, float] | None
    follower: Number | None = Field(description="the follower's objective")


class AnswerCounts(BaseModel):
    """How many choices of the leader were answered, and how many of them are out of the question."""

    all: int
    infeasible: int
    outside: int
    unproven: int


class SolvingJob(JobShape):
    """A job that solves a bilevel problem, with all that happened."""

    kind: Literal["solve"]
    bracket: ChoiceShape | None
    answers: AnswerCounts
    events: list[EventShape]


FullJob = Annotated[TuningJob | SolvingJob, Field(discriminator="kind")]


class StandingShape(BaseModel):
    """Where a job stands: the data of an event `job`."""

    id: int
    name: str
    state: JobState
    outcome: str
    spent_s: float
    budget_s: float
    event: EventShape | None = Field(description="the latest")


class TuningStanding(StandingShape):
    """Where a job stands that tunes a solver."""

    kind: Literal["tune"]
    runs: int
    incumbent: StepShape | None


class BestSoFar(BracketShape):
    """Where the solution of a bilevel problem stands, with the best choice by the id of its answer."""

    best: int | None


class SolvingStanding(StandingShape):
    """Where a job stands that solves a bilevel problem."""

    kind: Literal["solve"]
    answers: AnswerCounts
    bracket: BestSoFar | None


Standing = Annotated[TuningStanding | SolvingStanding, Field(discriminator="kind")]


class Over(BaseModel):
    """How a job ended: the data of the last event, `over`."""

    state: JobState


class ProofShape(BaseModel):
    """How far to rely on what a job has found."""

    proven: bool = Field(description="whether the job is finished and has proven the gain, or the optimum")
    note: str = Field(description="why it is not proven, or not yet; empty when it is")


class BestConfiguration(ConfigurationShape, ProofShape):
    """The best configuration of a job so far."""

    final: bool = Field(description="whether the verdict recommends it, as a gain or as the default that is kept")


class BestChoice(ChoiceShape, ProofShape):
    """The best choice of a bilevel problem's leader so far."""

    final: bool = Field(description="whether the job is finished")


Best = BestConfiguration | BestChoice


class ComparisonShape(BaseModel):
    """How a configuration compared with a default on models that were not tuned on."""

    baseline: str = Field(description="the solver whose default it is")
    ratio: Number = Field(description="the default's mean cost over the configuration's: above 1 is a gain")
    low: Number = Field(description="lower end of the ratio's 95 % interval")
    high: Number
    pairs: int
    candidate_solved: int
    baseline_solved: int


class Recommendation(ConfigurationShape):
    """What the latest finished job on a family of models recommends for a solver."""

    job: str
    outcome: str
    cost: str
    cutoff_s: float
    created_at: Moment
    finished_at: Moment | None
    proven: bool = Field(description="whether it is a proven gain, and not the default that is kept")
    against_default: ComparisonShape | None


class FamilyBest(BaseModel):
    """What finished jobs on a family of models recommend, a line for each solver."""

    family: str
    best: list[Recommendation]


class InstanceShape(BaseModel):
    """A model of a job with its features."""

    name: str
    sha256: Sha256
    part: Part
    rows: int
    columns: int
    nonzeros: int
    integers: int
    features: dict[str, float]


class Measured(BaseModel):
    """What every row of responses has."""

    id: int = Field(description="grows with every row that is stored")
    cpu_s: float
    wall_s: float
    solver_wall_s: float | None
    reason: str
    elapsed_s: float = Field(description="of the job's budget, when it was stored")
    host: str
    processor: str
    cores: int
    software: str
    stored_at: Moment


class RunRow(Measured):
    """A run with its response."""

    instance: str
    sha256: Sha256
    part: Part
    solver: str
    configuration: str = Field(description="its key")
    parameters: str = Field(description="that differ from the default, as name=value")
    seed: int
    cutoff: float
    limit: float
    termination: Termination
    claim: Claim
    check: Check
    cost: Number | None = Field(description="null for a run that was capped before it had one")
    objective: Number | None
    proven_objective: Number | None = Field(description="of a point that is feasible beyond every tolerance, near it")
    bound: Number | None
    gap: Number | None
    peak_mib: float | None
    nodes: int | None
    iterations: int | None
    work: Number | None
    integral: Number | None
    raw_status: str
    doubt: str = Field(
        description="why the answer holds within the solver's tolerance only; with a proven objective, or without "
        "a gap, it is unsolved"
    )


class AnswerRow(Measured):
    """The follower's answer to a choice of the leader."""

    x: str
    status: str
    follower: Number | None
    optimistic: Number | None
    pessimistic: Number | None
    violations: str


class ResponsePage(BaseModel):
    """Some responses of a job, in the order they were stored."""

    rows: list[RunRow] | list[AnswerRow]
    next: int | None = Field(description="the cursor of the next page; null on the last")


class KnownFamily(BaseModel):
    """A family of models on which configurations were recorded."""

    name: str
    title: str
    likeness: float = Field(description="to the models at hand: 1 for the same, near 0 for problems of other classes")
    configurations: int
    runs: int


class AdvisedChange(BaseModel):
    """A parameter that differs from the default."""

    name: str
    value: bool | int | float | str
    default_value: bool | int | float | str
    share: float = Field(description="of the expected gain")


class AdvisedConfiguration(ConfigurationShape):
    """A configuration that is expected to save time."""

    ratio: float = Field(description="expected time as a part of the default's")
    interval: tuple[float, float] = Field(description="of the ratio; it is meant to hold the truth in 80 % of cases")
    changes: list[AdvisedChange]


class KindShape(BaseModel):
    """Models of a set that resemble the same known family, or each other."""

    models: int = Field(description="how many")
    family: str | None = Field(description="which they resemble most; null when no known family is near")
    likeness: float | None = Field(description="to that family, from 0 to 1")


class SolverAdviceShape(BaseModel):
    """What is expected of one solver's configurations."""

    solver: str
    reason: str | None = Field(description="why no configuration is advised")
    rank_correlation: float = Field(
        description="of expected and measured gains, on known families that were left out; 0 where it is not known"
    )
    evidence: str | None = Field(description="what the advice rests on")
    remark: str | None = Field(description="that the models are of several kinds, or one alone")
    kinds: list[KindShape] = Field(description="the one with most models first; the advice is about it")
    families: list[KnownFamily] = Field(description="with their likeness to the models of the first kind")
    configurations: list[AdvisedConfiguration] = Field(description="those with the fewest changes first")


class AdvisoryShape(BaseModel):
    """Advice on an instance set; nothing was solved for it."""

    models: int = Field(description="how many were looked at")
    left_out: list[str] = Field(description="models and solvers that could not be taken into account, with the reason")
    solvers: list[SolverAdviceShape]
