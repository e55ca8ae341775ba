"""The rule that knows no movement: sampling rate and screen extent, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flask_zerotrust.movement import INSTRUMENT_NAMES
from research.identity.fit import Floats, Rows
from research.identity_compared.method import Part


class Trivial:
    """How far apart two devices are; the baseline beside every figure."""

    def __init__(self, rows: Rows, seed: int) -> None:
        pass

    def embed(self, features: Floats) -> Floats:
        """Return the columns of the device."""
        return features[:, -len(INSTRUMENT_NAMES) :]

    def enrol(self, z: Floats) -> tuple[Floats, int]:
        """Return the usual device."""
        return np.median(z, axis=0), 4 * z.shape[1]

    def scores(self, kept: Floats, z: Floats, parts: Sequence[Part]) -> Floats:
        """Return the distances between devices, in octaves."""
        return np.array([np.abs(np.median(z[part], axis=0) - kept).sum() for part in parts])
