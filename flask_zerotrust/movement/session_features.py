"""How the strokes of a session differ from one another: running sums, from which a model judges them all.

People vary from stroke to stroke in ways that programs seldom do, and that single strokes cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.features import FEATURE_NAMES

Floats = NDArray[np.float64]

#: Features whose mean and spread over the strokes are looked at. Chosen before the comparison in
#: docs/research/models-compared.md, one or two of every kind.
KEY = (
    "speed_peak",
    "speed_cv",
    "peak_time",
    "speed_centroid",
    "speed_lag2",
    "speed_entropy",
    "efficiency",
    "deviation_at",
    "turn_roughness",
    "jitter",
    "accel_energy",
    "like_best_easing",
)
#: Strokes that the sums hold: of more, the older ones fade.
WINDOW = 20.0
#: Columns of the sums, and of the input of a model: the number of strokes, then sum and sum of squares
#: (mean and spread) of each stroke's log-odds and of its key features.
WIDTH = 1 + 2 * (1 + len(KEY))

_COLUMNS = np.array([FEATURE_NAMES.index(name) for name in KEY])
_VALUES = slice(1, 2 + len(KEY))
_SQUARES = slice(2 + len(KEY), WIDTH)
# Decimals that the store keeps: far finer than any difference that a model tells apart.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Manner:
    """The sums of a session's strokes, and a model's log-odds of them.

    Attributes
    ----------
    sums : tuple of float
        ``WIDTH`` numbers. Empty before the first stroke.
    log_odds : float
        Natural log-odds of a bot by all strokes together.
    """

    sums: tuple[float, ...] = ()
    log_odds: float = 0.0

    @property
    def strokes(self) -> float:
        """Return the number of strokes in the sums, without the faded ones."""
        return self.sums[0] if self.sums else 0.0

    def add(self, rows: Floats) -> Manner:
        """Return the sums with more strokes, shape (n, WIDTH). The log-odds stay until a model is asked."""
        return Manner(tuple(added(self.sums, rows).tolist()), self.log_odds)

    def faded(self, kept: float) -> Manner:
        """Return the share of the sums, in [0, 1], that time has left. Means and spreads stay."""
        return Manner(tuple(value * kept for value in self.sums), self.log_odds * kept)

    def to_json(self) -> list[float]:
        """Return a list that :meth:`from_json` reads."""
        return [round(value, _DECIMALS) for value in (self.log_odds, *self.sums)]

    @classmethod
    def from_json(cls, data: list[float] | None) -> Manner:
        """Read the output of :meth:`to_json`. None stands for no evidence."""
        if not data:
            return cls()
        if len(data) not in (1, 1 + WIDTH):
            raise ValueError(f"sums have {WIDTH} numbers, not {len(data) - 1}")
        return cls(tuple(data[1:]), data[0])


def rows(said: Floats, features: Floats) -> Floats:
    """Return the rows that strokes add to the sums, shape (n, WIDTH).

    Parameters
    ----------
    said : ndarray, shape (n,)
        Log-odds of the strokes, clipped.
    features : ndarray, shape (n, len(FEATURE_NAMES))
    """
    result = np.empty((len(said), WIDTH))
    result[:, 0] = 1.0
    values = result[:, _VALUES]
    values[:, 0], values[:, 1:] = said, features.take(_COLUMNS, axis=1)
    np.multiply(values, values, out=result[:, _SQUARES])
    return result


def added(sums: tuple[float, ...], more: Floats) -> Floats:
    """Return the sums after more strokes, at least one of them: shapes (n, WIDTH) and (WIDTH,).

    ``sums`` may be empty.
    """
    last = np.array(sums) if sums else np.zeros(WIDTH)
    if last[0] + len(more) <= WINDOW:
        return np.asarray(last + np.add.reduce(more))
    number, stored = float(last[0]), []
    for _ in more:
        number += 1.0
        stored.append(min(1.0, WINDOW / number))
        number *= stored[-1]
    # What is left of every stroke after all that fading, of the sums before them first.
    left = np.multiply.accumulate([1.0, *stored[::-1]])[::-1]
    return np.asarray(last * left[0] + left[:-1] @ more)


def seen(sums: Floats) -> Floats:
    """Return a model's input from sums, shape (m, WIDTH): number of strokes, then means and spreads."""
    result = sums / sums[:, :1]
    result[:, 0] = sums[:, 0]
    mean, spread = result[:, _VALUES], result[:, _SQUARES]
    spread -= mean * mean
    np.sqrt(np.maximum(spread, 0.0, out=spread), out=spread)
    return result
