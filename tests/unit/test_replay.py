"""Fingerprints of strokes: the same movement is told through every change of its frame."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust.movement import Strokes
from flask_zerotrust.replay import fingerprints


def winding(seed: int, *, hz: float = 60.0) -> Strokes:
    """Return one stroke of 1.2 s and some 400 px that no other hand makes, sampled so often."""
    rng = np.random.default_rng(seed)
    place = rng.normal(0, 1, (2, 6)) / np.arange(1, 7) * 120
    t = np.arange(0, 1_200.0, 1_000.0 / hz)
    x, y = place @ np.cos(np.pi * np.arange(1, 7)[:, None] * t / 1_200.0)
    return Strokes(t, 500 + x.round(), 400 + y.round(), np.array([0, t.size]))


def changed(s: Strokes, change: str) -> Strokes:
    x, y, t = s.x - 500, s.y - 400, s.t_ms
    rng = np.random.default_rng(5)
    turned = {
        "moved": (t, x + 300, y - 77),
        "scaled": (t, 1.4 * x, 1.4 * y),
        "turned": (t, 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y),
        "mirrored": (t, -x, y),
        "slower": (1.3 * t, x, y),
        "shaken": (t, x + rng.normal(0, 1, x.size), y + rng.normal(0, 1, x.size)),
    }[change]
    return Strokes(turned[0], turned[1].round(), turned[2].round(), s.offsets)


def alike(one: Strokes, other: Strokes) -> float:
    asked, stored = fingerprints.fingerprints(one), fingerprints.fingerprints(other)
    return float(fingerprints.likeness(asked.harmonics, asked.path_px, stored.harmonics)[0])


@pytest.mark.parametrize("change", ["moved", "scaled", "turned", "mirrored", "slower", "shaken"])
@pytest.mark.parametrize("seed", range(4))
def test_a_movement_is_told_through_a_change(change, seed):
    stroke = winding(seed)
    assert alike(changed(stroke, change), stroke) > fingerprints.RARER


@pytest.mark.parametrize("seed", range(4))
def test_a_movement_is_told_at_another_event_rate(seed):
    assert alike(winding(seed, hz=125.0), winding(seed)) > fingerprints.RARER


def test_other_movement_is_not_alike():
    assert (
        max(alike(winding(a), winding(b)) for a in range(6) for b in range(6) if a != b) < fingerprints.RARE
    )


def test_straight_strokes_are_near_to_strangers():
    """A straight stroke matches a straight stroke, and that says next to nothing."""
    t = np.arange(0, 600.0, 16.0)
    ease = (1 - np.cos(np.pi * t / t[-1])) / 2
    plain = Strokes(t, 300 + (400 * ease).round(), 200 + 0 * t, np.array([0, t.size]))
    one, bent = fingerprints.fingerprints(plain), fingerprints.fingerprints(winding(1))
    assert (
        fingerprints.chance(one.harmonics, one.path_px)[0]
        < fingerprints.chance(bent.harmonics, bent.path_px)[0]
    )


def straight(shake: float = 0.0, seed: int = 0) -> Strokes:
    """Return a straight stroke with a common easing, which many programs and people make."""
    t = np.arange(0, 600.0, 16.0)
    ease = (1 - np.cos(np.pi * t / t[-1])) / 2
    rng = np.random.default_rng(seed)
    x, y = 300 + 400 * ease + rng.normal(0, shake, t.size), 200 + 60 * ease + rng.normal(0, shake, t.size)
    return Strokes(t, x.round(), y.round(), np.array([0, t.size]))


def tells(s: Strokes) -> bool:
    return bool(fingerprints.telling(s, fingerprints.fingerprints(s))[0])


def test_a_straight_stroke_is_no_fingerprint():
    """Two of them with the same easing are the same stroke, whoever made them."""
    assert alike(straight(), straight()) > fingerprints.RARE
    assert not tells(straight())
    assert not tells(straight(shake=1.0))
    assert not tells(changed(straight(), "turned"))


@pytest.mark.parametrize("seed", range(4))
def test_a_winding_stroke_is_a_fingerprint_unless_short(seed):
    stroke = winding(seed)
    assert tells(stroke)
    short = Strokes(stroke.t_ms, (stroke.x - 500) / 20, (stroke.y - 400) / 20, stroke.offsets)
    assert not tells(short)
    few = np.linspace(0, stroke.t_ms.size - 1, 9).astype(int)
    assert not tells(Strokes(stroke.t_ms[few], stroke.x[few], stroke.y[few], np.array([0, 9])))


def test_the_same_distance_says_less_of_a_plainer_stroke():
    """Likeness is counted against chance: 2 px off a nearly straight stroke is anybody's."""

    def off_by_2_px(stroke: Strokes) -> float:
        found = fingerprints.fingerprints(stroke)
        noise = np.random.default_rng(1).normal(size=(2, found.harmonics.shape[1]))
        error = (noise[0] + 1j * noise[1]) * 2.0 / np.linalg.norm(noise)
        return float(fingerprints.likeness(found.harmonics, found.path_px, found.harmonics + error)[0])

    plain = [off_by_2_px(straight(1.0, seed)) for seed in range(4)]
    assert max(plain) < fingerprints.RARE < min(off_by_2_px(winding(seed)) for seed in range(4))
