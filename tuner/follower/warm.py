"""What a zygote keeps warm between two children: imported adapters and the models they solve."""

from __future__ import annotations

import gc
import importlib
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from typing import cast

from instances.model import Model
from tuner.follower.exact import ExactMatrix, ExactRows
from tuner.ports import Solver

MODELS = 64
BYTES = 512 * 2**20
"""How many models, and how much of the arrays' memory, a zygote keeps."""
MATRICES = 8
"""How many followers' matrices a zygote keeps in exact numbers: those of one problem and its questions."""


class Warm:
    """Loads on first use and keeps; models that were not used for longest make room."""

    def __init__(self) -> None:
        self._solvers: dict[str, Solver] = {}
        self._models: OrderedDict[str, tuple[ExactRows, int]] = OrderedDict()
        self._matrices: OrderedDict[bytes, ExactMatrix] = OrderedDict()

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

    def follower(self, model: Model) -> ExactRows:
        """Return the rows, in exact numbers, of a model that may share its matrix with earlier ones."""
        key = blake2b()
        for array in (model.kind, model.row_start, model.column_index, model.value):
            key.update(f"{array.dtype}{array.shape}".encode())
            key.update(array.tobytes())
        matrix = self._matrices.setdefault(key.digest(), ExactMatrix(model))
        self._matrices.move_to_end(key.digest())
        while len(self._matrices) > MATRICES:
            self._matrices.popitem(last=False)
        return ExactRows(model, matrix)

    @property
    def _bytes(self) -> int:
        return sum(size for _, size in self._models.values())


def _settle() -> None:
    """Take what exists now out of the collector's sight: a child that collects would copy every page it looks at."""
    gc.collect()
    gc.freeze()
