"""What the readers of solvers make of model files, each in a process that is killed when it hangs or crashes.

Run as a program with the name of a peer, it reads paths from standard input and answers each with a line of JSON.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

PEERS = {"highs": "highspy", "scip": "pyscipopt"}
"""The peers and the package that each needs."""

PATIENCE = 10.0
"""Seconds after which reading one small file is taken to hang."""


def installed() -> list[str]:
    """Return the peers that can be asked here."""
    return [peer for peer, package in PEERS.items() if importlib.util.find_spec(package) is not None]


def read_by(peer: str, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what a peer reads, in the order of the files.

    Each is ``{"refused": why}``, where a hang and a crash are refusals too, or a model: ``maximise``, ``offset``,
    ``columns`` by name (objective, lower, upper, kind; None where the peer does not tell), ``rows`` by name (lower,
    upper, entries by column), ``sets`` (type and columns in their order), ``indicators`` (row, column, value). Where
    names are no UTF-8 they are ``#0``, ``#1`` and so on.
    """
    answers: list[dict[str, Any]] = []
    while len(answers) < len(paths):
        answers += _asked(peer, paths[len(answers) :])
        if len(answers) < len(paths):
            answers.append({"refused": "hangs or crashes"})
    return answers


def _asked(peer: str, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield answers until one does not come."""
    command = [sys.executable, "-m", "tests.reading_peers", peer]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            with DefaultSelector() as selector:
                selector.register(child.stdout, EVENT_READ)
                for path in paths:
                    child.stdin.write(f"{path}\n".encode())
                    child.stdin.flush()
                    line = child.stdout.readline() if selector.select(PATIENCE) else b""
                    if not line.endswith(b"\n"):
                        return
                    yield json.loads(line)
        except BrokenPipeError:
            return
        finally:
            child.kill()


def _highs(path: str) -> dict[str, Any]:
    import highspy

    solver = highspy.Highs()
    solver.silent()
    if solver.readModel(path) == highspy.HighsStatus.kError:
        return {"refused": "error"}
    model = solver.getLp()
    columns, rows = _names(model, "col_names_", model.num_col_), _names(model, "row_names_", model.num_row_)
    kinds = [int(kind) for kind in model.integrality_] or [0] * len(columns)
    entries: list[dict[str, float]] = [{} for _ in rows]
    matrix = model.a_matrix_
    start, index, value = list(matrix.start_), list(matrix.index_), list(matrix.value_)
    by_column = matrix.format_ == highspy.MatrixFormat.kColwise
    for major in range(len(start) - 1):
        for place in range(start[major], start[major + 1]):
            row, column = (index[place], major) if by_column else (major, index[place])
            entries[row][columns[column]] = value[place]
    return {
        "maximise": model.sense_ == highspy.ObjSense.kMaximize,
        "offset": model.offset_,
        "columns": {
            name: [model.col_cost_[j], model.col_lower_[j], model.col_upper_[j], kinds[j]]
            for j, name in enumerate(columns)
        },
        "rows": {name: [model.row_lower_[i], model.row_upper_[i], entries[i]] for i, name in enumerate(rows)},
        "sets": [],
        "indicators": [],
    }


def _names(model: Any, field: str, count: int) -> list[str]:
    try:
        names = list(getattr(model, field))
    except UnicodeDecodeError:
        names = []
    # A row of an LP file without a label has a name of HiGHS' own.
    names = [f"R{place}" if name == f"HiGHS_R{place - 1}" else name for place, name in enumerate(names, 1)]
    return names if len(set(names)) == count else [f"#{place}" for place in range(count)]


def _scip(path: str) -> dict[str, Any]:
    from pyscipopt import Model

    model = Model()
    model.hideOutput()
    model.readProblem(path)
    kinds = {"CONTINUOUS": 0, "INTEGER": 1, "BINARY": 1, "IMPLINT": 1}
    columns = {
        variable.name: [
            variable.getObj(),
            variable.getLbOriginal(),
            variable.getUbOriginal(),
            kinds[variable.vtype()],
        ]
        for variable in model.getVars()
    }
    rows: dict[str, Any] = {}
    sets, indicators = [], []
    for constraint in model.getConss():
        handler, name = constraint.getConshdlrName(), constraint.name
        if handler == "linear":
            entries: dict[str, float] = {}
            for variable, value in zip(model.getConsVars(constraint), model.getConsVals(constraint), strict=True):
                entries[variable.name] = entries.get(variable.name, 0.0) + value
            rows[name or f"R{len(rows) + 1}"] = [model.getLhs(constraint), model.getRhs(constraint), entries]
        elif handler in ("SOS1", "SOS2"):
            sets.append([int(handler[3:]), [variable.name for variable in model.getConsVars(constraint)]])
        elif handler == "indicator":
            binary = model.getConsVars(constraint)[0].name
            row = name.partition("_")[2]
            indicators.append([row, binary.removesuffix("_neg"), 0 if binary.endswith("_neg") else 1])
        elif handler == "bounddisjunction" and name.startswith("semicont_"):
            # Zero or above the lower bound, which cannot be asked.
            column = columns[name.removeprefix("semicont_")]
            column[1], column[3] = None, column[3] | 2
        else:
            raise ValueError(f"a constraint of the kind {handler}")
    # An indicator's row has a slack variable, and is split in two when it has two sides.
    for row in {row for row, _, _ in indicators}:
        rows.pop(f"indlin_indlhs_{row}", None)
        rows[row] = [None, None, None]
    return {
        "maximise": model.getObjectiveSense() == "maximize",
        "offset": model.getObjoffset(),
        "columns": {name: column for name, column in columns.items() if not name.startswith("indslack_")},
        "rows": rows,
        "sets": sets,
        "indicators": indicators,
    }


def _serve(peer: str) -> None:
    read = {"highs": _highs, "scip": _scip}[peer]
    # Solvers print as well: what they print goes nowhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        try:
            answer = read(line.rstrip("\n"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the file was not read
            answer = {"refused": f"{type(error).__name__}: {error}"}
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
