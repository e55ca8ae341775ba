"""Have we seen this movement before? Fingerprints of strokes, and how alike two of them are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.strokes import Strokes

Complex = NDArray[np.complexfloating]
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
#: need together: no five strokes in a row of those people had it (docs/research/replay-memory.md).
LIKE_AT_ALL, IN_ORDER = -0.20, 0.80

_AT = (np.arange(POINTS) + 0.5) / POINTS
_ORDER = np.arange(1, HARMONICS + 1)
_COSINES = np.sqrt(2.0) * np.cos(np.pi * _ORDER[:, None] * _AT)
_SLOPES = -np.sqrt(2.0) * np.pi * _ORDER[:, None] * np.sin(np.pi * _ORDER[:, None] * _AT)
_TO_HARMONICS = np.concatenate([np.ones((1, POINTS)), _COSINES]).T.astype(np.complex128) / POINTS
_PACES = np.cos(np.pi * np.arange(CLOCKS)[:, None] * _AT)
# Harmonics to those of the path's change with the clock, one pace after the other, for real and imaginary
# parts: shape (2 HARMONICS, CLOCKS * 2 HARMONICS).
_CLOCKS = np.concatenate([np.kron(np.eye(2), (_SLOPES * pace) @ _COSINES.T / POINTS) for pace in _PACES], 1)


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
    step = np.empty(strokes.x.size)
    np.hypot(strokes.x[1:] - strokes.x[:-1], strokes.y[1:] - strokes.y[:-1], out=step[1:])
    step[first] = 1.0
    run = np.cumsum(step)
    path = run[last] - run[first]
    # One ascending clock for all of them, so that one interpolation does.
    begun, ended = strokes.t_ms[first], strokes.t_ms[last]
    length = ended - begun + 1.0
    ahead = np.cumsum(length) - length - begun
    clock = strokes.t_ms + np.repeat(ahead, last - first + 1)
    start = np.interp(run[first] + TRIMMED * path, run, clock)
    end = np.interp(run[last] - TRIMMED * path, run, clock)
    when = start[:, None] + (end - start)[:, None] * _AT
    z = np.empty(when.shape, np.complex128)
    z.real, z.imag = np.interp(when, clock, strokes.x), np.interp(when, clock, strokes.y)
    # The first of the cosines is the mean.
    result = z @ _TO_HARMONICS
    return Prints(result[:, 1:], path, result[:, 0], start - ahead, end - ahead)


def telling(strokes: Strokes, prints: Prints) -> Floats:
    """Return how far off a straight line strokes are that can be known again, in px, or 0, shape (n,)."""
    # The smaller moment of inertia, which no straight line explains.
    z = prints.harmonics
    energy = power(z)
    lateral = np.sqrt(np.maximum(energy - np.abs(np.add.reduce(z * z, axis=1)), 0.0) / 2.0)
    enough = (lateral >= MIN_LATERAL_PX) & (prints.path_px >= MIN_PX)
    enough &= strokes.offsets[1:] - strokes.offsets[:-1] >= MIN_EVENTS
    result: Floats = np.where(enough, lateral, 0.0)
    return result


def chance(prints: Complex, path_px: Floats) -> Floats:
    """Return the log of the distance in px at which a stroke finds a stranger by chance, shape (n,).

    Straight strokes of one sweep are near to many others. Long and winding ones to none.
    """
    first = prints[:, :1]
    level = prints * np.exp(-1j * np.angle(first))
    bands = [
        level.imag,
        level.real[:, 1:],
        *(np.abs(prints[:, a:b]) for a, b in ((2, 4), (4, 8), (8, None))),
    ]
    sizes = np.array([np.add.reduce(band * band, axis=1) for band in bands])
    columns = np.ones((len(prints), 2 + len(bands)))
    columns[:, 1] = np.log(path_px)
    columns[:, 2:] = np.log(0.3 + np.sqrt(sizes)).T
    result: Floats = columns @ _CHANCE
    return result


def likeness(prints: Complex, path_px: Floats, stored: Complex) -> Floats:
    """Return how much nearer every stroke is to its stored one than chance would have it.

    Parameters
    ----------
    prints, path_px : ndarray, shapes (n, HARMONICS) and (n,)
        Of the strokes in question.
    stored : ndarray, shape (n, HARMONICS)
        Shapes that each is compared with, in any scale. (n, k, HARMONICS) for k of them each.

    Returns
    -------
    ndarray, shape (n,) or (n, k)
        Natural logarithm. :data:`RARE` and above is rare among people.
    """
    several = stored.reshape(len(prints), -1, HARMONICS)
    k = several.shape[1]
    repeated = np.repeat(prints, k, axis=0)
    error = laid_over(repeated, several.reshape(-1, HARMONICS))
    near = np.sqrt(unexplained(error, np.repeat(clocks(prints), k, axis=0)))
    log_odds: Floats = chance(prints, path_px)[:, None] - np.log(near.reshape(-1, k) + _FLOOR_PX)
    return log_odds.reshape(stored.shape[:-1])


def laid_over(one: Complex, other: Complex) -> Complex:
    """Return the residues of shapes after others have been laid over them, mirrored if that fits better."""
    conjugate = other.conj()
    turned, flipped = np.add.reduce(one * conjugate, axis=1), np.add.reduce(one * other, axis=1)
    mirrored = np.abs(flipped) > np.abs(turned)
    turn = np.where(mirrored, flipped, turned) / np.maximum(power(other), 1e-9)
    left: Complex = one - turn[:, None] * np.where(mirrored[:, None], conjugate, other)
    return left


def power(values: Complex) -> Floats:
    """Return the sums of squares of rows, shape (n,)."""
    result: Floats = np.add.reduce(values.real**2 + values.imag**2, axis=1)
    return result


def clocks(prints: Complex) -> Floats:
    """Return the effects of slightly different clocks, orthonormal, shape (n, CLOCKS, 2 HARMONICS)."""
    shifted = _flat(prints) @ _CLOCKS
    basis = np.empty((len(prints), CLOCKS, 2 * HARMONICS))
    for i in range(CLOCKS):  # Gram-Schmidt
        vector = shifted[:, 2 * HARMONICS * i : 2 * HARMONICS * (i + 1)]
        for j in range(i):
            vector = vector - np.einsum("nk,nk->n", vector, basis[:, j])[:, None] * basis[:, j]
        size = np.sqrt(np.einsum("nk,nk->n", vector, vector))
        np.divide(vector, np.maximum(size, 1e-9)[:, None], out=basis[:, i])
    return basis


def unexplained(error: Complex, basis: Floats) -> Floats:
    """Return the mean square distance that a differing clock does not explain, shape (n,)."""
    flat = _flat(error)
    along = np.einsum("nck,nk->nc", basis, flat)
    left = np.einsum("nk,nk->n", flat, flat) - np.einsum("nc,nc->n", along, along)
    result: Floats = np.maximum(left, 0.0)
    return result


def _flat(values: Complex) -> Floats:
    return np.concatenate([values.real, values.imag], axis=-1)
