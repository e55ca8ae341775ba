"""A store in Redis, which several machines share (extra ``[redis]``)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from flask_zerotrust.errors import StoreError
from flask_zerotrust.stores import redis_scripts as scripts
from flask_zerotrust.stores.patience import Patience
from flask_zerotrust.stores.redis_url import Target, parse

# Positions in a log are ids of a stream, a time in ms and a number within it, as one number.
_NUMBER_BITS = 20
# Entries of a log that are read at a time: 2.5 ms of the server's only thread (12 ms for 5,000, measured).
_PAGE = 1_000
# How long erasing waits for Redis to write its files again: 100,000 sessions took 1.6 s on a busy machine.
_FILES_S = 5.0
_FILES_PAUSE_S = 0.05

# Something between two machines may forget a connection that is silent, after 4 minutes at the soonest,
# and the next command over it would wait in vain. So it is probed after 60 s, and thrice 10 s later.
_KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}

# Answers of a primary that became a replica, or that starts again as one.
_DEMOTED = (
    redis.ReadOnlyError,
    redis.exceptions.MasterDownError,
    redis.exceptions.BusyLoadingError,
)

_NO_CLUSTER = "Redis Cluster is not supported: name a Redis that is none."
_ADVICE: tuple[tuple[type[Exception] | str, str], ...] = (
    (
        redis.ReadOnlyError,
        "This Redis is a read-only replica: name the primary, or an address that follows it.",
    ),
    (
        "MISCONF",
        "Redis cannot write its files, so it takes no changes: see that its disk has room, and its log.",
    ),
    (redis.OutOfMemoryError, "Raise its maxmemory; leave maxmemory-policy at noeviction."),
    (redis.exceptions.BusyLoadingError, "It is reading its files after a start; this passes."),
    (
        redis.exceptions.MasterDownError,
        "This Redis is a replica that has lost its primary: name the primary.",
    ),
    (redis.exceptions.ClusterDownError, _NO_CLUSTER),
    (redis.exceptions.MovedError, _NO_CLUSTER),
    (redis.AuthenticationError, "Check user and password in ZEROTRUST_STORE."),
    (
        redis.exceptions.NoPermissionError,
        "Let its user do what docs/stores.md lists, with all keys of the prefix.",
    ),
    (
        redis.TimeoutError,
        "It is overloaded, stopped, or behind a slow network; timeout_s in the URL sets the wait.",
    ),
    (redis.ConnectionError, "Check that it runs, and host, port, TLS and firewall."),
)


class RedisStore:
    """Rows in a Redis, each with a time to live that Redis counts by its own clock.

    Nothing is connected until it is used, and a process that was forked opens connections of its own. No
    command is sent twice, since one that was not answered may have been done.

    Parameters
    ----------
    target : Target
        Where it is. :meth:`from_url` reads it from a URL.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._rows, self._owners, self._logs = (target.prefix + kind for kind in ("row:", "owner:", "log:"))
        self._pool = _pool(target)
        self._patience = Patience(target.timeout_s)
        self._redis: Any = redis.Redis(connection_pool=self._pool)
        register = self._redis.register_script
        self._put, self._swap = register(scripts.PUT), register(scripts.SWAP)
        self._delete, self._increment = register(scripts.DELETE), register(scripts.INCREMENT)
        self._owned, self._append = register(scripts.OWNED), register(scripts.APPEND)

    @classmethod
    def from_url(cls, url: str) -> RedisStore:
        """Return the store that a URL names. See docs/stores.md for the kinds of URL.

        Raises
        ------
        ConfigError
        """
        return cls(parse(url))

    def get(self, key: str) -> bytes | None:
        """Return the value. Of a counter its decimal digits. None when there is none."""
        with self._failing():
            raw: bytes | None = self._redis.get(self._rows + key)
        return None if raw is None else _value(raw)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the result of :meth:`get` for each key, by one command."""
        with self._failing():
            raws: list[bytes | None] = self._redis.mget([self._rows + key for key in keys])
        return [None if raw is None else _value(raw) for raw in raws]

    def put(self, key: str, value: bytes, *, ttl_s: float, owner: str | None = None) -> None:
        """Write the value, whatever was there."""
        self._run(self._put, self._rows + key, key, value, _ms(ttl_s), *_given(owner))

    def delete(self, key: str) -> None:
        """Forget the key. Nothing happens when there is none."""
        self._run(self._delete, self._rows + key, key)

    def erase(self, *keys: str) -> None:
        """Forget keys, and have Redis write its files again, which hold older values.

        Raises
        ------
        StoreError
            Also where it does not do so, or takes long: the keys are gone then, their bytes are not.
        """
        for key in keys:
            self.delete(key)
        try:
            self._rewrite(time.monotonic() + _FILES_S)
        except (redis.RedisError, TimeoutError) as error:
            raise StoreError(
                f"What was erased from the store {self.target.shown!r} is gone from Redis, but may still "
                f"lie in its files: {error}. Erase it again, run BGREWRITEAOF and BGSAVE yourself, and let "
                "this user run INFO, CONFIG GET, BGREWRITEAOF and BGSAVE."
            ) from error

    def increment(self, key: str, *, ttl_s: float) -> int:
        """Add one and return the sum. The first of a series (1) sets its time to live."""
        total = int(self._run(self._increment, self._rows + key, _ms(ttl_s)))
        if total == 0:
            raise StoreError("A key that holds a value was counted. Give the counter its own key.")
        return total

    def claim(self, key: str, *, ttl_s: float) -> bool:
        """Return True to exactly one caller until the claim expires."""
        with self._failing():
            return bool(self._redis.set(self._rows + key, b"=:", nx=True, px=_ms(ttl_s)))

    def swap(
        self, key: str, *, old: bytes | None, new: bytes, ttl_s: float, owner: str | None = None
    ) -> bool:
        """Write ``new`` only where the value is still ``old`` (None: no row). Say whether it was."""
        wanted = ("new", b"") if old is None else ("old", old)
        reply = (key, new, _ms(ttl_s), *wanted, *_given(owner))
        return bool(self._run(self._swap, self._rows + key, *reply))

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin so, sorted."""
        pattern = _literal(self._rows + prefix) + "*"
        with self._failing():
            result = set(self._redis.scan_iter(match=pattern, count=1_000))
        return sorted(key.decode().removeprefix(self._rows) for key in result)

    def owned(self, owner: str) -> list[str]:
        """Return the keys about this owner, sorted."""
        return sorted(self._names(owner, ""))

    def disown(self, owner: str) -> int:
        """Delete every key about this owner and return how many there were."""
        return len(self._names(owner, "delete"))

    def append(self, log: str, entry: bytes, *, keep: int, ttl_s: float) -> None:
        """Add to a log, which keeps its newest ``keep`` entries."""
        self._run(self._append, self._logs + log, entry, keep, _ms(ttl_s))

    def entries(self, log: str) -> list[bytes]:
        """Return the entries of a log, oldest first."""
        return [entry for _, entry in self.entries_after(log, 0)]

    def entries_after(self, log: str, position: int) -> list[tuple[int, bytes]]:
        """Return the entries that were added after a position (0: all), oldest first, each with its own."""
        result: list[tuple[int, bytes]] = []
        while True:
            page, now_ms = self._page(log, position)
            result += [(at, entry) for at, entry, end_ms in page if end_ms > now_ms]
            if len(page) < _PAGE:
                return result
            position = page[-1][0]

    def close(self) -> None:
        """Let go of the connections. The store opens others when it is used again."""
        self._pool.disconnect()

    def health(self) -> Health:
        """Return how the server is set up, for ``doctor``."""
        with self._failing():
            reply = self._redis.info()
            return Health(
                version=str(reply.get("redis_version", "")),
                replica=reply.get("role") == "slave",
                cluster=reply.get("redis_mode") == "cluster" or bool(reply.get("cluster_enabled")),
                maxmemory=int(reply.get("maxmemory", 0)),
                policy=str(reply.get("maxmemory_policy", "")),
                evicted=int(reply.get("evicted_keys", 0)),
                appends=bool(reply.get("aof_enabled")),
                now=self._time_ms() / 1e3,
            )

    def _run(self, script: Any, key: str, *words: Any) -> Any:
        with self._failing():
            return script(keys=(key,), args=(self._owners, *words))

    def _names(self, owner: str, what: str) -> list[str]:
        reply = self._run(self._owned, self._owners + owner, self._rows, owner, what)
        return [name.decode() for name in reply]

    def _page(self, log: str, position: int) -> tuple[list[tuple[int, bytes, int]], int]:
        after = f"({position >> _NUMBER_BITS}-{position & ((1 << _NUMBER_BITS) - 1)}"
        with self._failing(), self._redis.pipeline(transaction=False) as both:
            both.time()
            both.xrange(self._logs + log, min=after, max="+", count=_PAGE)
            (seconds, micros), entries = both.execute()
        page = [(_position(at), entry[b"e"], int(entry[b"x"])) for at, entry in entries]
        return page, seconds * 1_000 + micros // 1_000

    def _time_ms(self) -> int:
        seconds, micros = self._redis.time()
        return int(seconds) * 1_000 + int(micros) // 1_000

    def _rewrite(self, until: float) -> None:
        """Have the files written again that Redis keeps, and wait until they are."""
        if self._files()["aof_enabled"]:
            self._start("BGREWRITEAOF", until)
            self._wait(("aof_rewrite_in_progress", "aof_rewrite_scheduled"), until)
        saves: dict[str, str] = self._redis.config_get("save")
        if any(saves.values()) or self._files().get("rdb_saves"):
            self._start("BGSAVE", until)
            self._wait(("rdb_bgsave_in_progress",), until)
        files = self._files()
        for name in ("aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
            if files[name] != "ok":
                raise redis.RedisError(f"{name} is {files[name]}")

    def _start(self, command: str, until: float) -> None:
        """Start a rewrite that sees the deletions: one that runs already may not have."""
        self._wait(("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress"), until)
        self._redis.execute_command(command)

    def _wait(self, running: Sequence[str], until: float) -> None:
        while any(self._files()[name] for name in running):
            if time.monotonic() > until:
                raise TimeoutError(f"writing them took more than {_FILES_S:g} s")
            time.sleep(_FILES_PAUSE_S)

    def _files(self) -> dict[str, Any]:
        result: dict[str, Any] = self._redis.info("persistence")
        return result

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn an error of the client into one with the next step."""
        if not self._patience.may_ask():
            raise StoreError(
                f"The store {self.target.shown!r} failed: it has not answered for a while, and is not "
                f"asked again for up to {self.target.timeout_s:g} s. Look at the errors before this one."
            )
        try:
            yield
            self._patience.answered()
        except (redis.RedisError, redis.exceptions.ChildDeadlockedError, OSError) as error:
            if isinstance(error, redis.TimeoutError):
                self._patience.missed()
            if _is_demoted(error):
                self._pool.disconnect(inuse_connections=False)
            reply = str(error).rstrip(".")
            raise StoreError(
                f"The store {self.target.shown!r} failed: {reply}. {_advice(error)}"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a Redis is set up. ``now`` is its clock's, in seconds since the epoch."""

    version: str
    replica: bool
    cluster: bool
    maxmemory: int
    policy: str
    evicted: int
    appends: bool
    now: float


_CLASSES: dict[str, type[Any]] = {
    "redis": redis.Connection,
    "rediss": redis.SSLConnection,
    "unix": redis.UnixDomainSocketConnection,
}


def _pool(target: Target) -> Any:
    """Return the connections to a Redis. With sentinels, each asks them for the primary."""
    how: dict[str, Any] = {
        "socket_timeout": target.timeout_s,
        "socket_connect_timeout": target.timeout_s,
        "protocol": 2,
    }
    if target.scheme != "unix":
        how |= {"socket_keepalive": True, "socket_keepalive_options": _KEEPALIVE}
    if target.encrypted:
        tls = {name: value for name, value in target.more.items() if name.startswith("ssl_")}
        how |= {"ssl_check_hostname": True, **tls}
    retry = Retry(NoBackoff(), 0)
    if "service" not in target.place:
        kind, place = _CLASSES[target.scheme], target.place
        return redis.ConnectionPool(connection_class=kind, **place, **{**target.more, **how}, retry=retry)
    verdict = {**how, **target.sentinel, "ssl": target.encrypted}
    # Neither has types.
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        target.place["sentinels"], sentinel_kwargs={**verdict, "retry": retry}
    )
    how = {**target.more, **how, "ssl": target.encrypted}
    return SentinelConnectionPool(  # type: ignore[no-untyped-call]
        target.place["service"], sentinels, **how, retry=retry
    )


