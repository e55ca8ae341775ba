"""Strokes onto common grids, so that no feature depends on how often a device reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .strokes import Strokes

Floats = NDArray[np.float64]

# Step of the time grid in ms: a little above the frame of a 60 Hz screen, so that a step of a
# 60 Hz and of a 1,000 Hz capture of one hand hold about the same.
STEP_MS = 20.0
# Steps of a stroke in normalised time, and segments in normalised arc length.
EVEN_STEPS = 32
ARC_SEGMENTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """All strokes of a batch on three grids; n strokes.

    Attributes
    ----------
    dx, dy : ndarray, shape (n, m)
        Movement in each step of ``STEP_MS``, in px; 0 past the end of a stroke.
    speed, inside : ndarray, shape (n, m)
        Length of those movements, and 1.0 where a step belongs to the stroke, else 0.0.
    steps : ndarray of int64, shape (n,)
        How many of the m steps belong to the stroke.
    even_x, even_y : ndarray, shape (n, EVEN_STEPS + 1)
        Positions at equal times from first to last event, in px.
    arc_x, arc_y : ndarray, shape (n, ARC_SEGMENTS + 1)
        Positions at equal distances along the path, in px.
    heading : ndarray, shape (n, ARC_SEGMENTS)
        Direction of these segments, in radians.
    turn : ndarray, shape (n, ARC_SEGMENTS - 1)
        Change of heading from one of these segments to the next, in radians within [-pi, pi].
    arc_t : ndarray, shape (n, ARC_SEGMENTS + 1)
        When they were reached, from 0 to 1 of the duration.
    duration_ms, path_px : ndarray, shape (n,)
        Time from first to last event, and length of the path; both above 0.
    """

    dx: Floats
    dy: Floats
    speed: Floats
    inside: Floats
    steps: NDArray[np.int64]
    even_x: Floats
    even_y: Floats
    arc_x: Floats
    arc_y: Floats
    heading: Floats
    turn: Floats
    arc_t: Floats
    duration_ms: Floats
    path_px: Floats


def resample(strokes: Strokes) -> Grids:
    """Put every stroke on the three grids, with one interpolation a coordinate for them all."""
    first, last = strokes.offsets[:-1], strokes.offsets[1:] - 1
    t, x, y = strokes.t_ms, strokes.x, strokes.y
    start, duration = t[first], t[last] - t[first]
    travelled = _travelled(x, y, first)
    path = travelled[last] - travelled[first]
    arc_t = np.interp(travelled[first, None] + path[:, None] * _ARC, travelled, t)
    steps = (duration / STEP_MS).astype(np.int64)
    ticks = np.minimum(np.arange(int(steps.max()) + 1), steps[:, None]) * STEP_MS
    when = np.concatenate(
        (start[:, None] + ticks, start[:, None] + duration[:, None] * _EVEN, arc_t), axis=1
    )
    gx, gy = np.interp(when, t, x), np.interp(when, t, y)
    a, b = ticks.shape[1], ticks.shape[1] + EVEN_STEPS + 1
    dx, dy = gx[:, 1:a] - gx[:, : a - 1], gy[:, 1:a] - gy[:, : a - 1]
    arc_x, arc_y = gx[:, b:], gy[:, b:]
    heading = np.arctan2(arc_y[:, 1:] - arc_y[:, :-1], arc_x[:, 1:] - arc_x[:, :-1])
    return Grids(
        dx=dx,
        dy=dy,
        speed=np.sqrt(dx * dx + dy * dy),
        inside=(np.arange(a - 1) < steps[:, None]).astype(np.float64),
        steps=steps,
        even_x=gx[:, a:b],
        even_y=gy[:, a:b],
        arc_x=arc_x,
        arc_y=arc_y,
        heading=heading,
        turn=within_pi(heading[:, 1:] - heading[:, :-1]),
        arc_t=(arc_t - start[:, None]) / duration[:, None],
        duration_ms=duration,
        path_px=path,
    )


def within_pi(angle: Floats) -> Floats:
    """Return angles brought into [-pi, pi]."""
    brought: Floats = angle - _TURN * np.rint(angle / _TURN)
    return brought


_TURN = 2.0 * np.pi

_ARC = np.linspace(0.0, 1.0, ARC_SEGMENTS + 1)
_EVEN = np.linspace(0.0, 1.0, EVEN_STEPS + 1)


def _travelled(x: Floats, y: Floats, first: NDArray[np.int64]) -> Floats:
    """Sum distances over all strokes; the jump from one stroke to the next counts one px."""
    step = np.empty_like(x)
    step[0] = 0.0
    np.hypot(x[1:] - x[:-1], y[1:] - y[:-1], out=step[1:])
    step[first] = 1.0
    return step.cumsum()
