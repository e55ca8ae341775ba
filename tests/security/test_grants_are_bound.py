"""Rows 4 and 5: a grant belongs to one person in one session, and ids change when trust does."""

from __future__ import annotations

from typing import Any

import pytest

from flask_zerotrust import step_up_required
from tests.integration.sites import Site, Visitor


def test_the_id_changes_at_login_step_up_and_logout(site: Site) -> None:
    visitor, ids = site.visitor(), []
    for act in (
        lambda: visitor.open("/"),
        visitor.login,
        visitor.login,
        lambda: visitor.step_up("/admin"),
        lambda: visitor.submit("/logout", {}) and visitor.open("/"),
    ):
        act()
        ids.append(visitor.entry()["id"])
    assert len(set(ids)) == len(ids)
    assert all(len(one) == 22 for one in ids)  # 128 bits in base64url


def test_a_cookie_planted_before_the_login_is_worth_nothing_afterwards(site: Site) -> None:
    """Session fixation: the thief knows the visitor's cookie, the victim logs in and steps up with it."""
    thief = site.visitor()
    thief.open("/")
    thief.move(1)
    planted = thief.cookie()
    site.visitor().put_back(planted).login().step_up("/admin")
    thief.login()
    assert thief.asked("/admin")


def test_a_session_planted_by_someone_who_knows_the_password_gets_no_grant(site: Site) -> None:
    """The thief is logged in as Ada but has no factor, and makes Ada go on with the same session."""
    thief = site.visitor().login().move(1)
    victim = site.visitor().put_back(thief.cookie())
    victim.login()
    victim.step_up("/admin")
    assert not victim.asked("/admin")
    assert thief.asked("/admin")


def test_a_grant_goes_no_further_than_its_user(site: Site, ada: Visitor) -> None:
    ada.step_up("/admin")
    ada.submit("/login", {"username": "grace"})
    assert ada.asked("/admin")


def test_a_grant_goes_no_further_than_its_session(site: Site, ada: Visitor) -> None:
    ada.step_up("/admin")
    assert site.visitor().login().asked("/admin")


def test_a_grant_copied_to_another_users_session_does_not_count(site: Site, ada: Visitor) -> None:
    """Even where somebody could write the store: the record names its user."""
    ada.step_up("/admin")
    grace = site.visitor().login("grace")
    store = site.app.extensions["zerotrust"].store
    raw = store.get("session:" + ada.entry()["id"])
    store.put("session:" + grace.entry()["id"], raw, ttl_s=60)
    assert grace.asked("/admin")


@pytest.mark.parametrize(("age_s", "asked"), [(299, False), (300, False), (301, True)])
def test_a_grant_has_an_absolute_age(site: Site, ada: Visitor, age_s: float, asked: bool) -> None:
    """Using it does not make it younger."""
    ada.step_up("/admin")
    site.clock.tick(150)
    ada.move(1)
    assert not ada.asked("/admin")
    site.clock.tick(age_s - 150)
    assert ada.asked("/admin") is asked


@pytest.mark.parametrize(("ahead_s", "asked"), [(5, False), (6, True)])
def test_a_grant_from_the_future_does_not_count(
    site: Site, ada: Visitor, ahead_s: float, asked: bool
) -> None:
    ada.step_up("/admin")
    site.clock.tick(-ahead_s)
    assert ada.asked("/admin") is asked


def test_another_account_cannot_answer_or_read_a_challenge(site: Site, ada: Visitor) -> None:
    url = ada.submit("/transfer", {"to": "bob", "amount": "1000"}).location
    grace = site.visitor().login("grace")
    for path in (url, url + "/confirm"):
        answer = grace.open(path)
        assert answer.status_code == 403
        assert "1000" not in answer.text
    assert grace.submit(url, {"code": grace.code()}).status_code == 403
    assert grace.submit(url + "/send", {}).status_code == 403


def test_another_session_of_the_same_account_cannot_read_a_parked_form(site: Site, ada: Visitor) -> None:
    """Whoever knows Ada's password and the challenge's address still does not see what she typed."""
    url = ada.submit("/transfer", {"to": "bob", "amount": "1000"}).location
    thief = site.visitor().login()
    assert thief.open(url).status_code == 403
    site.clock.tick(30)
    ada.answer(url)
    for visitor, seen in ((thief, False), (ada, True)):
        assert ("1000" in visitor.open(url + "/confirm").text) is seen


def test_a_parked_form_is_not_shown_before_the_code(ada: Visitor) -> None:
    url = ada.submit("/transfer", {"to": "bob", "amount": "1000"}).location
    for path in (url, url + "/confirm"):
        assert "1000" not in ada.client.get(path, follow_redirects=True).text


def test_what_was_begun_before_a_logout_is_the_same_users_in_the_same_browser(
    site: Site, ada: Visitor
) -> None:
    url = ada.submit("/transfer", {"to": "bob", "amount": "1000"}).location
    ada.submit("/logout", {})
    assert ada.open(url).status_code == 401
    assert site.visitor().login().open(url).status_code == 403
    assert ada.login("tess").open(url).status_code == 403


@pytest.mark.parametrize("name", ["x", "../secret", "A" * 22, "%00" * 3, "é" * 22])
def test_invented_challenges_are_gone(ada: Visitor, name: str) -> None:
    assert ada.open(f"/zerotrust/challenge/{name}").status_code == 404


def test_an_older_grant_is_no_way_around_a_stricter_view(site: Site, ada: Visitor) -> None:
    """The challenge of a view that wants a younger grant is not waved through, nor turned in circles."""
    site.app.view_functions["admin"] = step_up_required(max_age_s=60, always=True)(lambda: "strict")
    ada.step_up("/secret")
    site.clock.tick(100)
    asked = ada.open("/admin")
    assert asked.status_code == 303
    assert ada.open(asked.location).status_code == 200
    assert ada.answer(asked.location).location == "/admin"
    assert ada.open("/admin").text == "strict"


def test_a_views_own_age_holds_for_people_without_movement_too(site: Site, ada: Visitor) -> None:
    """Elsewhere their step-up counts for half an hour."""
    site.app.view_functions["admin"] = step_up_required(max_age_s=60)(lambda: "strict")
    ada.step_up()
    site.clock.tick(60)
    assert not ada.asked("/admin")
    site.clock.tick(1)
    assert ada.asked("/admin")
    assert not ada.asked("/secret")


def test_the_entry_in_the_cookie_is_small_whatever_the_user_is_called(site: Site) -> None:
    """Row 7: browsers drop a cookie of more than 4,093 bytes without a word."""
    visitor = site.visitor().login("u" * 2_000)
    visitor.move(5)
    visitor.open("/")
    entry: dict[str, Any] = visitor.entry()
    assert len(site.app.json.dumps(entry)) < 300
    with visitor.client.session_transaction() as session:
        assert [key for key in session if "zerotrust" in key] == ["_zerotrust"]
