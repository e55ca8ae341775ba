"""Small networks: fitted by scikit-learn, kept as the flat arrays that the scorer multiplies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from flask_zerotrust.risk.model import FAR_SD, Networks
from flask_zerotrust.training.table import Floats

# Chosen by families held out (docs/research/models-compared.md).
HIDDEN = (64, 32)
NETWORKS = 4
EPOCHS = 12
_L2 = 1e-3
_BATCH = 256


def networks(
    rows: Floats,
    bot: NDArray[np.bool_],
    weight: Floats,
    *,
    seed: int,
    count: int = NETWORKS,
    epochs: int = EPOCHS,
) -> Networks:
    """Return networks fitted to rows of shape (m, k), each from a start and a draw of its own.

    Rows are drawn by their weights, so that networks see labels and groups as the trees do.
    """
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = np.clip((rows - centre) / spread, -FAR_SD, FAR_SD)
    fitted = [
        _fitted(scaled, bot, weight, seed=seed + 100 * number, epochs=epochs) for number in range(count)
    ]
    return flatten(fitted, centre=centre, spread=spread)


def flatten(fitted: Sequence[Any], *, centre: Floats, spread: Floats) -> Networks:
    """Return fitted MLPClassifiers (two classes, rectifiers, one shape) as stacked arrays."""
    return Networks(
        centre=centre,
        spread=spread,
        weights=tuple(np.stack(layers) for layers in zip(*(item.coefs_ for item in fitted), strict=True)),
        offsets=tuple(
            np.stack(layers)[:, None, :]
            for layers in zip(*(item.intercepts_ for item in fitted), strict=True)
        ),
    )


def _fitted(scaled: Floats, bot: NDArray[np.bool_], weight: Floats, *, seed: int, epochs: int) -> Any:
    drawn = np.random.default_rng(seed).choice(len(bot), len(bot), p=weight / weight.sum())
    model = MLPClassifier(HIDDEN, alpha=_L2, batch_size=min(_BATCH, len(bot)), random_state=seed)
    for _ in range(epochs):
        model.partial_fit(scaled[drawn], bot[drawn], classes=[False, True])
    return model
