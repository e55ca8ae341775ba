"""What a store holds: rows that end soon, rows that are meant to stay, and the room they take."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flask_zerotrust.stores.sqlite import SQLiteStore
from tests.servers import RedisServer

# Rows with more time left outlive a soak on purpose: counts of batches (an hour, of which a soak leaves 25
# minutes), codes that were used (a day), failures (30 days).
LONG_S = 900.0
# Writes between two sweeps of a SQLite store, and rows that one removes (flask_zerotrust.stores.sqlite).
_SWEEP_EVERY, _SWEEP_ROWS = 64, 128


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that end within a quarter of an hour, those past their end, rows that stay, and bytes in use.

    ``kinds`` counts the first by what stands in front of their keys' first colon.
    """

    short: int
    overdue: int
    long: int
    octets: int
    kinds: dict[str, int]


class Meter(Protocol):
    """Reads one store, beside the workers."""

    def read(self) -> Held:
        """Return what it holds now."""

    def purge(self) -> None:
        """Do what the next visitors' writes would do about rows that are past their end."""


class SQLiteMeter:
    """Reads a SQLite store's file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Held:
        """Return what the file holds; pages that are free for the next rows are not in use."""
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT key, expires_at FROM rows").fetchall()
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        finally:
            connection.close()
        return _held([(key, end - time.time()) for key, end in rows], octets=(pages - free) * size)

    def purge(self) -> None:
        """Write as often as it takes to sweep all rows that are past their end."""
        store = SQLiteStore(self._file)
        for _ in range(_SWEEP_EVERY * (1 + self.read().overdue // _SWEEP_ROWS) + 1):
            store.increment("soak", ttl_s=1.0)
        store.delete("soak")
        store.close()


class RedisMeter:
    """Reads a Redis; the names of owners' keys count as rows too."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def read(self) -> Held:
        """Return what it holds."""
        with self._server.client() as client:
            names = list(client.scan_iter(count=1_000))
            with client.pipeline(transaction=False) as all_of_them:
                for name in names:
                    all_of_them.pttl(name)
                lives_ms = all_of_them.execute()
            octets, counted = client.info("memory")["used_memory"], client.dbsize()
        rows = [
            (_bare(name.decode()), ms / 1e3) for name, ms in zip(names, lives_ms, strict=True) if ms > 0
        ]
        held = _held(rows, octets=int(octets))
        overdue = max(0, counted - len(rows))
        return Held(held.short + overdue, overdue, held.long, held.octets, held.kinds)

    def purge(self) -> None:
        """Wait for Redis, which looks for such rows ten times a second."""
        time.sleep(1)


def _held(rows: list[tuple[str, float]], *, octets: int) -> Held:
    short = [(key, left_s) for key, left_s in rows if left_s <= LONG_S]
    kinds = Counter(key.partition(":")[0] for key, left_s in short)
    overdue = sum(left_s <= 0 for _, left_s in short)
    return Held(len(short), overdue, len(rows) - len(short), octets, dict(sorted(kinds.items())))


def _bare(name: str) -> str:
    """Return a row's key, or ``owner:...``, without what the store puts in front."""
    kind = name.partition(":")[2]
    return kind.removeprefix("row:")
