"""The options of HiGHS: those that it lists, and a few of those that it takes without listing them."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import highspy

from tuner.ports import RealParameter

RESERVED = frozenset(
    {
        "solver",  # ipm, simplex and pdlp silently drop integrality
        "time_limit",
        "threads",
        "parallel",
        "random_seed",
        "mip_rel_gap",
        "mip_abs_gap",
        "output_flag",
        "log_to_console",
        "log_file",
        # They write files, or a model's worth of text.
        "write_model_to_file",
        "write_presolved_model_to_file",
        "write_solution_to_file",
        # With other values it solves another model, or proves less.
        "infinite_cost",
        "infinite_bound",
        "small_matrix_value",
        "large_matrix_value",
        "kkt_tolerance",
        "primal_feasibility_tolerance",
        "dual_feasibility_tolerance",
        "primal_residual_tolerance",
        "dual_residual_tolerance",
        "optimality_tolerance",
        "mip_feasibility_tolerance",
        "ipm_optimality_tolerance",
        "pdlp_optimality_tolerance",
        "objective_bound",
        "objective_target",
        "user_objective_scale",
        "user_bound_scale",
    }
)


@dataclass(frozen=True)
class Unlisted:
    """An option that HiGHS takes and does not list: what it does not tell of it."""

    meaning: str
    low: float | None = None
    high: float | None = None


UNLISTED: Mapping[str, Unlisted] = {
    "presolve_rule_off": Unlisted("Bit mask of presolve rules that are not allowed", 0, 2**31 - 1),
    "presolve_reduction_limit": Unlisted("Limit on presolve reductions; -1: none", -1, 2**31 - 1),
    "restart_presolve_reduction_limit": Unlisted("Limit on presolve reductions at restarts; -1: none", -1, 2**31 - 1),
}
"""By name. Left out are those that change what is solved (solve_relaxation), and those that do nothing in a MIP: its
LPs do not get them (simplex_price_strategy, factor_pivot_threshold, the perturbations, icrash, ...)."""

_ENTRY = re.compile(
    r"^# (?P<meaning>.*)\n# \[type: (?P<type>\w+), advanced: \w+"
    r"(?:, range: [\[{](?P<low>[^,]+), (?P<high>[^\]}]+)[\]}])?, default: (?P<default>.*)\]\n(?P<name>\w+) =",
    re.MULTILINE,
)
_TYPES = {"bool": "boolean", "integer": "integer", "double": "float", "string": "text"}


@cache
def options() -> tuple[RealParameter, ...]:
    """Return every option of this version that a user may know of."""
    # The options' ranges and meanings are nowhere else than in the file that HiGHS writes of them.
    highs = highspy.Highs()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.txt"
        highs.setOptionValue("output_flag", False)
        highs.writeOptions(str(path))
        text = path.read_text(encoding="utf-8")
    return (*(_listed(match) for match in _ENTRY.finditer(text)), *_unlisted(highs))


def _unlisted(highs: highspy.Highs) -> Iterator[RealParameter]:
    """Yield what there is of the unlisted options in this version, with its own types and defaults."""
    for name, option in UNLISTED.items():
        status, default = highs.getOptionValue(name)
        if status != highspy.HighsStatus.kOk:
            continue
        kind = "boolean" if isinstance(default, bool) else "integer" if isinstance(default, int) else "float"
        yield RealParameter(name, kind, default, option.low, option.high, meaning=option.meaning)


def _listed(entry: re.Match[str]) -> RealParameter:
    kind = _TYPES[entry["type"]]
    name, meaning, default = entry["name"], entry["meaning"], entry["default"]
    reserved = name in RESERVED
    if kind == "boolean":
        return RealParameter(name, kind, default == "true", meaning=meaning, reserved=reserved)
    if kind == "text":
        word = default.strip('"')
        # HiGHS lists the allowed words of an option in its description, in quotes, the default among them.
        words = tuple(re.findall(r'"(\w+)"', meaning))
        return RealParameter(
            name, kind, word, values=words if word in words else (), meaning=meaning, reserved=reserved
        )
    number = int if kind == "integer" else float
    low, high = float(entry["low"]), float(entry["high"])
    return RealParameter(
        name,
        kind,
        number(default),
        low if math.isfinite(low) else None,
        high if math.isfinite(high) else None,
        meaning=meaning,
        reserved=reserved,
    )
