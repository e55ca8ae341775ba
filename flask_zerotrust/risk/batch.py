"""Score one batch of movement and fold it into its session. Pure: no store, no Flask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust import movement
from flask_zerotrust.movement.wire import EventBatch
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.timeline import Timeline

#: Strokes of a batch that are scored, the first ones. A hand makes five in the 2 s between two batches.
MAX_STROKES = 40


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The evidence of a batch, apart from its session.

    Attributes
    ----------
    strokes : Strokes
        The first :data:`MAX_STROKES`.
    features : ndarray, shape (n, k)
    browser : Integrity
        How the browser got its events.
    heard : Heard
        The model's log-odds of the strokes.
    """

    batch: EventBatch
    strokes: movement.Strokes
    features: NDArray[np.float64]
    browser: movement.Integrity
    heard: assess.Heard


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a batch.

    Attributes
    ----------
    result : Assessment
    timeline : Timeline
        That of the session, with the batch.
    believed : bool
        The batch fits the session's time, so that evidence for a person counts as well.
    against : str or None
        Why a code that was passed before answers nothing any more: ``"different_person"`` or
        ``"replayed_movement"``.
    """

    result: assess.Assessment
    timeline: Timeline
    believed: bool
    against: str | None


def see(batch: EventBatch, *, scorer: assess.Scorer) -> Seen:
    """Return the evidence of a batch."""
    strokes = movement.split(batch).first(MAX_STROKES)
    features = movement.extract(strokes)
    scores = assess.rate(features, scorer=scorer)
    return Seen(batch, strokes, features, movement.inspect(batch), scores)


def fold(
    seen: Seen,
    state: risk.RiskState,
    timeline: Timeline,
    *,
    hits: assess.Hits,
    others: tuple[float, ...],
    scorer: assess.Scorer,
    now: float,
    half_life_s: float,
) -> Outcome:
    """Return the outcome of a batch for the state and the timeline of its session.

    ``hits`` and ``others`` are arguments of :func:`assess.fold`.
    """
    after = timeline.add(seen.batch, now=now)
    believed = after.believable(seen.batch, now=now)
    result = assess.fold(
        seen.heard,
        state,
        seen=seen.browser,
        hits=hits,
        others=others,
        scorer=scorer,
        now=now,
        half_life_s=half_life_s,
        believed=believed,
    )
    return Outcome(result, after, believed, _against(result.state))


def _against(state: risk.RiskState) -> str | None:
    if risk.is_other(state):
        return "different_person"
    return "replayed_movement" if risk.is_replayed(state) else None
