"""What a zygote can be asked to do in a child. Each task is a record, so that the leader can send it as JSON.

A task is prepared in the zygote (what is warm there is free in the child), worked on in the child, and concluded in the
zygote, where what the child says can be checked beyond its reach.
"""

from __future__ import annotations

import base64
import math
import os
import pickle
import time
import zipfile
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

from instances.builder import Builder
from instances.errors import UnreadableModel
from instances.model import Model, VariableKind
from storage.records import Check, Claim, Termination, Value
from tuner.cost import Ties
from tuner.follower.answer import decode, encode
from tuner.follower.certificate import examine
from tuner.follower.check import OBJECTIVE, check_answer
from tuner.follower.child import Limits, Work
from tuner.follower.optimality import held_to_gap, own_gap
from tuner.follower.outcome import Outcome
from tuner.follower.ray import beyond_optimum, check_unbounded
from tuner.follower.reaction import Answered, Situation, ask, concluded
from tuner.follower.scaling import solve_scaled
from tuner.follower.warm import Warm
from tuner.gap import integral
from tuner.ports import Answer


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One thing to do in a child."""

    kind: ClassVar[str]
    library: str
    """The Python package it needs: its zygote imports no other solver library."""
    seconds: float
    """Wall seconds after which the child is ended from outside."""
    memory_mib: float
    """MiB that the child and its descendants may hold, beyond what the zygote holds."""

    @property
    def limits(self) -> Limits:
        """What the child may use."""
        return Limits(self.seconds, self.memory_mib)

    @property
    def reports(self) -> bool:
        """Whether the leader wants to hear how far it is while it is done."""
        return False

    @abstractmethod
    def prepare(self, warm: Warm) -> Work:
        """Return what the child is to do; everything slow that can be shared is done here, in the zygote."""

    def conclude(self, warm: Warm, outcome: Outcome) -> Outcome:
        """Return the outcome with the result as the leader wants it."""
        return outcome

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"kind": self.kind, "fields": asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Solve(Task):
    """Execute a run. Result: the fields of a Response beyond those of the outcome."""

    kind: ClassVar[str] = "solve"
    adapter: str
    arrays: str
    parameters: dict[str, Value]
    seed: int
    gap: float
    is_watched: bool = False
    """Whether the solver is to report how far it is."""

    @property
    def reports(self) -> bool:
        """Whether the leader wants to hear how far it is."""
        return self.is_watched

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter and load the model."""
        solver, model = warm.solver(self.adapter), warm.model(self.arrays)

        def work() -> dict[str, Any]:
            started = time.perf_counter()
            answer = solver.solve(model, self.parameters, self.seed, self.seconds, self.gap)
            return encode(answer, time.perf_counter() - started)

        return work

    def conclude(self, warm: Warm, outcome: Outcome) -> Outcome:
        """Check the answer."""
        if outcome.termination is not Termination.EXITED:
            return outcome
        try:
            answer, seconds = decode(outcome.result)
        except ValueError as error:
            return replace(outcome, termination=Termination.CRASHED, reason=str(error), result=None)
        rows = warm.rows(self.arrays)
        answer = held_to_gap(rows.model, answer, self.gap)
        check, reason, certificate = examine(rows, answer, self.gap + OBJECTIVE)
        doubt = certificate.doubt
        if check is Check.UNCONFIRMED and answer.claim is Claim.UNBOUNDED:
            check, reason, doubt = check_unbounded(rows)
        elif check is Check.CONFIRMED and answer.claim is Claim.OPTIMAL and (why := beyond_optimum(rows)):
            check, reason = Check.REFUTED, f"claimed {answer.objective:.12g} as optimal, but {why}"
        is_overstated = certificate.objective is not None and bool(certificate.doubt)
        gap = own_gap(rows.model, replace(answer, objective=certificate.objective) if is_overstated else answer)
        area = None
        if certificate.is_no_solution:
            gap, area = None, None if answer.steps is None else self.seconds
        elif answer.steps is not None:
            final = answer.claim in (Claim.OPTIMAL, Claim.INFEASIBLE, Claim.UNBOUNDED) and not is_overstated
            area = integral(answer.steps, seconds, 0.0 if final else 1.0 if gap is None else gap, self.seconds)
        fields = {
            "claim": answer.claim,
            "check": check,
            "objective": _finite(answer.objective),
            "bound": _finite(answer.bound),
            "gap": gap,
            "solver_wall": seconds,
            "nodes": answer.nodes,
            "iterations": answer.iterations,
            "work": _finite(answer.work),
            "integral": area,
            "raw_status": answer.raw_status,
            "proven_objective": _finite(certificate.objective),
            "doubt": doubt,
        }
        return replace(outcome, reason=reason, result=fields)


