"""What lies in a store at one moment, so that a test can say that nothing was added."""

from __future__ import annotations

from typing import Any

from flask_zerotrust.stores.in_memory import MemoryStore
from flask_zerotrust.stores.redis import RedisStore
from flask_zerotrust.stores.sqlite import SQLiteStore


def contents(store: Any) -> dict[str, Any]:
    """Return every row and every log entry that has not expired."""
    if isinstance(store, SQLiteStore):
        rows = store._run("SELECT key, value FROM rows WHERE expires_at > :now")
        logs = store._run("SELECT log, number, entry FROM entries WHERE expires_at > :now")
        return {**dict(rows), **{f"log:{log}:{number}": entry for log, number, entry in logs}}
    if isinstance(store, RedisStore):
        return _of_redis(store)
    assert isinstance(store, MemoryStore)
    now = store._clock()
    rows = {key: row.value for key, row in store._rows.items() if row.expires_at > now}
    logs = {f"log:{log}": [row.value for row in entries] for log, entries in store._logs.items()}
    return {**rows, **logs}


def _of_redis(store: RedisStore) -> dict[str, Any]:
    rows = {key: store.get(key) for key in store.keys("")}
    logs = [key.decode().removeprefix(store._logs) for key in store._redis.scan_iter(store._logs + "*")]
    return {**rows, **{f"log:{log}": store.entries(log) for log in logs}}


def keys(store: Any, prefix: str = "") -> list[str]:
    """Return the keys that begin so, sorted."""
    return sorted(key for key in contents(store) if key.startswith(prefix))
