"""LP files as people send them, and the optimum that each has; what reading one left open is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instances.folder import scan
from tuner.app.intake import submission_of
from tuner.bilevel import read_pair
from tuner.bilevel.files import texts_of
from tuner.cli import main
from tuner.errors import UsageError
from tuner.follower.reading import read_instances
from tuner.scenario import Scenario

NO_END = "has no 'End': read to its last line; is it complete?"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))


def executed(text: str, capsys: pytest.CaptureFixture[str], encoding: str = "utf-8") -> tuple[dict[str, object], str]:
    """Execute the model with HiGHS; return the data and what was said."""
    Path("model.lp").write_bytes(text.encode(encoding))
    assert main(["execute", "model.lp", "--solver", "highs", "--cutoff", "10s", "--json"]) == 0
    output = capsys.readouterr()
    return json.loads(output.out), output.err


GUROBI = "\\ Model routes\n\\ LP format - for model browsing. Use MPS format to capture full model detail.\n"


@pytest.mark.parametrize(
    ("text", "optimum"),
    [
        pytest.param(
            "\\* Plan *\\\nMinimize\nOBJ: 2 Köln + 3 Bonn\n + 4 Ulm\nSubject To\n_C1: Bonn + Köln + Ulm\n"
            " + Trier >= 3\n_C2: Ulm + Trier <= 1\nEnd\n",
            4.0,
            id="terms behind an accent, wrapped",
        ),
        pytest.param(
            "Maximize\n obj: 2 b\nSubject To\n c1: 2 b + z <= 7\n c2: z - v + é >= 0\nBounds\n v <= 1\n"
            "Generals\n é b\nEnd\n",
            6.0,
            id="an accent in a list of integers",
        ),
        pytest.param(
            GUROBI + "Minimize\n  0.2 f[a-b] + 0.3 f[c-d] + 5 open\nSubject To\n need: f[a-b] + f[c-d] >= 4\n"
            " cap: f[a-b] - 10 open <= 0\n lim: f[c-d] <= 100\nBounds\nBinaries\n open\nEnd\n",
            1.2,
            id="hyphens in brackets",
        ),
        pytest.param(
            GUROBI + "Minimize\n  2 x[2024-01-01] + 3 x[a+b]\nSubject To\n need: x[2024-01-01] + x[a+b] >= 4\nBounds\n"
            " x[2024-01-01] <= 3\nGenerals\n x[2024-01-01] x[a+b]\nEnd\n",
            9.0,
            id="dates and signs in brackets, with bounds",
        ),
        pytest.param(
            "Minimize\n obj: 2 a/b + 3 x,1\nSubject To\n c#1: a/b + x,1 >= 2\nBounds\n a/b <= 1\nEnd\n",
            5.0,
            id="slash, comma and number sign",
        ),
        pytest.param("Maximize\n obj: x + y\nSubject To\n c: 2 x + 2 y <= 7\nGenerals x y\nEnd\n", 3.0, id="entries"),
        pytest.param("Subject To\n c1: x0 + x1 = 1\nBinary\n x0 x1\nEnd\n", 0.0, id="no objective"),
        pytest.param("Minimize\n obj: Inf + x\nSubject To\n c: Inf + x >= 2\nEnd\n", 2.0, id="a variable called Inf"),
        pytest.param(
            "Maximize\n 3 x + 2 y + z\nSubject To\n c: x + y + z >= 1\nBounds\n x <= 4\n y <= 4\n z <= 4\nSOS\n"
            " s: S1:: x:1 y:2 z:3\nEnd\n",
            12.0,
            id="SOS1",
        ),
        pytest.param(
            "Maximize\n 3 x + y + 2 z\nSubject To\n c: x + y + z >= 1\nBounds\n x <= 4\n y <= 4\n z <= 4\nSOS\n"
            " S2:: x:1 y:2 z:3\nEnd\n",
            16.0,
            id="SOS2 without a name",
        ),
        pytest.param(
            "Maximize\n x + y\nSubject To\n a: b = 1 -> x + y <= 3\n b = 0 -> x <= 1\nBounds\n x <= 5\n y <= 5\n"
            "Binaries\n b\nEnd\n",
            6.0,
            id="indicators",
        ),
        pytest.param("Maximize\n obj: x\nSubject To\n c: 2 x <= 9\nIntegers\n x\nEnd\n", 4.0, id="Integers"),
    ],
)
def test_a_file_has_its_optimum(text: str, optimum: float, capsys: pytest.CaptureFixture[str]) -> None:
    for encoding in ("utf-8", "cp1252"):
        data, said = executed(text, capsys, encoding)
        assert (data["objective"], data["claim"], data["check"]) == (pytest.approx(optimum), "optimal", "confirmed")
        assert said == ""


def test_execute_says_what_reading_left_open(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # the second time its arrays come from the cache
        data, said = executed("Minimize\n x\nSubject To\n c: x >= 2\n", capsys)
        assert data["objective"] == 2.0
        assert said == f"warning: model.lp: {NO_END}\n"


def test_a_job_is_told_what_reading_its_models_left_open(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for count in range(4):
        end = "End\n" if count else ""
        (folder / f"{count}.lp").write_text(f"Minimize\n x + {count} y\nSubject To\n c: x + y >= 2\n{end}")
    told: list[str] = []

    class Listener:
        say = staticmethod(told.append)

        def show(self, progress: object) -> None: ...

    scenario = Scenario(str(folder), solver="highs", budget=20.0, cutoff=1.0, slots=1)
    assert len(submission_of(scenario, Listener()).members) == 4
    assert told == [f"warning: {folder / '0.lp'}: {NO_END}"]


def test_instances_carry_their_warnings(tmp_path: Path) -> None:
    (tmp_path / "cut.lp").write_text("Minimize\n x\nSubject To\n c: x >= 2\n")
    (tmp_path / "cache").mkdir()
    for _ in range(2):
        reading = read_instances(scan(tmp_path).files, tmp_path / "cache", seconds=20.0, memory_mib=1000.0, slots=1)
        assert reading.instances[0].warnings == (NO_END,)


def test_a_bilevel_pair_warns_of_what_reading_its_model_left_open() -> None:
    Path("pair.lp").write_text("Minimize\n x + y\nSubject To\n c: x + y >= 2\nGenerals\n x y\n")
    Path("pair.aux").write_text(
        "@NUMVARS\n1\n@NUMCONSTRS\n1\n@VARSBEGIN\ny 1.\n@VARSEND\n@CONSTRSBEGIN\nc\n@CONSTRSEND\n"
    )
    with pytest.warns(UserWarning, match=r"^pair\.lp: has no 'End'"):
        read_pair(Path("pair.aux"))


def test_a_bilevel_pair_with_half_a_character_is_refused() -> None:
    text = "Minimize\n x + \u30bd + y\nSubject To\n c: x + y >= 2\nEnd\n"
    Path("pair.aux").write_text(
        "@NUMVARS\n1\n@NUMCONSTRS\n1\n@VARSBEGIN\ny 1.\n@VARSEND\n@CONSTRSBEGIN\nc\n@CONSTRSEND\n"
    )
    Path("pair.lp").write_bytes(text.encode("shift_jis"))
    with pytest.raises(UsageError, match=r"^pair\.lp: line 2: a backslash stands directly behind "):
        read_pair(Path("pair.aux"))
    with pytest.raises(UsageError, match=r"^pair\.lp: line 2: a backslash stands directly behind "):
        texts_of(Path("pair.aux"))
    Path("pair.lp").write_text(text)
    read_pair(Path("pair.aux"))
