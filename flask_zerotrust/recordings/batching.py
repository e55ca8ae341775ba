"""Cuts a recording into the batches that the collector would have sent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.wire import DOWN, KINDS, MOVE, POINTERS, WHEEL, EventBatch
from flask_zerotrust.recordings.files import Recording

# The collector's rules, in ms: how often it sends while there is movement, the end of a stroke, how long
# an open stroke may wait, and the mean step of the samples it keeps (250 a second).
SEND_EVERY_MS = 2_000.0
PAUSE_MS = 150.0
HOLD_MS = 3_000.0
SAMPLE_TICKS = 40
# Rows of one batch. A gap longer than an int16 of 0.1 ms takes a row of its own.
MAX_ROWS = 1_400
_LONG_GAP_MS = 3_276.7
# Farther out than this nothing is told apart.
_FAR_PX = 16_000.0
# Values that recordings do not hold, as an ordinary person's browser has it, so that it says nothing: the
# delay of frame-aligned events, and one notch of a wheel.
_LAG_MS = 8.0
_NOTCH_PX = 100.0


def batches(recording: Recording) -> Iterator[EventBatch]:
    """Yield the batches that a server would get of a recording: whole px, 0.1 ms, cut as collector.js cuts.

    Every press counts as one on a control, so it sends everything. What is left at the end goes
    with the page. Keys are not collected.
    """
    whole = _whole(recording)
    rows = np.cumsum(1 + (np.diff(whole.t_ms, prepend=whole.t_ms[:1]) > _LONG_GAP_MS))
    first = 0
    for last, sent_ms in _cuts(whole):
        while first < last:
            full = int(np.searchsorted(rows, rows[first] + MAX_ROWS - 1, side="right"))
            yield _part(whole, first, min(full, last), sent_ms)
            first = min(full, last)


def _whole(recording: Recording) -> EventBatch:
    letters = np.frombuffer(recording.type.encode("ascii"), dtype=np.uint8)
    kind = _KIND[letters]
    known = np.flatnonzero(kind)
    known = known[_sampled(recording.t[known], kind[known])]
    n = known.size
    kind = kind[known]
    return EventBatch(
        t_ms=_ticks(recording.t[known]) / 10.0,
        x=np.clip(np.floor(recording.x[known] + 0.5), -_FAR_PX, _FAR_PX),
        y=np.clip(np.floor(recording.y[known] + 0.5), -_FAR_PX, _FAR_PX),
        kind=kind,
        pointer=np.full(n, POINTERS.index(recording.pointer), dtype=np.uint8),
        trusted=np.ones(n, dtype=np.bool_),
        pressure=kind == DOWN,
        lag_ms=np.full(n, _LAG_MS),
        wheel_x=np.zeros(n),
        wheel_y=np.where(kind == WHEEL, _NOTCH_PX, 0.0),
        viewport=recording.viewport,
        sent_ms=float(recording.t[known[-1]]) if n else 0.0,
    )


_KIND = np.zeros(256, dtype=np.uint8)
for _number, _letter in enumerate(KINDS):
    if _letter:
        _KIND[ord(_letter)] = _number


def _sampled(t: NDArray[np.float64], kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which events pass the cap on the sampling rate, which counts moves only."""
    keep = np.ones(t.size, dtype=np.bool_)
    moves = np.flatnonzero(kind == MOVE)
    ticks = _ticks(t[moves])
    if (np.diff(ticks) >= SAMPLE_TICKS).all():
        return keep
    due = 0
    for i, tick in zip(moves.tolist(), ticks.tolist(), strict=True):
        keep[i] = tick >= due
        due = max(due + SAMPLE_TICKS, tick) if tick >= due else due
    return keep


def _ticks(t: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole tenths of a millisecond. The millionth undoes what binary fractions lose."""
    return np.floor(t * 10.0 + 1e-6).astype(np.int64)


def _cuts(events: EventBatch) -> Iterator[tuple[int, float]]:
    """Yield, for every sending, the index after its last event and the time, by collector.js's timer."""
    t, n = events.t_ms, len(events)
    presses = np.append(np.flatnonzero(events.kind == DOWN), n)
    moves = np.append(np.flatnonzero(events.kind == MOVE), n)
    strokes = np.flatnonzero(np.diff(t, prepend=-np.inf) >= PAUSE_MS - 1e-6)
    first = known = 0
    timer = np.inf
    while known < n:
        press = int(presses[np.searchsorted(presses, known)])
        if np.isinf(timer):
            move = int(moves[np.searchsorted(moves, known)])
            timer = t[move] + SEND_EVERY_MS if move < press else timer
            known = move + 1 if move < press else known
        ticked = int(np.searchsorted(t, timer, side="right"))
        if press < max(ticked, known) or (press < n and np.isinf(timer)):
            yield press + 1, float(t[press])
            first = known = press + 1
            continue
        known = ticked
        if known < n:
            end, again_ms = _tick(t, strokes, first, known, timer)
            if end > first:
                yield end, float(timer)
            first, timer = end, timer + again_ms
    if first < n:
        yield n, float(t[-1])


def _tick(
    t: NDArray[np.float64], strokes: NDArray[np.intp], first: int, known: int, now: float
) -> tuple[int, float]:
    """Return where the timer cuts, and in how many ms it rings again (inf: with the next move)."""
    if known <= first:
        return first, np.inf
    stroke = max(first, int(strokes[np.searchsorted(strokes, known - 1, side="right") - 1]))
    if now - t[known - 1] >= PAUSE_MS or now - t[stroke] >= HOLD_MS:
        return known, np.inf
    return stroke, SEND_EVERY_MS if stroke > first else PAUSE_MS


def _part(events: EventBatch, first: int, last: int, sent_ms: float) -> EventBatch:
    here = slice(first, last)
    return EventBatch(
        t_ms=events.t_ms[here],
        x=_carried(events.x[here], events.kind[here]),
        y=_carried(events.y[here], events.kind[here]),
        kind=events.kind[here],
        pointer=events.pointer[here],
        trusted=events.trusted[here],
        pressure=events.pressure[here],
        lag_ms=events.lag_ms[here],
        wheel_x=events.wheel_x[here],
        wheel_y=events.wheel_y[here],
        viewport=events.viewport,
        sent_ms=sent_ms,
    )


def _carried(values: NDArray[np.float64], kind: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return positions as the wire carries them: a wheel's is that of the event before, or 0 at first."""
    last = np.maximum.accumulate(np.where(kind == WHEEL, -1, np.arange(kind.size)))
    return np.where(last < 0, 0.0, values[last])
