"""Reaches by models of motor control and of smoothing, for programs that want to move like a hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from flask_zerotrust.simulate import noises
from flask_zerotrust.simulate.reaches import Maker, Reach, any_emission, any_timing, fitts, log_uniform
from flask_zerotrust.simulate.shapes import Floats

#: A simulated way, shape (n, 2) in px, to the events that the program emits, shape (3, m).
Finish = Callable[[Floats, Reach, np.random.Generator], Floats]

# Step of the models in s. Events of a program are sampled from it.
_DT_S = 0.004
_MAX_STEPS = 700
# Near enough to the target to stop, in px, and slow enough, in px/s.
_ARRIVED_PX, _SLOW_PX_S = 1.5, 60.0
# Shortest and longest planned reach, in s.
_SHORTEST_S, _LONGEST_S = 0.08, 2.4


def follow(rng: np.random.Generator) -> Maker:
    """The pointer goes a share of the remaining way in every tick, through one to three such filters.

    Source: exponential smoothing, the "lerp" of games and animation. Perhaps of an aim that glides.
    """
    tau_s, order = log_uniform(rng, 0.02, 0.25), int(rng.integers(1, 4))
    glide, wobble = float(rng.choice([0.0, rng.uniform(0.1, 0.9)])), log_uniform(rng, 0.005, 0.3)
    wobbles = rng.random() < 0.6
    timing, finish = any_timing(rng), _finish(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        start, ahead = np.array(reach.start), np.array(reach.end) - np.array(reach.start)
        glide_s = glide * _planned_s(timing(reach, rng))
        stages = np.tile(start, (order, 1))
        share = 1.0 - math.exp(-_DT_S * order / tau_s)
        drawn = rng.normal(0.0, 1.0, (_MAX_STEPS, 2)) * (wobble * reach.distance_px * wobbles)
        sway, way = np.zeros(2), [start]
        for k in range(_MAX_STEPS):
            done = min(1.0, (k + 1) * _DT_S / glide_s) if glide_s else 1.0
            sway = sway + 0.05 * (drawn[k] - sway)
            aim = start + ahead * done + sway * (1.0 - k / _MAX_STEPS) ** 4
            for i in range(order):
                stages[i] += share * ((stages[i - 1] if i else aim) - stages[i])
            way.append(stages[-1].copy())
            if done >= 1.0 and np.hypot(*(reach.end - stages[-1])) < _ARRIVED_PX:
                break
        return finish(np.array(way), reach, rng)

    return make


def vite(rng: np.random.Generator) -> Maker:
    """A difference vector is integrated under a rising go signal (Bullock & Grossberg, 1988: VITE)."""
    alpha, go = log_uniform(rng, 10.0, 60.0), log_uniform(rng, 3.0, 25.0)
    power, askew = rng.uniform(0.6, 2.5), rng.uniform(0.0, 0.35)
    noise, rise_s, finish = log_uniform(rng, 0.005, 0.4), log_uniform(rng, 0.1, 0.6), _finish(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        place, toward = np.array(reach.start), np.zeros(2)
        gain = go * np.exp(rng.normal(0.0, askew, 2))
        drawn = 1.0 + noise * rng.normal(0.0, 1.0, (_MAX_STEPS, 2))
        way = [place]
        for k in range(_MAX_STEPS):
            signal = gain * min(1.0, (k * _DT_S / rise_s)) ** power
            toward = toward + alpha * (np.array(reach.end) - place - toward) * _DT_S
            place = place + signal * toward * drawn[k] * _DT_S
            way.append(place)
            if np.hypot(*(reach.end - place)) < _ARRIVED_PX:
                break
        return finish(np.array(way), reach, rng)

    return make


def optimal(rng: np.random.Generator) -> Maker:
    """Optimal feedback control with noise that grows with the command (Todorov & Jordan, 2002).

    A finite-horizon linear quadratic regulator of a mass behind a first-order muscle, both axes alike.
    """
    effort, muscle_s = log_uniform(rng, 1e-9, 1e-6), log_uniform(rng, 0.01, 0.08)
    command, profile_match = log_uniform(rng, 0.02, 1.0), log_uniform(rng, 0.002, 0.08)
    timing, finish, smooth = fitts(rng) if rng.random() < 0.7 else any_timing(rng), _finish(rng), 0.15

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        steps = int(_planned_s(timing(reach, rng)) / _DT_S)
        a, b = _plant(muscle_s)
        gains = _regulator(a, b, steps, effort)
        state = np.zeros((3, 2))
        state[0] = np.array(reach.start) - np.array(reach.end)
        drawn = rng.normal(0.0, 1.0, (2, steps, 2))
        known, way = np.zeros(2), [state[0].copy()]
        for k in range(steps):
            known = known + smooth * (
                profile_match * reach.distance_px * drawn[0, k] / math.sqrt(smooth) - known
            )
            believed = state.copy()
            believed[0] += known * (1.0 - k / steps)
            force = -(gains[k] @ believed) * (1.0 + command * drawn[1, k])
            state = a @ state + b[:, None] * force
            way.append(state[0].copy())
        return finish(np.array(way) + np.array(reach.end), reach, rng)

    return make


def submovements(rng: np.random.Generator) -> Maker:
    """Overlapping straight minimum-jerk movements, each towards the remaining way (Flash & Henis, 1991)."""
    short, aside = rng.uniform(0.7, 1.02), rng.uniform(0.01, 0.15)
    overlap, most = rng.uniform(0.2, 1.0), int(rng.integers(1, 5))
    even = rng.random() < 0.3
    timing, finish = fitts(rng) if rng.random() < 0.6 else any_timing(rng), _finish(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        left, begin = np.array(reach.end) - np.array(reach.start), 0.0
        whole = _planned_s(0.7 * timing(reach, rng))
        pushes: list[tuple[float, float, Floats]] = []
        for part in range(most + 1):
            last = part == most
            lasts = max(0.06, whole * (1.0 if not part else rng.uniform(0.25, 0.6)))
            hit = 1.0 if last else rng.normal(1.0 / (most + 1 - part) if even else short, aside)
            push = left * hit + np.array([-left[1], left[0]]) * (0.0 if last else rng.normal(0.0, aside))
            pushes.append((begin, lasts, push))
            left = left - push
            begin += lasts * (1.0 - overlap * rng.uniform(0.0, 0.7))
            if np.hypot(*left) < 2.0:
                break
        end = max(at + lasts for at, lasts, _ in pushes)
        t = np.arange(0.0, min(end, _MAX_STEPS * _DT_S) + _DT_S, _DT_S)
        way = np.array(reach.start) + sum(
            (_jerk((t - at) / lasts)[:, None] * push for at, lasts, push in pushes), np.zeros((t.size, 2))
        )
        return finish(way, reach, rng)

    return make


def arm(rng: np.random.Generator) -> Maker:
    """A two-joint arm whose joints turn by minimum jerk, so that the hand's way bends (Morasso, 1981)."""
    upper, fore = rng.uniform(0.8, 2.0), rng.uniform(0.8, 2.0)
    away, lag, stagger = rng.uniform(1.0, 1.6), rng.uniform(0.0, 0.25), rng.uniform(0.0, 0.2)
    timing, finish = fitts(rng) if rng.random() < 0.5 else any_timing(rng), _finish(rng)
    # The arm's length in px: the larger the screen's part it spans, the more its ways bend.
    size = log_uniform(rng, 900.0, 5_000.0)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        whole = _planned_s(timing(reach, rng))
        t = np.arange(0.0, whole + _DT_S, _DT_S) / whole
        shoulder = np.array([reach.start]).mean(axis=0) + np.array([0.2, away]) * size / 2.0
        first, last = (
            _joints(np.array(place) - shoulder, upper * size / 2.0, fore * size / 2.0)
            for place in (reach.start, reach.end)
        )
        late = np.clip(rng.normal(lag, stagger, 2) * np.array([0.0, 1.0]), -0.4, 0.4)
        turned = [
            first[i] + (last[i] - first[i]) * _jerk((t - max(0.0, late[i])) / (1.0 - abs(late[i])))
            for i in range(2)
        ]
        way = shoulder + _hand(np.array(turned), upper * size / 2.0, fore * size / 2.0)
        return finish(way, reach, rng)

    return make


