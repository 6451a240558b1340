"""The generated families; what we read is held against the readers of HiGHS and OR-Tools, each in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import instances
from instances.families import FAMILIES, Family, generate
from instances.folder import scan
from instances.formats import sha256_of
from instances.model import Model, VariableKind
from instances.reading import read_model
from instances.writing import write_mps

SMALL = 0.3
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))

SOLVE = """
import json, sys, highspy
answers = {}
for path in sys.argv[1:]:
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("threads", 1)
    read = solver.readModel(path)
    lp = solver.getLp()
    matrix = lp.a_matrix_
    model = {
        "objective": list(lp.col_cost_), "lower": list(lp.col_lower_), "upper": list(lp.col_upper_),
        "row_lower": list(lp.row_lower_), "row_upper": list(lp.row_upper_), "start": list(matrix.start_),
        "index": list(matrix.index_), "value": list(matrix.value_), "kind": [int(kind) for kind in lp.integrality_],
        "columns": list(lp.col_names_), "rows": list(lp.row_names_),
        "maximise": lp.sense_ == highspy.ObjSense.kMaximize,
    }
    solver.run()
    status = solver.modelStatusToString(solver.getModelStatus())
    answers[path] = [str(read), status, solver.getInfo().objective_function_value, model]
json.dump(answers, sys.stderr)
"""

PARSE = """
import json, sys
from ortools.math_opt.io.python import mps_converter
answers = {}
for path in sys.argv[1:]:
    with open(path) as file:
        model = mps_converter.mps_to_model_proto(file.read())
    columns, rows = model.variables, model.linear_constraints
    answers[path] = {
        "lower": list(columns.lower_bounds), "upper": list(columns.upper_bounds), "integer": list(columns.integers),
        "row_lower": list(rows.lower_bounds), "row_upper": list(rows.upper_bounds), "columns": list(columns.names),
        "cost": dict(zip(model.objective.linear_coefficients.ids, model.objective.linear_coefficients.values)),
        "entries": len(model.linear_constraint_matrix.coefficients), "maximise": model.objective.maximize,
        "sum": sum(model.linear_constraint_matrix.coefficients),
    }
json.dump(answers, sys.stderr)
"""


def ask(script: str, paths: list[Path]) -> dict[str, object]:
    """Run a script on files, in a process of its own, and return the JSON that it writes to standard error.

    (Solvers greet on standard output.)
    """
    command = [sys.executable, "-c", script, *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    answer: dict[str, object] = json.loads(done.stderr)
    return answer


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return six small models of each family, as files."""
    folder = tmp_path_factory.mktemp("families")
    return {name: generate(family, 6, folder / name, seed=1, size=SMALL) for name, family in FAMILIES.items()}


@pytest.fixture(scope="module")
def solved(written: dict[str, list[Path]]) -> dict[str, object]:
    """Return what HiGHS reads in each file and how it solves it."""
    return ask(SOLVE, [path for paths in written.values() for path in paths])


@every_family
def test_every_model_is_feasible_and_bounded(
    family: Family, written: dict[str, list[Path]], solved: dict[str, tuple[str, str, float, object]]
) -> None:
    for path in written[family.name]:
        assert solved[str(path)][1] == "Optimal"
        assert np.isfinite(solved[str(path)][2])


@every_family
def test_highs_reads_the_same_model_as_we(
    family: Family, written: dict[str, list[Path]], solved: dict[str, tuple[str, str, float, dict[str, object]]]
) -> None:
    for path in written[family.name]:
        ours, (read, _, _, theirs) = read_model(path), solved[str(path)]
        assert read == "HighsStatus.kOk"
        rows = np.repeat(np.arange(ours.rows), np.diff(ours.row_start))
        order = np.lexsort((rows, ours.column_index))
        start = np.concatenate(([0], np.cumsum(np.bincount(ours.column_index, minlength=ours.columns))))
        assert theirs == {
            "objective": ours.objective.tolist(),
            "lower": ours.lower.tolist(),
            "upper": ours.upper.tolist(),
            "row_lower": ours.row_lower.tolist(),
            "row_upper": ours.row_upper.tolist(),
            "start": start.tolist(),
            "index": rows[order].tolist(),
            "value": ours.value[order].tolist(),
            "kind": ours.kind.tolist(),
            "columns": list(ours.column_names),
            "rows": list(ours.row_names),
            "maximise": ours.maximise,
        }


