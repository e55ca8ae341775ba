"""What the signed session holds: ids only, small, written on navigations and where an id changes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import session
from flask.sessions import SecureCookieSessionInterface

from flask_zerotrust import current_risk
from flask_zerotrust.sessions.sessions import SESSION_KEY

from .sites import Site, Visitor, reads_older_sessions


def set_cookies(answer: Any) -> list[str]:
    return list(answer.headers.getlist("Set-Cookie"))


def test_the_entry_stays_below_300_bytes(site: Site, ada: Visitor) -> None:
    """Encoded, next to nothing else; all of its members have a fixed size."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(site.app)
    assert serializer is not None
    bare = len(serializer.dumps({}))
    assert len(serializer.dumps({SESSION_KEY: ada.entry()})) - bare < 300


def test_a_busy_sessions_cookie_stays_small(ada: Visitor) -> None:
    ada.move(10, says=0.123456)
    ada.open("/")
    assert len(ada.cookie()) < 700


def test_movement_leaves_the_entry_as_it_is(ada: Visitor) -> None:
    before = ada.entry()
    ada.move(3, says=4.0)
    assert set_cookies(ada.open("/")) == []
    assert ada.entry() == before


def test_only_navigations_write_the_session(site: Site) -> None:
    visitor = site.visitor()
    for headers in ({"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}):
        assert set_cookies(visitor.client.get("/", headers=headers)) == []
    assert set_cookies(visitor.open("/", headers={"Sec-Fetch-Dest": "document"})) != []


def test_the_session_starts_where_the_script_is_asked_for(site: Site) -> None:
    visitor = site.visitor()
    assert set_cookies(visitor.fetch("/")) == []
    names = sorted(cookie.partition("=")[0] for cookie in set_cookies(visitor.open("/")))
    assert names == ["session", "zerotrust_pair"]


def test_an_older_cookie_put_back_gets_no_older_score(ada: Visitor) -> None:
    ada.move(3, says=-2.0)
    ada.open("/")
    good = ada.cookie()
    ada.move(2, says=4.0)
    ada.open("/")
    before = ada.fetch("/level").json
    ada.put_back(good)
    assert ada.fetch("/level").json == before


def test_a_cookie_from_before_a_step_up_is_dead(ada: Visitor) -> None:
    ada.move(5, says=-2.0)
    good = ada.cookie()
    ada.step_up("/admin")
    granted = ada.cookie()
    ada.put_back(good)
    assert ada.level() == "unknown"
    assert ada.asked("/secret")
    assert not ada.put_back(granted).asked("/admin")


def test_a_cookie_with_a_grant_is_dead_after_the_logout(ada: Visitor) -> None:
    granted = ada.step_up("/admin").cookie()
    ada.submit("/logout", {})
    assert ada.put_back(granted).asked("/admin")


def test_a_cookie_with_a_grant_is_dead_after_a_new_login(ada: Visitor) -> None:
    granted = ada.step_up("/admin").cookie()
    ada.login()
    assert not ada.asked("/admin")
    assert ada.put_back(granted).asked("/admin")


def test_a_step_up_from_a_dead_cookie_works_again(ada: Visitor, site: Site) -> None:
    old = ada.move(3).cookie()
    ada.step_up("/admin")
    ada.put_back(old)
    assert not ada.step_up("/admin").asked("/admin")
    site.clock.tick(301)
    assert not ada.move(3).asked("/secret")


@pytest.mark.parametrize("event", ["login", "logout", "step up", "login again"])
def test_the_id_changes_and_the_old_one_takes_no_more_batches(site: Site, event: str) -> None:
    visitor = site.visitor()
    visitor.open("/")
    if event != "login":
        visitor.login()
    visitor.move(1)
    old_id, old_cookie, body = visitor.entry()["id"], visitor.cookie(), visitor.body()
    if event == "logout":
        visitor.submit("/logout", {})
        visitor.open("/")
    else:
        visitor.step_up() if event == "step up" else visitor.login()
    assert visitor.entry()["id"] != old_id
    assert visitor.send(body).status_code == 401
    assert visitor.put_back(old_cookie).send(body).status_code == 401


def test_the_collectors_token_of_another_user_is_refused(ada: Visitor, site: Site) -> None:
    grace = site.visitor().login("grace")
    assert grace.send(ada.body()).status_code == 401


@reads_older_sessions
def test_a_changed_secret_key_keeps_sessions_and_challenges(ada: Visitor, site: Site) -> None:
    ada.move(3)
    asked = ada.open("/admin")
    page = ada.open(asked.location)
    later = site.rekeyed("second-key", fallbacks=["first-key"]).visitor().put_back(ada.cookie())
    assert later.level() == "low"
    assert later.fill(page.text, "code", ada.code()).location == "/admin"
    assert not later.asked("/admin")


def test_reading_the_risk_from_script_does_not_touch_the_session(site: Site) -> None:
    def look() -> str:
        level = current_risk.level
        assert SESSION_KEY not in session
        return level

    site.app.add_url_rule("/look", "look", look)
    assert site.visitor().fetch("/look").text == "unknown"


def test_an_app_context_around_several_requests_mixes_nothing_up(ada: Visitor, site: Site) -> None:
    """As test suites do; what one request has read must not answer the next."""
    with site.app.app_context():
        assert ada.level() == "unknown"
        ada.move(3)
        assert ada.level() == "low"
