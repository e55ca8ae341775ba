"""Strokes as a network sees them: complex velocity on even steps, beside the features and the size."""

from __future__ import annotations

import numpy as np

from flask_zerotrust import movement
from flask_zerotrust.movement.resample import EVEN_STEPS, Floats, resample

#: Columns of :func:`describe`, in order: features, velocity along and across the chord, size.
FEATURES = slice(0, len(movement.FEATURE_NAMES))
PROFILE = slice(FEATURES.stop, FEATURES.stop + 2 * EVEN_STEPS)
SIZE = slice(PROFILE.stop, PROFILE.stop + 2)
WIDTH = SIZE.stop


def describe(strokes: movement.Strokes) -> Floats:
    """Return features, velocity profile and size of strokes, shape (n, WIDTH).

    The profile is the velocity in ``EVEN_STEPS`` equal parts of the duration, in mean speeds, turned so
    that the chord points along the first half of the columns; the bend is always to the same side. Size
    is the logarithm of duration in ms and of path in px: for spreads between strokes, never as such.
    """
    if not len(strokes):
        return np.empty((0, WIDTH))
    g = resample(strokes)
    v = np.diff(g.even, axis=0).T
    chord = v.sum(axis=1)
    v = v * np.exp(-1j * np.angle(chord))[:, None] * (EVEN_STEPS / g.path_px)[:, None]
    bend = np.cumsum(v.imag, axis=1).sum(axis=1)
    across = v.imag * np.where(bend < 0, -1.0, 1.0)[:, None]
    size = np.log(np.stack([g.duration_ms, g.path_px], axis=1))
    return np.concatenate([movement.extract(strokes), v.real, across, size], axis=1)
