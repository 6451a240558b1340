"""The server's application: the API, the pages, its health and its metrics."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from instances.caps import Caps
from storage.errors import StoreError
from storage.records import JobState
from storage.store import Store
from tuner.errors import TunerError
from tuner.service import advice, events, instance_sets, jobs, pages, problems, results
from tuner.service.access import Access
from tuner.service.dashboard import Dashboard
from tuner.service.description import describe
from tuner.service.endpoints import Reader, Served, Service
from tuner.service.gate import Gate
from tuner.service.underway import Underway

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""That are counted by name: a request may have any other, and each would be a line more in the metrics for good."""

UPLOADS = 2
"""Uploads of the largest size that one owner may have under way at a time."""


def application(
    store: Store,
    *,
    needs_token: bool = False,
    hosts: frozenset[str] = frozenset(),
    caps: Caps | None = None,
    reuse: bool = False,
) -> FastAPI:
    """Return the service as an ASGI application.

    Args:
        store: what it is about.
        needs_token: whether every request to the API needs a token.
        hosts: by which names it may be called; any where there are none.
        caps: of uploads.
        reuse: whether jobs that do not say so start from earlier jobs of their owner.

    """
    app = FastAPI(
        title="tuner",
        version=version("tuner"),
        description="Finds the MILP solver and parameters that solve your models faster: jobs and their results.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    caps = caps or Caps()
    service = app.state.service = Service(
        store, Access(store, needs_token), caps, Underway(UPLOADS * caps.upload), reuse
    )
    app.state.dashboard = Dashboard(store.url)
    app.state.streams = events.Streams(store)
    routers = (instance_sets.router, advice.router, jobs.router, events.router, results.router, pages.router)
    for each in routers:
        app.include_router(each)
    describe(app, needs_token)
    app.add_exception_handler(pages.LoginNeeded, pages.login_page)
    _health(app, store)
    app.add_exception_handler(problems.Refused, problems.refused)
    app.add_exception_handler(StoreError, problems.failed)
    app.add_exception_handler(TunerError, problems.failed)
    app.add_exception_handler(HTTPException, problems.unrouted)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _left)
    routes = app.state.routes = [route for each in (app, *routers) for route in each.routes if isinstance(route, Route)]
    app.add_middleware(
        Gate, hosts=hosts, access=service.access, caps=service.caps, allowed=partial(problems.allowed, routes)
    )
    return app


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {"where": [str(part)[:100] for part in each["loc"]], "what": str(each["msg"])[:300]}
        for each in error.errors()[:20]
    ]
    detail = "; ".join(f"{'.'.join(each['where'])}: {each['what']}" for each in found[:3])
    return problems.answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=found)


async def _left(_: Request, error: Exception) -> JSONResponse:
    """Answer who is not there any more: nobody reads it, but it is counted, and no fault of ours."""
    return problems.problem(HTTPStatus.BAD_REQUEST, "the connection ended before the request did")


def _health(app: FastAPI, store: Store) -> None:
    registry = CollectorRegistry()
    requests = Counter("tuner_requests", "Requests by method and status.", ("method", "status"), registry=registry)
    seconds = Histogram("tuner_request_seconds", "Seconds until a request was answered.", registry=registry)
    states = Gauge("tuner_jobs", "Jobs by state.", ("state",), registry=registry)

    streams = Gauge("tuner_event_streams", "Connections by which jobs are followed.", registry=registry)
    streams.set_function(lambda: len(app.state.streams))

    slots = Gauge("tuner_worker_slots", "Of the largest worker within the last hour; 0: none.", registry=registry)

    @app.middleware("http")
    async def _measured(request: Request, call: RequestResponseEndpoint) -> Response:
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)  # which `Gate` makes of what is raised here
        try:
            with seconds.time():
                response = await call(request)
            status = response.status_code
        finally:
            method = request.state.method
            requests.labels(method if method in METHODS else "other", status).inc()
        return response

    @app.get("/livez", include_in_schema=False)
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> PlainTextResponse:
        store.states()
        return PlainTextResponse("ok\n")

    @app.get("/metrics", include_in_schema=False)
    def metrics(service: Served, who: Reader) -> Response:
        found = store.states()
        for state in JobState:
            states.labels(state.value).set(found.get(state, 0))
        slots.set(store.most_slots() or 0)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
