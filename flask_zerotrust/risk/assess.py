"""One batch in, one Assessment out: the only place where kinds of evidence meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust import identity, movement
from flask_zerotrust.movement import session_features
from flask_zerotrust.movement.wire import EventBatch
from flask_zerotrust.replay.evidence import Hit, Replayed
from flask_zerotrust.risk import level as risk

NOTHING_SEEN = movement.Integrity()
NEVER_SEEN = Replayed()
NOBODY_ELSE = identity.Identity()

#: For every stroke the stored ones it is like.
Hits = Sequence[tuple[Hit, ...]]


class Scorer(Protocol):
    """The interface of a model."""

    @property
    def policy(self) -> risk.Policy:
        """How its scores add up to a level."""

    def log_odds(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return, for features of shape (n, k), n log-odds of a bot, finite and calibrated."""

    def together(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return m log-odds of a bot for sums of shape (m, session_features.WIDTH), finite and calibrated.

        What all strokes of a session say together, with how they differ from one another. Asked of
        sessions with at least the policy's ``min_strokes``.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Log-odds of n strokes, and the rows that they add to the sums of their session.

    Attributes
    ----------
    said : tuple of float
        Log-odds, in time order.
    rows : ndarray, shape (n, session_features.WIDTH)
    """

    said: tuple[float, ...] = ()
    rows: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, session_features.WIDTH)))

    def against(self) -> Heard:
        """Return only the strokes that speak for a bot."""
        bad = [stroke > 0 for stroke in self.said]
        return Heard(tuple(stroke for stroke in self.said if stroke > 0), self.rows[bad])


@dataclass(frozen=True, slots=True)
class Assessment:
    """The result of one batch: the new state, its level, and the reasons.

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
    scores, browser = score(batch, scorer=scorer), movement.inspect(batch)
    return fold(scores, state, seen=browser, hits=hits, scorer=scorer, now=now, half_life_s=half_life_s)


def score(batch: EventBatch, *, scorer: Scorer) -> Heard:
    """Return a model's log-odds of the strokes of a batch, in time order.

    Movement that the browser did not vouch for, and touch, say nothing about a person with a
    mouse: they leave the session as unknown as it was. So does a stroke of which the model says
    nothing finite.
    """
    return rate(movement.extract(movement.split(batch)), scorer=scorer)


def rate(features: NDArray[np.float64], *, scorer: Scorer) -> Heard:
    """Return a model's log-odds of strokes by their features, shape (n, k), in time order."""
    if not len(features):
        return Heard()
    log_odds, policy = scorer.log_odds(features), scorer.policy
    finite = np.isfinite(log_odds)
    if not finite.all():
        log_odds, features = log_odds[finite], features[finite]
    clipped = np.minimum(np.maximum(log_odds, -policy.stroke_cap_person), policy.stroke_cap_bot)
    return Heard(tuple(log_odds.tolist()), session_features.rows(clipped, features))


def fold(
    heard: Heard,
    state: risk.RiskState,
    *,
    seen: movement.Integrity = NOTHING_SEEN,
    hits: Hits = (),
    others: tuple[float, ...] = (),
    scorer: Scorer,
    now: float,
    half_life_s: float,
    believed: bool = True,
) -> Assessment:
    """Add new strokes, and the evidence of their browser, to the state of the session.

    ``others`` holds the strokes' log-odds of another person than the user, against the user. ``hits``
    the stored strokes that they are like. Of a batch that is not ``believed`` only what speaks for a
    bot, another person or a recording counts.
    """
    counted = heard if believed else heard.against()
    after = move(counted, state, scorer=scorer, now=now, half_life_s=half_life_s, believed=believed)
    against = others if believed else tuple(stroke for stroke in others if stroke > 0)
    after = replace(
        after,
        browser=after.browser.add(seen),
        identity=after.identity.add(against),
        replay=after.replay.add(hits),
    )
    return describe(after, policy=scorer.policy, strokes=counted.said)


def move(
    heard: Heard,
    state: risk.RiskState,
    *,
    scorer: Scorer,
    now: float,
    half_life_s: float,
    believed: bool = True,
) -> risk.RiskState:
    """Return the state after new strokes: each for itself, then all of the session together."""
    after = risk.update(state, heard.said, now=now, half_life_s=half_life_s, policy=scorer.policy)
    if not len(heard.rows):
        return after
    return _together(after, heard.rows, scorer, believed=believed)


def follow(
    heard: Heard, state: risk.RiskState, *, scorer: Scorer, now: float, half_life_s: float
) -> list[risk.RiskState]:
    """Return the states after each of new strokes. The last is that of :func:`move`."""
    states = []
    for i, stroke in enumerate(heard.said):
        single = Heard((stroke,), heard.rows[i : i + 1])
        state = move(single, state, scorer=scorer, now=now, half_life_s=half_life_s)
        states.append(state)
    return states


def _together(
    state: risk.RiskState, rows: NDArray[np.float64], scorer: Scorer, *, believed: bool
) -> risk.RiskState:
    """Return the state with more strokes in its sums and the model's log-odds of them, within the caps."""
    policy, before, manner = scorer.policy, state.manner, state.manner.add(rows)
    if manner.strokes < policy.min_weight:
        return replace(state, manner=movement.Manner(manner.sums))
    log_odds = float(scorer.together(np.array([manner.sums]))[0])
    if not math.isfinite(log_odds):
        log_odds = state.log_odds
    if not believed:
        log_odds = max(log_odds, before.log_odds if before.strokes >= policy.min_weight else state.log_odds)
    log_odds = min(max(log_odds, -policy.session_cap_person), policy.session_cap_bot)
    return replace(state, manner=movement.Manner(manner.sums, log_odds))


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
    """Name the evidence against a session: how it moved, how the browser got its events, whose it is."""
    if level == "low":
        return ()
    movement_only = replace(state, browser=NOTHING_SEEN, identity=NOBODY_ELSE, replay=NEVER_SEEN)
    words = list(_of_movement(movement_only, risk.level(movement_only, policy), policy))
    if state.browser.untrusted > 0:
        words.append("untrusted_events")
    if state.browser.timing > 0:
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
