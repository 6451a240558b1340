"""Which responses of a job are told as they come in: those that are wrong, disputed or settled. The rest is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from storage.records import Check, Configuration, Job, Response, Run
from tuner.commands import counted
from tuner.verdict.reproduce import reproducing_line

MOST_TOLD = 50
"""Of each kind of wrong response, those that are told in full; what comes later is counted."""
SETTLED = "settled"


class News:
    """What was told of a job's responses.

    A wrong response is told once for its configuration and model, and no more than `MOST_TOLD` of each kind. A model is
    told once to be disputed, and once to be settled: later runs may bring other disputes.
    """

    def __init__(self, job: Job, names: Mapping[str, str], paths: Mapping[str, str]) -> None:
        """Have nothing told.

        Args:
            job: whose responses are told.
            names: of its models, by SHA-256.
            paths: of its models as they were submitted, by SHA-256.

        """
        self._job, self._names, self._paths = job, names, paths
        self._disputes: set[tuple[str, bool]] = set()
        """The models of which a dispute (True), or its end, was told."""
        self._told: dict[str, set[tuple[Configuration, str]]] = defaultdict(set)
        """Configurations and models of which a wrong response was told, by its kind."""
        self._more: dict[str, Counter[tuple[Configuration, str]]] = defaultdict(Counter)
        """How many were wrong since the last `rest` that were not told."""

    def remember(self, run: Run, response: Response) -> None:
        """Take a response for told that was stored before this process went on with the job."""
        if not response.feasible:
            self._told[_kind(response)].add((run.configuration, run.instance))

    def of(self, run: Run, response: Response, newest: Run) -> tuple[str, str] | None:
        """Return the kind of a response and what to tell of it; None when it is not told.

        Args:
            run: that was executed.
            response: as it is judged now.
            newest: the run that has just ended, by which others may be judged again.

        """
        if not (self._is_first_wrong(run, response) if not response.feasible else self._is_news(run, response, newest)):
            return None
        is_settled = response.feasible and response.check is not Check.DISPUTED  # it was disputed before
        kind = SETTLED if is_settled else _kind(response)
        reason = "what disputed it is refuted" if is_settled else response.reason or response.raw_status
        line = reproducing_line(run, self._paths[run.instance], self._job)
        return kind, f"{run.configuration} on {self._names[run.instance]}: {reason}\n  {line}"

    def rest(self) -> Iterator[tuple[str, str]]:
        """Yield for each kind how many responses were wrong and not told since this was asked last."""
        for kind, more in self._more.items():
            configurations, models = ({pair[place] for pair in more} for place in (0, 1))
            yield (
                kind,
                f"{counted(more.total(), 'more run')} of {counted(len(configurations), 'configuration')} on "
                f"{counted(len(models), 'model')}; the job's responses have them all",
            )
        self._more.clear()

    def _is_first_wrong(self, run: Run, response: Response) -> bool:
        kind, pair = _kind(response), (run.configuration, run.instance)
        told = self._told[kind]
        if pair in told or len(told) >= MOST_TOLD:
            self._more[kind][pair] += 1
            return False
        told.add(pair)
        return True

    def _is_news(self, run: Run, response: Response, newest: Run) -> bool:
        """Whether a response is the first on its model that is disputed, or that is so no longer."""
        is_disputed = response.check is Check.DISPUTED
        if not is_disputed and run == newest:
            return False
        is_first = (run.instance, is_disputed) not in self._disputes
        self._disputes.add((run.instance, is_disputed))
        return is_first


def _kind(response: Response) -> str:
    is_check = response.check in (Check.REFUTED, Check.DISPUTED)
    return response.check.value if is_check else response.termination.value
