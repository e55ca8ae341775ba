"""Row 18: a login alone, which is what a thief of passwords has, adds no factor."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask_login import confirm_login

from tests.forms import form_with
from tests.integration.sites import SECRET, Site, Visitor, totp


def factors(site: Site, user: str) -> int:
    return len(site.app.extensions["zerotrust"].enrolled.factors(user))


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_whoever_has_a_factor_needs_it_to_add_another(make_site: Callable[..., Site], mode: str) -> None:
    """Also while the site only observes: what guards the factors is never off."""
    site = make_site(ZEROTRUST_MODE=mode, ZEROTRUST_ENROL="first-use")
    ada = site.visitor().login().move(8, says=-3.0)
    for answer in (ada.open("/zerotrust/enrol"), ada.submit("/zerotrust/enrol", {"code": "123456"})):
        assert answer.status_code == 303
        assert "/zerotrust/challenge/" in answer.location
    assert factors(site, "ada") == 0


def test_switched_off_it_enrols_nobody(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_MODE="off", ZEROTRUST_ENROL="first-use")
    ada = site.visitor().login()
    assert "svg" not in ada.open("/zerotrust/enrol").text


@pytest.mark.parametrize("path", ["enrol", "recovery", "factors/totp", "factors/add/email"])
def test_a_step_up_of_this_morning_changes_nothing(make_site: Callable[..., Site], path: str) -> None:
    """However long the site lets it count elsewhere: somebody sits down at a browser left open."""
    site = make_site(ZEROTRUST_GRANT_S=86_400, ZEROTRUST_KEYLESS_S=86_400, ZEROTRUST_EMAIL_SENDER="console")
    site.zt.factors_loader(lambda user: [])
    site.app.extensions["zerotrust"].enrolled.add_totp("ada", SECRET)
    ada = site.visitor().login().step_up("/admin")
    site.clock.tick(900)
    assert ada.open(f"/zerotrust/{path}").status_code == 200
    site.clock.tick(1)
    assert ada.asked(f"/zerotrust/{path}")
    assert "/zerotrust/challenge/" in ada.submit(f"/zerotrust/{path}", {}).location
    assert not ada.asked("/admin")


def test_a_first_factor_comes_from_the_app_by_default(site: Site) -> None:
    bob = site.visitor().login("bob")
    assert bob.open("/zerotrust/enrol").status_code == 403
    assert bob.submit("/zerotrust/enrol", {"code": "123456"}).status_code == 403


def test_a_remembered_login_is_not_fresh_enough(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_ENROL="first-use")
    bob = site.visitor()
    bob.submit("/login", {"username": "bob", "remember": "1"})
    bob.client.delete_cookie("session")
    assert bob.open("/zerotrust/enrol").status_code == 403
    bob.login("bob")
    assert bob.open("/zerotrust/enrol").status_code == 200


@pytest.mark.parametrize(("age_s", "status"), [(899, 200), (900, 403)])
def test_a_stolen_cookie_of_an_older_login_enrols_nothing(
    make_site: Callable[..., Site], age_s: float, status: int
) -> None:
    site = make_site(ZEROTRUST_ENROL="first-use")
    thief = site.visitor().put_back(site.visitor().login("bob").cookie())
    site.clock.tick(age_s)
    page = thief.open("/zerotrust/enrol")
    assert page.status_code == status
    if status == 403:
        assert "log out and in again" in page.text
        assert thief.submit("/zerotrust/enrol", {"code": "123456"}).status_code == 403
        assert thief.fetch("/zerotrust/enrol").json["title"] == "Log in again"
        assert site.visitor().login("bob").open("/zerotrust/enrol").status_code == 200


@pytest.mark.parametrize("again", [False, True])
def test_a_copied_cookie_does_not_outlive_its_login(make_site: Callable[..., Site], again: bool) -> None:
    site = make_site(ZEROTRUST_ENROL="first-use")
    bob = site.visitor().login("bob")
    thief = site.visitor().put_back(bob.cookie())
    bob.login("bob") if again else bob.submit("/logout", {})
    assert thief.open("/zerotrust/enrol").status_code == 403


def test_enrolling_takes_as_long_as_it_takes_from_one_login(make_site: Callable[..., Site]) -> None:
    """The page parts the session from copies of its cookie; what the login is worth goes along."""
    site = make_site(ZEROTRUST_ENROL="first-use")
    bob = site.visitor().login("bob")
    page = bob.open("/zerotrust/enrol").text
    site.clock.tick(600)
    code = totp(site.clock.now, shown_secret(page))
    assert bob.fill(page, "code", code).status_code == 200


def test_the_sites_own_page_asks_for_the_password(make_site: Callable[..., Site]) -> None:
    """And typing it there is a login, for Flask-Login tells of it."""
    site = make_site(ZEROTRUST_ENROL="first-use")
    site.app.login_manager.refresh_view = "again"  # type: ignore[attr-defined]
    site.app.add_url_rule("/again", "again", lambda: str(confirm_login()), methods=["GET", "POST"])
    bob = site.visitor().login("bob")
    site.clock.tick(901)
    there = "/again?next=%2Fzerotrust%2Fenrol"
    assert bob.open("/zerotrust/enrol").location == there
    assert bob.fetch("/zerotrust/enrol", headers={"HX-Request": "true"}).headers["HX-Redirect"] == there
    bob.submit("/again", {})
    assert bob.open("/zerotrust/enrol").status_code == 200


def test_a_kept_number_that_nothing_can_reach_still_keeps_thieves_out(
    make_site: Callable[..., Site],
) -> None:
    """The site lost its sender: what bob enrolled is not for whoever logs in as bob to replace."""
    site = make_site(ZEROTRUST_ENROL="first-use")
    site.app.extensions["zerotrust"].enrolled.add_sms("bob", "+447700900123")
    bob = site.visitor().login("bob")
    assert bob.open("/zerotrust/enrol").status_code == 403
    assert bob.submit("/zerotrust/enrol", {"code": "123456"}).status_code == 403
    assert "/zerotrust/enrol" not in bob.open("/secret").text


def test_another_sessions_secret_cannot_be_confirmed(make_site: Callable[..., Site]) -> None:
    """The thief enrols in one browser and makes the owner's browser post the code."""
    site = make_site(ZEROTRUST_ENROL="first-use")
    thief, owner = site.visitor().login("bob"), site.visitor().login("bob")
    form = form_with(thief.open("/zerotrust/enrol").text, "code")
    owner.open("/zerotrust/enrol")
    guard = site.app.extensions["zerotrust"]
    secret = guard.challenges.enrolment.secret("bob", thief.entry()["c"], now=site.clock.now)
    fields = {**form.fields, "code": totp(site.clock.now, secret)}
    owner.submit("/zerotrust/enrol", fields)
    crossed = thief.submit("/zerotrust/enrol", fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403
    assert factors(site, "bob") == 0


@pytest.mark.parametrize("first", ["thief", "owner"])
def test_a_copied_cookie_shows_no_secret_that_the_owner_enrols(
    make_site: Callable[..., Site], first: str
) -> None:
    """The thief would wait in silence for the owner to enrol the secret that both of them saw."""
    site = make_site(ZEROTRUST_ENROL="first-use")
    owner = site.visitor().login("bob")
    thief = site.visitor().put_back(owner.cookie())
    pages: dict[str, str] = {}
    for name, visitor in sorted({"thief": thief, "owner": owner}.items(), reverse=first == "thief"):
        pages[name] = visitor.open("/zerotrust/enrol").text
    assert shown_secret(pages["thief"]) != shown_secret(pages["owner"])
    assert shown_secret(owner.open("/zerotrust/enrol").text) == shown_secret(pages["owner"])
    code = totp(site.clock.now, shown_secret(pages["owner"]))
    assert owner.fill(pages["owner"], "code", code).status_code == 200
    assert thief.open("/zerotrust/enrol").status_code == 303


def shown_secret(page: str) -> str:
    (found,) = re.findall(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page)
    return str(found).replace(" ", "")


def test_the_owner_is_told(make_site: Callable[..., Site]) -> None:
    from flask_zerotrust import signals

    site = make_site(ZEROTRUST_ENROL="first-use")
    heard: list[str] = []

    def hear(_: object, user: str, **__: object) -> None:
        heard.append(user)

    signals.factor_enrolled.connect(hear, site.app)
    bob: Visitor = site.visitor().login("bob")
    form = form_with(bob.open("/zerotrust/enrol").text, "code")
    guard = site.app.extensions["zerotrust"]
    secret = guard.challenges.enrolment.secret("bob", bob.entry()["c"], now=site.clock.now)
    bob.submit("/zerotrust/enrol", {**form.fields, "code": totp(site.clock.now, secret)})
    assert heard == ["bob"]
    assert factors(site, "bob") == 1
