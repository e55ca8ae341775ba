"""Replays and morphs of recordings: what stays of a movement that is made over, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.files import Recording, dump
from research.borrowed import MORPHS, morphs, replays
from tests.training.made import made


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def walk() -> Recording:
    """A crooked way with a rest in it, in whole px."""
    steps = rng(3).integers(-9, 10, (2, 80))
    t = np.cumsum(rng(4).uniform(8, 18, 80))
    t[40:] += 600.0
    x, y = 600 + np.cumsum(steps, axis=1)
    return made(t.tolist(), x.tolist(), y.tolist(), "m" * 79 + "d")


def morphed(walk: Recording, kind: str, seed: int = 1) -> Recording:
    (after,) = morphs([walk], rng=rng(seed), kinds=[kind])
    assert (after.label, after.source, after.user, after.type) == (None, f"morph-{kind}", "7", walk.type)
    assert (np.diff(after.t) >= 0).all()
    assert after.t.min(initial=0.0) >= 0
    return after


def lengths(recording: Recording) -> np.ndarray:
    return np.hypot(np.diff(recording.x), np.diff(recording.y))


def test_a_replay_is_the_same_movement_elsewhere(walk: Recording) -> None:
    """Shifted in space and time as a whole, and nobody's label on it."""
    (after,) = replays([walk], rng=rng())
    np.testing.assert_allclose(np.diff(after.x), np.diff(walk.x), atol=1e-9)
    np.testing.assert_allclose(np.diff(after.t), np.diff(walk.t), atol=2e-3)
    assert after.x[0] != walk.x[0]
    assert (after.label, after.source, after.session) == (None, "replay", "replay-s1")


@pytest.mark.parametrize("kind", ["translate", "rotate", "mirror"])
def test_what_is_only_moved_keeps_its_lengths(walk: Recording, kind: str) -> None:
    """Distances and times stay; places do not."""
    after = morphed(walk, kind)
    np.testing.assert_allclose(lengths(after), lengths(walk), atol=5e-3)
    np.testing.assert_allclose(np.diff(after.t), np.diff(walk.t), atol=2e-3)
    shape = [np.array([v.x - v.x[0], v.y - v.y[0]]) for v in (walk, after)]
    assert np.allclose(shape[0], shape[1]) == (kind == "translate")


def test_mirroring_turns_left_into_right_or_up_into_down(walk: Recording) -> None:
    """Every turn is reversed, or, mirrored twice, none is."""
    for seed in range(5):
        before, after = turns(walk), turns(morphed(walk, "mirror", seed))
        assert (after == before).all() or (after == -before).all()


def turns(recording: Recording) -> np.ndarray:
    """Return for every corner whether it goes left or right."""
    dx, dy = np.diff(recording.x), np.diff(recording.y)
    return np.sign(dx[:-1] * dy[1:] - dx[1:] * dy[:-1])


@pytest.mark.parametrize("kind", ["replay", *MORPHS])
def test_what_is_made_of_a_recording_is_seeded_and_varied(walk: Recording, kind: str) -> None:
    """The same seed makes the same; twenty are made over in as many ways as there are."""

    def make(seed: int) -> list[str]:
        walks = [walk] * 20
        if kind == "replay":
            return [dump(visit) for visit in replays(walks, rng=rng(seed))]
        return [dump(visit) for visit in morphs(walks, rng=rng(seed), kinds=[kind])]

    assert make(1) == make(1) != make(2)
    # A mirror turns left, up or both; smoothing takes in 3, 5 or 7 events.
    assert len(set(make(1))) == (3 if kind in ("mirror", "smooth") else 20)


def test_made_over_recordings_are_scaled_and_paced_widely(walk: Recording) -> None:
    """From two thirds and less to one and a half and more."""
    for kind, measure in (("scale", lambda v: lengths(v).sum()), ("time_scale", lambda v: np.ptp(v.t))):
        found = morphs([walk] * 40, rng=rng(), kinds=[kind])
        factors = [measure(visit) / measure(walk) for visit in found]
        assert min(factors) < 0.8 < 1.35 < max(factors)


def test_scaling_scales_everything_alike(walk: Recording) -> None:
    """One factor for all distances."""
    before, after = lengths(walk), lengths(morphed(walk, "scale", 2))
    factor = after.sum() / before.sum()
    np.testing.assert_allclose(after, factor * before, atol=5e-3)
    assert abs(factor - 1.0) > 0.01


def test_time_scaling_leaves_the_way(walk: Recording) -> None:
    """One factor for all times."""
    after = morphed(walk, "time_scale")
    np.testing.assert_array_equal(after.x, walk.x)
    factor = np.diff(after.t) / np.diff(walk.t)
    np.testing.assert_allclose(factor, factor[0], atol=1e-3)
    assert abs(factor[0] - 1.0) > 0.01


def test_warping_bends_time_unevenly(walk: Recording) -> None:
    """Faster here, slower there, the way untouched."""
    after = morphed(walk, "warp")
    np.testing.assert_array_equal(after.x, walk.x)
    factor = np.diff(after.t) / np.diff(walk.t)
    assert factor.max() > 1.1 * factor.min()


def test_smoothing_shortens_the_way_a_little(walk: Recording) -> None:
    """Corners are cut, places stay near."""
    after = morphed(walk, "smooth")
    assert lengths(after).sum() < lengths(walk).sum()
    assert np.abs(after.x - walk.x).max() < 30


def test_jitter_moves_every_event_a_little(walk: Recording) -> None:
    """Some px and ms, not more."""
    after = morphed(walk, "jitter")
    assert 0.2 < np.std(after.x - walk.x) < 4.0
    assert 0.2 < np.std(np.diff(after.t) - np.diff(walk.t)) < 12.0


def test_all_kinds_of_morphs_are_drawn(walk: Recording) -> None:
    """When none is asked for; an unknown one is refused."""
    found = {v.source for v in morphs([walk] * 100, rng=rng())}
    assert found == {f"morph-{kind}" for kind in MORPHS}
    with pytest.raises(ConfigError, match="explode is no kind of morph"):
        list(morphs([walk], rng=rng(), kinds=["explode"]))


@pytest.mark.parametrize("kind", MORPHS)
def test_an_empty_recording_can_be_made_over(kind: str) -> None:
    """It stays empty."""
    assert len(morphed(made([]), kind)) == 0
