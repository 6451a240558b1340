"""The API of advice without runs on an instance set."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from storage.records import InstanceSet
from tuner.app.advising import Advisory, advisory_data
from tuner.app.job_data import Data, finite
from tuner.app.set_advice import advise_set
from tuner.app.shapes import AdvisoryShape
from tuner.follower.spaces import solver_names
from tuner.service.access import Caller
from tuner.service.bodies import Once
from tuner.service.endpoints import ALWAYS, NONE, Number, Reader, Served, Service
from tuner.service.problems import Refused
from tuner.service.uploads import laid_down

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["instance sets"], route_class=Once)
Solvers = Annotated[str, Query(max_length=100, description="highs, cp-sat or scip, several with commas, or any")]


@router.get("/instance-sets/{number}/advice", response_model=AdvisoryShape, responses=NONE)
async def read_advice(service: Served, who: Reader, number: Number, solver: Solvers = "any") -> Data:
    """Say which configurations are expected to help on a set's models; in seconds, and nothing is solved."""
    found: Data = finite(advisory_data(await advisory(service, who, number, solver)))
    return found


async def advisory(service: Service, who: Caller, number: int, solver: str) -> Advisory:
    """Return advice on a set of the caller's, in turn with other owners; Refused for an owner's second one at a time.

    Who waits here keeps a place among those that the server works on: so an owner waits for one only.
    """
    names = solver_names(solver)
    found = await run_in_threadpool(service.own_set, who, number)
    if service.looks.has(who.owner):
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS, "the advice that you asked for before is not ready yet; ask again in a moment"
        )
    with await service.looks.taken_by(who.owner):
        return await run_in_threadpool(_advised, service, found, names)


def _advised(service: Service, found: InstanceSet, solvers: Sequence[str]) -> Advisory:
    with laid_down():
        return advise_set(service.store, found, solvers)
