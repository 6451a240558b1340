"""Why CP-SAT calls a model invalid, in the names of that model.

OR-Tools presolves a model with continuous variables, scales what is left to whole numbers, and checks the result. Its
log shows what is wrong in scaled numbers and without names. So a rejected model is given to it once more, with the
place of every row and column as its name; it is rejected again before any search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from ortools.math_opt import model_pb2
from ortools.sat.sat_parameters_pb2 import SatParameters

from instances.model import Floats, Model, VariableKind

_PRECISION = 1e-6
"""By how much OR-Tools moves the bounds of a variable outwards before it rounds them inwards."""
_LONGEST = 500
"""Characters of a message that nothing here explains: it may show a whole row."""

_ROW = re.compile(r'Invalid domain in constraint : name: "(\d+)"')
_FAR = re.compile(r'Error: variable .*?name: "(\d+)".* is outside \[-mip_max_bound', re.DOTALL)
_TOO_LARGE = re.compile(r"^((?:Variable|Objective|Constraint) (?:bounds are|coefficient is)) too large", re.MULTILINE)


def with_names(proto: model_pb2.ModelProto, chosen: SatParameters) -> SatParameters:
    """Give every row and column its place as a name, and return the parameters that keep names in messages."""
    proto.variables.names.extend(map(str, proto.variables.ids))
    proto.linear_constraints.names.extend(map(str, proto.linear_constraints.ids))
    keeping = SatParameters()
    keeping.CopyFrom(chosen)
    keeping.ignore_names = False
    return keeping


def rejection(model: Model, chosen: SatParameters, error: str, lines: Sequence[str]) -> str:
    """Return why OR-Tools rejected a model.

    Args:
        model: the one that was given to it.
        chosen: its parameters.
        error: its own message.
        lines: of the log of a solve that `with_names` prepared.

    """
    log = "\n".join(lines)
    if found := _ROW.search(log):
        return f"MODEL_INVALID: {_row_without_whole_number(model, int(found[1]))}"
    if found := _FAR.search(log):
        j = int(found[1])
        return (
            f"MODEL_INVALID: column {model.column_names[j]}: its bounds, {_sides(model.lower[j], model.upper[j])}, "
            f"lie beyond the largest value that CP-SAT gives a variable, {chosen.mip_max_bound:g} (its parameter "
            "mip_max_bound)"
        )
    if found := _TOO_LARGE.search(log):
        most = f"{chosen.mip_max_valid_magnitude:g} (its parameter mip_max_valid_magnitude)"
        return f"MODEL_INVALID: {_LARGEST[found[1]](model)}: CP-SAT takes no numbers above {most}"
    if "Failed to convert model" in error and (where := _column_without_whole_number(model)):
        return f"MODEL_INVALID: {where}"
    details = error.partition("details: ")[2].strip().removesuffix("[INTERNAL]").strip()
    why = " ".join(line for line in lines if line.startswith("Invalid model:"))
    return f"MODEL_INVALID: {details or why or error}"[:_LONGEST]


def _row_without_whole_number(model: Model, i: int) -> str:
    sizes = np.abs(model.value[model.row_start[i] : model.row_start[i + 1]])
    sizes = sizes[sizes > 0]
    digits = "g" if sizes.size and f"{sizes.min():g}" != f"{sizes.max():g}" else ".15g"
    span = f" (coefficients from {sizes.min():{digits}} to {sizes.max():{digits}})" if sizes.size else ""
    if np.all(model.kind == VariableKind.INTEGER):
        how = "OR-Tools rounds the coefficients of this row to whole numbers for CP-SAT"
    else:
        how = "CP-SAT gives continuous variables whole numbers, and OR-Tools scales this row to whole numbers for it"
    return (
        f"row {model.row_names[i]}: {how}. Then its left side can take no value within its bounds, "
        f"{_sides(model.row_lower[i], model.row_upper[i])}{span}. The model itself may have solutions: use highs or "
        "scip"
    )


def _column_without_whole_number(model: Model) -> str:
    empty = np.ceil(model.lower - _PRECISION) > np.floor(model.upper + _PRECISION)
    if not empty.any():
        return ""
    j = int(np.argmax(empty))
    return (
        f"column {model.column_names[j]}: CP-SAT gives it whole numbers only, and none lies within its bounds, "
        f"{_sides(model.lower[j], model.upper[j])}. Use highs or scip"
    )


def largest_bound(model: Model) -> str:
    """Name the column with the largest finite bound, and say its bounds."""
    j = int(np.argmax(_largest_finite(model.lower, model.upper)))
    return f"column {model.column_names[j]} has the bounds {_sides(model.lower[j], model.upper[j])}"


def largest_cost(model: Model) -> str:
    """Name the column with the largest objective coefficient, and say that."""
    j = int(np.argmax(np.abs(model.objective)))
    return f"column {model.column_names[j]} has {model.objective[j]:g} in the objective"


def largest_side(model: Model) -> str:
    """Name the row with the largest finite side, and say its sides."""
    i = int(np.argmax(_largest_finite(model.row_lower, model.row_upper)))
    return f"row {model.row_names[i]} has the sides {_sides(model.row_lower[i], model.row_upper[i])}"


def largest_coefficient(model: Model) -> str:
    """Name the row with the largest coefficient, and say that."""
    k = int(np.argmax(np.abs(model.value)))
    i = int(np.searchsorted(model.row_start, k, side="right")) - 1
    return f"row {model.row_names[i]} has {model.value[k]:g} of {model.column_names[model.column_index[k]]}"


def _largest_finite(lower: Floats, upper: Floats) -> Floats:
    return np.maximum(*(np.where(np.isfinite(bound), np.abs(bound), 0.0) for bound in (lower, upper)))


def _sides(lower: float, upper: float) -> str:
    return f"[{lower:.12g}, {upper:.12g}]"


_LARGEST: dict[str, Callable[[Model], str]] = {
    "Variable bounds are": largest_bound,
    "Objective coefficient is": largest_cost,
    "Constraint bounds are": largest_side,
    "Constraint coefficient is": largest_coefficient,
}
"""By what OR-Tools says is too large: where that is."""
