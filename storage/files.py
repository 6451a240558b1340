"""The files of models: written piece by piece, and published all at once.

A file belongs to an upload until that is published; from then on it is its model's. What an upload has written is seen
by nobody, and deleted when it ends otherwise: at once, or, when its process was killed, by others later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, or_, select, update

from storage import schema
from storage.database import Database
from storage.errors import StoreError, StoreFull, StoreRefused, StoreUnavailable

PIECE = 2**20
"""Bytes of a file that are kept, and read, at a time."""
BATCH = 8 * PIECE
"""Bytes that are written in one transaction, so that others who write to SQLite need not wait for long."""
ROW = 2**12
"""Bytes for which a piece counts besides its own."""
SPARE = 3 * BATCH
"""Bytes that are free before a batch is written: SQLite keeps it twice for a while, in its log and in its file."""
DELETED = 1000
"""Pieces that are deleted in one transaction, at most: fewer where they have more bytes than a batch."""
STALE = timedelta(hours=1)
"""An upload that has written nothing for so long is over: its process was killed."""
BRIEFLY = 5.0
"""Seconds that who has uploaded something spends on deleting what others have left."""

_files, _pieces, _uploads = schema.model_files.c, schema.model_pieces.c, schema.uploads.c
_IS_PUBLISHED = _files.upload.is_(None)


class Upload:
    """Files on their way into the store, as `uploading` makes one."""

    def __init__(self, database: Database) -> None:
        self.id = uuid4().hex
        self._database = database
        self._has_row = False
        self._files: list[dict[str, object]] = []
        """What is to be written next, and with it what follows."""
        self._pieces: list[dict[str, object]] = []
        self._size = 0

    def add(self, sha256: str, pieces: Iterable[bytes]) -> None:
        """Write a model's file, which comes in pieces of `PIECE` bytes at most."""
        file = uuid4().hex
        self._files.append({"id": file, "sha256": sha256, "upload": self.id})
        for position, piece in enumerate(pieces):
            self._pieces.append({"file": file, "position": position, "data": piece})
            self._size += len(piece) + ROW
            if self._size >= BATCH:
                self._check_room()
                with self._database.writing() as connection:
                    self._write(connection)
                self._has_row = True
                self._files, self._pieces, self._size = [], [], 0

    def _check_room(self) -> None:
        """Leave room enough for deleting what was written: a file of SQLite has to grow for that, too."""
        if self._database.room() < SPARE:
            raise StoreFull(
                f"{self._database.where}: less than {SPARE // 2**20} MiB are free on its disk, which is too little for "
                "an upload; free space on it, then send it again"
            )

    def publish(self, connection: Connection, sha256s: Iterable[str]) -> None:
        """Give models that have no file the ones that were written for them, in the caller's transaction.

        Args:
            connection: in whose transaction the models' own rows are there, and nobody else publishes.
            sha256s: of the models that have to have a file then.

        Raises:
            StoreUnavailable: nothing was written for so long that the upload was given up.
            StoreRefused: a model has no file: it had one when nothing was written for it.

        """
        if self._files or self._has_row:
            self._write(connection)
            there = schema.model_files.alias()
            new = _files.upload == self.id, ~exists().where(there.c.sha256 == _files.sha256, there.c.upload.is_(None))
            connection.execute(update(schema.model_files).where(*new).values(upload=None))
            left = connection.scalar(select(exists().where(_files.upload == self.id)))  # others were faster
            ends = update(schema.uploads).values(touched_at=None) if left else delete(schema.uploads)
            connection.execute(ends.where(_uploads.id == self.id))
        wanted = set(sha256s)
        if having(connection, wanted) != wanted:
            raise StoreRefused(f"{self._database.where}: a model was deleted while it was uploaded; send it again")

    def _write(self, connection: Connection) -> None:
        now = connection.scalars(select(self._database.now)).one()
        if self._has_row:
            mine = update(schema.uploads).where(_uploads.id == self.id, _uploads.touched_at.is_not(None))
            if connection.execute(mine.values(touched_at=now)).rowcount != 1:
                raise StoreUnavailable(f"{self._database.where}: the upload stood still for too long; send it again")
        else:
            connection.execute(insert(schema.uploads).values(id=self.id, touched_at=now))
        for table, rows in ((schema.model_files, self._files), (schema.model_pieces, self._pieces)):
            if rows:
                connection.execute(insert(table), rows)


