"""Hidden characters: refused in every name, and spelled out wherever people read text from outside."""

from __future__ import annotations

import copy
import csv
import io
import json
import logging
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import httpx
import optuna
import pytest
import uvicorn

from instances.folder import scan
from instances.visible import escaped, hidden, one_line
from storage.lease import this_process
from storage.names import fault, fitted, unseen
from storage.records import Event
from storage.store import Store
from tests.archives import FILE, MPS, tarred, zipped
from tests.service import refused, sent
from tests.store_samples import COMPARISON, HERE, INCUMBENT, MEMBERS, RESPONSE, SUBMISSION, TUNED, run
from tuner.app.response_rows import Rows
from tuner.app.sheets import csv_lines, inert, inert_csv
from tuner.bilevel.applications import example
from tuner.cli import main
from tuner.documents import read_json, read_toml
from tuner.errors import UsageError
from tuner.leader.mirror import connect
from tuner.scenario import Scenario
from tuner.service import logs

HIDDEN = {
    "line feed": "\n",
    "carriage return": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "NUL": "\0",
    "delete": "\x7f",
    "next line (C1)": "\x85",
    "control sequence introducer (C1)": "\x9b",
    "no-break space": "\xa0",
    "soft hyphen": "\xad",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "left-to-right embedding": "\u202a",
    "isolate": "\u2066",
    "end of isolate": "\u2069",
    "right-to-left mark": "\u200f",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "Hangul filler": "\u3164",
    "variation selector": "\ufe0f",
    "tag letter": "\U000e0041",
    "half a character": "\ud800",
    "a byte that is no UTF-8": "\udcff",
    "private use": "\ue000",
}
EVIL = "\x1b]0;owned\x07\x1b[2J\u202egpj\x7f\x9b31m"
"""What sets a terminal's title, clears it, turns text around and colours it."""
HARMLESS = ["Größe", "it's", "日本語", "naïve x+1", "a-b_c.d"]


@pytest.mark.parametrize("letter", HIDDEN.values(), ids=HIDDEN)
def test_hidden_characters_are_found_and_spelled_out(letter: str) -> None:
    assert hidden(f"a{letter}b") == f"U+{ord(letter):04X}"
    assert hidden(one_line(f"a{letter}b")) == ""
    assert one_line(f"a{letter}b").isascii()
    assert escaped(f"a{letter}b") == (f"a{letter}b" if letter == "\n" else one_line(f"a{letter}b"))
    assert unseen(f"a{letter}b") and fault(f"a{letter}b") == unseen(f"a{letter}b")
    assert fault(fitted(f"a{letter}b")) == ""


@pytest.mark.parametrize("text", HARMLESS)
def test_everything_else_is_left_as_it_is(text: str) -> None:
    assert (hidden(text), unseen(text), escaped(text)) == ("", "", text)


def test_no_character_that_unicode_calls_control_format_or_separator_is_missed() -> None:
    for number in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(number))
        if category in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") and number != 0x20:
            assert hidden(chr(number)), hex(number)


# Names


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """A store of one kind: what is refused hangs on none."""
    with Store.open(sqlite_url) as found:
        yield found


@pytest.mark.parametrize("letter", HIDDEN.values(), ids=HIDDEN)
def test_scenarios_documents_and_folders_refuse_them(letter: str, tmp_path: Path) -> None:
    name = f"a{letter}b"
    for refusing in (
        lambda: Scenario(name),
        lambda: Scenario("models", name=name),
        lambda: Scenario("models", holdout=name),
        lambda: Scenario("models", space=name),
        lambda: read_json(_json({"kind": "toll", "name": name}), "problem"),
        lambda: read_json(_json({"arcs": [{"name": name}]}), "problem"),
        lambda: read_json(_json({"arcs": [name]}), "problem"),
        lambda: read_json(_json({name: 1}), "problem"),
    ):
        with pytest.raises(UsageError, match=re.escape(f"has U+{ord(letter):04X}") + "|that are no text"):
            refusing()  # type: ignore[no-untyped-call]


_json = json.dumps


def test_a_documents_text_of_a_model_has_lines() -> None:
    document = {"kind": "model", "mps": "NAME\r\n\tx\n", "aux": "N 1\n", "lp": "min\n"}
    assert read_json(_json(document), "problem") == document
    assert read_toml('mps = "a\\nb"', "problem") == {"mps": "a\nb"}


