"""Our reading of files against the readers of HiGHS and SCIP: equal, or refused by us, or a documented difference."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest

from instances.errors import UnreadableModel
from instances.model import Model
from instances.reading import read_model
from tests.reading_cases import Generator
from tests.reading_cases_lp import lp_cases
from tests.reading_cases_mps import mps_cases
from tests.reading_differences import KNOWN_MPS, Known, answer_of, compared, differences
from tests.reading_differences_lp import KNOWN_LP
from tests.reading_peers import installed

FORMATS: dict[str, tuple[Generator, tuple[Known, ...]]] = {
    "MPS": (mps_cases, KNOWN_MPS),
    "LP": (lp_cases, KNOWN_LP),
}
"""By the heading in docs/reading.md: where files come from, and how peers are known to read them otherwise."""

CASES, BATCHES = 180, 4
"""Files per batch and batches of a format."""

DOCS = Path(__file__).parents[1] / "docs" / "reading.md"


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_read_as_peers_read_it_or_refused_or_the_difference_is_documented(
    tmp_path: Path, format: str, batch: int
) -> None:
    generate, known = FORMATS[format]
    comparisons = compared(list(islice(generate(batch), CASES)), tmp_path, installed(), known)
    failures = [f"{each.case.name}: {each.unexplained}\n{each.case.data!r}" for each in comparisons if each.unexplained]
    assert not failures, "\n\n".join(failures)
    # The files must be worth comparing: many are read, many are refused.
    assert CASES / 5 < sum(not each.refusal for each in comparisons) < CASES


@pytest.mark.parametrize("format", FORMATS)
def test_the_documented_differences_are_the_known_ones(format: str) -> None:
    text = DOCS.read_text()
    section = text[text.index(f"\n## {format}\n") :].partition("\n## ")[2]
    section = section.partition("\n## ")[0]
    documented = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    assert sorted(documented) == sorted({known.id for known in FORMATS[format][1]})


def test_spaces_in_the_names_of_a_fixed_file_change_nothing_else(tmp_path: Path) -> None:
    # Peers misread such files in many ways: they are compared with the same ones without spaces.
    spaced = re.compile(rb"(st|w|x) (?=\d)")
    cases = [case for case in islice(mps_cases(7), 900) if "," not in case.name and b"$" not in case.data]
    written = [case for case in cases if spaced.search(case.data)]
    read = 0
    for case in written:
        outcomes = [outcome(tmp_path, data) for data in (case.data, spaced.sub(rb"\1_", case.data))]
        assert isinstance(outcomes[0], Model) is isinstance(outcomes[1], Model), (outcomes, case)
        if isinstance(outcomes[0], Model) and isinstance(outcomes[1], Model):
            assert list(differences(outcomes[0], answer_of(outcomes[1]))) == [], case
            read += 1
    assert read > 20


def outcome(folder: Path, data: bytes) -> Model | UnreadableModel:
    path = folder / "model.mps"
    path.write_bytes(data)
    try:
        return read_model(path)
    except UnreadableModel as error:
        return error
