"""Evaluate a model on recordings: sessions as the server would score them, and tables of figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flask_zerotrust import movement
from flask_zerotrust.movement.wire import EventBatch
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay.memory import ReplayMemory, rows_of
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.assess import Scorer
from flask_zerotrust.simulate.browser import render

# Strokes after which a session is reported, beside its end.
COUNTS = (1, 3, 5, 10, 20)
HALF_LIFE_S = 900.0


def score_session(
    recording: Recording,
    scorer: Scorer,
    *,
    render_rng: np.random.Generator | None = None,
    half_life_s: float = HALF_LIFE_S,
    memory: ReplayMemory | None = None,
    start_s: float = 0.0,
) -> dict[str, Any]:
    """Return the line of ``score --json``: the decision of the shipped policy after 1, 3, 5 ... strokes.

    ``after`` holds only the counts that the session reaches, and ``all``. Time is the recording's
    own. ``step_up`` is true where a guarded view would have asked for a factor: *high*, once seen,
    stays. *unknown* is asked as well. With a ``memory`` its strokes are looked up there, and remembered
    under the session's name. The session starts at ``start_s`` on the memory's clock.
    """
    if render_rng is not None:
        recording = render(recording, rng=render_rng)
    state, known, latched, after = risk.RiskState(), 0, False, {}
    last = assess.describe(state, policy=scorer.policy)
    for batch in batches(recording):
        now = start_s + batch.sent_ms / 1_000.0
        hits = _hits(batch, memory, thread=recording.session, now=now)
        scores, shown = assess.score(batch, scorer=scorer), movement.inspect(batch)
        terms: Any = {"scorer": scorer, "now": now, "half_life_s": half_life_s}
        for moment in assess.follow(scores, state, **terms):
            known += 1
            if known in COUNTS:
                after[str(known)] = _entry(moment, scorer.policy, latched)
        last = assess.fold(scores, state, seen=shown, hits=hits, **terms)
        state = last.state
        latched = latched or last.level == "high"
    after["all"] = _entry(state, scorer.policy, latched)
    return {
        "session": recording.session,
        "user": recording.user,
        "label": recording.label,
        "source": recording.source,
        "strokes": known,
        "after": after,
        "reasons": list(last.reasons),
    }


def _hits(batch: EventBatch, memory: ReplayMemory | None, *, thread: str, now: float) -> assess.Hits:
    """Return a memory's matches of a batch's strokes, and remember these."""
    if memory is None:
        return ()
    rows = rows_of(movement.split(batch), thread=thread, now=now)
    result = memory.look_up(rows, now=now)
    memory.remember(rows)
    return result


def _entry(state: risk.RiskState, policy: risk.Policy, latched: bool) -> dict[str, Any]:
    level = risk.level(state, policy)
    terms = risk.Terms(max_risk=policy.high_at, grant_s=0.0, keyless_s=0.0, movement_earns=True)
    value = risk.value(state, policy)
    decision = risk.decide(risk.Standing(level=level, value=value, latched=latched), terms)
    return {"risk": round(value, 4), "level": level, "step_up": not decision.allowed}


def upper_bound(stopped: int, of: int, *, confidence: float = 0.95) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a share. 1.0 when nothing was tried."""
    if of == 0 or stopped >= of:
        return 1.0
    low, high = stopped / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if _binomial_cdf(stopped, of, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def _binomial_cdf(k: int, n: int, p: float) -> float:
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(i + 1)
        - math.lgamma(n - i + 1)
        + i * math.log(p)
        + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    ]
    return math.fsum(math.exp(v) for v in logs)
