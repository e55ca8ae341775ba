"""Used codes: each use of a factor is claimed in the store, once, also in parallel."""

from __future__ import annotations

from urllib.parse import quote

from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.stores.base import Store

# Far longer than any code stays acceptable (a time step 90 s, a sent code 600 s at most).
_USED_S = 86_400.0


def claim_use(store: Store, user: str, kind: str, use: str) -> None:
    """Claim the use of a right code, or raise ChallengeError ``used``."""
    if not store.claim(_key(user, kind, use), ttl_s=_USED_S):
        raise ChallengeError("used")


def wrong_by(store: Store, user: str, factor: Factor, code: str, *, now: float) -> str:
    """Return why a code is wrong: ``clock`` if a clock that is minutes off shows it.

    Its time step then counts as used. Otherwise somebody who guesses the code of a later time would be told
    so, and could wait for that time.
    """
    uses = factor.uses_by_other_clock(code, now=now)
    for use in uses:
        store.claim(_key(user, factor.kind, use), ttl_s=_USED_S)
    return "clock" if uses else "wrong"


def is_used(store: Store, user: str, kind: str, use: str) -> bool:
    """Say whether a use was claimed already. For tests, since only claiming is safe in parallel."""
    return store.get(_key(user, kind, use)) is not None


def _key(user: str, kind: str, use: str) -> str:
    return f"used:{quote(kind, safe='')}:{quote(use, safe='')}:{user}"