def trajectory(rng: np.random.Generator) -> Maker:
    """Polynomials in time between timed waypoints, position and speed given at each.

    Source: trajectory planning of robots (Craig, "Introduction to Robotics", ch. 7): cubic or quintic.
    """
    most, jitter, tempo = int(rng.integers(0, 4)), rng.uniform(0.01, 0.2), rng.uniform(0.0, 0.5)
    quintic, brisk, turned = rng.random() < 0.5, rng.uniform(0.3, 1.4), rng.uniform(0.0, 0.5)
    timing, finish = any_timing(rng), _finish(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        count = int(rng.integers(0, most + 1)) if most else 0
        ahead = np.array(reach.end) - np.array(reach.start)
        aside = np.array([-ahead[1], ahead[0]])
        share = np.linspace(0.0, 1.0, count + 2)
        drawn = rng.normal(0.0, jitter, count + 2) * np.sin(np.pi * share)
        knots = np.array(reach.start) + share[:, None] * ahead + drawn[:, None] * aside
        waits = np.exp(rng.normal(0.0, tempo, count + 1))
        at = np.append(0.0, np.cumsum(waits / waits.sum())) * _planned_s(timing(reach, rng))
        speed = np.gradient(knots, at, axis=0) * brisk if count else np.zeros((2, 2))
        speed[[0, -1]] = ahead / at[-1] * rng.choice([0.0, 0.0, turned], (2, 1))
        t = np.arange(0.0, at[-1] + _DT_S, _DT_S)
        return finish(_through(knots, at, speed, np.minimum(t, at[-1]), quintic=quintic), reach, rng)

    return make


def langevin(rng: np.random.Generator) -> Maker:
    """A velocity with inertia, friction and a random force, drawn to arrive in time (Langevin, 1908)."""
    friction, heat = log_uniform(rng, 4.0, 60.0), log_uniform(rng, 0.05, 1.5)
    early, fade = rng.uniform(0.6, 1.4), rng.uniform(0.3, 1.5)
    timing, finish = any_timing(rng), _finish(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        whole = _planned_s(timing(reach, rng)) * 1.3
        steps = int(whole / _DT_S)
        place, speed = np.array(reach.start), np.zeros(2)
        mean = reach.distance_px / whole
        drawn = rng.normal(0.0, 1.0, (steps, 2)) * heat * mean * math.sqrt(2.0 * friction * _DT_S)
        way = [place]
        for k in range(steps):
            left = max(whole - k * _DT_S, 0.05) * early
            wanted = (np.array(reach.end) - place) / left
            speed = speed + friction * (wanted - speed) * _DT_S + drawn[k] * (1.0 - k / steps) ** fade
            place = place + speed * _DT_S
            way.append(place)
            if np.hypot(*(reach.end - place)) < _ARRIVED_PX and np.hypot(*speed) < _SLOW_PX_S:
                break
        return finish(np.array(way), reach, rng)

    return make


def two_phases(rng: np.random.Generator) -> Maker:
    """A fast first phase that misses, then homing in (Woodworth, 1899), now and then after a halt."""
    hit, sway = rng.uniform(0.75, 1.1), rng.uniform(0.0, 0.12)
    skew, homing = rng.uniform(0.6, 1.6), log_uniform(rng, 3.0, 20.0)
    halt_s, halts, bend = rng.uniform(0.0, 0.12), rng.random(), rng.uniform(0.0, 0.2)
    timing, finish = fitts(rng) if rng.random() < 0.5 else any_timing(rng), _finish(rng)

    def make(reach: Reach, rng: np.random.Generator) -> Floats:
        start, ahead = np.array(reach.start), np.array(reach.end) - np.array(reach.start)
        aside = np.array([-ahead[1], ahead[0]])
        whole = _planned_s(0.6 * timing(reach, rng))
        u = np.arange(0.0, whole + _DT_S, _DT_S) / whole
        missed = ahead * rng.normal(hit, 0.5 * sway) + aside * rng.normal(0.0, sway)
        bow = rng.normal(0.0, bend) * np.sin(np.pi * _jerk(u**skew))
        first = start + _jerk(u**skew)[:, None] * missed + bow[:, None] * aside
        rest = int(rng.random() < halts) * int(rng.uniform(0.0, halt_s) / _DT_S)
        tail = np.arange(1, int(0.6 / _DT_S)) * _DT_S
        eased = 1.0 - np.exp(-homing * tail) * (1.0 + homing * tail)
        second = first[-1] + eased[:, None] * (start + ahead - first[-1])
        near = np.hypot(*(second - reach.end).T) < _ARRIVED_PX
        second = second[: int(near.argmax()) + 1] if near.any() else second
        return finish(np.concatenate([first, np.repeat(first[-1:], rest, axis=0), second]), reach, rng)

    return make


def _finish(rng: np.random.Generator) -> Finish:
    """Draw the times at which a program emits, and its noise: a simulated way becomes a trace."""
    emission = any_emission(rng)
    family = (noises.none, noises.none, noises.white, noises.ornstein_uhlenbeck, noises.tremor)[
        int(rng.integers(5))
    ]
    noise = family(rng)

    def finish(way: Floats, reach: Reach, rng: np.random.Generator) -> Floats:
        way = np.vstack([way, [reach.end]])
        own = np.arange(len(way)) * _DT_S * 1_000.0
        t = emission(float(own[-1]), reach.distance_px, rng)
        x, y = np.interp(t, own, way[:, 0]), np.interp(t, own, way[:, 1])
        speed = np.hypot(np.diff(x, prepend=reach.start[0]), np.diff(y, prepend=reach.start[1]))
        pace = speed / np.maximum(np.diff(t, prepend=0.0), 1e-3)
        # It fades towards the target, or the program would miss it.
        shake = noise(t, pace, rng) * np.minimum(1.0, (t[-1] - t) / max(0.15 * t[-1], 1e-9))
        return np.vstack([t, np.stack([x, y]) + shake])

    return finish


def _planned_s(ms: float) -> float:
    return min(max(ms / 1_000.0, _SHORTEST_S), _LONGEST_S)


def _jerk(u: Floats) -> Floats:
    """Return minimum-jerk progress (Flash & Hogan, 1985), 0 before and 1 after."""
    u = np.clip(u, 0.0, 1.0)
    done: Floats = u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
    return done


def _plant(muscle_s: float) -> tuple[Floats, Floats]:
    """Return one axis of the regulated mass, shapes (3, 3) and (3,): place, speed, force."""
    a = np.array([[1.0, _DT_S, 0.0], [0.0, 1.0, _DT_S], [0.0, 0.0, 1.0 - _DT_S / muscle_s]])
    return a, np.array([0.0, 0.0, _DT_S / muscle_s])


def _regulator(a: Floats, b: Floats, steps: int, effort: float) -> Floats:
    """Return the gains of the regulator that ends in place and at rest, shape (steps, 3).

    The backward Riccati recursion, with all of the cost but the effort on the end.
    """
    cost = np.diag([1.0, 0.02, 0.0004])
    gains = np.empty((steps, 3))
    for k in range(steps - 1, -1, -1):
        gain = (b @ cost @ a) / (effort / steps + b @ cost @ b)
        gains[k] = gain
        cost = a.T @ cost @ (a - np.outer(b, gain))
    return gains


def _joints(place: Floats, upper: float, fore: float) -> Floats:
    """Return the angles of shoulder and elbow that bring the hand to a place. As near as it reaches."""
    far = float(np.clip(np.hypot(*place), abs(upper - fore) + 1.0, upper + fore - 1.0))
    elbow = math.acos((far * far - upper * upper - fore * fore) / (2.0 * upper * fore))
    inner = math.atan2(fore * math.sin(elbow), upper + fore * math.cos(elbow))
    return np.array([math.atan2(place[1], place[0]) - inner, elbow])


def _hand(angles: Floats, upper: float, fore: float) -> Floats:
    """Return where the hand is, shape (n, 2), for angles of shape (2, n)."""
    both = angles[0] + angles[1]
    return np.stack(
        [upper * np.cos(angles[0]) + fore * np.cos(both), upper * np.sin(angles[0]) + fore * np.sin(both)],
        axis=1,
    )


def _through(knots: Floats, at: Floats, speed: Floats, t: Floats, *, quintic: bool) -> Floats:
    """Return places at times t of the polynomials between knots, shape (n, 2).

    Cubic Hermite pieces, or quintic ones without acceleration at the knots.
    """
    i = np.clip(np.searchsorted(at, t, side="right") - 1, 0, at.size - 2)
    span = (at[i + 1] - at[i])[:, None]
    u = (t - at[i])[:, None] / span
    if quintic:
        h = u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
        out, into = u - u**3 * (6.0 - 8.0 * u + 3.0 * u * u), -(u**3) * (4.0 - 7.0 * u + 3.0 * u * u)
    else:
        h = u * u * (3.0 - 2.0 * u)
        out, into = u * (1.0 - u) ** 2, -u * u * (1.0 - u)
    places: Floats = (
        knots[i] + h * (knots[i + 1] - knots[i]) + span * (out * speed[i] + into * speed[i + 1])
    )
    return places
