"""Trees of every user's own: the owner's strokes against those of a cohort of background people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from research.identity.fit import Floats, Rows
from research.identity_compared.method import Part, Scaler, means

# So that a profile stays below its bound: a node takes a column, a threshold, two children and a share.
TREES = 20
DEPTH = 6
NODE_BYTES = 9
_LEAST_IN_LEAF = 5
# Strokes of a cohort, evenly over background people.
COHORT = 2_000
# A tree that has seen few strokes is never sure.
_SURE = 0.98


class OwnTrees:
    """A small forest a user; the mean log-odds of the strokes."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._scaler, self._seed = Scaler(rows), seed
        some = np.linspace(0, len(rows.person) - 1, min(COHORT, len(rows.person))).astype(np.int64)
        self._cohort = self.embed(rows.features[some])

    def embed(self, features: Floats) -> Floats:
        """Return standardised features, shape (n, k)."""
        return self._scaler(features)

    def enrol(self, z: Floats) -> tuple[Any, int]:
        """Return the user's forest."""
        other = np.repeat([False, True], [len(z), len(self._cohort)])
        model = ExtraTreesClassifier(
            TREES,
            max_depth=DEPTH,
            min_samples_leaf=_LEAST_IN_LEAF,
            max_features=0.3,
            class_weight="balanced",
            random_state=self._seed,
        )
        model.fit(np.concatenate([z, self._cohort]), other)
        return model, NODE_BYTES * sum(tree.tree_.node_count for tree in model.estimators_)

    def scores(self, kept: Any, z: Floats, parts: Sequence[Part]) -> Floats:
        """Return the mean log-odds another person / the owner."""
        other = np.clip(kept.predict_proba(z)[:, 1], 1.0 - _SURE, _SURE)
        return means(np.log(other / (1.0 - other)), parts)
