"""Bodies with a document: read as a stream under a cap, and believed in nothing before they are known to be JSON."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from tuner.documents import read_json
from tuner.service.problems import Refused
from tuner.service.uploads import MIB, TOO_LARGE, UNFIT, Caps

_ONE = threading.Lock()
"""One document is read at a time: each may take some hundred MiB while it is."""


async def document_body(request: Request, caps: Caps) -> bytes:
    """Return a request's body; Refused when it is no JSON by its type, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, with Content-Type: application/json")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > caps.document:
            raise Refused(TOO_LARGE, f"a request with a problem has {caps.document / MIB:g} MiB at most")
    return bytes(body)


def read_document(body: bytes, caps: Caps) -> dict[str, Any]:
    """Return the document in a body.

    Raises:
        Refused: it is no text, or has too many values.
        UsageError: it is no JSON object, or says something twice.

    """
    if sum(map(body.count, (b",", b"[", b"{"))) > caps.values:
        raise Refused(TOO_LARGE, f"a problem has {caps.values} numbers, texts, lists and tables at most")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refused(UNFIT, f"the body is no UTF-8: {error.reason} at byte {error.start}") from None
    with _ONE:
        return read_json(text, "the body")
