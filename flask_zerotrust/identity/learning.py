"""Learning a profile, and the likelihood ratio of another person against the profile's owner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.identity.background import Background
from flask_zerotrust.identity.profile import Instrument, Profile
from flask_zerotrust.movement import HABIT_NAMES

Floats = NDArray[np.float64]

#: Strokes from which a profile says something: about three minutes of movement.
READY_STROKES = 60
#: Instruments kept of a user. The one not seen for longest goes.
MAX_INSTRUMENTS = 4
#: Most strokes learnt a day: whoever moves in cannot teach a profile in an afternoon.
DAY_STROKES = 300
#: Most strokes' worth of movement kept of an instrument: older ones fade.
MEMORY_STROKES = 600.0
#: Furthest that one learning step moves a ready profile, in standard deviations between strokes.
MAX_DRIFT = 0.05
# Two instruments are one while their columns differ by less: a third of an octave of the rate.
SAME_KIND = np.array([0.35, np.inf, np.inf])
_DAY_S = 86_400.0
_DEVICE = slice(len(HABIT_NAMES) - 3, len(HABIT_NAMES))


def ready(profile: Profile) -> bool:
    """Say whether enough was learnt to compare with."""
    return profile.strokes >= READY_STROKES


def learn(profile: Profile | None, features: Floats, *, now: float, background: Background) -> Profile:
    """Return the profile after strokes that are known to be its owner's.

    Nothing is learnt beyond the quota of the day. A profile made with another background starts again.

    Parameters
    ----------
    features : ndarray, shape (n, len(HABIT_NAMES))
        Of one batch, in time order.
    now : float
        Wall-clock seconds.
    """
    if profile is None or profile.background != background.version:
        profile = Profile(background=background.version, created_at=now, updated_at=now)
    day = max(int(now // _DAY_S), profile.day)
    if day > profile.day:
        profile = replace(
            profile,
            day=day,
            learnt_today=0,
            previous=profile.instruments,
            previous_strokes=profile.strokes,
        )
    features = features[: max(0, DAY_STROKES - profile.learnt_today)]
    if not len(features):
        return profile
    return replace(
        profile,
        instruments=_taught(profile, features, now, background),
        strokes=profile.strokes + len(features),
        updated_at=max(now, profile.updated_at),
        learnt_today=profile.learnt_today + len(features),
        version=profile.version + 1,
    )


def compare(profile: Profile, features: Floats, *, background: Background) -> Floats:
    """Return calibrated log-likelihood ratios another person / owner of every stroke, shape (n,).

    Zeros where the profile is not ready or was learnt with another background.
    """
    if not len(features) or not ready(profile) or profile.background != background.version:
        return np.zeros(len(features))
    z = background.embed(features)
    mean, variance = _expected(profile, features[0, _DEVICE], background)
    spread = background.within + variance
    anybody = background.between + background.session + background.within
    raw = 0.5 * ((z - mean) ** 2 / spread - z**2 / anybody + np.log(spread / anybody)).sum(axis=1)
    log_odds: Floats = background.slope * raw + background.offset
    return log_odds


def _expected(profile: Profile, kind: Floats, background: Background) -> tuple[Floats, Floats]:
    """Return where the owner's strokes lie with this instrument, and how sure that is. Shapes (d,)."""
    precision, pull = 1.0 / background.between, np.zeros(background.between.size)
    known = None
    for instrument in profile.instruments:
        own = 1.0 / (background.session + background.within / instrument.strokes)
        precision, pull = precision + own, pull + own * instrument.mean
        if _same(instrument.kind, kind):
            known = instrument
    mean, variance = pull / precision, 1.0 / precision + background.session
    if known is None:
        return mean, variance
    # What the instrument adds to the person, where it was seen itself.
    visited = background.within / known.strokes
    gain = background.session / (background.session + visited)
    return mean + gain * (known.mean - mean), (1.0 - gain) * variance + 0.5 * background.session


def _same(floats: Floats, other: Floats) -> bool:
    return bool((np.abs(floats - other) < SAME_KIND).all())


def _taught(
    profile: Profile, features: Floats, now: float, background: Background
) -> tuple[Instrument, ...]:
    z, kind = background.embed(features), features[0, _DEVICE]
    for i, old in enumerate(profile.instruments):
        if _same(old.kind, kind):
            kept = min(old.strokes, MEMORY_STROKES - len(z))
            step = len(z) / (kept + len(z)) * (z.mean(axis=0) - old.mean)
            new = replace(
                old,
                strokes=kept + len(z),
                mean=old.mean + (_bounded(step, background) if ready(profile) else step),
                seen_at=max(now, old.seen_at),
            )
            return (*profile.instruments[:i], new, *profile.instruments[i + 1 :])
    mean, strokes = z.mean(axis=0), float(len(z))
    if ready(profile):
        # It begins where the owner is expected with it: a new mouse is no way around the bound. What it
        # has not moved counts for nothing, so that an owner's new mouse is not soon thought well known.
        home, _ = _expected(profile, kind, background)
        step = _bounded(mean - home, background)
        strokes *= _length(step, background) / max(_length(mean - home, background), 1e-12)
        mean = home + step
    new = Instrument(kind=kind, strokes=strokes, mean=mean, seen_at=now)
    latest = sorted(profile.instruments, key=lambda value: value.seen_at)[-(MAX_INSTRUMENTS - 1) :]
    return (*latest, new)


def _bounded(step: Floats, background: Background) -> Floats:
    return step * min(1.0, MAX_DRIFT / max(_length(step, background), 1e-12))


def _length(step: Floats, background: Background) -> float:
    return float(np.sqrt((step**2 / background.within).mean()))