def test_a_folders_files_with_such_names_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "good.mps").write_bytes(MPS)
    names = [b"a\x1b[2J.mps", b"caf\xe9.mps", "x\u202ey.mps".encode(), b"a\nb.mps", b"dir\xff/plain.mps"]
    for number, name in enumerate(names):
        path = Path(tmp_path, *(part.decode("utf-8", "surrogateescape") for part in name.split(b"/")))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(MPS + b"*%d\n" % number)
    found = scan(tmp_path)
    assert [file.name for file in found.files] == ["good"]
    assert len(found.damaged) == len(names)
    assert all("rename it" in each.reason for each in found.damaged)


@pytest.mark.parametrize("letter", [letter for letter in HIDDEN.values() if not "\ud800" <= letter <= "\udfff"])
def test_the_api_refuses_them_in_every_name(client: httpx.Client, store: Store, letter: str) -> None:
    name, code = f"a{letter}b", f"U+{ord(letter):04X}"
    number = sent(client)
    sha256 = client.get(f"/v1/instance-sets/{number}").json()["members"][0]["sha256"]
    toll = example("toll").document()
    arcs = [{**toll["arcs"][0], "name": name}, *toll["arcs"][1:]]
    sets = len(store.instance_sets())
    for method, words, more in (
        ("/v1/jobs", code, {"json": {"instance_set": number, "name": name}}),
        ("/v1/instance-sets", code, {"json": {"name": name, "members": {"a": sha256}}}),
        ("/v1/instance-sets", "model", {"json": {"name": "x", "members": {name: sha256}}}),
        ("/v1/archives", code, {"params": {"name": name}, "content": zipped({"a.mps": MPS})}),
        ("/v1/problems", "", {"json": {"problem": toll, "name": name}}),
        ("/v1/problems", "", {"json": {"problem": {**toll, "name": name}}}),
        ("/v1/problems", "", {"json": {"problem": {**toll, "arcs": arcs}}}),
    ):
        answer = client.post(method, **more)  # type: ignore[arg-type]
        refused(answer, HTTPStatus.UNPROCESSABLE_ENTITY, words)
        assert hidden(answer.json()["detail"]) == ""
    if letter != "\0":  # at which the libraries themselves cut a name off
        for archive in (zipped({f"{name}.mps": MPS}), tarred("gz", (f"{name}.mps", FILE, MPS))):
            refused(client.post("/v1/archives?name=x", content=archive), HTTPStatus.UNPROCESSABLE_ENTITY, "model")
    assert store.jobs() == []
    assert len(store.instance_sets()) == sets


def test_the_api_refuses_halves_of_characters_in_names(client: httpx.Client) -> None:
    number = sent(client)
    for body in (
        rb'{"instance_set": %d, "name": "a\ud800b"}' % number,
        rb'{"instance_set": %d, "name": "\udc80"}' % number,
    ):
        answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
    answer = client.post("/v1/jobs", json={"instance_set": number}, headers={"Idempotency-Key": b"a\x85b"})
    refused(answer, 422, "U+0085")


