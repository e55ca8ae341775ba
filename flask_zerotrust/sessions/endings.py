"""Early ends: of a user's sessions, and of the step-ups and proofs of everybody."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flask_zerotrust.stores.base import Store, reading, update

# As long as browsers keep a cookie at most: a session that was ended must not come back with an old one.
ENDED_S = 400 * 86_400.0
# Sessions that were ended one by one. With one more, all sessions of the user end.
MAX_THREADS = 100
# 64 random bits: an epoch is compared, not guessed.
_EPOCH_BYTES = 8
EPOCH_KEY = "epoch"


@dataclass(frozen=True, slots=True)
class Ended:
    """Early ends of one user's sessions.

    Attributes
    ----------
    epoch : str
        Sessions that began in another epoch have ended. Empty while that was never asked for.
    threads : tuple of str
        Threads of sessions that were ended one by one since then.
    """

    epoch: str = ""
    threads: tuple[str, ...] = ()

    def reaches(self, *, epoch: str, thread: str) -> bool:
        """Return whether a session of this epoch and thread has ended."""
        return thread in self.threads or (bool(self.epoch) and self.epoch != epoch)


class Endings:
    """Ends sessions, step-ups and proofs early, each time by one write.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def epoch(self) -> str:
        """Return the epoch in which step-ups and proofs count. Those of another epoch do not."""
        return epoch_of(self._store.get(EPOCH_KEY))

    def begin_epoch(self) -> None:
        """End the step-ups and proofs of everybody."""
        self._store.put(EPOCH_KEY, _new_epoch().encode(), ttl_s=ENDED_S)

    def of(self, tag: str) -> Ended:
        """Return the early ends of the user with this tag.

        Raises
        ------
        StoreError
            For a row that cannot be read: an ended session must not be taken for a live one.
        """
        raw = self._store.get(_key(tag))
        return Ended() if raw is None else _load(raw)

    def end_all(self, tags: Iterable[str], owner: str) -> None:
        """End all sessions of a user, also those without a record. ``tags`` are the user's, by each key."""
        row = _dump(Ended(_new_epoch()))
        for tag in tags:
            self._store.put(_key(tag), row, ttl_s=ENDED_S, owner=owner)

    def end_one(self, tags: Iterable[str], owner: str, thread: str) -> None:
        """End one session of a user. To end it again changes nothing."""
        fresh = _new_epoch()

        def step(raw: bytes | None) -> bytes:
            held = Ended() if raw is None else _load(raw)
            if thread in held.threads:
                return _dump(held)
            if len(held.threads) >= MAX_THREADS:
                return _dump(Ended(fresh))
            return _dump(replace(held, threads=(*held.threads, thread)))

        for tag in tags:
            update(self._store, _key(tag), step, ttl_s=ENDED_S, owner=owner)


def epoch_of(raw: bytes | None) -> str:
    """Return the epoch of everybody that a row names. Empty while there was never another one."""
    return (raw or b"").decode()


def _new_epoch() -> str:
    return secrets.token_urlsafe(_EPOCH_BYTES)


def _key(tag: str) -> str:
    return "ended:" + tag


def _dump(row: Ended) -> bytes:
    return json.dumps([row.epoch, row.threads]).encode()


def _load(raw: bytes) -> Ended:
    with reading("ended:"):
        epoch, threads = json.loads(raw)
        return Ended(str(epoch), tuple(str(thread) for thread in threads))
