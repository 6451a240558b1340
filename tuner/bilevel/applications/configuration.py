"""Tuning: the leader chooses a solver's configuration, the followers are its runs on a folder of models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import instances
from instances.errors import NoInstances
from instances.families import FAMILIES, generate
from instances.folder import scan
from tuner.bilevel.configuring import ConfigurationProblem
from tuner.bilevel.result import Result
from tuner.cost import Ties
from tuner.errors import NotFound, UsageError
from tuner.follower.reading import READING_MIB, READING_SECONDS, cache_directory, complaint, read_instances
from tuner.follower.settings import fixed_of, with_fixed
from tuner.follower.spaces import solvers_of, space_text, spaces_of
from tuner.scenario import CONFIGURATION, KIND, Scenario, read_scenario

KIND_OF_MODELS = "set-cover"
"""The family that examples are of."""


@dataclass(frozen=True)
class Tuning:
    """A scenario as a bilevel problem. (The commands make a job of it, with a verdict on models held out.)"""

    scenario: Scenario

    @classmethod
    def read(cls, path: Path) -> Tuning:
        """Read a scenario file; the errors are those of `read_scenario`."""
        return cls(read_scenario(path, {}))

    @classmethod
    def example(cls) -> Tuning:
        """Return HiGHS on the set-cover models that come with the package."""
        folder = Path(instances.__file__).parent / "data" / KIND_OF_MODELS
        return cls(Scenario(str(folder), solver="highs", budget=120.0, cutoff=2.0))

    @classmethod
    def generated(cls, models: int, seed: int) -> Tuning:
        """Return HiGHS on so many random set-cover models, which are written into the user's cache directory."""
        folder = cache_directory() / "examples" / f"{KIND_OF_MODELS}-{models}-{seed}"
        generate(FAMILIES[KIND_OF_MODELS], models, folder, seed)
        return cls(Scenario(str(folder), solver="highs", budget=120.0, cutoff=2.0))

    @property
    def name(self) -> str:
        """The scenario's, or its folder's."""
        return self.scenario.name or Path(self.scenario.folder).resolve().name

    def problem(self, ties: Ties | None = None) -> ConfigurationProblem:
        """Return it as a bilevel problem on all of the folder's models; every one has to be readable.

        Raises:
            NotFound: there is no such folder.
            UsageError: the folder has no models, one cannot be read, or a solver, a space or what is to be fixed is
                unknown.

        """
        scenario = self.scenario
        for name in ("base", "target", "stop_after"):
            if getattr(scenario, name):
                raise UsageError(f"{name}: only tuner tune, which ends with a verdict, takes it; leave it out")
        solvers = solvers_of(scenario)
        fixed = fixed_of(scenario.fix, solvers)
        spaces = with_fixed(spaces_of(solvers, space_text(scenario), scenario.space), fixed)
        if not Path(scenario.folder).exists():
            raise NotFound(f"{scenario.folder}: there is no such folder")
        try:
            found = scan(Path(scenario.folder))
        except NoInstances as error:
            raise UsageError(str(error)) from None
        reading = read_instances(
            found.files,
            cache_directory(),
            seconds=READING_SECONDS,
            memory_mib=READING_MIB,
            slots=max(1, scenario.slots),
        )
        bad = [(damaged.path, damaged.reason) for damaged in found.damaged] + list(reading.failed)
        if bad:
            raise UsageError(complaint(*bad[0]))
        for instance in reading.instances:
            for warning in instance.warnings:
                warnings.warn(f"{instance.path}: {warning}", stacklevel=2)
        return ConfigurationProblem(
            self.name,
            reading.instances,
            spaces,
            cost=scenario.cost,
            cutoff=scenario.cutoff,
            ties=ties or scenario.ties,
            memory_mib=scenario.memory,
            gap=scenario.gap,
        )

    def sentence(self, result: Result) -> str:
        """Say which configuration it is and what it costs."""
        if result.x is None or result.objective is None:
            return "no configuration was executed on all of the models"
        unit = "" if self.scenario.cost.value == "gap" else " s"
        return f"{result.problem.words(result.x)}: {self.scenario.cost.value} {result.objective:.4g}{unit}"

    def document(self) -> dict[str, Any]:
        """Return it as it is written in a file: what differs from the defaults."""
        usual: Mapping[str, Any] = {field.name: field.default for field in fields(Scenario)}
        own = {name: value for name, value in asdict(self.scenario).items() if value != usual[name]}
        return {KIND: CONFIGURATION, **own}
