"""What a method of telling people apart has to do, and the rows that all of them are fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.identity.background import LIMIT
from flask_zerotrust.movement import INSTRUMENT_NAMES
from research.identity import fit
from research.identity.fit import Floats, Rows

#: Rows of the strokes of one stretch.
Part = NDArray[np.intp]


class Method(Protocol):
    """A fitted method: strokes are brought to its own space once, then enrolled or scored."""

    def embed(self, features: Floats) -> Floats:
        """Return strokes in the method's own space, shape (n, d)."""

    def enrol(self, z: Floats) -> tuple[Any, int]:
        """Return what is kept of a user's strokes, and how many bytes that takes."""

    def scores(self, kept: Any, z: Floats, parts: Sequence[Part]) -> Floats:
        """Return how little each stretch of strokes is like the owner's; larger is another person."""


def means(said: Floats, parts: Sequence[Part]) -> Floats:
    """Return the mean of what the strokes of each stretch say."""
    return np.array([said[part].mean() for part in parts])


#: Fits a method to rows of background people, with a seed.
Fitter = Callable[[Rows, int], Method]


class Scaler:
    """Standardises features over background people; the columns of the device are left out."""

    def __init__(self, rows: Rows) -> None:
        weight = fit.weights(rows)
        self.centre = np.average(rows.features, axis=0, weights=weight)
        spread = np.sqrt(np.average((rows.features - self.centre) ** 2, axis=0, weights=weight))
        self.scale = spread + 1e-9

    def __call__(self, features: Floats) -> Floats:
        """Return the columns of movement, cut like those of the model that ships."""
        scaled = np.clip((features - self.centre) / self.scale, -LIMIT, LIMIT)
        moved: Floats = scaled[:, : -len(INSTRUMENT_NAMES)]
        return moved
