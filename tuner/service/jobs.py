"""The API of jobs: submitting, listing, pausing, cancelling and resuming them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from storage.records import ALL_SLOTS, InstanceSet, Job, JobState, Submission
from tuner.app.job_data import Data, finite, job_data
from tuner.app.shapes import FullJob, JobPage, JobShape
from tuner.app.solving import submission_of
from tuner.bilevel.applications.outline import outlined
from tuner.cost import Cost, Ties
from tuner.follower.base import base_of
from tuner.follower.settings import fixed_of
from tuner.follower.solvers import SOLVERS
from tuner.scenario import ANY, check_budget
from tuner.service.access import Caller
from tuner.service.bodies import NewJob, NewProblem, Once, check_json, read_document, seen
from tuner.service.endpoints import (
    ALWAYS,
    CONFLICT,
    LARGE,
    LARGEST_PAGE,
    NONE,
    PAGE,
    TOO_MANY,
    Reader,
    Reference,
    Served,
    Writer,
)

IdempotencyKey = Annotated[str, Header(max_length=200), AfterValidator(seen)]

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["jobs"], route_class=Once)


@router.post(
    "/jobs",
    status_code=201,
    response_model=JobShape,
    responses={200: {"description": "the job was there", "model": JobShape}, **NONE, **CONFLICT, **TOO_MANY},
)
def create_job(
    service: Served,
    who: Writer,
    new: NewJob,
    response: Response,
    idempotency_key: IdempotencyKey = "",
) -> Data:
    """Hand in a job. The same Idempotency-Key with the same body makes no other one."""
    models = service.own_set(who, new.instance_set)
    submission = _submission(new, models, service.reuse)
    return _made(response, *service.store.submit(submission, idempotency_key, _digest(new)))


@router.post(
    "/problems",
    status_code=201,
    response_model=JobShape,
    responses={
        200: {"description": "the job was there", "model": JobShape},
        **CONFLICT,
        **LARGE,
        **TOO_MANY,
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": NewProblem.model_json_schema()}}}
    },
)
async def create_problem(
    request: Request,
    service: Served,
    who: Writer,
    response: Response,
    idempotency_key: IdempotencyKey = "",
) -> Data:
    """Hand in a bilevel problem: a job like others from then on. The same Idempotency-Key makes no other one."""
    check_json(request)
    body = await request.body()

    def submitted() -> tuple[Job, bool]:
        try:
            new = NewProblem.model_validate(read_document(body, service.caps))
        except ValidationError as error:
            raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
        return service.store.submit(_problem_submission(new, who), idempotency_key, _digest(new))

    return _made(response, *await run_in_threadpool(submitted))


def _made(response: Response, job: Job, is_new: bool) -> Data:
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_data(job)


@router.get("/jobs", response_model=JobPage)
def list_jobs(
    service: Served,
    who: Reader,
    cursor: Annotated[int, Query(ge=0, lt=2**63, description="the id of the last job that is known; 0: none")] = 0,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
) -> Data:
    """List the jobs, the newest first."""
    page = service.view(who).job_page(cursor, limit)
    return {"rows": page.rows, "next": page.next}


@router.get("/jobs/{job}", response_model=FullJob, responses=NONE)
def read_job(service: Served, who: Reader, job: Reference) -> Data:
    """Return a job with its trajectory and events; of a bilevel problem, with its best choice so far."""
    found: Data = finite(service.view(who).show(job))
    return found


@router.post("/jobs/{job}/pause", response_model=JobShape, responses={**NONE, **CONFLICT})
def pause_job(service: Served, who: Writer, job: Reference) -> Data:
    """Have a job stopped until it is resumed."""
    return service.view(who).hold(job, JobState.PAUSED)


@router.post("/jobs/{job}/cancel", response_model=JobShape, responses={**NONE, **CONFLICT})
def cancel_job(service: Served, who: Writer, job: Reference) -> Data:
    """Have a job stopped for good."""
    return service.view(who).hold(job, JobState.CANCELLED)


@router.delete("/jobs/{job}", status_code=204, responses={**NONE, **CONFLICT})
def delete_job(
    service: Served,
    who: Writer,
    job: Reference,
    rest: BackgroundTasks,
    cancel: Annotated[bool, Query(description="cancel it first, if it is running")] = False,
) -> None:
    """Delete a job with its responses, events and trajectory. Its instance set stays."""
    service.store.delete_job(service.view(who).job(job).id, cancel)
    rest.add_task(service.store.sweep)  # which may take long, and is for the next one where this server ends first


@router.post("/jobs/{job}/resume", response_model=JobShape, responses={**NONE, **CONFLICT, **TOO_MANY})
def resume_job(service: Served, who: Writer, job: Reference) -> Data:
    """Have workers go on with a job that was paused, or that failed."""
    return service.view(who).hold(job, None)


def _submission(new: NewJob, models: InstanceSet, reuse: bool) -> Submission:
    """Return what is to be queued; UsageError where it makes no sense.

    It reuses earlier jobs as it says, otherwise as ``reuse`` does.
    """
    solvers = list(SOLVERS) if ANY in new.solvers else list(dict.fromkeys(new.solvers))
    slots = ALL_SLOTS if new.slots is None else new.slots
    check_budget(new.cutoff_s, new.budget_s)
    fixed = fixed_of(new.fix, solvers)
    base = base_of(new.base, "the settings", solvers, fixed).configuration if new.base.strip() else None
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
        reuse=reuse if new.reuse is None else new.reuse,
        fixed=fixed,
        base=base,
        target=new.target,
        stop_after=new.stop_after_s,
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
        slots=ALL_SLOTS if new.slots is None else new.slots,
        seed=new.seed,
    )
    return replace(submission, owner=who.owner, served=True, priority=new.priority)
