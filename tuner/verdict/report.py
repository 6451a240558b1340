"""The report: one HTML page that needs nothing else, for any width, light and dark. All text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from storage.records import Check, Configuration, Incumbent, Job, Member, Purpose, StoredRun, spell
from tuner.charts import Axis, Series, as_html, log_axis, scatter, steps
from tuner.commands import counted
from tuner.cost import Cost, Ties, censored, cost_of, scale
from tuner.space import Space
from tuner.verdict.compare import NEGLIGIBLE, pair
from tuner.verdict.decide import DEFAULT_KEPT, GAIN, SETTINGS_KEPT, Row, Verdict
from tuner.verdict.reproduce import reproducing_line
from tuner.verdict.words import BETTER, cells, columns, number, paragraph

MOST_FAILURES = 50
_COST = {
    Cost.PAR10: "CPU seconds (unsolved: ten cutoffs)",
    Cost.WALL: "wall seconds (unsolved: ten cutoffs)",
    Cost.GAP: "gap at the cutoff",
    Cost.INTEGRAL: "primal-dual integral, s",
}
_STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1c2024;--soft:#5b636c;--line:#dfe3e8;--card:#f5f7f9;--good:#0b7a4b;
--s0:#0b62c4;--s1:#c2410c;--s2:#0b7a4b;--s3:#8b3fc0}
@media(prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e7eaed;--soft:#a0a9b2;--line:#343a41;--card:#1d2125;
--good:#4cc38a;--s0:#6cb2ff;--s1:#ff9a5c;--s2:#4cc38a;--s3:#c99bf2}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:auto;padding:1.2rem 1rem 3rem}h1{font-size:1.5rem;margin:0}
h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem 0}.soft{color:var(--soft);font-size:.9rem}
.verdict{background:var(--card);border-left:4px solid var(--soft);padding:.8rem 1rem;margin:1rem 0;border-radius:4px;
overflow-wrap:anywhere}.verdict.gain{border-color:var(--good)}.verdict strong{display:block;font-size:1.15rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code{font:.88em/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.2rem}
figure{margin:0}figcaption{font-size:.88rem;color:var(--soft)}svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}.grid{stroke:var(--line);stroke-width:.7}
.frame{fill:none;stroke:var(--line)}.diagonal{stroke:var(--soft);stroke-dasharray:4 3}
.point{fill:var(--s0);fill-opacity:.7;stroke:var(--page)}.line{fill:none;stroke-width:2}
.s0{stroke:var(--s0)}.s1{stroke:var(--s1);stroke-dasharray:7 3}.s2{stroke:var(--s2);stroke-dasharray:2 3}
.s3{stroke:var(--s3);stroke-dasharray:9 3 2 3}.key{white-space:nowrap;margin-right:1rem}
.key svg{display:inline-block;width:28px;height:8px;margin-right:.3rem}
"""


