"""The store: jobs, the responses of their runs, and what came of them. One transaction per method.

What a method wrote is kept when it returns, also when the process is killed in the next instant; what it did not
finish is not there at all. (SQLite is not synced on every write: a loss of power may take the last seconds.)
"""

from __future__ import annotations

from typing import Self

from storage.database import Database
from storage.history import History
from storage.job_queue import JobQueue
from storage.library import Library
from storage.migrations import bring_up_to_date, is_there
from storage.ownership import Ownership
from storage.responses import Responses
from storage.solving import Solving


class Store(JobQueue, Responses, History, Solving, Library, Ownership):
    """A database of jobs, in SQLite or PostgreSQL. Its parts share a `Backend`, and none of them needs another.

    Every method may raise `StoreUnavailable`: nothing that was kept is lost, and the same call may be made again.
    Those that take a lease raise `JobBusy` when the job was given back, or another process took it over.
    """

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at a URL such as ``sqlite:///tuner.db``; create it, or upgrade its schema, where needed.

        Raises:
            StoreUnusable: the URL is none, or names the database of another program or of a newer version.
            StoreUnavailable: the database cannot be reached or written.

        """
        database = Database(url)
        try:
            bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def exists(cls, url: str) -> bool:
        """Whether there is a store at the URL already: nothing is made or changed.

        Raises as `open`: also where there is none yet, and none could be made.
        """
        database = Database(url)
        try:
            return is_there(database)
        finally:
            database.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The URL with its driver, and its password if any: what Optuna is to be given for the same database."""
        return self._database.url.render_as_string(hide_password=False)

    @property
    def where(self) -> str:
        """What messages begin with that say which store it is: its URL without a password."""
        return self._database.where
