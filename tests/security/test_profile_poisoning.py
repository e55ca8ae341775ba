"""Row 20: nobody teaches a profile but its user, who has shown to be that, and nobody teaches it much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flask_zerotrust import identity
from flask_zerotrust.identity.learning import DAY_STROKES
from flask_zerotrust.movement import HABIT_NAMES, Integrity, wire
from flask_zerotrust.replay.evidence import WEAK, Replayed
from flask_zerotrust.risk import assess
from flask_zerotrust.web.recognition import Sight, may_teach
from tests.integration.profiled import Says, agreeing, known, many, profiles, progress, proven, record
from tests.integration.sites import Site, Visitor, movement

DAY_S = 86_400


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return agreeing(make_site(ZEROTRUST_IDENTITY=True))


@pytest.fixture
def says(monkeypatch: Any) -> Says:
    return Says(monkeypatch)


def send(visitor: Visitor, batch: wire.EventBatch, **changes: Any) -> None:
    planes = wire.encode_planes(batch, t0_ms=0)
    answer = visitor.send(visitor.body(planes=planes, sent=batch.sent_ms, **changes))
    assert answer.status_code == 204, answer.text


def test_a_session_that_has_shown_nothing_teaches_nothing(site: Site) -> None:
    """A password, or a cookie, is not enough."""
    many(site.visitor().login(), 80)
    assert progress(site).strokes == 0


def test_another_session_of_the_same_user_is_not_proven_by_the_first(site: Site) -> None:
    many(proven(site), 10)
    many(site.visitor().login(), 80)
    assert progress(site).strokes == 10


def test_a_code_that_another_user_passed_proves_nothing(site: Site) -> None:
    visitor = proven(site, "grace")
    visitor.login("ada")
    many(visitor, 20)
    assert (progress(site, "ada").strokes, progress(site, "grace").strokes) == (0, 0)


def test_a_latched_session_teaches_nothing(site: Site) -> None:
    """Not even the good movement that follows."""
    ada = many(proven(site), 10).move(6, says=4.0)
    assert record(ada).latched
    before = progress(site).strokes
    site.scorer.says = -3.0
    many(ada, 10)
    site.clock.tick(900)
    many(ada, 40)
    assert ada.level() == "low"
    assert progress(site).strokes == before


def test_a_session_latched_elsewhere_teaches_nothing(site: Site) -> None:
    ada = many(proven(site), 10)
    site.visitor().login().move(6, says=4.0)
    site.scorer.says = -3.0
    many(ada, 20)
    assert progress(site).strokes == 10


def test_a_session_once_suspect_teaches_nothing(site: Site) -> None:
    ada = proven(site).move(3, says=0.6)
    assert record(ada).suspect
    site.scorer.says = -3.0
    many(ada, 40)
    assert ada.level() == "low"
    assert not record(ada).latched
    assert progress(site).strokes == 0


def test_movement_of_a_bot_teaches_nothing(site: Site) -> None:
    site.scorer.says = 4.0
    many(proven(site), 40)
    assert progress(site).strokes == 0


def test_movement_that_could_be_anybodys_teaches_nothing(site: Site) -> None:
    ada = proven(site)
    ada.move(2)
    assert ada.level() == "unknown"
    assert progress(site).strokes == 0


def test_a_session_with_scripted_moves_teaches_nothing(site: Site) -> None:
    """What the browser did not vouch for, beside movement that it did."""
    ada = many(proven(site), 20)
    send(ada, movement(1, trusted=False))
    many(ada, 20)
    assert ada.level() == "low"
    assert not record(ada).suspect
    assert progress(site).strokes == 20


def test_a_session_with_a_stroke_seen_before_teaches_nothing(site: Site) -> None:
    """Nor does one that plays the user's own movement again."""
    ada = many(proven(site), 20)
    before = record(ada)
    for log_odds, teaches in ((0.0, True), (WEAK, False)):
        state = replace(before.state, replay=Replayed(log_odds))
        found = replace(assess.describe(state, policy=site.scorer.policy), level="low")
        sight = Sight(profiles(site).load("ada"), np.zeros((1, len(HABIT_NAMES))), ())
        assert may_teach(replace(before, state=state), found, sight, now=site.clock()) is teaches


