"""Delicate models: does a tolerance refute a right answer, or recommend a wrong one? 300 models with known optima.

HiGHS, SCIP and CP-SAT solve each of them, and the referee hears them in two orders, with planted lies: a worse optimum,
no solution, and a bound that is too tight. Then each solver's default is held against each other's in verdicts over
eight models at a time, as if whoever was wrong had been a thousand times faster. About five minutes on two slots;
TUNER_BENCH_MODELS="50" for fewer.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import permutations
from pathlib import Path

from bench._delicate import KINDS, made
from instances.instance import Instance
from storage.records import (
    Check,
    Claim,
    Configuration,
    Environment,
    Job,
    JobState,
    Member,
    Purpose,
    Response,
    Run,
    StoredRun,
    Termination,
)
from tuner.follower.executor import LocalExecutor
from tuner.follower.referee import Referee
from tuner.follower.scaling import unit_by
from tuner.verdict.decide import GAIN, decide

SOLVERS = ("highs", "scip", "cp-sat")
CUTOFF, GAP = 5.0, 1e-6
OFF = 1e-5
"""An optimum this far off, relative to it above 1, is wrong."""
TOGETHER = 8
"""Models of one verdict."""
LIAR = Configuration.of("highs", {"planted": True})
HERE = Environment("here", "", 0, "")


@dataclass(frozen=True)
class Case:
    """A model, what is right, and what the solvers say."""

    instance: Instance
    optimum: Fraction | None
    said: tuple[tuple[Run, Response], ...]

    def is_right(self, response: Response) -> bool:
        """Whether a final claim is right."""
        if response.claim is Claim.INFEASIBLE or self.optimum is None:
            return response.claim is Claim.INFEASIBLE and self.optimum is None
        optimum = float(self.optimum)
        return response.objective is not None and abs(response.objective - optimum) <= OFF * max(1.0, abs(optimum))


@dataclass
class Score:
    """What went wrong, by what it is; and how many answers were judged."""

    counts: Counter[str]
    told: list[str]

    def note(self, what: str, why: str = "") -> None:
        """Count something."""
        self.counts[what] += 1
        if why:
            self.told.append(f"{what}: {why}")


def main() -> None:
    score = Score(Counter(), [])
    cases = solved(range(int(os.environ.get("TUNER_BENCH_MODELS", "300"))))
    judged = [judge(case, score) for case in cases]
    recommend(judged, score)
    print(f"{len(cases)} models of {len(KINDS)} kinds ({', '.join(KINDS)}); {', '.join(SOLVERS)}, {CUTOFF:g} s each")
    for what in (
        "right answers",
        "wrong answers",
        "right answers refuted",
        "right answers disputed",
        "wrong answers refuted",
        "wrong answers disputed",
        "wrong answers that stand",
        "wrong answers that earn",
        "lies planted",
        "lies not refuted",
        "orders that differ",
        "verdicts",
        "gains",
        "wrong answers recommended",
    ):
        print(f"  {what:<28} {score.counts[what]:>5}")
    for line in score.told[:40]:
        print(f"  {line}")


def solved(numbers: Sequence[int]) -> list[Case]:
    """Have the models of these numbers solved by every solver's default."""
    with tempfile.TemporaryDirectory() as folder:
        instances: dict[str, tuple[Instance, Fraction | None]] = {}
        for number in numbers:
            model, optimum = made(number)
            sha256 = f"{number:064x}"
            path = Path(folder) / f"{model.name}.npz"
            model.save(path)
            instance = Instance(
                sha256,
                model.name,
                path,
                path,
                model.columns,
                model.rows,
                model.nonzeros,
                model.integers,
                model.maximise,
            )
            instances[sha256] = instance, optimum
        said: dict[str, list[tuple[Run, Response]]] = {sha256: [] for sha256 in instances}
        known = {sha256: instance for sha256, (instance, _) in instances.items()}
        with LocalExecutor(known, slots=2, memory_mib=2048.0, gap=GAP) as executor:
            for solver in SOLVERS:  # a slot keeps one solver's process warm
                for sha256 in instances:
                    run = Run(Configuration(solver), sha256, 0, CUTOFF, CUTOFF, Purpose.HOLDOUT)
                    executor.submit(run)
            while executor.outstanding:
                for finished in executor.wait():
                    said[finished.run.instance].append((finished.run, finished.response))
        return [Case(instance, optimum, tuple(said[sha256])) for sha256, (instance, optimum) in instances.items()]


