"""Profiles: what is learnt of a person, how they are told from others, and what a profile never does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flask_zerotrust import identity
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.identity import background as model
from flask_zerotrust.identity import learning
from flask_zerotrust.identity.evidence import CAP_OTHER, CAP_OWNER, STROKE_CAP, TEMPER, Identity
from flask_zerotrust.identity.learning import (
    DAY_STROKES,
    MAX_DRIFT,
    MAX_INSTRUMENTS,
    MEMORY_STROKES,
    READY_STROKES,
)
from flask_zerotrust.identity.profile import MAX_BYTES
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.movement import HABIT_NAMES

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


def told(background, profile, *, interval):
    """Return what strokes of the owner, and of somebody else, say in the mean with some mouse."""
    return [
        identity.compare(
            profile, strokes(background, 40, seed=1, at=at, interval=interval), background=background
        ).mean()
        for at in (1.5, -1.5)
    ]


def test_the_owner_is_known_with_another_mouse_though_less_surely(background):
    """What was learnt with one instrument says something of the person, and more of the two together."""
    profile = learnt(background, at=1.5)
    own, other = told(background, profile, interval=6.0)
    assert own < 0 < other
    assert other < told(background, profile, interval=4.0)[1]


def test_another_mouse_is_learnt_beside_the_first_and_not_over_it(background):
    profile = learnt(background, at=1.5)
    first, after = profile.instruments[0].mean, profile
    for seed in range(40):
        seen = strokes(background, 7, seed=seed, at=3.0, interval=6.0)
        after = identity.learn(after, seen, now=1.0, background=background)
    assert [found.kind[0] for found in after.instruments] == [4.0, 6.0]
    assert (after.instruments[0].mean == first).all()
    assert after.instruments[1].mean[0] > first[0] + 0.5


def test_another_screen_is_the_same_instrument(background):
    """Its size says how large a window is, which changes by the hour."""
    seen = strokes(background, 20, seed=3)
    seen[:, -2:] += 1.0
    after = identity.learn(learnt(background), seen, now=1.0, background=background)
    assert len(after.instruments) == 1


def test_a_profile_comes_back_as_it_was_kept(background):
    profile = learnt(background)
    again = identity.Profile.from_bytes(profile.to_bytes())
    assert again.to_bytes() == profile.to_bytes()
    assert len(profile.to_bytes()) <= MAX_BYTES


def test_the_largest_profile_stays_below_what_a_row_may_hold(background):
    profile = learnt(background)
    for rate in range(MAX_INSTRUMENTS + 2):
        seen = strokes(background, 30, interval=1.0 + rate)
        profile = identity.learn(profile, seen, now=(rate + 1) * DAY_S, background=background)
    assert len(profile.instruments) == len(profile.previous) == MAX_INSTRUMENTS
    assert len(profile.to_bytes()) <= MAX_BYTES
    # What docs/deployment.md says a user takes, encrypted and written in letters.
    assert len(KeyRing(["dev"]).encrypt("movement-profile", profile.to_bytes())) <= 3_000


@pytest.mark.parametrize("at", [0, 1])
def test_the_instrument_not_seen_for_longest_goes(background, at):
    """Also where it was the first."""
    profile = None
    order = [1.0, 2.0, 3.0, 4.0][at:] + [1.0, 2.0, 3.0, 4.0][:at]
    for day, rate in enumerate([*order, 5.0]):
        seen = strokes(background, 20, interval=rate)
        profile = identity.learn(profile, seen, now=day * DAY_S, background=background)
    assert {found.kind[0] for found in profile.instruments} == {1.0, 2.0, 3.0, 4.0, 5.0} - {order[0]}


# Limits of learning


def test_a_day_teaches_its_quota_and_the_next_goes_on(background):
    profile = None
    for _ in range(5):
        profile = identity.learn(profile, strokes(background, 100), now=10.0, background=background)
    assert profile.strokes == profile.learnt_today == DAY_STROKES
    assert identity.learn(profile, strokes(background, 9), now=11.0, background=background) is profile
    after = identity.learn(profile, strokes(background, 9), now=DAY_S, background=background)
    assert (after.strokes, after.learnt_today) == (DAY_STROKES + 9, 9)


def test_a_clock_that_runs_backwards_opens_no_second_quota(background):
    profile = None
    for now in (5 * DAY_S, DAY_S, 5 * DAY_S):
        profile = identity.learn(profile, strokes(background, 250), now=now, background=background)
    assert profile.strokes == DAY_STROKES
    assert profile.updated_at == 5 * DAY_S


def moved(before, after, background):
    step = after.instruments[0].mean - before.instruments[0].mean
    return float(np.sqrt((step**2 / background.within).mean()))


def test_one_step_moves_a_ready_profile_by_the_bound_and_no_further(background):
    profile = learnt(background, n=READY_STROKES)
    strange = strokes(background, 200, at=30.0)
    after = identity.learn(profile, strange, now=1.0, background=background)
    assert moved(profile, after, background) == pytest.approx(MAX_DRIFT)
    young = learnt(background, n=READY_STROKES - 1)
    after = identity.learn(young, strange, now=1.0, background=background)
    assert moved(young, after, background) > 2 * MAX_DRIFT


@pytest.mark.parametrize("seen_with", [4.0, 6.0])
@pytest.mark.parametrize("n", [1, 10, 200])
def test_no_instrument_is_a_way_around_the_bound(background, seen_with, n):
    """One step moves what is expected of the owner little, with every mouse, known or named for this."""
    profile = learnt(background, n=READY_STROKES)
    strange = strokes(background, n, at=30.0, interval=seen_with)
    after = identity.learn(profile, strange, now=1.0, background=background)
    for judged_with in (2.0, 4.0, 6.0):
        kind = np.array([judged_with, 10.0, 9.5])
        before, now = (learning._expected(each, kind, background)[0] for each in (profile, after))
        # Bound is the mean of an instrument; that more strokes make it surer adds a little.
        assert np.sqrt(((now - before) ** 2 / background.within).mean()) <= 1.1 * MAX_DRIFT


def test_old_strokes_fade(background):
    profile = learnt(background, n=200)
    for day in range(1, 9):
        profile = identity.learn(profile, strokes(background, 200), now=day * DAY_S, background=background)
    assert profile.strokes == 1800
    assert profile.instruments[0].strokes == MEMORY_STROKES


# Versions, and the way back


def test_every_change_counts(background):
    profile = learnt(background)
    assert profile.version == 1
    after = identity.learn(profile, strokes(background, 5), now=1.0, background=background)
    assert after.version == 2
    assert after.rolled_back().version == 3


def test_a_day_is_taken_back_whole(background):
    before = learnt(background)
    after = before
    for seed in (1, 2):
        seen = strokes(background, 40, seed=seed, at=2.0)
        after = identity.learn(after, seen, now=DAY_S + seed, background=background)
    assert moved(before, after, background) > 0
    back = after.rolled_back()
    assert moved(before, back, background) == 0
    assert back.strokes == before.strokes


def test_taking_the_first_day_back_leaves_nothing(background):
    back = learnt(background).rolled_back()
    assert (back.strokes, back.instruments, identity.ready(back)) == (0, (), False)


def test_a_profile_of_another_background_says_nothing_and_starts_anew(background):
    profile = replace(learnt(background), background="another")
    seen = strokes(background, 7, at=3.0)
    assert not identity.compare(profile, seen, background=background).any()
    after = identity.learn(profile, seen, now=1.0, background=background)
    assert (after.strokes, after.background) == (7, background.version)


def test_a_profile_that_is_not_ready_says_nothing(background):
    profile = learnt(background, n=READY_STROKES - 1)
    assert not identity.ready(profile)
    assert not identity.compare(profile, strokes(background, 7), background=background).any()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"rubbish",
        b"[]",
        b"{}",
        b'{"format": 2}',
        b'{"format": 1}',
        b'{"format": 1, "instruments": [{}], "previous": []}',
        b'{"format": 1, "instruments": [], "previous": [], "background": "x", "more": 1}',
        b'{"format": 1, "instruments": [], "previous": [], "background": "x"}' + b" " * MAX_BYTES,
    ],
)
def test_what_is_no_profile_is_refused_in_one_way(data):
    with pytest.raises(StoreError, match="forget it"):
        identity.Profile.from_bytes(data)


# Evidence


def test_one_stroke_says_so_much_at_most():
    assert Identity().add([1e9]).log_odds == TEMPER * STROKE_CAP
    assert Identity().add([-1e9]).log_odds == -TEMPER * STROKE_CAP


def test_evidence_is_capped_on_both_sides():
    assert Identity().add([1e9] * 100).log_odds == CAP_OTHER
    assert Identity().add([-1e9] * 100).log_odds == -CAP_OWNER


def test_evidence_fades():
    known = Identity().add([2.0, 2.0]).faded(0.25)
    assert (known.log_odds, known.strokes) == (0.5, 0.5)


# The background that ships


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the background that ships."""
    return shutil.copytree(model.DEFAULT, tmp_path / "background")


