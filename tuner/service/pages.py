"""The pages: rendered here, with a script where something moves. Nothing is fetched from anywhere else."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Depends, Query, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from instances.features import FEATURES
from instances.visible import escaped
from storage.records import ALL_SLOTS, Job, JobKind, spell
from tuner.app import drawing
from tuner.app.figures import figures_of
from tuner.app.files import report_of, verdict_again
from tuner.app.job_data import Data
from tuner.app.proof import INFEASIBLE, OPTIMAL
from tuner.app.response_rows import cell
from tuner.app.views import Filters, StoredView
from tuner.commands import duration
from tuner.cost import Cost
from tuner.errors import NotFound, UsageError
from tuner.extras import EXTRAS
from tuner.follower.spaces import spaces_of
from tuner.scenario import ANY
from tuner.service import static
from tuner.service.access import ADMIN, COOKIE, SUBMIT, Caller
from tuner.service.advice import advisory
from tuner.service.dashboard import PATHS, Dashboard
from tuner.service.endpoints import Number, Reference, Served, caller
from tuner.service.problems import Refused, problem
from tuner.verdict.decide import GAIN
from tuner.verdict.words import BETTER, between, number

JOBS, ROWS = 100, 50
"""On a page."""
FEW, MANY = 20, 100
"""Variables of a choice: so many are shown whatever they are; and so many at most."""
NOTHING = 1e-9
"""A value is shown as 0 up to this."""
WEEK = 7 * 24 * 3600

router = APIRouter(include_in_schema=False)


class LoginNeeded(Exception):
    """Somebody without a token looks at a page."""


async def _reader(request: Request) -> Caller:
    try:
        return await caller(request)
    except Refused as error:
        if error.status is HTTPStatus.UNAUTHORIZED:
            raise LoginNeeded from None
        raise


Reader = Annotated[Caller, Depends(_reader)]


@router.get("/")
def jobs(service: Served, who: Reader, cursor: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> Response:
    """List the jobs, the newest first."""
    page = service.view(who).job_page(cursor, JOBS)
    return _page("jobs.html", who, jobs=page.rows, next=page.next, cursor=cursor)


@router.get("/sets")
def sets(service: Served, who: Reader) -> Response:
    """List the instance sets, the newest first."""
    return _page("sets.html", who, sets=service.view(who).sets())


@router.get("/sets/{number}")
def models(service: Served, who: Reader, number: Number) -> Response:
    """Show an instance set."""
    return _page("set.html", who, set=service.own_set(who, number))


@router.get("/sets/{number}/advice")
async def advice(service: Served, who: Reader, number: Number) -> Response:
    """Return the part of a set's page that says what is expected to help."""
    return _page("advice.html", who, advisory=await advisory(service, who, number, ANY))


