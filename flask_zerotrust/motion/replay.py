"""Have we seen this movement before? Fingerprints of strokes, and how alike two of them are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .strokes import Strokes

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Points at equal times, and harmonics of the path that are kept: noise of the capture is spread over
# all of them, a hand's movement lies in the first.
POINTS = 64
HARMONICS = 12
# Share of the path cut off at both ends: the last slow pixel may come a tenth of a second later.
TRIMMED = 0.02
# Ways in which the clocks of two captures may differ: moved, and stretched.
CLOCKS = 2
# Below any of these a stroke is no fingerprint: two straight strokes of one easing are the same stroke,
# whoever made them. Px of its root mean square distance from a straight line, path and events.
MIN_LATERAL_PX = 3.0
MIN_PX = 100.0
MIN_EVENTS = 10
# Pixel noise that is always there, in px: it keeps the logarithm of a perfect match finite.
_FLOOR_PX = 0.05

# Log of the distance in px from a stroke to the nearest of 61,000 strokes of other sessions, by its
# size and shape: least squares on 1,500 strokes of SapiMouse's training people.
_CHANCE = np.array([-2.16, 0.51, 0.24, -0.09, 0.02, 0.19, 0.19])
#: Likeness that 1 % and 0.1 % of those strokes reach with the nearest of 61,000.
RARE, RARER = 0.60, 0.82
#: Likeness from which a stroke may go on with the stored visit of an earlier one, and what such strokes
#: need together: no five strokes in a row of those people had it (docs/replay-memory.md).
LIKE_AT_ALL, IN_ORDER = -0.20, 0.80

_AT = (np.arange(POINTS) + 0.5) / POINTS
_ORDER = np.arange(1, HARMONICS + 1)
_COSINES = np.sqrt(2.0) * np.cos(np.pi * _ORDER[:, None] * _AT)
_SLOPES = -np.sqrt(2.0) * np.pi * _ORDER[:, None] * np.sin(np.pi * _ORDER[:, None] * _AT)
_PACES = np.cos(np.pi * np.arange(CLOCKS)[:, None] * _AT)


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """Strokes as they are known again.

    Attributes
    ----------
    harmonics : ndarray, shape (n, HARMONICS)
        Of every stroke, in px. A harmonic is a complex number, x + iy: turning a stroke turns them all,
        mirroring conjugates them, scaling scales them, and neither place nor duration shows.
    path_px : ndarray, shape (n,)
        Lengths of the paths.
    place : ndarray, shape (n,)
        Where the strokes are on the page: the mean of their points, x + iy.
    begun_ms, ended_ms : ndarray, shape (n,)
        Without the ends that are cut off.
    """

    harmonics: Complex
    path_px: Floats
    place: Complex
    begun_ms: Floats
    ended_ms: Floats


def fingerprints(strokes: Strokes) -> Prints:
    """Return how the strokes are known again."""
    first, last = strokes.offsets[:-1], strokes.offsets[1:] - 1
    step = np.hypot(np.diff(strokes.x, prepend=0.0), np.diff(strokes.y, prepend=0.0))
    step[first] = 1.0
    run = np.cumsum(step)
    path = run[last] - run[first]
    # One ascending clock for all of them, so that one interpolation does.
    counts = np.diff(strokes.offsets)
    length = strokes.end_ms - strokes.start_ms + 1.0
    begin = np.cumsum(length) - length
    ahead = begin - strokes.start_ms
    clock = strokes.t_ms + np.repeat(ahead, counts)
    start = np.interp(run[first] + TRIMMED * path, run, clock)
    end = np.interp(run[last] - TRIMMED * path, run, clock)
    when = start[:, None] + (end - start)[:, None] * _AT
    z = np.interp(when, clock, strokes.x) + 1j * np.interp(when, clock, strokes.y)
    place = z.mean(axis=1)
    return Prints((z - place[:, None]) @ _COSINES.T / POINTS, path, place, start - ahead, end - ahead)


def telling(strokes: Strokes, prints: Prints) -> NDArray[np.bool_]:
    """Return which strokes have enough of a shape to be known again, shape (n,)."""
    # The smaller moment of inertia: what no straight line explains.
    z = prints.harmonics
    energy = (np.abs(z) ** 2).sum(axis=1)
    lateral = np.sqrt(np.maximum(energy - np.abs((z * z).sum(axis=1)), 0.0) / 2.0)
    enough: NDArray[np.bool_] = (lateral >= MIN_LATERAL_PX) & (prints.path_px >= MIN_PX)
    return enough & (np.diff(strokes.offsets) >= MIN_EVENTS)


def chance(prints: Complex, path_px: Floats) -> Floats:
    """Return the log of the distance in px at which a stroke finds a stranger by chance, shape (n,).

    Straight strokes of one sweep are near to many others; long and winding ones to none.
    """
    first = prints[:, :1]
    level = prints * np.exp(-1j * np.angle(first))
    bands = [
        level.imag,
        level.real[:, 1:],
        *(np.abs(prints[:, a:b]) for a, b in ((2, 4), (4, 8), (8, None))),
    ]
    columns = [np.log(0.3 + np.sqrt((band * band).sum(axis=1))) for band in bands]
    found: Floats = np.stack([np.ones(len(prints)), np.log(path_px), *columns], axis=1) @ _CHANCE
    return found


def likeness(prints: Complex, path_px: Floats, stored: Complex) -> Floats:
    """Return how much nearer every stroke is to its stored one than chance would have it.

    Parameters
    ----------
    prints, path_px : ndarray, shapes (n, HARMONICS) and (n,)
        Of the strokes in question.
    stored : ndarray, shape (n, HARMONICS)
        What each is compared with, in any scale; (n, k, HARMONICS) for k of them each.

    Returns
    -------
    ndarray, shape (n,) or (n, k)
        Natural logarithm; :data:`RARE` and above is rare among people.
    """
    several = stored.reshape(len(prints), -1, HARMONICS)
    k = several.shape[1]
    asked, flat = np.repeat(prints, k, axis=0), several.reshape(-1, HARMONICS)
    basis = np.repeat(clocks(prints), k, axis=0)
    near = np.minimum(_distance(asked, flat, basis), _distance(asked, flat.conj(), basis))
    said: Floats = chance(prints, path_px)[:, None] - np.log(near.reshape(-1, k) + _FLOOR_PX)
    return said.reshape(stored.shape[:-1])


def _distance(prints: Complex, stored: Complex, basis: Floats) -> Floats:
    """Return root mean square distances in px, turned, scaled and timed to fit best."""
    fitted = _error(prints, prints, stored)
    wrong_clock = along(basis, fitted)
    rest = _error(prints - wrong_clock, prints, stored)
    rest = rest - along(basis, rest)
    distance: Floats = np.sqrt((np.abs(rest) ** 2).sum(axis=1))
    return distance


def _error(aim: Complex, prints: Complex, stored: Complex) -> Complex:
    norm = np.maximum((np.abs(stored) ** 2).sum(axis=1), 1e-9)
    turn = (aim * stored.conj()).sum(axis=1) / norm
    error: Complex = prints - turn[:, None] * stored
    return error


def clocks(prints: Complex) -> Floats:
    """Return what a clock that differs a little changes, orthonormal, shape (n, 2 HARMONICS, CLOCKS)."""
    moved = (prints @ _SLOPES)[:, None, :] * _PACES
    moved = moved - moved.mean(axis=2, keepdims=True)
    first, *others = np.moveaxis(_flat(moved @ _COSINES.T / POINTS), 1, 0)
    basis = [_unit(first)]
    for other in others:  # Gram-Schmidt: there are but two of them
        basis.append(_unit(other - sum((one * other).sum(axis=1, keepdims=True) * one for one in basis)))
    found: Floats = np.stack(basis, axis=2)
    return found


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=1, keepdims=True)), 1e-9)
    return unit


def along(basis: Floats, error: Complex) -> Complex:
    flat = _flat(error)
    found = np.einsum("nkc,nc->nk", basis, np.einsum("nk,nkc->nc", flat, basis))
    along: Complex = found[:, :HARMONICS] + 1j * found[:, HARMONICS:]
    return along


def _flat(values: Complex) -> Floats:
    return np.concatenate([values.real, values.imag], axis=-1)
