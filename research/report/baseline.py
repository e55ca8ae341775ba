"""The trivial rule beside every result: sampling rate and screen extent, and nothing of the movement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from research.report.intervals import Floats


def scores(rows: Floats, bot: NDArray[np.bool_], group: NDArray[np.str_], *, seed: int) -> Floats | None:
    """Return what the rule says of each row; None with fewer than two people or two families.

    Two folds by person and family, so the rule is fitted to these very data sets: it gets more help
    than the model, which has seen neither.

    Parameters
    ----------
    rows : ndarray, shape (m, 3)
        Median ms between moves, width and height in px.
    """
    if min(np.unique(group[bot]).size, np.unique(group[~bot]).size) < 2:
        return None
    said = np.zeros(bot.size)
    weight = np.where(bot, 0.5 / bot.sum(), 0.5 / (~bot).sum()) * bot.size
    folds = GroupKFold(2, shuffle=True, random_state=seed)
    for fitted, held in folds.split(rows, bot, group):
        rule = HistGradientBoostingClassifier(max_depth=3, max_iter=50, random_state=seed)
        if np.unique(bot[fitted]).size < 2:
            return None
        rule.fit(rows[fitted], bot[fitted], sample_weight=weight[fitted])
        said[held] = rule.decision_function(rows[held])
    return said