def lies(case: Case) -> list[tuple[Run, Response]]:
    """Return wrong claims about a model that has a solution."""
    if case.optimum is None:
        return []
    optimum = float(case.optimum)
    worse = optimum - 1.0 if case.instance.maximise else optimum + 1.0
    found = [
        Response(Termination.EXITED, Claim.OPTIMAL, Check.CONFIRMED, worse, worse, 0.0, proven_objective=worse),
        Response(Termination.EXITED, Claim.INFEASIBLE),
        Response(Termination.EXITED, Claim.NOTHING, bound=worse),
    ]
    return [(Run(LIAR, case.instance.sha256, seed, CUTOFF, CUTOFF), response) for seed, response in enumerate(found, 1)]


def judge(case: Case, score: Score) -> Case:
    """Have the referee hear the answers and the lies, in several orders, and return the answers as they stand."""
    finals = []
    everything = [*case.said, *lies(case)]
    for order in (everything, everything[::-1], everything[1::2] + everything[::2]):
        referee = Referee(GAP)
        final: dict[Run, Response] = {}
        for run, response in order:
            instance = case.instance
            final.update(referee.judge(run, response, instance.maximise, unit_by(instance.features)))
        finals.append(final)
    final = finals[0]
    if any(other[run].check is not response.check for other in finals for run, response in final.items()):
        score.note("orders that differ", case.instance.name)
    for run, response in final.items():
        who = f"{case.instance.name}, {run.configuration}"
        if run.configuration == LIAR:
            score.note("lies planted")
            if response.check is not Check.REFUTED:
                score.note("lies not refuted", f"{who}: {response.claim} {response.objective}")
        elif response.claim in (Claim.OPTIMAL, Claim.INFEASIBLE):
            kind = "right" if case.is_right(response) else "wrong"
            score.note(f"{kind} answers")
            why = f"{who}: {response.claim} {response.objective}, right is {case.optimum}. {response.reason}"
            if response.check is Check.REFUTED:
                score.note(f"{kind} answers refuted", why if kind == "right" else "")
            elif response.check is Check.DISPUTED:
                score.note(f"{kind} answers disputed", why if kind == "right" else "")
            elif kind == "wrong":
                score.note("wrong answers that stand", f"{why} {response.doubt}")
                if response.solved:
                    score.note("wrong answers that earn")
    return replace(case, said=tuple((run, final[run]) for run, _ in case.said))


def recommend(cases: Sequence[Case], score: Score) -> None:
    """Decide between every two defaults on eight models at a time, the one that is wrong a thousand times faster."""
    for start in range(0, len(cases) - TOGETHER + 1, TOGETHER):
        group = cases[start : start + TOGETHER]
        for baseline, challenger in permutations(SOLVERS, 2):
            runs = []
            wrong: Counter[str] = Counter()
            for case in group:
                for run, response in case.said:
                    final = response.claim in (Claim.OPTIMAL, Claim.INFEASIBLE)
                    right = case.is_right(response)
                    wrong[run.configuration.solver] += final and not right
                    fast = 0.001 if final and not right else 0.002 if run.configuration.solver == challenger else 1.0
                    timed = replace(response, cpu=fast, wall=fast)
                    runs.append(StoredRun(len(runs), run, timed, 0.0, HERE, datetime.now(UTC)))
                    raced = replace(run, purpose=Purpose.RACE)
                    runs.append(StoredRun(len(runs), raced, timed, 0.0, HERE, datetime.now(UTC)))
            verdict = decide(_job(group, (baseline, challenger)), runs, Configuration(challenger))
            score.note("verdicts")
            if verdict.outcome == GAIN:
                score.note("gains")
                recommended = verdict.recommended.solver
                if wrong[recommended] > wrong[baseline]:
                    names = ", ".join(case.instance.name for case in group)
                    score.note("wrong answers recommended", f"{recommended} for {baseline} on {names}")


def _job(group: Sequence[Case], solvers: tuple[str, str]) -> Job:
    return Job(
        id=1,
        name="delicate",
        state=JobState.RUNNING,
        folder="",
        holdout="",
        solvers=solvers,
        cost="par10",
        ties="mean",
        cutoff=CUTOFF,
        budget=600.0,
        slots=2,
        memory_mib=2048,
        gap=GAP,
        seed=0,
        space="",
        created_at=datetime.now(UTC),
        members=tuple(
            Member(case.instance.sha256, case.instance.name, "", "holdout", 1, 1, 1, 1, {}) for case in group
        ),
    )


if __name__ == "__main__":
    main()
