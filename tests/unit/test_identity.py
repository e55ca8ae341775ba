"""Profiles: what is learnt of a person, how they are told from others, and what a profile never does."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust import identity
from flask_zerotrust.motion import HABIT_NAMES

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def background():
    return identity.load_background()


def strokes(background, n, *, seed=0, at=0.0, interval=4.0):
    """Return features of n strokes of somebody who lies ``at`` standard deviations along the first axis."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, background.within.size)) * np.sqrt(background.within)
    z[:, 0] += at
    back = np.linalg.pinv(background.projection)
    features = background.mean + (z @ back) * np.where(np.isinf(background.scale), 0.0, background.scale)
    features[:, -3:] = (interval, 10.0, 9.5)
    assert features.shape[1] == len(HABIT_NAMES)
    return features


def learnt(background, *, at=0.0, n=120, now=0.0):
    return identity.learn(None, strokes(background, n, at=at), now=now, background=background)


def test_the_owner_is_told_from_another(background):
    profile = learnt(background, at=1.5)
    own = identity.compare(profile, strokes(background, 40, seed=1, at=1.5), background=background)
    other = identity.compare(profile, strokes(background, 40, seed=2, at=-1.5), background=background)
    assert own.mean() < 0 < other.mean()


def test_a_profile_comes_back_as_it_was_kept(background):
    profile = learnt(background)
    again = identity.Profile.from_bytes(profile.to_bytes())
    assert again.to_bytes() == profile.to_bytes()
    assert len(profile.to_bytes()) <= 16_384
