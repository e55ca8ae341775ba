"""A store in one SQLite file: several threads and processes of one machine share it."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.stores.connections import Connections

# RETURNING came with this release (2021-03).
_OLDEST_SQLITE = (3, 35, 0)
_LAYOUT = 1
# A sweep removes more rows than the writes between two sweeps can add, so the file stops growing.
_SWEEP_EVERY = 64
_SWEEP_ROWS = 128
# Each try waits as long as one writer waits for another.
_ERASE_TRIES = 3

_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS rows (
    key TEXT PRIMARY KEY, value, owner TEXT, expires_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS rows_by_owner ON rows (owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS rows_by_end ON rows (expires_at);
CREATE TABLE IF NOT EXISTS entries (
    log TEXT NOT NULL, number INTEGER NOT NULL, entry BLOB NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (log, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires_at);
PRAGMA user_version = {_LAYOUT};
COMMIT;
"""

# One statement is one transaction, so none of these can be overtaken half-way.
_PUT = (
    "INSERT INTO rows VALUES (:key, :value, :owner, :end) ON CONFLICT (key) DO UPDATE "
    "SET value = excluded.value, owner = excluded.owner, expires_at = excluded.expires_at"
)
_PUT_NEW = _PUT + " WHERE rows.expires_at <= :now RETURNING 1"
_INCREMENT = (
    "INSERT INTO rows VALUES (:key, 1, NULL, :end) ON CONFLICT (key) DO UPDATE SET "
    "value = CASE WHEN rows.expires_at <= :now THEN 1 ELSE rows.value + 1 END, "
    "owner = CASE WHEN rows.expires_at <= :now THEN NULL ELSE rows.owner END, "
    "expires_at = CASE WHEN rows.expires_at <= :now THEN :end ELSE rows.expires_at END "
    "WHERE typeof(rows.value) = 'integer' OR rows.expires_at <= :now RETURNING value"
)
_SWAP = (
    "UPDATE rows SET value = :value, owner = :owner, expires_at = :end "
    "WHERE key = :key AND value = :old AND expires_at > :now RETURNING 1"
)
_APPEND = (
    # An empty log goes on where time is, in ms, so that no reader has seen its numbers before.
    "INSERT INTO entries SELECT :log, coalesce(max(number), cast(:now * 1000 AS INTEGER)) + 1, "
    ":entry, :end "
    "FROM entries WHERE log = :log "
    "RETURNING number, (SELECT min(number) FROM entries WHERE log = :log)"
)
_SWEEP = (
    "DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE expires_at <= :now LIMIT :most)",
    "DELETE FROM entries WHERE (log, number) IN "
    "(SELECT log, number FROM entries WHERE expires_at <= :now LIMIT :most)",
)


