"""docs/integrations/flask-login.md, with the real Flask-Login."""

from __future__ import annotations

from flask.testing import FlaskClient

from flask_zerotrust import testing

from .conftest import Visit


def log_in(client: FlaskClient) -> None:
    assert client.post("/login", data={"name": "ada"}).location == "/account"


def session_id(client: FlaskClient) -> str:
    with client.session_transaction() as session:
        return str(session["_zerotrust"]["id"])


def test_a_visitor_is_sent_to_the_login(visit: Visit) -> None:
    answer = visit("flask-login").get("/account")
    assert answer.location.startswith("/login?next=")


def test_a_step_up_opens_the_view_after_a_login(visit: Visit) -> None:
    client = visit("flask-login")
    log_in(client)
    assert testing.pass_challenge(client, client.get("/account")).location == "/account"
    assert client.get("/account").text == "the account"


def test_movement_on_the_login_page_counts_afterwards_under_a_new_id(visit: Visit) -> None:
    client = visit("flask-login", ZEROTRUST_NEW_BROWSER="movement")
    assert testing.move(client, testing.person()).level == "low"
    before = session_id(client)
    log_in(client)
    assert client.get("/account").text == "the account"
    assert session_id(client) != before


def test_a_logout_ends_the_step_up(visit: Visit) -> None:
    client = visit("flask-login")
    log_in(client)
    testing.trust(client)
    client.post("/logout")
    log_in(client)
    assert "/challenge/" in client.get("/account").location


def test_a_remembered_login_brings_no_step_up_back(visit: Visit) -> None:
    client = visit("flask-login")
    log_in(client)
    testing.trust(client)
    client.delete_cookie("session")
    assert "/challenge/" in client.get("/account").location


def test_the_collector_does_not_refresh_the_remember_cookie(visit: Visit) -> None:
    client = visit("flask-login", REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True)
    log_in(client)
    answer = client.get("/zerotrust/token?page=" + "x" * 22, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200
    assert answer.headers.getlist("Set-Cookie") == []
