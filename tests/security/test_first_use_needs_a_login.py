"""Row 18: a first factor takes a login of the last minutes, however the app keeps who is logged in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, flash, g, render_template_string, request, session
from flask.testing import FlaskClient

from flask_zerotrust import Factor, ZeroTrust, signals
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.sessions.sessions import CHANGE_S
from tests.clock import Clock
from tests.forms import form_with
from tests.integration.sites import SECRET, Site, copied, give, totp, use_store
from tests.integration.test_store_failure import DeadStore

ENROL = "/zerotrust/enrol"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@dataclass
class Bank:
    """An app with logins of its own."""

    app: Flask
    clock: Clock
    zt: ZeroTrust

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def had(self, user: str) -> bool:
        return bool(self.app.extensions["zerotrust"].enrolled.had(user))


def in_the_session(app: Flask, zt: ZeroTrust) -> None:
    """Name the user whom the session names."""
    zt.user_id_loader(lambda: session.get("user"))


def loaded_beforehand(app: Flask, zt: ZeroTrust) -> None:
    """Name the user whom a function before each request has found, as Flask's tutorial does."""

    @app.before_request
    def load() -> None:
        g.user = session.get("user")

    zt.user_id_loader(lambda: g.user)


def by_a_token(app: Flask, zt: ZeroTrust) -> None:
    """Name the user to whom a random token in the session belongs."""
    zt.user_id_loader(lambda: app.extensions["tokens"].get(session.get("token")))


@pytest.fixture(params=[in_the_session, loaded_beforehand, by_a_token])
def bank(request: Any) -> Bank:
    return make_bank(request.param)


def make_bank(names_users: Callable[[Flask, ZeroTrust], None], **config: Any) -> Bank:
    app, clock = Flask("bank"), Clock()
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.config.update({"ZEROTRUST_ENROL": "first-use", **config})
    app.extensions["tokens"] = {}
    zt = ZeroTrust(app, clock=clock)
    names_users(app, zt)

    @app.get("/")
    def home() -> str:
        return render_template_string("{{ zerotrust_script() }}")

    @app.post("/login")
    def login() -> str:
        session.clear()
        user = session["user"] = request.form["user"]
        session["token"] = f"token of {user}"
        app.extensions["tokens"][session["token"]] = user
        return "in"

    @app.post("/logout")
    def logout() -> str:
        session.clear()
        return "out"

    @app.post("/basket")
    def basket() -> str:
        flash("A book is in your basket.")
        return "in the basket"

    return Bank(app, clock, zt)


def log_in(client: FlaskClient, user: str = "ada") -> FlaskClient:
    assert client.post("/login", data={"user": user}).status_code == 200
    return client


def status(client: FlaskClient) -> int:
    return client.get(ENROL, headers=PAGE).status_code


def enrol(bank: Bank, client: FlaskClient) -> int:
    form, secret = enrolment(client)
    return post(client, form, totp(bank.clock.now, secret))


def enrolment(client: FlaskClient) -> tuple[dict[str, str], str]:
    page = client.get(ENROL, headers=PAGE).text
    (secret,) = re.findall(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page)
    return dict(form_with(page, "code").fields), str(secret).replace(" ", "")


def post(client: FlaskClient, form: dict[str, str], code: str) -> int:
    headers = {**PAGE, "Sec-Fetch-Site": "same-origin"}
    return client.post(ENROL, data={**form, "code": code}, headers=headers).status_code


@pytest.mark.parametrize("visits", [0, 1, 2])
def test_a_login_of_the_last_minutes_enrols(bank: Bank, visits: int) -> None:
    ada = bank.client()
    for _ in range(visits):
        ada.get("/", headers=PAGE)
        bank.clock.tick(CHANGE_S)
    log_in(ada)
    bank.clock.tick(CHANGE_S - 1)
    assert enrol(bank, ada) == 200


@pytest.mark.parametrize("pages", [0, 1])
def test_an_older_login_enrols_nothing(bank: Bank, pages: int) -> None:
    """Also in a copy of the whole cookie jar from before the extension has seen the user."""
    ada = log_in(bank.client())
    thief = bank.client()
    give(thief, copied(ada))
    for client in [ada, thief] * pages:
        client.get("/", headers=PAGE)
    bank.clock.tick(CHANGE_S)
    for client in (thief, ada):
        refused = client.get(ENROL, headers=PAGE)
        assert refused.status_code == 403
        assert "log out and in again" in refused.text
    assert ada.get(ENROL, headers={"Accept": "application/json"}).json["title"] == "Log in again"
    assert log_in(ada).post("/logout").status_code == 200
    assert status(log_in(ada)) == 200


def test_a_session_whose_login_nobody_has_seen_enrols_nothing(bank: Bank) -> None:
    """It was begun by an older version, or its entry was lost; writing to it is no login."""
    ada = log_in(bank.client())
    with ada.session_transaction() as kept:
        del kept["_zerotrust"]
    ada.post("/basket")
    assert status(ada) == 403
    ada.post("/basket")
    assert status(ada) == 403


def test_a_copied_cookie_dates_no_second_login(bank: Bank) -> None:
    """The owner has logged out since."""
    ada = log_in(bank.client())
    copy, thief = copied(ada), bank.client()
    ada.get("/", headers=PAGE)
    ada.post("/logout")
    give(thief, copy)
    assert status(thief) == 403


def test_a_login_that_expired_stays_so_if_the_clock_goes_back(bank: Bank) -> None:
    ada = log_in(bank.client())
    ada.get("/", headers=PAGE)
    bank.clock.tick(CHANGE_S)
    assert status(ada) == 403
    bank.clock.tick(-120)
    assert status(ada) == 403


