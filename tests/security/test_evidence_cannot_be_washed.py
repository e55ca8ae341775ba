"""Rows 17 and 26: nothing but a factor clears what was held against a session or its user."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import session
from flask_login import login_user

from flask_zerotrust.errors import StoreError
from tests.integration.sites import Site, User, Visitor, give


@pytest.fixture
def caught(ada: Visitor) -> Visitor:
    """Ada's session after six strokes of a bot, by now at a protected page."""
    ada.move(6, says=4.0)
    assert ada.level() == "high"
    return ada


def good(visitor: Visitor) -> Visitor:
    return visitor.move(8, says=-3.0)


def test_sending_nothing_is_not_being_trusted(ada: Visitor) -> None:
    assert ada.level() == "unknown"
    assert ada.asked()


def test_waiting_washes_nothing(site: Site, caught: Visitor) -> None:
    site.clock.tick(20 * 3_600)
    assert caught.asked()
    assert good(caught).asked()


def test_good_movement_washes_nothing(site: Site, caught: Visitor) -> None:
    for _ in range(20):
        site.clock.tick(60)
        good(caught)
    assert caught.level() == "low"
    assert caught.asked()


def test_logging_in_again_washes_nothing(caught: Visitor) -> None:
    caught.login()
    assert caught.asked()
    assert good(caught).asked()


def test_logging_out_and_in_washes_nothing(caught: Visitor) -> None:
    caught.submit("/logout", {})
    caught.login()
    assert caught.asked()
    assert good(caught).asked()


def test_a_new_browser_washes_nothing(site: Site, caught: Visitor) -> None:
    fresh = site.visitor().login()
    assert good(fresh).asked()


def test_a_browser_made_ready_beforehand_is_no_way_out(site: Site) -> None:
    """Both sessions were open, and good, when one of them was caught."""
    ready = good(site.visitor().login())
    assert not ready.asked()
    other = site.visitor().login().move(6, says=4.0)
    assert other.asked()
    assert ready.asked()


def test_another_user_is_not_held_responsible(site: Site, caught: Visitor) -> None:
    assert not good(site.visitor().login("grace")).asked()


def test_movement_before_the_login_counts_against_it(site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(6, says=4.0)
    visitor.login()
    assert good(visitor).asked()
    assert good(site.visitor().login()).asked()


def test_a_site_that_clears_its_session_at_login_washes_nothing(site: Site) -> None:
    @site.app.post("/enter")
    def enter() -> str:
        session.clear()
        login_user(User("ada"))
        return "in"

    visitor = site.visitor()
    visitor.open("/")
    visitor.move(6, says=4.0)
    visitor.submit("/enter", {})
    assert visitor.level() == "high"


def test_a_third_elevated_session_latches_the_next(site: Site) -> None:
    """Each stays below high; together they are a pattern."""
    for _ in range(3):
        visitor = site.visitor().login().move(3, says=0.4)
        assert visitor.level() == "elevated"
    assert good(site.visitor().login()).asked()


def test_two_elevated_sessions_latch_nobody(site: Site) -> None:
    for _ in range(2):
        site.visitor().login().move(3, says=0.4)
    assert not good(site.visitor().login()).asked()


def test_many_batches_at_once_are_one_strike(site: Site, ada: Visitor) -> None:
    """Lost races are tried again; a session must not be counted once a try."""
    ada.move(2, says=0.4)
    bodies, cookie = [ada.body(1) for _ in range(20)], ada.cookie()

    def post(body: str) -> int:
        client = site.app.test_client()
        give(client, cookie)
        return int(client.post("/zerotrust/events", data=body).status_code)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(post, bodies)) == {204}
    assert site.app.extensions["zerotrust"].sessions.ledger("ada").strikes == 1


def test_a_factor_clears_it_for_the_session_that_passed(site: Site, caught: Visitor) -> None:
    caught.step_up()
    assert not caught.asked()
    assert not good(site.visitor().login()).asked()


def test_one_good_visit_warms_one_login_only(site: Site) -> None:
    """Movement of a visitor goes along to the first login; thieves of many passwords get one at most."""
    visitor = site.visitor()
    visitor.open("/")
    good(visitor)
    warm, names = visitor.cookie(), ["ada", "grace", "alan", "tess"]
    start = Barrier(len(names))

    def enter(name: str) -> str:
        thief = site.visitor().put_back(warm)
        start.wait(20)
        thief.submit("/login", {"username": name})
        return thief.level()

    with ThreadPoolExecutor(len(names)) as pool:
        levels = sorted(pool.map(enter, names))
    assert levels == ["low", "unknown", "unknown", "unknown"]


def test_two_logins_that_read_one_visit_at_the_same_moment_share_it_not(
    site: Site, monkeypatch: Any
) -> None:
    """The same race, made certain: the second login happens between the first one's reads and writes."""
    visitor = site.visitor()
    visitor.open("/")
    good(visitor)
    warm = visitor.cookie()
    store = site.app.extensions["zerotrust"].store
    swap, second = store.swap, site.visitor().put_back(warm)

    def overtaken(key: str, **values: Any) -> bool:
        monkeypatch.undo()
        second.submit("/login", {"username": "grace"})
        return bool(swap(key, **values))

    monkeypatch.setattr(store, "swap", overtaken)
    first = site.visitor().put_back(warm)
    first.submit("/login", {"username": "ada"})
    assert (first.level(), second.level()) == ("unknown", "low")


def test_a_model_that_says_nothing_finite_trusts_nobody(site: Site, ada: Visitor) -> None:
    for said in (float("nan"), float("-inf")):
        ada.move(5, says=said)
    assert ada.level() == "unknown"
    assert ada.asked()


def test_a_store_that_fails_opens_nothing(site: Site, ada: Visitor, monkeypatch: Any) -> None:
    good(ada)

    def fails(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is gone")

    for name in ("get", "put", "swap", "claim", "increment", "delete"):
        monkeypatch.setattr(site.app.extensions["zerotrust"].store, name, fails)
    assert ada.open("/secret").status_code == 503
    assert ada.open("/").status_code == 200


def test_damaged_records_open_nothing(site: Site, ada: Visitor) -> None:
    good(ada)
    store = site.app.extensions["zerotrust"].store
    for raw in (b"", b"{}", b"null", b"[]", b'{"v": 1}', b"\xff"):
        store.put("session:" + ada.entry()["id"], raw, ttl_s=60, owner="user:ada")
        assert ada.open("/secret").status_code == 503


@pytest.mark.parametrize("dropped", [1, 2, 3])
def test_dropping_bad_batches_leaves_what_came_before(make_site: Callable[..., Site], dropped: int) -> None:
    """A client can always keep silent; it cannot take back what it has said."""
    site = make_site()
    ada = site.visitor().login().move(6, says=4.0)
    for _ in range(dropped):
        ada.body(1)
    assert good(ada).asked()
