"""Enrolling an authenticator app: a secret that waits until the app has shown that it holds it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from flask_zerotrust import config
from flask_zerotrust.challenge.codes import read
from flask_zerotrust.challenge.records import Sealed
from flask_zerotrust.challenge.uses import claim_use, wrong_by
from flask_zerotrust.errors import ChallengeError, ConfigError
from flask_zerotrust.factors.base import Factor, new_secret
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores.base import Store


@dataclass(frozen=True, slots=True)
class _Begun:
    """A secret on its way. Tries are counted under its ``id``, so they end with it and never restart."""

    id: str
    user: str
    secret: str = field(repr=False)
    at: float


class Enrolment(Sealed):
    """Secrets being enrolled, one a session.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    totp : callable, optional
        Makes a knowing factor of a secret. Passed in, so that challenges know no kind of factor.
    """

    purpose = "enrolling"

    def __init__(self, store: Store, keys: KeyRing, *, totp: Callable[[str], Factor] | None) -> None:
        super().__init__(store, keys)
        self._totp = totp

    def begin(self, user: str, session_id: str, *, now: float) -> str:
        """Return the secret that is being enrolled. A reloaded page shows the same QR code."""
        try:
            return self.secret(user, session_id, now=now)
        except ChallengeError:
            return self._start(user, session_id, now=now)

    def secret(self, user: str, session_id: str, *, now: float) -> str:
        """Return the secret that is being enrolled, or raise ChallengeError ``gone``."""
        return self._find(user, session_id, now=now).secret

    def confirm(self, user: str, session_id: str, code: str, *, now: float) -> str:
        """Return the secret once a code shows that the app holds it. That code is then used.

        Raises
        ------
        ChallengeError
            ``format``, ``wrong``, ``used``, ``too_many`` (a new secret is needed) or ``gone``.
        """
        begun = self._find(user, session_id, now=now)
        factor = self._factor(begun.secret)
        code = read(factor, code)
        tries = self._store.increment(f"enrolling-tries:{begun.id}", ttl_s=2 * config.CHALLENGE_S)
        use = factor.check(code, now=now) if tries <= config.CODE_TRIES else None
        if use is None:
            reason = wrong_by(self._store, user, factor, code, now=now)
            raise self._failed(user, session_id, tries, reason)
        claim_use(self._store, user, factor.kind, use)
        self._store.delete(_key(user, session_id))
        return begun.secret

    def _start(self, user: str, session_id: str, *, now: float) -> str:
        begun = _Begun(id=secrets.token_hex(8), user=user, secret=new_secret(), at=now)
        self._put(_key(user, session_id), begun, user=user)
        return begun.secret

    def _find(self, user: str, session_id: str, *, now: float) -> _Begun:
        begun = _Begun(**self._members(self._store.get(_key(user, session_id))))
        if begun.user != user or now - begun.at >= config.CHALLENGE_S:
            raise ChallengeError("gone")
        return begun

    def _failed(self, user: str, session_id: str, tries: int, reason: str) -> ChallengeError:
        """Return the error. After too many tries the secret goes, and the next page has a new one."""
        if tries < config.CODE_TRIES:
            return ChallengeError(reason)
        self._store.delete(_key(user, session_id))
        return ChallengeError("too_many")

    def _factor(self, secret: str) -> Factor:
        if self._totp is None:
            raise ConfigError("Enrolment needs Challenges(..., totp=TotpFactor).")
        return self._totp(secret)


def _key(user: str, session_id: str) -> str:
    return f"enrolling:{session_id}:{user}"