def test_ortools_reads_the_same_models_as_we(written: dict[str, list[Path]], tmp_path: Path) -> None:
    models = {str(tmp_path / paths[0].stem): read_model(paths[0]) for paths in written.values()}
    for place, model in models.items():
        # OR-Tools wants plain text.
        write_mps(model, Path(place))
    for place, theirs in ask(PARSE, [Path(place) for place in models]).items():
        ours = models[place]
        assert theirs == {
            "lower": ours.lower.tolist(),
            "upper": ours.upper.tolist(),
            "integer": (ours.kind == VariableKind.INTEGER).tolist(),
            "row_lower": ours.row_lower.tolist(),
            "row_upper": ours.row_upper.tolist(),
            "columns": list(ours.column_names),
            "cost": {str(column): cost for column, cost in enumerate(ours.objective.tolist()) if cost},
            "entries": ours.nonzeros,
            "maximise": ours.maximise,
            "sum": pytest.approx(float(ours.value.sum())),
        }


def arrays(model: Model) -> list[object]:
    """Return what tells one model from another."""
    return [model.objective.tolist(), model.value.tolist(), model.column_index.tolist(), model.row_upper.tolist()]


@every_family
def test_a_seed_and_a_number_name_one_model(family: Family) -> None:
    one = arrays(family.model(3, 1, SMALL))
    assert arrays(family.model(3, 1, SMALL)) == one
    assert arrays(family.model(3, 2, SMALL)) != one
    assert arrays(family.model(4, 1, SMALL)) != one


@every_family
def test_the_size_stretches_a_model(family: Family) -> None:
    sizes = [family.model(1, 1, size).columns for size in (0.1, 0.5, 1.0)]
    assert sizes == sorted(set(sizes))


def test_generated_files_are_named_by_number_and_always_the_same(tmp_path: Path) -> None:
    family = FAMILIES["multi-knapsack"]
    files = generate(family, 3, tmp_path / "one" / "deep", seed=7)
    assert [file.name for file in files] == [f"multi-knapsack-000{number}.mps.gz" for number in (1, 2, 3)]
    again = generate(family, 2, tmp_path / "two", seed=7)
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files[:2]]
    assert len(scan(tmp_path / "one").files) == 3


def test_a_set_cover_can_be_covered_twice_by_useful_columns() -> None:
    for number in range(20):
        model = FAMILIES["set-cover"].model(1, number, 0.1)
        assert np.diff(model.row_start).min() >= 2
        assert set(model.column_index.tolist()) == set(range(model.columns))


def test_the_bids_of_an_auction_are_worth_something_and_for_existing_items() -> None:
    model = FAMILIES["combinatorial-auction"].model(1, 1)
    assert model.objective.min() > 0
    assert model.row_names.count("item_0") == 1
    sizes = np.bincount(model.column_index[: model.row_start[60]], minlength=model.columns)
    assert (sizes.min(), sizes.max() > 5) == (1, True)


def test_the_cliques_of_an_independent_set_are_the_edges_of_the_graph() -> None:
    model = FAMILIES["independent-set"].model(1, 1)
    pairs = {
        (int(one), int(other))
        for row in range(model.rows)
        for members in [model.column_index[model.row_start[row] : model.row_start[row + 1]]]
        for one in members
        for other in members
        if one < other
    }
    # Each of the nodes after the first four brings four edges.
    assert len(pairs) == 4 * (model.columns - 4)


@pytest.mark.parametrize("name", ["facility-location", "multi-knapsack", "set-cover"])
def test_a_committed_set_is_what_its_command_generates(name: str, tmp_path: Path) -> None:
    folder = Path(instances.__file__).parent / "data" / name
    found = scan(folder)
    assert (len(found.files), found.duplicates, found.damaged) == (30, (), ())
    assert sum(file.path.stat().st_size for file in found.files) < 10**6
    for path in generate(FAMILIES[name], 3, tmp_path, seed=1):
        assert sha256_of(path) == sha256_of(folder / path.name)


def test_reading_and_generating_import_no_solver() -> None:
    script = (
        "import sys, instances.families, instances.folder, instances.reading, instances.writing, instances.instance\n"
        "print(sorted({'highspy', 'ortools'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
