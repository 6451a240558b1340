"""Every endpoint of a server, each with a request that it could fulfil."""

from __future__ import annotations

from typing import Any

import httpx

from tests.archives import MPS, zipped
from tuner.bilevel.applications import example

PARTS = {"{job}": "1", "{number}": "1", "{sha256}": "0" * 64}
MORE: dict[str, dict[str, Any]] = {
    "POST /v1/models": {"params": {"suffix": ".mps"}, "content": MPS},
    "POST /v1/models/missing": {"json": {"sha256": ["0" * 64]}},
    "POST /v1/archives": {"params": {"name": "x"}, "content": zipped({"a.mps": MPS})},
    "POST /v1/instance-sets": {"json": {"name": "x", "members": {"a": "0" * 64}}},
    "POST /v1/jobs": {"json": {"instance_set": 1}},
    "POST /v1/problems": {"json": {"problem": example("toll").document()}},
    "GET /v1/events": {"params": {"job": "1"}},
    "GET /v1/best": {"params": {"family": "assignments"}},
}
"""What a request needs besides its path."""
PAGES = (
    *("GET /", "GET /jobs/{job}", "GET /jobs/{job}/figures", "GET /jobs/{job}/report.html"),
    *("GET /jobs/{job}/instances/{sha256}", "POST /login", "GET /dashboard", "GET /api/studies"),
    *("GET /sets", "GET /sets/{number}", "GET /sets/{number}/advice", "GET /readyz", "GET /metrics"),
)
"""What needs the store, and is no part of the API."""


def endpoints(client: httpx.Client) -> list[str]:
    """Return the endpoints that need the store, those of the API as the server itself describes them."""
    paths = client.get("/v1/openapi.json").raise_for_status().json()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods] + list(PAGES)


def ask(client: httpx.Client, endpoint: str) -> httpx.Response:
    """Send an endpoint a request."""
    method, path = endpoint.split()
    for name, value in PARTS.items():
        path = path.replace(name, value)
    return client.request(method, path, **MORE.get(endpoint, {}))
