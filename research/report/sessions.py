"""What the shipped policy does to sessions: how many are asked, of how many people, and how soon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flask_zerotrust.training.evaluate import COUNTS, upper_bound
from research.report import intervals
from research.report.curves import rounded
from research.report.trace import Moment, Trace

MOMENTS = (*map(str, COUNTS), "all")
#: Why a session is asked: each is counted apart.
_CLAIMS: dict[str, Callable[[Moment], bool]] = {
    "asked": lambda moment: moment.asked,
    "high": lambda moment: moment.level == "high",
    "unknown": lambda moment: moment.level == "unknown",
    "low": lambda moment: moment.level == "low",
}


def by_source(traces: Sequence[Trace]) -> dict[str, list[Trace]]:
    """Return the traces of each source, sorted by name."""
    found: dict[str, list[Trace]] = defaultdict(list)
    for one in traces:
        found[one.source].append(one)
    return dict(sorted(found.items()))


def figures(traces: Sequence[Trace], *, seed: int, persons: bool) -> dict[str, Any]:
    """Return counts and intervals of one set, by moment; ``persons`` says what the clusters are."""
    return {
        "sessions": len(traces),
        "persons": len({one.person for one in traces}) if persons else None,
        "strokes": sum(one.said.size for one in traces),
        "without_strokes": sum(not one.said.size for one in traces),
        "after": {
            count: moment(reached, count, seed=seed, persons=persons)
            for count in MOMENTS
            for reached in [[one for one in traces if count in one.after]]
            if reached
        },
        "detection": detection(traces),
    }


def moment(reached: Sequence[Trace], count: str, *, seed: int, persons: bool) -> dict[str, Any]:
    """Return, of sessions that get there, how many are asked, high, unknown and low, with intervals."""
    names = [one.person if persons else one.session for one in reached]
    order, number = np.unique(names, return_inverse=True)
    of = np.bincount(number).astype(np.float64)
    out: dict[str, Any] = {"sessions": len(reached)}
    for claim, holds in _CLAIMS.items():
        hit = np.array([holds(one.after[count]) for one in reached], dtype=np.float64)
        hits = np.bincount(number, hit, order.size).astype(np.float64)
        rng = np.random.default_rng((seed, int(count) if count.isdigit() else 0))
        out[claim] = {
            "sessions": int(hit.sum()),
            "share": round(float(hit.mean()), 4),
            "interval": rounded(intervals.share(hits, of, rng=rng)),
        }
        if persons:
            out[claim] |= _persons(int((hits > 0).sum()), order.size)
    return out


def _persons(hit: int, of: int) -> dict[str, Any]:
    """Return how many people it happened to at least once, with exact bounds of their share."""
    return {
        "persons": hit,
        "of_persons": of,
        "persons_interval": rounded(intervals.clopper_pearson(hit, of)),
        "persons_upper_95": float(np.ceil(upper_bound(hit, of) * 1e4) / 1e4),
    }


def detection(traces: Sequence[Trace]) -> dict[str, Any]:
    """Return how soon sessions are *high*, and how many were ever let through.

    Every session is asked until it has been let through once, so ``never_let_through`` is what a
    protected view sees; medians are of those that were *high* at all.
    """
    high = [one for one in traces if one.high_strokes is not None]
    strokes = np.array([one.high_strokes for one in high], dtype=np.float64)
    seconds = np.array([one.high_s for one in high], dtype=np.float64)
    return {
        "sessions": len(traces),
        "high": len(high),
        "never_let_through": sum(one.passed_strokes is None for one in traces),
        "strokes": _quartiles(strokes),
        "seconds": _quartiles(seconds),
    }


def _quartiles(values: intervals.Floats) -> dict[str, float] | None:
    if not values.size:
        return None
    found = np.quantile(values, [0.5, 0.9])
    return {"median": round(float(found[0]), 1), "p90": round(float(found[1]), 1)}


def mean_share(
    families: Sequence[Sequence[Trace]], count: str, claim: str, *, seed: int
) -> dict[str, Any] | None:
    """Return the mean over generators of the share of sessions, generators and sessions drawn anew."""
    hits = [
        np.array(
            [_CLAIMS[claim](one.after[count]) for one in traces if count in one.after], dtype=np.float64
        )
        for traces in families
    ]
    hits = [hit for hit in hits if hit.size]
    if not hits:
        return None
    rng = np.random.default_rng((seed, int(count)))
    means = np.stack(
        [(intervals.draws(hit.size, rng=rng) @ hit) / hit.size for hit in hits], axis=1
    )  # (rounds, families)
    drawn = intervals.draws(len(hits), rng=rng)
    shares = [float(hit.mean()) for hit in hits]
    found = intervals.percentiles((drawn * means).sum(axis=1) / len(hits))
    if sum(shares) in (0, len(shares)):
        found = intervals.clopper_pearson(int(sum(shares)), len(shares))
    return {
        "families": len(hits),
        "share": round(float(np.mean(shares)), 4),
        "interval": rounded(found),
        "worst": round(min(shares), 4),
    }
