"""Is it still the same person: when movement is compared with a profile, and when it may teach it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust import identity, movement
from flask_zerotrust.errors import StoreError
from flask_zerotrust.identity.profile_store import Held, Profiles
from flask_zerotrust.movement.wire import EventBatch
from flask_zerotrust.risk.assess import Assessment
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.web.users import IdentityConsent

log = logging.getLogger("flask_zerotrust")

#: So long after a passed factor a session teaches, in s: about as long as somebody stays at a desk, and
#: what a cookie that is stolen afterwards can be used for at most.
PROVEN_S = 1_800.0
#: Log-odds of another person at which a profile that is ready takes a session for its user's. By folds of
#: the background people it lets 30-34 % of strangers teach something in a minute, and keeps 70-73 % of the
#: owners' strokes; -2, the least there is, would be 23-27 % and 50-52 %.
RECOGNISED = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The strokes of one batch beside the profile of the user who is logged in.

    Attributes
    ----------
    held : Held
    habits : ndarray, shape (n, len(HABIT_NAMES))
    said : tuple of float
        Log-likelihood ratios another person / the user. None where the profile is not ready.
    """

    held: Held
    habits: NDArray[np.float64]
    said: tuple[float, ...]


def look(
    profiles: Profiles,
    user: str,
    batch: EventBatch,
    strokes: movement.Strokes,
    features: NDArray[np.float64],
    *,
    background: identity.Background,
) -> Sight | None:
    """Compare a batch with a profile, by one read. Return None if there is nothing to compare.

    A profile that cannot be read is no reason to refuse movement: it is logged, and not compared.
    """
    if not len(strokes):
        return None
    try:
        held = profiles.load(user)
    except StoreError:
        log.exception("a movement profile cannot be read; nothing is compared with it or learnt")
        return None
    if held.stopped:
        return None
    habits = movement.habits(batch, strokes, features)
    if held.profile is None or not identity.ready(held.profile):
        return Sight(held, habits, ())
    log_odds = identity.compare(held.profile, habits, background=background)
    return Sight(held, habits, tuple(log_odds[np.isfinite(log_odds)].tolist()))


def may_teach(record: Record, found: Assessment, sight: Sight, *, now: float) -> bool:
    """Say whether a batch, by what it has made of its session, was moved by its user beyond doubt.

    The session has passed a factor (its record began with that, so all its movement came later), not
    long ago, and nothing has spoken against it since. A profile that is ready must recognise the
    session's movement too: or somebody with a phished code could teach it a little every day.
    """
    age_s = record.grant_age_s(user=sight.held.user, now=now)
    profile, state = sight.held.profile, found.state
    return (
        age_s is not None
        and age_s <= PROVEN_S
        and found.level == "low"
        and not record.latched
        and not record.suspect
        and state.browser.untrusted == 0
        and state.browser.timing == 0
        and state.replay.log_odds == 0
        and (profile is None or not identity.ready(profile) or state.identity.log_odds <= RECOGNISED)
    )


def teach(profiles: Profiles, sight: Sight, *, now: float, background: identity.Background) -> None:
    """Learn the strokes of a batch. The batch itself has been counted whatever comes of this."""
    try:
        profiles.learn(sight.held, sight.habits, now=now, background=background)
    except StoreError:
        log.exception("a movement profile could not be written; a batch was not learnt")


def agrees(consent: IdentityConsent | None, user: str) -> bool:
    """Return the answer of the app, and False if it fails or says anything but True."""
    if consent is None:
        return False
    try:
        return consent(user) is True
    except Exception:
        log.exception("the function registered with @zt.identity_consent failed; nothing is learnt")
        return False
