"""Enrolling an authenticator app: who may, in which mode, and with what proof."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_zerotrust import ZeroTrust, signals
from flask_zerotrust.factors.enrolled import MAX_FACTORS, Enrolled
from flask_zerotrust.factors.totp import new_secret
from tests.forms import form_with

from .sites import Site, Visitor, kinds, totp

ENROL = "/zerotrust/enrol"


@pytest.fixture
def open_site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_ENROL="first-use", ZEROTRUST_ISSUER="The Bank")


@pytest.fixture
def bob(open_site: Site) -> Visitor:
    return open_site.visitor().login("bob")


def shown_secret(page: Any) -> str:
    found = re.search(r'class="zt-secret">([A-Z2-7 ]+)<', page.text)
    assert found is not None
    return found[1].replace(" ", "")


def test_a_first_use_from_qr_code_to_step_up(bob: Visitor, open_site: Site) -> None:
    page = bob.open(ENROL)
    assert page.status_code == 200
    assert "<svg" in page.text
    assert "The Bank" in page.text
    secret = shown_secret(page)
    done = bob.fill(page.text, "code", totp(open_site.clock.now, secret))
    assert done.status_code == 200
    assert "Your authenticator app is ready" in done.text
    open_site.clock.tick(30)
    again = open_site.visitor().login("bob")
    asked = again.open("/secret")
    assert again.answer(asked.location, totp(open_site.clock.now, secret)).location == "/secret"


def test_the_code_that_enrolled_is_a_step_up(bob: Visitor, open_site: Site) -> None:
    """It shows that the app holds the secret. The same code is not asked for a second later."""
    page = bob.open(ENROL)
    bob.fill(page.text, "code", totp(open_site.clock.now, shown_secret(page)))
    assert not bob.asked("/secret")


@pytest.mark.parametrize("user", ["7", "7f9c24e5-2d2b-4a5e-9c1a-0d7b7c3f1a11"])
def test_an_id_for_machines_is_shown_to_nobody(open_site: Site, user: str) -> None:
    open_site.zt.factors_loader(lambda _: [])
    page = open_site.visitor().login(user).open(ENROL).text
    assert ">The Bank</bdi></dd>" in page
    assert f">{user}<" not in page


def test_the_app_says_what_the_account_is_called(open_site: Site, bob: Visitor) -> None:
    open_site.zt.account_name(lambda user: f"{user}@bank.example")
    assert "<bdi>bob@bank.example</bdi>" in bob.open(ENROL).text


def test_but_in_no_other_session(bob: Visitor, open_site: Site) -> None:
    page = bob.open(ENROL)
    code = totp(open_site.clock.now, shown_secret(page))
    bob.fill(page.text, "code", code)
    other = open_site.visitor().login("bob")
    assert "already used" in other.answer(other.open("/secret").location, code).text


def test_a_wrong_code_enrols_nothing_and_keeps_the_qr_code(bob: Visitor, open_site: Site) -> None:
    page = bob.open(ENROL)
    code = totp(open_site.clock.now, shown_secret(page))
    again = bob.fill(page.text, "code", f"{(int(code) + 1) % 1_000_000:06}")
    assert again.status_code == 422
    assert 'role="alert"' in again.text
    assert shown_secret(again) == shown_secret(page)
    assert kinds(open_site, "bob") == []


def test_a_page_with_a_new_qr_code_says_so(bob: Visitor) -> None:
    """After the last try: codes of the app's older entry will never fit again."""
    page = again = bob.open(ENROL)
    for _ in range(5):
        again = bob.fill(again.text, "code", "000000")
    assert shown_secret(again) != shown_secret(page)
    assert "the QR code is a new one" in again.text


def test_a_reloaded_page_shows_the_same_secret(bob: Visitor) -> None:
    assert shown_secret(bob.open(ENROL)) == shown_secret(bob.open(ENROL))


def test_another_browser_gets_another_secret(bob: Visitor, open_site: Site) -> None:
    other = open_site.visitor().login("bob")
    assert shown_secret(bob.open(ENROL)) != shown_secret(other.open(ENROL))


def test_an_enrolment_without_its_token_is_refused(bob: Visitor, open_site: Site) -> None:
    code = totp(open_site.clock.now, shown_secret(bob.open(ENROL)))
    assert bob.submit(ENROL, {"code": code}).status_code == 400
    assert kinds(open_site, "bob") == []


