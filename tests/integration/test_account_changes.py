"""Calls for what happens to an account: a changed password, and an account that is locked."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import request

from flask_zerotrust import signals
from flask_zerotrust.challenge import MESSAGES
from flask_zerotrust.challenge.limits import ACCOUNT_FAILURES

from .sites import Site, Visitor


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_SMS_SENDER="console")


def change_password(site: Site, user: str) -> None:
    with site.app.app_context():
        site.zt.password_changed(user)


def test_a_changed_password_ends_the_grants_of_every_session_of_the_user(site: Site) -> None:
    here, elsewhere = (site.visitor().login().step_up() for _ in range(2))
    assert (here.asked(), elsewhere.asked()) == (False, False)
    change_password(site, "ada")
    assert (here.asked(), elsewhere.asked()) == (True, True)


def test_a_changed_password_leaves_other_users_and_all_logins_alone(site: Site) -> None:
    ada, tess = site.visitor().login().step_up(), site.visitor().login("tess").step_up()
    change_password(site, "ada")
    assert not tess.asked()
    assert ada.step_up().open("/secret").status_code == 200


def test_the_end_of_a_grant_counts_within_the_request_that_ends_it(site: Site) -> None:
    """A page that changes the password and then shows a guarded part asks for a code there."""

    @site.app.before_request
    def change() -> None:
        if request.args.get("change"):
            assert site.app.extensions["zerotrust"].standing("ada").grant_age_s is not None
            site.zt.password_changed("ada")

    ada = site.visitor().login().step_up()
    assert ada.asked("/secret?change=1")


def test_each_session_that_lost_its_grant_is_told_to_the_app(site: Site) -> None:
    site.visitor().login()
    ada = site.visitor().login().step_up()
    heard: list[dict[str, Any]] = []

    def listen(_: object, **values: Any) -> None:
        heard.append(values)

    with signals.grant_revoked.connected_to(listen, site.app):
        change_password(site, "ada")
    assert heard == [
        {
            "user": "ada",
            "session": ada.entry()["id"][:8],
            "reason": "password_changed",
            "latch_lifted": False,
        }
    ]


def is_locked(visitor: Visitor) -> bool:
    """Say whether a right code is refused because of the account's wrong ones."""
    return str(MESSAGES["locked"]) in unescape(visitor.answer(visitor.open("/secret").location).text)


def locked(site: Site) -> Visitor:
    """Return ada at a challenge, after as many wrong codes as an account may have."""
    ada = site.visitor().login()
    for _ in range(ACCOUNT_FAILURES + 1):
        site.app.extensions["zerotrust"].store.increment("failures-of:other:ada", ttl_s=60)
    assert is_locked(ada)
    return ada


def test_an_unlocked_account_takes_a_right_code_again(site: Site) -> None:
    ada = locked(site)
    with site.app.app_context():
        site.zt.unlock("ada")
    ada.step_up()
    assert not ada.asked()


def test_to_unlock_one_account_opens_no_other(site: Site) -> None:
    ada = locked(site)
    with site.app.app_context():
        site.zt.unlock("tess")
    assert is_locked(ada)
