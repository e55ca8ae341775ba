"""Browser streams made by hand: what a page sees of a hand at a device, and of what pretends to be one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from flask_zerotrust.movement.wire import (
    DOWN,
    MOUSE,
    MOVE,
    UP,
    WHEEL,
    Envelope,
    EventBatch,
    decode,
    encode_planes,
)

FRAME_MS = 1_000.0 / 60.0


@dataclass
class Stream:
    """A page that events happen to, one after the other.

    ``in_step`` moves reach their handlers after the same delay, to half a millisecond, as those of a
    driver do; others wait for the next of the screen's frames. ``tick_ms`` is the step of the clock.
    """

    seed: int = 1
    in_step: bool = False
    trusted: bool = True
    pressure: bool = True
    pointer: int = MOUSE
    tick_ms: float = 0.1
    frame_ms: float = FRAME_MS
    now_ms: float = 1_000.0
    at: tuple[float, float] = (0.0, 0.0)
    rows: list[tuple[float, float, float, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def wait(self, ms: float) -> Stream:
        self.now_ms += ms
        return self

    def happen(self, kind: int, *, wait_ms: float = 0.0, lag_ms: float = 0.5) -> Stream:
        """Let an event happen where the pointer is."""
        self.wait(wait_ms)
        handled = self.now_ms + lag_ms
        told = [np.floor(t / self.tick_ms + 1e-6) * self.tick_ms for t in (self.now_ms, handled)]
        self.rows.append((told[0], *self.at, kind, told[1] - told[0]))
        return self

    def jump(self, x: float, y: float, *, wait_ms: float = 10.0) -> Stream:
        """Move there at once."""
        self.at = (x, y)
        lag = self.rng.uniform(0.6, 1.6) if self.in_step else self._to_frame(wait_ms)
        return self.happen(MOVE, wait_ms=wait_ms, lag_ms=lag)

    def reach(self, x: float, y: float, *, moves: int = 40, step_ms: float = 13.3) -> Stream:
        """Move there along a curve, fast in the middle."""
        (x0, y0), span = self.at, np.hypot(x - self.at[0], y - self.at[1])
        for u in np.linspace(0.0, 1.0, moves + 1)[1:]:
            ease, bow = u**3 * (10 - 15 * u + 6 * u * u), 0.1 * span * np.sin(np.pi * u)
            place = (x0 + ease * (x - x0) + bow, y0 + ease * (y - y0) - bow)
            self.jump(*place, wait_ms=step_ms + self.rng.uniform(-0.5, 0.5))
        return self

    def click(self, *, held_ms: float, after_ms: float = 120.0) -> Stream:
        """Press and let go where the pointer is."""
        return self.happen(DOWN, wait_ms=after_ms).happen(UP, wait_ms=held_ms)

    def _to_frame(self, wait_ms: float) -> float:
        return float(self.frame_ms - (self.now_ms + wait_ms) % self.frame_ms)

    def batch(self) -> EventBatch:
        """Return what happened since the last time, as the server unpacks it."""
        t, x, y, kind, lag = (np.array(column) for column in zip(*self.rows, strict=True))
        n = t.size
        self.rows = []
        made = EventBatch(
            t_ms=t,
            x=x,
            y=y,
            kind=kind.astype(np.uint8),
            pointer=np.full(n, self.pointer, np.uint8),
            trusted=np.full(n, self.trusted),
            pressure=(kind == DOWN) & self.pressure,
            lag_ms=lag,
            wheel_x=np.zeros(n),
            wheel_y=np.where(kind == WHEEL, 120.0, 0.0),
            viewport=(1_280, 800),
            sent_ms=float(t[-1]) + 1.0,
        )
        return over_the_wire(made)


def over_the_wire(batch: EventBatch) -> EventBatch:
    """Return a batch after the rounding of the wire."""
    t0 = float(batch.t_ms[0])
    planes = encode_planes(batch, t0_ms=t0)
    return decode(Envelope("t", "n" * 16, 0, t0, batch.sent_ms, batch.viewport, planes), max_events=4_000)
