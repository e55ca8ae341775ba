"""People against bots at every threshold: ROC, DET, shares at fixed false alarms, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.report import intervals
from research.report.intervals import Floats

#: Shares of people at which detection is read off.
FALSE_ALARMS = (0.01, 0.001)
BINS = 15
# Points of a curve that are kept for drawing.
_POINTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Values (the higher, the more like a bot) with the cluster each comes from.

    Attributes
    ----------
    value : ndarray of float64, shape (m,)
    cluster : ndarray of int64, shape (m,)
        Number of the person or of the session, 0 to ``clusters - 1``.
    """

    value: Floats
    cluster: NDArray[np.int64]
    clusters: int

    @classmethod
    def of(cls, parts: list[tuple[str, Floats]]) -> Scores:
        """Join values by the name of their cluster."""
        names = sorted({name for name, part in parts if part.size})
        number = {name: i for i, name in enumerate(names)}
        cluster = [np.full(part.size, number[name], np.int64) for name, part in parts if part.size]
        return cls(
            np.concatenate([np.empty(0), *(part for _, part in parts)]),
            np.concatenate([np.empty(0, np.int64), *cluster]),
            len(names),
        )

    def parts(self) -> list[Floats]:
        """Return the sorted values of each cluster."""
        order = np.lexsort((self.value, self.cluster))
        edges = np.searchsorted(self.cluster[order], np.arange(1, self.clusters))
        return list(np.split(self.value[order], edges))


def points(people: Floats, bots: Floats) -> tuple[Floats, Floats]:
    """Return the ROC: shares of people and of bots above every threshold, both ascending from 0 to 1."""
    cuts = np.unique(np.concatenate([people, bots]))[::-1]
    false = 1.0 - np.searchsorted(np.sort(people), cuts, side="left") / people.size
    true = 1.0 - np.searchsorted(np.sort(bots), cuts, side="left") / bots.size
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def thinned(false: Floats, true: Floats) -> dict[str, list[float]]:
    """Return a curve of few points, ends kept, close together where false alarms are rare."""
    wanted = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, _POINTS - 1)])
    at = np.unique(np.concatenate([np.searchsorted(false, wanted, side="right") - 1, [0, false.size - 1]]))
    return {"false": np.round(false[at], 5).tolist(), "true": np.round(true[at], 5).tolist()}


def probit(share: float, *, floor: float = 5e-4) -> float:
    """Return where a share stands on the axis of a DET plot: its standard normal quantile."""
    return NormalDist().inv_cdf(min(max(share, floor), 1.0 - floor))


def thresholds(people: Scores, drawn: Floats, false_alarms: float) -> Floats:
    """Return, for every row of draws, the smallest value that at most a share of people exceeds."""
    order = np.argsort(people.value, kind="stable")
    value = people.value[order]
    weight = drawn[:, people.cluster[order]]
    total = weight.sum(axis=1, keepdims=True)
    last = np.searchsorted(value, value, side="right") - 1
    above = total - np.cumsum(weight, axis=1)[:, last]
    return np.asarray(value[np.argmax(above <= false_alarms * total + 1e-9, axis=1)])


def stopped(
    people: Scores, bots: Scores, false_alarms: float, *, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the share of bots above the threshold that so few people exceed, with its interval.

    People and sessions of bots are drawn anew together, and the threshold read off the drawn people.
    """
    once = thresholds(people, np.ones((1, people.clusters)), false_alarms)
    cuts = thresholds(people, intervals.draws(people.clusters, rng=rng), false_alarms)
    parts = bots.parts()
    above = np.stack([part.size - np.searchsorted(part, cuts, side="right") for part in parts], axis=1)
    size = np.array([part.size for part in parts], dtype=np.float64)
    drawn = intervals.draws(bots.clusters, rng=rng)
    found = intervals.percentiles((drawn * above).sum(axis=1) / (drawn @ size))
    share = float((bots.value > once[0]).mean())
    if share in (0.0, 1.0):
        found = intervals.clopper_pearson(int(share) * bots.clusters, bots.clusters)
    return {"share": round(share, 4), "interval": rounded(found)}


def auc(people: Scores, bots: Scores, *, rng: np.random.Generator, paired: bool = False) -> dict[str, Any]:
    """Return the area under the ROC with its interval; ``paired`` draws the same clusters on both sides."""
    lower = people.parts()
    wins, pairs = np.zeros((people.clusters, bots.clusters)), np.zeros((people.clusters, bots.clusters))
    edges = [np.flatnonzero(bots.cluster == i) for i in range(bots.clusters)]
    for i, part in enumerate(lower):
        below = np.searchsorted(part, bots.value, side="left")
        up_to = np.searchsorted(part, bots.value, side="right")
        both = (below + up_to) / 2.0
        wins[i] = [both[edge].sum() for edge in edges]
        pairs[i] = [part.size * edge.size for edge in edges]
    left = intervals.draws(people.clusters, rng=rng)
    right = left if paired else intervals.draws(bots.clusters, rng=rng)
    drawn = ((left @ wins) * right).sum(axis=1) / ((left @ pairs) * right).sum(axis=1)
    return {
        "auc": round(float(wins.sum() / pairs.sum()), 4),
        "interval": rounded(intervals.percentiles(drawn)),
    }


def reliability(value: Floats, bot: NDArray[np.bool_], weight: Floats) -> dict[str, Any]:
    """Return, for 15 equal bins of risk, mean risk, share of bots and weight; and the error (ECE)."""
    place = np.minimum((value * BINS).astype(np.int64), BINS - 1)
    total = np.bincount(place, weight, BINS)
    risk = np.bincount(place, weight * value, BINS)
    share = np.bincount(place, weight * bot, BINS)
    used = total > 0
    rows = [
        {"risk": round(r / w, 4), "bots": round(b / w, 4), "weight": round(w / total.sum(), 4)}
        for r, b, w in zip(risk[used], share[used], total[used], strict=True)
    ]
    return {"ece": round(float(np.abs(risk - share).sum() / total.sum()), 4), "bins": rows}


def rounded(interval: tuple[float, float] | None) -> list[float] | None:
    """Return an interval with its ends rounded outwards, so that it is never made narrower."""
    if interval is None:
        return None
    return [float(np.floor(interval[0] * 1e4) / 1e4), float(np.ceil(interval[1] * 1e4) / 1e4)]
