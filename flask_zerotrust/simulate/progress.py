"""Timing of a reach: how far along its way it is at each moment of its duration."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from flask_zerotrust.simulate.shapes import Floats, gradient_noise

#: Draws one reach: progress from 0 to 1 at u in [0, 1]. May leave [0, 1] on the way (back, elastic).
Progress = Callable[[Floats, np.random.Generator], Floats]
#: Draws the common traits of a program's reaches.
ProgressFamily = Callable[[np.random.Generator], Progress]

_GRID = np.linspace(0.0, 1.0, 257)
_ERF = np.vectorize(math.erf, otypes=[np.float64])


def _bounce(u: Floats) -> Floats:
    """Penner's four parabolas."""
    steps = (0.0, 1.5, 2.25, 2.625)
    lifts = (0.0, 0.75, 0.9375, 0.984375)
    piece = np.searchsorted(np.array([1.0, 2.0, 2.5]) / 2.75, u, side="right")
    here: Floats = 7.5625 * (u - np.array(steps)[piece] / 2.75) ** 2 + np.array(lifts)[piece]
    return here


#: Easings that end slowly ("out"), after Penner, "Programming Macromedia Flash MX" (2002), ch. 7.
EASE_OUT: dict[str, Callable[[Floats], Floats]] = {
    "quad": lambda u: 1 - (1 - u) ** 2,
    "cubic": lambda u: 1 - (1 - u) ** 3,
    "quart": lambda u: 1 - (1 - u) ** 4,
    "quint": lambda u: 1 - (1 - u) ** 5,
    "sine": lambda u: np.sin(np.pi * u / 2),
    "expo": lambda u: (1 - 2.0 ** (-10 * u)) / (1 - 2.0**-10),
    "circ": lambda u: np.sqrt(np.maximum(0.0, 1 - (1 - u) ** 2)),
    "back": lambda u: 1 + 2.70158 * (u - 1) ** 3 + 1.70158 * (u - 1) ** 2,
    "elastic": lambda u: np.where(
        u >= 1, 1.0, 1 + 2.0 ** (-10 * u) * np.sin((u * 10 - 0.75) * 2 * np.pi / 3)
    ),
    "bounce": _bounce,
}


def constant(_rng: np.random.Generator) -> Progress:
    """Same speed all the way."""
    return lambda u, _: u


def easing(rng: np.random.Generator) -> Progress:
    """One easing for the program or one a reach: any name, ending slowly, starting slowly, or both."""
    names = list(EASE_OUT)
    kind, name = rng.choice(["out", "in", "in-out"], p=[0.4, 0.1, 0.5]), str(rng.choice(names))
    varied = rng.random() < 0.3

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        chosen = str(rng.choice(names)) if varied else name
        return _eased(EASE_OUT[chosen], kind, u)

    return progress


def gentle_easing(rng: np.random.Generator) -> Progress:
    """Easings that people would call natural: no overshoot, no bounce."""
    name = str(rng.choice(["quad", "cubic", "quart", "quint", "sine", "expo", "circ"]))
    kind = rng.choice(["out", "in-out"])
    return lambda u, _: _eased(EASE_OUT[name], kind, u)


def smoothstep(rng: np.random.Generator) -> Progress:
    """3u² - 2u³, or a logistic curve cut at both ends."""
    steep = rng.uniform(4.0, 14.0)
    if rng.random() < 0.5:
        return lambda u, _: u * u * (3.0 - 2.0 * u)

    def logistic(u: Floats, _rng: np.random.Generator) -> Floats:
        edge = math.tanh(steep / 4.0)
        return (np.tanh(steep * (u - 0.5) / 2.0) / edge + 1.0) / 2.0

    return logistic


def minimum_jerk(_rng: np.random.Generator) -> Progress:
    """10u³ - 15u⁴ + 6u⁵ (Flash & Hogan, 1985)."""
    return lambda u, _: u**3 * (10.0 - 15.0 * u + 6.0 * u * u)


def skewed_minimum_jerk(rng: np.random.Generator) -> Progress:
    """Minimum jerk in bent time: the peak comes early or late, and varies from reach to reach."""
    early, spread = rng.uniform(0.6, 1.1), rng.uniform(0.0, 0.2)

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        return _jerk(u ** float(np.clip(rng.normal(early, spread), 0.4, 1.6)))

    return progress


