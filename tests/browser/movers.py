"""How scripts move a pointer: the ways that the tests and the measured tools share."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

Point = tuple[float, float]
#: A step of movement, in seconds: what a script that wants to look smooth would choose.
STEP_S = 0.011


def bezier(start: Point, end: Point, rng: np.random.Generator) -> Iterator[tuple[Point, float]]:
    """Yield the points of a cubic Bezier with eased time, tremor and an overshoot now and then.

    With each point comes how long to rest there, in seconds; the last one is ``end``.
    """
    span = math.dist(start, end)
    bend = rng.normal(0, 0.18, (2, 2)) * span
    a, d = np.array(start), np.array(end)
    b, c = a + (d - a) * 0.3 + bend[0], a + (d - a) * 0.7 + bend[1]
    n = int(np.clip(25 + span / 12 + rng.normal(0, 5), 18, 110))
    for u in np.linspace(0, 1, n):
        e = u**3 * (10 - 15 * u + 6 * u * u)
        at = (1 - e) ** 3 * a + 3 * (1 - e) ** 2 * e * b + 3 * (1 - e) * e**2 * c + e**3 * d
        yield _point(at + rng.normal(0, 0.7, 2)), max(0.002, STEP_S + rng.normal(0, 0.003))
    if rng.random() < 0.4:
        yield _point(d + rng.normal(0, 5, 2)), 0.06
    yield end, 0.0


def _point(at: np.ndarray) -> Point:
    return float(at[0]), float(at[1])
