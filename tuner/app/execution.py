"""Single runs, solvers' parameters and what this machine can do: all that needs a solver but no job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from instances.errors import UnreadableModel
from instances.folder import ModelFile
from instances.formats import PACKINGS, sha256_of, suffixes
from instances.instance import Instance
from storage.records import Configuration, Response, Run
from tuner.cost import Cost, solved
from tuner.errors import Failed, NotFound, UsageError
from tuner.follower.describing import Description, describe, refusals
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import READING_MIB, READING_SECONDS, cache_directory, complaint, read_instances
from tuner.follower.solvers import SOLVERS, adapter
from tuner.follower.solvers.admission import read_setting
from tuner.scenario import check_cutoff


@dataclass(frozen=True)
class Execution:
    """One run that was executed on its own."""

    instance: Instance
    run: Run
    response: Response

    @property
    def solved(self) -> bool:
        """Whether it was solved within the cutoff, in CPU and in wall seconds."""
        return all(solved(cost, self.run, self.response) for cost in (Cost.PAR10, Cost.WALL))


def execute(
    path: Path, solver: str, settings: Sequence[str], seed: int, cutoff: float, memory_mib: float, gap: float
) -> Execution:
    """Execute one run the way a job does, and check its answer.

    Args:
        path: the model's file.
        solver: highs, cp-sat or scip.
        settings: parameters as ``name=value``.
        seed: of the solver.
        cutoff: seconds.
        memory_mib: limit of memory.
        gap: relative gap that counts as optimal.

    Raises:
        NotFound: there is no such file.
        UsageError: the file is no model, or a name or value is wrong.

    """
    adapter(solver)
    check_cutoff(cutoff)
    if not 0 <= seed < 2**31:
        raise UsageError(f"--seed {seed}: must be from 0 to {2**31 - 1}")
    if not 0 <= gap < 1:
        raise UsageError(f"--gap {gap:g}: a relative gap from 0 to below 1 is needed")
    real = describe(solver).parameters if settings else ()
    configuration = Configuration.of(solver, dict(read_setting(solver, real, setting) for setting in settings))
    instance = _instance(path)
    for reason in refusals([solver], [instance]).values():
        raise UsageError(f"{path}: {solver} cannot take this model: {reason}")
    run = Run(configuration, instance.sha256, seed, cutoff, cutoff)
    with LocalExecutor({instance.sha256: instance}, slots=1, memory_mib=memory_mib, gap=gap) as executor:
        executor.submit(run)
        (finished,) = executor.wait()
    return Execution(instance, run, finished.response)


def described(solver: str) -> Description:
    """Return the solver's version and every parameter it really has."""
    adapter(solver)
    return describe(solver)


def versions() -> dict[str, str]:
    """Return every solver's own version, or why it does not work here."""
    found = {}
    for solver in SOLVERS:
        try:
            found[solver] = describe(solver).version
        except Failed as error:
            found[solver] = f"does not work here: {error}"
    return found


def _instance(path: Path) -> Instance:
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name one model's file in it")
    if not path.is_file():
        raise NotFound(f"{path}: there is no such file")
    if not suffixes(path.name):
        raise UsageError(f"{path}: not a model by its name; .mps and .lp are read, plain or with {', '.join(PACKINGS)}")
    try:
        file = ModelFile(path, path.name, sha256_of(path))
    except UnreadableModel as error:
        raise UsageError(str(error)) from None
    reading = read_instances([file], cache_directory(), seconds=READING_SECONDS, memory_mib=READING_MIB, slots=1)
    for failed, reason in reading.failed:
        raise UsageError(complaint(failed, reason))
    return reading.instances[0]
