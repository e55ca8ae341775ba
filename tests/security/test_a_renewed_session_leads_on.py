"""Row 44: a former session leads on for a minute, in the browser that has the new one and nowhere else."""

from __future__ import annotations

import pytest

from flask_zerotrust.web.pairing import PAIR_COOKIE
from flask_zerotrust.web.renewal import RENEWED_COOKIE, RENEWED_S
from tests.integration.sites import Site, Visitor, give


@pytest.fixture
def ada(site: Site) -> Visitor:
    return site.visitor().login()


def overtaken(ada: Visitor) -> Visitor:
    """Step up, and have an answer of before come after it."""
    before = ada.cookie()
    ada.step_up("/admin")
    ada.client.set_cookie("session", str(before))
    return ada


def test_in_the_same_browser_the_step_up_counts(ada: Visitor) -> None:
    assert not overtaken(ada).asked("/admin")


def test_also_after_the_cookie_has_been_written_again(ada: Visitor) -> None:
    overtaken(ada).open("/admin")
    ada.client.delete_cookie(RENEWED_COOKIE)
    assert not ada.asked("/admin")


def test_after_a_minute_it_does_not(ada: Visitor, site: Site) -> None:
    overtaken(ada)
    site.clock.tick(RENEWED_S)
    assert ada.asked("/admin")


def test_all_cookies_of_before_open_nothing(ada: Visitor, site: Site) -> None:
    """In a browser with the same name, within the minute."""
    before = ada.cookie()
    ada.step_up("/admin")
    thief = site.visitor()
    give(thief.client, before)
    assert thief.asked("/admin")
    assert not ada.asked("/admin")


def test_nor_do_they_after_a_former_step_up(ada: Visitor, site: Site) -> None:
    """The cookie of one renewal knows nothing of the next."""
    ada.step_up("/admin")
    jar = {name: ada.client.get_cookie(name) for name in ("session", PAIR_COOKIE, RENEWED_COOKIE)}
    with site.app.app_context():
        site.zt.password_changed("ada")
    ada.step_up("/admin")
    thief = site.visitor()
    for name, cookie in jar.items():
        assert cookie is not None
        thief.client.set_cookie(name, cookie.value)
    assert thief.asked("/admin")


def test_the_cookie_without_its_pair_is_worth_nothing(ada: Visitor) -> None:
    overtaken(ada).client.delete_cookie(PAIR_COOKIE)
    assert ada.asked("/admin")


def test_it_leads_to_no_session_that_has_ended(ada: Visitor) -> None:
    overtaken(ada)
    before = ada.cookie()
    ada.open("/")
    ada.submit("/logout", {})
    ada.client.set_cookie("session", str(before))
    assert ada.asked("/admin") or ada.open("/admin").status_code == 401


def test_of_two_step_ups_within_a_minute_both_former_ids_lead_on(ada: Visitor, site: Site) -> None:
    before = ada.cookie()
    ada.step_up("/admin")
    with site.app.app_context():
        site.zt.password_changed("ada")
    ada.step_up("/admin")
    ada.client.set_cookie("session", str(before))
    assert not ada.asked("/admin")


def test_a_background_request_reads_it_and_writes_nothing(ada: Visitor) -> None:
    overtaken(ada)
    answer = ada.fetch("/level")
    assert not [value for value in answer.headers.getlist("Set-Cookie") if value.startswith("session=")]


def test_no_script_reads_the_cookie_and_it_lives_for_a_minute(ada: Visitor) -> None:
    ada.step_up("/admin")
    cookie = ada.client.get_cookie(RENEWED_COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.max_age, cookie.same_site) == (True, RENEWED_S, "Lax")
