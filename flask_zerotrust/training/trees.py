"""scikit-learn's boosted trees to the flat arrays that the scorer walks."""

from __future__ import annotations

from typing import Any

import numpy as np

from flask_zerotrust.risk.model import Trees


def flatten(model: Any, *, depth: int) -> Trees:
    """Return a fitted HistGradientBoostingClassifier (two classes, numbers only) as complete trees.

    A leaf above the last level is filled up: all paths below it end in its value.
    """
    grown = [stage[0].nodes for stage in model._predictors]
    inner, leaves = 2**depth - 1, 2**depth
    feature = np.zeros((len(grown), inner), dtype=np.int64)
    threshold = np.full((len(grown), inner), np.inf)
    missing_left = np.ones((len(grown), inner), dtype=np.bool_)
    leaf = np.zeros((len(grown), leaves))
    for tree, nodes in enumerate(grown):
        here = np.zeros(1, dtype=np.int64)
        for level in range(depth):
            place = slice(2**level - 1, 2 ** (level + 1) - 1)
            split = nodes["is_leaf"][here] == 0
            feature[tree, place] = np.where(split, nodes["feature_idx"][here], 0)
            threshold[tree, place] = np.where(split, nodes["num_threshold"][here], np.inf)
            missing_left[tree, place] = np.where(split, nodes["missing_go_to_left"][here] == 1, True)
            left = np.where(split, nodes["left"][here], here)
            right = np.where(split, nodes["right"][here], here)
            here = np.stack([left, right], axis=1).ravel()
        leaf[tree] = nodes["value"][here]
    return Trees(
        feature=feature.ravel(),
        threshold=threshold.ravel(),
        missing_left=missing_left.ravel(),
        leaf=leaf.ravel(),
        baseline=float(model._baseline_prediction[0, 0]),
        depth=depth,
    )
