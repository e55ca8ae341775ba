"""Short vectors in which a movement and its copies lie close together, and strangers far apart.

They are projections of products of harmonics, which neither turn, scale nor mirror changes, learned from
strokes and their copies by linear discriminant analysis (``python -m research sketches``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complexfloating]
Floats = NDArray[np.float64]
Points = NDArray[np.float32]

DIMENSIONS = 16
# How far sketches of single strokes are moved along the first dimension: no sketch is so large.
FAR = 1_000.0
FILE = Path(__file__).parents[1] / "bundles" / "replay" / "sketch.npz"
# How much the way between two strokes counts, and the first harmonics of each: by hand, the products then
# learn the rest. A stroke alone needs more harmonics to be told.
_WAY = 0.6
_OF_A_PAIR = np.array([1.0, 2.0, 3.0, 3.0], np.float32)
_ALONE = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 3.0], np.float32)
# Pauses between strokes, in ms, and in lengths of the two strokes: beyond it a pause is a pause.
_SHORTEST_MS, _LONGEST = 50.0, 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A learned projection.

    Attributes
    ----------
    pairs, alone : ndarray, shape (products, DIMENSIONS)
        Factors of the products.
    walls : tuple of ndarray
        Along each of the first dimensions, where cells end that hold about as many sketches, from the
        smallest to the largest sketch seen.
    """

    pairs: Points
    alone: Points
    walls: tuple[Points, ...]


@cache
def learned() -> Learned:
    """Return the learned projection."""
    with np.load(FILE, allow_pickle=False) as arrays:
        number = sum(name.startswith("walls_") for name in arrays)
        walls = tuple(arrays[f"walls_{i}"] for i in range(number))
        return Learned(arrays["pairs"], arrays["alone"], walls)


def of_pairs(later: Complex, earlier: Complex, way: Complex, times_ms: Floats) -> Points:
    """Return sketches of pairs of strokes, shape (n, DIMENSIONS).

    Parameters
    ----------
    later, earlier : ndarray, shapes (n, HARMONICS)
    way : ndarray, shape (n,)
        From the middle of the earlier to that of the later stroke, in px.
    times_ms : ndarray, shape (4, n)
        When the earlier began and ended, and the later.
    """
    return products_of_pairs(later, earlier, way, times_ms) @ learned().pairs


def alone(harmonics: Complex) -> Points:
    """Return sketches of single strokes, shape (n, DIMENSIONS): far from those of all pairs."""
    result = products_alone(harmonics) @ learned().alone
    result[:, 0] += FAR
    return result


def products_of_pairs(later: Complex, earlier: Complex, way: Complex, times_ms: Floats) -> Points:
    """Return the input of :func:`of_pairs`, shape (n, 47)."""
    few = _OF_A_PAIR.size
    parts = np.empty((len(way), 1 + 2 * few), np.complex64)
    parts[:, 0] = way
    parts[:, 0] *= _WAY
    np.multiply(later[:, :few], _OF_A_PAIR, out=parts[:, 1 : few + 1])
    np.multiply(earlier[:, :few], _OF_A_PAIR, out=parts[:, few + 1 :])
    return _products(parts, _paces(times_ms))


def products_alone(harmonics: Complex) -> Points:
    """Return the input of :func:`alone`, shape (n, 21)."""
    return _products(harmonics[:, : _ALONE.size] * _ALONE, None)


def _paces(times_ms: Floats) -> Floats:
    """Return logs of how long the later stroke and the pause were, by the others, shape (2, n)."""
    before, ended, begun, after = times_ms
    earlier, later = ended - before, after - begun
    paces = np.empty((2, before.size))
    np.divide(later, earlier, out=paces[0])
    np.divide(np.maximum(begun - ended, _SHORTEST_MS), earlier + later, out=paces[1])
    np.minimum(paces[1], _LONGEST, out=paces[1])
    return np.log(paces)


def _products(parts: Complex, more: Floats | None) -> Points:
    """Return products of every two parts, of parts of size one together, and ``more`` columns."""
    first, second, weights = _products_of(parts.shape[1])
    extra = 0 if more is None else len(more)
    result = np.empty((len(parts), first.size + extra), np.float32)
    # Mirrored, the real parts are the same.
    products = (parts[:, first] * parts.conj()[:, second]).real
    size = np.add.reduce(parts.real**2 + parts.imag**2, axis=1)
    np.multiply(products, weights / np.maximum(size, 1e-12)[:, None], out=result[:, : first.size])
    if more is not None:
        result[:, first.size :] = more.T
    return result


@cache
def _products_of(parts: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Points]:
    first, second = np.triu_indices(parts)
    return first, second, np.where(first == second, 1.0, np.sqrt(2.0)).astype(np.float32)
