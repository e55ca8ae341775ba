"""Pairs of strokes: plain strokes, too, are told by how they lie to each other."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust.movement import Strokes
from flask_zerotrust.replay import fingerprints, pairs
from flask_zerotrust.replay.pairs import Pairs


def two(
    seed: int, *, turn: complex = 1.0, mirror: bool = False, slow: float = 1.0, hz: float = 60.0
) -> Pairs:
    """Return a pair of nearly straight strokes, of which neither can be told alone."""
    rng = np.random.default_rng(seed)
    t, z, offsets = [], [], [0]
    at, begun = 0j, 0.0
    for _ in range(2):
        lasted = rng.uniform(400, 800)
        when = np.arange(0, lasted, 1_000.0 / hz)
        reach = rng.uniform(150, 500) * np.exp(1j * rng.uniform(0, 2 * np.pi))
        path = at + reach * (1 - np.cos(np.pi * when / lasted)) / 2
        t.append(slow * (begun + when))
        z.append(path)
        offsets.append(offsets[-1] + when.size)
        at, begun = path[-1] + rng.uniform(0, 60), begun + lasted + rng.uniform(200, 900)
    place = np.concatenate(z)
    place = turn * (place.conj() if mirror else place)
    strokes = Strokes(np.concatenate(t), place.real.round(), place.imag.round(), np.array(offsets))
    found = fingerprints.fingerprints(strokes)
    assert not fingerprints.telling(strokes, found).any()
    times = np.array([found.begun_ms[0], found.ended_ms[0], found.begun_ms[1], found.ended_ms[1]])
    way = found.place[1:] - found.place[:1]
    return Pairs(found.harmonics[1:], found.harmonics[:1], way, times[:, None])


CHANGES = {
    "as it was": {},
    "turned": {"turn": 0.8 + 0.6j},
    "scaled": {"turn": 1.4},
    "mirrored": {"mirror": True},
    "slower": {"slow": 1.3},
    "at another rate": {"hz": 125.0},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(4))
def test_a_pair_of_plain_strokes_is_told_through_a_change(change, seed):
    changed, plain = two(seed, **CHANGES[change]), two(seed)
    assert pairs.likeness(changed, plain)[0] > pairs.ALONE
    assert np.linalg.norm(changed.sketched() - plain.sketched()) < np.sqrt(60.0)


def test_other_pairs_are_not_alike():
    likeness = [pairs.likeness(two(a), two(b))[0] for a in range(8) for b in range(8) if a != b]
    assert max(likeness) < pairs.LIKE_AT_ALL + 0.5


def test_paces_that_differ_cost():
    plain = two(1)
    later = plain.times_ms + np.array([[0], [0], [900], [900]])
    hasty = Pairs(plain.later, plain.earlier, plain.way, later)
    likeness = [pairs.likeness(one, plain)[0] for one in (plain, hasty)]
    assert likeness[1] < likeness[0]


@pytest.mark.parametrize(("pause_ms", "belong"), [(-1, False), (0, True), (30_000, True), (30_001, False)])
def test_strokes_belong_together_when_the_next_comes_soon(pause_ms, belong):
    times = np.array([[0.0], [500.0], [500.0 + pause_ms], [900.0 + pause_ms]])
    assert pairs.belong(times)[0] == belong
