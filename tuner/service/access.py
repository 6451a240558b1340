"""Who may do what: tokens with scopes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request

from storage import records
from storage.store import Store
from tuner.service.problems import Refused

READ, SUBMIT, ADMIN = records.Scope.READ, records.Scope.SUBMIT, records.Scope.ADMIN
_RANK = {READ: 0, SUBMIT: 1, ADMIN: 2}
LOCAL = "local"
"""The owner of what is handed in without a token."""
COOKIE = "tuner_token"
SAFE = ("GET", "HEAD", "OPTIONS")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""What a proxy adds to the requests of others."""


@dataclass(frozen=True)
class Caller:
    """Who makes a request."""

    owner: str
    scope: records.Scope
    has_token: bool = True

    @property
    def seen(self) -> str | None:
        """Whose jobs it sees; None for everybody's."""
        return None if self.scope is ADMIN else self.owner

    @property
    def may_submit(self) -> bool:
        """Whether it may hand in, pause, resume and cancel."""
        return _RANK[self.scope] >= _RANK[SUBMIT]

    def may(self, scope: records.Scope) -> None:
        """Raise Refused unless the scope is the caller's or a smaller one."""
        if _RANK[self.scope] < _RANK[scope]:
            raise Refused(HTTPStatus.FORBIDDEN, f"this takes a token for {scope.value}, not {self.scope.value}")


class Access:
    """Finds out who makes a request."""

    def __init__(self, store: Store, needs_token: bool) -> None:
        """Ask for tokens, or take everybody for the local user: only where nobody else reaches the server.

        Whoever comes by a proxy is somebody else, and is asked for one all the same.
        """
        self._store, self._needs_token = store, needs_token

    def caller(self, request: Request) -> Caller:
        """Return who makes a request.

        Raises Refused when there is no token where one is needed, or one that is not known.
        """
        told = _secret(request.headers)
        secret = told or request.cookies.get(COOKIE, "")
        token = self._store.token(secret) if secret else None
        is_local = not self._needs_token and not any(name in request.headers for name in FORWARDED)
        if token is None and is_local and not told:  # a cookie may be another server's: a browser tells no ports apart
            return Caller(LOCAL, ADMIN, has_token=False)
        if token is None:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "the token is not known, or was revoked"
                if secret
                else "a token is needed: Authorization: Bearer TOKEN; tuner token create makes one at the server",
            )
        return Caller(token.owner, token.scope)


def _secret(headers: Headers) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
