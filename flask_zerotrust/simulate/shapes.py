"""Shapes of a reach: from 0 to 1 along the way, and across it, both in shares of the distance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Draws one reach: shape (2, POINTS), along and across. Starts at (0, 0) and ends at (1, 0).
Shape = Callable[[np.random.Generator], Floats]
#: Draws the common traits of a program's reaches.
ShapeFamily = Callable[[np.random.Generator], Shape]

POINTS = 129
_U = np.linspace(0.0, 1.0, POINTS)


def line(_rng: np.random.Generator) -> Shape:
    """Straight from start to end."""
    return lambda _: np.stack([_U, np.zeros(POINTS)])


def quadratic(rng: np.random.Generator) -> Shape:
    """Bezier curve with one control point (de Casteljau)."""
    low, high = np.sort(rng.uniform(0.1, 0.9, 2))
    bend = rng.uniform(0.03, 0.6)

    def shape(rng: np.random.Generator) -> Floats:
        return _bezier(np.array([[0.0, rng.uniform(low, high), 1.0], [0.0, rng.normal(0.0, bend), 0.0]]))

    return shape


def cubic(rng: np.random.Generator) -> Shape:
    """Bezier curve with two control points, on one side of the way or anywhere."""
    bend, one_side = rng.uniform(0.03, 0.5), rng.random() < 0.6
    ordered, spread = rng.random() < 0.7, rng.uniform(0.2, 1.0)

    def shape(rng: np.random.Generator) -> Floats:
        along = 0.5 + spread * (rng.random(2) - 0.5)
        across = rng.uniform(-1.5, 1.5, 2) * bend
        if one_side:
            across = np.abs(across) * rng.choice([-1.0, 1.0])
        along = np.sort(along) if ordered else along
        return _bezier(np.array([[0.0, *along, 1.0], [0.0, *across, 0.0]]))

    return shape


def many_knots(rng: np.random.Generator) -> Shape:
    """Bezier curve of higher degree through a box of random control points."""
    knots, box, margin = int(rng.integers(3, 9)), rng.uniform(0.05, 0.5), rng.uniform(0.0, 0.2)

    def shape(rng: np.random.Generator) -> Floats:
        along = rng.uniform(-margin, 1.0 + margin, knots)
        across = rng.uniform(-box, box, knots)
        return _bezier(np.array([[0.0, *along, 1.0], [0.0, *across, 0.0]]))

    return shape


def arc(rng: np.random.Generator) -> Shape:
    """Piece of a circle, or an ellipse's, of an angle that varies little or much."""
    widest, narrowest = rng.uniform(0.2, 2.6), rng.uniform(0.02, 1.0)
    flat, both = rng.uniform(0.5, 1.3), rng.random() < 0.6

    def shape(rng: np.random.Generator) -> Floats:
        half = max(0.01, widest * rng.uniform(narrowest, 1.0)) / 2.0
        angle = np.linspace(-half, half, POINTS)
        along = (np.sin(angle) / np.sin(half) + 1.0) / 2.0
        across = flat * (np.cos(angle) - np.cos(half)) / (2.0 * np.sin(half))
        return np.stack([along, across * (rng.choice([-1.0, 1.0]) if both else 1.0)])

    return shape


def wave(rng: np.random.Generator) -> Shape:
    """Sine bow of one or more half waves across the way."""
    bend, waves = rng.uniform(0.01, 0.25), rng.uniform(1.0, 5.0)

    def shape(rng: np.random.Generator) -> Floats:
        halves = max(1.0, np.round(rng.uniform(1.0, waves)))
        return np.stack([_U, rng.normal(0.0, bend) * np.sin(np.pi * halves * _U)])

    return shape


def catmull_rom(rng: np.random.Generator) -> Shape:
    """Catmull-Rom spline through jittered waypoints (Catmull & Rom, 1974)."""
    few, many, jitter, along_jitter = _waypoint_style(rng)

    def shape(rng: np.random.Generator) -> Floats:
        knots = _waypoints(rng, int(rng.integers(few, many + 1)), jitter, along_jitter)
        ends = np.concatenate(
            [2 * knots[:, :1] - knots[:, 1:2], knots, 2 * knots[:, -1:] - knots[:, -2:-1]], 1
        )
        tangent = (ends[:, 2:] - ends[:, :-2]) / 2.0
        i, u = _spans(knots.shape[1] - 1)
        a, b = knots[:, i], knots[:, i + 1]
        h = u * u * (3.0 - 2.0 * u)
        bent: Floats = (
            a + h * (b - a) + u * (1 - u) ** 2 * tangent[:, i] - u * u * (1 - u) * tangent[:, i + 1]
        )
        return bent

    return shape


def b_spline(rng: np.random.Generator) -> Shape:
    """Uniform cubic B-spline over jittered waypoints, pinned at both ends (de Boor, 1978)."""
    few, many, jitter, along_jitter = _waypoint_style(rng)

    def shape(rng: np.random.Generator) -> Floats:
        knots = _waypoints(rng, int(rng.integers(few, many + 1)), jitter, along_jitter)
        control = np.concatenate([knots[:, :1]] * 2 + [knots] + [knots[:, -1:]] * 2, axis=1)
        i, u = _spans(control.shape[1] - 3)
        basis = (
            np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]) / 6.0
        )
        bent: Floats = sum((control[:, i + k] * basis[k] for k in range(4)), np.zeros((2, POINTS)))
        return bent

    return shape


