"""Row 15: a page's own clock is the client's word; the server's decides how much may have happened."""

from __future__ import annotations

import json

import pytest

from flask_zerotrust.movement import wire
from flask_zerotrust.risk.timeline import SLACK_S
from tests.integration.sites import Site, Visitor, movement


def batch(visitor: Visitor, strokes: int, **changes: float) -> str:
    """Return one batch of so many strokes, a second each."""
    moved = movement(strokes)
    planes = wire.encode_planes(moved, t0_ms=0)
    return visitor.body(1, planes=planes, sent=changes.get("sent", strokes * 1_000.0))


def test_more_movement_than_time_has_passed_counts_for_nothing_good(site: Site, ada: Visitor) -> None:
    """Forty seconds of movement in one batch, in a session that has just begun."""
    assert ada.send(batch(ada, 40)).status_code == 204
    assert ada.level() == "unknown"
    assert ada.asked()


def test_what_the_page_may_have_in_hand_counts(site: Site, ada: Visitor) -> None:
    assert ada.send(batch(ada, int(SLACK_S))).status_code == 204
    assert ada.level() == "low"


def test_many_small_batches_at_once_are_no_way_around_it(site: Site, ada: Visitor) -> None:
    """Also from many pages at once: a hand moves one mouse. What was held against her is not drowned."""
    ada.move(6, says=4.0)
    site.scorer.says = -3.0
    for page in range(60):
        ada.nonce = f"one-of-very-many-pages-{page}"
        assert ada.send(batch(ada, 5)).status_code == 204
    record = site.app.extensions["zerotrust"].sessions.record(ada.entry()["id"], user="ada")
    assert 6 < record.strokes <= 6 + SLACK_S
    assert ada.asked()


def test_the_same_movement_in_its_own_time_counts(site: Site, ada: Visitor) -> None:
    for _ in range(20):
        site.clock.tick(5)
        ada.send(batch(ada, 5))
    assert ada.level() == "low"
    assert site.app.extensions["zerotrust"].sessions.record(ada.entry()["id"], user="ada").strokes == 100


def test_what_speaks_for_a_bot_counts_however_fast_it_came(site: Site, ada: Visitor) -> None:
    site.scorer.says = 4.0
    ada.send(batch(ada, 40))
    assert ada.level() == "high"


@pytest.mark.parametrize(("late_ms", "level"), [(250.0, "low"), (251.0, "unknown")])
def test_movement_later_than_its_own_sending_counts_for_nothing_good(
    ada: Visitor, late_ms: float, level: str
) -> None:
    last = float(movement(5).t_ms[-1])
    assert ada.send(batch(ada, 5, sent=last - late_ms)).status_code == 204
    assert ada.level() == level


def test_a_step_up_does_not_hand_out_more_time_than_a_new_session(site: Site, ada: Visitor) -> None:
    ada.step_up("/admin")
    ada.send(batch(ada, 40))
    assert ada.level() == "unknown"


def test_a_login_does_not_start_the_clock_again(site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    visitor.send(batch(visitor, 25))
    visitor.login()
    for page in range(2):
        visitor.nonce = f"page-after-the-login-{page}"
        visitor.send(batch(visitor, 25))
    record = site.app.extensions["zerotrust"].sessions.record(visitor.entry()["id"], user="ada")
    assert record.strokes == 25


def test_a_clock_that_runs_backwards_hands_out_nothing(site: Site, ada: Visitor) -> None:
    ada.send(batch(ada, 25))
    site.clock.tick(-3_000)
    ada.nonce = "page-after-the-clock-was-set"
    ada.send(batch(ada, 25))
    assert site.app.extensions["zerotrust"].sessions.record(ada.entry()["id"], user="ada").strokes == 25


def test_replaying_ones_own_sequence_counts_once(site: Site, ada: Visitor) -> None:
    """Row 16, as far as it goes today: the same numbers again, before and after a new token."""
    bodies = [batch(ada, 2) for _ in range(3)]
    for body in bodies:
        ada.send(body)
    again = {**json.loads(bodies[0]), "token": ada.token()}
    assert [ada.send(body).status_code for body in (*bodies, json.dumps(again))] == [409] * 4
    assert site.app.extensions["zerotrust"].sessions.record(ada.entry()["id"], user="ada").strokes == 6
