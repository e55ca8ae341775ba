"""docs/integrations/flask-security.md, with the real Flask-Security."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import current_user
from flask_security import hash_password

from flask_zerotrust import ZeroTrust, testing
from flask_zerotrust.cli.doctor.findings import Patient
from flask_zerotrust.cli.doctor.identities import identities
from flask_zerotrust.errors import ConfigError

from .conftest import Load
from .pages import CONFIG

MAIL, OLD, NEW = "ada@example.com", "a first password", "another password"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
LOADERS: dict[str, Callable[[], str | None]] = {
    "fs_uniquifier": lambda: current_user.fs_uniquifier if current_user.is_authenticated else None,
    "get_id": lambda: current_user.get_id(),
}
SETTINGS: dict[str, Any] = {
    **CONFIG,
    "WTF_CSRF_ENABLED": False,
    "SECURITY_PASSWORD_HASH": "plaintext",
    "SECURITY_PASSWORD_SINGLE_HASH": True,
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
    "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
    "SECURITY_FRESHNESS": timedelta(minutes=-1),
}


@pytest.fixture
def page(load: Load) -> ModuleType:
    return load("flask-security")


@pytest.fixture
def app(page: ModuleType) -> Flask:
    app: Flask = page.create_app(SETTINGS)
    with app.app_context():
        page.security.datastore.create_user(email=MAIL, password=hash_password(OLD))
        page.db.session.commit()
    return app


def log_in(app: Flask, password: str) -> FlaskClient:
    client = app.test_client()
    assert client.post("/login", data={"email": MAIL, "password": password}).status_code == 302
    client.get("/account")
    return client


def change_password(app: Flask, page: ModuleType, client: FlaskClient) -> None:
    """Change the password on Flask-Security's own page, which draws another ``fs_uniquifier``."""
    before = uniquifier(app, page)
    form = {"password": OLD, "new_password": NEW, "new_password_confirm": NEW}
    assert client.post("/change", data=form).status_code == 302
    assert uniquifier(app, page) != before


def uniquifier(app: Flask, page: ModuleType) -> str:
    with app.app_context():
        return str(page.security.datastore.find_user(email=MAIL).fs_uniquifier)


def guard(app: Flask) -> Any:
    return app.extensions["zerotrust"]


def offers_a_first_factor(client: FlaskClient) -> bool:
    return 'class="zt-secret"' in client.get("/zerotrust/enrol", headers=PAGE).text


def test_factors_survive_a_change_of_password(app: Flask, page: ModuleType) -> None:
    client = log_in(app, OLD)
    assert offers_a_first_factor(client)
    guard(app).enrolled.add_totp("1", SECRET, first=True)
    change_password(app, page, client)
    after = log_in(app, NEW)
    assert not offers_a_first_factor(after)
    assert testing.pass_challenge(after, after.get("/account")).location == "/account"


def test_a_latch_survives_a_change_of_password(app: Flask, page: ModuleType) -> None:
    client = log_in(app, OLD)
    testing.force_risk(client, "high")
    assert guard(app).sessions.ledger("1").latch is not None
    change_password(app, page, client)
    log_in(app, NEW)
    assert guard(app).sessions.ledger("1").latch is not None


def test_factors_of_a_former_id_leave_no_first_use(app: Flask, page: ModuleType) -> None:
    guard(app).enrolled.add_totp(uniquifier(app, page), SECRET, first=True)
    assert not offers_a_first_factor(log_in(app, OLD))


@pytest.mark.parametrize("name", ["fs_uniquifier", "get_id"])
def test_a_loader_that_returns_the_changing_id_leaves_no_first_use(
    app: Flask, page: ModuleType, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    page.zt.user_id_loader(LOADERS[name])
    assert not offers_a_first_factor(log_in(app, OLD))
    assert "may change with the password" in caplog.text
    found = list(identities(Patient(app=app, state=guard(app))))
    assert [finding.severity for finding in found] == ["error"]


def test_doctor_finds_nothing_wrong(app: Flask) -> None:
    assert list(identities(Patient(app=app, state=guard(app)))) == []


def test_a_model_without_a_primary_key_named_id_is_refused_at_start() -> None:
    class Odd:
        fs_uniquifier = ""

    app = Flask("odd")
    app.config.update(CONFIG, SECRET_KEY="key")
    ZeroTrust(app)
    app.extensions["security"] = SimpleNamespace(datastore=SimpleNamespace(user_model=Odd))
    with pytest.raises(ConfigError, match="Odd has no attribute id"):
        app.test_client().get("/")
