"""What tells one MILP from another: its shape, the kinds of its rows, and the ranges of its numbers.

The kinds of rows are those of the MIPLIB's statistics, told by the rows as they stand, without presolving.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instances.model import Flags, Model, VariableKind

FEATURES = {
    "binary columns": "integer, from 0 to 1",
    "other integer columns": "semi-integer ones included",
    "continuous columns": "semi-continuous ones included",
    "density": "nonzeros to rows times columns",
    "entries of the longest row": "",
    "objective columns": "with a coefficient in the objective",
    "equality rows": "",
    "partitioning rows": "binaries that sum up to one",
    "packing rows": "binaries that sum up to one at most",
    "covering rows": "binaries that sum up to one at least",
    "cardinality rows": "binaries whose sum is bounded, or fixed, at more than one",
    "knapsack rows": "binaries with various weights, all of one sign, bounded on one side",
    "variable bound rows": "two columns, one of them binary",
    "indicator rows": "that must hold only where a binary has a value; counted as no other kind",
    "other rows": "",
    "sos1 sets": "special ordered sets: one member at most is not zero",
    "sos2 sets": "special ordered sets: two neighbours at most are not zero",
    "least coefficient": "of the matrix, by magnitude",
    "largest coefficient": "",
    "least cost": "of the objective, by magnitude",
    "largest cost": "",
    "least side": "of the rows' sides that are finite and not zero, by magnitude",
    "largest side": "",
}
"""Every feature's name, and what it says where the name does not."""


def features(model: Model) -> dict[str, float]:
    """Return the features of a model, by the names of `FEATURES`; those of a range that is empty are left out."""
    whole = np.isin(model.kind, (VariableKind.INTEGER, VariableKind.SEMI_INTEGER))
    binary = (model.kind == VariableKind.INTEGER) & (model.lower >= 0) & (model.upper <= 1)
    sizes = np.diff(model.row_start)
    found = {
        "binary columns": np.count_nonzero(binary),
        "other integer columns": np.count_nonzero(whole & ~binary),
        "continuous columns": np.count_nonzero(~whole),
        "density": model.nonzeros / max(1, model.rows * model.columns),
        "entries of the longest row": sizes.max(initial=0),
        "objective columns": np.count_nonzero(model.objective),
        "equality rows": np.count_nonzero(model.row_lower == model.row_upper),
        "indicator rows": len(model.indicator_row),
        **_kinds(model, binary, sizes),
        "sos1 sets": np.count_nonzero(model.sos_type == 1),
        "sos2 sets": np.count_nonzero(model.sos_type == 2),
    }
    sides = np.concatenate((model.row_lower, model.row_upper))
    for what, numbers in (("coefficient", model.value), ("cost", model.objective), ("side", sides)):
        magnitudes = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
        if len(magnitudes):
            found |= {f"least {what}": magnitudes.min(), f"largest {what}": magnitudes.max()}
    return {name: float(value) for name, value in found.items()}


def _kinds(model: Model, binary: Flags, sizes: NDArray[np.int32]) -> dict[str, int]:
    """Return how many rows that always hold there are of each kind."""
    always = model.unconditional
    total = int(np.count_nonzero(always))
    filled = np.flatnonzero(sizes)
    starts = model.row_start[filled]
    if not len(filled):
        return {"other rows": total}
    least, largest = np.minimum.reduceat(model.value, starts), np.maximum.reduceat(model.value, starts)
    binaries = np.add.reduceat(binary[model.column_index].astype(np.int64), starts)
    lower, upper = model.row_lower[filled], model.row_upper[filled]
    # A row whose entries are all negative is told by the positive one that says the same.
    flipped = largest < 0
    low = np.where(flipped, -upper, lower)
    high = np.where(flipped, -lower, upper)
    size = np.where(flipped, -largest, least)
    all_binary = binaries == sizes[filled]
    alike = all_binary & (least == largest)
    open_below, open_above = low <= 0, high == np.inf  # no sum of them is negative
    one_side = open_below ^ open_above
    is_one_low, is_one_high = low == size, high == size
    kinds: dict[str, Flags] = {
        "partitioning rows": alike & is_one_low & is_one_high,
        "packing rows": alike & open_below & is_one_high,
        "covering rows": alike & is_one_low & open_above,
    }
    sums = kinds["partitioning rows"] | kinds["packing rows"] | kinds["covering rows"]
    kinds["cardinality rows"] = alike & ~sums & ~(open_below & open_above)
    kinds["knapsack rows"] = all_binary & ~alike & ((least > 0) | flipped) & one_side
    kinds["variable bound rows"] = (sizes[filled] == 2) & (binaries >= 1) & ~alike & ~kinds["knapsack rows"]
    counts = {name: int(np.count_nonzero(flags & always[filled])) for name, flags in kinds.items()}
    return {**counts, "other rows": total - sum(counts.values())}
