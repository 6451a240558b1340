"""Which single changes of the parameters do anything, are faster, and give the right answers: what a space is made of.

    python -m bench.screen                                  every change of HiGHS' space on four models of each family
    python -m bench.screen set-cover hard=FOLDER            on these families and folders of models
    python -m bench.screen --solver scip --only lp/pricing  one parameter of another solver
    python -m bench.screen --space FILE                     parameters that are not in the space yet, as for tuner tune
    python -m bench.screen --base mip_pscost_minreliable=0  each change together with this one, against this one alone
    python -m bench.screen --presets --space FILE           the presets alone, and those of this file

A change is compared with the base on the same models under the same seed, one run at a time. Printed are, for each
family, the mean logarithm of the CPU seconds less the base's with its standard error; on how many models the solver's
path changed at all (nodes, iterations or work); and the answers that are wrong. What was executed is kept (--keep), so
that it goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev

from bench.record import MODELS_SEED, SIZES
from instances.families import FAMILIES, generate
from instances.folder import scan
from instances.instance import Instance
from storage.records import Check, Configuration, Response, Run, Termination, Value, spell
from tuner.follower.describing import describe
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import cache_directory, read_instances
from tuner.follower.referee import Referee
from tuner.follower.scaling import unit_by
from tuner.follower.solvers import SOLVERS
from tuner.follower.solvers.admission import read_setting
from tuner.follower.spaces import spaces_of
from tuner.leader.draws import at
from tuner.space import Boolean, Choice, Parameter, Space

ON_REQUEST = True
MODELS = 4
SHRINK = 0.8
"""Models are smaller than those that are recorded: there is more to execute."""
CUTOFF = 3.0
"""CPU seconds after which a run counts as unsolved ..."""
LIMIT = 4 * CUTOFF
"""... and wall seconds after which it is ended: the machine may have other things to do."""
GAP = 1e-6
PLACES = (0.0, 0.5, 1.0)
"""Where a number is tried, as a part of its range by its own scale."""
KEPT = Path(__file__).parent / "results" / "screen.jsonl"


@dataclass(frozen=True)
class Measured:
    """What is kept of a run."""

    score: float
    """Logarithm of CPU seconds and a hundredth of the cutoff; those of the cutoff where it is unsolved."""
    path: tuple[int | float | None, ...]
    """Nodes, iterations and work: equal when the solver did the same."""
    wrong: str
    """Why the answer is wrong, or there is none; empty when it is right."""


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.screen")
    parser.add_argument("names", nargs="*", default=list(SIZES), metavar="FAMILY or NAME=FOLDER")
    parser.add_argument("--solver", choices=list(SOLVERS), default="highs")
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--size", type=float, default=SHRINK, help="of the models, as a part of those recorded")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--space", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="PARAMETER")
    parser.add_argument("--presets", action="store_true")
    parser.add_argument("--base", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, default=KEPT)
    given = parser.parse_args(words)
    if unknown := {name for name in given.names if not name.partition("=")[2]} - SIZES.keys():
        parser.error(f"no such family: {', '.join(sorted(unknown))}; there are {', '.join(SIZES)}, and NAME=FOLDER")
    text = given.space.read_text(encoding="utf-8") if given.space else ""
    (space,) = spaces_of([given.solver], text, str(given.space)).values()
    real = describe(given.solver).parameters
    base = dict(read_setting(given.solver, real, setting) for setting in given.base)
    asked = [space[name] for name in given.only] or list(space.parameters)
    space.check(base)
    changes = dict(change for parameter in asked for change in changes_of(space, parameter, base))
    if given.presets:
        changes = {preset.meaning: preset.configuration for preset in space.presets}
    screen = _Screen(space.configuration(base), given.seeds, given.keep)
    for name in given.names:
        screen.execute(name, _instances(name, given.models, given.size), changes)
    screen.tell(changes)


def changes_of(space: Space, parameter: Parameter, base: Mapping[str, Value]) -> Iterator[tuple[str, Configuration]]:
    """Yield every change of a parameter on top of the base, with what enables it, and a name for it."""
    domain = parameter.domain
    if isinstance(domain, Boolean):
        values: Sequence[Value] = (True, False)
    else:
        values = domain.values if isinstance(domain, Choice) else [at(domain, place) for place in PLACES]
    enabling = {other: allowed[0] for other, allowed in parameter.when if base.get(other) not in allowed}
    for value in dict.fromkeys(values):
        changed = space.configuration({**base, **enabling, parameter.name: value})
        if changed != space.configuration(base):
            yield f"{parameter.name}={spell(value)}", changed


def _instances(name: str, models: int, size: float) -> list[Instance]:
    """Return models of a family, or those of a folder."""
    with tempfile.TemporaryDirectory() as place:
        if folder := name.partition("=")[2]:
            source = Path(folder)
        else:
            source = Path(place)
            generate(FAMILIES[name], models, source, MODELS_SEED, size * SIZES[name])
        reading = read_instances(scan(source).files, cache_directory(), seconds=60.0, memory_mib=2048.0, slots=1)
    return sorted(reading.instances, key=lambda instance: instance.name)


class _Screen:
    """Executes changes, keeps what came of them, and tells."""

    def __init__(self, base: Configuration, seeds: int, kept: Path) -> None:
        self._base, self._seeds, self._kept = base, seeds, kept
        self._known: dict[str, Measured] = {}
        self._families: dict[str, list[str]] = {}
        self._referee = Referee(GAP)
        if kept.exists():
            for line in kept.read_text(encoding="utf-8").splitlines():
                key, fields = json.loads(line)
                self._known[key] = Measured(fields["score"], tuple(fields["path"]), fields["wrong"])

    def execute(self, name: str, instances: Sequence[Instance], changes: Mapping[str, Configuration]) -> None:
        """Execute the base and every change on these models."""
        self._families[name.partition("=")[0]] = [instance.sha256 for instance in instances]
        asked = [self._base, *changes.values()]
        by_hash = {instance.sha256: instance for instance in instances}
        with LocalExecutor(by_hash, 1, 2048.0, GAP) as executor:
            for instance in instances:
                for seed in range(self._seeds):
                    for configuration in asked:
                        run = Run(configuration, instance.sha256, seed, LIMIT, LIMIT)
                        if _key(run) not in self._known:
                            executor.submit(run)
                            (finished,) = executor.wait()
                            self._keep(run, finished.response, instance)

    def _keep(self, run: Run, response: Response, instance: Instance) -> None:
        judged = self._referee.judge(run, response, instance.maximise, unit_by(instance.features))
        for other, verdict in judged:
            cpu = min(verdict.cpu, CUTOFF) if verdict.solved else CUTOFF
            measured = Measured(
                math.log(0.01 * CUTOFF + cpu),
                (verdict.nodes, verdict.iterations, verdict.work),
                _wrong(verdict),
            )
            if measured != self._known.get(_key(other)):
                self._known[_key(other)] = measured
                self._kept.parent.mkdir(exist_ok=True)
                with self._kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([_key(other), asdict(measured)]) + "\n")

    def tell(self, changes: Mapping[str, Configuration]) -> None:
        """Print what came of every change."""
        width = max(map(len, changes))
        print(" " * width, "changed", *(f"{name[:13]:>15}" for name in self._families), "  mean of families", sep="  ")
        for name, configuration in changes.items():
            means, words, changed, runs, wrong = [], [], 0, 0, defaultdict[str, int](int)
            for hashes in self._families.values():
                differences = []
                for sha256 in hashes:
                    ours, theirs = self._scored(configuration, sha256), self._scored(self._base, sha256)
                    differences.append(fmean(own.score - other.score for own, other in zip(ours, theirs, strict=True)))
                    changed += sum(own.path != other.path for own, other in zip(ours, theirs, strict=True))
                    runs += len(ours)
                    for own in ours:
                        wrong[own.wrong] += bool(own.wrong)
                means.append(fmean(differences))
                words.append(f"{means[-1]:+.2f} ± {_error(differences):.2f}")
            total = f"{fmean(means):+.3f} ± {_error(means):.3f}"
            print(
                f"{name:{width}}", f"{changed:>3}/{runs:<3}", *(f"{word:>15}" for word in words), f"  {total}", sep="  "
            )
            for reason, count in wrong.items():
                if reason:
                    print(f"{'':{width}}  {count} x {reason[:160]}")

    def _scored(self, configuration: Configuration, sha256: str) -> list[Measured]:
        runs = [Run(configuration, sha256, seed, LIMIT, LIMIT) for seed in range(self._seeds)]
        return [self._known[_key(run)] for run in runs]


def _wrong(response: Response) -> str:
    if response.termination is Termination.CRASHED or response.check is Check.REFUTED:
        return f"{response.termination} {response.reason}"
    return response.reason if response.check is Check.DISPUTED else ""


def _key(run: Run) -> str:
    return f"{run.configuration.key} {run.instance} {run.seed}"


def _error(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