class CacheUnwritable(Exception):
    """The arrays of a model cannot be kept here, which is no fault of the model."""


@dataclass(frozen=True, kw_only=True)
class Read(Task):
    """Read a model file into the cache, unless it is there. Result: sizes, sense, warnings, features."""

    kind: ClassVar[str] = "read"
    library: str = "instances"
    path: str
    arrays: str

    def prepare(self, warm: Warm) -> Work:
        """Import the reader."""
        from instances.features import features
        from instances.formats import sha256_of
        from instances.reading import read_model

        arrays, partial = Path(self.arrays), self._partial

        def work() -> dict[str, Any]:
            model = _cached(arrays)
            if model is None:
                # The cache goes by content: a file that has changed since it was hashed is another model.
                if sha256_of(Path(self.path)) != arrays.stem:
                    raise UnreadableModel("it has changed since it was handed in; put the former one back")
                model = read_model(Path(self.path))
                try:
                    model.save(partial)
                    partial.replace(arrays)
                except OSError as error:
                    raise CacheUnwritable(str(error)) from None
            return {
                "columns": model.columns,
                "rows": model.rows,
                "nonzeros": model.nonzeros,
                "integers": model.integers,
                "maximise": bool(model.maximise),
                "warnings": list(model.warnings),
                "features": features(model),
            }

        return work

    def conclude(self, warm: Warm, outcome: Outcome) -> Outcome:
        """Remove what a child that was ended has half written."""
        self._partial.unlink(missing_ok=True)
        return outcome

    @property
    def _partial(self) -> Path:
        arrays = Path(self.arrays)
        return arrays.with_name(f".{arrays.name}.{os.getpid()}")


@dataclass(frozen=True, kw_only=True)
class Import(Task):
    """Import a solver, so that the first run does not wait for it. Result: empty."""

    kind: ClassVar[str] = "import"
    adapter: str

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter."""
        warm.solver(self.adapter)
        return dict


@dataclass(frozen=True, kw_only=True)
class Describe(Task):
    """Ask a solver for its version and parameters. Result: both, as JSON has them."""

    kind: ClassVar[str] = "describe"
    adapter: str

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter."""
        solver = warm.solver(self.adapter)
        return lambda: {
            "version": solver.version(),
            "parameters": [asdict(parameter) for parameter in solver.parameters()],
        }


@dataclass(frozen=True, kw_only=True)
class Try(Task):
    """Solve a tiny model with parameters. Result: the solver's reason not to take them; empty when it takes them."""

    kind: ClassVar[str] = "try"
    adapter: str
    parameters: dict[str, Value]

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter."""
        solver = warm.solver(self.adapter)

        def work() -> str:
            try:
                solver.solve(_tiny(), self.parameters, 0, self.seconds, 0.0)
            except ValueError as error:
                return str(error)
            return ""

        return work


@dataclass(frozen=True, kw_only=True)
class Refuse(Task):
    """Ask a solver why it cannot take a model. Result: the reason; empty when it can."""

    kind: ClassVar[str] = "refuse"
    adapter: str
    arrays: str

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter and load the model."""
        solver, model = warm.solver(self.adapter), warm.model(self.arrays)
        return lambda: solver.refuses(model)


