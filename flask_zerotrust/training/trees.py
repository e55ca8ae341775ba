"""scikit-learn's boosted trees to the flat arrays that the scorer walks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.risk.model import Trees


def flatten(model: Any, *, depth: int) -> Trees:
    """Return a fitted HistGradientBoostingClassifier (two classes, numbers only) as complete trees."""
    grown = [stage[0].nodes for stage in model._predictors]
    nodes = [
        _Nodes(
            n["is_leaf"] == 1,
            n["feature_idx"],
            n["num_threshold"],
            n["missing_go_to_left"] == 1,
            n["left"],
            n["right"],
            n["value"],
        )
        for n in grown
    ]
    return _completed(nodes, depth=depth, baseline=float(model._baseline_prediction[0, 0]))


def flatten_on_top(model: Any, *, depth: int) -> Trees:
    """Return the trees that a fitted GradientBoostingClassifier (two classes) adds to its ``init``.

    Their values are not yet multiplied by the learning rate.
    """
    grown = [stage[0].tree_ for stage in model.estimators_]
    nodes = [
        _Nodes(
            t.children_left < 0,
            t.feature,
            t.threshold,
            t.missing_go_to_left == 1,
            t.children_left,
            t.children_right,
            t.value[:, 0, 0],
        )
        for t in grown
    ]
    return _completed(nodes, depth=depth, baseline=0.0)


class _Nodes(NamedTuple):
    """The nodes of one tree, root first."""

    is_leaf: NDArray[np.bool_]
    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[np.float64]


def _completed(grown: Sequence[_Nodes], *, depth: int, baseline: float) -> Trees:
    """Return trees filled up: all paths below a leaf above the last level end in its value."""
    inner, leaves = 2**depth - 1, 2**depth
    feature = np.zeros((len(grown), inner), dtype=np.int64)
    threshold = np.full((len(grown), inner), np.inf)
    missing_left = np.ones((len(grown), inner), dtype=np.bool_)
    leaf = np.zeros((len(grown), leaves))
    for tree, nodes in enumerate(grown):
        here = np.zeros(1, dtype=np.int64)
        for level in range(depth):
            place = slice(2**level - 1, 2 ** (level + 1) - 1)
            split = ~nodes.is_leaf[here]
            feature[tree, place] = np.where(split, nodes.feature[here], 0)
            threshold[tree, place] = np.where(split, nodes.threshold[here], np.inf)
            missing_left[tree, place] = np.where(split, nodes.missing_left[here], True)
            left = np.where(split, nodes.left[here], here)
            right = np.where(split, nodes.right[here], here)
            here = np.stack([left, right], axis=1).ravel()
        leaf[tree] = nodes.value[here]
    return Trees(
        feature=feature.ravel(),
        threshold=threshold.ravel(),
        missing_left=missing_left.ravel(),
        leaf=leaf.ravel(),
        baseline=baseline,
        depth=depth,
    )
