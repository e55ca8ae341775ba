"""Questions that a device answers with a signature: random, kept for one place, answered once."""

from __future__ import annotations

import hashlib
import secrets

from flask_zerotrust.config import Settings
from flask_zerotrust.stores.base import Store

# WebAuthn, 13.4.3: at least 16 bytes.
_BYTES = 32


class Questions:
    """Questions by the place that they were asked in.

    Parameters
    ----------
    store : Store
    settings : Settings
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._life_s = settings.challenge_s

    def ask(self, place: str, *, user: str) -> bytes:
        """Return the question of a place, a new one if there is none: a reloaded page asks the same."""
        fresh = secrets.token_bytes(_BYTES)
        owner = "user:" + user
        if self._store.swap(_key(place), old=None, new=fresh, ttl_s=self._life_s, owner=owner):
            return fresh
        return self._store.get(_key(place)) or self.ask(place, user=user)

    def take(self, place: str) -> bytes | None:
        """Return the question of a place to one caller, once; None where there is none (any more)."""
        asked = self._store.get(_key(place))
        if asked is None:
            return None
        claim = "answered:" + hashlib.sha256(asked).hexdigest()
        if not self._store.claim(claim, ttl_s=2 * self._life_s):
            return None
        self._store.delete(_key(place))
        return asked


def _key(place: str) -> str:
    return "question:" + place
