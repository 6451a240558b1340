"""Models, sets and archives over HTTP: what is taken, and all that is refused."""

from __future__ import annotations

import gzip
import json
import tarfile
from hashlib import sha256

import httpx
import pytest

from instances.caps import Caps
from storage.records import Scope
from storage.store import Store
from tests.archives import FILE, HOSTILE, MPS, tarred, zipped
from tests.service import bearer, refused, sent, served
from tuner.service.server import application


def test_models_are_uploaded_once_and_sets_are_made_of_them(client: httpx.Client, store: Store) -> None:
    number = sent(client)
    found = client.get(f"/v1/instance-sets/{number}").json()
    assert [member["name"] for member in found["members"]] == [f"day/{n}" for n in range(5)]
    (first, second, *_) = (member["sha256"] for member in found["members"])
    missing = client.post("/v1/models/missing", json={"sha256": [first, "0" * 64]}).json()["missing"]
    assert missing == ["0" * 64]
    packed = client.post("/v1/models?suffix=.mps.gz", content=gzip.compress(MPS + b"*0\n", mtime=0))
    assert packed.json()["sha256"] == first
    assert b"".join(store.model(second)) == MPS + b"*1\n"
    assert [(each["id"], each["models"]) for each in client.get("/v1/instance-sets").json()] == [(number, 5)]
    assert found["models"] == 5
    assert client.delete(f"/v1/instance-sets/{number}").status_code == 204
    refused(client.get(f"/v1/instance-sets/{number}"), 404, "no instance set")
    refused(client.delete(f"/v1/instance-sets/{number}"), 404, "no instance set")


def test_a_set_is_made_once(client: httpx.Client, store: Store) -> None:
    sha256 = client.post("/v1/models?suffix=.mps", content=MPS).json()["sha256"]
    wanted = {"name": "spring", "members": {"a": sha256, "b": sha256}}
    made = [client.post("/v1/instance-sets", json=wanted).json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    others = ({**wanted, "name": "autumn"}, {**wanted, "members": {"a": sha256}})
    made += [client.post("/v1/instance-sets", json=other).json()["id"] for other in others]
    assert len(set(made)) == 3 == len(store.instance_sets())


def test_who_deletes_a_set_leaves_others_what_they_have_uploaded(open_client: httpx.Client, store: Store) -> None:
    ann, bob = (bearer(store, who, Scope.SUBMIT) for who in ("ann", "bob"))
    for who in (ann, bob):
        sha256 = open_client.post("/v1/models?suffix=.mps", content=MPS, headers=who).json()["sha256"]
    wanted = {"name": "spring", "members": {"a": sha256}}
    number = open_client.post("/v1/instance-sets", json=wanted, headers=bob).json()["id"]
    assert open_client.delete(f"/v1/instance-sets/{number}", headers=bob).status_code == 204
    for who, missing in ((ann, []), (bob, [sha256])):
        answer = open_client.post("/v1/models/missing", json={"sha256": [sha256]}, headers=who)
        assert answer.json() == {"missing": missing}
    number = open_client.post("/v1/instance-sets", json=wanted, headers=ann).json()["id"]
    assert open_client.delete(f"/v1/instance-sets/{number}", headers=ann).status_code == 204
    with store._database.reading() as connected:
        assert connected.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0


def test_a_zip_whose_directory_would_fill_the_memory_is_refused(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.service.archives.DIRECTORY", 100)
    small, large = zipped({"a.mps": MPS}), zipped({f"{number}.mps": MPS for number in range(10)})
    assert client.post("/v1/archives?name=small", content=small).status_code == 201
    refused(client.post("/v1/archives?name=large", content=large), 413, "the directory of the zip file is too large")


def test_a_set_of_models_that_were_not_uploaded_is_refused_with_what_is_missing(client: httpx.Client) -> None:
    answer = client.post("/v1/instance-sets", json={"name": "x", "members": {"a": "0" * 64}})
    refused(answer, 409, "upload the missing models first")
    assert answer.json()["missing"] == ["0" * 64]


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "/a",
        "a/../b",
        "é" * 101,
        "a//b",
        ".a",
        "a/.b",
        "",
        "a\x00b",
        "a\nb",
        "a/b/c/d/e",
        "x" * 61,
        "a\\b",
        "C:a",
        " a",
        "\u202ea",
        "\ud800",
    ],
)
def test_a_name_that_is_no_path_inside_a_folder_is_refused(client: httpx.Client, name: str) -> None:
    sha256 = client.post("/v1/models?suffix=.mps", content=MPS).json()["sha256"]
    body = json.dumps({"name": "x", "members": {name: sha256}})
    headers = {"Content-Type": "application/json"}
    refused(client.post("/v1/instance-sets", content=body, headers=headers), 422, ": the name ")


@pytest.mark.parametrize(
    ("suffix", "content", "status", "words"),
    [
        (".exe", MPS, 422, "it is one of .mps, .lp"),
        ("", MPS, 422, "it is one of .mps, .lp"),
        (".mps/../x.mps", MPS, 422, "it is one of"),
        (".mps", b"", 422, "it is empty"),
        (".mps.gz", MPS, 422, "plain text"),
        (".mps", gzip.compress(MPS, mtime=0), 422, "add .gz to its name"),
        (".mps.gz", gzip.compress(MPS, mtime=0)[:-8], 422, "cut off"),
        (".mps.xz", b"\xfd7zXZ\x00nonsense", 422, "damaged"),
        (".mps.bz2", b"BZh9nonsense", 422, "damaged"),
        (".mps.zst", b"(\xb5/\xfdnonsense", 422, "damaged"),
        (".mps", b"x" * 100_001, 413, "a model has"),
        (".mps", b"x" * 200_001, 413, "an upload has"),
        (".mps.gz", gzip.compress(b"\0" * 10_000_000, mtime=0), 413, "a model has"),
    ],
)
def test_a_file_that_is_no_model_or_too_much_is_refused(
    client: httpx.Client, suffix: str, content: bytes, status: int, words: str
) -> None:
    refused(client.post("/v1/models", params={"suffix": suffix}, content=content), status, words)


