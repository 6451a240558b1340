"""A client of a tuner server: the same view of jobs as of a store, and handing in folders and bilevel problems."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from instances.caps import CAPS, TooLarge
from instances.errors import NoInstances
from instances.folder import ModelFile, scan
from instances.formats import suffixes
from storage.errors import UnknownJob
from storage.names import clash, fitted, model_fault, set_fault, unseen
from storage.records import JobKind, JobState
from tuner.app.job_data import Data
from tuner.app.response_rows import ANSWER_COLUMNS, RESPONSE_COLUMNS, Rows
from tuner.app.shapes import (
    Best,
    EventPage,
    FullJob,
    JobPage,
    JobShape,
    Missing,
    Over,
    ResponsePage,
    SetOfModels,
    Standing,
    Uploaded,
)
from tuner.app.views import Filters
from tuner.commands import command, counted
from tuner.errors import Failed, NotFound, TunerError, UsageError

PAGE = 1000
SECONDS = 60.0
"""Without a byte from the server, after which it is given up; where events are followed, it sends some every 15."""
EVERY, PATIENCE = 2.0, 600.0
"""Seconds between two attempts to go on following a job, and after which that is given up."""
PIECE = 2**20


class Away(Failed):
    """The server cannot be reached, or is not able to answer now; it may be back in a moment."""


class RequestUnfit(UsageError):
    """The server does not take what was sent, because of its content: change it."""


class UnfitModel(UsageError):
    """A model cannot be sent, which says nothing about others."""


class Client:
    """A `tuner.app.views.View` of a server's jobs. Leaving its context closes it.

    Every method raises:
        Away: the server cannot be reached, or is not able to answer now.
        Failed: something is wrong there; the message is the server's.
        UsageError: it refuses the request; the message is the server's.
        NotFound, storage.errors.UnknownJob: what was named is not there.
    """

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        """Connect to nothing yet.

        Args:
            url: of the server, such as https://tuner.example.com.
            token: that the server's ``tuner token create`` printed; empty for none.
            transport: in place of the network, for tests.

        Raises UsageError when the URL is none.
        """
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise UsageError(f"--server {url}: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise UsageError(f"--server {url}: write a URL such as http://127.0.0.1:8000")
        if not token.isascii() or not token.isprintable():
            raise UsageError("the token has characters that no token has; see $TUNER_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/v1", headers=headers, timeout=SECONDS, transport=transport, follow_redirects=False
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    # The view

    def jobs(self) -> list[Data]:
        """Return all jobs that the token may see, the newest first."""
        return list(self._pages("/jobs", JobPage, {}))

    def show(self, job: str) -> Data:
        """Return a job with its trajectory and events."""
        return self._told(FullJob, "GET", _of(job))

    def log(self, job: str, since: int = 0) -> Iterator[Data]:
        """Yield what happened to a job, after the event with the id ``since``."""
        return self._pages(f"{_of(job)}/log", EventPage, {}, since)

    def best(self, job: str) -> Data:
        """Return a job's best configuration, or choice of the leader, so far."""
        return self._told(Best, "GET", f"{_of(job)}/best")

    def responses(self, job: str, filters: Filters) -> Rows:
        """Return a job's runs, or the follower's answers, page by page."""
        kind = self.show(job)["kind"]
        columns = ANSWER_COLUMNS if kind == JobKind.SOLVE else RESPONSE_COLUMNS
        asked = {"part": filters.part, "instance": filters.instance, "configuration": filters.configuration}
        return Rows(columns, self._pages(f"{_of(job)}/responses", ResponsePage, asked, filters.since))

    def _pages(self, path: str, shape: Any, asked: Mapping[str, str], since: int = 0) -> Iterator[Data]:
        cursor: int | None = since
        known: set[int] = set()
        while cursor is not None:
            known.add(cursor)
            response = self._asked("GET", path, params={**asked, "cursor": cursor, "limit": PAGE})
            page = self._checked(response, shape)
            if page["next"] in known:  # it would be asked for ever
                raise _no_server(response)
            yield from page["rows"]
            cursor = page["next"]

    def export(self, job: str, configuration: str, python: bool) -> str:
        """Return a configuration as the solver itself reads it, or as a program."""
        asked = {"form": "python" if python else "solver", "configuration": configuration or "best"}
        response = self._asked("GET", f"{_of(job)}/best", params=asked)
        if not response.headers.get("content-type", "").startswith("text/plain"):
            raise _no_server(response)
        return response.text

    def hold(self, job: str, wanted: JobState | None) -> Data:
        """Have a job paused or cancelled, or gone on with; return it."""
        verb = {JobState.PAUSED: "pause", JobState.CANCELLED: "cancel", None: "resume"}[wanted]
        return self._told(JobShape, "POST", f"{_of(job)}/{verb}")

    def sets(self) -> list[Data]:
        """Return the instance sets that the token may see, the newest first."""
        told: Any = self._told(list[SetOfModels], "GET", "/instance-sets")
        return list(told)

    def delete(self, job: str, cancel: bool) -> None:
        """Delete a job with all that it has; one that is running only where it is to be cancelled first."""
        self._asked("DELETE", _of(job), params={"cancel": cancel})

    def delete_set(self, number: int) -> None:
        """Delete an instance set that no job uses, with the models that are in no other one."""
        self._asked("DELETE", f"/instance-sets/{number}")

    def delete_model(self, sha256: str) -> None:
        """Delete a model that is in no instance set."""
        self._asked("DELETE", f"/models/{quote(sha256, safe='')}")

    # Handing in

    def upload(self, folder: Path, name: str, say: Callable[[str], None]) -> Data:
        """Upload the models of a folder that the server does not have yet, and make a set of them.

        Args:
            folder: with models, in subfolders too.
            name: of the set.
            say: told what is left out and why, and what is sent.

        Raises UsageError before anything is sent when a model's name is one that a server refuses, and when no model
        can be sent.
        """
        try:
            found = scan(folder)
        except NoInstances as error:
            raise UsageError(str(error)) from None
        for remark in found.remarks():
            say(remark)
        for damaged in found.damaged:
            say(f"left out: {damaged}")
        _check_names(found.files)
        files = {file.sha256: file for file in found.files}
        missing = self._told(Missing, "POST", "/models/missing", json={"sha256": list(files)})["missing"]
        say(f"{counted(len(files), 'model')}, {len(missing)} of them to be sent")
        for sha256 in missing:
            try:
                self._send(files[sha256])
            except UnfitModel as error:  # which says nothing against the others
                say(f"left out: {files.pop(sha256).path}: {error}")
        if not files:
            raise UsageError(f"{folder}: none of its models could be sent")
        members = {file.name: file.sha256 for file in files.values()}
        name = fitted(name, "set") if set_fault(name) else name
        return self._told(SetOfModels, "POST", "/instance-sets", json={"name": name, "members": members})

    def _send(self, file: ModelFile) -> None:
        """Send a model; UnfitModel when it is one that the server does not take."""
        parts = suffixes(file.path.name)
        assert parts is not None

        def pieces() -> Iterator[bytes]:
            with file.path.open("rb") as opened:
                while piece := opened.read(PIECE):
                    yield piece

        suffix = parts.format + parts.packing
        try:
            CAPS.check_upload(file.path.stat().st_size, "it is too large to be sent")
            sent = self._told(Uploaded, "POST", "/models", params={"suffix": suffix}, content=pieces())
        except TooLarge as error:
            raise UnfitModel(str(error)) from None
        except RequestUnfit as error:
            raise UnfitModel(f"the server does not take it: {error}") from None
        if sent["sha256"] != file.sha256:
            raise Failed(f"{file.path}: it has changed while it was sent; try again")

    def submit(self, scenario: Mapping[str, Any], key: str = "") -> Data:
        """Hand in a job on a set; return it.

        Args:
            scenario: as the API takes it, with ``instance_set``.
            key: the same one with the same scenario makes no other job; made up where there is none.

        """
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self._told(JobShape, "POST", "/jobs", json=dict(scenario), headers=headers)

    def submit_problem(self, problem: Mapping[str, Any], key: str = "") -> Data:
        """Hand in a bilevel problem; return the job.

        Args:
            problem: as the API takes it, with the document as ``problem``.
            key: as in `submit`.

        """
        try:
            CAPS.check_document(json.dumps(problem).encode(), "the problem")
        except TooLarge as error:
            raise UsageError(str(error)) from None
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self._told(JobShape, "POST", "/problems", json=dict(problem), headers=headers)

    def follow(self, job: str, say: Callable[[str], None]) -> Iterator[Data]:
        """Yield where a job stands whenever that changes, until it is over.

        A server that goes away, as for a restart, is waited for; Away is raised after `PATIENCE` seconds of that.

        Args:
            job: its name or id.
            say: told when the server is away, and when it is back.

        """
        since: float | None = None
        while True:
            try:
                for kind, data in self._events(job):
                    if since is not None:
                        since = None
                        say(f"{self.url}: is back")
                    if kind == "over":
                        return
                    yield data
                raise Away(f"{self.url}: has ended the connection")
            except Away as error:
                if since is None:
                    since = time.monotonic()
                    say(f"{error}; it is waited for, {PATIENCE / 60:.0f} minutes at most")
                elif time.monotonic() > since + PATIENCE:
                    raise
                time.sleep(EVERY)

    def _events(self, job: str) -> Iterator[tuple[str, Data]]:
        """Yield kind and content of a job's events for as long as the connection lasts."""
        with self._errors(), self._http.stream("GET", f"{_of(job)}/events") as response:
            if response.is_error or response.is_redirect:
                response.read()
                raise _error(response)
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise _no_server(response)
            kind = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    if kind == "gone":
                        raise UnknownJob(f"{self.url}: job {job!r} was deleted")
                    try:
                        told = json.loads(line.removeprefix("data: "))
                        _checking(Over if kind == "over" else Standing).validate_python(told)
                    except ValueError:
                        raise _no_server(response) from None
                    yield kind, told

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        with self._errors():
            response = self._http.request(method, path, **more)
        if response.is_error or response.is_redirect:
            raise _error(response)
        return response

    def _told(self, shape: Any, method: str, path: str, **more: Any) -> Data:
        """Return the data that the server answers with; a later version's may have more than the shape."""
        return self._checked(self._asked(method, path, **more), shape)

    def _checked(self, response: httpx.Response, shape: Any) -> Data:
        try:
            told: Data = response.json()
            _checking(shape).validate_python(told)
        except ValueError:  # JSON that is none, text in no encoding, or another shape
            raise _no_server(response) from None
        return told

    def _errors(self) -> _Unreachable:
        return _Unreachable(self.url)


