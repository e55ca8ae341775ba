"""The Store protocol: few atomic methods, each with a time to live, that every backend offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from flask_zerotrust.errors import StoreError

# Each lost race means that another writer won, so fifty in a row are no longer contention.
MAX_RACES = 50


class Store(Protocol):
    """Keys to bytes that expire. Safe under threads and, where the backend is shared, processes.

    A row that has outlived its ``ttl_s`` is gone for every method, whether or not it has been swept
    yet. A write sets value, life and owner afresh. Counters, claims and values share one set of
    keys. Logs have their own. All methods raise :class:`~flask_zerotrust.errors.StoreError` when the
    backend fails.

    Examples
    --------
    >>> from flask_zerotrust.stores import MemoryStore
    >>> store = MemoryStore()
    >>> store.claim("code:1", ttl_s=60), store.claim("code:1", ttl_s=60)
    (True, False)
    """

    def get(self, key: str) -> bytes | None:
        """Return the value. Of a counter its decimal digits. None when there is none."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the result of :meth:`get` for each key, in one round trip."""

    def put(self, key: str, value: bytes, *, ttl_s: float, owner: str | None = None) -> None:
        """Write the value, whatever was there. ``owner`` is who it is about."""

    def delete(self, key: str) -> None:
        """Forget the key. Nothing happens when there is none."""

    def erase(self, *keys: str) -> None:
        """Forget keys so that nothing of them is left in the backend's own files either."""

    def increment(self, key: str, *, ttl_s: float) -> int:
        """Add one and return the sum. The first of a series (1) sets its time to live."""

    def claim(self, key: str, *, ttl_s: float) -> bool:
        """Return True to exactly one caller until the claim expires."""

    def swap(
        self, key: str, *, old: bytes | None, new: bytes, ttl_s: float, owner: str | None = None
    ) -> bool:
        """Write ``new`` only where the value is still ``old`` (None: no row). Say whether it was."""

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin so, sorted. Of values, not of logs. For commands, not for requests."""

    def owned(self, owner: str) -> list[str]:
        """Return the keys about this owner, sorted."""

    def disown(self, owner: str) -> int:
        """Delete every key about this owner and return how many there were."""

    def append(self, log: str, entry: bytes, *, keep: int, ttl_s: float) -> None:
        """Add to a log, which keeps its newest ``keep`` entries."""

    def entries(self, log: str) -> list[bytes]:
        """Return the entries of a log, oldest first."""

    def entries_after(self, log: str, position: int) -> list[tuple[int, bytes]]:
        """Return the entries that were added after a position (0: all), oldest first, each with its own.

        Positions ascend in the order in which entries were added, also where all have expired since.
        """

    def close(self) -> None:
        """Let go of files and connections. The store opens them again when it is used again."""


@contextmanager
def reading(rows: str) -> Iterator[None]:
    """Raise a StoreError if a row is not of this version's form.

    Parameters
    ----------
    rows : str
        How the keys of such rows begin.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise StoreError(
            f"A row in the store is not what this version writes. If another version or program wrote it, "
            f"delete the {rows!r} rows."
        ) from error


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """Counts of records that were encrypted again and that were current, and those that no key opens."""

    done: int
    current: int
    unreadable: tuple[str, ...]


def rekey(
    store: Store,
    prefix: str,
    *,
    is_newest: Callable[[bytes], bool],
    read: Callable[[str, bytes], object],
    again: Callable[[str, bytes], object],
) -> Rekeyed:
    """Encrypt every value of the keys that begin so again, but those under the newest key.

    Parameters
    ----------
    is_newest : callable
        Says of a value whether it is under the newest key.
    read : callable
        Reads one, by the rest of its key and its value. A StoreError says that no key opens it.
    again : callable
        Encrypts such a one again.

    Raises
    ------
    StoreError
        When the backend fails.
    """
    done = current = 0
    unreadable = []
    for key in store.keys(prefix):
        name, raw = key.removeprefix(prefix), store.get(key)
        if raw is None:
            continue
        if is_newest(raw):
            current += 1
            continue
        try:
            read(name, raw)
        except StoreError:
            unreadable.append(name)
            continue
        again(name, raw)
        done += 1
    return Rekeyed(done, current, tuple(unreadable))


def update(
    store: Store,
    key: str,
    change: Callable[[bytes | None], bytes],
    *,
    ttl_s: float,
    owner: str | None = None,
) -> bytes:
    """Apply ``change`` to the value of a key, losing no other writer's change, and return the result.

    ``change`` is called again after each lost race, so it must have no effects. Its errors
    leaves the row as it was.
    """
    for _ in range(MAX_RACES):
        old = store.get(key)
        new = change(old)
        if store.swap(key, old=old, new=new, ttl_s=ttl_s, owner=owner):
            return new
    raise StoreError(
        f"{MAX_RACES} attempts to update one record were overtaken by other writers. "
        "Look for a client that sends many requests at once for one session."
    )
