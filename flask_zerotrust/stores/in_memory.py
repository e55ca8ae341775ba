"""A store in the process's own memory: for tests, and for trying things out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from flask_zerotrust.errors import StoreError

# Sweeping looks at every row, so it waits for as many writes as there are rows, and at least these.
_SWEEP_EVERY = 64


@dataclass(frozen=True, slots=True)
class _Row:
    value: bytes | int
    expires_at: float
    owner: str | None = None
    number: int = 0


class MemoryStore:
    """Rows in a dict behind one lock. Every worker process has its own.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._rows: dict[str, _Row] = {}
        self._logs: dict[str, list[_Row]] = {}
        self._writes = 0

    def get(self, key: str) -> bytes | None:
        """Return the value. Of a counter its decimal digits. None when there is none."""
        with self._lock:
            row = self._live(key)
        return None if row is None else _as_bytes(row.value)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the result of :meth:`get` for each key."""
        return [self.get(key) for key in keys]

    def put(self, key: str, value: bytes, *, ttl_s: float, owner: str | None = None) -> None:
        """Write the value, whatever was there."""
        with self._lock:
            self._write(key, _Row(value, self._clock() + ttl_s, owner))

    def delete(self, key: str) -> None:
        """Forget the key. Nothing happens when there is none."""
        with self._lock:
            self._rows.pop(key, None)

    def erase(self, *keys: str) -> None:
        """Forget keys. There is no file that they could be left in."""
        for key in keys:
            self.delete(key)

    def increment(self, key: str, *, ttl_s: float) -> int:
        """Add one and return the sum. The first of a series (1) sets its time to live."""
        with self._lock:
            row = self._live(key) or _Row(0, self._clock() + ttl_s)
            if not isinstance(row.value, int):
                raise StoreError("A key that holds a value was counted. Give the counter its own key.")
            total = row.value + 1
            self._write(key, replace(row, value=total))
        return total

    def claim(self, key: str, *, ttl_s: float) -> bool:
        """Return True to exactly one caller until the claim expires."""
        return self.swap(key, old=None, new=b"", ttl_s=ttl_s)

    def swap(
        self, key: str, *, old: bytes | None, new: bytes, ttl_s: float, owner: str | None = None
    ) -> bool:
        """Write ``new`` only where the value is still ``old`` (None: no row). Say whether it was."""
        with self._lock:
            row = self._live(key)
            if (None if row is None else row.value) != old:
                return False
            self._write(key, _Row(new, self._clock() + ttl_s, owner))
        return True

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin so, sorted."""
        with self._lock:
            now = self._clock()
            live = [key for key, row in self._rows.items() if row.expires_at > now]
        return sorted(key for key in live if key.startswith(prefix))

    def owned(self, owner: str) -> list[str]:
        """Return the keys about this owner, sorted."""
        with self._lock:
            return self._owned(owner)

    def disown(self, owner: str) -> int:
        """Delete every key about this owner and return how many there were."""
        with self._lock:
            keys = self._owned(owner)
            for key in keys:
                del self._rows[key]
        return len(keys)

    def append(self, log: str, entry: bytes, *, keep: int, ttl_s: float) -> None:
        """Add to a log, which keeps its newest ``keep`` entries."""
        with self._lock:
            now = self._clock()
            rows = self._logs.get(log, [])
            number = rows[-1].number + 1 if rows else int(now * 1_000) + 1
            stored = [row for row in rows if row.expires_at > now]
            self._logs[log] = [*stored, _Row(entry, now + ttl_s, number=number)][-keep:]
            self._sweep_sometimes()

    def entries(self, log: str) -> list[bytes]:
        """Return the entries of a log, oldest first."""
        with self._lock:
            now = self._clock()
            return [_as_bytes(row.value) for row in self._logs.get(log, ()) if row.expires_at > now]

    def entries_after(self, log: str, position: int) -> list[tuple[int, bytes]]:
        """Return the entries that were added after a position (0: all), oldest first, each with its own."""
        with self._lock:
            now, result = self._clock(), []
            for row in reversed(self._logs.get(log, ())):
                if row.number <= position:
                    break
                if row.expires_at > now:
                    result.append((row.number, _as_bytes(row.value)))
        return result[::-1]

    def close(self) -> None:
        """Do nothing: there is no file to let go of."""

    def _live(self, key: str) -> _Row | None:
        row = self._rows.get(key)
        return row if row is not None and row.expires_at > self._clock() else None

    def _owned(self, owner: str) -> list[str]:
        now = self._clock()
        return sorted(k for k, row in self._rows.items() if row.owner == owner and row.expires_at > now)

    def _write(self, key: str, row: _Row) -> None:
        self._rows[key] = row
        self._sweep_sometimes()

    def _sweep_sometimes(self) -> None:
        self._writes += 1
        if self._writes < max(_SWEEP_EVERY, len(self._rows) + len(self._logs)):
            return
        self._writes = 0
        now = self._clock()
        self._rows = {key: row for key, row in self._rows.items() if row.expires_at > now}
        self._logs = {log: rows for log, rows in self._logs.items() if rows[-1].expires_at > now}


def _as_bytes(value: bytes | int) -> bytes:
    return str(value).encode() if isinstance(value, int) else value
