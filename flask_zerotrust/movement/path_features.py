"""Features of the path of a stroke, and of how speed and path go together."""

from __future__ import annotations

import numpy as np

from flask_zerotrust.movement.resample import ARC_SEGMENTS, Floats, Grids, Places, sums

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


def shape_columns(g: Grids) -> list[Floats]:
    """Return len(SHAPE_FEATURES) columns of shape (n,). Angles in radians, lengths relative to the path."""
    chord = g.arc[-1] - g.arc[0]
    return [*_along_chord(g, chord), *_bends(g, chord), *_trembling(g)]


def _along_chord(g: Grids, chord: Places) -> list[Floats]:
    """Describe the path in the frame of its chord: where it bends away, overshoots, turns back."""
    length = np.abs(chord)
    frame = (g.arc - g.arc[0]) * (chord.conj() / ((length + _TINY) * g.path_px))
    on = frame.real
    terms = np.zeros((4, *frame.shape))
    off = terms[1]
    off[:] = frame.imag
    size = np.abs(off, out=terms[0])
    np.less(off[1:-2] * off[2:-1], -1e-6, out=terms[2, 3:])
    np.minimum(on[1:] - on[:-1], 0.0, out=terms[3, 1:])
    aside, net, crossings, back = sums(terms)
    return [
        length / g.path_px,
        np.maximum.reduce(size),
        aside / (ARC_SEGMENTS + 1),
        np.abs(net) / (aside + 1e-3),
        size.argmax(axis=0) / ARC_SEGMENTS,
        crossings,
        np.maximum.reduce(on) - on[-1],
        -back,
    ]


def _bends(g: Grids, chord: Places) -> list[Floats]:
    """Describe how the heading changes along the path, and whether bends are taken slowly."""
    turn, ends = _turns(g, chord)
    n = len(turn)
    terms = np.zeros((10, *turn.shape))
    size = np.abs(turn, out=terms[0])
    wait = np.log((g.arc_t[1:] - g.arc_t[:-1]) * ARC_SEGMENTS + 1e-2)
    rows = np.empty((3, *turn.shape))
    rows[0] = turn
    np.log(size + 2e-2, out=rows[1])
    np.add(wait[1:], wait[:-1], out=rows[2])
    net = np.add.reduce(rows, axis=1, keepdims=True)
    rows -= net / n
    centred, bend, slow = rows
    np.multiply(rows, rows, out=terms[1:4])
    np.multiply(bend, slow, out=terms[4])
    np.multiply(centred[1:], centred[:-1], out=terms[5, 1:])
    np.less(turn[1:] * turn[:-1], -1e-5, out=terms[6, 1:])
    np.less(size, 0.03, out=terms[7])
    np.abs(turn[1:] - turn[:-1], out=terms[8, 1:])
    uneven = wait[2:] - 2 * wait[1:-1] + wait[:-2]
    np.multiply(uneven, uneven, out=terms[9, 1:])
    whole, var, bend2, slow2, together, lagged, flips, straight, rough, jumps = sums(terms)
    return [
        np.log(whole + 1e-2),
        np.abs(net[0, 0] / n) * n,
        np.sqrt(var / n),
        np.maximum.reduce(size),
        lagged / (var + 1e-6),
        flips / (n - 1.0),
        straight / n,
        np.log(rough + 1e-2),
        *ends,
        *g.arc_t.take(_MOMENTS, axis=0),
        together / (np.sqrt(bend2 * slow2) + 1e-6),
        np.log(jumps / len(uneven) + 1e-4),
    ]


def _turns(g: Grids, chord: Places) -> tuple[Floats, Floats]:
    """Return the turns from one segment of the path to the next, and how far both ends are off the chord.

    The segments at the very ends are left out: there the pixel grid decides.
    """
    segment = g.arc[1:] - g.arc[:-1]
    n = len(segment) - 1
    between = np.empty((n + 2, chord.size), np.complex128)
    np.multiply(segment[1:], segment[:-1].conj(), out=between[:n])
    np.multiply(segment[1 : -1 : n - 2], chord.conj(), out=between[n:])
    angle = np.arctan2(between.imag, between.real)
    return angle[:n], np.abs(angle[n:])


# Sixteenths of the path whose times are features.
_MOMENTS = np.array([1, 4, 8, 12, 15])


def _trembling(g: Grids) -> list[Floats]:
    """Describe acceleration across the direction of travel, and the noise left at low speed.

    For two steps a and b, lengths, dot and cross product say it all: the sum squared is a2 + b2 + 2 dot,
    the acceleration b - a squared is a2 + b2 - 2 dot, and its part across the sum 2 cross / |a + b|.
    """
    terms = np.zeros((8, *g.speed.shape))
    speed2 = np.multiply(g.speed, g.speed, out=terms[0])
    apart = (speed2[1:] + speed2[:-1]) * g.kept[1:]
    twice = 2.0 * (g.moved[1:] * g.moved[:-1].conj())
    pace = np.sqrt(np.maximum(apart + twice.real, 0.0)) + 1e-3
    across = twice.imag / pace
    np.multiply(across, across, out=terms[1, 1:])
    jerk = (across[1:] - across[:-1]) * g.kept[2:]
    np.multiply(jerk, jerk, out=terms[2, 2:])
    np.multiply(across[1:], across[:-1], out=terms[3, 2:])
    change2 = np.subtract(apart, twice.real, out=terms[4, 1:])
    slow = np.less(pace, 0.5 * np.maximum.reduce(pace), out=terms[5, 1:])
    slow *= g.kept[1:]
    np.multiply(change2, slow, out=terms[6, 1:])
    np.less(g.speed, 1.5, out=terms[7])
    terms[7] *= g.kept
    moving, a2, j2, lagged, noise, slowly, slow_noise, tiny = sums(terms)
    moving += _TINY
    return [
        np.log(a2 / moving + 1e-6),
        np.log(j2 / moving + 1e-6),
        lagged / (a2 + 1e-6),
        np.log(noise / (g.steps - 1.0) + 0.05),
        np.log(slow_noise / (slowly + 1.0) + 0.05),
        tiny / g.steps,
    ]
