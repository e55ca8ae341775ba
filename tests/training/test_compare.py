"""Models side by side on made-up movement: same splits, thresholds from people, a table at the end."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from flask_zerotrust import movement
from flask_zerotrust.simulate import bots
from flask_zerotrust.training.table import features
from research.models_compared import __main__ as command
from research.models_compared import strokes, study
from research.models_compared.profiles import FEATURES, PROFILE, WIDTH, describe

from .test_fit import FAMILIES, hand


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(study, "FOLDS", 2)
    monkeypatch.setattr(strokes, "networks", partial(strokes.networks, epochs=2))
    monkeypatch.setattr(strokes.fit, "boosted", lambda table, seed: _small(table, seed))


_boosted = strokes.fit.boosted


def _small(table, seed):
    return _boosted(table, seed=seed, trees=5)


def test_all_models_are_judged_on_the_same_stretches(few):
    fitted = [*(hand(user, seed=1) for user in range(4))]
    fitted += bots(8, rng=np.random.default_rng(2), families=FAMILIES, strokes=6)
    sets = {"others": [hand(9, seed=1)]}
    found = study.compare(fitted, sets, [hand(8, seed=1)], seed=1)
    assert set(found["models"]) >= {*strokes.FITTERS, *(f"{name} + second level" for name in study.SECOND)}
    for one in found["models"].values():
        assert one["cost_us"] > 0
        assert one["3"]["people"]["others"]["stretches"] == 4
        assert set(one["3"]["families"]) == set(FAMILIES)
    page = command.page(found)
    assert all(name in page for name in found["models"])
    assert "False step-ups, others" in page


def test_the_profile_knows_neither_place_nor_size_nor_direction():
    recording = hand(1, seed=3)
    turned = np.exp(1.1j) * 2.0 * (recording.x + 1j * recording.y)
    one = movement.Strokes(recording.t[:40], recording.x[:40], recording.y[:40], np.array([0, 40]))
    two = movement.Strokes(recording.t[:40], turned.real[:40], turned.imag[:40], np.array([0, 40]))
    a, b = describe(one), describe(two)
    assert a.shape == (1, WIDTH)
    np.testing.assert_allclose(a[:, PROFILE], b[:, PROFILE], atol=1e-9)
    along = a[:, PROFILE][0, :32].mean()
    assert along == pytest.approx(a[0, movement.FEATURE_NAMES.index("efficiency")], rel=1e-6)
    np.testing.assert_array_equal(a[:, FEATURES], movement.extract(one))


def test_describing_a_recording_gives_the_features_first():
    recording = hand(2, seed=1)
    np.testing.assert_array_equal(features(recording, describe)[:, FEATURES], features(recording))
