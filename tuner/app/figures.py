"""What is drawn of a tuning job: for its page, and for its study's in optuna-dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records import Configuration, Incumbent, Job
from storage.store import Store
from tuner.cost import Cost, Ties, censored, cost_of, over_seeds


@dataclass(frozen=True)
class Point:
    """A model: what it costs the default, and what the incumbent."""

    name: str
    sha256: str
    part: str
    default: float | None
    """None where nothing is known, or only that it is more than a cap."""
    incumbent: float | None

    @property
    def ends(self) -> tuple[float, ...]:
        """Both costs; nothing where one is missing."""
        return () if self.default is None or self.incumbent is None else (self.default, self.incumbent)


@dataclass(frozen=True)
class Profile:
    """How many models a configuration solves at so many times the better one's cost at most (Dolan and Moré 2002)."""

    name: str
    ratio: tuple[float, ...]
    """In rising order, from 1."""
    share: tuple[float, ...]
    """Of the models that both were executed on."""


@dataclass(frozen=True)
class Figures:
    """What is drawn of a job."""

    cost: str
    spent: float
    """Seconds of the budget so far."""
    trajectory: tuple[Incumbent, ...]
    points: tuple[Point, ...]
    """All models of the job."""
    profiles: tuple[Profile, ...]
    """Of default and incumbent; empty while they share no model."""


def figures_of(store: Store, job: Job) -> Figures:
    """Return what is drawn of a tuning job as it stands: the default against the best that was found so far.

    Where the default is kept, that is the last incumbent, which was not good enough.
    """
    steps = store.incumbents(job.id)
    default = job.defaults[0] if job.solvers else None
    found = [*([job.best] if job.best else []), *(step.configuration for step in reversed(steps))]
    best = next((each for each in found if each != default), default)
    costs = [_costs(store, job, each) for each in (default, best) if each is not None]
    of_default, of_best = costs or ({}, {})
    points = tuple(
        Point(each.name, each.sha256, each.part, of_default.get(each.sha256), of_best.get(each.sha256))
        for each in job.members
    )
    return Figures(job.cost, job.spent, tuple(steps), points, _profiles(of_default, of_best))


def _costs(store: Store, job: Job, configuration: Configuration) -> dict[str, float]:
    """Return the cost of each model, over seeds; of those that were solved or ran into the cutoff."""
    found: dict[str, list[float]] = {}
    cost = Cost(job.cost)
    for stored in store.responses(job.id, configuration=configuration.key):
        if not censored(cost, stored.run, stored.response):
            found.setdefault(stored.run.instance, []).append(cost_of(cost, stored.run, stored.response))
    return {instance: over_seeds(Ties(job.ties), costs) for instance, costs in found.items()}


def _profiles(default: dict[str, float], incumbent: dict[str, float]) -> tuple[Profile, ...]:
    shared = set(default) & set(incumbent)
    if not shared:
        return ()
    least = {instance: max(1e-9, min(default[instance], incumbent[instance])) for instance in shared}
    lines = []
    for name, each in (("default", default), ("incumbent", incumbent)):
        ratios = sorted(max(1.0, each[instance] / least[instance]) for instance in shared)
        shares = ((place + 1) / len(ratios) for place in range(len(ratios)))
        lines.append(Profile(name, (1.0, *ratios), (0.0, *shares)))
    return tuple(lines)
