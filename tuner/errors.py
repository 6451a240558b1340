"""Errors named by what the caller does next. The command line turns each into an exit code."""


class TunerError(Exception):
    """An error for the user: the message says what is wrong, where, and what to do.

    Args:
        message: without a command in it.
        go_on: the words of the command that does what the message ends with, for ``tuner WORDS``; none where no command
            does. Whoever prints it adds the options that were given, such as the store.

    """

    exit_code = 5

    def __init__(self, message: str, *go_on: str) -> None:
        super().__init__(message)
        self.go_on = go_on


class UsageError(TunerError):
    """The request itself is wrong: change it and try again."""

    exit_code = 2


class NotFound(TunerError):
    """The job, file or configuration that was named does not exist: name another."""

    exit_code = 3


class Stopped(TunerError):
    """It was asked to stop before it was done: nothing is wrong, go on with ``tuner resume`` when it suits you."""

    exit_code = 130


class MissingExtra(TunerError):
    """A package that only some need is not installed: install it, then try again."""


class Failed(TunerError):
    """The work could not be done: mend what the message names, then go on with ``tuner resume``."""

    exit_code = 5
