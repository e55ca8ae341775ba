"""Two strokes in a row, the way between them and their paces: how alike two such pairs are.

A straight stroke is anybody's. How the next one lies to it, how large it is and how long it takes is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.replay import sketch
from flask_zerotrust.replay.fingerprints import clocks, laid_over, power, unexplained

Complex = NDArray[np.complexfloating]
Floats = NDArray[np.float64]
Index = NDArray[np.intp] | slice

# A stroke makes a pair with the one before it when the pause between them is no longer than this, in ms.
LONGEST_PAUSE_MS = 30_000.0
# Pixel noise that is always there, in px, and what is added before logarithms are taken of a shape.
_FLOOR_PX = 0.3
# Log of the distance in px from a pair to the nearest of eight candidates of other sessions, by its size
# and shape: least squares on SapiMouse's training people (docs/research/replay-memory.md).
_CHANCE = np.array([-0.29, 0.12, 0.13, 0.11, 0.28, -0.09, 0.06, 0.33])
# What paces that differ cost, per unit of a natural logarithm, and where that ends: the strokes' against
# each other, and the pause's against the strokes'. Tried: none, half and twice that.
_PACE, _PACE_MOST = 0.4, 1.0
_PAUSE, _PAUSE_MOST = 0.15, 1.5
_SHORTEST_PAUSE_MS = 30.0

#: Likeness from which a pair may go on with the stored visit of an earlier one, what such pairs need
#: together, and one alone (docs/research/replay-memory.md).
LIKE_AT_ALL, IN_ORDER, ALONE = 0.0, 1.1, 1.3


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Strokes and those before them.

    Attributes
    ----------
    later, earlier : ndarray, shape (n, HARMONICS)
        Of the strokes, as :func:`.replay.fingerprints` returns them.
    way : ndarray, shape (n,)
        From the earlier's place to the later's.
    times_ms : ndarray, shape (4, n)
        When the earlier began and ended, and the later.
    """

    later: Complex
    earlier: Complex
    way: Complex
    times_ms: Floats

    def __len__(self) -> int:
        return self.way.size

    def of(self, index: Index) -> Pairs:
        """Return some of them."""
        return Pairs(self.later[index], self.earlier[index], self.way[index], self.times_ms[:, index])

    def sketched(self) -> sketch.Points:
        """Return where they lie among others, shape (n, dimensions)."""
        return sketch.of_pairs(self.later, self.earlier, self.way, self.times_ms)


def belong(times_ms: Floats) -> NDArray[np.bool_]:
    """Return which strokes make a pair with the one before, shape (n,), by the times of both."""
    earlier, pause, later = times_ms[1:] - times_ms[:-1]
    together: NDArray[np.bool_] = (pause >= 0.0) & (pause <= LONGEST_PAUSE_MS)
    together &= (earlier > 0.0) & (later > 0.0)  # an empty place of the memory has lasted for no time
    return together


def likeness(asked: Pairs, stored: Pairs) -> Floats:
    """Return how much nearer every pair is to a stored one than chance would have it, shape (n,).

    The second is laid over the first, turned, scaled, mirrored, as one shape. The clock of either
    stroke may be moved and stretched a little.
    """
    item = _shape(asked)
    error = laid_over(item, _shape(stored))
    half = item.shape[1] // 2
    wrong = np.concatenate([error[:, 1:half], error[:, half + 1 :]])
    of_strokes = unexplained(wrong, clocks(np.concatenate([asked.later, asked.earlier])))
    distance = np.sqrt((_halves(of_strokes) + power(error[:, ::half])) / 2.0)
    result: Floats = chance(asked, item) - np.log(distance + _FLOOR_PX) - _out_of_pace(asked, stored)
    return result


def chance(pairs: Pairs, shape: Complex | None = None) -> Floats:
    """Return the log of the distance in px at which pairs find strangers, shape (n,)."""
    shape = _shape(pairs) if shape is None else shape
    size = power(shape)
    both = np.concatenate([pairs.later, pairs.earlier])
    each = power(both)
    high = _halves(power(both[:, 2:]))
    lengths = np.sqrt(each).reshape(2, -1)
    columns = [
        np.sqrt(size / 2.0),
        _lateral(size, shape, 4.0),
        lengths.min(axis=0),
        lengths.max(axis=0),
        np.abs(pairs.way) / 2.0,
        _lateral(each, both, 2.0).reshape(2, -1).min(axis=0),
        np.sqrt(high / 2.0),
    ]
    result: Floats = _CHANCE[0] + np.log(np.stack(columns, axis=1) + _FLOOR_PX) @ _CHANCE[1:]
    return result


def _shape(pairs: Pairs) -> Complex:
    """Return both strokes as one shape about its middle, shape (n, 2 + 2 HARMONICS)."""
    half = pairs.way[:, None] / 2.0
    shape: Complex = np.concatenate([half, pairs.later, -half, pairs.earlier], axis=1)
    return shape


def _lateral(size: Floats, shape: Complex, share: float) -> Floats:
    """Return the root mean square distance from a straight line, shape (n,)."""
    lateral: Floats = np.sqrt(np.maximum(size - np.abs((shape * shape).sum(axis=1)), 0.0) / share)
    return lateral


def _halves(values: Floats) -> Floats:
    """Return later and earlier strokes added up."""
    return values[: values.size // 2] + values[values.size // 2 :]


def _out_of_pace(pairs: Pairs, stored: Pairs) -> Floats:
    earlier, later, pause = (_lasted(pairs, i) - _lasted(stored, i) for i in range(3))
    strokes = np.minimum(np.abs(later - earlier), _PACE_MOST)
    paused = np.minimum(np.abs(pause - (later + earlier) / 2.0), _PAUSE_MOST)
    cost: Floats = _PACE * strokes + _PAUSE * paused
    return cost


def _lasted(pairs: Pairs, number: int) -> Floats:
    """Return the log of how long the earlier stroke (0), the later (1) or the pause (2) was."""
    began, ended, begins, ends = pairs.times_ms
    lasted = (ended - began, ends - begins, np.maximum(begins - ended, _SHORTEST_PAUSE_MS))[number]
    result: Floats = np.log(lasted)
    return result
