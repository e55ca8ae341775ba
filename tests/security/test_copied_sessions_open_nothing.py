"""Rows 5, 14 and 33: a session cookie that was copied or planted counts for nothing in another browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.sites import PAIR_COOKIE, Site, Visitor


def copy_of(site: Site, visitor: Visitor) -> Visitor:
    """Return a thief who holds the session cookie of a visitor, and none of the others."""
    return site.visitor().put_back(str(visitor.cookie()))


def test_a_copied_cookie_carries_no_grant_along(site: Site, ada: Visitor) -> None:
    ada.step_up("/admin")
    assert copy_of(site, ada).asked("/admin")
    assert not ada.asked("/admin")


def test_a_copied_cookie_sends_no_movement_into_the_owners_session(site: Site, ada: Visitor) -> None:
    """Movement of a bot would latch every session of the owner."""
    ada.step_up("/admin").move(2, says=-2.0)
    body, thief = ada.body(6), copy_of(site, ada)
    site.scorer.says = 4.0
    assert thief.fetch("/zerotrust/token?page=" + thief.nonce).status_code == 409
    assert thief.send(body).status_code == 401
    assert ada.level() != "high"
    assert not ada.asked("/admin")


def test_a_thiefs_form_is_not_in_the_owners_thread(site: Site, ada: Visitor) -> None:
    """The owner would follow the thief's link on the real site, and confirm the thief's form."""
    parked = copy_of(site, ada).submit("/transfer", {"to": "mallory", "amount": "900"})
    assert ada.open(parked.location).status_code == 403
    assert ada.open(parked.location + "/confirm").status_code == 403


def test_a_planted_cookie_shows_its_thief_no_form_of_the_victims(site: Site) -> None:
    """The thief has the password, and a host beside the site that sets cookies for it."""
    thief, ada = site.visitor().login(), site.visitor()
    ada.open("/")
    ada.put_back(str(thief.cookie()))
    parked = ada.submit("/transfer", {"to": "bob", "amount": "10"})
    assert ada.open(parked.location).status_code == 200
    assert thief.open(parked.location).status_code == 403
    assert ada.entry()["c"] != thief.entry()["c"]


def test_a_logout_in_a_copy_leaves_the_owners_session(site: Site, ada: Visitor) -> None:
    ada.step_up("/admin")
    copy_of(site, ada).submit("/logout", {})
    assert not ada.asked("/admin")


def test_only_the_browser_of_a_script_answers_what_it_has_opened(site: Site, ada: Visitor) -> None:
    """A script that knows the password would send the owner to a page of its choice."""
    thief = site.visitor()
    thief.submit("/login", {"username": "ada", "remember": "1"})
    thief.client.delete_cookie("session")
    thief.client.delete_cookie(PAIR_COOKIE)
    page = {"Referer": "http://localhost/pay?to=mallory"}
    url = thief.fetch("/transfer", "POST", data={"to": "mallory"}, headers=page).json["challenge_url"]
    assert ada.open(url).status_code == 403
    assert site.visitor().put_back(str(ada.cookie())).open(url).status_code == 403
    site.clock.tick(30)
    assert thief.answer(url).location == "/pay?to=mallory"


def test_the_pair_cookie_is_no_scripts_and_no_other_hosts(site: Site, ada: Visitor) -> None:
    plain = ada.client.get_cookie(PAIR_COOKIE)
    assert plain is not None
    assert plain.http_only
    assert (plain.path, plain.same_site, plain.secure) == ("/", "Lax", False)
    secure = site.visitor()
    secure.open("/", base_url="https://localhost")
    kept = secure.client.get_cookie("__Host-" + PAIR_COOKIE)
    assert kept is not None
    assert kept.secure


def test_the_pair_cookie_goes_wherever_the_apps_session_goes(make_site: Callable[..., Site]) -> None:
    site = make_site(SESSION_COOKIE_DOMAIN="bank.example", SESSION_COOKIE_SAMESITE="Strict")
    visitor = site.visitor()
    visitor.open("/", base_url="https://www.bank.example")
    kept = visitor.client.get_cookie(PAIR_COOKIE, domain="bank.example")
    assert kept is not None
    assert not kept.origin_only
    assert kept.same_site == "Strict"


@pytest.mark.parametrize("value", ["", "short", "x" * 23, "a b" + "x" * 19])
def test_a_value_out_of_shape_is_replaced(site: Site, value: str) -> None:
    visitor = site.visitor()
    visitor.client.set_cookie(PAIR_COOKIE, value)
    visitor.login().step_up("/admin")
    kept = visitor.client.get_cookie(PAIR_COOKIE)
    assert kept is not None
    assert len(kept.value) == 22
    assert not visitor.asked("/admin")
