"""Hand-made pointer movement for tests of strokes, features and scores."""

from __future__ import annotations

import numpy as np

from flask_zerotrust.movement.wire import MOUSE, MOVE, EventBatch


def batch(t_ms, x, y, *, kind=None, pointer=MOUSE, trusted=True) -> EventBatch:
    """Return a batch of moves (or of the kinds given) in a window of 1,000 by 800."""
    t_ms, x, y = (np.asarray(v, dtype=np.float64) for v in (t_ms, x, y))
    n, none = t_ms.size, np.zeros(t_ms.size)
    return EventBatch(
        t_ms=t_ms,
        x=x,
        y=y,
        kind=np.full(n, MOVE, np.uint8) if kind is None else np.asarray(kind, np.uint8),
        pointer=np.full(n, pointer, np.uint8),
        trusted=np.full(n, trusted),
        pressure=np.zeros(n, bool),
        lag_ms=none,
        wheel_x=none,
        wheel_y=none,
        viewport=(1_000, 800),
        sent_ms=float(t_ms[-1]) if n else 0.0,
    )


def line(*, start_ms=0.0, step_ms=16.0, n=20, px=10.0):
    """Return times and places of an even movement to the right."""
    return start_ms + step_ms * np.arange(n), px * np.arange(n), np.zeros(n)


def wander(rng, *, n=600, step_ms=16.0, pause_every=60):
    """Return a long walk with a pause now and then: about ten strokes in 600 events."""
    t = np.cumsum(np.full(n, step_ms) + 400.0 * (np.arange(n) % pause_every == 0))
    return t, np.cumsum(rng.normal(5.0, 4.0, n)).round(), np.cumsum(rng.normal(3.0, 4.0, n)).round()
