"""What a zygote keeps warm between two children: imported adapters and the models they solve."""

from __future__ import annotations

import gc
import importlib
from collections import OrderedDict
from pathlib import Path
from typing import cast

from instances.model import Model
from tuner.follower.exact import ExactRows
from tuner.ports import Solver

MODELS = 64
BYTES = 512 * 2**20
"""How many models, and how much of the arrays' memory, a zygote keeps."""


class Warm:
    """Loads on first use and keeps; models that were not used for longest make room."""

    def __init__(self) -> None:
        self._solvers: dict[str, Solver] = {}
        self._models: OrderedDict[str, tuple[ExactRows, int]] = OrderedDict()

    def solver(self, path: str) -> Solver:
        """Return the adapter at ``module:class``, importing its library into this process."""
        if path not in self._solvers:
            module, _, name = path.partition(":")
            solver = cast("Solver", getattr(importlib.import_module(module), name)())
            solver.parameters()  # what the adapter remembers of them every child inherits
            self._solvers[path] = solver
            _settle()
        return self._solvers[path]

    def model(self, arrays: str) -> Model:
        """Return the model saved at this path."""
        return self.rows(arrays).model

    def rows(self, arrays: str) -> ExactRows:
        """Return the rows, in exact numbers, of the model saved at this path."""
        if arrays not in self._models:
            file = Path(arrays)
            self._models[arrays] = ExactRows(Model.load(file)), file.stat().st_size
            _settle()
        self._models.move_to_end(arrays)
        while len(self._models) > 1 and (len(self._models) > MODELS or self._bytes > BYTES):
            self._models.popitem(last=False)
        return self._models[arrays][0]

    @property
    def _bytes(self) -> int:
        return sum(size for _, size in self._models.values())


def _settle() -> None:
    """Take what exists now out of the collector's sight: a child that collects would copy every page it looks at."""
    gc.collect()
    gc.freeze()