def lognormal(rng: np.random.Generator) -> Progress:
    """Log-normal speed curve (Plamondon, 1995): asymmetric, with a long tail."""
    sigma, spread = rng.uniform(0.2, 0.8), rng.uniform(0.0, 0.2)

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        s = np.clip(rng.normal(sigma, spread * sigma), 0.15, 1.2)
        reach = math.exp(s * rng.uniform(2.2, 3.2))  # how much of the tail falls into the duration
        z = (np.log(np.maximum(u, 1e-6) * reach)) / s
        mass = 0.5 * (1.0 + _ERF(z / math.sqrt(2.0)))
        return np.asarray((mass - mass[0]) / (mass[-1] - mass[0]), dtype=np.float64)

    return progress


def beta(rng: np.random.Generator) -> Progress:
    """Speed as u^a (1-u)^b: a bell whose skew and width vary."""
    a, b, spread = rng.uniform(0.4, 4.0), rng.uniform(0.4, 6.0), rng.uniform(0.0, 0.4)

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        p, q = np.array([a, b]) * np.exp(rng.normal(0.0, spread, 2))
        return _run(_GRID**p * (1.0 - _GRID) ** q, u)

    return progress


def trapezoid(rng: np.random.Generator) -> Progress:
    """Even acceleration, cruise, even braking, as motors do it."""
    rise, fall = rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)
    return lambda u, _: _run(np.minimum(1.0, np.minimum(_GRID / rise, (1.0 - _GRID) / fall)) + 1e-3, u)


def sub_movements(rng: np.random.Generator) -> Progress:
    """A first reach and one to three smaller ones that overlap it (Meyer et al., 1988)."""
    first, most = rng.uniform(0.6, 0.97), int(rng.integers(1, 4))
    spread, wide = rng.uniform(0.0, 0.1), rng.uniform(0.3, 0.9)

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        count = int(rng.integers(1, most + 1))
        share = float(np.clip(rng.normal(first, spread), 0.5, 1.0))
        done: Floats = share * _jerk(u / wide)
        for start in np.sort(rng.uniform(0.4, 0.8, count)):
            done = done + (1.0 - share) / count * _jerk((u - start) / (1.0 - start))
        return done

    return progress


def noisy_speed(rng: np.random.Generator) -> Progress:
    """A bell of speeds times smooth or jumping noise: "humanised" speed."""
    cells, strength = rng.uniform(2.0, 30.0), rng.uniform(0.1, 1.0)
    power, jumps = rng.uniform(0.0, 3.0), rng.random() < 0.4

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        noise = rng.normal(0.0, 1.0, int(cells) + 2)[(_GRID * cells).astype(np.int64)]
        noise = noise if jumps else gradient_noise(_GRID * cells, 2, rng)
        bell = (4.0 * _GRID * (1.0 - _GRID)) ** power + 0.02
        return _run(bell * np.exp(strength * noise), u)

    return progress


def histogram(rng: np.random.Generator) -> Progress:
    """Speeds drawn from a table, one after the other, with or without memory (a Markov chain)."""
    table = np.exp(rng.normal(0.0, rng.uniform(0.3, 1.2), int(rng.integers(4, 16))))
    table.sort()
    memory, steps = rng.uniform(0.0, 0.95), int(rng.integers(8, 80))
    ramp = rng.uniform(0.0, 0.4)

    def progress(u: Floats, rng: np.random.Generator) -> Floats:
        fresh = np.append(True, rng.random(steps - 1) > memory)
        drawn = rng.integers(0, table.size, steps)[
            np.maximum.accumulate(np.where(fresh, np.arange(steps), 0))
        ]
        speed = table[drawn][np.minimum((_GRID * steps).astype(np.int64), steps - 1)]
        edges = np.minimum(_GRID, 1.0 - _GRID) / max(ramp, 1e-6)
        return _run(speed * np.minimum(1.0, edges + 0.05), u)

    return progress


def _eased(out: Callable[[Floats], Floats], kind: str, u: Floats) -> Floats:
    if kind == "out":
        return out(u)
    if kind == "in":
        return 1.0 - out(1.0 - u)
    return np.where(
        u < 0.5,
        (1.0 - out(1.0 - 2.0 * np.minimum(u, 0.5))) / 2.0,
        (1.0 + out(np.maximum(2.0 * u - 1.0, 0.0))) / 2.0,
    )


def _run(speed: Floats, u: Floats) -> Floats:
    """Return progress at u of a speed curve on the grid."""
    way = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0)])
    done: Floats = np.interp(u, _GRID, way / way[-1])
    return done


def _jerk(u: Floats) -> Floats:
    v = np.clip(u, 0.0, 1.0)
    done: Floats = v**3 * (10.0 - 15.0 * v + 6.0 * v * v)
    return done
