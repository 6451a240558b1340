"""The seams: what the leader, the followers and the store know of each other. The architecture on one page.

cli -> app -> Leader (chooses) -> Executor (answers, in isolated processes, by a Solver) -> the store (keeps)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from instances.model import Floats, Model
from storage.records import Claim, Configuration, Response, Run, Value


@dataclass(frozen=True)
class Step:
    """One improvement during a solve."""

    wall: float
    """Seconds since the solve began."""
    objective: float
    bound: float


@dataclass(frozen=True)
class Answer:
    """What an adapter says after a solve: claims only, nothing measured from outside."""

    claim: Claim
    raw_status: str
    objective: float | None = None
    """In the model's own sense, offset included."""
    bound: float | None = None
    point: Floats | None = None
    """The best point found, shape (n,); needed for the claims optimal and feasible."""
    nodes: int | None = None
    iterations: int | None = None
    work: float | None = None
    """Deterministic work in the solver's own unit, where it has one."""
    steps: tuple[Step, ...] | None = None
    """Improving solutions in order of time; None when the solver cannot tell, () when there were none."""


@dataclass(frozen=True)
class RealParameter:
    """A parameter as the solver itself describes it."""

    name: str
    type: str
    """boolean, integer, float or text."""
    default: Value
    low: float | None = None
    high: float | None = None
    values: tuple[Value, ...] = ()
    """The allowed values where the solver lists them."""
    meaning: str = ""
    reserved: bool = False
    """Whether no configuration may set it: the adapter does (limits, gap, seed, threads, output), or it stays at its
    default, since with another value the solver would solve another model or prove less (tolerances, scaling)."""


class Solver(Protocol):
    """An adapter: knows one solver, measures nothing, kills nothing, and lives in the child only."""

    def version(self) -> str:
        """Return the solver's own version."""
        ...

    def parameters(self) -> Sequence[RealParameter]:
        """Return every parameter the solver really has."""
        ...

    def refuses(self, model: Model) -> str:
        """Return why the solver cannot take this model; empty when it can."""
        ...

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        """Solve on one thread, with these parameters and all others at their defaults.

        Args:
            model: the canonical model.
            parameters: what differs from the solver's default.
            seed: of the solver's random numbers, from 0 to 2**31 - 1.
            limit: wall seconds after which the solver should stop by itself.
            gap: relative gap at which it may stop and claim optimal.

        Raises:
            ValueError: the solver does not know a parameter or does not take its value.

        """
        ...


@dataclass(frozen=True)
class Finished:
    """A run that was executed. Its response is checked against the model, not yet against other runs."""

    run: Run
    response: Response


@dataclass(frozen=True)
class Activity:
    """What a slot is doing."""

    run: Run
    seconds: float
    """Since the run was handed to the slot."""
    began: float | None = None
    """`time.monotonic()` when its solver began, or a little later; None until it has reported, if it does."""
    steps: tuple[Step, ...] = ()
    """What it has reported so far, in order of time, bounds included: NaN for what it does not have yet."""


class Executor(Protocol):
    """Executes runs in slots. Runs wait in a queue, so that a slot that falls free goes on at once."""

    @property
    def slots(self) -> int:
        """How many runs execute at a time."""
        ...

    @property
    def outstanding(self) -> int:
        """How many runs were submitted and not yet returned by `wait`."""
        ...

    def submit(self, run: Run) -> None:
        """Queue a run; the queue is first in, first out."""
        ...

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Return the runs that finished since the last call, waiting for at least one.

        Returns an empty list when nothing is outstanding, or after ``timeout`` seconds without a finished run.
        """
        ...

    def cancel(self, run: Run) -> None:
        """End a run, queued or executing; it is returned by `wait` with the termination killed."""
        ...

    def activity(self) -> Sequence[Activity | None]:
        """Return what each slot executes now; None for an idle slot."""
        ...

    def close(self) -> None:
        """Kill what executes, wait until every process is gone, and drop the rest."""
        ...


@dataclass(frozen=True)
class Allowance:
    """What a challenger's run may cost, beside what it cost the incumbent."""

    incumbent: Configuration
    cost: float
    """The incumbent's, on the same instance with the same seed."""
    most: float
    """More than this, and the run is of no use: the challenger is behind."""


@dataclass(frozen=True)
class Against:
    """The user's own settings beside the incumbent, for people."""

    cost: float
    """Aggregated, of the settings, on the pairs that both share."""
    incumbent_cost: float
    """The incumbent's, on the same."""
    pairs: int


@dataclass(frozen=True)
class Standing:
    """Where a race stands, for people."""

    incumbent: Configuration
    incumbent_cost: float | None
    """Aggregated cost on the pairs that incumbent and default share; None before the first one."""
    default: Configuration
    """The best default so far, where the leader chooses among solvers."""
    default_cost: float | None
    pairs: int
    """How many (instance, seed) pairs the two share."""
    configurations: int
    """How many have been tried."""
    runs: int
    solved: int
    flagged: Mapping[Configuration, str] = field(default_factory=dict)
    """Configurations with a response outside C, and why."""
    settings: Against | None = None
    """None without settings of the user's own, as long as they and the incumbent share no pair, and where they lead."""


class Leader(Protocol):
    """Chooses what to execute next and which configuration is the incumbent, from responses alone."""

    def due(self, count: int, remaining: float) -> list[Run]:
        """Return up to ``count`` runs to execute next, each once; fewer only when the race has to wait or is over.

        ``remaining``: wall seconds that the race still has.
        """
        ...

    def prepare(self) -> None:
        """Do some of the thinking for the next `due` ahead; called while all slots are busy."""
        ...

    def tell(self, run: Run, response: Response) -> None:
        """Take a response into account.

        A run that was told before is replaced (its claim was refuted later). A run that was never asked for is adopted:
        telling all stored responses in order rebuilds the leader.
        """
        ...

    def lost(self, elapsed: Mapping[Run, float]) -> list[Run]:
        """Return the runs that are under way and not worth going on with, each once: cancel them.

        ``elapsed``: seconds that runs have been executing. Nothing else may depend on it: it is not stored.
        """
        ...

    def allowance(self, run: Run) -> Allowance | None:
        """Return what a run under way may cost; None for one that is to be executed to its end, whatever it costs."""
        ...

    def standing(self) -> Standing:
        """Return where the race stands."""
        ...

    def paired(self) -> list[tuple[float, float]]:
        """Return what each instance costs the incumbent and the best default, on the pairs that both are known on.

        Costs over seeds are aggregated; pairs with a capped or disputed response are left out.
        """
        ...

    @property
    def incumbent(self) -> Configuration:
        """The best configuration so far."""
        ...

    @property
    def hopeless(self) -> bool:
        """Whether nothing can be solved within the cutoff: every default was executed on everything, in vain."""
        ...