@router.get("/jobs/{job}")
def job(
    service: Served,
    who: Reader,
    request: Request,
    job: Reference,
    part: Annotated[str, Query(max_length=20)] = "",
    instance: Annotated[str, Query(max_length=300)] = "",
    configuration: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """Show a job."""
    view = service.view(who)
    data = view.show(job)
    filters = Filters(part, instance, configuration, cursor)
    rows, following, complaint = _rows(view, str(data["id"]), filters)
    study = request.app.state.dashboard.study(data["name"]) if who.seen is None else None
    more = {"rows": rows, "next": following, "complaint": complaint, "may_hold": who.may_submit, "study": study}
    if data["kind"] == JobKind.SOLVE:
        return _page("problem.html", who, **_problem(data), **more)
    try:
        best: Data | None = view.best(str(data["id"]))
    except NotFound:
        best = None
    return _page(
        "job.html",
        who,
        job=data,
        filters=filters,
        best=best,
        changes=[] if best is None else _changes(best),
        headline=_headline(view, view.job(str(data["id"]))),
        is_challenger=_is_challenger(data),
        **more,
    )


@router.get("/jobs/{job}/choice")
def choice(service: Served, who: Reader, job: Reference) -> Response:
    """Return the part of a bilevel problem's page that says what is best so far."""
    data = service.view(who).show(job)
    if data["kind"] != JobKind.SOLVE:
        raise Refused(HTTPStatus.NOT_FOUND, "a tuning job has no such choice")
    return _page("choice.html", who, **_problem(data))


@router.get("/jobs/{job}/figures")
def figures(service: Served, who: Reader, job: Reference) -> JSONResponse:
    """Return what a job's page draws."""
    view = service.view(who)
    found = view.job(job)
    if found.kind is JobKind.SOLVE:
        raise Refused(HTTPStatus.NOT_FOUND, "a bilevel problem has no such figures")
    drawn = drawing.figures(figures_of(service.store, found))
    return JSONResponse({name: figure.content for name, figure in drawn.items()})


@router.get("/jobs/{job}/instances/{sha256}")
def instance(
    service: Served,
    who: Reader,
    job: Reference,
    sha256: str,
    cursor: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """Show a model, and every response to it."""
    view = service.view(who)
    found = view.job(job)
    member = next((member for member in found.members if member.sha256 == sha256), None)
    if member is None:
        raise Refused(HTTPStatus.NOT_FOUND, f"{found.name} has no such model")
    rows, following, _ = _rows(view, str(found.id), Filters(instance=sha256, since=cursor))
    features = [(name, member.features[name], meaning) for name, meaning in FEATURES.items() if name in member.features]
    return _page("instance.html", who, job=found, member=member, features=features, rows=rows, next=following)


@router.get("/jobs/{job}/report.html")
def report(service: Served, who: Reader, job: Reference) -> Response:
    """Return a finished job's report, to be kept."""
    found = service.view(who).job(job)
    if found.kind is JobKind.SOLVE:
        raise Refused(HTTPStatus.NOT_FOUND, "a bilevel problem has no such report")
    store = service.store
    text = report_of(store, found, verdict_again(store, found))
    return HTMLResponse(text, headers={"Content-Disposition": f'attachment; filename="report-{found.id}.html"'})


@router.get("/submit")
def submit(service: Served, who: Reader) -> Response:
    """Take a folder."""
    who.may(SUBMIT)
    return _page("submit.html", who, most=ALL_SLOTS, reuses=service.reuse)


@router.get("/login")
def login(next: Annotated[str, Query(max_length=1000)] = "/") -> Response:
    """Ask for a token, to go on then with what was looked for."""
    return _page("login.html", None, complaint="", next=_inside(next))


@router.post("/login")
async def logged_in(service: Served, request: Request) -> Response:
    """Keep a token in the browser, out of reach of scripts."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    secret, wanted = fields.get("token", [""])[0].strip(), _inside(fields.get("next", ["/"])[0])
    if await run_in_threadpool(service.store.token, secret) is None:
        page = _page("login.html", None, complaint="The token is not known, or was revoked.", next=wanted)
        page.status_code = HTTPStatus.UNAUTHORIZED
        return page
    answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
    is_secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, secret, max_age=WEEK, httponly=True, samesite="strict", secure=is_secure)
    return answer


def _inside(path: str) -> str:
    """Return a path of this server; the first page's for anything else, which might lead elsewhere."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"


@router.get("/logout")
def logout() -> Response:
    """Forget the token."""
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE)
    return answer


def dashboard(service: Served, who: Reader, request: Request) -> Response:
    """Return what Optuna's dashboard says, to those who see all jobs."""
    who.may(ADMIN)
    service.store.states()  # or it is away: the dashboard would make a 500 of that
    found: Dashboard = request.app.state.dashboard
    return found.answer(request)


router.include_router(static.router)
for path in PATHS:
    router.add_api_route(path, dashboard, methods=["GET"])


async def login_page(request: Request, error: Exception) -> Response:
    """Send somebody without a token to where one is asked for; a script, which cannot read that, is told so."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem(HTTPStatus.UNAUTHORIZED, "a token is needed: log in")
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    words = "" if path == "/" or request.method != "GET" else f"?next={quote(path, safe='')}"
    return RedirectResponse(f"/login{words}", HTTPStatus.SEE_OTHER)


def error_page(status: int, detail: str) -> Response:
    """Return a page that says what went wrong."""
    page = _page("error.html", None, status=status, title=HTTPStatus(status).phrase, detail=detail)
    page.status_code = status
    return page


def _digits(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _shown(value: Any) -> Any:
    """Return what a page has of a value: the hidden characters of a text, such as marks of direction, spelled out."""
    return escaped(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


_templates = Environment(
    loader=PackageLoader("tuner.service"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    finalize=_shown,
)
_templates.globals["static"] = static.address
_templates.filters.update(
    duration=duration,
    short=cell,
    digits=_digits,
    spell=spell,
    clause=lambda text: text.partition("; ")[0].partition("\n")[0],
)


def _page(template: str, who: Caller | None, **values: Any) -> HTMLResponse:
    known = {
        "owner": "" if who is None else who.owner,
        "is_known": who is not None and who.has_token,
        "may_submit": who is not None and who.may_submit,
        "sees_all": who is not None and who.seen is None,
        "extras": {extra.name for extra in EXTRAS if extra.is_there},
    }
    return HTMLResponse(_templates.get_template(template).render(**known, **values))


def _rows(view: StoredView, reference: str, filters: Filters) -> tuple[list[Data], int | None, str]:
    """Return a page of rows, the cursor of the next one, and what is wrong with the filters."""
    try:
        page = view.response_page(reference, filters, ROWS)
    except (NotFound, UsageError) as error:
        return [], None, str(error)
    return page.rows, page.next, ""


def _headline(view: StoredView, job: Job) -> str:
    """Return what came of a job in one line."""
    found = view.gain(job, job.best.key) if job.best else None
    if found is None or job.outcome != GAIN:
        return job.outcome
    words = f"{number(found.ratio)} {BETTER[Cost(job.cost)]}"
    return f"{words} than {found.baseline.solver} as it comes (95 % interval {between(found)})"


def _is_challenger(job: Data) -> bool:
    """Whether a job recommends what never was its incumbent, so that its trajectory does not show the gain."""
    incumbents = {step["configuration"]["key"] for step in job["trajectory"]}
    return job["outcome"] == GAIN and job["best"]["key"] not in incumbents


def _problem(job: Data) -> Data:
    """Return what the page of a bilevel problem shows besides its responses."""
    bracket = job["bracket"] or {"objective": None, "bound": None, "gap": None, "bound_kind": "none", "best": None}
    return {
        "job": job,
        "bracket": bracket,
        "best": bracket["best"] or "",
        "is_proven": job["outcome"] in (OPTIMAL, INFEASIBLE),
        "x": _values(bracket.get("x")),
        "y": _values(bracket.get("y")),
    }


def _values(named: Data | None) -> tuple[list[tuple[str, float]], int]:
    """Return the values that are shown, and how many more there are: few as they are, of many those that are not 0."""
    found = list((named or {}).items())
    if len(found) > FEW:
        found = [(name, value) for name, value in found if abs(value) > NOTHING]
    return found[:MANY], len(found[MANY:])


def _changes(best: Data) -> list[tuple[str, str, str, str]]:
    """Return name, value, default and meaning of what differs from the default."""
    (space,) = spaces_of([best["solver"]], "").values()
    known = {parameter.name: parameter for parameter in space.parameters}
    changes = []
    for name, value in best["parameters"].items():
        parameter = known.get(name)
        default, meaning = ("-", "") if parameter is None else (spell(parameter.own_default), parameter.meaning)
        changes.append((name, spell(value), default, meaning))
    return changes
