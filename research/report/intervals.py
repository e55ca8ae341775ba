"""How sure a figure is: exact bounds of shares, and bootstraps that draw whole people or sessions anew."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Times a bootstrap draws anew: enough for the second decimal of a 95 % interval.
ROUNDS = 1_000
CONFIDENCE = 0.95


def draws(n: int, *, rng: np.random.Generator, rounds: int = ROUNDS) -> Floats:
    """Return how often each of n clusters is drawn in every round, shape (rounds, n)."""
    if n == 0:
        return np.empty((rounds, 0))
    return rng.multinomial(n, np.full(n, 1.0 / n), size=rounds).astype(np.float64)


def percentiles(values: Floats) -> tuple[float, float] | None:
    """Return the middle 95 % of bootstrapped values; None when no round had any."""
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = np.quantile(values, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return float(low), float(high)


def share(hits: Floats, of: Floats, *, rng: np.random.Generator) -> tuple[float, float] | None:
    """Return a 95 % interval of a share over clusters.

    Parameters
    ----------
    hits, of : ndarray, shape (clusters,)
        Counts in each cluster.

    Notes
    -----
    Where all clusters agree (0 or all of them) a bootstrap has no spread: then the exact interval
    counts, with clusters as witnesses.
    """
    used = of > 0
    hits, of = hits[used], of[used]
    if not of.size:
        return None
    if hits.sum() in (0, of.sum()):
        return clopper_pearson(of.size if hits.sum() else 0, of.size)
    drawn = draws(of.size, rng=rng)
    return percentiles((drawn @ hits) / (drawn @ of))


def clopper_pearson(hits: int, of: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact two-sided interval of a share (Clopper and Pearson, 1934); (0, 1) for none tried."""
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else _solve(lambda p: 1.0 - _cdf(hits - 1, of, p) < tail)
    high = 1.0 if hits >= of else _solve(lambda p: _cdf(hits, of, p) > tail)
    return low, high


def _solve(below: Callable[[float], bool]) -> float:
    """Return the place in (0, 1) where a falling claim turns false, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2.0


def _cdf(k: int, n: int, p: float) -> float:
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
        + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    )  # fmt: skip
    return math.fsum(math.exp(v) for v in logs)
