"""Calls for what happens to an account: a changed password, and an account that is locked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import unescape
from types import ModuleType
from typing import Any

import pytest
from blinker import Signal
from flask import request

from flask_zerotrust import signals, testing
from flask_zerotrust.challenge.limits import ACCOUNT_FAILURES
from flask_zerotrust.challenge.messages import ALONE

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


def test_the_sessions_of_known_browsers_are_told_to_the_app_too(site: Site) -> None:
    ada = site.visitor().login()
    testing.remember(ada.client)
    heard: list[str] = []

    def listen(_: object, *, session: str, **__: Any) -> None:
        heard.append(session)

    with signals.grant_revoked.connected_to(listen, site.app):
        change_password(site, "ada")
    assert heard == [ada.entry()["id"][:8]]


def test_the_end_of_a_grant_counts_within_the_request_that_ends_it(site: Site) -> None:
    """A page that changes the password and then shows a guarded part asks for a code there."""

    @site.app.before_request
    def change() -> None:
        if request.args.get("change"):
            assert site.app.extensions["zerotrust"].visit.standing("ada").grant_age_s is not None
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


# Flask-Security, by a module with its two signals


class Account:
    """A user of Flask-Security, whose id in the session is a random one."""

    def __init__(self, key: int | str, uniquifier: str) -> None:
        self.id = key
        self.fs_uniquifier = uniquifier

    def get_id(self) -> str:
        return self.fs_uniquifier


@pytest.fixture
def flask_security(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("flask_security")
    module.password_changed, module.password_reset = Signal(), Signal()
    monkeypatch.setitem(sys.modules, "flask_security", module)
    return module


@pytest.mark.parametrize("name", ["password_changed", "password_reset"])
@pytest.mark.parametrize("user", [Account("ada", "f00d"), Account(7, "ada")])
def test_a_password_changed_by_flask_security_forgets_browsers_and_ends_grants(
    flask_security: Any, make_site: Callable[..., Site], name: str, user: Account
) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="challenge", ZEROTRUST_SMS_SENDER="console")
    ada, tess = site.visitor().login(), site.visitor().login("tess")
    for visitor in (ada, tess):
        testing.remember(visitor.client)
    assert not ada.asked()
    with site.app.app_context():
        getattr(flask_security, name).send(site.app, user=user, _async_wrapper=None)
        known = site.app.extensions["zerotrust"].browsers
        assert [len(known.all(user, now=site.clock())) for user in ("ada", "tess")] == [0, 1]
    assert (ada.asked(), tess.asked()) == (True, False)


def test_flask_security_that_is_imported_after_the_set_up_is_heard_from_the_first_request_on(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    module: Any = ModuleType("flask_security")
    module.password_changed, module.password_reset = Signal(), Signal()
    monkeypatch.setitem(sys.modules, "flask_security", module)
    ada = site.visitor().login().step_up()
    with site.app.app_context():
        module.password_changed.send(site.app, user=Account("ada", "x"))
    assert ada.asked()


def test_a_signal_of_another_app_is_not_heard(flask_security: Any, make_site: Callable[..., Site]) -> None:
    ada = make_site().visitor().login().step_up()
    other = make_site()
    with other.app.app_context():
        flask_security.password_changed.send(other.app, user=Account("ada", "x"))
    assert not ada.asked()


def is_locked(visitor: Visitor) -> bool:
    """Say whether a right code is refused because of the account's wrong ones."""
    return str(ALONE["locked"]) in unescape(visitor.answer(visitor.open("/secret").location).text)


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
