"""An answer as JSON, from the child to the zygote, which believes nothing of it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from storage.records import Claim
from tuner.ports import Answer, Step

_WORDS = 500
"""Characters that are kept of a solver's raw status."""


def encode(answer: Answer, solver_wall: float) -> dict[str, Any]:
    """Return an answer and the seconds it took as a JSON object."""
    if not isinstance(answer, Answer):
        raise TypeError(f"the adapter returned {type(answer).__name__} instead of an Answer")
    point = None
    if answer.point is not None:
        point = base64.b64encode(np.ascontiguousarray(answer.point, dtype="<f8").tobytes()).decode()
    return {
        "claim": answer.claim,
        "raw_status": answer.raw_status,
        "objective": answer.objective,
        "bound": answer.bound,
        "point": point,
        "nodes": answer.nodes,
        "iterations": answer.iterations,
        "work": answer.work,
        "steps": None if answer.steps is None else [[s.wall, s.objective, s.bound] for s in answer.steps],
        "solver_wall": solver_wall,
    }


def decode(fields: Any) -> tuple[Answer, float]:
    """Read what `encode` returned.

    Raises ValueError when it is anything else.
    """
    try:
        point = fields["point"]
        steps = fields["steps"]
        answer = Answer(
            claim=Claim(fields["claim"]),
            raw_status=str(fields["raw_status"])[:_WORDS],
            objective=_number(fields["objective"]),
            bound=_number(fields["bound"]),
            point=None if point is None else np.frombuffer(base64.b64decode(point, validate=True), dtype="<f8"),
            nodes=_count(fields["nodes"]),
            iterations=_count(fields["iterations"]),
            work=_number(fields["work"]),
            steps=None if steps is None else tuple(Step(float(w), float(o), float(b)) for w, o, b in steps),
        )
        return answer, float(fields["solver_wall"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"answered garbage: {type(error).__name__}: {error}") from None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