def test_another_user_in_the_same_session_is_a_login(bank: Bank) -> None:
    visitor = log_in(bank.client())
    visitor.get("/", headers=PAGE)
    visitor.post("/logout")
    bank.clock.tick(CHANGE_S)
    assert enrol(bank, log_in(visitor, "eve")) == 200


def test_a_loader_that_fails_before_a_view_dates_no_login() -> None:
    def broken(app: Flask, zt: ZeroTrust) -> None:
        calls = []

        def load() -> str | None:
            calls.append(1)
            if len(calls) % 2:
                raise LookupError("the app's database is away")
            return session.get("user")

        zt.user_id_loader(load)

    bank = make_bank(broken)
    ada = bank.client()
    ada.post("/login", data={"user": "ada"})
    with ada.session_transaction() as kept:
        assert "t" not in kept.get("_zerotrust", {})
    assert bank.app.extensions["zerotrust"].store.keys("login:") == []


def test_a_login_while_the_store_is_away_is_no_login_for_a_first_factor(bank: Bank) -> None:
    store, ada = bank.app.extensions["zerotrust"].store, bank.client()
    use_store(bank.app, DeadStore())  # type: ignore[arg-type]
    log_in(ada)
    use_store(bank.app, store)
    bank.clock.tick(CHANGE_S)
    assert status(ada) == 403
    ada.post("/logout")
    assert status(log_in(ada)) == 200


def test_while_switched_off_nobody_enrols() -> None:
    bank = make_bank(in_the_session, ZEROTRUST_MODE="off")
    assert status(log_in(bank.client())) == 403


# Once a user had a factor


def away(user: str) -> list[Factor]:
    return []


def broken(user: str) -> list[Factor]:
    raise LookupError("the app's database is away")


@pytest.mark.parametrize("outage", [away, broken])
def test_an_outage_of_the_apps_factors_reopens_no_first_use(bank: Bank, outage: Any) -> None:
    bank.zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    log_in(bank.client()).get("/", headers=PAGE)
    bank.zt.factors_loader(outage)
    bank.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert status(log_in(bank.client())) in (403, 500)
    bank.zt.factors_loader(away)
    assert status(log_in(bank.client())) == 403


def test_a_factor_that_cannot_be_used_leaves_no_first_use(bank: Bank) -> None:
    """The app has it on file, so a thief of the password must not put another in its place."""
    bank.zt.factors_loader(lambda user: [TotpFactor("not base32 !")])
    assert status(log_in(bank.client())) == 403


def test_a_challenge_shows_that_a_user_has_a_factor(make_site: Callable[..., Site]) -> None:
    """The first request after the site has allowed first use need not be a login."""
    site = make_site()
    ada, guard = site.visitor().login(), site.app.extensions["zerotrust"]
    assert not guard.enrolled.had("ada")
    object.__setattr__(guard.settings, "enrol", "first-use")
    assert ada.asked("/admin")
    site.zt.factors_loader(away)
    assert ada.login().open(ENROL).status_code == 403


def test_a_login_goes_on_while_the_apps_factors_are_away(bank: Bank) -> None:
    bank.zt.factors_loader(broken)
    log_in(bank.client())
    bank.zt.factors_loader(away)
    assert status(log_in(bank.client())) == 200


@pytest.mark.parametrize("opens_again", ["reset_factors", "forget_user"])
def test_the_operator_opens_first_use_again_on_purpose(bank: Bank, opens_again: str) -> None:
    ada = log_in(bank.client())
    assert enrol(bank, ada) == 200
    with bank.app.test_request_context():
        bank.app.extensions["zerotrust"].enrolled.remove("ada", "totp")
    assert bank.had("ada")
    assert status(log_in(bank.client())) == 403
    with bank.app.test_request_context():
        getattr(bank.zt, opens_again)("ada")
    assert not bank.had("ada")
    assert status(log_in(bank.client())) == 200


def test_a_factor_after_a_reset_gets_an_id_that_none_had(bank: Bank) -> None:
    enrol(bank, log_in(bank.client()))
    with bank.app.test_request_context():
        bank.zt.reset_factors("ada")
    bank.clock.tick(30)
    assert enrol(bank, log_in(bank.client())) == 200
    assert bank.app.extensions["zerotrust"].enrolled.ids("ada") == ["totp-2"]


# Two at once


def test_two_first_enrolments_at_once_keep_one(bank: Bank) -> None:
    """The second comes in between the check of the first and its record: made certain by a signal."""
    owner, thief = log_in(bank.client()), log_in(bank.client())
    (form, secret), (theirs, other) = enrolment(owner), enrolment(thief)
    guard, answers = bank.app.extensions["zerotrust"], []
    add = guard.enrolled.add_totp

    def overtaken(*args: Any, **values: Any) -> str:
        guard.enrolled.add_totp = add
        answers.append(post(owner, form, totp(bank.clock.now, secret)))
        return str(add(*args, **values))

    object.__setattr__(guard.enrolled, "add_totp", overtaken)
    heard: list[str] = []

    def hear(_: object, factor_id: str, **__: object) -> None:
        heard.append(factor_id)

    signals.factor_enrolled.connect(hear, bank.app)
    answers.append(post(thief, theirs, totp(bank.clock.now, other)))
    assert answers == [200, 303]
    assert heard == ["totp"]
    assert guard.enrolled.ids("ada") == ["totp"]
    assert "/zerotrust/challenge/" in thief.get(ENROL, headers=PAGE).location
