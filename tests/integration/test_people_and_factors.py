"""Who is logged in and with what they can prove it, from the app or from the extension's own store."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_zerotrust import Factor, ZeroTrust, step_up_required
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.totp import TotpFactor

from .sites import NUMBER, SECRET, Site, totp

OTHER_SECRET = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def app() -> Flask:
    app = Flask("own")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.add_url_rule("/x", "x", step_up_required(lambda: "in"))
    return app


def kinds(site: Site, user: str) -> list[tuple[str, str]]:
    with site.app.test_request_context():
        return [(factor.id, factor.kind) for factor in site.app.extensions["zerotrust"].factors(user)]


def test_flask_login_names_the_user(site: Site) -> None:
    assert site.visitor().login("ada").asked("/secret")


def test_a_loader_registered_after_init_app_beats_flask_login(site: Site) -> None:
    site.zt.user_id_loader(lambda: "bob")
    assert site.visitor().open("/secret").status_code == 403


def test_a_loader_is_enough_without_flask_login(app: Flask) -> None:
    zt = ZeroTrust(app)

    @zt.user_id_loader
    def user() -> str:
        return "ada"

    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    assert app.test_client().get("/x", headers=BROWSER).status_code == 303


def test_without_either_the_first_request_says_what_to_do(app: Flask) -> None:
    ZeroTrust(app)
    app.add_url_rule("/free", "free", lambda: "free")
    with pytest.raises(ConfigError, match="set up Flask-Login, or name a function"):
        app.test_client().get("/free")


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_loader_that_finds_nobody_means_not_logged_in(app: Flask, nobody: str | None) -> None:
    ZeroTrust(app).user_id_loader(lambda: nobody)
    assert app.test_client().get("/x", headers=BROWSER).status_code == 401


def test_a_number_is_an_id_too(app: Flask) -> None:
    seen = []
    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: 0)  # type: ignore[arg-type,return-value]
    zt.factors_loader(lambda user: seen.append(user) or [])
    assert app.test_client().get("/x", headers=BROWSER).status_code == 403
    assert seen == ["0"]


@pytest.mark.parametrize("found", [False, True, b"ada", object()])
def test_a_loader_that_returns_no_id_is_refused(app: Flask, found: Any) -> None:
    ZeroTrust(app).user_id_loader(lambda: found)
    with pytest.raises(ConfigError, match="must return the user's id as a string"):
        app.test_client().get("/x", headers=BROWSER)


def test_factors_come_from_the_apps_loader(site: Site) -> None:
    assert kinds(site, "ada") == [("totp", "totp")]


def test_factors_come_from_the_extensions_own_store(site: Site) -> None:
    site.app.extensions["zerotrust"].enrolled.add_totp("bob", OTHER_SECRET)
    assert kinds(site, "bob") == [("totp", "totp")]
    bob = site.visitor().login("bob")
    asked = bob.open("/secret")
    assert bob.answer(asked.location, totp(site.clock.now, OTHER_SECRET)).status_code == 303


def test_the_apps_factors_stand_before_those_enrolled_here_and_win(site: Site) -> None:
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("ada", OTHER_SECRET)
    enrolled.add_totp("ada", OTHER_SECRET)
    assert kinds(site, "ada") == [("totp", "totp"), ("totp-2", "totp")]
    with site.app.test_request_context():
        first: Factor = site.app.extensions["zerotrust"].factors("ada")[0]
    assert first.check(totp(site.clock.now), now=site.clock.now) is not None


def test_a_loader_may_return_nothing_at_all(site: Site) -> None:
    site.zt.factors_loader(lambda user: None)  # type: ignore[arg-type,return-value]
    assert kinds(site, "ada") == []


def test_a_phone_needs_a_configured_sender(site: Site) -> None:
    with (
        site.app.app_context(),
        pytest.raises(ConfigError, match="set it to 'console', 'twilio' or 'twilio-verify'"),
    ):
        site.zt.sms_factor(NUMBER)


def test_enrolled_phones_are_left_out_where_nothing_can_reach_them(site: Site) -> None:
    site.app.extensions["zerotrust"].enrolled.add_sms("bob", NUMBER)
    assert kinds(site, "bob") == []
