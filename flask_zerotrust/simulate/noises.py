"""Noise that programs add to a path to look alive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flask_zerotrust.simulate.shapes import Floats, gradient_noise

#: Draws one reach's offsets in px, shape (2, n), from its times (ms) and speeds (px/ms).
Noise = Callable[[Floats, Floats, np.random.Generator], Floats]
#: Draws the common traits of a program's reaches.
NoiseFamily = Callable[[np.random.Generator], Noise]


def none(_rng: np.random.Generator) -> Noise:
    """Add nothing."""
    return lambda t, _, __: np.zeros((2, t.size))


def white(rng: np.random.Generator) -> Noise:
    """Add independent jitter to every point: normal or uniform, on all points or on some."""
    size, some, even = _size(rng, 0.1, 4.0), rng.uniform(0.2, 1.0), rng.random() < 0.3

    def noise(t: Floats, _speed: Floats, rng: np.random.Generator) -> Floats:
        drawn = rng.uniform(-1.7, 1.7, (2, t.size)) if even else rng.normal(0.0, 1.0, (2, t.size))
        return size * drawn * (rng.random(t.size) < some)

    return noise


def by_speed(rng: np.random.Generator) -> Noise:
    """Add jitter that grows with speed (Harris & Wolpert, 1998: signal-dependent noise), or fades."""
    size, floor, slow = _size(rng, 0.2, 6.0), rng.uniform(0.0, 1.0), rng.random() < 0.3
    lag_ms = rng.choice([0.0, _size(rng, 4.0, 60.0)])

    def noise(t: Floats, speed: Floats, rng: np.random.Generator) -> Floats:
        share = speed / max(float(speed.max(initial=0.0)), 1e-9)
        drawn = _smooth(rng.normal(0.0, 1.0, (2, t.size)), t, lag_ms)
        return size * (floor + (1.0 - share if slow else share)) * drawn

    return noise


def ornstein_uhlenbeck(rng: np.random.Generator) -> Noise:
    """Add a mean-reverting walk (Uhlenbeck & Ornstein, 1930), an AR(1) process in samples."""
    size, memory_ms = _size(rng, 0.3, 12.0), _size(rng, 5.0, 300.0)
    return lambda t, _, rng: size * _smooth(rng.normal(0.0, 1.0, (2, t.size)), t, memory_ms)


def tremor(rng: np.random.Generator) -> Noise:
    """Add a sinusoidal shake, of a hand's 4-14 Hz or faster, with some phase noise."""
    size, hz, drift = _size(rng, 0.1, 4.0), rng.uniform(4.0, 20.0), rng.uniform(0.0, 0.6)

    def noise(t: Floats, _speed: Floats, rng: np.random.Generator) -> Floats:
        phase = rng.uniform(0.0, 2.0 * np.pi, (2, 1))
        wander = (
            drift * np.cumsum(rng.normal(0.0, 1.0, (2, t.size)), axis=1) / np.sqrt(max(t.size, 1)) * 3.0
        )
        shake: Floats = size * np.sin(2.0 * np.pi * hz * t / 1_000.0 + phase + wander)
        return shake

    return noise


def drift(rng: np.random.Generator) -> Noise:
    """Add gradient noise in time (Perlin, 1985)."""
    size, hz, octaves = _size(rng, 0.5, 15.0), rng.uniform(0.5, 12.0), int(rng.integers(1, 4))

    def noise(t: Floats, _speed: Floats, rng: np.random.Generator) -> Floats:
        cells = (t - t[0]) / 1_000.0 * hz
        return size * np.stack([gradient_noise(cells, octaves, rng) for _ in range(2)])

    return noise


def _size(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _smooth(values: Floats, t: Floats, memory_ms: float) -> Floats:
    """Return noise of the same spread with a memory: a kernel of decaying weights on even steps."""
    step = float(np.median(np.diff(t))) if t.size > 1 else 1.0
    keep = np.exp(-max(step, 0.1) / memory_ms) if memory_ms > 0 else 0.0
    if keep < 0.05:
        return values
    length = min(t.size, int(np.ceil(np.log(0.01) / np.log(keep))) + 1)
    kernel = keep ** np.arange(length)
    kernel /= np.sqrt((kernel**2).sum())
    return np.stack([np.convolve(v, kernel)[: t.size] for v in values])
