"""Reaches that are walked step by step: forces, controllers, springs and steering."""

from __future__ import annotations

import math

import numpy as np

from flask_zerotrust.simulate.reaches import Emission, Maker, Reach, any_emission, any_timing, log_uniform
from flask_zerotrust.simulate.shapes import Floats

_SQRT3, _SQRT5 = math.sqrt(3.0), math.sqrt(5.0)
# A walk that has not arrived by then is led home in a straight line.
_MAX_STEPS = 2_000
# A controller that its noise keeps from settling gives up after that long.
_PATIENCE_MS = 2_500.0


def wind(rng: np.random.Generator) -> Maker:
    """Gravity pulls to the target, wind blows at random, speed is clipped.

    Written from the published description of WindMouse (B. Land, 2005-2021, "WindMouse, an algorithm
    for generating human-like mouse motion").
    """
    gravity, gust = log_uniform(rng, 3.0, 20.0), log_uniform(rng, 0.5, 12.0)
    fastest, near = log_uniform(rng, 4.0, 45.0), log_uniform(rng, 4.0, 60.0)
    tick_ms, jitter, by_step = log_uniform(rng, 1.0, 20.0), rng.uniform(0.0, 0.6), rng.random() < 0.4

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        x, y = reach.start
        vx = vy = wx = wy = 0.0
        top, points = fastest, []
        drawn = rng.random((_MAX_STEPS, 3)).tolist()
        for a, b, c in drawn:
            dx, dy = reach.end[0] - x, reach.end[1] - y
            left = math.hypot(dx, dy)
            if left < 1.0:
                break
            blow = min(gust, left)
            if left >= near:
                wx = wx / _SQRT3 + (2.0 * a - 1.0) * blow / _SQRT5
                wy = wy / _SQRT3 + (2.0 * b - 1.0) * blow / _SQRT5
            else:
                wx, wy = wx / _SQRT3, wy / _SQRT3
                top = 3.0 + 3.0 * c if top < 3.0 else top / _SQRT5
            vx += wx + gravity * dx / left
            vy += wy + gravity * dy / left
            speed = math.hypot(vx, vy)
            if speed > top:
                clip = top / 2.0 + c * top / 2.0
                vx, vy = vx / speed * clip, vy / speed * clip
            x, y = x + vx, y + vy
            points.append((x, y))
        steps = tick_ms * np.maximum(0.1, 1.0 + jitter * rng.normal(0.0, 1.0, len(points) + 1))
        way = np.array([*points, reach.end])
        if by_step:  # some ports wait by the length of the step
            hop = np.hypot(*np.diff(way, axis=0, prepend=[reach.start]).T)
            steps = steps * (0.3 + hop / max(float(hop.max()), 1e-9))
        return np.vstack([np.cumsum(steps), way.T])

    return make


def controlled(rng: np.random.Generator) -> Maker:
    """A PD or PID controller pushes a mass with friction. Its force and its eyes are noisy.

    Source: the textbook law (Åström & Murray, "Feedback Systems", 2008, ch. 10), damping from
    sluggish to overshooting.
    """
    omega, zeta = log_uniform(rng, 4.0, 30.0), log_uniform(rng, 0.4, 1.6)  # natural frequency in 1/s
    integral = float(rng.choice([0.0, log_uniform(rng, 0.05, 1.0)]))
    push, look = log_uniform(rng, 0.01, 1.0), log_uniform(rng, 0.05, 6.0)
    limit, lag = log_uniform(rng, 0.6, 8.0), rng.uniform(0.0, 0.6)
    tick_ms = float(rng.choice([1.0, 2.0, 5.0, 8.0, 10.0, 1_000.0 / 60.0]))
    tolerance, emission = log_uniform(rng, 0.5, 6.0), any_emission(rng)
    steps = min(_MAX_STEPS, int(_PATIENCE_MS / tick_ms))

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        dt, smooth = tick_ms / 1_000.0, 1.0 - 0.5 * lag
        scale = max(reach.distance_px, 20.0)
        px, py, vx, vy, ix, iy, nx, ny = *reach.start, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        points = [(px, py)]
        top = limit * 1_000.0 * math.sqrt(scale / 400.0)
        for a, b, c, d in rng.normal(0.0, 1.0, (steps, 4)).tolist():
            nx, ny = nx + smooth * (a - nx), ny + smooth * (b - ny)
            ex, ey = reach.end[0] - px + look * c * 0.3, reach.end[1] - py + look * d * 0.3
            ix, iy = ix + ex * dt, iy + ey * dt
            ax = omega * omega * (ex + integral * ix) - 2.0 * zeta * omega * vx + push * scale * 20.0 * nx
            ay = omega * omega * (ey + integral * iy) - 2.0 * zeta * omega * vy + push * scale * 20.0 * ny
            vx, vy = vx + ax * dt, vy + ay * dt
            speed = math.hypot(vx, vy)
            if speed > top:
                vx, vy = vx / speed * top, vy / speed * top
            px, py = px + vx * dt, py + vy * dt
            points.append((px, py))
            if math.hypot(reach.end[0] - px, reach.end[1] - py) < tolerance and speed < 60.0:
                break
        return _emitted(points, tick_ms, reach, emission, rng)

    return make


