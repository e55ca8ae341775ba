"""More people than were recorded: the same hands, turned, mirrored, faster, slower, smoothed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.recordings.files import Recording

Floats = NDArray[np.float64]

# Standard deviations of the log of the time and size factors: people differ by more than this, the
# same person on two days by less.
_TIME_SD = 0.15
_SIZE_SD = 0.25
# Half of the turned copies lean a little (a mouse held askew, in radians), half turn by quarters.
_LEAN_SD = 0.2
# A wait that no smoothing may bridge, in ms (the pause that ends a stroke).
_REST_MS = 150.0


def vary(recording: Recording, *, rng: np.random.Generator) -> Recording:
    """Return the recording as another hand of the same build could have made it.

    Mirrored in half of the cases, turned, scaled in space and time, now and then smoothed the way a
    driver or a remote desktop smooths. Never used on bots: they are varied by their simulators.
    """
    x, y = recording.x * rng.choice([-1.0, 1.0]), recording.y
    if rng.random() < 0.3:
        x, y = _smoothed(x, y, recording.t, rng.uniform(0.05, 0.25))
    angle = rng.normal(0.0, _LEAN_SD) if rng.random() < 0.6 else np.pi / 2 * rng.integers(4)
    size = np.exp(rng.normal(0.0, _SIZE_SD))
    x, y = (
        size * (np.cos(angle) * x - np.sin(angle) * y),
        size * (np.sin(angle) * x + np.cos(angle) * y),
    )
    x, y = x - x.min(initial=0.0), y - y.min(initial=0.0)
    pace = np.exp(rng.normal(0.0, _TIME_SD))
    viewport = (int(x.max(initial=0.0)) + 1, int(y.max(initial=0.0)) + 1)
    return replace(recording, t=recording.t * pace, x=x, y=y, viewport=viewport)


def _smoothed(x: Floats, y: Floats, t: Floats, share: float) -> tuple[Floats, Floats]:
    """Mix each position with its neighbours', where neither lies beyond a rest."""
    if t.size < 3:
        return x, y
    near = (np.diff(t)[:-1] < _REST_MS) & (np.diff(t)[1:] < _REST_MS)
    w = np.where(near, share, 0.0)
    out = []
    for v in (x, y):
        mixed = v.copy()
        mixed[1:-1] += w * (v[:-2] - 2.0 * v[1:-1] + v[2:])
        out.append(mixed)
    return out[0], out[1]
