"""What docs/bilevel.md says, executed: its programs run, and its files are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuner.bilevel.applications import KINDS, read_application
from tuner.bilevel.applications.configuration import Tuning

TEXT = (Path(__file__).parent.parent / "docs" / "bilevel.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_its_programs_run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    program = "\n".join(blocks("python"))
    assert program.count("assert") >= 8
    exec(compile(program, "docs/bilevel.md", "exec"), {"__name__": "docs"})
    said = re.findall(r"^print\(.*\)  # (.*)$", program, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize("kind", KINDS)
def test_its_files_are_read(kind: str, tmp_path: Path) -> None:
    (text,) = [block for block in blocks("toml") if block.startswith(f'kind = "{kind}"')]
    path = tmp_path / "problem.toml"
    path.write_text(text)
    read = read_application(path)
    assert isinstance(read, Tuning) or read.problem().variables