@pytest.mark.parametrize("words", [
    ("tune", "models", "--name", EVIL),
    ("tune", EVIL),
    ("tune", "models", "--holdout", EVIL),
    ("solve", "--example", "toll", "--name", EVIL),
    ("submit", EVIL),
    ("token", "create", EVIL),
    ("token", "create", "laptop", "--owner", EVIL),
    ("show", EVIL),
    ("responses", "finished", "--instance", EVIL),
    ("responses", "finished", "--configuration", EVIL),
    ("export", "finished", "--out", f"nowhere/{EVIL}"),
    ("generate", EVIL, "3", "models"),
    ("generate", "set-cover", EVIL, "models"),
    ("execute", EVIL, "--solver", "highs"),
    ("params", EVIL),
    ("doctor", "--store", EVIL),
    ("jobs", "--server", EVIL),
])  # fmt: skip
def test_no_command_prints_them_and_none_keeps_them(
    words: tuple[str, ...], capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///tuner.db") as store:
        _finished(store)
    try:
        code = main(list(words))
    except SystemExit as ended:  # argparse
        code = int(ended.code or 0)
    assert code != 0
    _clean(capfd)
    with Store.open("sqlite:///tuner.db") as store:
        assert [job.name for job in store.jobs()] == ["finished"]
        assert store.tokens() == []


def _clean(capfd: pytest.CaptureFixture[str]) -> str:
    captured = capfd.readouterr()
    text = captured.out + captured.err
    assert [hex(ord(letter)) for letter in text if letter != "\n" and hidden(letter)] == []
    return text


def _finished(store: Store) -> None:
    """Put a finished job into the store, whose solver, models and events say what they should not."""
    members = tuple(replace(member, name=f"{member.name}{EVIL}") for member in MEMBERS)  # of an earlier version's store
    submission = replace(
        SUBMISSION, name="finished", members=members, solvers=("highs",), folder=f"/data/{EVIL}", space=""
    )
    job = store.create_job(submission)
    lease = store.claim(job.id, this_process(), 30)
    response = replace(RESPONSE, raw_status=f"={EVIL}", reason=f"line\n{EVIL}")
    for number in range(3):
        store.record(lease, run(number, TUNED), response, 1.0, HERE)
    store.add_incumbent(lease, replace(INCUMBENT, configuration=TUNED))
    store.add_event(lease, Event(1.0, "crashed", f"{EVIL}\njob 7 is finished"))
    store.finish(lease, "gain", f"it is faster {EVIL}", TUNED, [COMPARISON])


@pytest.mark.parametrize(("words", "code"), [
    (("show", "a\udcffb"), 3),
    (("show", EVIL), 3),
    (("responses", "1", "--instance", "a\udcffb"), 2),
    (("submit", "d/\udcff.mps"), 0),
])  # fmt: skip
def test_what_is_no_text_is_not_sent_to_a_server(
    words: tuple[str, ...],
    code: int,
    client: httpx.Client,
    store: Store,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    _finished(store)
    Path("d").mkdir()
    second = b" y obj 1 row 1\nRHS\n r row 1\nBOUNDS\n UP b x 3\n UP b y 3\nENDATA\n"
    Path("d/\udcff.mps").write_bytes(MPS[: MPS.index(b"RHS")] + second)
    Path("d/\udcff.aux").write_text("N 1\nM 0\nLC 1\nLO -1\nOS 1\n")
    assert main([*words, "--server", str(client.base_url)]) == code
    _clean(capfd)
    assert [hidden(job.name) for job in store.jobs()] == [""] * len(store.jobs())


# What is shown


@pytest.mark.parametrize(
    "words",
    [
        ("jobs",),
        ("show", "finished"),
        ("show", "finished", "--json"),
        ("best", "finished"),
        ("responses", "finished"),
        ("responses", "finished", "--csv"),
        ("responses", "finished", "--json"),
    ],
)
def test_what_solvers_and_files_say_is_spelled_out_on_the_terminal(
    words: tuple[str, ...], capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///tuner.db") as store:
        _finished(store)
    assert main(list(words)) == 0
    text = _clean(capfd)
    if words == ("show", "finished"):
        assert r"crashed: \x1b]0;owned\x07\x1b[2J\u202egpj\x7f\x9b31m" in text
        assert "\njob 7" not in text


def test_names_in_a_models_file_are_spelled_out(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "model.lp"
    path.write_bytes(b"minimize\n obj: x\nsubject to\n c\x1b]0;t\x07: x >= 1 y ?\nend\n")
    assert main(["execute", str(path), "--solver", "highs"]) != 0
    _clean(capfd)


def test_a_servers_words_are_spelled_out(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(409, json={"detail": f"no: {EVIL}", "go_on": ["show", EVIL]})

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **more: real(**{**more, "transport": httpx.MockTransport(answer)}))
    assert main(["jobs", "--server", "http://127.0.0.1:1"]) == 2
    assert r"no: \x1b]0;owned" in _clean(capfd)


def test_the_pages_spell_them_out(client: httpx.Client, store: Store) -> None:
    _finished(store)
    for path in (
        "/",
        "/jobs/1",
        f"/jobs/1/instances/{MEMBERS[0].sha256}",
        "/jobs/1/report.html",
        "/jobs/1?instance=%E2%80%AEx",
    ):
        text = client.get(path, headers={"Accept": "text/html"}).text
        assert [letter for letter in text if letter != "\n" and hidden(letter)] == [], path


def test_the_servers_log_spells_out_what_a_traceback_quotes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "LOGGING_CONFIG", copy.deepcopy(uvicorn.config.LOGGING_CONFIG))
    logs.spell_out()
    uvicorn.Config("nowhere:app", log_config=logs.LOGGING_CONFIG)
    try:
        raise ValueError(EVIL)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed: %s", EVIL)
    told = capsys.readouterr().err
    assert [letter for letter in told if letter != "\n" and hidden(letter)] == []
    assert r"ValueError: \x1b]0;owned" in told


def test_only_one_place_of_the_command_line_prints() -> None:
    for path in Path("tuner/cli").glob("*.py"):
        if path.name != "words.py":
            assert not re.search(r"sys\.std(out|err)\.write|console\.print\(|\bConsole\(", path.read_text()), path


# Spreadsheets


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        *((f"{sign}1+1", f"'{sign}1+1") for sign in "=+-@\uff1d\uff0b\uff0d\uff20"),
        ("\t=1", r"'\t=1"),
        ("\r=1", r"'\r=1"),
        ("\n=1", "'\n'=1"),
        (" =1", "' =1"),
        ("=HYPERLINK(1)\x1b", r"'=HYPERLINK(1)\x1b"),
        ("a=1", "a=1"),
        ("k5;=1+1;y5", "k5;'=1+1;y5"),
        ("k; -1|@A1", "k; '-1|'@A1"),
        ('k;"=1+1"', "k;\"'=1+1\""),
        ("k\t=1", r"k\t=1"),
        ("k\n\n+1", "k\n\n'+1"),
        ("=1;\uff1d2", "'=1;'\uff1d2"),
        ("a; b - c", "a; b - c"),
        ("optimal", "optimal"),
        ("", ""),
        (-1.5, -1.5),
        (-3, -3),
        (None, None),
        (float("-inf"), float("-inf")),
    ],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_compute_is_inert_and_numbers_stay(value: object, cell: object) -> None:
    assert inert(value) == cell


@pytest.mark.parametrize("source", ["command line", "API"])
def test_csv_is_inert_whoever_writes_it(
    source: str, client: httpx.Client, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    members = tuple(replace(member, name=f"={member.name}") for member in MEMBERS)
    job = store.create_job(replace(SUBMISSION, name="sums", members=members, solvers=("highs",)))
    lease = store.claim(job.id, this_process(), 30)
    store.record(lease, run(0), replace(RESPONSE, objective=-5.0, raw_status="@SUM(A1)", reason="+1"), 1.0, HERE)
    if source == "API":
        text = client.get("/v1/jobs/sums/responses?form=csv").text
    else:
        assert main(["responses", "sums", "--csv", "--server", str(client.base_url)]) == 0
        text = capfd.readouterr().out
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["instance"], row["raw_status"], row["reason"]) == (f"'={MEMBERS[0].name}", "'@SUM(A1)", "'+1")
    assert float(row["objective"]) == -5.0


def test_no_cell_begins_with_a_formula_wherever_a_spreadsheet_splits_the_lines() -> None:
    names = ["k5;=1+1;y5", '";=1+1;"', "a|=1", "a\t=1", "a\n=1", "a\r\n;-1", "x, y; =1", ';"=1"', "=1;=2"]
    rows = Rows(("id", "name", "cost"), iter([{"id": -1, "name": name, "cost": -2.5} for name in names]))
    own = "".join(csv_lines(rows))
    for text in (own, inert_csv(own), inert_csv(",".join(f'"{name}"' for name in names if '"' not in name))):
        for delimiter in ",;|\t":
            for row in csv.reader(io.StringIO(text), delimiter=delimiter):
                for cell in row:
                    assert not re.match(r"[\s\"]*[=+@]|[\s\"]*-(?!1,|1$|2.5)", cell), (delimiter, row)


def test_texts_are_quoted_and_numbers_are_not() -> None:
    rows = Rows(("a", "b", "c", "d"), iter([{"a": 'x"y', "b": -1.5, "c": None, "d": 3}]))
    assert "".join(csv_lines(rows)) == 'a,b,c,d\n"x""y",-1.5,,3\n'
    assert inert_csv('a,b\n-2.50,"1e3"\n x,"p;=1"\n') == '"a","b"\n-2.50,1e3\n" x","p;\'=1"\n'


def test_the_csv_of_optunas_dashboard_is_inert(client: httpx.Client, store: Store) -> None:
    study = optuna.create_study(study_name="s", storage=connect(store.url))
    trial = study.ask()
    trial.set_user_attr("reason", "=1+1")
    study.tell(trial, -2.5)
    answer = client.get(f"/csv/{study._study_id}")
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["Value"], row["UserAttribute reason"]) == ("-2.5", "'=1+1")
    assert client.get("/csv/99").status_code in (200, 404)
