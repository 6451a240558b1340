"""Which store the user means."""

from __future__ import annotations

import os

from storage.store import Store

DEFAULT_STORE = "sqlite:///tuner.db"


def store_url(url: str | None) -> str:
    """Return the URL that was given, else $TUNER_STORE, else the SQLite file tuner.db in the working directory."""
    return url or os.environ.get("TUNER_STORE") or DEFAULT_STORE


def open_store(url: str | None) -> Store:
    """Open the store, a context manager; it is made or upgraded when that is needed.

    Raises:
        storage.errors.StoreError: it cannot be reached, or is none of ours.

    """
    return Store.open(store_url(url))
