"""Simulated people: for demos, tests, and to train a model further. No model is made of them alone.

Strokes follow the sigma-lognormal model (Plamondon, 1995; Plamondon & Djioua, 2006): a reach is a sum
of overlapping log-normal impulses, here a first one that lands near the target and corrections.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.reaches import Maker, Reach, log_uniform
from flask_zerotrust.simulate.shapes import Floats
from flask_zerotrust.simulate.visits import VIEWPORTS, Habits, visit

#: Source of every simulated person, by which training refuses them.
SOURCE = "simulated_people"

# Of a hand at rest, physiological tremor has its power at 8-12 Hz (Elble & Koller, 1990).
_TREMOR_HZ = (8.0, 12.0)
# Part of a log-normal impulse's time in which all but a hundredth of it happens, in sigmas.
_TAIL = 2.3


def people(n: int, *, rng: np.random.Generator, strokes: int | None = None) -> Iterator[Recording]:
    """Yield n visits labelled *human* of n made-up people, as a 60 to 144 Hz browser sees them."""
    for number in range(1, n + 1):
        yield visit(
            person(rng),
            _habits(rng, strokes),
            session=f"person-{number}",
            label="human",
            source=SOURCE,
            rng=rng,
        )


def person(rng: np.random.Generator) -> Maker:
    """Draw somebody: how fast, how straight, how exact, how steady, and at which screen."""
    a_ms, b_ms = rng.uniform(120.0, 300.0), rng.uniform(80.0, 180.0)
    sigma, undershoot = rng.uniform(0.25, 0.45), rng.uniform(0.88, 1.0)
    aim, bend, shake_px = rng.uniform(0.03, 0.09), rng.uniform(0.1, 0.5), log_uniform(rng, 0.1, 0.6)
    shake_hz = rng.uniform(*_TREMOR_HZ)
    frame_ms = float(rng.choice([1_000.0 / 60.0, 8.0, 1_000.0 / 144.0], p=[0.6, 0.25, 0.15]))

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        bits = math.log2(reach.distance_px / max(reach.width_px, 4.0) + 1.0)
        first_ms = (a_ms + b_ms * bits) * math.exp(rng.normal(0.0, 0.18)) * 0.75
        missing = np.array(reach.end) - np.array(reach.start)
        impulses, start_ms = [], 0.0
        for part in range(4):
            far = float(np.hypot(*missing))
            if part and far < 0.3 * reach.width_px + 2.0:
                break
            share = rng.normal(undershoot, aim) if part == 0 else rng.normal(0.95, 0.15)
            turn = rng.normal(0.0, aim if part == 0 else 0.3)
            ms = first_ms if part == 0 else rng.uniform(120.0, 260.0)
            impulse = _impulse(missing, share, turn, rng.normal(0.0, bend), start_ms, ms, sigma)
            impulses.append(impulse)
            missing = missing - impulse.chord
            start_ms += ms * rng.uniform(0.55, 0.95)
        return _sampled(impulses, reach, frame_ms, (shake_px, shake_hz), rng)

    return make


class _Impulse:
    """One log-normal push along an arc: when, how far, in which direction."""

    __slots__ = ("bend", "chord", "end_ms", "heading", "mu", "radius_px", "sigma", "start_ms")

    def __init__(self, chord: Floats, bend: float, start_ms: float, ms: float, sigma: float) -> None:
        self.chord, self.bend = chord, bend
        self.heading = math.atan2(chord[1], chord[0])
        self.radius_px = float(np.hypot(*chord)) / (2.0 * math.sin(bend / 2.0))
        self.start_ms, self.end_ms = start_ms, start_ms + ms * 1.1
        self.sigma, self.mu = sigma, math.log(ms) - _TAIL * sigma

    def at(self, t: Floats) -> Floats:
        """Return how far the push has carried the pointer, shape (2, n)."""
        z = (np.log(np.maximum(t - self.start_ms, 1e-6)) - self.mu) / self.sigma
        share = _cumulative(z)
        share /= _cumulative(np.array([(math.log(self.end_ms - self.start_ms) - self.mu) / self.sigma]))
        angle = self.heading + self.bend * (np.minimum(share, 1.0) - 0.5)
        begun = self.heading - self.bend / 2.0
        return self.radius_px * np.stack([np.sin(angle) - math.sin(begun), math.cos(begun) - np.cos(angle)])


def _impulse(
    missing: Floats, share: float, turn: float, bend: float, start_ms: float, ms: float, sigma: float
) -> _Impulse:
    """Aim at the remaining way, a little short and a little aside."""
    cos, sin = share * math.cos(turn), share * math.sin(turn)
    chord = np.array([cos * missing[0] - sin * missing[1], sin * missing[0] + cos * missing[1]])
    bend = math.copysign(min(max(abs(bend), 1e-3), 1.5), bend)
    return _Impulse(chord, bend, start_ms, max(ms, 60.0), sigma)


def _cumulative(z: Floats) -> Floats:
    """Return the normal distribution's cumulative function (Abramowitz & Stegun, 26.2.17; 7.5e-8)."""
    k = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    series = k * (
        0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429)))
    )
    upper = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) * series
    return np.where(z > 0, 1.0 - upper, upper)


def _sampled(
    impulses: list[_Impulse],
    reach: Reach,
    frame_ms: float,
    shake: tuple[float, float],
    rng: np.random.Generator,
) -> Floats:
    end = max(impulse.end_ms for impulse in impulses)
    t: Floats = np.arange(1.0, max(3, math.ceil(end / frame_ms)) + 1.0, dtype=np.float64) * frame_ms
    place = np.array([reach.start]).T + sum((i.at(t) for i in impulses), np.zeros((2, t.size)))
    px, hz = shake
    phase = rng.uniform(0.0, 2.0 * math.pi, (2, 1)) + np.cumsum(rng.normal(0.0, 0.15, (2, t.size)), axis=1)
    place = np.round(place + px * np.sin(2.0 * math.pi * hz * t / 1_000.0 + phase))
    shifted = np.append((np.diff(place) != 0).any(axis=0), True)
    return np.vstack([t + rng.uniform(-0.3, 0.3, t.size), place])[:, shifted]


def _habits(rng: np.random.Generator, strokes: int | None) -> Habits:
    """Draw how somebody uses a page: reading pauses, presses of 60-150 ms, a wheel now and then."""
    rest_ms, press_ms, hold_ms = (
        rng.uniform(350.0, 1_500.0),
        rng.uniform(60.0, 220.0),
        rng.uniform(60.0, 150.0),
    )

    def around(typical: float, sigma: float, least: float) -> float:
        return max(least, typical * math.exp(rng.normal(0.0, sigma)))

    return Habits(
        viewport=VIEWPORTS[int(rng.integers(len(VIEWPORTS)))],
        strokes=int(rng.integers(20, 31)) if strokes is None else strokes,
        width_px=lambda rng: log_uniform(rng, 14.0, 160.0),
        spots=None,
        local_px=rng.uniform(200.0, 600.0),
        centred=rng.uniform(0.2, 0.5),
        pause=lambda _: around(rest_ms, 0.7, 170.0),
        before_press=lambda _: around(press_ms, 0.35, 20.0),
        dwell=lambda _: around(hold_ms, 0.2, 35.0),
        clicks=rng.uniform(0.4, 0.8),
        wheels=rng.uniform(0.1, 0.4),
        whole=True,
    )
