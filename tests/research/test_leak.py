"""The model reads movement, not the machine: replays of people must look like people to it."""

from __future__ import annotations

import itertools

import pytest

from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.training.evaluate import score_session
from research import figures, recipe

pytestmark = pytest.mark.smoke


def test_moved_and_re_rendered_replays_of_people_score_like_the_people(
    sapimouse_visits: tuple[Recording, ...],
):
    """Far from a half, the result would be void: the model would know the renderer."""
    people = (r for r in sapimouse_visits if r.user in SAPIMOUSE_HELD_OUT)
    said = figures.leak(itertools.islice(people, 12), load_bundle(), seed=1)
    assert said["strokes"] > 500
    assert 0.45 <= said["auc"] <= 0.60


def test_people_never_seen_are_low_and_simulated_bots_are_not(sapimouse_visits: tuple[Recording, ...]):
    scorer = load_bundle()
    people = (r for r in sapimouse_visits if r.user in SAPIMOUSE_HELD_OUT)
    seen = [score_session(r, scorer)["after"] for r in itertools.islice(people, 20)]
    assert sum(after["3"]["level"] == "low" for after in seen) >= 18
    assert not any(after["20"]["step_up"] for after in seen)
    bots = [score_session(r, scorer)["after"]["all"] for r in recipe.bots(seed=99, n=42)]
    assert sum(after["step_up"] for after in bots) >= 38
