"""A grid of cells finds the points that a search through all of them finds."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust.replay.nearest import RECENT, Nearest

WALLS = tuple(np.linspace(-3, 3, cells + 1).astype(np.float32) for cells in (6, 5, 4))


def points(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.5, (n, 5)).astype(np.float32)


def filled(n: int) -> tuple[Nearest, np.ndarray]:
    index, made = Nearest(n, 5, WALLS), points(n)
    index.put(np.arange(n), made)
    return index, made


@pytest.mark.parametrize("n", [1, RECENT - 1, 3 * RECENT])
def test_the_nearest_are_found_sorted_or_not(n):
    """Within half a cell nothing is missed, outside of the walls nothing either."""
    index, made = filled(n)
    asked = made[:: max(1, n // 50)] + np.float32(0.05)
    which, place = index.near(asked, within=0.25, most=n)
    apart = ((asked[:, None] - made) ** 2).sum(axis=2)
    wanted = {(int(i), int(j)) for i, j in zip(*np.nonzero(apart < 0.2499), strict=True)}
    found = set(zip(which.tolist(), place.tolist(), strict=True))
    assert wanted <= found
    assert (apart[which, place] < 0.2501).all()


def test_the_nearest_come_first_and_no_more_than_wanted():
    index, made = filled(3 * RECENT)
    which, place = index.near(made[:5], within=9.0, most=3)
    assert which.tolist() == sorted(which.tolist())
    assert np.bincount(which).max() == 3
    assert [place[which == i][0] for i in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n", [10, 3 * RECENT])
def test_what_is_dropped_or_overwritten_is_not_found(n):
    index, made = filled(n)
    index.drop(np.array([3]))
    index.put(np.array([4]), made[4:5] + 50)
    assert 3 not in index.near(made[3:4], within=0.01, most=5)[1]
    index.put(np.arange(n), made)
    assert 3 in index.near(made[3:4], within=0.01, most=5)[1]


def test_nothing_is_near_to_nothing():
    index, made = filled(4)
    for found in (index.near(made[:0], within=1.0, most=2), index.near(made + 90, within=1.0, most=2)):
        assert [part.size for part in found] == [0, 0]
