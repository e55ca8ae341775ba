"""One session followed stroke by stroke, as the server would: what it said, and when it was stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flask_zerotrust import movement
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.assess import Scorer
from flask_zerotrust.simulate.browser import render
from flask_zerotrust.training.evaluate import COUNTS, HALF_LIFE_S
from research.report.intervals import Floats

#: What the trivial rule sees of a stroke: median time between moves in ms, then left, right, top, bottom.
GAUGES = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """What the policy says at one moment; ``asked`` is true where a guarded view asks for a factor."""

    value: float
    level: risk.Level
    asked: bool


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A session under the shipped policy.

    Attributes
    ----------
    person : str
        Whom its movement is counted under: the person, or the session where nobody knows.
    said : ndarray of float64, shape (n,)
        Log-odds of the strokes.
    rows : ndarray of float64, shape (n, motion.manner.WIDTH)
        What they add to the sums of a session.
    gauges : ndarray of float64, shape (n, GAUGES)
        What the trivial rule sees of the strokes.
    after : dict
        Moments by number of strokes, and ``all``.
    high_strokes, high_s : int or None, float or None
        Strokes, and seconds since the first event, until the level was first *high*.
    passed_strokes : int or None
        Strokes after which the session was first not asked for a factor.
    """

    source: str
    label: str | None
    session: str
    person: str
    said: Floats
    rows: Floats
    gauges: Floats
    after: dict[str, Moment]
    high_strokes: int | None
    high_s: float | None
    passed_strokes: int | None


def trace(recording: Recording, scorer: Scorer, *, render_seed: tuple[int, ...] | None = None) -> Trace:
    """Return what the shipped policy says of a session, stroke by stroke.

    With ``render_seed`` the recording passes through the simulated browser first. Moments equal
    those of :func:`~flask_zerotrust.training.evaluate.score_session`.
    """
    if render_seed is not None:
        recording = render(recording, rng=np.random.default_rng(render_seed))
    policy, state, latched = scorer.policy, risk.RiskState(), False
    said: list[float] = []
    rows: list[Floats] = [assess.Heard().rows]
    gauges: list[Floats] = [np.empty((0, GAUGES))]
    after: dict[str, Moment] = {}
    high: tuple[int, float] | None = None
    passed: int | None = None
    begun_ms = float(recording.t[0]) if len(recording) else 0.0
    for batch in batches(recording):
        now = batch.sent_ms / 1_000.0
        strokes = movement.split(batch)
        heard = assess.rate(movement.extract(strokes), scorer=scorer)
        gauges.append(_gauges(strokes))
        rows.append(heard.rows)
        state = risk.decay(state, now=now, half_life_s=HALF_LIFE_S)
        followed = assess.follow(heard, state, scorer=scorer, now=now, half_life_s=HALF_LIFE_S)
        for stroke, state in zip(heard.said, followed, strict=True):
            said.append(stroke)
            moment = _moment(state, policy, latched)
            if len(said) in COUNTS:
                after[str(len(said))] = moment
            if high is None and moment.level == "high":
                high = (len(said), (batch.sent_ms - begun_ms) / 1_000.0)
            if passed is None and not moment.asked:
                passed = len(said)
        state = replace(state, browser=state.browser.add(movement.inspect(batch)))
        latched = latched or risk.level(state, policy) == "high"
    after["all"] = _moment(state, policy, latched)
    return Trace(
        source=recording.source,
        label=recording.label,
        session=recording.session,
        person=recording.user or recording.session,
        said=np.array(said),
        rows=np.concatenate(rows),
        gauges=np.concatenate(gauges),
        after=after,
        high_strokes=high[0] if high else None,
        high_s=high[1] if high else None,
        passed_strokes=passed,
    )


def _moment(state: risk.RiskState, policy: risk.Policy, latched: bool) -> Moment:
    level, value = risk.level(state, policy), risk.value(state, policy)
    terms = risk.Terms(max_risk=policy.high_at, grant_s=0.0, keyless_s=0.0, movement_earns=True)
    decision = risk.decide(risk.Standing(level=level, value=value, latched=latched), terms)
    return Moment(value, level, not decision.allowed)


def _gauges(strokes: movement.Strokes) -> Floats:
    rows = [np.empty((0, GAUGES))]
    for first, last in zip(strokes.offsets[:-1].tolist(), strokes.offsets[1:].tolist(), strict=True):
        x, y = strokes.x[first:last], strokes.y[first:last]
        step_ms = float(np.median(np.diff(strokes.t_ms[first:last])))
        rows.append(np.array([[step_ms, x.min(), x.max(), y.min(), y.max()]]))
    return np.concatenate(rows)


def evidence(one: Trace, scorer: Scorer, count: int) -> Floats:
    """Return the evidence after each stretch of so many strokes, every stretch a fresh session."""
    found = []
    for end in range(count, one.said.size + 1, count):
        heard = assess.Heard(tuple(one.said[end - count : end].tolist()), one.rows[end - count : end])
        state = assess.move(heard, risk.RiskState(), scorer=scorer, now=0.0, half_life_s=1.0)
        found.append(risk.movement(state, scorer.policy))
    return np.array(found)


def rate_and_extent(one: Trace, count: int) -> Floats:
    """Return what the trivial rule sees of each such stretch: ms between moves, width and height in px."""
    n = one.said.size // count
    parts = one.gauges[: n * count].reshape(n, count, GAUGES)
    wide = parts[:, :, 2].max(axis=1) - parts[:, :, 1].min(axis=1) if n else np.empty(0)
    high = parts[:, :, 4].max(axis=1) - parts[:, :, 3].min(axis=1) if n else np.empty(0)
    return np.stack([np.median(parts[:, :, 0], axis=1) if n else np.empty(0), wide, high], axis=1)
