"""Parts that only some need, with large packages behind them: installed by name, pip install 'tuner[parquet]'."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from tuner.errors import MissingExtra


@dataclass(frozen=True)
class Extra:
    """A part that needs packages of its own."""

    name: str
    what: str
    """What cannot be had without it."""
    modules: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules that are not installed."""
        return tuple(module for module in self.modules if find_spec(module) is None)

    @property
    def is_there(self) -> bool:
        """Whether all of its packages are installed."""
        return not self.missing

    @property
    def advice(self) -> str:
        """How to install it."""
        return f"pip install 'tuner[{self.name}]'"

    def need(self) -> None:
        """Raise MissingExtra, which says what to install, where a package is not installed."""
        if missing := self.missing:
            names = " and ".join(module.replace("_", "-") for module in missing)
            raise MissingExtra(f"{self.what} needs {names}: {self.advice}")


PARQUET = Extra("parquet", "Parquet", ("pyarrow",))
DASHBOARD = Extra("dashboard", "Optuna's dashboard", ("optuna_dashboard", "a2wsgi"))
PLOTS = Extra("plots", "A figure on a page", ("plotly",))
EXTRAS = (PARQUET, DASHBOARD, PLOTS)
