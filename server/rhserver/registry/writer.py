"""One writer at a time, and one commit for all that wait meanwhile.

A commit waits for the disk, which takes longer than all the rest of a write. So whoever has had their turn leaves the
transaction open for the next in line, and the last commits for all. Nobody is told that anything is saved, or hears of
what another has saved, before it is committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError, OperationalError

_BATCH = 64


class _Batch:
    """The turns that are committed together."""

    def __init__(self, connection: Connection, transaction: RootTransaction) -> None:
        self.connection = connection
        self.transaction = transaction
        self.turns = 0
        self.undone = False
        self.committed = threading.Event()
        self.problem: BaseException | None = None
        self.failure = ""  # of the database in one of them, such as a disk that is full


def plain(error: BaseException) -> str:
    """What a database says of a failure, in one line."""
    said = error.orig if isinstance(error, DBAPIError) else error
    lines = str(said).strip().splitlines() or [type(said).__name__]
    return lines[0].rstrip(".")


class Writer:
    """Gives turns to threads.

    Args:
        engine: what connects; its transactions exclude writers of other processes after `begun`.
        begun: called with the connection at the beginning of each transaction.
        committed: called after each commit, by the thread that made it.

    Attributes:
        failure: why the database did not take what was last written; empty where it did.
    """

    def __init__(self, engine: Engine, begun: Callable[[Connection], None], committed: Callable[[], None]) -> None:
        self._engine = engine
        self._begun = begun
        self._committed = committed
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._batch: _Batch | None = None
        self.failure = ""

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """The connection that may write; ends when it is committed. An error undoes this turn alone."""
        batch = self._enter()
        try:
            try:
                with self._undoable(batch):
                    yield batch.connection
            except BaseException as error:
                batch.undone = batch.turns == 0
                if isinstance(error, OperationalError):
                    batch.failure = plain(error)
                raise
            finally:
                self._leave(batch)
        finally:
            # an error, too, may tell of what another turn of this transaction has saved
            batch.committed.wait()
            if batch.problem is not None:
                raise batch.problem

    @staticmethod
    def _undoable(batch: _Batch) -> AbstractContextManager[object]:
        """What undoes a turn alone. The first, as most are, is undone with its transaction: nothing else is in it."""
        return batch.connection.begin_nested() if batch.turns else nullcontext()

    def _enter(self) -> _Batch:
        with self._count:
            self._waiting += 1
        self._turn.acquire()
        with self._count:
            self._waiting -= 1
        try:
            self._batch = self._batch or self._begin()
        except BaseException as error:
            self.failure = plain(error)
            self._turn.release()
            raise
        return self._batch

    def _begin(self) -> _Batch:
        connection = self._engine.connect()
        try:
            batch = _Batch(connection, connection.begin())
            self._begun(connection)
        except BaseException:
            connection.close()
            raise
        return batch

    def _leave(self, batch: _Batch) -> None:
        batch.turns += 1
        with self._count:
            others = self._waiting > 0
        if others and batch.turns < _BATCH and not batch.undone:
            self._turn.release()  # whoever waits goes on in this transaction, and leaves here in turn
            return
        try:
            if batch.undone:
                batch.transaction.rollback()
                self.failure = batch.failure or self.failure
            else:
                batch.transaction.commit()
                self.failure = batch.failure
                self._committed()
        except BaseException as error:
            batch.problem = error
            self.failure = plain(error)
            batch.connection.invalidate()  # SQLite would keep the transaction that it could not commit
        finally:
            self._batch = None
            batch.connection.close()
            batch.committed.set()
            self._turn.release()
