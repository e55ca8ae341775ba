"""Movement that is new in every batch, as a replay memory meets it: its strokes are like none stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from flask_zerotrust import movement as motion
from flask_zerotrust.movement import wire
from flask_zerotrust.replay import memory
from research.benchmarks.sites import PACE_S, movement
from tests.integration.sites import Site, Visitor


def new_movement(n: int, strokes: int, rng: np.random.Generator) -> wire.EventBatch:
    """Return so many events in strokes that bend, turn and last as they please."""
    plain = movement(n, strokes)
    each = n // strokes
    u = np.linspace(0, 1, each)
    bends = np.cos(np.pi * np.arange(1, 6)[:, None] * u)
    size = rng.normal(0, 120, (strokes, 5)) + 1j * rng.normal(0, 120, (strokes, 5))
    z = (size / np.arange(1, 6) ** 1.5) @ bends + np.cumsum(rng.normal(0, 80, strokes))[:, None]
    start, step = rng.uniform(200, 1_500, strokes), rng.uniform(9, 25, strokes)
    t = np.cumsum(start + step * each)[:, None] + step[:, None] * np.arange(-each, 0)
    x, y = 600 + z.real.ravel().round(), 400 + z.imag.ravel().round()
    return replace(plain, t_ms=t.ravel().round(1), x=x, y=y, sent_ms=float(t.max()) + 20)


def fill(site: Site, *, strokes: int) -> None:
    """Append so many strokes, ten of a visit."""
    rng = np.random.default_rng(1)
    store = site.app.extensions["zerotrust"].store
    for visit in range(-(-strokes // memory.MOST_STROKES)):
        moved = motion.split(new_movement(600, 10, rng))
        rows = memory.rows_of(moved, thread=str(visit), now=site.clock.now)
        store.append(memory.LOG, rows.tobytes(), keep=10 * strokes, ttl_s=1e7)


def sender(
    visitor: Visitor, token: str, n: int, strokes: int, *, first: int, count: int
) -> Callable[[], Any]:
    """Return a job that posts new movement under its own sequence numbers, at most so often."""
    bodies = iter(list(islice(_bodies(visitor, token, n, strokes, first), count)))

    def send() -> Any:
        visitor.site.clock.tick(PACE_S)
        return visitor.send(next(bodies))

    return send


def _bodies(visitor: Visitor, token: str, n: int, strokes: int, first: int) -> Iterator[str]:
    rng = np.random.default_rng(first)
    while True:
        batch = new_movement(n, strokes, rng)
        planes = wire.encode_planes(batch, t0_ms=0)
        data = json.loads(visitor.body(1, token=token, planes=planes, sent=batch.sent_ms))
        yield json.dumps({**data, "seq": first})
        first += 1
