"""A second press of the button, an answer that got lost, Back, and a challenge from before the login."""

from __future__ import annotations

import pytest

from flask_zerotrust.challenge.pending import MAX_REPEATS, REPEAT_S
from flask_zerotrust.web.pairing import PAIR_COOKIE
from tests.forms import form_with
from tests.integration.sites import Site, Visitor, give


@pytest.fixture
def ada(site: Site) -> Visitor:
    return site.visitor().login()


def twice(ada: Visitor, second: str | None = None, *, wait_s: float = 0.0) -> Visitor:
    """Send the same answer again from the page of before: the cookies of the first answer are lost."""
    url, before = ada.open("/admin").location, ada.cookie()
    form, code = form_with(ada.open(url).text, "code"), ada.code()
    assert ada.submit(form.action, {**form.fields, "code": code}).location == "/admin"
    ada.put_back(before)
    ada.site.clock.tick(wait_s)
    again = ada.submit(form.action, {**form.fields, "code": code if second is None else second})
    assert again.location == "/admin"
    return ada


def test_the_same_answer_gives_the_same_session_again(ada: Visitor) -> None:
    assert not twice(ada).asked("/admin")


def test_another_code_gives_nothing(ada: Visitor) -> None:
    assert twice(ada, "123456").asked("/admin")


def test_without_a_code_neither(ada: Visitor) -> None:
    assert twice(ada, "").asked("/admin")


def test_after_a_minute_neither(ada: Visitor) -> None:
    assert twice(ada, wait_s=REPEAT_S + 1).asked("/admin")


def test_a_copy_of_the_cookies_cannot_guess_the_code_that_was_right(ada: Visitor) -> None:
    """Each try for the same session again is counted before it is compared."""
    url, before = ada.open("/admin").location, ada.cookie()
    form, code = form_with(ada.open(url).text, "code"), ada.code()
    ada.submit(form.action, {**form.fields, "code": code})
    ada.put_back(before)
    for guess in range(MAX_REPEATS):
        ada.submit(form.action, {**form.fields, "code": f"{(int(code) + 1 + guess) % 10**6:06d}"})
    ada.submit(form.action, {**form.fields, "code": code})
    assert ada.asked("/admin")


def test_the_same_answer_comes_more_than_once(ada: Visitor) -> None:
    """Enter, a click and another one."""
    url, before = ada.open("/admin").location, ada.cookie()
    form, code = form_with(ada.open(url).text, "code"), ada.code()
    for _ in range(1 + MAX_REPEATS):
        ada.put_back(before)
        ada.submit(form.action, {**form.fields, "code": code})
    assert not ada.asked("/admin")


def test_it_does_not_wash_what_was_seen_meanwhile(ada: Visitor) -> None:
    url, before = ada.open("/admin").location, ada.cookie()
    form, code = form_with(ada.open(url).text, "code"), ada.code()
    ada.submit(form.action, {**form.fields, "code": code})
    ada.move(5, says=4.0)
    assert ada.level() == "high"
    ada.put_back(before)
    ada.submit(form.action, {**form.fields, "code": code})
    assert ada.level() == "high"


def test_another_browser_gets_nothing_for_the_same_code(ada: Visitor, site: Site) -> None:
    url = ada.open("/admin").location
    code = ada.code()
    thief = site.visitor().login()
    ada.answer(url, code)
    assert thief.open(url).status_code == 403
    assert thief.asked("/admin")


def test_back_after_the_code_leads_to_the_page(ada: Visitor) -> None:
    url = ada.open("/admin").location
    ada.answer(url)
    assert ada.open(url).location == "/admin"


def test_a_challenge_goes_on_after_another_login_in_the_same_browser(ada: Visitor) -> None:
    asked = ada.submit("/transfer", {"to": "Grace", "amount": "5"})
    ada.submit("/logout", {})
    ada.login()
    answered = ada.answer(asked.location)
    assert "Grace" in ada.open(answered.location).text


def test_it_does_not_in_another_browser(ada: Visitor, site: Site) -> None:
    """Otherwise a thief could have a user confirm a form that the thief has filled in."""
    asked = ada.submit("/transfer", {"to": "Grace", "amount": "5"})
    assert site.visitor().login().open(asked.location).status_code == 403
    ada.submit("/logout", {})
    ada.client.delete_cookie(PAIR_COOKIE)
    assert ada.login().open(asked.location).status_code == 403


def test_it_does_not_for_another_user(ada: Visitor) -> None:
    asked = ada.submit("/transfer", {"to": "Grace", "amount": "5"})
    ada.submit("/logout", {})
    assert ada.login("tess").open(asked.location).status_code == 403


def test_a_browser_without_cookies_has_none_of_it(ada: Visitor, site: Site) -> None:
    url = ada.open("/admin").location
    ada.answer(url)
    nobody = site.visitor()
    give(nobody.client, "")
    assert nobody.open(url).status_code == 401
