"""Features of how speed rises, falls and trembles within a stroke."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .resample import EVEN_STEPS, Floats, Grids

_QUANTILES = np.array([0.05, 0.10, 0.25, 0.50, 0.75, 0.90])
_TINY = 1e-9
# A rise or fall of speed below this share of the mean, from one step to the next, is pixel noise.
_FLAT = 0.02

SPEED_FEATURES = (
    *(f"speed_q{round(q * 100):02d}" for q in _QUANTILES),
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


def speed_columns(g: Grids) -> Floats:
    """Return the features of the time grid, shape (n, len(SPEED_FEATURES)).

    Speeds are relative to the stroke's mean or peak, energies to its kinetic energy.
    """
    c = g.steps.astype(np.float64)
    v = g.speed * (c / g.speed.sum(axis=1))[:, None]
    peak = v.max(axis=1)
    a = (v[:, 1:] - v[:, :-1]) * g.inside[:, 1:]
    columns = [*_quantiles(v, g.steps), peak]
    columns += _spread(v, g.inside, c, peak)
    columns += _rhythm(v, a, g.inside)
    columns += _humps(v, a, g.inside, c, peak)
    columns += _ends(v, g.steps)
    return np.array(columns).T


def _quantiles(v: Floats, steps: NDArray[np.int64]) -> Floats:
    """Return relative speed quantiles, one a row; padding zeros sort to the front and are skipped."""
    m = v.shape[1]
    ordered = np.sort(v, axis=1).ravel()
    at = _QUANTILES[:, None] * (steps - 1) + (m - steps + m * np.arange(steps.size))
    low = at.astype(np.int64)
    below = ordered[low]
    rise = ordered[np.minimum(low + 1, ordered.size - 1)] - below
    quantiles: Floats = below + rise * (at - low)
    return quantiles


def _spread(v: Floats, inside: Floats, c: Floats, peak: Floats) -> list[Floats]:
    d = v - inside
    d2 = d * d
    sd = np.sqrt(d2.sum(axis=1) / c) + _TINY
    p = v / c[:, None]
    scale = peak[:, None]
    return [
        sd,
        (d2 * d).sum(axis=1) / c / sd**3,
        (v > 0.8 * scale).sum(axis=1) / c,
        (v > 0.5 * scale).sum(axis=1) / c,
        ((v < 0.2 * scale) * inside).sum(axis=1) / c,
        ((v < 0.05 * scale) * inside).sum(axis=1) / c,
        -(p * np.log(p + 1e-12)).sum(axis=1) / np.log(c),
        *_lags(d, (1, 2, 4)),
    ]


def _lags(d: Floats, lags: tuple[int, ...]) -> list[Floats]:
    """Return autocorrelations of rows that are centred, and 0 outside the stroke."""
    whole = (d * d).sum(axis=1) + _TINY
    return [(d[:, :-k] * d[:, k:]).sum(axis=1) / whole for k in lags]


def _rhythm(v: Floats, a: Floats, inside: Floats) -> list[Floats]:
    j = (a[:, 1:] - a[:, :-1]) * inside[:, 2:]
    moving = (v * v).sum(axis=1) + _TINY
    a2, j2 = (a * a).sum(axis=1), (j * j).sum(axis=1)
    return [
        *_lags(a, (1, 2)),
        np.log(a2 / moving + 1e-6),
        np.log(j2 / moving + 1e-6),
        np.log((j2 + 1e-6) / (a2 + 1e-6)),
    ]


def _humps(v: Floats, a: Floats, inside: Floats, c: Floats, peak: Floats) -> list[Floats]:
    """Return how often and how deep the speed dips: sub-movements and corrections."""
    top = (a[:, :-1] > 0) & (a[:, 1:] <= 0)
    bottom = (a[:, :-1] < 0) & (a[:, 1:] >= 0) & (v[:, 1:-1] < 0.4 * peak[:, None])
    at = v.argmax(axis=1)
    before = np.arange(v.shape[1]) <= at[:, None]
    highest_before = np.maximum.accumulate(v, axis=1)
    highest_after = np.maximum.accumulate(v[:, ::-1], axis=1)[:, ::-1]
    ahead = before[:, 1:]
    return [
        top.sum(axis=1) / c,
        (bottom * inside[:, 2:]).sum(axis=1) / c,
        ((highest_before - v) * before).max(axis=1) / peak,
        ((highest_after - v) * (inside * ~before)).max(axis=1) / peak,
        (a[:, 1:] * a[:, :-1] < -1e-4).sum(axis=1) / c,
        ((a > _FLAT) & ahead).sum(axis=1) / (at + 1.0),
        ((a < -_FLAT) & ~ahead).sum(axis=1) / (c - at),
    ]


def _ends(v: Floats, steps: NDArray[np.int64]) -> list[Floats]:
    """Return the relative speed of the first and last 40 and 100 ms."""
    run = v.cumsum(axis=1)
    rows, last = np.arange(steps.size), steps - 1
    whole = run[rows, last]
    return [
        run[:, 1] / 2.0,
        run[:, 4] / 5.0,
        (whole - run[rows, np.maximum(last - 5, 0)]) / 5.0,
        (whole - run[rows, last - 2]) / 2.0,
    ]


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
    """Return the unit, centred speed profiles of common timing curves, shape (EVEN_STEPS, k)."""
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
    return np.asarray((curves / np.linalg.norm(curves, axis=1, keepdims=True)).T)


def _cosines() -> Floats:
    """Return the orthonormal DCT-II basis without its constant, shape (EVEN_STEPS, EVEN_STEPS - 1)."""
    k, i = np.meshgrid(np.arange(1, EVEN_STEPS), np.arange(EVEN_STEPS))
    return np.asarray(np.cos(np.pi * k * (i + 0.5) / EVEN_STEPS) * np.sqrt(2.0 / EVEN_STEPS))


_COSINES = _cosines()
_BASIS = np.concatenate((_templates(), _COSINES), axis=1)
_N_TEMPLATES = _BASIS.shape[1] - _COSINES.shape[1]
# First coefficient of each band of the spectrum, counted from the first harmonic.
_BANDS = np.array([0, 1, 2, 4, 8, 16])
_S = (np.arange(EVEN_STEPS) + 0.5) / EVEN_STEPS


def even_columns(g: Grids) -> Floats:
    """Return the features of normalised time, shape (n, len(EVEN_FEATURES)).

    Bands of the speed's spectrum are shares of its variance; those of the movement across the chord
    are logarithms of energy relative to the path.
    """
    ex, ey = g.even_x[:, 1:] - g.even_x[:, :-1], g.even_y[:, 1:] - g.even_y[:, :-1]
    u = np.sqrt(ex * ex + ey * ey)
    u *= (EVEN_STEPS / u.sum(axis=1))[:, None]
    d = u - 1.0
    centroid = u @ _S / EVEN_STEPS
    spread = np.sqrt(np.maximum(u @ (_S * _S) / EVEN_STEPS - centroid * centroid, 0.0))
    d /= np.sqrt((d * d).sum(axis=1, keepdims=True)) + _TINY
    projected = d @ _BASIS
    like = projected[:, :_N_TEMPLATES]
    bands = np.add.reduceat(projected[:, _N_TEMPLATES:] ** 2, _BANDS, axis=1)
    columns = [
        u[:, :3].sum(axis=1) / 3.0,
        u[:, 3:8].sum(axis=1) / 5.0,
        u[:, -8:-3].sum(axis=1) / 5.0,
        u[:, -3:].sum(axis=1) / 3.0,
        u.argmax(axis=1) / EVEN_STEPS,
        centroid,
        spread,
        like[:, 0],
        like[:, 1],
        like[:, 2],
        like.max(axis=1),
    ]
    return np.concatenate((np.array(columns).T, bands, _lateral_bands(g, ex, ey)), axis=1)


def _lateral_bands(g: Grids, ex: Floats, ey: Floats) -> Floats:
    cx, cy = g.even_x[:, -1] - g.even_x[:, 0], g.even_y[:, -1] - g.even_y[:, 0]
    scale = np.sqrt(cx * cx + cy * cy) * g.path_px + _TINY
    across = (ey * cx[:, None] - ex * cy[:, None]) / scale[:, None]
    bands: Floats = np.log(np.add.reduceat((across @ _COSINES) ** 2, _BANDS, axis=1) + 1e-7)
    return bands
