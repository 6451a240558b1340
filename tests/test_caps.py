"""One table of limits for every way in: a file, an archive, a folder, a document, an upload by the command line."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from instances import folder, formats
from instances.caps import Caps
from instances.errors import NoInstances
from instances.folder import scan
from instances.formats import sha256_of
from storage.store import Store
from tests.archives import FILE, MPS, tarred, zipped
from tests.service import refused, served
from tuner import client as clients
from tuner import documents
from tuner.client import Client
from tuner.documents import read_document
from tuner.errors import UsageError
from tuner.service.server import application

ZEROS = bytes(20 * 2**20)
NOISE = os.urandom(3 * 2**20)
GROWS = {
    "zip": zipped({"a.mps": ZEROS}),
    "zip, packed twice": zipped({"a.mps.gz": gzip.compress(ZEROS, 1)}),
    "zip, one of two": zipped({"noise.mps": NOISE, "a.mps": ZEROS}),
    "tar.gz": tarred("gz", ("a.mps", FILE, ZEROS)),
    "tar.gz, packed twice": tarred("gz", ("a.mps.bz2", FILE, bz2.compress(ZEROS))),
    "tar.gz, one of two": tarred("gz", ("noise.mps", FILE, NOISE), ("a.mps", FILE, ZEROS), ("more.mps", FILE, NOISE)),
    "tar, packed inside": tarred("", ("noise.mps", FILE, NOISE), ("a.mps.gz", FILE, gzip.compress(ZEROS, 9))),
}


@pytest.fixture
def near(sqlite_url: str) -> Iterator[httpx.Client]:
    with Store.open(sqlite_url) as store, served(application(store, caps=Caps(ratio=20))) as found:
        yield found


@pytest.mark.parametrize("kind", GROWS)
def test_no_member_of_an_archive_becomes_many_times_larger(near: httpx.Client, kind: str) -> None:
    refused(near.post("/v1/archives?name=x", content=GROWS[kind]), 413, "20 times larger")
    assert near.get("/v1/instance-sets").json() == []


def test_members_that_become_a_few_times_larger_are_taken(near: httpx.Client) -> None:
    text = b"".join(b" x%06d obj 1 row 1\n" % number for number in range(300_000))
    for archive in (zipped({"a.mps": text}), tarred("gz", ("a.mps", FILE, text), ("b.mps", FILE, MPS))):
        assert near.post("/v1/archives?name=x", content=archive).status_code == 201


def test_a_file_of_a_folder_obeys_the_same_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "CAPS", Caps(ratio=20))
    (tmp_path / "a.mps.gz").write_bytes(gzip.compress(ZEROS))
    (tmp_path / "b.mps").write_bytes(MPS)
    found = scan(tmp_path)
    assert [each.name for each in found.files] == ["b"]
    ((damaged),) = found.damaged
    assert "20 times larger" in damaged.reason
    assert sha256_of(tmp_path / "b.mps")


def test_a_folder_has_no_more_models_than_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "CAPS", Caps(models=2))
    for number in range(3):
        (tmp_path / f"{number}.mps").write_bytes(MPS + b"*%d\n" % number)
    with pytest.raises(NoInstances, match="2 models at most"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("caps", "words"), [(Caps(document=100), "KiB at most"), (Caps(values=10), "10 numbers, texts, lists")]
)
def test_a_document_has_the_same_limits_as_a_file_and_when_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caps: Caps, words: str
) -> None:
    document = {"kind": "toll", "x": list(range(1000))}
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(document))
    monkeypatch.setattr(documents, "CAPS", caps)
    monkeypatch.setattr(clients, "CAPS", caps)
    with pytest.raises(UsageError, match=words):
        read_document(path)
    with Client("http://127.0.0.1:9") as client, pytest.raises(UsageError, match=words):
        client.submit_problem({"problem": document})


def test_a_file_that_no_server_takes_is_not_sent(
    near: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "CAPS", Caps(upload=10))
    (tmp_path / "a.mps").write_bytes(MPS)
    told: list[str] = []
    with Client(str(near.base_url)) as client, pytest.raises(UsageError, match="none of its models could be sent"):
        client.upload(tmp_path, "x", told.append)
    assert any("a.mps: " in line and "an upload has" in line for line in told)


@pytest.mark.parametrize("kind", [".json", ".toml"])
def test_a_document_that_says_something_twice_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"problem{kind}"
    path.write_text('{"a": {"b": [{"c": 1, "c": 2}]}}' if kind == ".json" else "[a]\nb = 1\nb = 2\n")
    with pytest.raises(UsageError, match=r"twice|overwrite"):
        read_document(path)
