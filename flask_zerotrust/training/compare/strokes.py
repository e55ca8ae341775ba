"""Models of one stroke: boosted trees as shipped, two small networks, and what a blend says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from .. import fit
from ..table import Floats, Table
from ..trees import flatten
from .profiles import FEATURES, PROFILE

#: Fitted model: rows as :func:`~.profiles.describe` makes them to raw scores, shape (n,).
Stroke = Callable[[Floats], Floats]
#: Fits one: table, seed.
Fitter = Callable[[Table, int], Stroke]

_HIDDEN = (64, 32)
_EPOCHS = 12
_L2 = 1e-3


def trees(table: Table, seed: int) -> Stroke:
    """Fit the trees that ship."""
    own = Table(table.features[:, FEATURES], table.bot, table.group, table.visit)
    flat = flatten(fit.boosted(own, seed=seed), depth=fit.DEPTH)
    return lambda rows: flat.raw(rows[:, FEATURES])


def network_on_profile(table: Table, seed: int) -> Stroke:
    """Fit a small network on the velocity profile."""
    return _network(table, seed, PROFILE)


def network_on_features(table: Table, seed: int) -> Stroke:
    """Fit a small network on the features of the trees."""
    return _network(table, seed, FEATURES)


#: By name, in the order of the report.
FITTERS: dict[str, Fitter] = {
    "trees": trees,
    "network on profile": network_on_profile,
    "network on features": network_on_features,
}


def _network(table: Table, seed: int, columns: slice) -> Stroke:
    """Fit on rows drawn by their weights: the networks see labels and groups as the trees do."""
    scale = StandardScaler().fit(table.features[:, columns])
    weight = fit.weights(table)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(table), len(table), p=weight / weight.sum())
    model = MLPClassifier(_HIDDEN, alpha=_L2, batch_size=min(256, len(table)), random_state=seed)
    rows = _scaled(scale, table.features[drawn][:, columns])
    for _ in range(_EPOCHS):
        model.partial_fit(rows, table.bot[drawn], classes=[False, True])
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    return lambda rows: _forward(_scaled(scale, rows[:, columns]), layers)


def _scaled(scale: Any, rows: Floats) -> Floats:
    """Return standardised columns; what lies far outside says no more than what lies at the edge."""
    scaled: Floats = np.clip((rows - scale.mean_) / scale.scale_, -5.0, 5.0)
    return scaled


def _forward(rows: Floats, layers: list[tuple[Floats, Floats]]) -> Floats:
    for weight, offset in layers[:-1]:
        rows = np.maximum(rows @ weight + offset, 0.0)
    weight, offset = layers[-1]
    said: NDArray[np.float64] = (rows @ weight + offset).ravel()
    return said