def _is_demoted(error: Exception) -> bool:
    """Return whether a server takes no writes for now, so that its address may lead to another one by then.

    Open connections would stay with it for ever. Redis 6 names the reason inside of a script's error.
    """
    return isinstance(error, _DEMOTED) or "READONLY" in str(error)


def _advice(error: Exception) -> str:
    for sign, advice in _ADVICE:
        if str(error).startswith(sign) if isinstance(sign, str) else isinstance(error, sign):
            return advice
    return "See docs/stores.md."


def _given(owner: str | None) -> tuple[str, ...]:
    return () if owner is None else (owner,)


def _ms(ttl_s: float) -> int:
    """Return a time to live as Redis takes it. None at all is the shortest there is."""
    return max(1, round(ttl_s * 1_000))


def _value(raw: bytes) -> bytes:
    """Return the value of a row: the digits of a counter, or what stands behind the owner."""
    if raw[:1] != b"=":
        return raw
    digits, _, rest = raw[1:].partition(b":")
    return rest[int(digits or 0) :]


def _position(stream_id: bytes) -> int:
    at_ms, _, number = stream_id.partition(b"-")
    return int(at_ms) << _NUMBER_BITS | int(number)


def _literal(text: str) -> str:
    """Return a text as a pattern of SCAN that matches just it."""
    return "".join(f"\\{char}" if char in "*?[]^\\" else char for char in text)
