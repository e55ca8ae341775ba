"""Flask-Login's alternative ids, which change with the password: a login alone adds no factor to one."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user

from flask_zerotrust import ZeroTrust
from flask_zerotrust.cli.doctor.findings import Patient
from flask_zerotrust.cli.doctor.identities import identities

from .pages import CONFIG

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


class User(UserMixin):
    name = "ada"

    def get_id(self) -> str:
        return "token of " + self.name[::-1]


@pytest.fixture
def app() -> Flask:
    app = Flask("bank")
    app.config.update(CONFIG, SECRET_KEY="key", ZEROTRUST_ENROL="first-use")
    # The class is named here, as in an app.
    LoginManager(app).user_loader(lambda _: User())
    app.add_url_rule("/login", "login", lambda: str(login_user(User())), methods=["POST"])
    ZeroTrust(app)
    return app


def enrolment(app: Flask) -> Any:
    client = app.test_client()
    client.post("/login")
    return client.get("/zerotrust/enrol", headers=PAGE)


def test_a_login_alone_adds_no_factor(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    assert enrolment(app).status_code == 403
    assert "User.get_id() may change with the password" in caplog.text


def test_an_id_that_the_app_names_is_taken(app: Flask) -> None:
    loaders = app.extensions["zerotrust"].loaders
    loaders.user_id = lambda: current_user.name if current_user.is_authenticated else None
    assert 'class="zt-secret"' in enrolment(app).text
    assert not list(identities(Patient(app=app, state=app.extensions["zerotrust"])))


def test_doctor_names_the_class() -> None:
    app = Flask("bank")
    app.config.update(CONFIG, SECRET_KEY="key")

    class Account(UserMixin):
        def get_id(self) -> str:
            return str(self.alternative_id)

    LoginManager(app).user_loader(lambda _: Account())
    ZeroTrust(app)
    (finding,) = identities(Patient(app=app, state=app.extensions["zerotrust"]))
    assert "Account.get_id()" in finding.problem
    assert finding.severity == "warning"
