"""The HTTP API under /v1. Every endpoint asks the store; none parses a model or computes for long."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.concurrency import run_in_threadpool

from storage.errors import StoreUnavailable, UnknownSet
from storage.names import fault
from storage.records import InstanceSet, Job, JobKind, JobState, Submission
from storage.store import Store
from tuner.app.solving import submission_of
from tuner.app.views import (
    Data,
    Filters,
    Rows,
    StoredView,
    answers_data,
    bracket_data,
    comparison_data,
    event_data,
    finite,
    job_data,
    step_data,
)
from tuner.bilevel.applications.outline import outlined
from tuner.cost import Cost, Ties
from tuner.follower.solvers import SOLVERS
from tuner.scenario import ANY
from tuner.service.access import SUBMIT, Access, Caller
from tuner.service.bodies import document_body, read_document
from tuner.service.problems import MEDIA_TYPE, Refused
from tuner.service.uploads import Caps, checked_name, checked_suffix, keep_archive, keep_model, set_name, spooled

WIDE = 1024
"""Slots of a job that takes as many as its worker has."""
PAGE, LARGEST_PAGE = 100, 1000
"""Rows of a page of responses."""
LOOK_EVERY = 1.0
"""Seconds between two looks at a job whose events are followed."""
KNOWN_EVERY = 15.0
"""Seconds between two looks whether the token of who follows a job still counts."""
LONGEST = 30 * 24 * 3600.0
Number = Annotated[int, Path(ge=1, lt=2**63)]
Reference = Annotated[str, Path(min_length=1, max_length=200, description="the job's name or id")]


def _fitting(name: str) -> str:
    if name and (wrong := fault(name)):
        raise ValueError(f"{name!r} {wrong}")
    return name


class NewSet(BaseModel):
    """A set of models that were uploaded before."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    members: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(
        min_length=1, description="name in the set, a relative path without suffix: SHA-256 of the unpacked model"
    )


class Hashes(BaseModel):
    """Models by the SHA-256 of their unpacked content."""

    model_config = ConfigDict(extra="forbid")
    sha256: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(max_length=10_000)


