"""The command at the end of a message, and the store's URL in print: complete, and without a password."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from storage.database import printable
from storage.errors import StoreUnavailable
from storage.store import Store
from tests.verdict_runs import job
from tuner.cli import main, tuning
from tuner.cli.hints import told
from tuner.cli.parser import build


def hint(*words: str, store: str | None = None, out: str | None = None) -> str:
    return told("go on", words, argparse.Namespace(store=store, out=out))


def test_a_message_without_a_command_stays_as_it_is() -> None:
    assert hint(store="sqlite:///mine.db") == "go on"


def test_the_store_and_the_folder_that_were_given_are_kept() -> None:
    assert hint("resume", "a b") == "go on: tuner resume 'a b'"
    assert hint("resume", "a", store="sqlite:///my own.db") == "go on: tuner resume a --store 'sqlite:///my own.db'"
    assert (
        hint("resume", "a", store="sqlite:///x.db", out="o") == "go on: tuner resume a --store sqlite:///x.db --out o"
    )
    assert hint("export", "a", "--files", out="o") == "go on: tuner export a --files --out o"
    assert hint("show", "a", out="o") == "go on: tuner show a"


def test_a_folder_that_begins_with_a_dash_is_understood_again() -> None:
    words = hint("resume", "a", out="-o").removeprefix("go on: tuner ").split()
    assert build().parse_args(words).out == "-o"


def test_the_server_that_was_given_is_kept_unless_its_url_has_a_password() -> None:
    def at(server: str) -> str:
        return told("go on", ("show", "a"), argparse.Namespace(store=None, server=server))

    assert at("http://b:8000") == "go on: tuner show a --server http://b:8000"
    assert at("http://me:s3cret@b").endswith(": tuner show a")
    assert "$TUNER_SERVER" in at("http://me:s3cret@b")
    assert "s3cret" not in at("http://me:s3cret@b")


SECRETS = [
    "postgresql://me:s3cret@host/db",
    "postgresql+psycopg://me:s3cret@host/db?connect_timeout=3",
    "postgresql://me@/db?host=/run&password=s3cret",
    "postgresql://me@host/db?sslpassword=s3cret",
]


@pytest.mark.parametrize("url", SECRETS)
def test_a_password_is_in_no_command_and_in_no_url_that_is_printed(url: str) -> None:
    text = hint("resume", "a", store=url, out="o")
    assert text.endswith(": tuner resume a --out o")
    assert "$TUNER_STORE" in text
    assert "s3cret" not in text
    assert "s3cret" not in printable(url)
    with pytest.raises(StoreUnavailable) as failed:
        Store.open(
            url.replace("@host/", "@/").replace("host=/run", "") + ("&" if "?" in url else "?") + "host=/nowhere"
        )
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    "url", ["sqlite:///tuner.db", "postgresql://me@host/db?host=%2Frun", "sqlite:///file:a?uri=true"]
)
def test_a_url_without_a_password_is_printed_as_it_was_written(url: str) -> None:
    assert printable(url) == url
    assert url in hint("resume", "a", store=url)


def test_a_server_that_works_with_a_password_does_not_have_it_printed(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    url = postgresql_url.replace("tuner@", "tuner:s3cret@")
    with Store.open(url) as store:
        store.create_job(job(name="rosters"))
    monkeypatch.setattr(tuning, "prepared_folder", lambda *_: tmp_path)
    assert main(["resume", "rosters", "--store", url]) == 5  # its models are nowhere
    captured = capsys.readouterr()
    assert "store postgresql://tuner:***@" in captured.err
    assert captured.err.rstrip().endswith(": tuner resume rosters")
    assert main(["doctor", "--json", "--store", url]) == 0
    doctor = capsys.readouterr()
    assert "works, 1 job" in json.loads(doctor.out)["store"]
    assert main(["show", "rosters", "--store", url]) == 0
    assert "s3cret" not in "".join([*captured, *doctor, *capsys.readouterr()])
