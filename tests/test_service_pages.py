"""The pages: what they say to whom, and in a real browser, that they work without an error and without the network."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import optuna
import pytest
from a2wsgi import WSGIMiddleware
from playwright.sync_api import Browser, Dialog, expect
from starlette.routing import Route

from storage.lease import Lease, this_process
from storage.records import Answer, Bracket, Configuration, Event, JobState, Run, Scope
from storage.store import Store
from tests.archives import MPS, zipped
from tests.browsing import Watched
from tests.service import bearer, handed_in, served, uploaded
from tests.store_samples import COMPARISON, HERE, INCUMBENT, MEMBERS, PROBLEM, RESPONSE, SOLVED, SUBMISSION, TUNED, run
from tuner.app.drawing import figures
from tuner.app.figures import figures_of
from tuner.app.study_page import closing
from tuner.follower.solvers import default_space
from tuner.leader.mirror import Description, connect, describe
from tuner.service import pages
from tuner.service.access import COOKIE
from tuner.service.server import application

HOSTILE = "<script>document.title='hacked'</script><b>bold</b>"


@pytest.fixture
def client(store: Store) -> Iterator[httpx.Client]:
    with served(application(store)) as found:
        found.headers["Accept"] = "text/html"
        yield found


def finished(store: Store, owner: str = "local", name: str = "models") -> int:
    """Put a finished job into the store, with hostile words of its solver."""
    members = tuple(
        replace(member, name=f"{member.name}{HOSTILE}", features={"knapsack rows": 12345.0}) for member in MEMBERS
    )
    submission = replace(SUBMISSION, owner=owner, name=name, members=members, solvers=("highs",), space="")
    job = store.create_job(submission)
    lease = store.claim(job.id, this_process(), 30)
    for number in range(3):
        for configuration, cpu in ((Configuration("highs"), 2.0), (TUNED, 1.0)):
            response = replace(SOLVED, cpu=cpu + number, raw_status=HOSTILE, reason=HOSTILE)
            store.record(lease, Run(configuration, MEMBERS[number].sha256, 0, 30.0, 30.0), response, 1.0, HERE)
    store.add_incumbent(lease, replace(INCUMBENT, configuration=TUNED))
    store.add_event(lease, Event(1.0, "crashed", HOSTILE))
    store.finish(lease, "gain", f"it is faster {HOSTILE}", TUNED, [COMPARISON])
    return job.id


def test_a_job_and_its_models_are_shown_and_what_solvers_say_is_only_text(client: httpx.Client, store: Store) -> None:
    number = finished(store)
    home = client.get("/").text
    assert f'<a href="/jobs/{number}">models</a>' in home
    page = client.get(f"/jobs/{number}").text
    assert "mip_heuristic_effort" in page
    assert "0.05" in page  # what it is by default
    assert "1.50 times faster than highs as it comes (95 % interval " in page
    for shown in (page, client.get(f"/jobs/{number}/instances/{MEMBERS[0].sha256}").text):
        assert "&lt;script&gt;" in shown
        assert HOSTILE not in shown
    about = client.get(f"/jobs/{number}/instances/{MEMBERS[0].sha256}").text
    assert "knapsack rows</td>" in about and ">12345</td>" in about
    drawn = client.get(f"/jobs/{number}/figures").json()
    _, training, holdout = drawn["scatter"]["data"]
    assert (training["x"], training["y"], holdout["x"]) == ([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], [])
    assert training["customdata"] == [member.sha256 for member in MEMBERS[:3]]
    default, incumbent = drawn["profile"]["data"]
    assert incumbent["x"] == [1.0, 1.0, 1.0, 1.0]
    assert default["x"] == [1.0, pytest.approx(4 / 3), 1.5, 2.0]
    filtered = client.get(f"/jobs/{number}?configuration={TUNED.key}").text
    assert filtered.count(f"<code>{TUNED.key[:8]}</code>") == 3
    assert Configuration("highs").key[:8] not in filtered
    assert "has no instance" in client.get(f"/jobs/{number}?instance=nope").text


def test_a_page_says_when_what_it_recommends_never_was_the_incumbent(client: httpx.Client, store: Store) -> None:
    words = "most promising challenger"
    assert words not in client.get(f"/jobs/{finished(store)}").text
    job = store.create_job(replace(SUBMISSION, name="late", members=MEMBERS, solvers=("highs",), space=""))
    lease = store.claim(job.id, this_process(), 30)
    store.add_incumbent(lease, replace(INCUMBENT, configuration=Configuration("highs")))
    assert words not in client.get(f"/jobs/{job.id}").text
    store.finish(lease, "gain", "it is faster", TUNED, [COMPARISON])
    assert words in client.get(f"/jobs/{job.id}").text


def test_a_job_that_has_just_been_handed_in_is_shown(client: httpx.Client, store: Store) -> None:
    assert "Submit a folder of models" in client.get("/").text
    job, _ = store.submit(replace(SUBMISSION, name="new", members=(), solvers=("highs",), served=True, owner="local"))
    page = client.get(f"/jobs/{job.id}").text
    assert 'data-verb="pause"' in page
    assert client.get(f"/jobs/{job.id}/figures").json()["profile"]["data"] == []
    store.hold(job.id, JobState.PAUSED)
    assert 'data-verb="resume"' in client.get(f"/jobs/{job.id}").text


def test_what_is_not_there_is_a_page_for_a_browser_and_a_problem_for_a_program(client: httpx.Client) -> None:
    for path in (
        "/jobs/99",
        "/jobs/99/figures",
        "/jobs/99/instances/x",
        "/nothing",
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        plain = client.get(path, headers={"Accept": "application/json"})
        assert plain.headers["content-type"] == "application/problem+json"


def test_every_page_of_a_job_answers_for_both_kinds_of_jobs(client: httpx.Client, store: Store) -> None:
    solving, lease = problem(store)
    answer(store, lease, 1.0, 1.0)
    store.finish(lease, "optimal", "toll 1", None)
    waiting, _ = problem(store, "waiting")
    queued, _ = store.submit(replace(SUBMISSION, name="new", members=(), solvers=("highs",), served=True))
    templates = [route.path for route in pages.router.routes if isinstance(route, Route)]
    templates = [path for path in templates if path.startswith("/jobs/{job}")]
    assert len(templates) == 5
    for number in (finished(store), queued.id, solving, waiting):
        for template in templates:
            path = template.format(job=number, sha256=MEMBERS[0].sha256)
            assert client.get(path).status_code < 500, path
    assert client.get(f"/jobs/{solving}/report.html").status_code == 404


def test_pages_ask_for_a_token_and_keep_it_out_of_reach(store: Store) -> None:
    number = finished(store, "ann", "hers")
    with served(application(store, needs_token=True)) as client:
        client.headers["Accept"] = "text/html"
        for path, wanted in (
            ("/", ""),
            (f"/jobs/{number}?part=training", f"?next=%2Fjobs%2F{number}%3Fpart%3Dtraining"),
            ("/submit", "?next=%2Fsubmit"),
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login{wanted}")
        assert client.get(f"/jobs/{number}/figures", headers={"Accept": "*/*"}).status_code == 401
        assert 'value="/jobs/1?a=b"' in client.get("/login?next=%2Fjobs%2F1%3Fa%3Db").text
        for elsewhere in ("//evil.example", "/\\evil.example", "https://evil.example", "/a\nb"):
            assert 'name="next" type="hidden" value="/"' in client.get("/login", params={"next": elsewhere}).text
        wrong = client.post("/login", data={"token": "tuner_wrong"})
        assert (wrong.status_code, "not known" in wrong.text) == (401, True)
        assert client.post("/login", content=b"x" * 20_000).status_code == 413
        assert client.post("/login", content=b"\xff").status_code == 401
        for owner, sees in (("ann", True), ("bob", False)):
            secret = bearer(store, owner, Scope.READ)["Authorization"].removeprefix("Bearer ")
            for wanted, place in (("/jobs/1", "/jobs/1"), ("//evil.example", "/")):
                answer = client.post("/login", data={"token": secret, "next": wanted})
                assert (answer.status_code, answer.headers["location"]) == (303, place)
            cookie = answer.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert client.cookies[COOKIE] == secret
            assert (client.get(f"/jobs/{number}").status_code == 200) is sees
            assert ("hers" in client.get("/").text) is sees
            assert "data-verb" not in client.get(f"/jobs/{number}").text
            assert client.get("/submit").status_code == 403
            assert 'href="/submit"' not in client.get("/").text
            wrong = client.get("/?cursor=abc")
            assert (wrong.status_code, wrong.headers["content-type"]) == (422, "text/html; charset=utf-8")
        client.get("/logout")
        assert client.get("/").status_code == 303


# In a real browser


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 380)])
def test_the_pages_work_in_a_browser(browser: Browser, sqlite_url: str, scheme: Any, width: int) -> None:
    with Store.open(sqlite_url) as store:
        number = finished(store)
        with served(application(store)) as client:
            url = str(client.base_url).rstrip("/")
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
            watched = Watched(context, url)
            page = watched.page
            page.goto(f"{url}/")
            page.click("text=models")
            expect(page.locator("#trajectory .main-svg").first).to_be_visible(timeout=20_000)
            expect(page.locator("#scatter .points path")).to_have_count(3)
            expect(page.locator("#profile .lines path")).to_have_count(2)
            assert page.title() == "models - tuner"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (background == "rgb(255, 255, 255)") is (scheme == "light")
            point = page.locator("#scatter .points path").first
            point.scroll_into_view_if_needed()
            point.hover(force=True)
            point.click(force=True)
            page.wait_for_url(re.compile(f"/jobs/{number}/instances/[0-9a-f]{{64}}"))
            assert watched.wrong == []
            context.close()


def test_a_job_and_its_set_are_deleted_by_the_pages_after_a_question(
    browser: Browser, sqlite_url: str, models: Path
) -> None:
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        job = handed_in(store, uploaded(store, models, "local"), owner="local")
        store.claim(job.id, this_process(), 60)
        url = str(client.base_url).rstrip("/")
        context = browser.new_context()
        watched = Watched(context, url)
        page, asked, answers = watched.page, list[str](), [False, True, True, True]

        def answer(dialog: Dialog) -> None:
            asked.append(dialog.message)
            (dialog.accept if answers.pop(0) else dialog.dismiss)()

        page.on("dialog", answer)
        page.goto(f"{url}/jobs/{job.id}")
        page.evaluate("document.getElementById('job').dataset.state = 'queued'")  # it has begun since the page came
        page.click("[data-delete]")
        assert [each.id for each in store.jobs()] == [job.id], "whoever says no deletes nothing"
        page.click("[data-delete]")
        expect(page.locator("#said")).to_contain_text("is running")
        page.reload()
        page.click("[data-delete]")
        page.wait_for_url(f"{url}/")
        assert store.jobs() == []
        page.click("text=sets")
        page.click("[data-set]")
        expect(page.locator("main")).to_contain_text("There are none yet")
        assert store.instance_sets() == []
        assert "It is running, and is cancelled first" in asked[2]
        assert len(asked) == 4
        assert [each for each in watched.wrong if "409" not in each] == []
        context.close()


def test_a_folder_is_handed_in_by_the_page_and_paused_there(browser: Browser, sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "spring"
    (folder / "day").mkdir(parents=True)
    for number in range(5):
        (folder / "day" / f"m{number}.mps").write_bytes(MPS + b"*%d\n" % number)
    (folder / "notes.txt").write_text("no model")
    (tmp_path / "own.options").write_text("mip_max_improving_sols = 7\n")
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        url = str(client.base_url).rstrip("/")
        context = browser.new_context()
        watched = Watched(context, url)
        page = watched.page
        page.goto(f"{url}/submit")
        page.set_input_files("#folder", folder)
        expect(page.locator("#said")).to_have_text("5 models in spring")
        page.fill("[name=budget]", "2.5")
        page.fill("[name=cutoff]", "3")
        page.select_option("[name=solver]", "highs")
        page.click("summary")
        page.fill("[name=holdout]", "0.4")
        page.fill("[name=slots]", "3")
        page.fill("[name=seed]", "7")
        page.check("[name=reuse]")
        page.fill("[name=fix]", "presolve=off\n\n highs:mip_heuristic_effort=0.1 ")
        page.fill("[name=target]", "3")
        page.fill("[name=patience]", "2")
        page.set_input_files("[name=base]", tmp_path / "own.options")
        page.click("button.main")
        page.wait_for_url(re.compile("/jobs/[0-9]+$"))
        (job,) = store.jobs()
        assert (job.name, job.budget, job.cutoff, job.solvers) == ("spring", 150.0, 3.0, ("highs",))
        assert (job.holdout, job.slots, job.seed, job.reuse) == ("0.4", 3, 7, True)
        assert job.fixed == (Configuration.of("highs", {"mip_heuristic_effort": 0.1, "presolve": "off"}),)
        assert job.base is not None
        assert job.base.values == {"mip_max_improving_sols": 7, "mip_heuristic_effort": 0.1, "presolve": "off"}
        assert (job.target, job.stop_after) == (3.0, 120.0)
        expect(page.locator("#goals")).to_have_text(
            "the race ends at 3 times the default or after 2:00 without a new incumbent"
        )
        expect(page.locator("#base")).to_contain_text("your settings: highs")
        expect(page.locator("#fixed")).to_contain_text("highs mip_heuristic_effort=0.1 presolve=off")
        assert job.instance_set is not None
        names = [name for name, _ in store.instance_set(job.instance_set).members]
        assert sorted(names) == [f"day/m{number}" for number in range(5)]
        page.click("[data-verb=pause]")
        expect(page.locator("#state")).to_have_text("paused")
        assert store.job(job.id).state is JobState.PAUSED
        assert watched.wrong == []
        context.close()


def test_files_and_archives_are_handed_in_by_the_page_and_models_that_are_there_are_not_sent(
    browser: Browser, sqlite_url: str
) -> None:
    models = [MPS + b"*%d\n" % number for number in range(4)]
    plain = [{"name": f"m{number}.mps", "mimeType": "", "buffer": each} for number, each in enumerate(models)]
    small = [
        {"name": f"m{number}.mps.gz", "mimeType": "", "buffer": gzip.compress(each)}
        for number, each in enumerate(models)
    ]
    archive = {
        "name": "summer.zip",
        "mimeType": "",
        "buffer": zipped({f"{n}.mps": each for n, each in enumerate(models)}),
    }
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        context = browser.new_context()
        watched = Watched(context, str(client.base_url).rstrip("/"))
        page, uploads = watched.page, list[str]()
        page.on("request", lambda request: uploads.append(request.url) if "/v1/models?" in request.url else None)
        for given, told, count in (
            (plain[:3], "3 models in models", 3),
            (small, "4 models in models", 1),
            ([archive], "the models in summer.zip", 0),
        ):
            uploads.clear()
            page.goto(f"{client.base_url}/submit")
            page.set_input_files("#files", given)
            expect(page.locator("#said")).to_have_text(told)
            page.click("button.main")
            page.wait_for_url(re.compile("/jobs/[0-9]+$"))
            assert len(uploads) == count
        last, *_ = store.jobs()
        assert (last.name, [found.size for found in store.instance_sets()]) == ("summer", [4, 4, 3])
        page.goto(f"{client.base_url}/submit")
        page.set_input_files("#files", [plain[0], {**small[1], "name": "m0.mps.gz"}])
        page.route("**/v1/jobs", lambda route: (route.fetch(), route.abort()))  # the answer is lost
        page.click("button.main")
        expect(page.locator("#said")).to_have_text("Failed to fetch")
        page.unroute("**/v1/jobs")
        page.click("button.main")
        page.wait_for_url(re.compile("/jobs/[0-9]+$"))
        assert len(store.jobs()) == 4
        newest = store.instance_set(store.instance_sets()[0].id)
        assert sorted(name for name, _ in newest.members) == ["m0.mps", "m0.mps.gz"]
        watched.wrong.clear()  # the browser has told of the lost answer
        page.goto(f"{client.base_url}/submit")
        page.set_input_files("#files", [archive, plain[0]])
        expect(page.locator("#said")).to_have_text("an archive comes alone: drop one, or models")
        expect(page.locator("button.main")).to_be_disabled()
        assert watched.wrong == []
        context.close()


def test_a_page_follows_its_job_while_it_is_carried_out(browser: Browser, sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        submission = replace(SUBMISSION, name="live", members=MEMBERS, solvers=("highs",), owner="local")
        job = store.create_job(submission)
        lease = store.claim(job.id, this_process(), 60)
        context = browser.new_context()
        watched = Watched(context, str(client.base_url).rstrip("/"))
        page = watched.page
        page.goto(f"{client.base_url}/jobs/{job.id}?part=training")
        expect(page.locator("#runs")).to_have_text("0")
        expect(page.locator("#responses tbody tr")).to_have_count(0)
        page.fill("[name=instance]", "half a na")
        store.record(lease, run(0), RESPONSE, 12.0, HERE)
        expect(page.locator("#runs")).to_have_text("1", timeout=10_000)
        expect(page.locator("#seconds")).to_have_text("12")
        expect(page.locator("#responses tbody tr")).to_have_count(1, timeout=10_000)
        store.add_incumbent(lease, replace(INCUMBENT, configuration=TUNED))
        store.add_event(lease, Event(1.0, "crashed", HOSTILE))
        store.record(lease, run(1), RESPONSE, 13.0, HERE)
        expect(page.locator("#best h2")).to_have_text("Best configuration so far: highs", timeout=10_000)
        expect(page.locator("#best td", has_text="mip_heuristic_effort")).to_be_visible()
        expect(page.locator("#events pre")).to_have_text(HOSTILE)
        assert page.input_value("[name=instance]") == "half a na"
        assert page.title() == "live - tuner"
        store.finish(lease, "default kept", "nothing was gained", None)
        expect(page.locator(".verdict")).to_contain_text("nothing was gained", timeout=10_000)
        assert watched.wrong == []
        context.close()


# Of a bilevel problem


def problem(store: Store, name: str = "tolls") -> tuple[int, Lease]:
    """Put a bilevel problem into the store that this process works on, with hostile names."""
    submission = replace(PROBLEM, name=name, problem="toll", ties="optimistic", owner="local", served=True)
    job = store.create_job(submission)
    lease = store.claim(job.id, this_process(), 60)
    store.name_reactions(lease, [f"commuters: {HOSTILE}", "commuters: B"])
    return job.id, lease


def answer(store: Store, lease: Lease, toll: float, bound: float) -> None:
    """Record the best answer so far: everybody pays the toll."""
    found = Answer(
        ((f"A {HOSTILE}", toll),),
        "optimistic",
        "bilevel feasible",
        value=9.0 + toll,
        optimistic=toll,
        reactions=(("own", (0.0, 1.0)), ("optimistic", (1.0, 0.0))),
        reason=HOSTILE,
    )
    number = store.record_answer(lease, found, 1.0, HERE)
    store.set_bracket(lease, Bracket(toll, bound, "value-function cuts", number), 12.0)


def test_a_bilevel_problem_is_shown_page_by_page_and_what_it_says_is_only_text(
    client: httpx.Client, store: Store
) -> None:
    number, lease = problem(store)
    fresh = client.get(f"/jobs/{number}").text
    assert "The leader" not in fresh
    for place in range(60):
        answer(store, lease, 1.0 + place / 16, 8.0)
    store.add_event(lease, Event(1.0, "remark", HOSTILE))
    store.finish(lease, "optimal", f"toll 4.6875 {HOSTILE}", None)
    page = client.get(f"/jobs/{number}").text
    assert HOSTILE not in page
    assert HOSTILE not in client.get(f"/jobs/{number}/choice").text
    assert '<dd id="value">4.6875</dd>' in page
    assert '<dd id="bound">8</dd>' in page
    assert '<dd id="kind">value-function cuts</dd>' in page
    assert "Its own objective is 13.6875." in page
    assert page.count("<td>bilevel feasible") == 50
    (more,) = re.findall(r'href="(/jobs/\d+\?cursor=\d+)"', page)
    assert client.get(more).text.count("<td>bilevel feasible") == 10
    assert "has no parts" in client.get(f"/jobs/{number}?part=holdout").text
    assert client.get(f"/jobs/{finished(store)}/choice").status_code == 404
    assert "data-verb" not in page


def test_a_choice_of_many_variables_is_cut_short_on_the_page(client: httpx.Client, store: Store) -> None:
    number, lease = problem(store)
    x = tuple((f"x{place}", float(place % 2)) for place in range(1000))
    found = Answer(x, "optimistic", "bilevel feasible", 0.0, 1.0, reactions=(("optimistic", (0.0, 0.0)),))
    store.set_bracket(lease, Bracket(1.0, 2.0, "none", store.record_answer(lease, found, 1.0, HERE)), 1.0)
    page = client.get(f"/jobs/{number}/choice").text
    assert re.findall(r"<td>(x\d+)</td>", page) == [f"x{place}" for place in range(1, 200, 2)]
    assert "and 400 more; all are in" in page


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 400)])
def test_the_page_of_a_bilevel_problem_follows_it_to_its_end(
    browser: Browser, sqlite_url: str, scheme: Any, width: int
) -> None:
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        number, lease = problem(store)
        connect(store.url)
        optuna.create_study(study_name="tolls", storage=connect(store.url))
        url = str(client.base_url).rstrip("/")
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        watched = Watched(context, url)
        page = watched.page
        page.goto(f"{url}/jobs/{number}")
        expect(page.locator("#value")).to_have_text("-")
        expect(page.locator("#choice table")).to_have_count(0)
        answer(store, lease, 5.5, 8.0)
        expect(page.locator("#value")).to_have_text("5.5", timeout=10_000)
        expect(page.locator("#bound")).to_have_text("8")
        expect(page.locator("#gap")).to_have_text("0.455")
        expect(page.locator("#kind")).to_have_text("value-function cuts")
        expect(page.locator("#answers")).to_have_text("1")
        expect(page.locator("#seconds")).to_have_text("12")
        expect(page.locator("#choice td.n")).to_have_text(["5.5", "1", "0"])
        answer(store, lease, 6.0, 6.0)
        expect(page.locator("#choice td.n")).to_have_text(["6", "1", "0"], timeout=10_000)
        expect(page.locator("#gap")).to_have_text("0")
        store.finish(lease, "optimal", "toll 6 on A.", None)
        expect(page.locator(".verdict")).to_contain_text("toll 6 on A.", timeout=10_000)
        expect(page.locator("#state")).to_have_text("finished")
        expect(page.locator("text=every choice as a trial")).to_be_visible()
        assert page.title() == "tolls - tuner"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") is (scheme == "light")
        assert watched.wrong == []
        context.close()


def test_a_bilevel_problem_is_paused_resumed_and_cancelled_on_its_page(browser: Browser, sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, served(application(store)) as client:
        number, lease = problem(store)
        store.interrupt(lease)
        context = browser.new_context()
        watched = Watched(context, str(client.base_url).rstrip("/"))
        page = watched.page
        page.goto(f"{client.base_url}/jobs/{number}")
        for verb, state in (("pause", "paused"), ("resume", "interrupted"), ("cancel", "cancelled")):
            page.click(f"[data-verb={verb}]")
            expect(page.locator("#state")).to_have_text(state)
        expect(page.locator("[data-verb]")).to_have_count(0)
        assert store.job(number).state is JobState.CANCELLED
        assert watched.wrong == []
        context.close()


# Optuna's dashboard


def studied(store: Store) -> int:
    """Put a finished job into the store, and a study of its name with two trials."""
    number = finished(store)
    study = optuna.create_study(study_name="models", storage=connect(store.url))
    study.optimize(lambda trial: trial.suggest_float("effort", 0.0, 1.0) ** 2, n_trials=2)
    job = store.job(number)
    note = closing(job, job.outcome, job.report, TUNED, default_space("highs"))
    describe(connect(store.url), study._study_id, Description(note, figures(figures_of(store, job))))
    return number


def test_optunas_dashboard_is_part_of_it_to_be_read_only(client: httpx.Client, store: Store) -> None:
    number = studied(store)
    page = client.get(f"/jobs/{number}").text
    (study,) = re.findall(r'href="/dashboard/studies/(\d+)"', page)
    assert client.get(f"/dashboard/studies/{study}").status_code == 200
    told = client.get("/api/studies").json()
    assert [each["study_name"] for each in told["study_summaries"]] == ["models"]
    assert len(client.get(f"/api/studies/{study}").json()["trials"]) == 2
    for encoding in ("gzip", ""):
        assert client.get("/static/bundle.js", headers={"Accept-Encoding": encoding}).status_code == 200
    for method, path in (
        ("POST", "/api/studies"),
        ("DELETE", f"/api/studies/{study}"),
        ("PUT", f"/api/studies/{study}/note"),
        ("POST", "/api/trials/1/tell"),
    ):
        assert client.request(method, path, json={}).status_code == 405
    assert client.get("/api/studies/99").status_code in (200, 404)
    for path in ("/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/_app.py", "/static//etc/passwd"):
        assert client.get(path).status_code in (403, 404)


def test_optunas_dashboard_is_not_asked_for_what_takes_minutes_or_makes_it_fail(
    client: httpx.Client, store: Store
) -> None:
    studied(store)
    (study,) = (each["study_id"] for each in client.get("/api/studies").json()["study_summaries"])
    large = "9" * 19
    client.headers["Accept"] = "application/json"
    for path, status in (
        (f"/api/studies/{study}/plot/contour", 404),
        (f"/api/studies/{study}/plot/contour/", 404),
        (f"/api/studies/{study}/plot%2Fcontour", 404),
        (f"/api/studies/{study}?after=abc", 422),
        (f"/api/studies/{study}?after=1&after={large}", 422),
        (f"/csv/{study}?trial_ids=abc", 422),
        (f"/csv/{study}?trial_ids=1,{large}", 422),
        (f"/api/studies/{study}?after=", 422),
        (f"/api/studies/{large}", 404),
        (f"/api/studies/-{large}/param_importances", 404),
        (f"/csv/{large}", 404),
        ("/api/nothing", 404),
    ):
        refused = client.get(path)
        assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json"), path
    elsewhere = {"Host": "127.0.0.1/api/studies?"}
    assert client.get(f"/api/studies/{study}/plot/contour", headers=elsewhere).status_code == 404
    assert len(client.get(f"/api/studies/{study}?after=1").json()["trials"]) == 1
    assert client.get(f"/api/studies/{study}/param_importances").status_code == 200
    for query in ("", "?trial_ids=", "?trial_ids=1", "?trial_ids=1,2"):
        assert client.get(f"/csv/{study}{query}").status_code == 200


@pytest.mark.parametrize("is_late", [False, True])
def test_an_error_of_optunas_dashboard_is_a_problem_without_its_words(store: Store, is_late: bool) -> None:
    def failing(_: Any, start: Any) -> list[bytes]:
        if not is_late:
            start("500 Internal Server Error", [("Content-Type", "text/html")])
            return [b"Traceback: secret"]
        try:
            raise ValueError("secret")
        except ValueError:
            start("500 Internal Server Error", [("Content-Type", "text/html")], sys.exc_info())
        return [b"Traceback: secret"]

    app = application(store)
    app.state.dashboard.__dict__["_application"] = WSGIMiddleware(failing)
    with served(app) as client:
        answer = client.get("/api/studies")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text


def test_optunas_dashboard_is_for_those_who_see_all_jobs(store: Store) -> None:
    studied(store)
    (study,) = connect(store.url).get_all_studies()
    with served(application(store, needs_token=True)) as client:
        for scope, status in ((Scope.READ, 403), (Scope.SUBMIT, 403), (Scope.ADMIN, 200)):
            headers = bearer(store, "ann", scope)
            for path in ("/dashboard", "/api/studies", f"/csv/{study._study_id}", "/static/bundle.js"):
                assert client.get(path, headers=headers).status_code == status
        assert client.get("/api/studies").status_code == 401
        assert client.get("/dashboard", headers={"Accept": "text/html"}).status_code == 303


def test_a_study_is_looked_at_in_a_browser(browser: Browser, sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store:
        number = studied(store)
        with served(application(store)) as client:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{client.base_url}/jobs/{number}")
            page.click("text=in Optuna's dashboard")
            expect(page.locator(".main-svg").first).to_be_visible(timeout=30_000)
            for title in ("Incumbent and default over time", "Default against incumbent", "Performance profile"):
                expect(page.get_by_text(title).first).to_be_visible(timeout=30_000)
            page.goto(f"{page.url}/note")
            expect(page.get_by_text(f"it is faster {HOSTILE}")).to_be_visible(timeout=30_000)
            expect(page.get_by_role("cell", name="mip_heuristic_effort")).to_be_visible()
            context.close()
