"""One batch in, one Assessment out: the only place where kinds of evidence meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import identity, motion, risk
from .events import EventBatch
from .motion.replayed import Hit, Replayed

NOTHING_SEEN = motion.Integrity()
NEVER_SEEN = Replayed()
NOBODY_ELSE = identity.Identity()

#: For every stroke the stored ones it is like.
Hits = Sequence[tuple[Hit, ...]]


class Scorer(Protocol):
    """What a model has to offer."""

    @property
    def policy(self) -> risk.Policy:
        """How its scores add up to a level."""

    def log_odds(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return, for features of shape (n, k), n log-odds of a bot, finite and calibrated."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one batch says: the new state, its level, and why.

    ``strokes`` holds the log-odds of the batch's strokes in time order.
    """

    state: risk.RiskState
    level: risk.Level
    value: float
    strokes: tuple[float, ...]
    reasons: tuple[str, ...]


def assess(
    batch: EventBatch,
    state: risk.RiskState,
    *,
    scorer: Scorer,
    now: float,
    half_life_s: float,
    hits: Hits = (),
) -> Assessment:
    """Score the strokes of a batch and fold them into the state of the session."""
    said, seen = score(batch, scorer=scorer), motion.inspect(batch)
    policy = scorer.policy
    return fold(said, state, seen=seen, hits=hits, policy=policy, now=now, half_life_s=half_life_s)


def score(batch: EventBatch, *, scorer: Scorer) -> tuple[float, ...]:
    """Return the log-odds of the strokes of a batch, in time order.

    Movement that the browser did not vouch for, and touch, say nothing about a person with a
    mouse: they leave the session as unknown as it was. So does a stroke of which the model says
    nothing finite.
    """
    return rate(motion.extract(motion.split(batch)), scorer=scorer)


def rate(features: NDArray[np.float64], *, scorer: Scorer) -> tuple[float, ...]:
    """Return the log-odds of strokes by their features, shape (n, k), in time order."""
    if not len(features):
        return ()
    said = scorer.log_odds(features)
    return tuple(said[np.isfinite(said)].tolist())


def fold(
    said: tuple[float, ...],
    state: risk.RiskState,
    *,
    seen: motion.Integrity = NOTHING_SEEN,
    hits: Hits = (),
    others: tuple[float, ...] = (),
    policy: risk.Policy,
    now: float,
    half_life_s: float,
    believed: bool = True,
) -> Assessment:
    """Add the log-odds of new strokes, and what was seen of their browser, to the state of the session.

    ``others`` holds what the strokes say for another person than the user, against the user; ``hits``
    the stored strokes that they are like. Of a batch that is not ``believed`` only what speaks for a
    bot, another person or a recording counts.
    """
    counted = said if believed else tuple(stroke for stroke in said if stroke > 0)
    after = risk.update(state, counted, now=now, half_life_s=half_life_s, policy=policy)
    against = others if believed else tuple(stroke for stroke in others if stroke > 0)
    after = replace(
        after,
        integrity=after.integrity.then(seen),
        other=after.other.then(against),
        replay=after.replay.then(hits),
    )
    return describe(after, policy=policy, strokes=counted)


def describe(state: risk.RiskState, *, policy: risk.Policy, strokes: tuple[float, ...] = ()) -> Assessment:
    """Name level, risk and reasons of a state that has been decayed to now."""
    level, value = risk.judge(state, policy)
    return Assessment(
        state=state,
        level=level,
        value=value,
        strokes=strokes,
        reasons=_reasons(state, level, policy),
    )


def _reasons(state: risk.RiskState, level: risk.Level, policy: risk.Policy) -> tuple[str, ...]:
    """Name what speaks against a session: how it moved, how the browser got its events, whose it is."""
    if level == "low":
        return ()
    moved = replace(state, integrity=NOTHING_SEEN, other=NOBODY_ELSE, replay=NEVER_SEEN)
    words = list(_of_movement(moved, risk.level(moved, policy), policy))
    if state.integrity.untrusted > 0:
        words.append("untrusted_events")
    if state.integrity.timing > 0:
        words.append("machine_like_timing")
    if risk.replay_value(state) >= policy.elevated_at or risk.is_replayed(state):
        words.append("replayed_movement")
    if risk.other_value(state) >= policy.elevated_at or risk.is_other(state):
        words.append("different_person")
    return tuple(words)


def _of_movement(state: risk.RiskState, level: risk.Level, policy: risk.Policy) -> tuple[str, ...]:
    if level == "unknown":
        if state.weight >= policy.min_weight:
            return ("unclear_movement",)
        return ("no_movement",) if state.weight == 0 else ("too_little_movement",)
    if state.worst >= policy.window_high_at:
        return ("machine_like_movement", "recent_window")
    return ("machine_like_movement",) if level in ("elevated", "high") else ()
