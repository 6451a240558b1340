"""The API of what jobs have found."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from tuner.app.job_data import Data, finite
from tuner.app.shapes import Best, EventPage, FamilyBest, InstanceShape, ResponsePage, StepShape
from tuner.app.sheets import csv_lines
from tuner.app.views import Filters
from tuner.extras import PARQUET
from tuner.service.bodies import Once
from tuner.service.endpoints import ALWAYS, LARGEST_PAGE, NONE, PAGE, Reader, Reference, Served, answers, problems

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["results"], route_class=Once)


@router.get("/jobs/{job}/best", responses={**NONE, **answers(Best, "text/plain")})
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


@router.get("/jobs/{job}/trajectory", response_model=list[StepShape], responses=NONE)
def read_trajectory(service: Served, who: Reader, job: Reference) -> list[Data]:
    """Return the incumbents over time."""
    own = service.view(who)
    return [finite(step) for step in own.trajectory(own.job(job))]


@router.get("/jobs/{job}/log", response_model=EventPage, responses=NONE)
def read_log(
    service: Served,
    who: Reader,
    job: Reference,
    cursor: Annotated[int, Query(ge=0, lt=2**63, description="the id of the last event that is known")] = 0,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
) -> Data:
    """Return what happened to a job, such as models that were left out and answers that are wrong."""
    page = service.view(who).event_page(job, cursor, limit)
    return {"rows": page.rows, "next": page.next}


@router.get("/jobs/{job}/instances", response_model=list[InstanceShape], responses=NONE)
def read_instances(service: Served, who: Reader, job: Reference) -> list[Data]:
    """Return a job's models with their features: sizes, kinds of rows, ranges of numbers."""
    own = service.view(who)
    return own.instances(own.job(job))


@router.get(
    "/jobs/{job}/responses",
    responses={
        **NONE,
        **problems(HTTPStatus.NOT_IMPLEMENTED),
        **answers(ResponsePage, "text/csv", "application/vnd.apache.parquet"),
    },
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
    own, filters = service.view(who), Filters(part, instance, configuration, cursor)
    if form == "json":
        page = own.response_page(job, filters, limit)
        return JSONResponse({"rows": finite(page.rows), "next": page.next})
    found = own.responses(job, filters)
    if form == "csv":
        return StreamingResponse(csv_lines(found), media_type="text/csv; charset=utf-8")
    PARQUET.need()
    from tuner.service.parquet import parquet  # here: pyarrow may be missing

    return StreamingResponse(parquet(found), media_type="application/vnd.apache.parquet")


@router.get("/best", response_model=FamilyBest, responses=NONE)
def best_over_jobs(
    service: Served,
    who: Reader,
    family: Annotated[str, Query(min_length=1, max_length=200, description="a set's name, or a local folder's")],
    solver: Annotated[Literal["", "highs", "cp-sat", "scip"], Query()] = "",
) -> Data:
    """Return what the latest finished jobs on a family of models recommend, one line for each solver.

    With each comes how it compared with the default of its job's first solver, on models that were not tuned on.
    """
    found = finite(service.view(who).recommended(family, solver))
    return {"family": family, "best": found}


def _tagged(request: Request, text: str, media_type: str) -> Response:
    """Return text with its ETag, or nothing to a client that has it."""
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    return PlainTextResponse(text, media_type=media_type, headers={"ETag": tag, "Cache-Control": "no-cache"})
