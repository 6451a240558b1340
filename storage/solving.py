"""Jobs that solve a bilevel problem: the follower's answers, and where the solution stands. A part of the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from storage import answers, jobs
from storage.backend import Backend
from storage.chunks import chunks
from storage.lease import Lease
from storage.records import Answer, Bracket, Environment, StoredAnswer


class Solving(Backend):
    """What jobs that solve bilevel problems have found."""

    def record_answer(self, lease: Lease, answer: Answer, elapsed: float, environment: Environment) -> int:
        """Keep the follower's answer to a choice and return its id.

        Args:
            lease: of a job that solves a bilevel problem.
            answer: what was answered.
            elapsed: seconds of the job's budget that are spent.
            environment: where the follower was executed.

        """
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, elapsed)
            place = self._environments.keep(connection, environment)
            number = answers.insert_answer(connection, lease.job_id, answer, elapsed, place, datetime.now(UTC))
        self._environments.remember(environment, place)
        return number

    def set_bracket(self, lease: Lease, bracket: Bracket, elapsed: float) -> None:
        """Note where a job that solves a bilevel problem stands."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, elapsed)
            answers.replace_bracket(connection, lease.job_id, bracket)

    def bracket(self, job_id: int) -> Bracket | None:
        """Return where a job that solves a bilevel problem stands; None before its first answer."""
        with self._database.reading() as connection:
            return answers.read_bracket(connection, job_id)

    def answers(self, job_id: int, *, since: int = 0, limit: int | None = None) -> Iterator[StoredAnswer]:
        """Iterate over the answers of a job in the order they were stored.

        Args:
            job_id: of the job.
            since: only those with a greater id.
            limit: at most so many.

        """
        for wanted in chunks(limit):
            with self._database.reading() as connection:
                rows = answers.read_answers(connection, job_id, since, wanted)
                places = self._environments.read(connection, (row.environment for row in rows))
                found = answers.stored_answers(connection, rows, places)
            yield from found
            if len(rows) < wanted:
                return
            since = rows[-1].id

    def count_answers(self, job_id: int) -> dict[str, int]:
        """Return how many choices of a job were answered, by what became of them."""
        with self._database.reading() as connection:
            return answers.count_answers(connection, job_id)

    def name_reactions(self, lease: Lease, names: Sequence[str]) -> None:
        """Note what the follower's variables are called, in the order that answers have their values in."""
        with self._database.writing() as connection:
            jobs.spend(connection, self._database, lease, 0.0)
            answers.replace_names(connection, lease.job_id, names)

    def reaction_names(self, job_id: int) -> list[str]:
        """Return what the follower's variables are called; nothing before somebody has read the problem."""
        with self._database.reading() as connection:
            return answers.read_names(connection, job_id)