def test_an_enrolment_from_another_site_is_refused(bob: Visitor, open_site: Site) -> None:
    page = bob.open(ENROL)
    fields = {**form_with(page.text, "code").fields, "code": totp(open_site.clock.now, shown_secret(page))}
    assert bob.submit(ENROL, fields, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_remembered_login_may_not_enrol_a_first_factor(open_site: Site) -> None:
    """A remember-me cookie is not a password typed just now."""
    bob = open_site.visitor()
    bob.submit("/login", {"username": "bob", "remember": "1"})
    assert bob.open(ENROL).status_code == 200
    bob.client.delete_cookie("session")
    assert bob.open(ENROL).status_code == 403


def test_where_nothing_tells_of_a_login_nobody_enrols() -> None:
    app = Flask("own")
    app.config.update(
        SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://", ZEROTRUST_ENROL="first-use"
    )
    ZeroTrust(app).user_id_loader(lambda: "bob")
    page = app.test_client().get(ENROL)
    assert page.status_code == 403
    assert "log out and in again" in page.text


def test_a_login_alone_enrols_nothing_by_default(site: Site) -> None:
    page = site.visitor().login("bob").open(ENROL)
    assert page.status_code == 403
    assert "One thing is missing" in page.text


def test_a_visitor_enrols_nothing(open_site: Site) -> None:
    assert open_site.visitor().open(ENROL).status_code == 401


@pytest.mark.parametrize("mode", ["enforce", "observe", "off"])
@pytest.mark.parametrize("enrol", ["factor", "first-use"])
def test_whoever_has_a_factor_uses_it_first_in_every_mode(
    make_site: Callable[..., Site], mode: str, enrol: str
) -> None:
    """Also while only observing: what is enrolled then would be believed later."""
    site = make_site(ZEROTRUST_MODE=mode, ZEROTRUST_ENROL=enrol)
    ada = site.visitor().login()
    asked = ada.open(ENROL)
    assert asked.status_code == 303
    assert "before you add an authenticator app" in ada.open(asked.location).text
    assert ada.answer(asked.location).location == ENROL
    site.clock.tick(30)
    page = ada.open(ENROL)
    assert page.status_code == 200
    ada.fill(page.text, "code", totp(site.clock.now, shown_secret(page)))
    assert kinds(site, "ada") == ["totp", "totp"]


def test_good_movement_is_no_factor(site: Site) -> None:
    assert site.visitor().login().move(10, says=-3.0).asked(ENROL)


def test_a_second_app_is_added_beside_the_apps_own_and_opens_views(site: Site) -> None:
    ada = site.visitor().login().step_up(ENROL)
    page = ada.open(ENROL)
    secret = shown_secret(page)
    ada.fill(page.text, "code", totp(site.clock.now, secret))
    site.clock.tick(301)
    asked = ada.open("/admin").location + "?factor=totp-2"
    assert ada.answer(asked, totp(site.clock.now, secret)).location == "/admin"


def test_there_is_an_end_to_it(open_site: Site) -> None:
    for _ in range(MAX_FACTORS):
        open_site.app.extensions["zerotrust"].enrolled.add_totp("bob", new_secret())
    page = open_site.visitor().login("bob").open(ENROL)
    assert page.status_code == 409
    assert "as many as you can" in page.text


def test_of_two_that_are_added_at_once_the_second_meets_that_end(site: Site, monkeypatch: Any) -> None:
    """When it was looked, there was room for one."""
    ada = site.visitor().login().step_up(ENROL)
    page = ada.open(ENROL)
    enrolled = site.app.extensions["zerotrust"].enrolled
    for _ in range(MAX_FACTORS):
        enrolled.add_totp("ada", new_secret())
    monkeypatch.setattr(Enrolled, "count", lambda *_: MAX_FACTORS - 1)
    answer = ada.fill(page.text, "code", totp(site.clock.now, shown_secret(page)))
    assert answer.status_code == 409
    assert "as many as you can" in answer.text


def test_the_owner_can_be_told(bob: Visitor, open_site: Site) -> None:
    told = []

    def tell(sender: Flask, **members: Any) -> None:
        told.append((sender, members))

    with signals.factor_enrolled.connected_to(tell, open_site.app):
        page = bob.open(ENROL)
        bob.fill(page.text, "code", totp(open_site.clock.now, shown_secret(page)))
    assert told == [(open_site.app, {"user": "bob", "factor_id": "totp", "kind": "totp"})]