@contextmanager
def uploading(database: Database) -> Iterator[Upload]:
    """Take files into the store: what is not published when the context ends is deleted."""
    upload = Upload(database)
    try:
        yield upload
    except BaseException as error:
        is_away = isinstance(error, StoreUnavailable) and not isinstance(error, StoreFull)
        if not is_away:  # else it would be waited for once more
            _give_up(database, upload.id)
        raise
    sweep(database, BRIEFLY)


def having(connection: Connection, sha256s: Iterable[str]) -> set[str]:
    """Return those of some models that have their file, by SHA-256."""
    return set(connection.scalars(select(_files.sha256).where(_files.sha256.in_(list(sha256s)), _IS_PUBLISHED)))


def find(connection: Connection, sha256: str) -> str | None:
    """Return the id of a model's file; None when it has none."""
    return connection.scalar(select(_files.id).where(_files.sha256 == sha256, _IS_PUBLISHED))


def read_piece(connection: Connection, file: str, position: int) -> bytes | None:
    """Return a part of a file; None behind its end."""
    data = connection.scalar(select(_pieces.data).where(_pieces.file == file, _pieces.position == position))
    return None if data is None else bytes(data)


def take_away(connection: Connection, sha256s: Iterable[str]) -> None:
    """Take the files of some models away from them; the next `sweep` deletes them."""
    gone = uuid4().hex
    connection.execute(insert(schema.uploads).values(id=gone, touched_at=None))
    theirs = update(schema.model_files).where(_files.sha256.in_(list(sha256s)), _IS_PUBLISHED)
    connection.execute(theirs.values(upload=gone))


def sweep(database: Database, seconds: float = math.inf) -> None:
    """Delete the files that are nobody's any more, some in each transaction.

    What cannot be deleted now, because the database is away, say, or the time is over, is by the next one.
    """
    end = time.monotonic() + seconds
    with suppress(StoreError):
        with database.reading() as connection:
            now = connection.scalars(select(database.now)).one()
            is_over = or_(_uploads.touched_at.is_(None), _uploads.touched_at < now - STALE)
            found = connection.scalars(select(_uploads.id).where(is_over)).all()
        for upload in found:
            _delete(database, upload, is_over, end)


def _give_up(database: Database, upload: str) -> None:
    """Delete what an upload has written; what cannot be deleted now is by a `sweep`."""
    with suppress(StoreError):
        _delete(database, upload, _uploads.id == upload)


def _delete(database: Database, upload: str, is_over: ColumnElement[bool], end: float = math.inf) -> None:
    """Delete what an upload that is over has left, until a time. Half of that is for others who want to write.

    Whoever waits for SQLite only looks now and then whether nobody writes.
    """
    while (began := time.monotonic()) < end and _delete_some(database, upload, is_over):
        time.sleep(time.monotonic() - began)


def _delete_some(database: Database, upload: str, is_over: ColumnElement[bool]) -> bool:
    """Delete some of what an upload that is over has left; return whether there may be more."""
    with database.writing() as connection:
        this = update(schema.uploads).where(_uploads.id == upload, is_over)
        if connection.execute(this.values(touched_at=None)).rowcount != 1:  # it goes on, or others were faster
            return False
        chosen = select(_pieces.file, _pieces.position, func.length(_pieces.data))
        theirs = chosen.join(schema.model_files, _files.id == _pieces.file).where(_files.upload == upload)
        some, size = [], 0
        for file, position, length in connection.execute(theirs.limit(DELETED)).all():
            if size < BATCH:
                some.append({"its": file, "at": position})
                size += length
        if some:
            these = _pieces.file == bindparam("its"), _pieces.position == bindparam("at")
            connection.execute(delete(schema.model_pieces).where(*these), some)
            return True
        connection.execute(delete(schema.model_files).where(_files.upload == upload))
        connection.execute(delete(schema.uploads).where(_uploads.id == upload))
        return False
