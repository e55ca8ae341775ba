"""Two-covariance likelihood ratios in any space: that of the discriminants, of networks, of forests."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from flask_zerotrust.identity.background import LIMIT
from flask_zerotrust.movement import INSTRUMENT_NAMES
from research.identity import fit
from research.identity.fit import Floats, Rows
from research.identity_compared.method import Part, Scaler

# The last layer is what remains of a person; both widths and the penalty by folds of background people.
HIDDEN = (128, 48)
EPOCHS = 15
L2 = 1e-3
# Shallow enough that no leaf is one visit.
TREES = 100
DEPTH = 10
LEAST_IN_LEAF = 10


#: Brings features to another space, row by row.
Space = Callable[[Floats], Floats]


def _unchanged(features: Floats) -> Floats:
    return features


class Covariance:
    """The method that ships: linear discriminants, then the ratio of the mean of all strokes."""

    def __init__(
        self, rows: Rows, *, hidden: Callable[[Floats], Floats] = lambda features: features
    ) -> None:
        """Fit; ``hidden`` brings features of shape (n, k) to another space first."""
        self._hidden = hidden
        inner = hidden(rows.features)
        unseen = len(INSTRUMENT_NAMES) if inner is rows.features else 0
        self._arrays = fit.fit(Rows(inner, rows.person, rows.session), unseen=unseen)

    def embed(self, features: Floats) -> Floats:
        """Return strokes as discriminants, shape (n, d)."""
        a = self._arrays
        centred = np.clip((self._hidden(features) - a["mean"]) / a["scale"], -LIMIT, LIMIT)
        embedded: Floats = centred @ a["projection"]
        return embedded

    def enrol(self, z: Floats) -> tuple[tuple[Floats, int], int]:
        """Return mean and number of strokes."""
        return (z.mean(axis=0), len(z)), 4 * z.shape[1] + 4

    def scores(self, kept: tuple[Floats, int], z: Floats, parts: Sequence[Part]) -> Floats:
        """Return the log-likelihood ratio another person / the owner of the mean of each stretch."""
        b, s, w = (self._arrays[name] for name in ("between", "session", "within"))
        known, strokes = kept
        gain = b / (b + s + w / strokes)
        left, noise = b * (1.0 - gain), s + w / np.array([len(part) for part in parts])[:, None]
        own, anybody = left + noise, b + noise
        mean = np.array([z[part].mean(axis=0) for part in parts])
        apart = (mean - gain * known) ** 2 / own - mean**2 / anybody + np.log(own / anybody)
        ratio: Floats = 0.5 * apart.sum(axis=1)
        return ratio


def discriminants(rows: Rows, _seed: int) -> Covariance:
    """Fit what ships; nothing is drawn."""
    return Covariance(rows)


def network(rows: Rows, seed: int) -> Covariance:
    """Fit a network that names background people; its last hidden layer is the space."""
    scaler = Scaler(rows)
    model = MLPClassifier(HIDDEN, alpha=L2, batch_size=256, max_iter=EPOCHS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose
        warnings.simplefilter("ignore", UserWarning)  # fewer rows than a batch: made-up data
        model.fit(scaler(rows.features), rows.person)
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))[:-1]

    def hidden(features: Floats) -> Floats:
        inner = scaler(features)
        for weights, offsets in layers:
            inner = np.maximum(inner @ weights + offsets, 0.0)
        return inner

    return Covariance(rows, hidden=hidden)


def forest(rows: Rows, seed: int) -> Covariance:
    """Fit a forest that names background people; the roots of its shares of votes are the space."""
    scaler = Scaler(rows)
    model = ExtraTreesClassifier(
        TREES, max_depth=DEPTH, min_samples_leaf=LEAST_IN_LEAF, max_features=0.3, random_state=seed
    )
    model.fit(scaler(rows.features), rows.person, sample_weight=fit.weights(rows))
    return Covariance(
        rows, hidden=lambda features: np.sqrt(model.predict_proba(scaler(features))).astype(np.float64)
    )
