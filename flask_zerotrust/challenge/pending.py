"""Pending challenges: requests of users that wait for an answer."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_zerotrust import config
from flask_zerotrust.challenge.parking import Parked
from flask_zerotrust.challenge.records import Sealed, owner_of
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.stores.base import reading, update
from flask_zerotrust.stores.quotas import enlist

# Eight tabs asking at once is a lot. The ninth drops an older one.
MAX_A_SESSION = 8
# Challenges of one user at a time in known browsers, and as many in all others.
MAX_A_USER = 100
# Challenges of one user that begin in a minute, in known browsers and in others from one network.
# A page may ask every few seconds.
MAX_NEW_A_MINUTE = 120
# Forms of one user kept in the life of a challenge, in known browsers and in others: small and larger ones.
MAX_PARKED, MAX_PARKED_LARGE, LARGE_BYTES = 40, 8, 4_096

# A form is sent again within so many seconds, after a second press of its button or a lost answer.
REPEAT_S = 60.0
# So often: Enter and a click, a lost answer, one more. A copy of the cookies guesses as often at most.
MAX_REPEATS = 3

_ID_BYTES = 16
_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
# Letters of an id. Behind them a session's list says which of its challenges are for the same request.
_ID_LENGTH = 22
_SAME_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A challenge that waits for its answer.

    Attributes
    ----------
    id : str
        128 random bits, in the URL.
    user, session_id : str
        Whose it is. Another user or session cannot answer it.
    action : str
        Action that the user is about to take, in words.
    return_path, method : str
        The requested path. It never comes from the client afterwards.
    parked : Parked or None
        The posted form.
    opened_at : float
        Wall-clock seconds.
    factor_id : str or None
        The factor that the newest code went to.
    sent_at : float or None
        When that was.
    passed_at : float or None
        When the challenge was answered. Its form is left to be confirmed, and its page leads onward.
    provable : bool
        A proof by the browser's key answers it, decided when it was opened.
    browser : str
        Digest of the pair cookie. The same user in the same browser may go on after another login.
    answer, granted : str
        Digest of the answer that was right, and the session's id since. See :meth:`repeats`.
    """

    id: str
    user: str
    session_id: str
    action: str
    return_path: str
    method: str
    parked: Parked | None
    opened_at: float
    factor_id: str | None = None
    sent_at: float | None = None
    passed_at: float | None = None
    provable: bool = False
    browser: str = ""
    answer: str = ""
    granted: str = ""

    def repeats(self, answer: str, *, now: float) -> bool:
        """Return whether this answer, given by its digest, was the right one within the last minute."""
        passed_at = self.passed_at
        recent = passed_at is not None and 0 <= now - passed_at <= REPEAT_S
        return recent and bool(self.granted) and hmac.compare_digest(answer, self.answer)

    def ends_at(self, *, life_s: float) -> float:
        """Return when it expires: so long after it was opened, or after it was passed."""
        return (self.opened_at if self.passed_at is None else self.passed_at) + life_s


class PendingStore(Sealed):
    """Pending challenges in the store: parked forms are personal."""

    purpose = "pending-challenge"

    def add(self, pending: Pending, *, pool: str, place: str) -> None:
        """Keep a new challenge. One of the session's or of the user's goes when there are too many.

        ``pool`` names known or other browsers of the user, ``place`` the network that asks.

        Raises
        ------
        ChallengeError
            ``slow_down`` when too many begin in a minute.
        """
        name = f"{pool}:{place}:{pending.user}"
        if self._store.increment(f"new-challenges:{name}", ttl_s=60) > MAX_NEW_A_MINUTE:
            raise ChallengeError("slow_down", retry_after_s=60.0)
        self._put(_key(pending.id), pending, user=pending.user)
        self._index(pending)
        dropped = enlist(
            self._store,
            f"challenges-in:{pool}:{pending.user}",
            pending.id,
            place=place,
            most=MAX_A_USER,
            ttl_s=config.CHALLENGE_S,
            owner=owner_of(pending.user),
        )
        for challenge_id in dropped:
            self._store.delete(_key(challenge_id))

    def get(self, challenge_id: str, *, now: float) -> Pending:
        """Return a challenge that has not expired, or raise ChallengeError ``gone``."""
        if not _ID.fullmatch(challenge_id):
            raise ChallengeError("gone")
        return self._opened(self._store.get(_key(challenge_id)), now)

    def change(self, pending: Pending, change: Callable[[Pending], Pending], *, now: float) -> Pending:
        """Apply a change to the challenge as it stands in the store, and return the result."""

        def step(raw: bytes | None) -> bytes:
            return self._sealed(change(self._opened(raw, now)))

        ends_at = change(pending).ends_at(life_s=config.CHALLENGE_S)
        raw = update(
            self._store, _key(pending.id), step, ttl_s=max(0.0, ends_at - now), owner=owner_of(pending.user)
        )
        changed = self._opened(raw, now)
        if changed.session_id != pending.session_id:
            self._index(changed)
        return changed

    def remove(self, pending: Pending) -> None:
        """Forget a challenge and its form."""
        self._store.delete(_key(pending.id))

    def _index(self, pending: Pending) -> None:
        """Add the challenge to its session's list. Delete those that no longer fit."""
        dropped: list[str] = []
        request_digest = self._keys.digest(
            "same-request", pending.action, pending.method, pending.return_path
        )

        def step(raw: bytes | None) -> bytes:
            with reading("challenges-of:"):
                listed = [
                    str(item)
                    for item in [*json.loads(raw or b"[]"), pending.id + request_digest[:_SAME_CHARS]]
                ]
            dropped.clear()
            while len(listed) > MAX_A_SESSION:
                dropped.append(listed.pop(_surplus(listed))[:_ID_LENGTH])
            return json.dumps(listed).encode()

        name = "challenges-of:" + pending.session_id
        update(self._store, name, step, ttl_s=config.CHALLENGE_S, owner=owner_of(pending.user))
        for challenge_id in dropped:
            self._store.delete(_key(challenge_id))

    def _opened(self, raw: bytes | None, now: float) -> Pending:
        pending = _from_dict(self._members(raw))
        if pending.ends_at(life_s=config.CHALLENGE_S) <= now:
            raise ChallengeError("gone")
        return pending


def new_id() -> str:
    """Return a challenge id that nobody can guess."""
    return secrets.token_urlsafe(_ID_BYTES)


def _surplus(listed: Sequence[str]) -> int:
    """Return which challenge of a list goes: the oldest for the request that was made most often.

    A page that asks every few seconds would otherwise end the challenge that the
    person is answering in another tab, form and all.
    """
    made = Counter(item[_ID_LENGTH:] for item in listed)
    most = max(made.values())
    return next(i for i, item in enumerate(listed) if made[item[_ID_LENGTH:]] == most)


def _from_dict(data: dict[str, Any]) -> Pending:
    parked = data.pop("parked")
    return Pending(**data, parked=None if parked is None else _parked(parked))


def _parked(data: dict[str, Any]) -> Parked:
    return Parked(
        path=data["path"],
        fields=tuple((name, value) for name, value in data["fields"]),
        left_out=tuple(data["left_out"]),
        files=tuple(data["files"]),
        too_large=data["too_large"],
        button=data.get("button", ""),
    )


def _key(challenge_id: str) -> str:
    return "challenge:" + challenge_id
