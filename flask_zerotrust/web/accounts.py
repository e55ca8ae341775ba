"""Changes of an account by an app or its support: factors reset, a lock opened, trust ended."""

from __future__ import annotations

from flask_zerotrust import signals
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.sessions.sessions import short_id
from flask_zerotrust.web import browsers
from flask_zerotrust.web.request import this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.views import owner_notices


def reset_factors(state: AppState, user: str, factor_id: str | None, *, reason: str) -> list[str]:
    """Remove one factor or all that a user enrolled here, tell the owner, and return their ids.

    Raises
    ------
    ConfigError
        If the user has enrolled no factor of this id.
    """
    before, kinds = owner_notices.factors(state, user), state.enrolled.kinds(user)
    if factor_id is None:
        state.enrolled.reset(user)
    elif factor_id in kinds:
        kinds = {factor_id: kinds[factor_id]}
        state.enrolled.remove(user, factor_id)
    else:
        raise _unknown(user, factor_id, list(kinds))
    end_trust(state, user, reason="factors_reset")
    for gone, kind in kinds.items():
        signals.factor_removed.send(this_app(), user=user, factor_id=gone, kind=kind, reason=reason)
    if factor_id is None:
        signals.factors_reset.send(this_app(), user=user, reason=reason)
        owner_notices.reset(state, user, before)
    else:
        owner_notices.removed(state, user, kinds[factor_id], before)
    return list(kinds)


def unlock(state: AppState, user: str, *, reason: str) -> bool:
    """Open an account, tell the owner, and return whether there was anything to open."""
    if not state.challenges.attempts.unlock(user):
        return False
    signals.account_unlocked.send(this_app(), user=user, reason=reason)
    owner_notices.unlocked(state, user)
    return True


def end_trust(state: AppState, user: str, *, reason: str) -> None:
    """Forget a user's browsers and end the grants of all sessions."""
    # First, because the end of a browser ends its sessions' grants without this signal.
    ended = state.visit.end_grants(user)
    browsers.forget(state, user)
    for session_id in ended:
        signals.grant_revoked.send(
            this_app(), user=user, session=short_id(session_id), reason=reason, latch_lifted=False
        )


def _unknown(user: str, factor_id: str, ids: list[str]) -> ConfigError:
    known = f"The ids are {', '.join(map(repr, ids))}." if ids else "There is no other."
    return ConfigError(
        f"{user!r} has enrolled no factor with the id {factor_id!r}. {known} "
        "A factor of @zt.factors_loader is removed by your app."
    )
