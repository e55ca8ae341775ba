"""Short vectors in which a movement and its copies lie close together, and strangers far apart.

They are projections of products of harmonics, which neither turn, scale nor mirror changes, learned from
strokes and their copies by linear discriminant analysis (``python -m flask_zerotrust.training.sketches``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex64]
Floats = NDArray[np.float64]
Points = NDArray[np.float32]

FILE = Path(__file__).parents[1] / "bundles" / "replay" / "sketch.npz"
# How much the way between two strokes counts, and the first harmonics of each: by hand, the products then
# learn the rest. A stroke alone needs more harmonics to be told.
_WAY = 0.6
_OF_A_PAIR = np.array([1.0, 2.0, 3.0, 3.0])
_ALONE = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 3.0])
# Pauses between strokes, in ms, and in lengths of the two strokes: beyond it a pause is a pause.
_SHORTEST_MS, _LONGEST = 50.0, 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What was learned of one kind of sketch.

    Attributes
    ----------
    projection : ndarray, shape (products, dimensions)
    edges : tuple of ndarray
        Along each of the first dimensions, where to cut so that cells hold about as many strokes.
    """

    projection: Points
    edges: tuple[Points, ...]


@cache
def learned(kind: str) -> Learned:
    """Return what was learned of sketches of ``pairs`` or of strokes ``alone``."""
    with np.load(FILE, allow_pickle=False) as arrays:
        number = sum(name.startswith(f"{kind}_edges_") for name in arrays)
        edges = tuple(arrays[f"{kind}_edges_{i}"] for i in range(number))
        return Learned(arrays[f"{kind}_projection"], edges)


def of_pairs(later: Complex, earlier: Complex, way: Complex, times_ms: Floats) -> Points:
    """Return sketches of pairs of strokes, shape (n, dimensions).

    Parameters
    ----------
    later, earlier : ndarray, shapes (n, HARMONICS)
    way : ndarray, shape (n,)
        From the middle of the earlier to that of the later stroke, in px.
    times_ms : ndarray, shape (4, n)
        When the earlier began and ended, and the later.
    """
    return products_of_pairs(later, earlier, way, times_ms) @ learned("pairs").projection


def alone(harmonics: Complex) -> Points:
    """Return sketches of single strokes, shape (n, dimensions)."""
    return products_alone(harmonics) @ learned("alone").projection


def products_of_pairs(later: Complex, earlier: Complex, way: Complex, times_ms: Floats) -> Points:
    """Return what :func:`of_pairs` projects."""
    few = _OF_A_PAIR.size
    parts = np.empty((len(way), 1 + 2 * few), np.complex64)
    parts[:, 0] = _WAY * way
    np.multiply(later[:, :few], _OF_A_PAIR, out=parts[:, 1 : few + 1])
    np.multiply(earlier[:, :few], _OF_A_PAIR, out=parts[:, few + 1 :])
    before, ended, begun, after = times_ms
    lasted = (ended - before) + (after - begun)
    pause = np.minimum(np.maximum(begun - ended, _SHORTEST_MS) / lasted, _LONGEST)
    paces = np.log(np.stack([(after - begun) / (ended - before), pause], axis=1))
    return np.concatenate([_products(parts), paces.astype(np.float32)], axis=1)


def products_alone(harmonics: Complex) -> Points:
    """Return what :func:`alone` projects."""
    return _products(harmonics[:, : _ALONE.size] * _ALONE)


def _products(parts: NDArray[np.complexfloating]) -> Points:
    """Return all products of two parts, turned level, of parts of size one together: mirrored the same."""
    first, second = np.triu_indices(parts.shape[1])
    flat = np.concatenate([parts.real, parts.imag], axis=1).astype(np.float32)
    flat /= np.maximum(np.sqrt(np.einsum("ij,ij->i", flat, flat)), 1e-6)[:, None]
    x, y = flat[:, : parts.shape[1]], flat[:, parts.shape[1] :]
    found: Points = x[:, first] * x[:, second] + y[:, first] * y[:, second]
    return found * np.where(first == second, 1.0, np.sqrt(2.0)).astype(np.float32)