def test_a_session_of_machine_like_timing_teaches_nothing(site: Site) -> None:
    ada = many(proven(site), 20)
    before = record(ada)
    for browser, teaches in (
        (Integrity(press=1.0), True),
        (Integrity(pacing=1.0), True),
        (Integrity(press=1.0, pacing=1.0), False),
    ):
        state = replace(before.state, browser=browser)
        found = assess.describe(state, policy=site.scorer.policy)
        assert found.level == "low"
        sight = Sight(profiles(site).load("ada"), np.zeros((1, 1)), ())
        assert may_teach(before, found, sight, now=site.clock()) is teaches


def test_touch_teaches_nothing(site: Site) -> None:
    ada = many(proven(site), 10)
    send(ada, movement(10, pointer=wire.TOUCH))
    assert progress(site).strokes == 10


def test_more_movement_than_time_has_passed_teaches_nothing(site: Site) -> None:
    """Made up, or recorded elsewhere and pushed through at once."""
    ada = many(proven(site), 10)
    for _ in range(9):
        send(ada, movement(10))
    assert progress(site).strokes <= 40


def test_a_batch_sent_again_teaches_once(site: Site) -> None:
    ada = many(proven(site), 10)
    body = ada.body(planes=wire.encode_planes(movement(10), t0_ms=0), sent=movement(10).sent_ms)
    site.clock.tick(10)
    assert [ada.send(body).status_code for _ in range(3)] == [204, 409, 409]
    assert progress(site).strokes == 20


def test_one_day_teaches_no_more_than_its_quota(site: Site, says: Says) -> None:
    """In however many sessions; the next day goes on."""
    for _ in range(4):
        many(proven(site), 100)
    assert progress(site).strokes == DAY_STROKES
    site.clock.tick(DAY_S)
    many(proven(site), 20)
    assert progress(site).strokes == DAY_STROKES + 20


def test_another_person_teaches_hardly_anything_even_with_a_code(site: Site, says: Says) -> None:
    """A phished code: what is unlike the profile ends the teaching before it has begun, and the grant."""
    known(site)
    says.says = 1.5
    thief = proven(site)
    many(thief, 100)
    assert progress(site).strokes == 60
    assert thief.asked()


@pytest.mark.parametrize(("each", "taught"), [(0.1, 0), (-0.05, 0), (-0.5, 30)])
def test_a_profile_learns_only_what_it_recognises(site: Site, says: Says, each: float, taught: int) -> None:
    """Movement that is nearly the user's, every day after a phished code, does not creep in."""
    known(site)
    says.says = each
    for _ in range(3):
        site.clock.tick(DAY_S)
        thief = many(proven(site), 10)
        assert thief.level() == "low"
    assert progress(site).strokes == 60 + taught


def steps(background: identity.Background, profile: identity.Profile, habits: np.ndarray) -> float:
    """Return how far one batch moves a profile, in standard deviations between strokes."""
    after = identity.learn(profile, habits, now=profile.updated_at + DAY_S, background=background)
    moved = after.instruments[0].mean - profile.instruments[0].mean
    return float(np.sqrt((moved**2 / background.within).mean()))


def test_one_batch_moves_a_ready_profile_a_little_at_most(site: Site, says: Says) -> None:
    """However strange its strokes are, and however many."""
    known(site)
    background = site.app.extensions["zerotrust"].background
    profile = profiles(site).load("ada").profile
    assert profile is not None
    device = profile.instruments[0].kind
    strange = np.full((200, len(HABIT_NAMES)), 1e6)
    strange[:, -device.size :] = device
    young = replace(profile, strokes=1)
    assert steps(background, young, strange) > 0.5, "strange strokes must be able to move something"
    assert steps(background, profile, strange) <= 0.1


def test_a_poisoned_day_can_be_taken_back(site: Site, says: Says) -> None:
    known(site)
    before = profiles(site).export("ada")["profile"]["instruments"]
    site.clock.tick(DAY_S)
    many(proven(site), 100)
    assert profiles(site).export("ada")["profile"]["instruments"] != before
    profiles(site).rollback("ada")
    assert profiles(site).export("ada")["profile"]["instruments"] == before
