"""docs/integrations/flask-sqlalchemy.md, with the real Flask-SQLAlchemy: factors in the app's tables."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_zerotrust import testing

from .conftest import Load
from .pages import CONFIG, logged_in

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NUMBER = "+447700900123"


@pytest.fixture
def page(load: Load) -> ModuleType:
    return load("flask-sqlalchemy")


@pytest.fixture
def ada(page: ModuleType, tmp_path: Path) -> FlaskClient:
    app = page.create_app({**CONFIG, "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/bank.sqlite"})
    return logged_in(app.test_client(), "ada")


def enrol(page: ModuleType, client: FlaskClient, *proofs: tuple[str, str]) -> None:
    with client.application.app_context():
        page.db.session.add_all(page.Proof(user_id="ada", kind=kind, secret=s) for kind, s in proofs)
        page.db.session.commit()


@pytest.mark.parametrize("proof", [("totp", SECRET), ("sms", NUMBER)], ids=["app", "number"])
def test_a_factor_of_the_apps_own_table_opens_the_view(
    page: ModuleType, ada: FlaskClient, proof: Any
) -> None:
    enrol(page, ada, proof)
    assert testing.pass_challenge(ada, ada.get("/statements")).location == "/statements"
    assert ada.get("/statements").text == "the statements"


def test_all_of_a_users_factors_are_offered_and_nobody_elses(page: ModuleType, ada: FlaskClient) -> None:
    enrol(page, ada, ("totp", SECRET), ("sms", NUMBER))
    html = ada.get(ada.get("/statements").location).text
    assert "Authenticator app" in html
    assert "ending in 23" in html
    assert logged_in(ada, "eve").get("/statements").status_code == 403


def test_a_removed_factor_is_no_way_in(page: ModuleType, ada: FlaskClient) -> None:
    enrol(page, ada, ("totp", SECRET))
    assert ada.get("/statements").status_code == 303
    with ada.application.app_context():
        page.db.session.execute(page.db.delete(page.Proof))
        page.db.session.commit()
    assert ada.get("/statements").status_code == 403


def test_the_database_file_holds_no_secret(page: ModuleType, ada: FlaskClient, tmp_path: Path) -> None:
    enrol(page, ada, ("totp", SECRET), ("sms", NUMBER))
    raw = (tmp_path / "bank.sqlite").read_bytes()
    assert b"totp" in raw
    assert SECRET.encode() not in raw
    assert NUMBER.encode() not in raw


def test_a_database_that_is_down_opens_nothing(page: ModuleType, ada: FlaskClient) -> None:
    with ada.application.app_context():
        page.db.drop_all()
    ada.application.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    assert ada.get("/statements").status_code == 500