def polyline(rng: np.random.Generator) -> Shape:
    """Straight legs between jittered waypoints."""
    few, many, jitter, along_jitter = _waypoint_style(rng)

    def shape(rng: np.random.Generator) -> Floats:
        knots = _waypoints(rng, int(rng.integers(few, many + 1)), jitter, along_jitter)
        i, u = _spans(knots.shape[1] - 1)
        return knots[:, i] * (1.0 - u) + knots[:, i + 1] * u

    return shape


def perlin(rng: np.random.Generator) -> Shape:
    """Straight way with gradient-noise drift across it (Perlin, 1985), some octaves of it."""
    bend, cells, octaves = rng.uniform(0.02, 0.4), rng.uniform(1.0, 6.0), int(rng.integers(1, 5))
    along_too, fades = rng.random() < 0.4, rng.random() < 0.8

    def shape(rng: np.random.Generator) -> Floats:
        across = bend * gradient_noise(_U * cells, octaves, rng)
        along = 0.3 * bend * gradient_noise(_U * cells, octaves, rng) * along_too
        return _pinned(np.stack([_U + along, across]), fades=fades)

    return shape


def gaussian_process(rng: np.random.Generator) -> Shape:
    """Straight way plus a smooth random function (random Fourier features; Rahimi & Recht, 2007)."""
    bend, length, features = rng.uniform(0.01, 0.3), rng.uniform(0.08, 0.6), 24
    fades = rng.random() < 0.7

    def shape(rng: np.random.Generator) -> Floats:
        omega = rng.normal(0.0, 1.0 / length, features)
        phase = rng.uniform(0.0, 2.0 * np.pi, (2, features, 1))
        waves = np.cos(omega[:, None] * _U + phase) * np.sqrt(2.0 / features)
        drift = (waves * rng.normal(0.0, 1.0, (2, features, 1))).sum(axis=1)
        return _pinned(np.stack([_U + 0.3 * bend * drift[0], bend * drift[1]]), fades=fades)

    return shape


def bridge(rng: np.random.Generator) -> Shape:
    """Straight way plus a Brownian bridge, smoothed a little or a lot."""
    bend, window = rng.uniform(0.01, 0.3), int(rng.integers(2, 40))
    kernel = np.hanning(window + 2)[1:-1]
    kernel /= kernel.sum()

    def shape(rng: np.random.Generator) -> Floats:
        walk = np.cumsum(rng.normal(0.0, 1.0, (2, POINTS + window)), axis=1) / np.sqrt(POINTS)
        walk = np.stack([np.convolve(w, kernel, mode="same")[:POINTS] for w in walk])
        return _pinned(np.stack([_U + 0.3 * bend * walk[0], bend * walk[1]]), fades=False)

    return shape


def gradient_noise(at: Floats, octaves: int, rng: np.random.Generator) -> Floats:
    """Return Perlin noise in about [-1, 1] at some places >= 0, with halving octaves."""
    total = np.zeros(at.size)
    for octave in range(octaves):
        places = at * 2.0**octave
        cell = np.floor(places).astype(np.int64)
        slopes = rng.uniform(-1.0, 1.0, int(cell.max()) + 2)
        u = places - cell
        fade = u**3 * (u * (6.0 * u - 15.0) + 10.0)
        left, right = slopes[cell] * u, slopes[cell + 1] * (u - 1.0)
        total += 2.0 * (left + fade * (right - left)) / 2.0**octave
    return total


def _bezier(control: Floats) -> Floats:
    """Return the curve of any degree over its control points, shape (2, k)."""
    points = np.repeat(control[:, :, None], POINTS, axis=2)
    while points.shape[1] > 1:
        points = points[:, :-1] * (1.0 - _U) + points[:, 1:] * _U
    curve: Floats = points[:, 0]
    return curve


def _waypoint_style(rng: np.random.Generator) -> tuple[int, int, float, float]:
    few = int(rng.integers(1, 5))
    return few, few + int(rng.integers(0, 6)), rng.uniform(0.01, 0.25), rng.uniform(0.0, 0.6)


def _waypoints(rng: np.random.Generator, count: int, jitter: float, along_jitter: float) -> Floats:
    """Return start, waypoints and end, shape (2, count + 2)."""
    along = np.linspace(0.0, 1.0, count + 2)
    along[1:-1] += rng.uniform(-0.5, 0.5, count) * along_jitter / (count + 1)
    across = np.zeros(count + 2)
    across[1:-1] = rng.normal(0.0, jitter, count)
    return np.stack([along, across])


def _spans(count: int) -> tuple[NDArray[np.int64], Floats]:
    """Return, for every point of a piecewise curve, its piece and the place in it."""
    place = _U * count
    i = np.minimum(place.astype(np.int64), count - 1)
    return i, place - i


def _pinned(points: Floats, *, fades: bool) -> Floats:
    """Return the points led to (0, 0) and (1, 0): by a fading envelope, or by taking out the trend."""
    straight = np.stack([_U, np.zeros(POINTS)])
    drift = points - straight
    if fades:
        return straight + (drift - drift[:, :1]) * np.sin(np.pi * _U) ** 0.7
    return straight + drift - drift[:, :1] * (1.0 - _U) - drift[:, -1:] * _U
