"""The files of models: written piece by piece, and published all at once.

A file belongs to a model; or to an upload, before that is published and where it never will be. What an upload has
written is seen by nobody, and deleted when it ends otherwise: at once, or by the next one when its process was killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, or_, select, update

from storage import schema
from storage.database import Database
from storage.errors import StoreError, StoreRefused, StoreUnavailable

PIECE = 2**20
"""Bytes of a file that are kept, and read, at a time."""
BATCH = 8 * PIECE
"""Bytes that are written in one transaction, so that others who write to SQLite need not wait for long."""
DELETED = 64
"""Pieces that are deleted in one transaction."""
BRIEFLY = 5.0
"""Seconds that who has uploaded something spends on deleting what others have left."""
STALE = timedelta(minutes=10)
"""An upload that has written nothing for so long is over: its process was killed."""

_files, _pieces, _uploads = schema.model_files.c, schema.model_pieces.c, schema.uploads.c


class Upload:
    """Files on their way into the store, as `uploading` makes one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number: int | None = None
        """Of its row, as soon as something is written before all is published."""
        self._new: list[str] = []
        self._waiting: list[dict[str, object]] = []
        self._size = 0

    def add(self, pieces: Iterable[bytes]) -> str:
        """Write a file that comes in pieces of `PIECE` bytes at most; return its id."""
        file = uuid4().hex
        self._new.append(file)
        for position, piece in enumerate(pieces):
            self._waiting.append({"file": file, "position": position, "data": piece})
            self._size += len(piece)
            if self._size >= BATCH:
                with self._database.writing() as connection:
                    self._write(connection)
        return file

    def publish(self, connection: Connection, files: Mapping[str, str | None]) -> None:
        """Give models that have no file the ones that were written for them, in the caller's transaction.

        Args:
            connection: in whose transaction the models' own rows are there.
            files: by the model's SHA-256, what `add` returned; None where the model has a file.

        Raises:
            StoreUnavailable: nothing was written for so long that the upload was given up.
            StoreRefused: a model that had a file has none any more.

        """
        self._write(connection)
        given = update(schema.model_files).where(
            _files.id == bindparam("its"), ~exists().where(schema.model_files.alias().c.sha256 == bindparam("model"))
        )
        rows = [{"its": file, "model": sha256} for sha256, file in sorted(files.items()) if file is not None]
        if rows:
            connection.execute(given.values(sha256=bindparam("model"), upload=None), rows)
        having = select(func.count()).select_from(schema.model_files).where(_files.sha256.in_(list(files)))
        if connection.scalar(having) != len(files):
            raise StoreRefused(f"{self._database.where}: a model was deleted while it was uploaded; send it again")
        left = connection.scalar(select(exists().where(_files.upload == self._number)))  # written by two at once
        ends = update(schema.uploads).values(touched_at=None) if left else delete(schema.uploads)
        connection.execute(ends.where(_uploads.id == self._number))

    def _write(self, connection: Connection) -> None:
        """Write what waits for it."""
        now = connection.scalars(select(self._database.now)).one()
        if self._number is None:
            if not self._new:
                return
            begun = insert(schema.uploads).values(touched_at=now).returning(_uploads.id)
            self._number = connection.execute(begun).scalar_one()
        else:
            mine = update(schema.uploads).where(_uploads.id == self._number, _uploads.touched_at.is_not(None))
            if connection.execute(mine.values(touched_at=now)).rowcount != 1:
                raise StoreUnavailable(f"{self._database.where}: the upload stood still for too long; send it again")
        if self._new:
            connection.execute(insert(schema.model_files), [{"id": f, "upload": self._number} for f in self._new])
        if self._waiting:
            connection.execute(insert(schema.model_pieces), self._waiting)
        self._new, self._waiting, self._size = [], [], 0

    def give_up(self) -> None:
        """Leave what was written to the next `sweep`."""
        if self._number is not None:
            this = update(schema.uploads).where(_uploads.id == self._number)
            with suppress(StoreError), self._database.writing() as connection:
                connection.execute(this.values(touched_at=None))


@contextmanager
def uploading(database: Database) -> Iterator[Upload]:
    """Take files into the store: what is not published when the context ends is deleted."""
    upload = Upload(database)
    try:
        yield upload
    except BaseException:
        upload.give_up()
        sweep(database)
        raise
    sweep(database, BRIEFLY)


def read_piece(connection: Connection, sha256: str, position: int) -> bytes | None:
    """Return a part of a model's file; None behind its end."""
    chosen = select(_pieces.data).join(schema.model_files, _files.id == _pieces.file)
    data = connection.scalar(chosen.where(_files.sha256 == sha256, _pieces.position == position))
    return None if data is None else bytes(data)


def has_file(connection: Connection, sha256: str) -> bool:
    """Whether a model with this SHA-256 has its file."""
    return bool(connection.scalar(select(exists().where(_files.sha256 == sha256))))


def take_away(connection: Connection, sha256s: Iterable[str]) -> None:
    """Take the files of some models away from them; the next `sweep` deletes them."""
    gone = connection.execute(insert(schema.uploads).values(touched_at=None).returning(_uploads.id)).scalar_one()
    theirs = update(schema.model_files).where(_files.sha256.in_(list(sha256s)))
    connection.execute(theirs.values(sha256=None, upload=gone))


def sweep(database: Database, seconds: float = math.inf) -> None:
    """Delete the files that belong to nothing any more, some in each transaction.

    What cannot be deleted now, because the database is away, say, or the time is over, is by the next one.
    """
    end = time.monotonic() + seconds
    with suppress(StoreError):
        with database.reading() as connection:
            now = connection.scalars(select(database.now)).one()
            is_over = or_(_uploads.touched_at.is_(None), _uploads.touched_at < now - STALE)
            numbers = connection.scalars(select(_uploads.id).where(is_over).order_by(_uploads.id)).all()
        for number in numbers:
            while _sweep(database, number, is_over):
                if time.monotonic() > end:
                    return


def _sweep(database: Database, number: int, is_over: ColumnElement[bool]) -> bool:
    """Delete some of what an upload that is over has left; return whether there may be more."""
    with database.writing() as connection:
        this = update(schema.uploads).where(_uploads.id == number, is_over)
        if connection.execute(this.values(touched_at=None)).rowcount != 1:  # it goes on, or others have swept it
            return False
        chosen = select(_pieces.file, _pieces.position).join(schema.model_files, _files.id == _pieces.file)
        found = connection.execute(chosen.where(_files.upload == number).limit(DELETED)).all()
        if found:
            these = delete(schema.model_pieces).where(
                _pieces.file == bindparam("f"), _pieces.position == bindparam("p")
            )
            connection.execute(these, [{"f": file, "p": position} for file, position in found])
            return True
        connection.execute(delete(schema.model_files).where(_files.upload == number))
        connection.execute(delete(schema.uploads).where(_uploads.id == number))
        return False
