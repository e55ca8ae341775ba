"""Segmentation: which runs of pointer events are one movement of the hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..events import DOWN, ENTER, LEAVE, MOUSE, MOVE, UP, EventBatch

# A pause that ends a stroke, in ms. The collector holds back an open stroke by the same rule, and
# the slowest remote desktops seen (Balabit, 109 ms between events) stay in one piece.
PAUSE_MS = 150.0
# Longer movement is chopped: it is circling or reading along, not one reach (99th percentile of
# SapiMouse strokes: 2.5 s), and the collector keeps an open stroke for 3 s at most.
MAX_MS = 3_000.0
# Scraps below any of these say nothing about who moved: a velocity profile needs a few points, and
# the pixel grid is then most of the signal. They are counted as no stroke at all.
MIN_EVENTS = 6
MIN_MS = 100.0
MIN_PX = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Strokes:
    """The strokes of one batch, in time order, one after the other in flat arrays.

    Attributes
    ----------
    t_ms, x, y : ndarray of float64, shape (m,)
        Events of all strokes: times strictly ascending, in ms, and positions in CSS px.
    offsets : ndarray of int64, shape (n + 1,)
        Stroke i owns events ``offsets[i]:offsets[i + 1]``.
    """

    t_ms: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.offsets.size) - 1

    @property
    def start_ms(self) -> NDArray[np.float64]:
        """Times of the first events, shape (n,)."""
        return self.t_ms[self.offsets[:-1]]

    @property
    def end_ms(self) -> NDArray[np.float64]:
        """Times of the last events, shape (n,)."""
        return self.t_ms[self.offsets[1:] - 1]


def split(batch: EventBatch) -> Strokes:
    """Return the strokes of one batch.

    A stroke is a run of moves of a mouse, vouched for by the browser, that no pause, press, release
    or leaving of the window interrupts. Touch, pen and untrusted events make none.
    """
    mouse = (batch.pointer == MOUSE) & batch.trusted
    kind = batch.kind[mouse]
    breaks = np.cumsum((kind == DOWN) | (kind == UP) | (kind == LEAVE) | (kind == ENTER))
    move = kind == MOVE
    t, x, y = batch.t_ms[mouse][move], batch.x[mouse][move], batch.y[mouse][move]
    keep = _moved(t, x, y)
    return _runs(t[keep], x[keep], y[keep], breaks[move][keep])


def _moved(t: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index events that went somewhere, one for each instant (coarse clocks repeat themselves)."""
    last = np.flatnonzero(np.append(t[1:] > t[:-1], True)) if t.size else np.empty(0, np.intp)
    xs, ys = x[last], y[last]
    moved = np.ones(last.size, bool)
    moved[1:] = (xs[1:] != xs[:-1]) | (ys[1:] != ys[:-1])
    return last[moved]


def _runs(
    t: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], breaks: NDArray[np.int64]
) -> Strokes:
    """Cut at pauses and breaks, chop what is too long, drop what is too little."""
    if t.size < MIN_EVENTS:
        return Strokes(t[:0], x[:0], y[:0], np.zeros(1, np.int64))
    fresh = np.ones(t.size, bool)
    fresh[1:] = (np.diff(t) > PAUSE_MS) | (np.diff(breaks) > 0)
    begun = t[fresh][np.cumsum(fresh) - 1]
    piece = np.floor((t - begun) / MAX_MS)
    fresh[1:] |= np.diff(piece) > 0
    starts = np.flatnonzero(fresh)
    ends = np.append(starts[1:], t.size)
    step = np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0]))
    step[starts] = 0.0
    enough = (ends - starts >= MIN_EVENTS) & (t[ends - 1] - t[starts] >= MIN_MS)
    enough &= np.add.reduceat(step, starts) >= MIN_PX
    kept = np.repeat(enough, ends - starts)
    offsets = np.concatenate(([0], np.cumsum((ends - starts)[enough]))).astype(np.int64)
    return Strokes(t[kept], x[kept], y[kept], offsets)
