"""Features of how speed rises, falls and trembles within a stroke."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.resample import EVEN_STEPS, LONGEST, Flags, Floats, Grids, Places, sums

_QUANTILES = np.array([0.05, 0.10, 0.25, 0.50, 0.75, 0.90])[:, None]
_TINY = 1e-9
# A rise or fall of speed below this share of the mean, from one step to the next, is pixel noise.
_FLAT = 0.02
# Shares of the peak above or below which time is counted, and which of them a valley has to reach.
_LEVELS = np.array([0.8, 0.5, 0.4, 0.2, 0.05])[:, None, None]
_VALLEY = 2
# Numbers of strokes in a batch for which weights are kept, 1.5 kB a stroke.
_KNOWN = 64
_STEPS = np.arange(LONGEST)[:, None]
_LAST_5 = np.arange(-5, 0)[:, None]

SPEED_FEATURES = (
    *(f"speed_q{round(q * 100):02d}" for q in _QUANTILES[:, 0]),
    "speed_peak",
    "speed_cv",
    "speed_skew",
    "near_peak_share",
    "half_peak_share",
    "slow_share",
    "crawl_share",
    "speed_entropy",
    "speed_lag1",
    "speed_lag2",
    "speed_lag4",
    "accel_lag1",
    "accel_lag2",
    "accel_energy",
    "jerk_energy",
    "jerk_to_accel",
    "peaks_share",
    "deep_valley_share",
    "dip_before_peak",
    "rise_after_peak",
    "accel_flips",
    "rising_before_peak",
    "falling_after_peak",
    "first_speed",
    "launch_speed",
    "settle_speed",
    "last_speed",
)


def speed_columns(g: Grids) -> list[Floats]:
    """Return the features of the time grid, len(SPEED_FEATURES) columns of shape (n,).

    Speeds are relative to the stroke's mean or peak, energies to its kinetic energy.
    """
    c = g.steps.astype(np.float64)
    scale = c / np.add.reduce(g.speed)
    at, highest = g.speed.argmax(axis=0), np.maximum.reduce(g.speed)
    v, peak = g.speed * scale, highest * scale
    terms = np.zeros((_N_FLAGS + 10, *v.shape))
    a = _powers(g, v, terms[_N_FLAGS:])
    terms[:_N_FLAGS] = _flags(g, a, terms[_CHANGES, 2:] < -1e-4, highest, at)
    counts = sums(terms)
    near, half, _, slow, crawl, tops, bottoms, flips = counts[:8] / c
    square, cube, information = counts[_N_FLAGS : _N_FLAGS + 3]
    sd = np.sqrt(square / c) + _TINY
    return [
        *_quantiles(v, g.steps),
        peak,
        sd,
        cube / (c * sd * sd * sd),
        near,
        half,
        1.0 - slow,
        1.0 - crawl,
        1.0 - information / (c * np.log(c)),
        *(counts[_N_FLAGS + 3 : _N_FLAGS + 6] / (square + _TINY)),
        *_rhythm(counts[_N_FLAGS + 6 :], square + c),
        tops,
        bottoms,
        *_dips(v, at, peak),
        flips,
        counts[8] / (at + 1.0),
        counts[9] / (c - at),
        *_ends(v, g.steps),
    ]


def _quantiles(v: Floats, steps: NDArray[np.int64]) -> Floats:
    """Return relative speed quantiles, one a row. The zeros past the end sort to the front."""
    m, n = v.shape
    ordered = v.T.copy()
    ordered.sort(axis=1)
    at = _QUANTILES * (steps - 1) + (np.arange(m, m * n + 1, m) - steps)
    low = at.astype(np.intp)
    below = ordered.take(low)
    # The highest of them is below the last step, so there is always one above.
    quantiles: Floats = below + (ordered.take(low + 1) - below) * (at - low)
    return quantiles


# Terms of which a step either is one or is not, ahead of the others: above the levels, then the humps.
_N_FLAGS = len(_LEVELS) + 5
# Where acceleration is multiplied by the one before.
_CHANGES = _N_FLAGS + 7


def _flags(g: Grids, a: Floats, flips: Flags, highest: Floats, at: NDArray[np.intp]) -> Flags:
    """Return where the speed is above shares of the peak, and where it peaks, dips, changes its mind.

    The last two rows are where it rises before the peak and falls after it.
    """
    result = np.zeros((_N_FLAGS, *g.speed.shape), bool)
    np.greater(g.speed, highest * _LEVELS, out=result[: len(_LEVELS)])
    tops, dips, turns, rises, falls = result[len(_LEVELS) :]
    ahead = _STEPS[: len(a)] < at
    up, down = a > 0, a < 0
    # A stroke that ends while it gets faster has no peak there, whatever lies past its end.
    np.logical_and(up[:-1] > up[1:], g.triple, out=tops[2:])
    np.logical_and(down[:-1] > down[1:], g.triple, out=dips[2:])
    dips[2:] &= ~result[_VALLEY, 1:-1]
    turns[2:] = flips
    np.logical_and(a > _FLAT, ahead, out=rises[1:])
    np.greater(a < -_FLAT, ahead, out=falls[1:])
    return result


def _powers(g: Grids, v: Floats, terms: Floats) -> Floats:
    """Write powers and products of neighbours, and return the acceleration.

    All to be summed in one go, because a call costs more than a sum. What is centred is 0 outside the
    stroke.
    """
    a = (v[1:] - v[:-1]) * g.kept[1:]
    d = v - g.kept
    np.multiply(d, d, out=terms[0])
    np.multiply(terms[0], d, out=terms[1])
    np.multiply(v, np.log(v + 1e-10), out=terms[2])
    np.multiply(d[1:], d[:-1], out=terms[3, 1:])
    np.multiply(d[2:], d[:-2], out=terms[4, 2:])
    np.multiply(d[4:], d[:-4], out=terms[5, 4:])
    np.multiply(a, a, out=terms[6, 1:])
    np.multiply(a[1:], a[:-1], out=terms[7, 2:])
    np.multiply(a[2:], a[:-2], out=terms[8, 3:])
    j = (a[1:] - a[:-1]) * g.kept[2:]
    np.multiply(j, j, out=terms[9, 2:])
    return np.asarray(a)


def _rhythm(counts: Floats, moving: Floats) -> list[Floats]:
    """Return how acceleration follows itself, and energies. ``moving`` is the sum of squared speeds.

    Speeds are 1 in the mean, which makes that the sum of the centred ones and the number of steps.
    """
    a2, lag_1, lag_2, j2 = counts
    whole = a2 + _TINY
    ratio = (j2 + 1e-6) / (a2 + 1e-6)
    energies = counts[::3] / moving + 1e-6
    return [lag_1 / whole, lag_2 / whole, *np.log(energies), np.log(ratio)]


def _dips(v: Floats, at: NDArray[np.intp], peak: Floats) -> Floats:
    """Return the deepest fall before the peak and the highest rise after it, in peaks.

    Past the peak the speed is mirrored at it, which makes a rise a fall, and keeps all before out of it.
    """
    before = _STEPS[: len(v)] <= at
    mirrored = np.where(before, v, 2.0 * peak - v)
    falls = np.empty((2, *v.shape))
    fall = np.subtract(np.maximum.accumulate(mirrored), mirrored, out=falls[1])
    np.multiply(fall, before, out=falls[0])
    fall -= falls[0]
    return np.asarray(np.maximum.reduce(falls, axis=1) / peak)


def _ends(v: Floats, steps: NDArray[np.int64]) -> list[Floats]:
    """Return the relative speed of the first and last 40 and 100 ms."""
    n = steps.size
    ends = np.empty((2, 5, n))
    ends[0] = v[:5]
    ends[1] = v.take((steps + _LAST_5) * n + np.arange(n))
    of_5 = np.add.reduce(ends, axis=1) / 5.0
    return [(v[0] + v[1]) / 2.0, *of_5, (ends[1, 3] + ends[1, 4]) / 2.0]


EVEN_FEATURES = (
    "start_speed",
    "early_speed",
    "late_speed",
    "end_speed",
    "peak_time",
    "speed_centroid",
    "speed_spread",
    "like_minimum_jerk",
    "like_ease_out",
    "like_ease_in",
    "like_best_easing",
    *(f"speed_band_{name}" for name in ("1", "2", "3_4", "5_8", "9_16", "17_up")),
    *(f"lateral_band_{name}" for name in ("1", "2", "3_4", "5_8", "9_16", "17_up")),
)


def _templates() -> Floats:
    """Return the unit, centred speed profiles of common timing curves, shape (k, EVEN_STEPS)."""
    s = (np.arange(EVEN_STEPS) + 0.5) / EVEN_STEPS
    curves = np.array(
        [
            s**2 * (1 - s) ** 2,
            1 - s,
            s,
            np.sin(np.pi * s),
            (1 - s) ** 2,
            s**2,
            np.exp(-6.9 * s),
            np.minimum(s, 1 - s),
            np.minimum(s, 1 - s) ** 2,
            np.cos(np.pi * s / 2),
        ]
    )
    curves -= curves.mean(axis=1, keepdims=True)
    return np.asarray(curves / np.linalg.norm(curves, axis=1, keepdims=True))


def _cosines() -> Floats:
    """Return the orthonormal DCT-II basis without its constant, shape (EVEN_STEPS - 1, EVEN_STEPS)."""
    i, k = np.meshgrid(np.arange(EVEN_STEPS), np.arange(1, EVEN_STEPS))
    return np.asarray(np.cos(np.pi * k * (i + 0.5) / EVEN_STEPS) * np.sqrt(2.0 / EVEN_STEPS))


_COSINES = _cosines()
_BASIS = np.concatenate((_templates(), _COSINES))
_N_TEMPLATES = len(_BASIS) - len(_COSINES)
# First coefficient of each band of the spectrum, counted from the first harmonic.
_BANDS = np.array([0, 1, 2, 4, 8, 16])
_FIRST_OF_BAND = _BANDS + _N_TEMPLATES


@lru_cache(_KNOWN)
def _weights(n: int) -> Floats:
    """Return the matrix from n speed profiles to means at both ends, centroids and second moments.

    Once for every profile, because two arrays of one shape are multiplied in a fifth of the time.
    """
    step = np.arange(EVEN_STEPS)
    s = (step + 0.5) / EVEN_STEPS
    parts = ((0, 3), (3, 8), (EVEN_STEPS - 8, EVEN_STEPS - 3), (EVEN_STEPS - 3, EVEN_STEPS))
    means = [((a <= step) & (step < b)) / (b - a) for a, b in parts]
    weights = np.array([*means, s / EVEN_STEPS, s * s / EVEN_STEPS])
    return np.ascontiguousarray(np.repeat(weights[:, :, None], n, axis=2))


def even_columns(g: Grids) -> list[Floats]:
    """Return the features of normalised time, len(EVEN_FEATURES) columns of shape (n,).

    Bands of the speed's spectrum are shares of its variance. Those of the movement across the chord
    are logarithms of energy relative to the path.
    """
    steps = g.even[1:] - g.even[:-1]
    u = np.abs(steps)
    at = u.argmax(axis=0)
    u *= EVEN_STEPS / np.add.reduce(u)
    start, early, late, end, centroid, second = sums(u * _weights(at.size))
    d = u - 1.0
    d /= np.sqrt(np.add.reduce(d * d)) + _TINY
    n = at.size
    projected = _BASIS @ np.concatenate((d, _across(g, steps)), axis=1)
    like = projected[:_N_TEMPLATES, :n]
    bands = np.add.reduceat(projected * projected, _FIRST_OF_BAND)
    return [
        start,
        early,
        late,
        end,
        at / EVEN_STEPS,
        centroid,
        np.sqrt(np.maximum(second - centroid * centroid, 0.0)),
        *like[:3],
        np.maximum.reduce(like),
        *bands[:, :n],
        *np.log(bands[:, n:] + 1e-7),
    ]


def _across(g: Grids, places: Places) -> Floats:
    """Return the movement across the chord, relative to chord and path."""
    chord = g.even[-1] - g.even[0]
    return np.asarray((places * (chord.conj() / (np.abs(chord) * g.path_px + _TINY))).imag)
