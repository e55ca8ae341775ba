"""Segmentation: which runs of pointer events are one movement of the hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.wire import DOWN, ENTER, KINDS, LEAVE, MOUSE, MOVE, UP, EventBatch

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

    def first(self, most: int) -> Strokes:
        """Return the first strokes, at most so many."""
        if len(self) <= most:
            return self
        end = int(self.offsets[most])
        return Strokes(self.t_ms[:end], self.x[:end], self.y[:end], self.offsets[: most + 1])

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
    t, x, y, breaks = batch.t_ms, batch.x, batch.y, None
    mouse = (batch.pointer == MOUSE) & batch.trusted
    stored = mouse & (batch.kind == MOVE)
    # Most batches hold nothing else, and then nothing has to be picked out or copied.
    if not _all(stored):
        t, x, y, breaks = t[stored], x[stored], y[stored], np.cumsum(mouse & _BREAKS[batch.kind])[stored]
    # Of each instant the last event (coarse clocks repeat themselves), and of those the ones that moved.
    stored = np.empty(t.size, bool)
    stored[-1:] = True
    np.greater(t[1:], t[:-1], out=stored[:-1])
    if not _all(stored):
        t, x, y, breaks = t[stored], x[stored], y[stored], breaks if breaks is None else breaks[stored]
    stored = np.empty(t.size, bool)
    stored[:1] = True
    np.not_equal(x[1:], x[:-1], out=stored[1:])
    stored[1:] |= y[1:] != y[:-1]
    if not _all(stored):
        t, x, y, breaks = t[stored], x[stored], y[stored], breaks if breaks is None else breaks[stored]
    return _runs(t, x, y, breaks)


def _all(share: NDArray[np.bool_]) -> bool:
    return int(np.count_nonzero(share)) == share.size


# Which kinds of events end a stroke, by their number.
_BREAKS = np.isin(np.arange(len(KINDS)), (DOWN, UP, LEAVE, ENTER))


def _runs(
    t: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    breaks: NDArray[np.int64] | None,
) -> Strokes:
    """Cut at pauses and breaks, chop long strokes, drop short ones.

    ``breaks`` counts the events so far that end a stroke. None where there is none.
    """
    n = t.size
    if n < MIN_EVENTS:
        return Strokes(t[:0], x[:0], y[:0], np.zeros(1, np.int64))
    fresh = np.ones(n + 1, bool)  # the last one ends the last stroke
    np.greater(t[1:] - t[:-1], PAUSE_MS, out=fresh[1:n])
    if breaks is not None:
        fresh[1:n] |= breaks[1:] != breaks[:-1]
    edges = fresh.nonzero()[0]
    lasted = t[edges[1:] - 1] - t[edges[:-1]]
    # A hair below the limit, because what is divided here may round up to it.
    if lasted.max() > MAX_MS - 1.0:
        begun = t[edges[:-1]][np.cumsum(fresh[:n]) - 1]
        piece = np.floor((t - begun) / MAX_MS)
        fresh[1:n] |= piece[1:] > piece[:-1]
        edges = fresh.nonzero()[0]
        lasted = t[edges[1:] - 1] - t[edges[:-1]]
    starts, sizes = edges[:-1], edges[1:] - edges[:-1]
    step = np.empty(n)
    np.hypot(x[1:] - x[:-1], y[1:] - y[:-1], out=step[1:])
    step[starts] = 0.0
    enough = (sizes >= MIN_EVENTS) & (lasted >= MIN_MS) & (np.add.reduceat(step, starts) >= MIN_PX)
    if _all(enough):
        return Strokes(t, x, y, edges)
    stored = np.repeat(enough, sizes)
    offsets = np.zeros(np.count_nonzero(enough) + 1, np.int64)
    np.cumsum(sizes[enough], out=offsets[1:])
    return Strokes(t[stored], x[stored], y[stored], offsets)
