"""Kernel two-sample distance (Gretton et al., 2012): are these strokes and the owner's of one kind?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from research.identity.fit import Floats, Rows
from research.identity_compared.covariance import Covariance
from research.identity_compared.method import Part

# Strokes kept of a user, evenly over what was enrolled: 80 of 24 numbers are half of a profile's bound.
KEPT = 80
# Strokes of people in general between which the median distance is taken.
_SAMPLE = 1_000


class Kernel:
    """The unbiased MMD with a Gaussian kernel over the discriminants; its width is the median distance."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._space = Covariance(rows)
        rng = np.random.default_rng(seed)
        some = rng.choice(len(rows.person), min(_SAMPLE, len(rows.person)), replace=False)
        apart = _apart(*[self.embed(rows.features[some])] * 2)
        self._width = float(np.median(apart[np.triu_indices(len(some), 1)]))

    def embed(self, features: Floats) -> Floats:
        """Return strokes as discriminants, shape (n, d)."""
        return self._space.embed(features)

    def enrol(self, z: Floats) -> tuple[tuple[Floats, float], int]:
        """Return strokes of the user, and how like each other they are."""
        kept = z[np.linspace(0, len(z) - 1, min(KEPT, len(z))).astype(np.int64)]
        return (kept, _inner(self._alike(kept, kept))), 4 * kept.size + 4

    def scores(self, kept: tuple[Floats, float], z: Floats, parts: Sequence[Part]) -> Floats:
        """Return squared distances of two sets of strokes; of one stroke, but for a constant."""
        own, inner = kept
        alike, near = self._alike(z, z), self._alike(z, own).mean(axis=1)
        return np.array([_inner(alike[np.ix_(p, p)]) + inner - 2.0 * near[p].mean() for p in parts])

    def _alike(self, one: Floats, other: Floats) -> Floats:
        alike: Floats = np.exp(-_apart(one, other) / self._width)
        return alike


def _inner(alike: Floats) -> float:
    n = len(alike)
    return float(alike.sum() - n) / (n * (n - 1)) if n > 1 else 0.0


def _apart(one: Floats, other: Floats) -> Floats:
    apart: Floats = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return apart
