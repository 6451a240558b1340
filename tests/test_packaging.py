"""What is installed: everything that is imported is declared, and large packages are needed only by those who ask."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from storage.store import Store
from tests.browsing import Watched
from tests.service import carried_out, refused, served
from tests.store_samples import SUBMISSION
from tuner.cli import main
from tuner.extras import DASHBOARD, EXTRAS, PARQUET, PLOTS
from tuner.service.server import application

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ("tuner", "instances", "storage")
PART_OF_ORTOOLS = ("pybind11_abseil",)
"""It comes with MathOpt's extension, and cannot be installed by itself."""


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", each)[0].lower().replace("_", "-") for each in requirements}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def test_everything_that_is_imported_is_declared_and_everything_that_is_declared_is_needed() -> None:
    optional = PROJECT["optional-dependencies"]
    extras = _names([each for extra in EXTRAS for each in optional[extra.name]])
    declared = _names(PROJECT["dependencies"])
    found = {
        name for part in OURS for path in (ROOT / part).rglob("*.py") for name in _imports(ast.parse(path.read_text()))
    }
    foreign = found - set(sys.stdlib_module_names) - set(OURS) - set(PART_OF_ORTOOLS)
    known = packages_distributions()
    needed = {name: {each.lower().replace("_", "-") for each in known[name]} for name in foreign}
    assert [name for name, providers in needed.items() if not providers & (declared | extras)] == []
    assert declared - {each for providers in needed.values() for each in providers} == set()
    assert not declared & extras


def test_the_extras_are_those_that_the_program_knows_of() -> None:
    optional = PROJECT["optional-dependencies"]
    for extra in EXTRAS:
        assert _names(optional[extra.name]) == {module.replace("_", "-") for module in extra.modules}
    assert set(optional) == {extra.name for extra in EXTRAS} | {"all", "dev", "peers"}
    assert optional["all"] == [f"tuner[{','.join(extra.name for extra in EXTRAS)}]"]
    assert "tuner[all]" in optional["dev"]


def test_the_licences_are_there_and_named() -> None:
    assert PROJECT["license"] == "MIT AND CC-BY-4.0"
    ours, data = PROJECT["license-files"]
    assert "the tuner developers" in (ROOT / ours).read_text()
    attribution = (ROOT / data).read_text()
    for phrase in ("PGLib-UC", "https://creativecommons.org/licenses/by/4.0/", "Changes made"):
        assert phrase in attribution


def test_nothing_but_the_extras_own_modules_needs_them() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for part in OURS
        for path in (ROOT / part).rglob("*.py")
        if path.name not in ("parquet.py", "env.py", "__main__.py") and "follower/solvers" not in path.as_posix()
    ]
    blocked = [module for extra in EXTRAS for module in extra.modules]
    program = (
        "import sys, importlib\n"
        f"for name in {blocked}: sys.modules[name] = None\n"
        f"for name in {modules}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Iterator[tuple[httpx.Client, Store]]:
    """A server without any extra."""
    for extra in EXTRAS:
        for module in extra.modules:
            monkeypatch.setitem(sys.modules, module, None)
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        yield client, store


def test_a_server_without_extras_says_what_to_install_and_its_pages_have_no_links_to_them(
    bare: tuple[httpx.Client, Store],
) -> None:
    client, store = bare
    name = carried_out(store)
    for path, words in (
        (f"/v1/jobs/{name}/responses?form=parquet", "Parquet needs pyarrow: pip install 'tuner[parquet]'"),
        ("/dashboard", "Optuna's dashboard needs optuna-dashboard and a2wsgi: pip install 'tuner[dashboard]'"),
        ("/api/studies", "pip install 'tuner[dashboard]'"),
        ("/static/plotly.min.js", "A figure on a page needs plotly: pip install 'tuner[plots]'"),
    ):
        refused(client.get(path), 501, words)
    for path in ("/", "/jobs/1"):
        page = client.get(path, headers={"Accept": "text/html"}).text
        for link in ("form=parquet", 'href="/dashboard', "plotly.min.js"):
            assert link not in page
    assert "pip install &#39;tuner[plots]&#39;" in page or "pip install 'tuner[plots]'" in page
    assert client.get(f"/v1/jobs/{name}/responses?form=csv").status_code == 200
    assert client.get("/jobs/1/figures").status_code == 200
    assert client.get("/jobs/1/report.html").status_code in (200, 409)


def test_a_page_without_figures_works_in_a_browser(bare: tuple[httpx.Client, Store], browser: Browser) -> None:
    client, store = bare
    store.create_job(SUBMISSION)
    context = browser.new_context()
    watched = Watched(context, str(client.base_url).rstrip("/"))
    watched.page.goto(f"{client.base_url}/jobs/1")
    expect(watched.page.locator("text=This server shows no figures")).to_be_visible()
    watched.page.evaluate("refresh()")
    assert watched.wrong == []
    context.close()


def test_the_doctor_tells_which_extras_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for missing in (False, True):
        if missing:
            monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert main(["doctor"]) == 0
        told = re.sub(" +", " ", capsys.readouterr().out)
        state = "missing; pip install 'tuner[parquet]'" if missing else "there"
        assert f"extra parquet {state}\n" in told
        assert "extra dashboard there\n" in told and "extra plots there\n" in told
    assert (PARQUET.is_there, DASHBOARD.is_there, PLOTS.is_there) == (False, True, True)
