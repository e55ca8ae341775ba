"""Movement of attackers: recorded, made over, and generated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np

from flask_zerotrust import simulate
from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT, sapimouse
from flask_zerotrust.recordings.files import Recording
from research.replays import MADE_OVER, RECAPTURED, again

#: A script may post so much movement at once and be believed, in ms: less than the timeline's slack.
SPAN_MS = 25_000.0
#: Stretches with fewer events hold no movement worth posting.
LEAST_EVENTS = 200
#: Ways in which one recording is made over: noise of 1 px, warps of time, and others.
KINDS = (*RECAPTURED, *MADE_OVER)


def held_out(folder: Path) -> list[Recording]:
    """Return the visits of SapiMouse people whom no shipped model has seen."""
    visits = sapimouse(folder / "sapimouse-users1-72.tar.xz")
    return [visit for visit in visits if visit.user in SAPIMOUSE_HELD_OUT]


def stretches(visits: list[Recording]) -> Iterator[Recording]:
    """Yield stretches of recorded movement without end, each time from another second of each visit."""
    for turn in count():
        for visit in visits:
            part = stretch(visit, 3_000.0 + 1_700.0 * turn % 30_000.0)
            if len(part) >= LEAST_EVENTS:
                yield part


def stretch(visit: Recording, start_ms: float, span_ms: float = SPAN_MS) -> Recording:
    """Return what a visit holds of a span of time, as a visit of its own."""
    start = float(visit.t[0]) + start_ms
    first, last = np.searchsorted(visit.t, [start, start + span_ms])
    here = slice(int(first), int(last))
    t = visit.t[here] - start + 1_000.0
    return replace(visit, t=t, x=visit.x[here], y=visit.y[here], type=visit.type[here])


def made_over(part: Recording, *, seed: int) -> Iterator[Recording]:
    """Yield one recording without end, each time made over in the next way."""
    rng = np.random.default_rng(seed)
    for number in count():
        changed = again(part, KINDS[number % len(KINDS)], rng)
        yield replace(changed, t=changed.t - changed.t[0] + 1_000.0)


def generated(*, seed: int) -> Iterator[Recording]:
    """Yield visits of the product's simulated people without end."""
    rng = np.random.default_rng(seed)
    while True:
        yield stretch(next(simulate.people(1, rng=rng)), 0.0)


def take(source: Iterator[Recording], number: int) -> list[Recording]:
    """Return so many of them."""
    return list(islice(source, number))
