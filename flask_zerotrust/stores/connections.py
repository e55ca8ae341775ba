"""SQLite connections that are safe among threads and across forks."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask_zerotrust.errors import StoreError

# How long one writer waits for another. A write takes some 30 us, so this is a stuck disk.
_BUSY_S = 5.0
# Processes that start together may refuse each other the change to a write-ahead log at once. No try
# begins later than this: a server whose file stays locked must say so before its own start times out.
_PREPARE_S = 5.0
_PREPARE_PAUSE_S = 0.05

_Idle = deque[tuple[int, sqlite3.Connection]]


class Connections:
    """Connections to one file. Each is used by one thread at a time, in the process that opened it.

    There are never more than threads at work at once, and a thread that ends leaves none behind
    (the development server starts one a request). No lock is held, so none can be inherited locked.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._prepared: tuple[int, int] | None = None
        self._idle: _Idle = deque()
        _everyones.append(weakref.ref(self, _everyones.remove))
        weakref.finalize(self, _close_all, self._idle)

    @contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection, and take it back unless the block left a transaction open."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.give(connection)

    def take(self) -> sqlite3.Connection:
        """Return a connection, to be given back. :meth:`borrow` does both.

        Raises
        ------
        StoreError
            If the prepared file is gone. Open connections would go on with a file that nobody else
            sees, and a new one with a file that forgot everything.
        """
        if self._prepared is not None and _identity(self._file) != self._prepared:
            raise StoreError(
                f"The store {str(self._file)!r} was removed or replaced while it was in use. "
                "Put it back, or restart the server; without it everyone is asked for a code again."
            )
        return _own(self._idle) or self._connect()

    def give(self, connection: sqlite3.Connection) -> None:
        """Take a connection back, unless a transaction was left open in it."""
        if connection.in_transaction:
            connection.close()
        else:
            self._idle.append((os.getpid(), connection))

    def prepare(self, tables: str, *, layout: int) -> None:
        """Make the tables, several processes at once if need be, and leave nothing open.

        A server may fork its workers right after this.
        """
        until = time.monotonic() + _PREPARE_S
        while True:
            try:
                with self.borrow() as connection:
                    _prepare(connection, tables, layout)
                break
            except sqlite3.OperationalError as error:
                if time.monotonic() > until or "locked" not in str(error):
                    raise
                time.sleep(_PREPARE_PAUSE_S)
        self._prepared = _identity(self._file)
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        _close_all(self._idle)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        # Deleted and replaced rows are overwritten: an erased profile must not stay readable in the file.
        connection.execute("PRAGMA secure_delete = ON").fetchone()
        return connection


#: Connections inherited by a fork. Neither used nor closed: either could harm the parent's.
_inherited: list[sqlite3.Connection] = []
_everyones: list[weakref.ref[Connections]] = []


def _prepare(connection: sqlite3.Connection, tables: str, layout: int) -> None:
    (result,) = connection.execute("PRAGMA user_version").fetchone()
    if result not in (0, layout):
        raise StoreError(
            f"The store has layout {result}, this version of the package writes layout {layout}. "
            "Stop the server, move the file away (people will be asked for a code again) and start."
        )
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if result != layout:  # else nothing is written, so that an app starts while somebody else writes
        connection.executescript(tables)


def _identity(file: Path) -> tuple[int, int] | None:
    """Return the identity of a file among others of the same name. None where there is none."""
    try:
        result = os.stat(file)
    except OSError:
        return None
    return result.st_dev, result.st_ino


def _own(idle: _Idle) -> sqlite3.Connection | None:
    """Take a connection off the heap, passing over those that a parent process opened."""
    while idle:
        try:
            pid, connection = idle.pop()
        except IndexError:  # another thread took the last one
            return None
        if pid == os.getpid():
            return connection
        _inherited.append(connection)
    return None


def _close_all(idle: _Idle) -> None:
    while connection := _own(idle):
        connection.close()


def _close_everyones() -> None:
    """Close idle connections before a fork: SQLite's locks do not survive it (sqlite.org/howtocorrupt)."""
    for pool in [ref() for ref in _everyones]:
        if pool is not None:
            pool.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_everyones)
