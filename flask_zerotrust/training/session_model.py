"""The model of sessions: fitted to runs of strokes, on top of their scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from flask_zerotrust import simulate
from flask_zerotrust.movement import session_features
from flask_zerotrust.risk import model as scoring
from flask_zerotrust.training import calibration
from flask_zerotrust.training.stretches import Stretches, cut
from flask_zerotrust.training.table import Floats, Table
from flask_zerotrust.training.trees import flatten

# Lengths of the runs that teach: sessions are judged at every one of their strokes.
LENGTHS = (3, 4, 5, 7, 10, 14, 20)
DEPTH = 3
TREES = 150
_LEARNING_RATE = 0.08
_L2 = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Seconds:
    """The model of sessions, and those that saw neither the people nor the families of a fold.

    ``fold`` is the fold of every row of the table they were fitted to.
    """

    whole: scoring.Second
    by_fold: tuple[scoring.Second, ...]
    fold: NDArray[np.int64]

    def held_out(self, runs: Stretches) -> Stretches:
        """Return runs of that table with scores by models that never saw them."""
        together = np.zeros(len(runs))
        for k, item in enumerate(self.by_fold):
            here = self.fold[runs.first] == k
            together[here] = item.log_odds(runs.sums[here])
        return replace(runs, together=together)

    def told(self, runs: Stretches) -> Stretches:
        """Return runs of other people with their scores."""
        return replace(runs, together=self.whole.log_odds(runs.sums))


def train(table: Table, said: Floats, fold: NDArray[np.int64], *, seed: int, trees: int = TREES) -> Seconds:
    """Fit the model of sessions to all runs of a table.

    Parameters
    ----------
    said : ndarray, shape (m,)
        Log-odds of the strokes, by models that saw neither their person nor their family.
    fold : ndarray of int64, shape (m,)
        The parts that people and families were dealt into for that.
    """
    runs = [run for run in (cut(table, said, length) for length in LENGTHS) if len(run)]
    rows = np.concatenate(
        [session_features.seen(run.sums) for run in runs] or [np.empty((0, session_features.WIDTH))]
    )
    bot = np.concatenate([run.bot for run in runs])
    group = np.concatenate([run.group for run in runs])
    part = np.concatenate([fold[run.first] for run in runs])
    by_fold, raw = [], np.zeros(bot.size)
    for k in range(int(fold.max()) + 1):
        taught = (part != k) & (group != simulate.ALL_IN_ONE)
        by_fold.append(_fitted(rows[taught], bot[taught], group[taught], seed=seed, trees=trees))
        raw[part == k] = by_fold[-1].raw(rows[part == k])
    curve = scoring.Calibration(*calibration.log_odds(raw, bot, weights(bot, group)))
    whole = _fitted(rows, bot, group, seed=seed, trees=trees)
    return Seconds(
        scoring.Second(whole, curve), tuple(scoring.Second(item, curve) for item in by_fold), fold
    )


def weights(bot: NDArray[np.bool_], group: NDArray[np.str_]) -> Floats:
    """Return weights of rows: both labels weigh the same in all, groups by the root of their rows."""
    _, number, count = np.unique(group, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[number])
    for label in (False, True):
        rows = bot == label
        weight[rows] *= bot.size / 2.0 / max(float(weight[rows].sum()), 1e-12)
    return np.asarray(weight)


def _fitted(
    rows: Floats, bot: NDArray[np.bool_], group: NDArray[np.str_], *, seed: int, trees: int
) -> scoring.Trees:
    model: Any = HistGradientBoostingClassifier(
        max_depth=DEPTH,
        max_leaf_nodes=2**DEPTH,
        max_iter=trees,
        learning_rate=_LEARNING_RATE,
        l2_regularization=_L2,
        min_samples_leaf=max(2, len(bot) // 100),
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):  # see fit
        model.fit(rows, bot, sample_weight=weights(bot, group))
    return flatten(model, depth=DEPTH)
