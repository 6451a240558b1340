"""Who may use a server. Only a token's SHA-256 is kept; all inside the caller's transaction."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from storage import schema
from storage.database import Database
from storage.errors import UnknownToken
from storage.records import Scope, Token

PREFIX = "tuner_"
"""What a token begins with, so that one in the wrong place is recognised."""

_tokens = schema.tokens.c


def insert_token(connection: Connection, name: str, owner: str, scope: Scope) -> tuple[Token, str]:
    """Make a token; return what is kept of it, and itself, which cannot be had again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "owner": owner, "scope": scope.value, "created_at": datetime.now(UTC)}
    inserted = insert(schema.tokens).values(**row, digest=digest_of(secret)).returning(schema.tokens)
    return _token_of(connection.execute(inserted).one()), secret


def digest_of(secret: str) -> str:
    """Return what is kept of a token. (It is random enough that no salt and no slow hash are needed.)"""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def read_tokens(connection: Connection) -> list[Token]:
    """Return all tokens, revoked ones too, the oldest first."""
    return [_token_of(row) for row in connection.execute(select(schema.tokens).order_by(_tokens.id))]


def read_token(connection: Connection, secret: str) -> Token | None:
    """Return what a token allows; None for one that was revoked or never made.

    It is looked up by its digest, so that how long it takes says nothing of the token's characters.
    """
    chosen = select(schema.tokens).where(_tokens.digest == digest_of(secret), _tokens.revoked_at.is_(None))
    row = connection.execute(chosen).first()
    return None if row is None else _token_of(row)


def revoke(connection: Connection, database: Database, number: int) -> None:
    """Make a token useless, for good; UnknownToken when there is none with this id."""
    change = update(schema.tokens).where(_tokens.id == number)
    if connection.execute(change.values(revoked_at=func.coalesce(_tokens.revoked_at, datetime.now(UTC)))).rowcount != 1:
        raise UnknownToken(f"{database.where}: there is no token {number}")


def _token_of(row: Row[Any]) -> Token:
    return Token(row.id, row.name, row.owner, Scope(row.scope), row.created_at, row.revoked_at)
