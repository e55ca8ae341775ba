"""Features by which one person is told from another: how far, how fast, which way, and the pause after it.

Unlike the features of :mod:`.features` these are absolute, so they hold the mouse and the screen too.
Only the identity model sees them. It keeps instrument and person apart by the last columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.features import FEATURE_NAMES
from flask_zerotrust.movement.strokes import Strokes
from flask_zerotrust.movement.wire import DOWN, UP, EventBatch

Floats = NDArray[np.float64]

OWN_NAMES = (
    "log_path",
    "log_duration",
    "log_speed",
    "log_peak_speed",
    "log_chord",
    "to_right",
    "to_bottom",
    "to_diagonal",
    "to_axis",
    "bend",
    "bend_to_right",
    "bend_to_bottom",
    "log_wait_before",
    "waited",
    "presses_after",
    "log_wait_to_press",
    "dragged",
)
#: Columns that tell the device, not the hand: log2 of the median ms between events, of window width
#: and of window height.
INSTRUMENT_NAMES = ("log2_interval", "log2_width", "log2_height")
#: Column names of :func:`habits`, in order.
HABIT_NAMES: tuple[str, ...] = (*FEATURE_NAMES, *OWN_NAMES, *INSTRUMENT_NAMES)

# A press so long after the last move does not end that movement, in ms.
_PRESS_MS = 1_000.0
# Waits are capped at this, in ms: beyond lies reading, not moving.
_WAIT_MS = 3_000.0
_PEAK = FEATURE_NAMES.index("speed_peak")
_TINY = 1e-9


def habits(batch: EventBatch, strokes: Strokes, features: Floats) -> Floats:
    """Return the identity features of all strokes of a batch, shape (n, len(HABIT_NAMES)), finite.

    Parameters
    ----------
    batch : EventBatch
        Where ``strokes`` were found.
    features : ndarray, shape (n, len(FEATURE_NAMES))
        Output of :func:`.features.extract`.
    """
    n = len(strokes)
    if not n:
        return np.empty((0, len(HABIT_NAMES)))
    own = np.array([*_extent(strokes, features), *_around(batch, strokes), *_device(batch, strokes)]).T
    return np.concatenate((features, own), axis=1)


def _extent(strokes: Strokes, features: Floats) -> list[Floats]:
    """Describe how far, how fast and which way, and to which side the path bends."""
    first, last = strokes.offsets[:-1], strokes.offsets[1:] - 1
    x, y = strokes.x, strokes.y
    step = np.zeros(x.size)
    np.hypot(x[1:] - x[:-1], y[1:] - y[:-1], out=step[1:])
    step[first] = 0.0
    path = np.add.reduceat(step, first)
    duration = strokes.t_ms[last] - strokes.t_ms[first]
    cx, cy = x[last] - x[first], y[last] - y[first]
    chord = np.sqrt(cx * cx + cy * cy) + _TINY
    ux, uy = cx / chord, cy / chord
    count = np.diff(strokes.offsets)
    # Mean signed distance from the chord, each event weighed by the path it ends.
    off = (y - np.repeat(y[first], count)) * np.repeat(ux, count)
    off -= (x - np.repeat(x[first], count)) * np.repeat(uy, count)
    bend = np.add.reduceat(off * step, first) / (path * path)
    speed = np.log(path / duration)
    return [
        np.log(path),
        np.log(duration),
        speed,
        speed + np.log(features[:, _PEAK] + _TINY),
        np.log(chord + 1.0),
        ux,
        uy,
        ux * uy,
        ux * ux - uy * uy,
        bend,
        bend * ux,
        bend * uy,
    ]


def _around(batch: EventBatch, strokes: Strokes) -> list[Floats]:
    """Describe the wait before a stroke, and the press after it. A batch does not tell of others."""
    t = batch.t_ms
    before = np.searchsorted(t, strokes.start_ms, side="left") - 1
    waited = before >= 0
    wait = np.where(waited, strokes.start_ms - t[np.maximum(before, 0)], _WAIT_MS)
    wait = np.log(np.clip(wait, 1.0, _WAIT_MS))
    button = np.flatnonzero((batch.kind == DOWN) | (batch.kind == UP))
    nothing = np.zeros(len(strokes))
    if not button.size:
        return [wait, waited.astype(np.float64), nothing, nothing, nothing]
    at, down = t[button], batch.kind[button] == DOWN
    following = np.searchsorted(at, strokes.end_ms, side="left")
    here = np.minimum(following, button.size - 1)
    late = at[here] - strokes.end_ms
    pressed = (following < button.size) & down[here] & (late <= _PRESS_MS)
    earlier = np.searchsorted(at, strokes.start_ms, side="right") - 1
    dragged = (earlier >= 0) & down[np.maximum(earlier, 0)]
    return [
        wait,
        waited.astype(np.float64),
        pressed.astype(np.float64),
        np.where(pressed, np.log1p(np.maximum(late, 0.0)), 0.0),
        dragged.astype(np.float64),
    ]


def _median(values: Floats) -> float:
    """Return the median; numpy.median takes ten times as long for a few hundred numbers."""
    ordered, middle = np.sort(values), values.size // 2
    return float(ordered[middle] if values.size % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0)


def _device(batch: EventBatch, strokes: Strokes) -> list[Floats]:
    n = len(strokes)
    step = strokes.t_ms[1:] - strokes.t_ms[:-1]
    inner = np.ones(step.size, np.bool_)
    inner[strokes.offsets[1:-1] - 1] = False
    interval = _median(step[inner])
    width, height = (max(side, 1) for side in batch.viewport)
    return [np.full(n, np.log2(value)) for value in (interval, width, height)]
