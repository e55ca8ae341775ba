"""Strokes to feature vectors: the names, their order, and the call that makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.path_features import SHAPE_FEATURES, shape_columns
from flask_zerotrust.movement.resample import resample
from flask_zerotrust.movement.speed_features import (
    EVEN_FEATURES,
    SPEED_FEATURES,
    even_columns,
    speed_columns,
)
from flask_zerotrust.movement.strokes import Strokes

#: Column names in order. The contract between training and serving: a bundle names the ones it
#: was fitted on, and is refused when they differ.
FEATURE_NAMES: tuple[str, ...] = (*SPEED_FEATURES, *EVEN_FEATURES, *SHAPE_FEATURES)


def extract(strokes: Strokes) -> NDArray[np.float64]:
    """Return the features of all strokes at once, shape (n, len(FEATURE_NAMES)), finite."""
    if not len(strokes):
        return np.empty((0, len(FEATURE_NAMES)))
    g = resample(strokes)
    columns = np.array([*speed_columns(g), *even_columns(g), *shape_columns(g)])
    return np.ascontiguousarray(columns.T)