@dataclass(frozen=True, kw_only=True)
class Optimise(Task):
    """Solve a model for its point. Result: claim, objective, bound, point and raw status; the claim is checked."""

    kind: ClassVar[str] = "optimise"
    adapter: str
    model: str
    """`packed`."""
    seed: int

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter and load the model."""
        solver, model = warm.solver(self.adapter), self._model

        def work() -> dict[str, Any]:
            answer = solve_scaled(model, lambda m: solver.solve(m, {}, self.seed, self.seconds, 0.0))
            return encode(held_to_gap(model, answer, 0.0), 0.0)

        return work

    def conclude(self, warm: Warm, outcome: Outcome) -> Outcome:
        """Check the answer."""
        if outcome.termination is not Termination.EXITED:
            return outcome
        try:
            answer, _ = decode(outcome.result)
        except ValueError as error:
            return replace(outcome, termination=Termination.CRASHED, reason=str(error), result=None)
        check, reason = check_answer(self._model, answer)
        fields = {
            "claim": Claim.NOTHING if check is Check.REFUTED else answer.claim,
            "objective": _finite(answer.objective),
            "bound": _finite(answer.bound),
            "point": None if answer.point is None else answer.point.tolist(),
            "raw_status": answer.raw_status,
        }
        return replace(outcome, reason=reason, result=fields)

    @cached_property
    def _model(self) -> Model:
        return cast("Model", _unpacked(self.model))


@dataclass(frozen=True, kw_only=True)
class React(Task):
    """Answer as the follower of a bilevel problem, all questions in one child. Result: a `Reaction` as JSON has it."""

    kind: ClassVar[str] = "react"
    adapter: str
    situation: str
    """`packed`."""
    ties: str
    """What the leader assumes; empty for both ends."""
    tolerance: float
    seed: int

    def prepare(self, warm: Warm) -> Work:
        """Import the adapter and load the situation."""
        solver, situation = warm.solver(self.adapter), self._situation

        def work() -> list[Any]:
            started = time.perf_counter()

            def solve(model: Model) -> Answer:
                left = max(0.0, self.seconds - (time.perf_counter() - started))
                if reason := solver.refuses(model):
                    raise ValueError(reason)
                answer = solve_scaled(model, lambda scaled: solver.solve(scaled, {}, self.seed, left, 0.0))
                return held_to_gap(model, answer, 0.0)

            answered = ask(situation, self._ties, self.tolerance, solve)
            seconds = time.perf_counter() - started
            return [[about, row, encode(answer, seconds)] for about, row, answer in answered]

        return work

    def conclude(self, warm: Warm, outcome: Outcome) -> Outcome:
        """Check every answer."""
        if outcome.termination is not Termination.EXITED:
            return outcome
        try:
            answered, seconds = [], 0.0
            for about, row, fields in outcome.result:
                answer, seconds = decode(fields)
                answered.append(Answered(str(about), int(row), answer))
            reaction = concluded(self._situation, answered, self._ties, self.tolerance, seconds, warm.follower)
        except (TypeError, ValueError, IndexError) as error:
            reason = f"answered garbage: {type(error).__name__}: {error}"
            return replace(outcome, termination=Termination.CRASHED, reason=reason, result=None)
        return replace(outcome, result=reaction.to_json())

    @cached_property
    def _situation(self) -> Situation:
        return cast("Situation", _unpacked(self.situation))

    @property
    def _ties(self) -> Ties | None:
        return Ties(self.ties) if self.ties else None


def packed(model: Model | Situation) -> str:
    """Return a model or situation as text for a task: a file takes longer than the small ones to solve."""
    return base64.b64encode(pickle.dumps(model, pickle.HIGHEST_PROTOCOL)).decode()


def _unpacked(text: str) -> object:
    return pickle.loads(base64.b64decode(text))  # from the leader, whose code this is anyway: never from a child


def _tiny() -> Model:
    """Return a model with two integer variables and one row, which every solver takes."""
    builder = Builder("tiny", maximise=True)
    columns = [builder.add_column(name, 1.0, 0.0, 3.0, VariableKind.INTEGER) for name in ("x", "y")]
    row = builder.add_row("c", upper=5.0)
    for column in columns:
        builder.add_entry(row, column, 2.0)
    return builder.build()


_KINDS: dict[str, type[Task]] = {
    kind.kind: kind for kind in (Solve, Read, Import, Describe, Try, Refuse, Optimise, React)
}


def from_json(message: dict[str, Any]) -> Task:
    """Read what `Task.to_json` returned."""
    return _KINDS[message["kind"]](**message["fields"])


def _cached(arrays: Path) -> Model | None:
    try:
        return Model.load(arrays)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        # Not there, damaged, or of another layout: read the file again.
        return None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
