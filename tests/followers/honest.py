"""HiGHS itself, behaving well, that also tells how much CPU time it has used by its own account."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import highspy
import numpy as np

from instances.model import Model
from storage.records import Claim, Value
from tuner.follower.solvers.highs import loaded
from tuner.ports import Answer, RealParameter


class Honest:
    """Solves as HiGHS does; its raw status is the CPU seconds used."""

    def version(self) -> str:
        return str(highspy.Highs().version())

    def parameters(self) -> Sequence[RealParameter]:
        return ()

    def refuses(self, model: Model) -> str:
        return ""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        before = sum(os.times()[:2])
        highs = loaded(model, parameters, seed, limit, gap)
        highs.run()
        assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        info = highs.getInfo()
        return Answer(
            Claim.OPTIMAL,
            str(sum(os.times()[:2]) - before),
            objective=info.objective_function_value,
            bound=info.mip_dual_bound,
            point=np.array(highs.getSolution().col_value),
            nodes=info.mip_node_count,
            steps=(),
        )
