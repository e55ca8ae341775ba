"""What the replay memory costs a request at 100,000 strokes: ``python -m tests.benchmarks.memory``.

CPU time of this process, jobs taken in turn, medians; the ratios hold within one run only, and nothing in
the test suite asserts them. Every batch is new movement: its strokes are like none that are stored.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from flask_zerotrust import events, memory, motion
from tests.integration.sites import Site, Visitor

from .requests import PACE_S, make_site, medians, movement

STORED = 100_000
# Strokes of a batch: the 600 events of the target, and what a batch of two seconds mostly is.
SIZES = {"600 events": (600, 10), "one stroke": (60, 1)}


def new_movement(n: int, strokes: int, rng: np.random.Generator) -> events.EventBatch:
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
        planes = events.encode_planes(batch, t0_ms=0)
        data = json.loads(visitor.body(1, token=token, planes=planes, sent=batch.sent_ms))
        yield json.dumps({**data, "seq": first})
        first += 1


def measure(repeats: int) -> dict[str, float]:
    """Return medians of CPU time in microseconds, and ratios to a bare session POST with the same body."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        sites = {"without": make_site(one), "with": make_site(other, ZEROTRUST_REPLAY_MEMORY=STORED)}
        fill(sites["with"], strokes=STORED)
        for number, (size, (n, strokes)) in enumerate(SIZES.items()):
            found |= {f"{size}: {k}": v for k, v in _measured(sites, n, strokes, number, repeats).items()}
    return found


def _measured(sites: dict[str, Site], n: int, strokes: int, number: int, repeats: int) -> dict[str, float]:
    visitors = {name: site.visitor().login() for name, site in sites.items()}
    jobs: dict[str, Callable[[], Any]] = {
        name: sender(
            visitor, visitor.token(), n, strokes, first=1_000_000 * (number + 1), count=repeats + 1
        )
        for name, visitor in visitors.items()
    }
    ada = visitors["without"]
    body = next(_bodies(ada, ada.token(), n, strokes, 0))
    jobs["bare"] = lambda: ada.fetch("/bare", "POST", data=body, content_type="application/json")
    jobs["with"]()  # reads the whole log
    taken = medians(jobs, repeats)
    return {
        **{f"{name}_us": round(value * 1e6, 1) for name, value in taken.items()},
        "without / bare": round(taken["without"] / taken["bare"], 2),
        "with / bare": round(taken["with"] / taken["bare"], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    args = parser.parse_args()
    logging.disable(logging.INFO)
    print("\n".join(f"{k:40s}{v:10.2f}" for k, v in measure(args.repeats).items()))


if __name__ == "__main__":
    main()
