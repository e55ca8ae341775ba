"""Row 14: a session that has proven nothing is not held against the user's other sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_zerotrust import testing
from flask_zerotrust.sessions.record import Ledger
from tests.integration.sites import Site, Visitor


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A site with the default rule for new browsers."""
    return make_site(ZEROTRUST_NEW_BROWSER="challenge")


def logged_in(site: Site) -> Visitor:
    """Return a browser of ada's that has moved a little, so that the store knows its session."""
    return site.visitor().login().move(1, says=-2.0)


def is_latched(visitor: Visitor) -> bool:
    return bool(visitor.fetch("/level").json["latched"])


def ledger(site: Site) -> Ledger:
    held: Ledger = site.app.extensions["zerotrust"].sessions.ledger("ada")
    return held


def move_like_a_bot(visitor: Visitor) -> Visitor:
    visitor.move(6, says=4.0)
    assert visitor.level() == "high"
    return visitor


def test_an_unproven_session_that_goes_high_latches_itself_only(site: Site) -> None:
    ada, waiting = logged_in(site).step_up(), logged_in(site)
    assert is_latched(move_like_a_bot(site.visitor().login()))
    assert not is_latched(ada)
    assert not is_latched(waiting)
    assert not is_latched(logged_in(site))
    assert ledger(site) == Ledger()
    assert not ada.asked()


def test_an_owner_in_a_known_browser_is_not_asked_for_what_a_thief_moves(site: Site) -> None:
    ada = logged_in(site)
    testing.remember(ada.client)
    move_like_a_bot(site.visitor().login())
    assert not ada.asked()


def test_many_unproven_sessions_are_no_strikes(site: Site) -> None:
    ada = logged_in(site).step_up()
    for _ in range(4):
        assert site.visitor().login().move(3, says=0.4).level() == "elevated"
    assert ledger(site) == Ledger()
    assert not is_latched(logged_in(site))
    assert not is_latched(ada)


def test_a_bot_that_logs_in_as_the_user_latches_only_its_own_session(site: Site) -> None:
    """What it moved before the login counts for the session that begins."""
    ada, visitor = logged_in(site).step_up(), site.visitor()
    visitor.open("/")
    visitor.move(6, says=4.0)
    assert is_latched(visitor.login())
    assert not is_latched(ada)
    assert ledger(site) == Ledger()


def test_a_proven_session_that_goes_high_latches_the_others(site: Site) -> None:
    ada, other = logged_in(site).step_up(), logged_in(site)
    move_like_a_bot(ada)
    assert is_latched(other)
    assert is_latched(logged_in(site))
    assert ledger(site).latched


def test_a_known_browser_that_goes_high_latches_the_others(site: Site) -> None:
    ada, other = logged_in(site), logged_in(site)
    testing.remember(ada.client)
    move_like_a_bot(ada)
    assert is_latched(other)


def test_three_proven_sessions_are_three_strikes(site: Site) -> None:
    proven = [site.visitor().login().step_up() for _ in range(3)]
    for visitor in proven:
        visitor.move(3, says=0.4)
    assert ledger(site).strikes == 3
    assert is_latched(logged_in(site))
