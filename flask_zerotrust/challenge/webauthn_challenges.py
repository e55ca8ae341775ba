"""Questions that a device answers with a signature: random, kept for one place, answered once."""

from __future__ import annotations

import hashlib
import secrets

from flask_zerotrust import config
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.stores.base import Store

# WebAuthn, 13.4.3: at least 16 bytes.
_BYTES = 32


class Questions:
    """Questions by the place that they were asked in.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, place: str, *, user: str) -> bytes:
        """Return the question of a place, a new one if there is none: a reloaded page asks the same."""
        fresh = secrets.token_bytes(_BYTES)
        owner = "user:" + user
        if self._store.swap(_key(place), old=None, new=fresh, ttl_s=config.CHALLENGE_S, owner=owner):
            return fresh
        return self._store.get(_key(place)) or self.ask(place, user=user)

    def take(self, place: str) -> bytes | None:
        """Return the question of a place to one caller, once. None where there is none (any more)."""
        question = self._store.get(_key(place))
        if question is None:
            return None
        claim = "answered:" + hashlib.sha256(question).hexdigest()
        if not self._store.claim(claim, ttl_s=2 * config.CHALLENGE_S):
            return None
        self._store.delete(_key(place))
        return question

    def ask_new_key(self, user: str, session_id: str) -> bytes:
        """Return the question for a key that this session is adding."""
        return self.ask(f"new:{session_id}:{user}", user=user)

    def take_new_key(self, user: str, session_id: str) -> bytes:
        """Return that question once, or raise ChallengeError ``stale``."""
        question = self.take(f"new:{session_id}:{user}")
        if question is None:
            raise ChallengeError("stale")
        return question


def _key(place: str) -> str:
    return "question:" + place
