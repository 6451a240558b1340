"""MPS files as people have them, read and solved: the optimum tells whether the right model was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from instances.reading import read_model
from tests.solver_process import SolverProcess


@pytest.fixture(scope="module")
def highs() -> Iterator[SolverProcess]:
    solver = SolverProcess("highs")
    yield solver
    solver.close()


MARKED = """\ufeffNAME          PLAN
OBJSENSE
    MAX
ROWS
 N  PROFIT
 L  HOURS
 L  STEEL
COLUMNS
    M1        'MARKER'                 'INTORG'
    CHAIR     PROFIT             4.0   HOURS              1.0
    CHAIR     STEEL              2.0
    TABLE     PROFIT             3.0   HOURS              1.0
    M2        'MARKER'                 'INTEND'
RHS
    RHS       HOURS              7.0   STEEL              6.0
BOUNDS
 PL BND       CHAIR
 UP BND       TABLE              3.0
ENDATA
"""
ACCENTED = """NAME          SPACES
ROWS
 N  COUT
 G  BESOIN É
COLUMNS
    ÉTÉ A     COUT               3.0   BESOIN É           1.0
    ÉTÉ B     COUT               5.0   BESOIN É           1.0
RHS
    RHS       BESOIN É           6.0
BOUNDS
 UP BND       ÉTÉ A              4.0
ENDATA
"""
COMMENTED = """NAME          BLEND
ROWS
 N  COST                $ what is paid          $$
 G  IRON                $ kg
 L  LEAD
COLUMNS
    ORE1      COST              2.00   IRON               1.00    $ ton
    ORE1      LEAD              0.50                              $ ton
    ORE2      COST              4.00   IRON               1.00
RHS
    RHS       IRON              5.00   LEAD               1.50    $ kg
BOUNDS
 UP BND       ORE2              9.00                              $ tons
ENDATA
"""
DOLLARS = """NAME          D
ROWS
 N  cost
 G  need
COLUMNS
    a         cost               1.0   $ each
    a         need               1.0   $ pieces
    b         cost               4.0   need               1.0
RHS
    rhs       need               6.0
BOUNDS
 UP bnd       a                  2.0
ENDATA
"""
MAXIMUM = "NAME P\nOBJSENSE\n    MAXIMUM\nROWS\n N o\n L r\nCOLUMNS\n x o 3 r 2\nRHS\n RHS r 9\nENDATA\n"
SETS = """NAME CHOICE
OBJSENSE
 MAX
ROWS
 N o
 L r
COLUMNS
 x o 2 r 1
 y o 3 r 1
 z o 2 r 1
RHS
 RHS r 8
BOUNDS
 UP B x 4
 UP B y 3
 UP B z 4
SOS
 {type} choice
 x 1
 y 2
 z 3
ENDATA
"""
SWITCH = """NAME SWITCH
ROWS
 N o
 G r
COLUMNS
 M 'MARKER' 'INTORG'
 b o 3
 M 'MARKER' 'INTEND'
 x o 1 r 1
RHS
 RHS r 5
BOUNDS
 BV B b
 UP B x 9
INDICATORS
 IF r b {value}
ENDATA
"""


@pytest.mark.parametrize(
    ("data", "optimum"),
    [
        (MARKED.encode(), 21.0),
        (ACCENTED.encode("latin-1"), 22.0),
        (COMMENTED.encode(), 14.0),
        (DOLLARS.encode(), 18.0),
        (MAXIMUM.encode(), 13.5),
        (SETS.format(type="S1").encode(), 9.0),
        (SETS.format(type="S2").encode(), 17.0),
        (SWITCH.format(value=0).encode(), 3.0),
        (SWITCH.format(value=1).encode(), 0.0),
    ],
    ids=["byte order mark", "Latin-1", "GLPK comments", "comments", "MAXIMUM", "SOS1", "SOS2", "if not", "if"],
)
def test_a_file_has_the_optimum_that_its_text_says(
    tmp_path: Path, highs: SolverProcess, data: bytes, optimum: float
) -> None:
    path = tmp_path / "model.mps"
    path.write_bytes(data)
    answer = highs("solve", read_model(path), {}, 0, 10.0, 0.0)
    assert answer.objective == pytest.approx(optimum)
