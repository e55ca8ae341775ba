"""Trains a model further: trees on top of its score, fitted to the people and bots of one site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier
from threadpoolctl import threadpool_limits

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.model import TREES_SHARE, BundleScorer, Trees
from flask_zerotrust.training.fit import check, weights
from flask_zerotrust.training.table import Floats, Progress, Table, tabulate
from flask_zerotrust.training.trees import flatten_on_top

TREES = 10
_LEARNING_RATE = 0.05
_LEAST_LEAF = 20
# Share of the features that a split may choose from: quicker, and no tree leans on one feature alone.
_COLUMNS = 0.2


def train_further(
    start: BundleScorer,
    recordings: Iterable[Recording],
    *,
    seed: int,
    jobs: int = 1,
    render: bool = True,
    trees: int = TREES,
    progress: Progress | None = None,
) -> BundleScorer:
    """Return a model with trees fitted to these people (label human) and bots (label bot).

    Networks, calibration, the model of sessions and the policy stay as they are, so a model keeps all it
    knows of people who are not among the recordings.

    Parameters
    ----------
    start : BundleScorer
        The model to begin with.
    recordings : iterable of Recording
        At least three people and three families of bots.
    seed : int
    trees : int
        How many are added.
    progress : callable, optional
        Told ``(what, done, of)``.

    Raises
    ------
    ConfigError
        When there are too few people or families.
    """
    table = tabulate(recordings, seed=seed, jobs=jobs, render=render, progress=progress)
    check(table)
    return replace(start, trees=_joined(start.trees, _added(start, table, seed=seed, trees=trees)))


def _added(start: BundleScorer, table: Table, *, seed: int, trees: int) -> Trees:
    """Return the trees whose sum corrects the raw score of a model."""
    depth = start.trees.depth
    model: Any = GradientBoostingClassifier(
        init=_Start(start),
        n_estimators=trees,
        max_depth=depth,
        learning_rate=_LEARNING_RATE,
        min_samples_leaf=max(_LEAST_LEAF, len(table) // 200),
        max_features=_COLUMNS,
        random_state=seed,
    )
    with threadpool_limits(1):  # see fit
        model.fit(table.features, table.bot, sample_weight=weights(table))
    added = flatten_on_top(model, depth=depth)
    return replace(added, leaf=added.leaf * _LEARNING_RATE / TREES_SHARE)


class _Start(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A model's score, as scikit-learn's boosting begins with it."""

    def __init__(self, model: BundleScorer) -> None:
        self.model = model

    def fit(self, _rows: Floats, bot: NDArray[np.bool_], sample_weight: Floats) -> _Start:  # noqa: ARG002
        """Learn nothing."""
        self.classes_ = np.unique(bot)
        return self

    def predict_proba(self, rows: Floats) -> Floats:
        """Return the probabilities of a person and of a bot, shape (n, 2)."""
        of_bot = 1.0 / (1.0 + np.exp(-self.model.raw(np.asarray(rows, np.float64))))
        return np.stack([1.0 - of_bot, of_bot], axis=1)


def _joined(trees: Trees, other: Trees) -> Trees:
    """Return trees whose sum is that of both."""
    return Trees(
        feature=np.concatenate([trees.feature, other.feature]),
        threshold=np.concatenate([trees.threshold, other.threshold]),
        missing_left=np.concatenate([trees.missing_left, other.missing_left]),
        leaf=np.concatenate([trees.leaf, other.leaf]),
        baseline=trees.baseline + other.baseline,
        depth=trees.depth,
    )
