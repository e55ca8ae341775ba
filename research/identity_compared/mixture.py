"""Gaussian mixtures adapted by MAP (Reynolds, Quatieri and Dunn, 2000): people in general, then one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.mixture import GaussianMixture

from research.identity.fit import Floats, Rows
from research.identity_compared.covariance import Covariance
from research.identity_compared.method import Part, means

PARTS = 32
# Strokes after which a part has moved half-way to the user's own (16 in the paper).
RELEVANCE = 16.0
# Added to variances of a space in which strokes of one person have variance 1.
_FLOOR = 0.05


class Mixture:
    """A mixture over the discriminants that ship; a user's has means of its own."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._space = Covariance(rows)
        general = GaussianMixture(
            min(PARTS, len(rows.person) // 4), covariance_type="diag", reg_covar=_FLOOR, random_state=seed
        )
        general.fit(self.embed(rows.features))
        self._means, self._precisions = general.means_, general.precisions_
        self._levels = np.log(general.weights_) + 0.5 * np.log(self._precisions).sum(axis=1)

    def embed(self, features: Floats) -> Floats:
        """Return strokes as discriminants, shape (n, d)."""
        return self._space.embed(features)

    def enrol(self, z: Floats) -> tuple[Floats, int]:
        """Return the means of the user's mixture, shape (parts, d)."""
        parts = self._each(z, self._means)
        share = np.exp(parts - np.logaddexp.reduce(parts, axis=1)[:, None])
        count = share.sum(axis=0)[:, None]
        pull = count / (count + RELEVANCE)
        own: Floats = pull * (share.T @ z) / (count + 1e-9) + (1.0 - pull) * self._means
        return own, 4 * own.size

    def scores(self, kept: Floats, z: Floats, parts: Sequence[Part]) -> Floats:
        """Return the mean log-likelihood ratio of the strokes, anybody / the owner."""
        anybody, owner = (np.logaddexp.reduce(self._each(z, m), axis=1) for m in (self._means, kept))
        return means(anybody - owner, parts)

    def _each(self, z: Floats, centres: Floats) -> Floats:
        """Return the log-density of every part, without its constant, shape (n, parts)."""
        p = self._precisions
        far: Floats = (z * z) @ p.T - 2.0 * z @ (centres * p).T + (centres**2 * p).sum(axis=1)
        said: Floats = self._levels - 0.5 * far
        return said
