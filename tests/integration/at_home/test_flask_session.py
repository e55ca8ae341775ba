"""docs/integrations/flask-session.md, with the real Flask-Session over files, a database and Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_zerotrust import ZeroTrust, testing
from tests.clock import Clock
from tests.integration.known import Key, pass_with_key, prove_to
from tests.integration.sites import FixedScorer, Site, Visitor, copied, give
from tests.servers import emptied

from .conftest import Load
from .pages import CONFIG, logged_in


@pytest.fixture(params=["in_files", "in_a_database", "in_redis"])
def ada(request: Any, load: Load, tmp_path: Path) -> FlaskClient:
    config = {
        **CONFIG,
        "ZEROTRUST_NEW_BROWSER": "movement",
        "SESSION_FOLDER": str(tmp_path / "sessions"),
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/sessions.sqlite",
    }
    if request.param == "in_redis":
        config["REDIS_URL"] = emptied(request.getfixturevalue("a_redis"))
    page = load("flask-session")
    app = page.create_app(config, getattr(page, request.param))
    return logged_in(app.test_client(), "ada")


def test_a_step_up_lasts_in_a_session_on_the_server(ada: FlaskClient) -> None:
    assert testing.pass_challenge(ada, ada.get("/statements")).location == "/statements"
    assert ada.get("/statements").text == "the statements"


def test_the_cookie_holds_no_more_than_the_sessions_id(ada: FlaskClient) -> None:
    ada.get("/")
    cookie = ada.get_cookie("session")
    assert cookie is not None
    assert len(cookie.value) < 50


def test_movement_counts_and_the_collector_saves_no_session(ada: FlaskClient) -> None:
    assert "unknown" in ada.get("/").text
    answer = ada.get("/zerotrust/token?page=" + "x" * 22, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.headers.getlist("Set-Cookie") == []
    testing.move(ada, testing.person())
    assert "low" in ada.get("/").text


def test_a_session_under_a_new_id_keeps_its_risk(ada: FlaskClient) -> None:
    testing.force_risk(ada, "low")
    before = ada.get_cookie("session")
    assert ada.post("/login", data={"name": "ada"}).text == "in"
    after = ada.get_cookie("session")
    assert (before and before.value) != (after and after.value)
    assert ada.get("/statements").text == "the statements"


def test_a_lost_session_is_asked_for_a_code_again(ada: FlaskClient) -> None:
    testing.trust(ada)
    ada.delete_cookie("session")
    logged_in(ada, "ada")
    assert "/challenge/" in ada.get("/statements").location


def test_a_copy_of_the_cookie_from_before_a_step_up_has_not_passed(ada: FlaskClient) -> None:
    """The extension's new id lies on the server, where the cookie's id leads: that has to change too."""
    ada.get("/")
    before = copied(ada)
    testing.pass_challenge(ada, ada.get("/statements"))
    assert ada.get("/statements").text == "the statements"
    thief = ada.application.test_client()
    give(thief, before)
    assert thief.get("/statements").text != "the statements"


def test_a_known_browser_proves_itself_and_a_copy_of_the_cookie_is_none(ada: FlaskClient) -> None:
    guard, key = ada.application.extensions["zerotrust"], Key()
    here = Visitor(Site(ada.application, ZeroTrust(), Clock(guard.clock()), FixedScorer()), ada)
    object.__setattr__(guard.settings, "new_browser", "challenge")
    assert pass_with_key(here, key, remember=True, path="/statements").status_code == 303
    ada.delete_cookie("session")
    asked = logged_in(ada, "ada").get("/statements")
    before = here.cookie()
    assert prove_to(here, key, asked.location).json == {"passed": True, "url": "/statements"}
    assert ada.get("/statements").text == "the statements"
    thief = ada.application.test_client()
    give(thief, before)
    assert thief.get("/statements").text != "the statements"
