"""What a service shares: models that were uploaded, sets of them, and tokens. A part of the store.

Files of models are written in many transactions, of which only the last one shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import TypeVar

from sqlalchemy import Connection

from storage import deletion, files, limits, sets, tokens
from storage.backend import Backend
from storage.errors import StoreError, StoreRefused
from storage.records import InstanceSet, ModelContent, Scope, Token

T = TypeVar("T")


class Library(Backend):
    """The models, sets and tokens of a store."""

    def keep_model(self, owner: str, model: ModelContent, pieces: Iterable[bytes]) -> None:
        """Keep a model's file, in pieces of `storage.files.PIECE` at most, and that the owner has it.

        No piece is taken when the file is there already, whoever uploaded it. It is written in several transactions,
        but nothing of it is there for anybody until all of it is.
        """
        self._keep(owner, [model], [(model.sha256, pieces)], lambda _: None)

    def _keep(
        self,
        owner: str,
        models: Sequence[ModelContent],
        contents: Iterable[tuple[str, Iterable[bytes]]],
        then: Callable[[Connection], T],
    ) -> T:
        """Keep models, and do something more in the transaction after which they are there."""
        with self._database.reading() as connection:
            limits.check_stored(connection, self._database, owner)
            there = files.having(connection, (model.sha256 for model in models))
        with files.uploading(self._database) as upload:
            for sha256, pieces in contents:
                if sha256 not in there:
                    upload.add(sha256, pieces)
                    there.add(sha256)
            with self._writing_models() as connection:
                sets.insert_models(connection, self._database, owner, models)
                upload.publish(connection, (model.sha256 for model in models))
                limits.check_stored(connection, self._database, owner)
                return then(connection)

    @contextmanager
    def _writing_models(self) -> Iterator[Connection]:
        """Open a transaction in which nobody else publishes or deletes models."""
        with self._database.writing() as connection:
            self._database.one_at_a_time(connection, "models")
            yield connection

    def models(self, owner: str, sha256s: Iterable[str]) -> dict[str, ModelContent]:
        """Return those of some models that the owner has uploaded, by SHA-256."""
        with self._database.reading() as connection:
            return sets.owned(connection, owner, sha256s)

    def model(self, sha256: str) -> Iterator[bytes]:
        """Yield a model's file piece by piece; nothing when it is not there.

        Raises StoreRefused when it is deleted meanwhile.
        """
        with self._database.reading() as connection:
            file = files.find(connection, sha256)
        if file is None:
            return
        for position in count():
            with self._database.reading() as connection:
                piece = files.read_piece(connection, file, position)
                if piece is None and files.find(connection, sha256) != file:
                    raise StoreRefused(f"{self._database.where}: model {sha256} was deleted while it was read")
            if piece is None:
                return
            yield piece

    def create_instance_set(self, owner: str, name: str, members: Sequence[tuple[str, str]]) -> InstanceSet:
        """Make a set of models that the owner has uploaded.

        Args:
            owner: whose it is.
            name: for people.
            members: each model's name in the set, and its SHA-256.

        Raises:
            StoreRefused: a model was not uploaded, or a name comes twice.
            StorageUsedUp: its names do not fit into what is left of its owner's space.

        """
        with self._writing_models() as connection:
            made = self._insert_set(connection, owner, name, members)
        self._delete_unused(owner)
        return made

    def keep_set(
        self,
        owner: str,
        name: str,
        members: Sequence[tuple[str, ModelContent]],
        contents: Iterable[tuple[str, Iterable[bytes]]],
    ) -> InstanceSet:
        """Keep the files of models and make a set of them: all of it is kept, or nothing, as by `keep_model`.

        Args:
            owner: whose it is.
            name: for people.
            members: each model's name in the set, and what it is.
            contents: their SHA-256 and their files, in any order, in pieces as for `keep_model`; those of one are taken
                before the next one is.

        Raises StoreRefused when a name comes twice.
        """
        named = [(each, model.sha256) for each, model in members]
        made = self._keep(
            owner,
            [model for _, model in members],
            contents,
            lambda connection: self._insert_set(connection, owner, name, named),
        )
        self._delete_unused(owner)
        return made

    def _insert_set(
        self, connection: Connection, owner: str, name: str, members: Sequence[tuple[str, str]]
    ) -> InstanceSet:
        made = sets.insert_set(connection, self._database, owner, name, members)
        limits.check_stored(connection, self._database, owner)
        return made

    def _delete_unused(self, owner: str) -> None:
        """Delete models of which their owner makes no set; where that fails, it is done the next time."""
        with suppress(StoreError):
            with self._writing_models() as connection:
                sets.delete_unused(connection, owner)
            files.sweep(self._database, files.BRIEFLY)

    def sweep(self) -> None:
        """Delete what uploads that were killed and jobs that were deleted have left."""
        files.sweep(self._database)
        deletion.sweep(self._database)

    def instance_sets(self, owner: str | None = None) -> list[InstanceSet]:
        """Return an owner's sets, or everybody's, the newest first, without their members."""
        with self._database.reading() as connection:
            return sets.read_sets(connection, owner)

    def instance_set(self, number: int) -> InstanceSet:
        """Return a set with its members; UnknownSet when there is none with this id."""
        with self._database.reading() as connection:
            return sets.read_set(connection, self._database, number)

    def delete_instance_set(self, number: int) -> None:
        """Delete a set, and the models that are in no other one.

        Raises:
            StoreRefused: a job needs it.
            UnknownSet: there is none with this id.

        """
        with self._writing_models() as connection:
            sets.delete_set(connection, self._database, number)
        files.sweep(self._database)

    def delete_model(self, owner: str, sha256: str) -> None:
        """Take a model from its owner that is in none of his sets; its file goes when it is nobody's then.

        Raises StoreRefused when it is in a set, or is none of his.
        """
        with self._writing_models() as connection:
            sets.delete_model(connection, self._database, owner, sha256)
        files.sweep(self._database)

    def create_token(self, name: str, owner: str, scope: Scope) -> tuple[Token, str]:
        """Make a token; return what is kept of it, and itself, which cannot be had again."""
        with self._database.writing() as connection:
            return tokens.insert_token(connection, name, owner, scope)

    def token(self, secret: str) -> Token | None:
        """Return what a token allows; None for one that was revoked or never made."""
        with self._database.reading() as connection:
            return tokens.read_token(connection, secret)

    def tokens(self) -> list[Token]:
        """Return all tokens, revoked ones too, the oldest first."""
        with self._database.reading() as connection:
            return tokens.read_tokens(connection)

    def revoke_token(self, number: int) -> None:
        """Make a token useless, for good; UnknownToken when there is none with this id."""
        with self._database.writing() as connection:
            tokens.revoke(connection, self._database, number)
