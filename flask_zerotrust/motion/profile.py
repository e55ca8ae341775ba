"""Features of how speed rises, falls and trembles within a stroke."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .resample import EVEN_STEPS, LONGEST, Flags, Floats, Grids, Places, sums

_QUANTILES = np.array([0.05, 0.10, 0.25, 0.50, 0.75, 0.90])[:, None]
_TINY = 1e-9
# A rise or fall of speed below this share of the mean, from one step to the next, is pixel noise.
_FLAT = 0.02
# Shares of the peak above or below which time is counted, and which of them a valley has to reach.
_VALLEY = 0.4
_LEVELS = (0.8, 0.5, _VALLEY, 0.2, 0.05)
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
    terms = np.zeros((len(_LEVELS) + 15, *v.shape))
    deep = _shares(g.speed, highest, terms[:5])
    a = _powers(g, v, terms[5:15])
    _humps(g, a, terms[12, 2:] < -1e-4, deep, at, terms[15:])
    counts = sums(terms)
    near, half, _, slow, crawl = counts[:5] / c
    tops, bottoms, flips = counts[15:18] / c
    square, cube, information = counts[5:8]
    sd = np.sqrt(square / c) + _TINY
    dip, rise = _dips(v, at, peak)
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
        *(counts[8:11] / (square + _TINY)),
        *_rhythm(counts[11:15], square + c),
        tops,
        bottoms,
        dip,
        rise,
        flips,
        counts[18] / (at + 1.0),
        counts[19] / (c - at),
        *_ends(v, g.steps),
    ]


def _quantiles(v: Floats, steps: NDArray[np.int64]) -> Floats:
    """Return relative speed quantiles, one a row; the zeros past the end sort to the front."""
    m, n = v.shape
    ordered = np.sort(v.T, axis=1).ravel()
    at = _QUANTILES * (steps - 1) + (np.arange(m, m * n + 1, m) - steps)
    low = at.astype(np.int64)
    below = ordered[low]
    # The highest of them is below the last step, so there is always one above.
    quantiles: Floats = below + (ordered[low + 1] - below) * (at - low)
    return quantiles


def _shares(speed: Floats, highest: Floats, terms: Floats) -> Flags:
    """Write where the speed is above shares of the peak, and return where it is low enough for a valley."""
    for row, share in enumerate(_LEVELS):
        above = speed > highest * share
        terms[row] = above
        if share == _VALLEY:
            deep = ~above
    return deep


def _powers(g: Grids, v: Floats, terms: Floats) -> Floats:
    """Write powers and products of neighbours, and return the acceleration.

    All to be summed in one go, because a call costs more than a sum. What is centred is 0 outside the
    stroke.
    """
    a = (v[1:] - v[:-1]) * g.pair
    d = v - g.inside
    np.multiply(d, d, out=terms[0])
    np.multiply(terms[0], d, out=terms[1])
    np.multiply(v, np.log(v + 1e-10), out=terms[2])
    np.multiply(d[1:], d[:-1], out=terms[3, 1:])
    np.multiply(d[2:], d[:-2], out=terms[4, 2:])
    np.multiply(d[4:], d[:-4], out=terms[5, 4:])
    np.multiply(a, a, out=terms[6, 1:])
    np.multiply(a[1:], a[:-1], out=terms[7, 2:])
    np.multiply(a[2:], a[:-2], out=terms[8, 3:])
    j = (a[1:] - a[:-1]) * g.triple
    np.multiply(j, j, out=terms[9, 2:])
    return np.asarray(a)


def _rhythm(counts: Floats, moving: Floats) -> list[Floats]:
    """Return how acceleration follows itself, and energies; ``moving`` is the sum of squared speeds.

    Speeds are 1 in the mean, which makes that the sum of the centred ones and the number of steps.
    """
    a2, lag_1, lag_2, j2 = counts
    logs = np.log([a2 / moving + 1e-6, j2 / moving + 1e-6, (j2 + 1e-6) / (a2 + 1e-6)])
    whole = a2 + _TINY
    return [lag_1 / whole, lag_2 / whole, *logs]


def _humps(g: Grids, a: Floats, flips: Flags, deep: Flags, at: NDArray[np.intp], terms: Floats) -> None:
    """Write where speed peaks, dips, changes its mind, rises before the peak and falls after it."""
    ahead = _STEPS[: len(a)] < at
    up, down = a > 0, a < 0
    # A stroke that ends while it gets faster has no peak there, whatever lies past its end.
    terms[0, 2:] = (up[:-1] > up[1:]) & g.triple
    terms[1, 2:] = (down[:-1] > down[1:]) & g.triple & deep[1:-1]
    terms[2, 2:] = flips
    terms[3, 1:] = (a > _FLAT) & ahead
    terms[4, 1:] = (a < -_FLAT) > ahead


def _dips(v: Floats, at: NDArray[np.intp], peak: Floats) -> Floats:
    """Return the deepest fall before the peak and the highest rise after it, in peaks.

    Past the peak the speed is mirrored at it, which makes a rise a fall, and keeps all before out of it.
    """
    before = _STEPS[: len(v)] <= at
    mirrored = np.where(before, v, 2.0 * peak - v)
    fall = np.maximum.accumulate(mirrored) - mirrored
    return np.array([np.maximum.reduce(fall * before), np.maximum.reduce(fall * ~before)]) / peak


def _ends(v: Floats, steps: NDArray[np.int64]) -> list[Floats]:
    """Return the relative speed of the first and last 40 and 100 ms."""
    tail = v[steps + _LAST_5, np.arange(steps.size)]
    head_5, tail_5 = np.add.reduce([v[:5], tail], axis=1) / 5.0
    return [(v[0] + v[1]) / 2.0, head_5, tail_5, (tail[3] + tail[4]) / 2.0]


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


def _weights() -> Floats:
    """Return what makes of a speed profile its means at both ends, its centroid and second moment."""
    step = np.arange(EVEN_STEPS)
    s = (step + 0.5) / EVEN_STEPS
    parts = ((0, 3), (3, 8), (EVEN_STEPS - 8, EVEN_STEPS - 3), (EVEN_STEPS - 3, EVEN_STEPS))
    means = [((a <= step) & (step < b)) / (b - a) for a, b in parts]
    return np.array([*means, s / EVEN_STEPS, s * s / EVEN_STEPS])[:, :, None]


_WEIGHTS = _weights()


def even_columns(g: Grids) -> list[Floats]:
    """Return the features of normalised time, len(EVEN_FEATURES) columns of shape (n,).

    Bands of the speed's spectrum are shares of its variance; those of the movement across the chord
    are logarithms of energy relative to the path.
    """
    moved = g.even[1:] - g.even[:-1]
    u = np.abs(moved)
    at = u.argmax(axis=0)
    u *= EVEN_STEPS / np.add.reduce(u)
    moments = sums(u * _WEIGHTS)
    start, early, late, end, centroid, second = moments
    d = u - 1.0
    d /= np.sqrt(np.add.reduce(d * d)) + _TINY
    n = at.size
    projected = _BASIS @ np.concatenate((d, _across(g, moved)), axis=1)
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


def _across(g: Grids, moved: Places) -> Floats:
    """Return the movement across the chord, relative to chord and path."""
    chord = g.even[-1] - g.even[0]
    return np.asarray((moved * (chord.conj() / (np.abs(chord) * g.path_px + _TINY))).imag)
