"""The API's description (OpenAPI): what FastAPI knows of it, who may ask, and what any request may be answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from tuner.service.access import COOKIE, SAFE
from tuner.service.endpoints import problems

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token, as tuner token create prints it"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "a token, as the login page keeps it"},
}
CHANGING = (HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""What every request may be answered that changes something: its token may be for reading only, its body too large."""
JSON = "application/json"


def describe(app: FastAPI, needs_token: bool) -> None:
    """Have an application describe itself as a whole.

    Args:
        app: with all its routes.
        needs_token: whether every request needs a token; else those from this machine do not.

    """
    described = app.openapi  # FastAPI's own, which keeps what it has made

    def openapi() -> dict[str, Any]:
        schema = described()
        if "securitySchemes" not in schema["components"]:
            schema["components"]["securitySchemes"] = SCHEMES
            for path in schema["paths"].values():
                for method, operation in path.items():
                    _complete(operation, method.upper(), needs_token)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _complete(operation: dict[str, Any], method: str, needs_token: bool) -> None:
    operation["security"] = [{name: []} for name in SCHEMES] + ([] if needs_token else [{}])
    refusals = [] if method in SAFE else [*CHANGING]
    if JSON in operation.get("requestBody", {}).get("content", {}):
        refusals.append(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    for status, described in problems(*refusals).items():
        about = {"description": described["description"], "content": described["content"]}
        operation["responses"].setdefault(str(status), about)
