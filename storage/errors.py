"""Errors of the store, named by what the caller can do next."""


class StoreError(Exception):
    """Something about the store; the message says what, where and what to do.

    Args:
        message: for those who operate the store.
        is_drivers: whether it quotes the database's driver, which may tell of hosts, tables and rows.

    """

    def __init__(self, message: str = "", *, is_drivers: bool = False) -> None:
        super().__init__(message)
        self.is_drivers = is_drivers


class StoreUnavailable(StoreError):
    """The database cannot be reached, written or is full: mend that and go on, nothing that was kept is lost."""


class StoreFull(StoreUnavailable):
    """The database has no room for more: free some space and go on; what was kept is there, and can be read."""


class StoreUnusable(StoreError):
    """The URL names something that is no store of ours, or one of a newer version: name another or upgrade."""


class StoreRefused(StoreError):
    """What was handed in contradicts what is kept, such as a run on an instance of no part: a fault of the caller."""


class UnknownJob(StoreError):
    """No job has this id or name."""


class NameTaken(StoreError):
    """Another job has this name already."""


class JobBusy(StoreError):
    """Another process owns the job at the moment."""


class JobOver(StoreError):
    """The job is finished: there is nothing to go on with, read its verdict."""


class UnknownSet(StoreError):
    """No instance set has this id."""


class UnknownToken(StoreError):
    """No token has this id."""


class JobHeld(StoreError):
    """The job was cancelled: there is nothing to go on with."""


class RequestDiffers(StoreError):
    """The same idempotency key came with another request before."""


class AboveLimit(StoreError):
    """It asks for more than one owner may have: ask for less."""


class TooManyJobs(StoreError):
    """Its owner has as many unfinished jobs as one owner may have: wait, or cancel one."""


class StorageUsedUp(StoreError):
    """Its owner has kept as many bytes as one owner may: delete what is no longer needed."""
