"""What a few strokes in a row say together: a plain sum, or a second model over how alike they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ... import motion
from ...risk import Policy
from ..table import Floats, Table
from ..trees import flatten
from .profiles import SIZE

#: Numbers of strokes at which sessions are judged.
LENGTHS = (3, 5, 10, 20)
# Features whose spread between strokes is looked at, beside duration and path: programs repeat themselves.
KEY = (
    "speed_peak",
    "speed_cv",
    "peak_time",
    "speed_centroid",
    "speed_lag2",
    "speed_entropy",
    "efficiency",
    "deviation_at",
    "turn_roughness",
    "jitter",
    "accel_energy",
    "like_best_easing",
)
_COLUMNS = [motion.FEATURE_NAMES.index(name) for name in KEY]
_DEPTH, _TREES = 3, 60
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Runs of equally many strokes of one visit each; m of them.

    Attributes
    ----------
    total : ndarray, shape (m,)
        Mean of the strokes' clipped log-odds: what the shipped policy sums.
    seen : ndarray, shape (m, k)
        What the second model sees.
    bot : ndarray of bool, shape (m,)
    group : ndarray of str, shape (m,)
    fold : ndarray of int64, shape (m,)
    """

    total: Floats
    seen: Floats
    bot: NDArray[np.bool_]
    group: NDArray[np.str_]
    fold: NDArray[np.int64]


def cut(table: Table, said: Floats, length: int, fold: NDArray[np.int64] | None = None) -> Stretches:
    """Return the stretches of a table of which ``said`` holds the strokes' log-odds."""
    starts = np.concatenate(
        [
            np.arange(first, last - length + 1, length)
            for first, last in _visits(table.visit)
            if last - first >= length
        ]
        or [np.empty(0, np.int64)]
    ).astype(np.int64)
    rows = starts[:, None] + np.arange(length)
    clipped = np.clip(said[rows], -Policy().stroke_cap_person, Policy().stroke_cap_bot)
    return Stretches(
        total=clipped.mean(axis=1),
        seen=summary(clipped, table.features[rows]),
        bot=table.bot[starts],
        group=table.group[starts],
        fold=np.zeros(starts.size, np.int64) if fold is None else fold[starts],
    )


def summary(said: Floats, rows: Floats) -> Floats:
    """Return mean, spread and quantiles of the scores, and spreads of key features and sizes.

    Parameters
    ----------
    said : ndarray, shape (m, length)
    rows : ndarray, shape (m, length, WIDTH)
    """
    key = rows[:, :, [*_COLUMNS, *range(SIZE.start, SIZE.stop)]]
    step = np.abs(np.diff(key, axis=1)).mean(axis=1)
    return np.concatenate(
        [
            said.mean(axis=1, keepdims=True),
            said.std(axis=1, keepdims=True),
            np.quantile(said, _QUANTILES, axis=1).T,
            key.std(axis=1),
            step,
            key.mean(axis=1)[:, : len(_COLUMNS)],
        ],
        axis=1,
    )


def second(of: Stretches, seed: int) -> Callable[[Floats], Floats]:
    """Fit the second model; returns what maps rows of ``seen`` to raw scores."""
    model = HistGradientBoostingClassifier(
        max_depth=_DEPTH,
        max_leaf_nodes=2**_DEPTH,
        max_iter=_TREES,
        learning_rate=0.1,
        l2_regularization=10.0,
        min_samples_leaf=max(2, min(20, of.bot.size // 100)),
        early_stopping=False,
        random_state=seed,
    ).fit(of.seen, of.bot, sample_weight=weights(of))
    return flatten(model, depth=_DEPTH).raw


def weights(of: Stretches) -> Floats:
    """Return weights: both labels alike, groups by the root of their stretches."""
    _, number, count = np.unique(of.group, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[number])
    for bot in (False, True):
        weight[of.bot == bot] /= max(float(weight[of.bot == bot].sum()), 1e-12)
    return np.asarray(weight * of.bot.size)


def _visits(visit: NDArray[np.int64]) -> list[tuple[int, int]]:
    edges = (np.flatnonzero(np.diff(visit)) + 1).tolist()
    return list(zip([0, *edges], [*edges, visit.size], strict=True)) if visit.size else []
