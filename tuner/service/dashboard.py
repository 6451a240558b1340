"""Optuna's dashboard on the service's own address, read-only: a job's configurations are trials of a study there.

It shows everybody's studies, so it is for those who may see everybody's jobs.
"""

from __future__ import annotations

import re
from functools import cached_property
from http import HTTPStatus
from typing import Any

from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from storage.errors import StoreUnavailable
from tuner.app.sheets import inert_csv
from tuner.extras import DASHBOARD
from tuner.leader.mirror import connect
from tuner.service.problems import Refused

PATHS = ("/dashboard", "/dashboard/{rest:path}", "/api/{rest:path}", "/csv/{rest:path}", "/static/{rest:path}")
"""What the dashboard asks for; of /static, what the pages do not have."""
_ANSWERED = re.compile(
    r"/(dashboard(/.*)?|static/.*|api/meta|api/studies|api/studies/\d{1,18}(/param_importances)?|csv/\d{1,18})",
    re.ASCII | re.DOTALL,
)
"""What it is let answer. Not its plots: its pages draw their own, and one of many trials takes minutes."""
_FORMS = {
    "after": re.compile(r"\d{1,18}", re.ASCII),
    "trial_ids": re.compile(r"(\d{1,18}(,\d{1,18})*)?", re.ASCII),
}
"""Of what it takes in a query."""


class Dashboard:
    """The dashboard of a store's studies; nothing is opened before somebody looks."""

    def __init__(self, url: str) -> None:
        """Take the URL of the store's database."""
        self._url = url

    @cached_property
    def _storage(self) -> RDBStorage:
        try:
            return connect(self._url)
        except (SQLAlchemyError, OptunaError, OSError) as error:
            raise StoreUnavailable(f"Optuna's tables cannot be read: {error}") from None

    @cached_property
    def _application(self) -> Any:
        from a2wsgi import (
            WSGIMiddleware,  # here: both may be missing; and the dashboard takes more memory than all else
        )
        from optuna_dashboard import wsgi

        return WSGIMiddleware(wsgi(self._storage))

    def study(self, job: str) -> int | None:
        """Return the id of a job's study; None when it has none (yet), or there is no dashboard to show it."""
        if not DASHBOARD.is_there:
            return None
        for name in (job, f"{job} (tuner)"):
            try:
                return self._storage.get_study_id_from_name(name)
            except KeyError:
                continue
            except (SQLAlchemyError, OptunaError, OSError, StoreUnavailable):
                return None
        return None

    def answer(self, request: Request) -> Response:
        """Return an answer that the dashboard gives.

        Raises:
            MissingExtra: the dashboard is not installed.
            Refused: it is asked for what is not there, or for what would make it fail or take long.

        """
        DASHBOARD.need()
        if not _ANSWERED.fullmatch(request.scope["path"]):
            raise Refused(HTTPStatus.NOT_FOUND, "Optuna's dashboard has nothing there that this server shows")
        for name, form in _FORMS.items():
            if not all(form.fullmatch(value) for value in request.query_params.getlist(name)):
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: write numbers of 18 digits at most")
        is_csv = request.scope["path"].startswith("/csv/")
        return (_Table if is_csv else _Handed)(self._application)


class _Handed(Response):
    """An answer that another application gives to the request at hand."""

    def __init__(self, application: Any) -> None:
        super().__init__()
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        names = {name for name, _ in scope["headers"]}
        more = [] if b"accept-encoding" in names else [(b"accept-encoding", b"identity")]  # it fails without one
        has_failed = False

        async def sending(message: Message) -> None:
            nonlocal has_failed
            if message["type"] == "http.response.start":
                has_failed = message["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR
            if not has_failed:
                await send(message)

        await self._application({**scope, "headers": [*scope["headers"], *more]}, receive, sending)
        if has_failed:
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Optuna's dashboard cannot answer this; the log says why")


class _Table(_Handed):
    """Comma-separated values of another application, made inert."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and change the answer."""
        start: Message = {}
        body = bytearray()

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            content = bytes(body)
            if start["status"] == HTTPStatus.OK:
                content = inert_csv(content.decode("utf-8", "replace")).encode()
            await send({**start, "headers": [*headers, (b"content-length", str(len(content)).encode())]})
            await send({"type": "http.response.body", "body": content})

        await super().__call__(scope, receive, sending)