def change(folder: Path, **members: Any) -> None:
    manifest = json.loads((folder / model.MANIFEST).read_text()) | members
    (folder / model.MANIFEST).write_text(json.dumps(manifest))


def test_the_manifest_says_what_the_background_was_made_of(background):
    assert background.manifest["features"] == list(HABIT_NAMES)
    found = background.manifest["provenance"]["calibration"]
    assert background.slope == np.float32(found["slope"])
    assert background.offset == np.float32(found["offset"])
    assert 0 < background.slope < 1


def test_a_changed_array_file_is_refused(copy):
    data = bytearray((copy / model.ARRAYS).read_bytes())
    data[-1] ^= 1
    (copy / model.ARRAYS).write_bytes(bytes(data))
    with pytest.raises(ConfigError, match="SHA-256"):
        identity.load_background(copy)


def test_a_changed_manifest_is_refused_where_it_is_pinned(copy):
    change(copy, name="mine")
    assert identity.load_background(copy).manifest["name"] == "mine"
    with pytest.raises(ConfigError, match="SHA-256"):
        identity.load_background(copy, "0" * 64)


def test_the_background_that_ships_is_pinned_in_code(copy, monkeypatch):
    monkeypatch.setattr(model, "DEFAULT", copy)
    identity.load_background()
    change(copy, name="mine")
    with pytest.raises(ConfigError, match="Reinstall"):
        identity.load_background()


@pytest.mark.parametrize(
    ("members", "words"),
    [({"schema": 99}, "schema"), ({"features_sha256": "0"}, "other features")],
)
def test_a_background_of_another_kind_is_refused_with_advice(copy, members, words):
    change(copy, **members)
    with pytest.raises(ConfigError, match=f"(?s){words}.*train-identity"):
        identity.load_background(copy)


def test_a_folder_without_a_background_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.*cannot be read"):
        identity.load_background(tmp_path / "nowhere")