def spring(rng: np.random.Generator) -> Maker:
    """A damped spring pulls towards a point that itself glides to the target.

    Source: the damped oscillator of UI animation libraries (stiffness, damping, mass).
    """
    stiffness, damping = log_uniform(rng, 60.0, 900.0), log_uniform(rng, 0.3, 1.4)
    lead, push = rng.uniform(0.0, 0.6), float(rng.choice([0.0, log_uniform(rng, 0.02, 0.5)]))
    timing, emission = any_timing(rng), any_emission(rng)
    swirl = float(rng.choice([0.0, rng.uniform(-0.5, 0.5) * damping]))  # 2 dampings would never settle

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        dt, drag = 0.004, 2.0 * damping * math.sqrt(stiffness)
        glide_s = lead * timing(reach, rng) / 1_000.0
        x, y, vx, vy = *reach.start, 0.0, 0.0
        points = [(x, y)]
        for k, (a, b) in enumerate(rng.normal(0.0, 1.0, (_MAX_STEPS, 2)).tolist()):
            share = min(1.0, (k + 1) * dt / glide_s) if glide_s else 1.0
            ex = reach.start[0] + (reach.end[0] - reach.start[0]) * share - x
            ey = reach.start[1] + (reach.end[1] - reach.start[1]) * share - y
            force = push * stiffness * reach.distance_px * 0.1
            vx += (stiffness * (ex - swirl * ey) - drag * vx + force * a) * dt
            vy += (stiffness * (ey + swirl * ex) - drag * vy + force * b) * dt
            x, y = x + vx * dt, y + vy * dt
            points.append((x, y))
            if share >= 1.0 and math.hypot(ex, ey) < 1.5 and math.hypot(vx, vy) < 80.0:
                break
        return _emitted(points, dt * 1_000.0, reach, emission, rng)

    return make


def steering(rng: np.random.Generator) -> Maker:
    """A heading that wanders and is steered to the target, at a speed that slows down near it.

    Source: seek, arrive and wander behaviours (Reynolds, "Steering Behaviors", GDC 1999).
    """
    wander, turn = log_uniform(rng, 0.02, 0.6), log_uniform(rng, 0.05, 0.6)
    cruise, slow_px = log_uniform(rng, 0.3, 3.0), log_uniform(rng, 20.0, 400.0)
    inertia, flutter = rng.uniform(0.02, 0.5), rng.uniform(0.0, 0.5)
    tick_ms = float(rng.choice([4.0, 8.0, 10.0, 1_000.0 / 60.0]))
    emission = any_emission(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        x, y = reach.start
        heading = math.atan2(reach.end[1] - y, reach.end[0] - x) + rng.normal(0.0, wander)
        speed, points = 0.0, [(x, y)]
        for a, b in rng.normal(0.0, 1.0, (_MAX_STEPS, 2)).tolist():
            dx, dy = reach.end[0] - x, reach.end[1] - y
            left = math.hypot(dx, dy)
            if left < max(2.0, 0.6 * speed * tick_ms):
                break
            off = (math.atan2(dy, dx) - heading + math.pi) % (2.0 * math.pi) - math.pi
            near = min(1.0, left / slow_px)
            heading += turn * off / max(near, 0.15) ** 0.5 + wander * near * a
            wanted = cruise * max(near, 0.08) * math.exp(flutter * b) * max(0.2, math.cos(off))
            speed += inertia * (wanted - speed)
            x, y = x + speed * tick_ms * math.cos(heading), y + speed * tick_ms * math.sin(heading)
            points.append((x, y))
        return _emitted(points, tick_ms, reach, emission, rng)

    return make


def hops(rng: np.random.Generator) -> Maker:
    """Moves of drawn size and direction, as a Markov chain over speed bins, corrected to the target.

    Source: Markov-chain generators of pointer movement, as used for synthetic CAPTCHA data.
    """
    bins = np.sort(np.exp(rng.normal(math.log(8.0), rng.uniform(0.4, 1.2), 8)))
    stay, angle, tick_ms = rng.uniform(0.1, 0.9), log_uniform(rng, 0.02, 0.8), log_uniform(rng, 4.0, 20.0)
    jitter = rng.uniform(0.0, 0.4)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        x, y = reach.start
        level, points = 0, []
        for a, b, c in zip(
            rng.random(_MAX_STEPS).tolist(),
            rng.normal(0.0, 1.0, _MAX_STEPS).tolist(),
            rng.integers(-2, 3, _MAX_STEPS).tolist(),
            strict=True,
        ):
            dx, dy = reach.end[0] - x, reach.end[1] - y
            left = math.hypot(dx, dy)
            if left < max(3.0, bins[0]):
                break
            level = level if a < stay else min(max(level + c, 0), 7)
            step = min(float(bins[level]), left)
            heading = math.atan2(dy, dx) + angle * b
            x, y = x + step * math.cos(heading), y + step * math.sin(heading)
            points.append((x, y))
        way = np.array([*points, reach.end])
        steps = tick_ms * np.maximum(0.1, 1.0 + jitter * rng.normal(0.0, 1.0, len(way)))
        return np.vstack([np.cumsum(steps), way.T])

    return make


def _emitted(
    points: list[tuple[float, float]],
    tick_ms: float,
    reach: Reach,
    emission: Emission,
    rng: np.random.Generator,
) -> Floats:
    """Sample a simulated walk at the moments at which the program emits. It ends on the target."""
    way = np.array([*points, reach.end])
    own = np.arange(len(way)) * tick_ms
    t = emission(float(own[-1]), reach.distance_px, rng)
    return np.stack([t, np.interp(t, own, way[:, 0]), np.interp(t, own, way[:, 1])])
