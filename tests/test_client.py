"""The client of something that is no tuner server, and of references that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.archives import MPS
from tuner.app.views import Filters
from tuner.cli import main
from tuner.client import Client
from tuner.errors import Failed, UsageError


def answering(status: int, content: str, kind: str) -> Client:
    """Return a client of a server that answers everything alike."""
    answer = httpx.Response(status, text=content, headers={"Content-Type": kind})
    return Client("http://other.example", transport=httpx.MockTransport(lambda _: answer))


ASKED: dict[str, Callable[[Client], object]] = {
    "jobs": lambda client: client.jobs(),
    "show": lambda client: client.show("a"),
    "best": lambda client: client.best("a"),
    "responses": lambda client: client.responses("a", Filters()),
    "export": lambda client: client.export("a", "", python=False),
    "hold": lambda client: client.hold("a", None),
    "upload": lambda client: client.upload(Path(), "models", lambda _: None),
    "submit": lambda client: client.submit({}),
    "submit_problem": lambda client: client.submit_problem({}),
    "follow": lambda client: next(client.follow("a", lambda _: None)),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_page_of_something_else_is_told_from_an_answer(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mps").write_bytes(MPS)
    with (
        answering(200, "<!doctype html><title>Welcome</title>", "text/html") as client,
        pytest.raises(Failed, match=r"http://other.example/.* answered 200: it is no tuner server"),
    ):
        ASKED[asked](client)


@pytest.mark.parametrize(
    "said", ["{}", "[]", '{"rows": [{"id": "seven"}], "next": null}', '{"id": 1, "kind": "tune"}', "null"]
)
@pytest.mark.parametrize("asked", sorted(ASKED.keys() - {"export", "follow"}))
def test_data_of_something_else_is_told_from_an_answer(
    asked: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mps").write_bytes(MPS)
    with (
        answering(200, said, "application/json") as client,
        pytest.raises(Failed, match="it is no tuner server"),
    ):
        ASKED[asked](client)


@pytest.mark.parametrize("command", ["show", "best", "responses", "export", "pause", "cancel"])
def test_a_reference_with_nothing_in_it_is_refused_before_anything_is_asked(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "", "--server", "http://127.0.0.1:1"]) == UsageError.exit_code
    assert "JOB is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "data", ["{bad", '{"state": "running"}', "7", '{"kind": "tune", "state": "running", "runs": 1, "incumbent": null}']
)
def test_events_of_something_else_are_told_from_where_a_job_stands(data: str) -> None:
    with (
        answering(200, f"event: job\ndata: {data}\n\n", "text/event-stream") as client,
        pytest.raises(Failed, match="it is no tuner server"),
    ):
        next(client.follow("a", lambda _: None))


def test_pages_without_an_end_are_not_read_for_ever() -> None:
    with (
        answering(200, '{"rows": [], "next": 1}', "application/json") as client,
        pytest.raises(Failed, match="it is no tuner server"),
    ):
        client.jobs()


@pytest.mark.parametrize("token", ["tuner_\u00e9", "tuner_a\nb"])
def test_a_token_that_is_none_is_refused_before_anything_is_asked(token: str) -> None:
    with pytest.raises(UsageError, match="the token has characters that no token has"):
        Client("http://127.0.0.1:1", token)
