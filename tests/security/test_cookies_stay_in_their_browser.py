"""Row 33: a cookie that was carried to another browser opens nothing there; its owner notices nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_zerotrust.sessions.record import Record
from tests.integration.sites import Site, Visitor, reads_older_sessions

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME = FIREFOX.replace("Firefox/145.0", "Chrome/142.0.0.0 Safari/537.36")


def browser(site: Site, name: str) -> Visitor:
    """Return a visitor whose browser calls itself so."""
    visitor = site.visitor()
    visitor.client.environ_base["HTTP_USER_AGENT"] = name
    return visitor


@pytest.fixture
def owner(site: Site) -> Visitor:
    return browser(site, FIREFOX).login()


def carried(site: Site, owner: Visitor, name: str = CHROME) -> Visitor:
    return browser(site, name).put_back(owner.cookie())


@pytest.mark.parametrize("name", [CHROME, ""])
def test_a_step_up_stays_where_it_was_passed(site: Site, owner: Visitor, name: str) -> None:
    owner.step_up("/admin")
    thief = carried(site, owner, name)
    assert thief.asked("/admin")
    assert thief.asked("/secret")
    assert not owner.asked("/admin")


def test_good_movement_does_too(site: Site, owner: Visitor) -> None:
    owner.move(4)
    assert owner.level() == "low"
    thief = carried(site, owner)
    assert thief.level() == "unknown"
    assert thief.asked()
    assert not owner.asked()


def test_the_thief_cannot_move_into_the_session(site: Site, owner: Visitor) -> None:
    owner.move(1)
    thief = carried(site, owner).move(4)
    assert thief.asked()


def test_a_latch_holds_everywhere(site: Site, owner: Visitor) -> None:
    owner.move(6, says=4.0)
    thief = carried(site, owner)
    assert thief.asked()
    assert thief.fetch("/level").json["latched"]


def test_who_has_a_new_browser_passes_a_code_and_goes_on(site: Site, owner: Visitor) -> None:
    """An update in the middle of a session changes the name."""
    owner.step_up("/admin")
    owner.client.environ_base["HTTP_USER_AGENT"] = FIREFOX.replace("145", "146")
    assert owner.asked("/admin")
    assert not owner.step_up("/admin").asked("/admin")
    owner.move(4)
    assert owner.level() == "low"


@reads_older_sessions
def test_a_new_key_changes_no_browser(site: Site, owner: Visitor) -> None:
    owner.step_up("/admin")
    later = site.rekeyed("second-key", fallbacks=["first-key"])
    moved = replace(owner, site=later, client=later.app.test_client())
    moved.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    assert not moved.put_back(owner.cookie()).asked("/admin")


def test_the_store_does_not_say_which_browser(site: Site, owner: Visitor) -> None:
    owner.step_up("/admin").move(1)
    raw = site.app.extensions["zerotrust"].store.get("session:" + owner.entry()["id"])
    assert b"Firefox" not in raw
    assert len(Record.load(raw).agent) == 32


def test_records_of_an_earlier_version_count_until_they_end(site: Site, owner: Visitor) -> None:
    owner.step_up("/admin")
    store, key = site.app.extensions["zerotrust"].store, "session:" + owner.entry()["id"]
    raw = store.get(key)
    agent = Record.load(raw).agent
    store.put(key, raw.replace(b',"a":"%s"' % agent.encode(), b""), ttl_s=100)
    assert not carried(site, owner).asked("/admin")


def test_an_app_whose_programs_share_cookies_can_switch_it_off(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_BIND_BROWSER=False)
    owner = browser(site, FIREFOX).login().step_up("/admin")
    assert not carried(site, owner).asked("/admin")


def test_a_name_without_end_costs_no_memory(site: Site) -> None:
    ada = browser(site, "x" * 600).login().step_up("/admin")
    assert not carried(site, ada, "x" * 700).asked("/admin")
