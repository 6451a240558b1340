"""What is told of a job does not say where things lie on the machine that carries it out."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest

from tuner.app.discretion import without_places

OWN = Path("/srv/tuner work/jobs/7-abc/spring")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{OWN}/day/a.mps: line 3: no such row", "day/a.mps: line 3: no such row"),
        (f"{OWN}: none of its 3 models can be read", "spring: none of its 3 models can be read"),
        ("No such file: '/home/me/.cache/tuner/models-1/ab.npz'", "No such file: 'ab.npz'"),
        (f'File "{json.__file__}", line 3', 'File "__init__.py", line 3'),
        (f"{tempfile.gettempdir()}/x/y.log (full)", "y.log (full)"),
        (f"{sys.prefix}/bin/python", "python"),
        ("row a/b of c/home/d is empty", "row a/b of c/home/d is empty"),
        ("3 km/h, 1/2, and/or", "3 km/h, 1/2, and/or"),
        ("see https://example.com/home/x", "see https://example.com/home/x"),
    ],
)
def test_files_are_called_by_their_names_only(text: str, told: str) -> None:
    assert without_places(text, OWN) == told
