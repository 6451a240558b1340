"""The report: self-contained, escaped, and with the numbers of the verdict in it."""

from __future__ import annotations

import re
import shlex
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from storage.records import Configuration, Incumbent, Job, Member, Purpose, Run, StoredRun
from tests.verdict_runs import CUTOFF, HIGHS, HOLDOUT, REFUTED, TRAINING, TUNED, held_out, job, raced, stored
from tuner.charts import Axis, log_axis
from tuner.cli.tuning import print_verdict
from tuner.space import read_spaces
from tuner.verdict.decide import decide
from tuner.verdict.report import write_report
from tuner.verdict.reproduce import reproducing_line
from tuner.verdict.words import number, paragraph

TIMES = [1.0, 1.3, 0.8, 1.1, 2.0, 0.9, 1.5, 1.2]
SPACES = read_spaces(
    """
    [highs.presolve]
    type = "choice"
    values = ["off", "choose", "on"]
    default = "choose"
    meaning = "simplify the model <before> the search"
    """,
    "test",
)
TRAJECTORY = [Incumbent(HIGHS, 5.0, 1.0, 1.0, 10), Incumbent(TUNED, 60.0, 0.5, 1.0, 20)]
HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """What a browser would see: the tags, their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def runs(factor: float = 0.5) -> list[StoredRun]:
    tuned = [factor * cost * (1.05 if place % 2 else 0.95) for place, cost in enumerate(TIMES)]
    return [*raced(HIGHS, *TIMES), *held_out(HIGHS, *TIMES), *held_out(TUNED, *tuned)]


def report(task: Job, responses: list[StoredRun], incumbent: Configuration = TUNED) -> str:
    return write_report(task, decide(task, responses, incumbent), responses, TRAJECTORY, SPACES)


def drawings(html: str) -> list[ElementTree.Element]:
    """Return the figures; each must be well-formed XML."""
    pieces = html.split("<figure>")[1:]
    return [ElementTree.fromstring(piece[: piece.index("</svg>") + len("</svg>")]) for piece in pieces]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = Page(report(job(), runs()))
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onclick"} & {name for name, _ in page.attributes}
    assert "url(" not in report(job(), runs())


def test_names_from_outside_are_text_and_never_tags() -> None:
    member = Member(HOLDOUT[0], HOSTILE, HOSTILE, "holdout", 1, 1, 1, 1)
    others = [other for other in job().members if other.sha256 != HOLDOUT[0]]
    task = job(name=HOSTILE, folder=HOSTILE, members=(member, *others))
    odd = Configuration.of("highs", {HOSTILE: HOSTILE})
    refuted = stored(odd, HOLDOUT[0], REFUTED)
    html = report(task, [*runs(), *held_out(odd, *(0.1 for _ in TIMES))[1:], refuted], odd)
    assert "script" not in Page(html).tags
    assert html.count("&lt;script&gt;") >= 6


def test_the_page_holds_the_verdict_the_changes_and_the_comparison() -> None:
    task, responses = job(), runs()
    verdict = decide(task, responses, TUNED)
    text = " ".join(Page(report(task, responses)).text)
    assert paragraph(verdict) in text
    assert "What changes in highs" in text
    assert "choose" in text
    assert "simplify the model <before> the search" in text
    found = verdict.comparison(TUNED, HIGHS)
    assert found is not None
    assert f"{number(found.low)} to {number(found.high)}" in text


def test_changes_that_are_not_recommended_say_so() -> None:
    html = report(job(), runs(1.0))
    assert "Keep the default" in html
    assert "Not recommended: what the best that was found changes in highs" in html


def test_every_holdout_instance_is_a_point_on_the_right_side_of_the_diagonal() -> None:
    figure = drawings(report(job(), runs()))[0]
    points = list(figure.iter("circle"))
    line = next(element for element in figure.iter("line") if element.get("class") == "diagonal")
    x1, y1, x2, y2 = (float(line.get(key, "nan")) for key in ("x1", "y1", "x2", "y2"))
    assert len(points) == len(TIMES)
    for point in points:
        x, y = float(point.get("cx", "nan")), float(point.get("cy", "nan"))
        # Pixels grow downwards: below the diagonal is the larger y.
        assert y > y1 + (x - x1) * (y2 - y1) / (x2 - x1)


def test_the_profile_ends_at_the_share_that_was_solved() -> None:
    half = [1.0] * 4 + [20.0] * 4
    responses = [*held_out(HIGHS, *half), *held_out(TUNED, *[0.5] * 8)]
    figure = drawings(report(job(), responses))[1]
    frame = next(figure.iter("rect"))
    top, height = float(frame.get("y", "nan")), float(frame.get("height", "nan"))
    lines = {
        element.get("class"): [float(step.split("H")[0]) for step in element.get("d", "").split("V")[1:]]
        for element in figure.iter("path")
    }
    assert lines["line s0"][-1] == pytest.approx(top, abs=0.1)
    assert lines["line s1"][-1] == pytest.approx(top + height / 2, abs=0.1)
    assert all(line == sorted(line, reverse=True) for line in lines.values())


def test_a_job_without_a_holdout_response_still_has_a_report() -> None:
    html = write_report(job(), decide(job(), [], HIGHS), [], [], {})
    assert "Keep the default" in html
    assert "<figure>" not in html


def test_responses_outside_c_are_listed_with_the_command_that_executes_them() -> None:
    refuted = stored(TUNED, TRAINING[3], REFUTED, 12, Purpose.RACE)
    text = " ".join(Page(report(job(), [*runs(), refuted])).text)
    assert "refuted: row c<1> is violated" in text
    assert reproducing_line(refuted.run, "models/rosters/03.mps", job()) in text


def test_the_command_survives_a_shell() -> None:
    odd = Configuration.of("scip", {"limits/x y": "it's $HOME", "a": True, "b": 0.1, "c": 3})
    line = reproducing_line(Run(odd, "0" * 64, 2**31 - 1, 7.5, 2.0), "my models/a; rm.mps", job())
    assert shlex.split(line) == [
        *("tuner", "execute", "my models/a; rm.mps", "--solver", "scip"),
        *("--set", "a=true", "--set", "b=0.1", "--set", "c=3", "--set", "limits/x y=it's $HOME"),
        *("--seed", str(2**31 - 1), "--cutoff", "7.5s"),
        *("--gap", f"{job().gap:g}", "--memory", f"{job().memory_mib}MiB"),
    ]


def test_axes_have_a_few_round_ticks_inside() -> None:
    for low, high in ((0.1, 100.0), (0.5, 0.9), (1e-4, 1.0), (3.0, 3.3)):
        axis = log_axis("", [low, high], 1e-6)
        assert 2 <= len(axis.ticks) <= 8
        assert all(axis.low * 0.999 <= tick <= axis.high * 1.001 for tick in axis.ticks)
    assert Axis("", 0.0, 1.0).ticks == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Axis("", 0.0, CUTOFF).share(2 * CUTOFF) == 1.0
    assert Axis("", 0.01, 1.0, log=True).share(0.1) == pytest.approx(0.5)


def test_the_terminal_and_the_report_have_the_same_table_and_no_absurd_interval(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = decide(job(), [*held_out(HIGHS, 9.0, 0.002), *held_out(TUNED, 0.001, 5.0)], TUNED)
    found = verdict.rows[0].against_baseline
    assert found is not None
    assert found.low < 1e-3 < 1e6 < found.high
    print_verdict(verdict)
    head, *rows = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert re.split(r"  +", head) == ["configuration", "ratio", "95 % interval", "mean", "PAR10", "solved"]
    told = [re.split(r"  +", row)[1:] for row in rows]
    assert told[0] == ["1.40", "under 0.001 to over 1,000,000", "0.618 s", "2.50 s", "2 of 2"]
    assert told[1] == ["-", "-", "0.863 s", "4.50 s", "2 of 2"]
    page = Page(write_report(job(), verdict, [], [], SPACES))
    assert [cell for cell in told[0] if cell not in page.text] == []
