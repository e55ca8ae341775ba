"""Bad conditions of capture: late and lumped delivery, slow reports, coarse places, bent pointer speed.

Effects of a busy machine, a remote desktop, a scaled canvas or another pointer setting on a movement,
whoever made it: people and bots pass through the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A busy machine is busy for a while, then not: mean length of such a spell, in ms.
_SPELL_MS = 1_500.0
# Moves that arrive in one lump carry times this far apart, in ms (handlers run one after the other).
_LUMP_STEP_MS = 0.3
# Longer waits are rest, in ms (the pause that ends a stroke).
_REST_MS = 150.0
# Pointer acceleration never shortens or stretches a step by more than this factor.
_MOST_GAIN = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rough:
    """Conditions of capture that are bad. The default is none.

    Attributes
    ----------
    held_ms, held_sd : float
        Median, and standard deviation of the log, of the waits between two deliveries: moves in
        between are held back, and carry the time at which they were given. 0 ms: no wait.
    lumped : bool
        All moves of a wait arrive, at once. Otherwise only the last.
    busy : float
        Share of the time in which moves are held back at all.
    lattice_px : tuple of float
        Places in x and in y are multiples of this. 0 leaves them.
    accel : float
        Exponent of pointer acceleration: a step at twice the usual speed is ``2 ** accel`` times as long.
    stretch : float
        Factor on y alone (below 0.3: nearly a drag along one axis), turned by ``turn`` quarters.
    turn : int
        0 or 1: which axis is stretched.
    """

    held_ms: float = 0.0
    held_sd: float = 0.0
    lumped: bool = False
    busy: float = 1.0
    lattice_px: tuple[float, float] = (0.0, 0.0)
    accel: float = 0.0
    stretch: float = 1.0
    turn: int = 0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Rough:
        """Draw conditions: one that is bad for certain, the others now and then."""
        certain = int(rng.choice(4, p=[0.35, 0.25, 0.25, 0.15]))
        remote = certain == 1
        held = remote or certain == 0 or rng.random() < 0.15
        coarse = certain == 2 or rng.random() < 0.15
        bent = certain == 3 or rng.random() < 0.25
        return cls(
            held_ms=_log_uniform(rng, *((33.0, 125.0) if remote else (10.0, 90.0))) if held else 0.0,
            held_sd=float(rng.uniform(0.0, 0.35) if remote else rng.uniform(0.3, 0.9)),
            lumped=bool(not remote and rng.random() < 0.4),
            busy=1.0 if remote else float(rng.uniform(0.3, 1.0)),
            lattice_px=(_lattice(rng), _lattice(rng)) if coarse else (0.0, 0.0),
            accel=float(np.clip(rng.normal(0.0, 0.25), -0.5, 0.5)) if bent else 0.0,
            stretch=float(np.exp(rng.normal(0.0, 0.35)) * (_thin(rng) if rng.random() < 0.3 else 1.0))
            if bent
            else 1.0,
            turn=int(rng.integers(2)),
        )


def delivered(
    t: Floats, until: Floats, rough: Rough, *, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return when moves are told to the page, and which of them are.

    Parameters
    ----------
    t, until : ndarray, shape (n,)
        Ascending times of moves in ms, and the latest time at which each may be told.

    Returns
    -------
    told : ndarray, shape (n,)
        Ascending, at least ``t`` and at most ``until``.
    kept : ndarray of bool, shape (n,)
    """
    if not t.size or rough.held_ms <= 0:
        return t, np.ones(t.size, dtype=np.bool_)
    gates = _gates(t, rough, rng)
    gate = np.searchsorted(gates, t)
    held = gates[gate]
    spells = rng.random(int((t[-1] - t[0]) / _SPELL_MS) + 1) < rough.busy
    busy = spells[((t - t[0]) / _SPELL_MS).astype(np.int64)]
    notified = np.minimum(np.where(busy, held, t), until)
    last = np.append((gate[1:] > gate[:-1]) | (until[1:] > until[:-1]), True)
    stored = ~busy | last
    if rough.lumped:
        stored = np.ones(t.size, dtype=np.bool_)
        notified = np.minimum(notified + _LUMP_STEP_MS * _rank(gate) * busy, until)
    return np.maximum.accumulate(notified), stored


def on_lattice(values: Floats, px: float) -> Floats:
    """Return places on multiples of ``px``. 0 leaves them."""
    if px <= 0:
        return values
    near: Floats = np.floor(values / px + 0.5) * px
    return near


def bent(t: Floats, x: Floats, y: Floats, rough: Rough) -> tuple[Floats, Floats]:
    """Return the path under another pointer acceleration, and stretched along one axis."""
    if t.size < 2 or (rough.accel == 0 and rough.stretch == 1):
        return x, y
    dx, dy, dt = np.diff(x), np.diff(y), np.diff(t)
    gain = _gains(np.hypot(dx, dy), dt, rough.accel)
    wide, tall = (rough.stretch, 1.0) if rough.turn else (1.0, rough.stretch)
    return (
        x[0] + np.concatenate([[0.0], np.cumsum(dx * gain * wide)]),
        y[0] + np.concatenate([[0.0], np.cumsum(dy * gain * tall)]),
    )


def _gains(step: Floats, dt: Floats, accel: float) -> Floats:
    """Return by how much each step is longer, from its speed and its neighbours'."""
    moving = (dt > 0) & (dt <= _REST_MS) & (step > 0)
    if accel == 0 or not moving.any():
        return np.ones(step.size)
    usual = float(np.median(step[moving] / dt[moving]))
    pace = np.where(moving, step / np.maximum(dt, 1e-3), usual)
    around = np.convolve(np.pad(pace, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    gains: Floats = np.clip((around / usual) ** accel, 1.0 / _MOST_GAIN, _MOST_GAIN)
    return gains


def _gates(t: Floats, rough: Rough, rng: np.random.Generator) -> Floats:
    """Return the times of deliveries, ascending, the last one not before the last move."""
    mean_ms = rough.held_ms * float(np.exp(rough.held_sd**2 / 2.0))
    count = int((t[-1] - t[0]) / mean_ms * 1.2) + 20
    waits = rough.held_ms * np.exp(rng.normal(0.0, rough.held_sd, count))
    gates = t[0] + np.cumsum(waits) - rng.uniform(0.0, rough.held_ms)
    return np.append(gates, max(float(gates[-1]), float(t[-1])))


def _rank(gate: NDArray[np.intp]) -> Floats:
    """Return the place of each move within its lump, from 0."""
    first = np.append(True, np.diff(gate) > 0)
    here = np.arange(gate.size)
    rank: Floats = (here - np.maximum.accumulate(np.where(first, here, 0))).astype(np.float64)
    return rank


def _lattice(rng: np.random.Generator) -> float:
    return float(np.round(_log_uniform(rng, 2.0, 16.0))) if rng.random() < 0.75 else 0.0


def _thin(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.05, 0.4))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
