"""Errors about models and folders of models."""


class UnreadableModel(Exception):
    """A file could not be read as a MILP; the message says which file, where in it and why."""


class NoInstances(Exception):
    """A folder holds no model that can be used; the message says what was looked for."""
