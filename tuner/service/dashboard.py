"""Optuna's dashboard on the service's own address, read-only: a job's configurations are trials of a study there.

It shows everybody's studies, so it is for those who may see everybody's jobs.
"""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus
from typing import Any

from a2wsgi import WSGIMiddleware
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tuner.leader.mirror import connect
from tuner.service.problems import Refused

PATHS = ("/dashboard", "/dashboard/{rest:path}", "/api/{rest:path}", "/csv/{rest:path}", "/static/{rest:path}")
"""What the dashboard asks for; of /static, what the pages do not have."""


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
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"Optuna's tables cannot be read: {error}") from None

    @cached_property
    def _application(self) -> Any:
        from optuna_dashboard import wsgi  # here: it takes more memory than all else, and few ask for it

        return WSGIMiddleware(wsgi(self._storage))

    def study(self, job: str) -> int | None:
        """Return the id of a job's study; None when it has none (yet)."""
        for name in (job, f"{job} (tuner)"):
            try:
                return self._storage.get_study_id_from_name(name)
            except KeyError:
                continue
            except (SQLAlchemyError, OptunaError, OSError, Refused):
                return None
        return None

    def answer(self) -> Response:
        """Return an answer that the dashboard gives."""
        return _Handed(self._application)


class _Handed(Response):
    """An answer that another application gives to the request at hand."""

    def __init__(self, application: Any) -> None:
        super().__init__()
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        names = {name for name, _ in scope["headers"]}
        more = [] if b"accept-encoding" in names else [(b"accept-encoding", b"identity")]  # it fails without one
        await self._application({**scope, "headers": [*scope["headers"], *more]}, receive, send)