def write_report(
    job: Job,
    verdict: Verdict,
    runs: Iterable[StoredRun],
    trajectory: Sequence[Incumbent],
    spaces: Mapping[str, Space],
    remarks: Sequence[str] = (),
) -> str:
    """Return the report as HTML.

    Args:
        job: with its members.
        verdict: as decided from these runs.
        runs: of the job, race and holdout.
        trajectory: the incumbents in order of time.
        spaces: by solver; they say what a parameter means and what its default is.
        remarks: what else is to be told of the race, in sentences.

    """
    runs = list(runs)
    parts = [
        _head(job, verdict, len(runs)),
        *(f'<p class="soft">{as_html(remark)}</p>' for remark in remarks),
        _changes(verdict, spaces),
        _table(verdict),
        _figures(job, verdict, runs, trajectory),
        _failures(job, runs),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{as_html(job.name)}: {as_html(verdict.outcome)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


_KEPT = {DEFAULT_KEPT: "the default", SETTINGS_KEPT: "your settings"}


def _head(job: Job, verdict: Verdict, count: int) -> str:
    parts = [sum(member.part == part for member in job.members) for part in ("training", "holdout")]
    facts = (
        f"{job.folder} · {parts[0]} instances to tune on, {parts[1]} held out · {', '.join(job.solvers)} · "
        f"cost {job.cost}, cutoff {job.cutoff:g} s, budget {job.budget:g} s, {number(job.spent)} s spent · "
        f"{count} runs · seed {job.seed}"
    )
    headline = _headline(verdict) if verdict.outcome == GAIN else f"Keep {_KEPT[verdict.outcome]}"
    return (
        f'<h1>{as_html(job.name)}</h1><p class="soft">{as_html(facts)}</p>'
        f'<div class="verdict{" gain" if verdict.outcome == GAIN else ""}"><strong>{as_html(headline)}</strong>'
        f"<p>{as_html(paragraph(verdict))}</p></div>"
    )


def _headline(verdict: Verdict) -> str:
    recommended = verdict.recommended
    found = verdict.comparison(recommended, verdict.contenders.baseline)
    if recommended == verdict.contenders.baseline and verdict.contenders.base is not None:
        found = verdict.comparison(recommended, verdict.contenders.base)
    field = verdict.contenders
    what = f"{recommended.solver} with {counted(len(recommended.parameters), 'parameter')} changed"
    used = field.name(recommended) if field.is_default(recommended) else what
    return f"Use {used}" + (f": {number(found.ratio)} {BETTER[verdict.cost]}" if found else "")


def _changes(verdict: Verdict, spaces: Mapping[str, Space]) -> str:
    configuration = verdict.candidate
    if verdict.contenders.is_default(configuration):
        return ""
    gain = verdict.outcome == GAIN
    what = "What changes in" if gain else "Not recommended: what the best that was found changes in"
    if configuration == verdict.contenders.base:
        what = "Your settings in"
    title = f"<h2>{what} {as_html(configuration.solver)}</h2>"
    known = {parameter.name: parameter for parameter in spaces[configuration.solver].parameters}
    fixed = {name for each in verdict.fixed if each.solver == configuration.solver for name in each.values}
    rows = []
    for key, value in configuration.parameters:
        own = known.get(key)
        default = spell(own.own_default) if own else ""
        meaning = "; ".join(filter(None, [own.meaning if own else "", "fixed in every run" if key in fixed else ""]))
        rows.append([f"<code>{as_html(key)}</code>", as_html(default), as_html(spell(value)), as_html(meaning)])
    return title + _grid(["parameter", "default", "value", "meaning"], rows)


def _table(verdict: Verdict) -> str:
    head = ["configuration", *columns(verdict.cost)]
    rows = [_line(row, verdict) for row in verdict.rows]
    return (
        "<h2>On the holdout</h2>"
        + _grid(head, rows, numbers=slice(1, None))
        + '<p class="soft">Mean: shifted geometric mean over instances. Ratio: the mean of the baseline over this one, '
        "on the runs both have; above 1 is better.</p>"
    )


def _line(row: Row, verdict: Verdict) -> list[str]:
    title = f'{as_html(verdict.contenders.name(row.configuration))}<div class="soft">{as_html(row.role)}</div>'
    return [title, *map(as_html, cells(row, verdict.cost))]


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: slice = slice(0, 0)) -> str:
    """Return a table of escaped texts; the columns of the slice hold numbers."""
    right = set(range(len(head))[numbers])

    def line(texts: Sequence[str], tag: str) -> str:
        marks = [' class="n"' if place in right else "" for place in range(len(texts))]
        return "<tr>" + "".join(f"<{tag}{mark}>{t}</{tag}>" for t, mark in zip(texts, marks, strict=True)) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table><thead>{line(head, "th")}</thead><tbody>{body}</tbody></table></div>'


def _figures(job: Job, verdict: Verdict, runs: Sequence[StoredRun], trajectory: Sequence[Incumbent]) -> str:
    figures = [
        *_scatter(job, verdict, runs),
        *_profile(verdict, runs),
        *_trajectory(job, trajectory),
    ]
    return f'<h2>Figures</h2><div class="figures">{"".join(figures)}</div>' if figures else ""


def _scatter(job: Job, verdict: Verdict, runs: Sequence[StoredRun]) -> list[str]:
    candidate, baseline = verdict.candidate, verdict.contenders.baseline
    paired = pair(candidate, baseline, runs, verdict.cost, Ties(job.ties))
    if candidate == baseline or not paired.pairs:
        return []
    names = {member.sha256: member.name for member in job.members}
    costs = [*map(float, paired.candidate), *map(float, paired.baseline)]
    least = NEGLIGIBLE * scale(verdict.cost, verdict.cutoff)
    whole = log_axis("", costs, least)
    points = [
        (names.get(instance, instance[:12]), float(theirs), float(ours))
        for instance, ours, theirs in zip(paired.instances, paired.candidate, paired.baseline, strict=True)
    ]
    x, y = (Axis(_label(verdict, of), whole.low, whole.high, log=True) for of in (baseline, candidate))
    caption = f"One point per holdout instance: {_COST[verdict.cost]}. Below the diagonal the change is better."
    return [_figure(scatter(points, x, y), caption)]


def _profile(verdict: Verdict, runs: Sequence[StoredRun]) -> list[str]:
    """Draw which share of its holdout runs each configuration finished within how much cost."""
    field = verdict.contenders
    costs: dict[Configuration, list[float]] = {}
    for stored in runs:
        if stored.run.purpose is Purpose.HOLDOUT and not censored(verdict.cost, stored.run, stored.response):
            cost = cost_of(verdict.cost, stored.run, stored.response)
            costs.setdefault(stored.run.configuration, []).append(cost)
    drawn = [configuration for configuration in field.first if configuration in costs]
    if len(drawn) < 2:
        return []
    least, most = NEGLIGIBLE * scale(verdict.cost, verdict.cutoff), scale(verdict.cost, verdict.cutoff)
    shown = [min(cost, most) for configuration in drawn for cost in costs[configuration]]
    x, y = log_axis(_COST[verdict.cost].partition(" (")[0], shown, least), Axis("share of runs", 0.0, 1.0)
    series = []
    for configuration in drawn:
        own = sorted(costs[configuration])
        inside = [cost for cost in own if cost <= most]
        shares = accumulate([1 / len(own)] * len(inside))
        points = [(x.low, 0.0), *zip(inside, shares, strict=True), (x.high, len(inside) / len(own))]
        series.append(Series(_label(verdict, configuration), tuple(points)))
    return [_figure(steps(series, x, y), "Share of the holdout runs within so much cost; higher is better.", series)]


def _trajectory(job: Job, trajectory: Sequence[Incumbent]) -> list[str]:
    ratios = [(step.elapsed, step.default_cost / step.cost) for step in trajectory if step.cost > 0 < step.default_cost]
    if not ratios:
        return []
    end = max(job.spent, ratios[-1][0], 1.0)
    values = [1.0, *(ratio for _, ratio in ratios)]
    x, y = Axis("seconds of the budget", 0.0, end), Axis("times better", min(values) * 0.95, max(values) * 1.05)
    line = Series("incumbent", (*ratios, (end, ratios[-1][1])))
    return [
        _figure(
            steps([line], x, y),
            "The incumbents over time: cost of the default over theirs, in training. What was chosen for looking best "
            "there looks better than it is; the holdout tells.",
        )
    ]


def _label(verdict: Verdict, configuration: Configuration) -> str:
    field = verdict.contenders
    return field.name(configuration) if field.is_default(configuration) else f"{configuration.solver} tuned"


def _figure(svg: str, caption: str, series: Sequence[Series] = ()) -> str:
    keys = "".join(
        '<span class="key"><svg viewBox="0 0 28 8" aria-hidden="true">'
        f'<path class="line s{place % 4}" d="M0,4H28"/></svg>{as_html(line.name)}</span>'
        for place, line in enumerate(series)
    )
    return f"<figure>{svg}<figcaption>{keys}{'<br>' if keys else ''}{as_html(caption)}</figcaption></figure>"


def _failures(job: Job, runs: Sequence[StoredRun]) -> str:
    failed = [stored for stored in runs if not stored.response.feasible]
    disputed = [stored for stored in runs if stored.response.check is Check.DISPUTED]
    overstated = [stored for stored in runs if stored.response.is_overstated]
    return (
        _runs(
            "Responses that do not count",
            "Refuted, crashed or out of memory: such a configuration is never recommended.",
            job,
            failed,
        )
        + _runs(
            "Disputed answers",
            "Each contradicts another answer, and neither is proven. Which is right is not known: such a run counts as "
            "unsolved, and neither side gains by it.",
            job,
            disputed,
        )
        + _runs(
            "Overstated answers",
            "Each claims an objective that no exact point with the same whole numbers attains: the difference comes "
            "from the solver's tolerance. Such a run counts as unsolved.",
            job,
            overstated,
        )
    )


def _runs(title: str, text: str, job: Job, chosen: Sequence[StoredRun]) -> str:
    """Return a section on some runs, with the commands that execute them again; empty without a run."""
    if not chosen:
        return ""
    members: dict[str, Member] = {member.sha256: member for member in job.members}
    rows = []
    for stored in chosen[:MOST_FAILURES]:
        run, response = stored.run, stored.response
        member = members.get(run.instance)
        what, reason = response.termination.value, response.reason
        if response.check in (Check.REFUTED, Check.DISPUTED):
            what = response.check.value
        elif response.is_overstated:
            what, reason = "overstated", response.doubt
        line = reproducing_line(run, member.path if member else run.instance, job)
        rows.append(
            [
                as_html(member.name if member else run.instance[:12]),
                as_html(f"{what}: {reason}" if reason else what),
                f"<code>{as_html(line)}</code>",
            ]
        )
    more = len(chosen) - len(rows)
    note = f'<p class="soft">{more} more are not listed.</p>' if more > 0 else ""
    return (
        f"<h2>{title}</h2><p>{text} The command executes the run again.</p>"
        f"{_grid(['instance', 'what', 'command'], rows)}{note}"
    )