class NewJob(BaseModel):
    """A scenario on a set of models."""

    model_config = ConfigDict(extra="forbid", strict=True)
    instance_set: int = Field(ge=1, lt=2**63)
    name: str = Field(default="", max_length=100, description="empty: made from the set's")
    solvers: list[Literal["highs", "cp-sat", "scip", "any"]] = Field(default=["any"], min_length=1, max_length=4)
    budget_s: float = Field(default=600.0, gt=0, le=LONGEST, allow_inf_nan=False)
    cutoff_s: float = Field(default=30.0, gt=0, le=LONGEST, allow_inf_nan=False)
    cost: Literal["par10", "wall", "gap", "integral"] = "par10"
    ties: Literal["mean", "optimistic", "pessimistic"] = "mean"
    holdout: float = Field(default=0.3, gt=0, lt=1, description="the fraction of the models that is held out")
    slots: int | None = Field(default=None, ge=1, le=WIDE, description="runs at a time; null for all of a worker")
    memory_mib: int = Field(default=2048, ge=1, le=2**20)
    gap: float = Field(default=1e-4, ge=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    reuse: bool = False
    priority: int = Field(default=0, ge=-1000, le=1000)

    _fits = field_validator("name")(_fitting)


class NewProblem(BaseModel):
    """A bilevel problem, and how to solve it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    problem: dict[str, Any] = Field(
        description="as in a file for tuner solve, with its kind; of kinds that need no other file"
    )
    name: str = Field(default="", max_length=100, description="empty: the problem's own")
    ties: Literal["optimistic", "pessimistic"] = "optimistic"
    solver: Literal["highs", "cp-sat", "scip"] = Field(default="highs", description="of the follower")
    budget_s: float = Field(default=600.0, gt=0, le=LONGEST, allow_inf_nan=False)
    slots: int | None = Field(default=None, ge=1, le=WIDE, description="responses at a time; null for all of a worker")
    seed: int = Field(default=0, ge=0, lt=2**31 - 1)
    priority: int = Field(default=0, ge=-1000, le=1000)

    _fits = field_validator("name")(_fitting)


class Problem(BaseModel):
    """Why a request was not fulfilled (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


def _problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    schema = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {int(status): {"description": status.phrase, "model": Problem, **schema} for status in statuses}


def _also(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is JSON, or a file of one of these types."""
    return {200: {"content": {each: {"schema": {"type": "string"}} for each in media_types}}}


ALWAYS = _problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
NONE = _problems(HTTPStatus.NOT_FOUND)
CONFLICT = _problems(HTTPStatus.CONFLICT)
LARGE = _problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


router = APIRouter(prefix="/v1", responses=ALWAYS)


@dataclass(frozen=True)
class Service:
    """What the endpoints have."""

    store: Store
    access: Access
    caps: Caps

    def view(self, who: Caller) -> StoredView:
        """Return what somebody may see."""
        return StoredView(self.store, who.seen)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _reader(request: Request) -> Caller:
    return _service(request).access.caller(request)


def _writer(who: Annotated[Caller, Depends(_reader)]) -> Caller:
    who.may(SUBMIT)
    return who


Served = Annotated[Service, Depends(_service)]
Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]


# Models and sets


@router.post("/models", status_code=201, responses=LARGE, tags=["instance sets"])
async def upload_model(
    request: Request,
    service: Served,
    who: Writer,
    suffix: Annotated[str, Query(max_length=20)],
) -> Data:
    """Upload one model's file as the body."""
    suffix = checked_suffix(suffix)
    with await spooled(request.stream(), service.caps) as spool:
        content = await run_in_threadpool(keep_model, service.store, who.owner, spool.file, suffix, service.caps)
    return {"sha256": content.sha256, "size": content.size}


@router.post("/models/missing", tags=["instance sets"])
def missing_models(service: Served, who: Writer, wanted: Hashes) -> Data:
    """Say which of some models the caller has not uploaded yet."""
    known = service.store.models(who.owner, wanted.sha256)
    return {"missing": [sha256 for sha256 in dict.fromkeys(wanted.sha256) if sha256 not in known]}


@router.post("/instance-sets", status_code=201, responses=CONFLICT, tags=["instance sets"])
def create_set(service: Served, who: Writer, new: NewSet) -> Data:
    """Make a set of models that were uploaded before."""
    if len(new.members) > service.caps.models:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a set has {service.caps.models} models at most")
    members = [(checked_name(name, service.caps), sha256) for name, sha256 in new.members.items()]
    known = service.store.models(who.owner, new.members.values())
    lacking = [sha256 for sha256 in dict.fromkeys(new.members.values()) if sha256 not in known]
    if lacking:
        raise Refused(HTTPStatus.CONFLICT, "upload the missing models first", missing=lacking)
    return _set_data(service.store.create_instance_set(who.owner, set_name(new.name), members))


@router.post("/archives", status_code=201, responses=LARGE, tags=["instance sets"])
async def upload_archive(
    request: Request, service: Served, who: Writer, name: Annotated[str, Query(min_length=1, max_length=100)]
) -> Data:
    """Upload a .zip, .tar or .tar.gz file of models as the body, and make a set of them."""
    name = set_name(name)
    with await spooled(request.stream(), service.caps) as spool:
        made = await run_in_threadpool(keep_archive, service.store, who.owner, name, spool.file, service.caps)
    return _set_data(made)


@router.get("/instance-sets", tags=["instance sets"])
def list_sets(service: Served, who: Reader) -> list[Data]:
    """List the instance sets, the newest first."""
    return [_set_data(each) for each in service.store.instance_sets(who.seen)]


def _own_set(service: Service, who: Caller, number: int) -> InstanceSet:
    found = service.store.instance_set(number)
    if who.seen not in (None, found.owner):
        raise UnknownSet(f"there is no instance set {number}")
    return found


@router.get("/instance-sets/{number}", responses=NONE, tags=["instance sets"])
def read_set(service: Served, who: Reader, number: Number) -> Data:
    """Return a set with its members."""
    found = _own_set(service, who, number)
    members = [{"name": n, "sha256": m.sha256, "size": m.size} for n, m in found.members]
    return {**_set_data(found), "members": members}


@router.delete("/instance-sets/{number}", status_code=204, responses={**NONE, **CONFLICT}, tags=["instance sets"])
def delete_set(service: Served, who: Writer, number: Number) -> None:
    """Delete a set that no job needs."""
    service.store.delete_instance_set(_own_set(service, who, number).id)


# Jobs


@router.post(
    "/jobs",
    status_code=201,
    responses={200: {"description": "the job was there"}, **NONE, **CONFLICT},
    tags=["jobs"],
)
def create_job(
    service: Served,
    who: Writer,
    new: NewJob,
    response: Response,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> Data:
    """Hand in a job. The same Idempotency-Key with the same body makes no other one."""
    models = _own_set(service, who, new.instance_set)
    job, is_new = service.store.submit(_submission(new, models, who), idempotency_key, _digest(new))
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_data(job)


@router.post(
    "/problems",
    status_code=201,
    responses={
        200: {"description": "the job was there"},
        **CONFLICT,
        **LARGE,
        **_problems(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": NewProblem.model_json_schema()}}}
    },
    tags=["jobs"],
)
async def create_problem(
    request: Request,
    service: Served,
    who: Writer,
    response: Response,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> Data:
    """Hand in a bilevel problem: a job like others from then on. The same Idempotency-Key makes no other one."""
    body = await document_body(request, service.caps)

    def submitted() -> tuple[Job, bool]:
        try:
            new = NewProblem.model_validate(read_document(body, service.caps))
        except ValidationError as error:
            raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
        return service.store.submit(_problem_submission(new, who), idempotency_key, _digest(new))

    job, is_new = await run_in_threadpool(submitted)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_data(job)


@router.get("/jobs", tags=["jobs"])
def list_jobs(service: Served, who: Reader) -> list[Data]:
    """List the jobs, the newest first."""
    return service.view(who).jobs()


@router.get("/jobs/{job}", responses=NONE, tags=["jobs"])
def read_job(service: Served, who: Reader, job: Reference) -> Data:
    """Return a job with its trajectory and events."""
    found: Data = finite(service.view(who).show(job))
    return found


def _holding(wanted: JobState | None) -> Callable[[Service, Caller, str], Data]:
    def hold(service: Served, who: Writer, job: Reference) -> Data:
        return service.view(who).hold(job, wanted)

    return hold


for verb, wanted, what in (
    ("pause", JobState.PAUSED, "Have a job stopped until it is resumed."),
    ("cancel", JobState.CANCELLED, "Have a job stopped for good."),
    ("resume", None, "Have workers go on with a job that was paused, or that failed."),
):
    router.add_api_route(
        f"/jobs/{{job}}/{verb}",
        _holding(wanted),
        methods=["POST"],
        responses={**NONE, **CONFLICT},
        tags=["jobs"],
        summary=what,
        description=what,
        name=f"{verb}_job",
    )


@router.get("/jobs/{job}/best", responses={**NONE, **_also("text/plain")}, tags=["results"])
def read_best(
    service: Served,
    who: Reader,
    job: Reference,
    request: Request,
    form: Annotated[Literal["json", "solver", "python"], Query()] = "json",
    configuration: Annotated[str, Query(max_length=100, description="another one, by its key")] = "best",
) -> Response:
    """Return the best configuration so far: as data, as the solver's own file, or as a program."""
    own = service.view(who)
    if form == "json":
        return _tagged(request, json.dumps(finite(own.best(job))), "application/json")
    return _tagged(request, own.export(job, configuration, form == "python"), "text/plain; charset=utf-8")


@router.get("/jobs/{job}/trajectory", responses=NONE, tags=["results"])
def read_trajectory(service: Served, who: Reader, job: Reference) -> list[Data]:
    """Return the incumbents over time."""
    own = service.view(who)
    return [finite(step) for step in own.trajectory(own.job(job))]


@router.get("/jobs/{job}/instances", responses=NONE, tags=["results"])
def read_instances(service: Served, who: Reader, job: Reference) -> list[Data]:
    """Return a job's models with their features: sizes, kinds of rows, ranges of numbers."""
    own = service.view(who)
    return own.instances(own.job(job))


@router.get(
    "/jobs/{job}/responses",
    responses={**NONE, **_also("text/csv", "application/vnd.apache.parquet")},
    tags=["results"],
)
def read_responses(
    service: Served,
    who: Reader,
    job: Reference,
    part: Annotated[Literal["", "training", "holdout"], Query()] = "",
    instance: Annotated[str, Query(max_length=300)] = "",
    configuration: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[int, Query(ge=0, lt=2**63, description="the id of the last row that is known")] = 0,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
    form: Annotated[Literal["json", "csv", "parquet"], Query()] = "json",
) -> Response:
    """Return runs with their responses: a page as JSON, or all as CSV or Parquet, streamed."""
    found = service.view(who).responses(job, Filters(part, instance, configuration, cursor))
    if form == "csv":
        return StreamingResponse(_csv(found), media_type="text/csv; charset=utf-8")
    if form == "parquet":
        from tuner.service.parquet import parquet

        return StreamingResponse(parquet(found), media_type="application/vnd.apache.parquet")
    rows = list(islice(found.rows, limit + 1))
    more = len(rows) > limit
    rows = [finite(row) for row in rows[:limit]]
    return JSONResponse({"rows": rows, "next": rows[-1]["id"] if more else None})


@router.get(
    "/jobs/{job}/events",
    responses={**NONE, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    response_class=StreamingResponse,
    tags=["jobs"],
)
def follow(service: Served, who: Reader, job: Reference, request: Request) -> StreamingResponse:
    """Follow a job as server-sent events: `job` when something has changed, `over` at its end."""
    own = service.view(who)
    found = own.job(job)
    return StreamingResponse(_events(own, found, request, service.access), media_type="text/event-stream")


@router.get("/best", responses=NONE, tags=["results"])
def best_over_jobs(
    service: Served,
    who: Reader,
    family: Annotated[str, Query(min_length=1, max_length=200, description="a set's name, or a local folder's")],
    solver: Annotated[Literal["", "highs", "cp-sat", "scip"], Query()] = "",
) -> Data:
    """Return what the latest finished jobs on a family of models recommend, one line for each solver.

    With each comes how it compared with the default of its job's first solver, on models that were not tuned on.
    """
    own = service.view(who)
    lines: dict[str, Data] = {}
    for job in sorted(own.jobs(), key=_ended, reverse=True):
        best = job["best"]
        if job["state"] != "finished" or not best or _family(job["folder"]) != family:
            continue
        if solver in ("", best["solver"]) and best["solver"] not in lines:
            told = {name: job[name] for name in ("outcome", "cost", "cutoff_s", "created_at", "finished_at")}
            found = own.gain(job["id"], best["key"])
            gain = None if found is None else finite(comparison_data(found))
            lines[best["solver"]] = {"job": job["name"], **told, **best, "against_default": gain}
    if not lines:
        raise Refused(HTTPStatus.NOT_FOUND, f"no finished job on {family!r} recommends {solver or 'anything'}")
    return {"family": family, "best": list(lines.values())}


def _ended(job: Data) -> str:
    """Return when a job finished; for one of which that was not kept, when it was handed in."""
    return str(job["finished_at"] or job["created_at"])


def _family(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def _set_data(found: InstanceSet) -> Data:
    return {
        "id": found.id,
        "name": found.name,
        "owner": found.owner,
        "created_at": found.created_at.isoformat(),
        "models": found.size,
    }


def _submission(new: NewJob, models: InstanceSet, who: Caller) -> Submission:
    solvers = list(SOLVERS) if ANY in new.solvers else list(dict.fromkeys(new.solvers))
    slots = WIDE if new.slots is None else new.slots
    if new.cutoff_s * 5 > new.budget_s * slots:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"a cutoff of {new.cutoff_s:g} s is too long for a budget of {new.budget_s:g} s: not even 5 runs would fit",
        )
    return Submission(
        name=new.name,
        folder=models.name,
        holdout=str(new.holdout),
        solvers=tuple(solvers),
        cost=Cost(new.cost).value,
        ties=Ties(new.ties).value,
        cutoff=new.cutoff_s,
        budget=new.budget_s,
        slots=slots,
        memory_mib=new.memory_mib,
        gap=new.gap,
        seed=new.seed,
        space="",
        reuse=new.reuse,
        owner=models.owner,
        served=True,
        priority=new.priority,
        instance_set=models.id,
    )


def _digest(new: BaseModel) -> str:
    """Return what is the same for the same request, however it was spelled."""
    return hashlib.sha256(json.dumps(new.model_dump(), sort_keys=True).encode()).hexdigest()


def _problem_submission(new: NewProblem, who: Caller) -> Submission:
    kind = outlined(new.problem)
    submission = submission_of(
        new.problem,
        source=str(new.problem.get("name", kind)),
        name=new.name,
        ties=Ties(new.ties),
        solver=new.solver,
        budget=new.budget_s,
        slots=WIDE if new.slots is None else new.slots,
        seed=new.seed,
    )
    return replace(submission, owner=who.owner, served=True, priority=new.priority)


def _tagged(request: Request, text: str, media_type: str) -> Response:
    """Return text with its ETag, or nothing to a client that has it."""
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    return PlainTextResponse(text, media_type=media_type, headers={"ETag": tag, "Cache-Control": "no-cache"})


def _csv(found: Rows) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, found.columns, lineterminator="\n")
    writer.writeheader()
    for row in found.rows:
        writer.writerow(row)
        if buffer.tell() > 2**16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


async def _events(own: StoredView, job: Job, request: Request, access: Access) -> AsyncIterator[str]:
    """Yield an event for each change of a job, until it is over, nobody listens, or the token is revoked."""
    last, beat, known = "", time.monotonic(), time.monotonic()
    while not await request.is_disconnected():
        try:
            if time.monotonic() - known > KNOWN_EVERY:
                await run_in_threadpool(access.caller, request)
                known = time.monotonic()
            data = await run_in_threadpool(_state, own, job.id)
        except StoreUnavailable:  # who follows need not notice
            data = None
        except Refused:
            return
        text = last if data is None else json.dumps(finite(data))
        if text != last:
            yield f"event: job\ndata: {text}\n\n"
            last, beat = text, time.monotonic()
        if data is not None and data["state"] in ("finished", "failed", "cancelled"):
            yield f"event: over\ndata: {json.dumps({'state': data['state']})}\n\n"
            return
        if time.monotonic() - beat > 15:
            yield ": still here\n\n"
            beat = time.monotonic()
        await asyncio.sleep(LOOK_EVERY)


def _state(own: StoredView, job_id: int) -> Data:
    store = own.store
    job = store.standing(job_id)
    events = store.events(job_id)
    data = {
        "id": job.id,
        "name": job.name,
        "kind": job.kind.value,
        "state": job.state.value,
        "outcome": job.outcome,
        "spent_s": job.spent,
        "budget_s": job.budget,
        "event": event_data(events[-1]) if events else None,
    }
    if job.kind is JobKind.SOLVE:
        bracket = store.bracket(job_id)
        return {
            **data,
            "answers": answers_data(store.count_answers(job_id)),
            "bracket": bracket and {**bracket_data(bracket), "best": bracket.best},
        }
    steps = store.incumbents(job_id)
    return {**data, "runs": store.count(job_id), "incumbent": step_data(steps[-1]) if steps else None}
