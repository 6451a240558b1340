"""Which store the user means."""

from __future__ import annotations

import os
from pathlib import Path

from storage.database import printable
from storage.store import Store
from tuner.errors import NotFound

DEFAULT_STORE = "sqlite:///tuner.db"


def store_url(url: str | None) -> str:
    """Return the URL that was given, else $TUNER_STORE, else the SQLite file tuner.db in the working directory."""
    return url or os.environ.get("TUNER_STORE") or DEFAULT_STORE


def printed_url(url: str | None) -> str:
    """Return the URL of the store that is meant, without its password."""
    return printable(store_url(url))


def store_exists(url: str | None) -> bool:
    """Whether there is a store already; one that could not be opened or made raises. Nothing is made or changed.

    Raises:
        storage.errors.StoreError: it cannot be reached or written, or is none of ours.

    """
    return Store.exists(store_url(url))


def open_store(url: str | None) -> Store:
    """Open the store, a context manager; it is made or upgraded when that is needed.

    Raises:
        storage.errors.StoreError: it cannot be reached, or is none of ours.

    """
    return Store.open(store_url(url))


def existing_store(url: str | None) -> Store:
    """Open a store to read what it has: as `open_store`, but NotFound when there is no such file of SQLite yet."""
    named = store_url(url)
    path = Path(named.removeprefix("sqlite:///"))
    if named.startswith("sqlite:///") and path.parent.is_dir() and not path.exists():
        raise NotFound(f"{named}: there is no store; tuner tune makes one, --store or $TUNER_STORE names another")
    return Store.open(named)