class SQLiteStore:
    """Rows in a SQLite file with a write-ahead log, readable by nobody but its owner.

    Parameters
    ----------
    file : path
        The database. Its folder must be there and be writable.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    ConfigError
        When the file cannot be made or opened.
    """

    def __init__(self, file: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise ConfigError(
                f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed. Use a newer Python."
            )
        self._file = Path(file).absolute()
        self._clock = clock
        self._writes = itertools.count()
        _make_private(self._file)
        self._connections = Connections(self._file)
        try:
            self._connections.prepare(_TABLES, layout=_LAYOUT)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def get(self, key: str) -> bytes | None:
        """Return the value. Of a counter its decimal digits. None when there is none."""
        result = self._run("SELECT value FROM rows WHERE key = :key AND expires_at > :now", key=key)
        return _as_bytes(result[0][0]) if result else None

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the result of :meth:`get` for each key, by one statement."""
        named = {f"key_{i}": key for i, key in enumerate(keys)}
        places = ", ".join(":" + name for name in named)  # no key, so that none is read as SQL
        statement = f"SELECT key, value FROM rows WHERE key IN ({places}) AND expires_at > :now"  # noqa: S608
        result = self._run(statement, **named)
        values = {key: _as_bytes(value) for key, value in result}
        return [values.get(key) for key in keys]

    def put(self, key: str, value: bytes, *, ttl_s: float, owner: str | None = None) -> None:
        """Write the value, whatever was there."""
        self._write(_PUT, ttl_s, key=key, value=value, owner=owner)

    def delete(self, key: str) -> None:
        """Forget the key. Nothing happens when there is none."""
        self._run("DELETE FROM rows WHERE key = :key", key=key)

    def erase(self, *keys: str) -> None:
        """Forget keys, overwrite their pages, and empty the write-ahead log, which holds older values.

        Raises
        ------
        StoreError
            Also where other connections kept the log busy: the keys are gone then, their bytes are not.
        """
        for key in keys:
            self.delete(key)
        for _ in range(_ERASE_TRIES):
            ((busy, *_),) = self._run("PRAGMA wal_checkpoint(TRUNCATE)")
            if not busy:
                return
        raise StoreError(
            f"What was erased from the store {str(self._file)!r} still lies in its write-ahead "
            "log, because other connections kept it busy. Erase it again, or stop what holds the file open."
        )

    def increment(self, key: str, *, ttl_s: float) -> int:
        """Add one and return the sum. The first of a series (1) sets its time to live."""
        result = self._write(_INCREMENT, ttl_s, key=key)
        if not result:
            raise StoreError("A key that holds a value was counted. Give the counter its own key.")
        return int(result[0][0])

    def claim(self, key: str, *, ttl_s: float) -> bool:
        """Return True to exactly one caller until the claim expires."""
        return self.swap(key, old=None, new=b"", ttl_s=ttl_s)

    def swap(
        self, key: str, *, old: bytes | None, new: bytes, ttl_s: float, owner: str | None = None
    ) -> bool:
        """Write ``new`` only where the value is still ``old`` (None: no row). Say whether it was."""
        if old is None:
            return bool(self._write(_PUT_NEW, ttl_s, key=key, value=new, owner=owner))
        return bool(self._write(_SWAP, ttl_s, key=key, old=old, value=new, owner=owner))

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin so, sorted."""
        query = (
            "SELECT key FROM rows WHERE key >= :first AND key < :last AND expires_at > :now ORDER BY key"
        )
        # Keys are compared by their octets, and no text has an octet above 0xF4.
        return [key for (key,) in self._run(query, first=prefix, last=prefix + "\U0010ffff")]

    def owned(self, owner: str) -> list[str]:
        """Return the keys about this owner, sorted."""
        query = "SELECT key FROM rows WHERE owner = :owner AND expires_at > :now ORDER BY key"
        return [key for (key,) in self._run(query, owner=owner)]

    def disown(self, owner: str) -> int:
        """Delete every key about this owner and return how many there were."""
        query = "DELETE FROM rows WHERE owner = :owner RETURNING expires_at > :now"
        return sum(live for (live,) in self._run(query, owner=owner))

    def append(self, log: str, entry: bytes, *, keep: int, ttl_s: float) -> None:
        """Add to a log, which keeps its newest ``keep`` entries."""
        ((number, oldest),) = self._write(_APPEND, ttl_s, log=log, entry=entry)
        # Of the first entry of a log none is the oldest yet.
        if oldest is not None and oldest <= number - keep:
            self._run(
                "DELETE FROM entries WHERE log = :log AND number <= :last", log=log, last=number - keep
            )

    def entries(self, log: str) -> list[bytes]:
        """Return the entries of a log, oldest first."""
        query = "SELECT entry FROM entries WHERE log = :log AND expires_at > :now ORDER BY number"
        return [entry for (entry,) in self._run(query, log=log)]

    def entries_after(self, log: str, position: int) -> list[tuple[int, bytes]]:
        """Return the entries that were added after a position (0: all), oldest first, each with its own."""
        query = (
            "SELECT number, entry FROM entries "
            "WHERE log = :log AND number > :position AND expires_at > :now ORDER BY number"
        )
        return [(number, entry) for number, entry in self._run(query, log=log, position=position)]

    def close(self) -> None:
        """Let go of the file. The store opens it again when it is used again."""
        self._connections.close()

    def _write(self, statement: str, ttl_s: float, **values: Any) -> list[Any]:
        if next(self._writes) % _SWEEP_EVERY == 0:
            for sweep in _SWEEP:
                self._run(sweep, most=_SWEEP_ROWS)
        return self._run(statement, end=self._clock() + ttl_s, **values)

    def _run(self, statement: str, **values: Any) -> list[Any]:
        """Run one statement to its end: a write is committed only when its last row is fetched."""
        values["now"] = self._clock()
        try:
            connection = self._connections.take()
            try:
                return connection.execute(statement, values).fetchall()
            finally:
                self._connections.give(connection)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StoreError:
        return StoreError(
            f"The store {str(self._file)!r} failed: {error}. Check that the disk has room, that the file "
            "is a database written by this package, that the server's user may write it and its folder, "
            "and that it does not lie on a network drive."
        )


def _make_private(file: Path) -> None:
    """Make the file, or an older one's neighbours, readable and writable by its owner only.

    SQLite gives the write-ahead log and its index the mode of the database. A file that is there
    already is not opened: closing it would take away the locks of this process's connections to it.
    """
    try:
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not file.is_file():
            raise _unusable(file, "it is not a file")
        for path in _neighbours(file):
            # The last connection of another process takes the log away with it.
            with suppress(FileNotFoundError):
                path.chmod(0o600)
    except OSError as error:
        raise _unusable(file, error.strerror or "unknown reason") from error
    for path, rights in ((file, os.R_OK | os.W_OK), (file.parent, os.W_OK | os.X_OK)):
        if not os.access(path, rights):
            raise _unusable(file, f"{str(path)!r} cannot be written")


def _neighbours(file: Path) -> Iterable[Path]:
    beside = (Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm"))
    return [path for path in beside if path.exists()]


def _unusable(file: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"The store {str(file)!r} cannot be used: {reason}. Make the folder {str(file.parent)!r}, let the "
        "server's user read and write it, or point ZEROTRUST_STORE elsewhere: 'sqlite:////var/lib/...'."
    )


def _as_bytes(value: bytes | int) -> bytes:
    return str(value).encode() if isinstance(value, int) else value
