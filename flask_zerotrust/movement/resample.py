"""Strokes onto common grids, so that no feature depends on how often a device reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.strokes import MAX_MS, Strokes

Floats = NDArray[np.float64]
Places = NDArray[np.complex128]
Flags = NDArray[np.bool_]

# Step of the time grid in ms: a little above the frame of a 60 Hz screen, so that a step of a
# 60 Hz and of a 1,000 Hz capture of one hand hold about the same.
STEP_MS = 20.0
# Steps of a stroke in normalised time, and segments in normalised arc length.
EVEN_STEPS = 32
ARC_SEGMENTS = 16
# Steps of the longest stroke.
LONGEST = int(MAX_MS / STEP_MS)

# Distances between events are whole multiples of this, in px, so that a running sum of them is exact
# and no stroke feels those before it: 2,000 events, each across the largest page, are 2**28 px, and
# sixteenths of the sum fit the 53 bits of a float.
_GRAIN_PX = 2.0**-20


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """All n strokes of a batch on three grids, a stroke a column. Places are x + iy, in px.

    Neighbours in time lie a row apart, so that what compares them reads memory straight on. Nothing here
    depends on what else is in the batch, to the last bit: a stroke that falls on one side of a threshold
    falls there alone and in company.

    Attributes
    ----------
    moved : ndarray of complex, shape (m, n)
        Movement in each step of ``STEP_MS``. 0 past the end of a stroke.
    speed : ndarray, shape (m, n)
        Length of those movements.
    kept : ndarray, shape (m, n)
        1 where a step belongs to the stroke, 0 past its end.
    triple : ndarray of bool, shape (m - 2, n)
        Where that step and the next two do.
    steps : ndarray of int64, shape (n,)
        How many of the m steps belong to the stroke.
    even : ndarray of complex, shape (EVEN_STEPS + 1, n)
        Places at equal times from first to last event.
    arc : ndarray of complex, shape (ARC_SEGMENTS + 1, n)
        Places at equal distances along the path.
    arc_t : ndarray, shape (ARC_SEGMENTS + 1, n)
        When they were reached, from 0 to 1 of the duration.
    duration_ms, path_px : ndarray, shape (n,)
        Time from first to last event, and length of the path. Both above 0.
    """

    moved: Places
    speed: Floats
    kept: Floats
    triple: Flags
    steps: NDArray[np.int64]
    even: Places
    arc: Places
    arc_t: Floats
    duration_ms: Floats
    path_px: Floats


def resample(strokes: Strokes) -> Grids:
    """Put every stroke on the three grids, with one interpolation for them all."""
    first, last = strokes.offsets[:-1], strokes.offsets[1:] - 1
    t, place = strokes.t_ms, np.empty(strokes.x.size, np.complex128)
    place.real, place.imag = strokes.x, strokes.y
    start, end = t[first, None], t[last, None]
    duration = end - start
    travelled = _travelled(place, first)
    begun = travelled[first, None]
    path = travelled[last, None] - begun
    arc_t = np.interp(begun + path * _ARC, travelled, t)
    steps = (duration / STEP_MS).astype(np.int64)
    m = int(steps.max())
    ticks = np.minimum(_TICKS_MS[: m + 1], steps * STEP_MS)
    when = np.concatenate((ticks, duration * _EVEN, arc_t - start), axis=1)
    when += start
    # Rounding must not reach beyond the last event, towards whatever comes next.
    np.minimum(when, end, out=when)
    result = np.ascontiguousarray(np.interp(when, t, place).T)
    shifted = result[1 : m + 1] - result[:m]
    inside = _COUNT[:m] < steps[:, 0]
    a, b = m + 1, m + EVEN_STEPS + 2
    return Grids(
        moved=shifted,
        speed=np.abs(shifted),
        kept=inside.astype(np.float64),
        triple=inside[2:],
        steps=steps[:, 0],
        even=result[a:b],
        arc=result[b:],
        arc_t=np.ascontiguousarray(((when[:, b:] - start) / duration).T),
        duration_ms=duration[:, 0],
        path_px=path[:, 0],
    )


def sums(terms: Floats) -> Floats:
    """Return sums over the middle axis of shape (k, m, n), added up in that order.

    What ``np.add.reduce`` makes of it, bit by bit, in a third of the time. For a single stroke the two
    would go different ways.
    """
    if terms.shape[2] == 1:
        return np.asarray(np.add.reduce(terms, axis=1))
    return np.asarray(np.einsum("kmn->kn", terms))


_ARC = np.linspace(0.0, 1.0, ARC_SEGMENTS + 1)
_EVEN = np.linspace(0.0, 1.0, EVEN_STEPS + 1)
_COUNT = np.arange(LONGEST + 1)[:, None]
_TICKS_MS = _COUNT[:, 0] * STEP_MS


def _travelled(place: Places, first: NDArray[np.int64]) -> Floats:
    """Sum distances over all strokes. The jump from one stroke to the next counts one px."""
    step = np.empty(place.size)
    step[0] = 0.0
    np.abs(place[1:] - place[:-1], out=step[1:])
    step /= _GRAIN_PX
    np.rint(step, out=step)
    step *= _GRAIN_PX
    step[first] = 1.0
    return step.cumsum()
