"""Row 4: a grant ends at the logout, also in apps that log people in and out without Flask-Login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request, session

from flask_zerotrust import Factor, ZeroTrust, current_risk, step_up_required
from flask_zerotrust.factors.totp import TotpFactor
from tests.clock import Clock
from tests.forms import form_with
from tests.integration.sites import SECRET, totp

PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


def popped() -> None:
    session.pop("user")


def cleared() -> None:
    session.clear()


def replaced() -> None:
    session["user"] = "grace"


class Browser:
    """Ada at a site that keeps her name in the session, and forgets it in some way."""

    def __init__(self, forget: Callable[[], None], loader: Callable[[], str | None] | None = None) -> None:
        app = Flask("own-login")
        app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
        self.clock = Clock()
        zt = ZeroTrust(app, clock=self.clock)
        zt.user_id_loader(loader or (lambda: session.get("user")))
        zt.factors_loader(_factors)
        app.add_url_rule("/login", "login", view_func=_login, methods=["POST"])
        app.add_url_rule("/logout", "logout", view_func=lambda: forget() or "out", methods=["POST"])
        app.add_url_rule("/admin", "admin", step_up_required(always=True)(lambda: "the admin page"))
        self.client = app.test_client()

    def post(self, path: str, **data: str) -> Any:
        return self.client.post(path, data=data, headers=PAGE)

    def login(self, user: str = "ada") -> None:
        assert self.post("/login", user=user).status_code == 200

    def step_up(self) -> str:
        """Pass a challenge, and return the cookie that holds its grant."""
        url = self.client.get("/admin", headers=PAGE).location
        form = form_with(self.client.get(url, headers=PAGE).text, "code")
        self.post(form.action, **{**form.fields, "code": totp(self.clock.now)})
        found = self.client.get_cookie("session")
        assert found is not None
        assert self.granted()
        return found.value

    def granted(self) -> bool:
        return self.client.get("/admin", headers=PAGE).status_code == 200


def _factors(user: str) -> list[Factor]:
    return [TotpFactor(SECRET)]


def _login() -> str:
    session["user"] = request.form["user"]
    return "in"


def cleared_before_a_page() -> None:
    session.clear()
    current_risk.level  # noqa: B018 - what a page with the script asks, which starts a new session


@pytest.fixture(params=[popped, cleared, replaced, cleared_before_a_page])
def ada(request: Any) -> Browser:
    browser = Browser(request.param)
    browser.login()
    return browser


def test_who_logs_in_next_at_this_browser_is_asked(ada: Browser) -> None:
    """A shared computer, and somebody who knows the password."""
    ada.step_up()
    ada.post("/logout")
    ada.login()
    assert not ada.granted()


def test_a_copy_of_the_cookie_has_no_grant_any_more(ada: Browser) -> None:
    copy = ada.step_up()
    ada.post("/logout")
    ada.client.set_cookie("session", copy)
    assert not ada.granted()


def test_a_login_that_clears_the_session_first_ends_the_one_before() -> None:
    def again() -> None:
        session.clear()
        session["user"] = "ada"

    ada = Browser(again)
    ada.login()
    copy = ada.step_up()
    ada.post("/logout")
    assert not ada.granted()
    ada.client.set_cookie("session", copy)
    assert not ada.granted()


def test_a_session_that_is_written_and_kept_keeps_its_grant() -> None:
    def basket() -> None:
        session["basket"] = ["a book"]

    ada = Browser(basket)
    ada.login()
    ada.step_up()
    ada.post("/logout")
    assert ada.granted()


def test_a_loader_that_fails_at_the_end_leaves_the_answer_alone() -> None:
    def loader() -> str | None:
        if request.path == "/logout":
            raise RuntimeError("the users' database is gone")
        return session.get("user")

    def basket() -> None:
        session["basket"] = ["a book"]

    ada = Browser(basket, loader)
    ada.login()
    ada.step_up()
    assert ada.post("/logout").status_code == 200
    assert ada.granted()
