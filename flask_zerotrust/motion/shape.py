"""Features of the path of a stroke, and of how speed and path go together."""

from __future__ import annotations

import numpy as np

from .resample import ARC_SEGMENTS, Floats, Grids, within_pi

_TINY = 1e-9

SHAPE_FEATURES = (
    "efficiency",
    "deviation_max",
    "deviation_mean",
    "deviation_skew",
    "deviation_at",
    "chord_crossings",
    "overshoot",
    "backtrack",
    "turn_total",
    "turn_net",
    "turn_sd",
    "turn_max",
    "turn_lag1",
    "turn_flips",
    "turn_straight_share",
    "turn_roughness",
    "start_heading",
    "end_heading",
    "time_at_1_16",
    "time_at_4_16",
    "time_at_8_16",
    "time_at_12_16",
    "time_at_15_16",
    "power_law",
    "pace_roughness",
    "lateral_energy",
    "lateral_jerk",
    "lateral_lag1",
    "jitter",
    "slow_jitter",
    "tiny_step_share",
)


def shape_columns(g: Grids) -> Floats:
    """Return shape (n, len(SHAPE_FEATURES)); angles in radians, lengths relative to the path."""
    return np.array([*_along_chord(g), *_turning(g), *_pace(g), *_trembling(g)]).T


def _along_chord(g: Grids) -> list[Floats]:
    """Describe the path in the frame of its chord: where it bends away, overshoots, turns back."""
    cx, cy = g.arc_x[:, -1] - g.arc_x[:, 0], g.arc_y[:, -1] - g.arc_y[:, 0]
    chord = np.sqrt(cx * cx + cy * cy)
    scale = (chord + _TINY) * g.path_px
    ux, uy = (cx / scale)[:, None], (cy / scale)[:, None]
    rx, ry = g.arc_x - g.arc_x[:, :1], g.arc_y - g.arc_y[:, :1]
    on, off = rx * ux + ry * uy, ry * ux - rx * uy
    size = np.abs(off)
    total = size.sum(axis=1)
    back = on[:, 1:] - on[:, :-1]
    return [
        chord / g.path_px,
        size.max(axis=1),
        total / (ARC_SEGMENTS + 1),
        np.abs(off.sum(axis=1)) / (total + 1e-3),
        size.argmax(axis=1) / ARC_SEGMENTS,
        (off[:, 1:-2] * off[:, 2:-1] < -1e-6).sum(axis=1) / 1.0,
        on.max(axis=1) - on[:, -1],
        -np.minimum(back, 0.0).sum(axis=1),
    ]


def _turning(g: Grids) -> list[Floats]:
    """Describe the change of heading from one sixteenth of the path to the next."""
    turn = g.turn
    n = turn.shape[1]
    size = np.abs(turn)
    net = turn.sum(axis=1)
    centred = turn - (net / n)[:, None]
    var = (centred * centred).sum(axis=1)
    chord = np.arctan2(g.arc_y[:, -1] - g.arc_y[:, 0], g.arc_x[:, -1] - g.arc_x[:, 0])
    ends = np.abs(within_pi(g.heading[:, [1, -2]] - chord[:, None]))
    return [
        np.log(size.sum(axis=1) + 1e-2),
        np.abs(net),
        np.sqrt(var / n),
        size.max(axis=1),
        (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / (var + 1e-6),
        (turn[:, 1:] * turn[:, :-1] < -1e-5).sum(axis=1) / (n - 1.0),
        (size < 0.03).sum(axis=1) / n,
        np.log(np.abs(turn[:, 1:] - turn[:, :-1]).sum(axis=1) + 1e-2),
        ends[:, 0],
        ends[:, 1],
    ]


def _pace(g: Grids) -> list[Floats]:
    """Describe when each part of the path is reached, and whether bends are taken slowly."""
    wait = np.log((g.arc_t[:, 1:] - g.arc_t[:, :-1]) * ARC_SEGMENTS + 1e-2)
    bend = np.log(np.abs(g.turn) + 2e-2)
    slow = wait[:, 1:] + wait[:, :-1]
    bend -= bend.sum(axis=1, keepdims=True) / bend.shape[1]
    slow -= slow.sum(axis=1, keepdims=True) / slow.shape[1]
    together = (bend * slow).sum(axis=1)
    alone = np.sqrt((bend * bend).sum(axis=1) * (slow * slow).sum(axis=1))
    rough = wait[:, 2:] - 2 * wait[:, 1:-1] + wait[:, :-2]
    return [
        *(g.arc_t[:, k] for k in (1, 4, 8, 12, 15)),
        together / (alone + 1e-6),
        np.log((rough * rough).sum(axis=1) / rough.shape[1] + 1e-4),
    ]


def _trembling(g: Grids) -> list[Floats]:
    """Describe acceleration across the direction of travel, and the noise left at low speed."""
    both = g.inside[:, 1:]
    ax, ay = (g.dx[:, 1:] - g.dx[:, :-1]) * both, (g.dy[:, 1:] - g.dy[:, :-1]) * both
    mx, my = g.dx[:, 1:] + g.dx[:, :-1], g.dy[:, 1:] + g.dy[:, :-1]
    pace = np.sqrt(mx * mx + my * my) + 1e-3
    across = (mx * ay - my * ax) / pace
    jerk = (across[:, 1:] - across[:, :-1]) * g.inside[:, 2:]
    a2 = (across * across).sum(axis=1)
    total = (g.speed * g.speed).sum(axis=1) + _TINY
    size2 = ax * ax + ay * ay
    slow = both * (pace < 0.5 * pace.max(axis=1, keepdims=True))
    return [
        np.log(a2 / total + 1e-6),
        np.log((jerk * jerk).sum(axis=1) / total + 1e-6),
        (across[:, 1:] * across[:, :-1]).sum(axis=1) / (a2 + 1e-6),
        np.log(size2.sum(axis=1) / (g.steps - 1.0) + 0.05),
        np.log((size2 * slow).sum(axis=1) / (slow.sum(axis=1) + 1.0) + 0.05),
        ((g.speed < 1.5) * g.inside).sum(axis=1) / g.steps,
    ]