def test_what_becomes_much_larger_is_refused(store: Store) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, mtime=0)
    with served(application(store, caps=Caps(ratio=10))) as client:
        refused(client.post("/v1/models?suffix=.mps.gz", content=bomb), 413, "10 times larger")


def test_archives_become_sets(client: httpx.Client) -> None:
    archives = (
        zipped({"day/a.mps": MPS, "b.mps": MPS + b"*\n", "notes.txt": b"hello"}),
        tarred("", ("day/a.mps", FILE, MPS), ("b.mps", FILE, MPS + b"*\n")),
        tarred("gz", ("day", tarfile.DIRTYPE, b""), ("day/a.mps", FILE, MPS), ("b.mps", FILE, b"*")),
    )
    for archive in archives:
        made = client.post("/v1/archives?name=spring", content=archive)
        assert made.status_code == 201, made.text
        found = client.get(f"/v1/instance-sets/{made.json()['id']}").json()
        assert [member["name"] for member in found["members"]] == ["day/a", "b"]


def test_there_are_fifty_hostile_archives() -> None:
    assert len(HOSTILE) >= 50


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_no_set(client: httpx.Client, store: Store, name: str) -> None:
    answer = client.post("/v1/archives?name=x", content=HOSTILE[name])
    assert answer.status_code in (413, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert store.instance_sets() == []


def test_a_zip_whose_entries_lie_about_their_size_is_refused(client: httpx.Client) -> None:
    honest = zipped({"a.mps": b"\0" * 90_000})
    lying = honest.replace((90_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != honest
    answer = client.post("/v1/archives?name=x", content=lying)
    assert answer.status_code == 422, answer.text


def test_what_somebody_else_says_a_model_is_counts_for_him_alone(open_client: httpx.Client, store: Store) -> None:
    ann, bob = bearer(store, "ann"), bearer(store, "bob")
    packed = gzip.compress(MPS, mtime=0)
    for headers, suffix, content in ((bob, ".lp", MPS), (ann, ".mps.gz", packed)):
        sent_ = open_client.post("/v1/models", params={"suffix": suffix}, content=content, headers=headers)
        assert sent_.status_code == 201

    def suffix_for(headers: dict[str, str]) -> str:
        members = {"a": sha256(MPS).hexdigest()}
        made = open_client.post("/v1/instance-sets", json={"name": "x", "members": members}, headers=headers)
        ((_, model),) = store.instance_set(made.json()["id"]).members
        return model.suffix

    assert (suffix_for(ann), suffix_for(bob)) == (".mps", ".lp")  # as it is kept: unpacked, since bob was first
    open_client.post("/v1/models", params={"suffix": ".mps"}, content=MPS, headers=bob)
    assert suffix_for(bob) == ".mps"


def test_archives_as_people_make_them_are_taken(client: httpx.Client) -> None:
    hidden = {"__MACOSX/._a.mps": b"x", ".git/b.mps": b"x", "day/.c.mps": b"x", "a.mps": MPS}
    dotted = tarred("gz", (".", tarfile.DIRTYPE, b""), ("./a.mps", FILE, MPS), ("./.b.mps", FILE, MPS))
    for archive in (zipped(hidden), dotted):
        made = client.post("/v1/archives?name=spring", content=archive)
        assert made.status_code == 201, made.text
        found = client.get(f"/v1/instance-sets/{made.json()['id']}").json()
        assert [member["name"] for member in found["members"]] == ["a"]
    refused(
        client.post("/v1/archives?name=x", content=b"\xfd7zXZ\x00" + b"x" * 1000), 422, "no .zip, .tar or .tar.gz file"
    )


@pytest.mark.parametrize("folder", ["a.lp", "a.mps.gz", "a.lp/b"])
def test_names_that_cannot_lie_in_one_folder_are_refused(client: httpx.Client, store: Store, folder: str) -> None:
    words = "which has the name of another model's file; rename the folder"
    file = folder.partition("/")[0]
    content = gzip.compress(MPS) if file.endswith(".gz") else MPS
    archive = tarred("gz", (file, FILE, content), (f"{folder}/x.mps", FILE, MPS + b"*\n"))
    refused(client.post("/v1/archives?name=x", content=archive), 422, words)
    sha256 = client.post("/v1/models?suffix=.mps", content=MPS).json()["sha256"]
    members = {"a": sha256, f"{folder}/x": sha256}
    refused(client.post("/v1/instance-sets", json={"name": "x", "members": members}), 422, words)
    assert store.instance_sets() == []


def test_a_folder_may_be_called_as_a_model_is_without_its_suffix(client: httpx.Client) -> None:
    archive = tarred("", ("a.mps", FILE, MPS), ("a/b.mps", FILE, MPS), ("b.lp/c.mps", FILE, MPS))
    assert client.post("/v1/archives?name=x", content=archive).status_code == 201
