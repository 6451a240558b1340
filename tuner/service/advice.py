"""The API of advice without runs on an instance set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from storage.records import InstanceSet
from tuner.app.advising import Advisory, advisory_data
from tuner.app.job_data import Data, finite
from tuner.app.set_advice import advise_set
from tuner.app.shapes import AdvisoryShape
from tuner.follower.spaces import solver_names
from tuner.service.bodies import Once
from tuner.service.endpoints import ALWAYS, NONE, Number, Reader, Served, Service
from tuner.service.problems import Refused
from tuner.service.uploads import laid_down

router = APIRouter(prefix="/v1", responses=ALWAYS, tags=["instance sets"], route_class=Once)
Solvers = Annotated[str, Query(max_length=100, description="highs, cp-sat or scip, several with commas, or any")]

_ONE = threading.Lock()
"""One set is looked at at a time: its models are read in processes beside those whose runs are measured."""


@router.get("/instance-sets/{number}/advice", response_model=AdvisoryShape, responses=NONE)
def read_advice(service: Served, who: Reader, number: Number, solver: Solvers = "any") -> Data:
    """Say which configurations are expected to help on a set's models; in seconds, and nothing is solved."""
    found: Data = finite(advisory_data(advisory(service, service.own_set(who, number), solver)))
    return found


def advisory(service: Service, found: InstanceSet, solver: str) -> Advisory:
    """Return advice on a set; Refused while another one is looked at."""
    names = solver_names(solver)
    with _alone(), laid_down():
        return advise_set(service.store, found, names)


@contextmanager
def _alone() -> Iterator[None]:
    if not _ONE.acquire(blocking=False):
        raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "another instance set is being looked at; ask again in a moment")
    try:
        yield
    finally:
        _ONE.release()
