"""One reach from here to there: shape, timing, noise and the moments at which a program emits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flask_zerotrust.simulate.noises import Noise, NoiseFamily
from flask_zerotrust.simulate.progress import Progress, ProgressFamily
from flask_zerotrust.simulate.shapes import POINTS, Floats, Shape, ShapeFamily

_U = np.linspace(0.0, 1.0, POINTS)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the pointer is, where it is to go, and how wide the target is, in CSS px."""

    start: tuple[float, float]
    end: tuple[float, float]
    width_px: float

    @property
    def distance_px(self) -> float:
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))


#: A program's events of a reach: times in ms from 0, x and y in px. Shape (3, n), n >= 1.
Maker = Callable[[Reach, np.random.Generator], Floats]
#: How long a program takes for a reach, in ms.
Timing = Callable[[Reach, np.random.Generator], float]
#: When a program emits during a reach of so many ms and px: ascending times from above 0 to the end.
Emission = Callable[[float, float, np.random.Generator], Floats]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a positive number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def fitts(rng: np.random.Generator) -> Timing:
    """Fitts' law (1954) in Shannon's form: a + b log2(distance / width + 1), give or take."""
    a, b, spread = rng.uniform(30.0, 400.0), rng.uniform(50.0, 300.0), rng.uniform(0.0, 0.3)

    def timing(reach: Reach, rng: np.random.Generator) -> float:
        bits = np.log2(reach.distance_px / max(reach.width_px, 1.0) + 1.0)
        return float((a + b * bits) * np.exp(rng.normal(0.0, spread)))

    return timing


def any_timing(rng: np.random.Generator) -> Timing:
    """Fitts' law, a speed, a fixed duration or one from a range, as programs commonly use them."""
    style = int(rng.integers(0, 4))
    if style == 0:
        return fitts(rng)
    if style == 1:
        return _paced(log_uniform(rng, 0.2, 8.0), rng.uniform(0.0, 0.4))
    low = log_uniform(rng, 60.0, 1_500.0)
    high = low if style == 2 else low * rng.uniform(1.0, 3.0)
    return lambda _, rng: float(rng.uniform(low, high))


def any_emission(rng: np.random.Generator) -> Emission:
    """A timer (with jitter), a fixed number of steps a reach, or steps by distance."""
    style, jitter = rng.random(), rng.choice([0.0, rng.uniform(0.0, 0.5)])
    if style < 0.55:
        step = float(rng.choice([1_000 / 60, 8.0, 10.0, 1.0, 5.0, log_uniform(rng, 0.7, 40.0)]))
        return lambda ms, _px, rng: _moments(ms, ms / step, jitter, rng)
    if style < 0.85:
        count = log_uniform(rng, 12.0, 150.0)
        return lambda ms, _px, rng: _moments(ms, count, jitter, rng)
    px = log_uniform(rng, 2.0, 25.0)
    return lambda ms, way, rng: _moments(ms, max(way / px, 8.0), jitter, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A program that bends a way, walks it by a clock and shakes a little: one Maker.

    ``overshoot`` is the share of reaches that go past the target (or stop short of it) by about
    ``miss`` of the distance and come back. ``lands`` says that the last point is the target itself.
    """

    shape: Shape
    progress: Progress
    noise: Noise
    timing: Timing
    emission: Emission
    by_length: bool
    overshoot: float
    miss: float
    correct: float
    lands: bool

    def __call__(self, reach: Reach, rng: np.random.Generator) -> Floats:
        """Return the reach: one leg, or two when it misses first."""
        whole_ms = max(self.timing(reach, rng), 20.0)
        if rng.random() >= self.overshoot or reach.distance_px < 40.0:
            return self._leg(reach, whole_ms, rng)
        end = np.array(reach.end)
        ahead = end - np.array(reach.start)
        aside = np.array([-ahead[1], ahead[0]])
        missed = end + ahead * rng.normal(0.5, 1.0) * self.miss + aside * rng.normal(0.0, 0.5) * self.miss
        first = self._leg(Reach(reach.start, (missed[0], missed[1]), reach.width_px), whole_ms, rng)
        second = self._leg(
            Reach((missed[0], missed[1]), reach.end, reach.width_px), whole_ms * self.correct, rng
        )
        second[0] += first[0, -1] + rng.choice([0.0, rng.uniform(0.0, 120.0)])
        return np.concatenate([first, second], axis=1)

    def _leg(self, reach: Reach, ms: float, rng: np.random.Generator) -> Floats:
        t = self.emission(ms, reach.distance_px, rng)
        along, across = self.shape(rng)
        travelled = _U
        if self.by_length:
            step = np.hypot(np.diff(along), np.diff(across))
            travelled = np.concatenate([[0.0], np.cumsum(step)]) / step.sum()
        done = self.progress(t / t[-1], rng)
        inside = np.clip(done, 0.0, 1.0)
        a = np.interp(inside, travelled, along) + (done - inside)
        c = np.interp(inside, travelled, across)
        ahead = np.array(reach.end) - np.array(reach.start)
        x = reach.start[0] + a * ahead[0] - c * ahead[1]
        y = reach.start[1] + a * ahead[1] + c * ahead[0]
        speed = np.hypot(np.diff(x, prepend=reach.start[0]), np.diff(y, prepend=reach.start[1]))
        speed /= np.maximum(np.diff(t, prepend=0.0), 1e-3)
        offset = self.noise(t, speed, rng)
        x, y = x + offset[0], y + offset[1]
        if self.lands:
            x[-1], y[-1] = reach.end
        return np.stack([t, x, y])


def recipe(
    rng: np.random.Generator,
    *,
    shapes: Sequence[ShapeFamily],
    progress: Sequence[ProgressFamily],
    noises: Sequence[NoiseFamily],
    timing: Callable[[np.random.Generator], Timing] = any_timing,
    overshoot: float | None = None,
) -> Recipe:
    """Draw one program from the parts that its family knows. Everything it is made of varies."""
    return Recipe(
        shape=shapes[int(rng.integers(len(shapes)))](rng),
        progress=progress[int(rng.integers(len(progress)))](rng),
        noise=noises[int(rng.integers(len(noises)))](rng),
        timing=timing(rng),
        emission=any_emission(rng),
        by_length=bool(rng.random() < 0.4),
        overshoot=float(rng.choice([0.0, 0.0, rng.random()])) if overshoot is None else overshoot,
        miss=log_uniform(rng, 0.01, 0.2),
        correct=rng.uniform(0.2, 0.8),
        lands=bool(rng.random() < 0.8),
    )


def _paced(px_ms: float, spread: float) -> Timing:
    return lambda reach, rng: float(reach.distance_px / px_ms * np.exp(rng.normal(0.0, spread)))


def _moments(ms: float, count: float, jitter: float, rng: np.random.Generator) -> Floats:
    """Return so many moments up to ms, their steps jittered by a share."""
    n = int(np.clip(count, 2, 3_000))
    steps = np.maximum(1.0 + jitter * rng.normal(0.0, 1.0, n), 0.05) if jitter else np.ones(n)
    t: Floats = np.cumsum(steps) * (ms / steps.sum())
    return t