@cache
def _checking(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


class _Unreachable:
    """Turns what goes wrong on the way into an error that says which server it was."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, httpx.HTTPError):
            raise Away(f"{self._url}: cannot be reached: {error}; see that tuner serve runs there") from None
        if isinstance(error, UnicodeEncodeError):  # of what was to be sent: bytes of a file or of a shell's word
            found = str(error.object)[error.start : error.start + 40]
            raise UsageError(f"{found!r} is no text in UTF-8, and cannot be sent to a server") from None


def _check_names(files: Sequence[ModelFile]) -> None:
    """Raise UsageError, before anything is sent, for a file whose name in the set the server would refuse."""
    paths = {file.name: file.path for file in files}
    for name, path in paths.items():
        if wrong := model_fault(name):
            raise UsageError(f"{path}: cannot be sent: the model's name, {name[:100]!r}, {wrong}")
    if (found := clash(paths)) is not None:
        name, why = found
        raise UsageError(f"{paths[name]}: cannot be sent: the model's name, {name[:100]!r}, {why}")


def _of(job: str) -> str:
    """Return a job's path; without a reference, it would be that of all jobs."""
    if not str(job):
        raise UsageError("JOB is empty: write the name or number of a job, as tuner jobs lists them")
    if wrong := unseen(str(job)):
        raise UnknownJob(f"there is no job {job!r}: the name {wrong}")
    return f"/jobs/{quote(str(job), safe='')}"


def _no_server(response: httpx.Response) -> Failed:
    return Failed(f"{response.url} answered {response.status_code}: it is no tuner server")


def _error(response: httpx.Response) -> Exception:
    go_on: list[str] = []
    try:
        said = response.json()
        detail = str(said["detail"])
        go_on = [str(word) for word in said.get("go_on", ())]
    except (ValueError, KeyError, TypeError):
        detail = str(_no_server(response))
    if go_on:  # whoever prints it writes the command, with the server that was named
        detail = detail.removesuffix(f": {command(*go_on)}")
    kinds: dict[int, type[TunerError]] = {
        HTTPStatus.UNAUTHORIZED: UsageError,
        HTTPStatus.FORBIDDEN: UsageError,
        HTTPStatus.CONFLICT: UsageError,
        HTTPStatus.UNPROCESSABLE_ENTITY: RequestUnfit,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RequestUnfit,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: UsageError,
        HTTPStatus.TOO_MANY_REQUESTS: Away,
        HTTPStatus.BAD_GATEWAY: Away,
        HTTPStatus.SERVICE_UNAVAILABLE: Away,
        HTTPStatus.GATEWAY_TIMEOUT: Away,
    }
    if response.status_code == HTTPStatus.NOT_FOUND:
        return UnknownJob(detail) if "there is no job" in detail else NotFound(detail, *go_on)
    return kinds.get(response.status_code, Failed)(detail, *go_on)
