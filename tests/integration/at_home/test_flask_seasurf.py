"""docs/integrations/flask-seasurf.md, with the real Flask-SeaSurf."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from flask_zerotrust import testing
from tests.forms import form_to, form_with

from .conftest import Visit

OWN = {"Sec-Fetch-Site": "same-origin", "Referer": "https://localhost/"}


@pytest.fixture(params=["_csrf_token", "_guard"])
def client(visit: Visit, request: pytest.FixtureRequest) -> FlaskClient:
    client = visit("flask-seasurf", CSRF_DISABLE=False, CSRF_COOKIE_NAME=request.param)
    client.application.config["PREFERRED_URL_SCHEME"] = "https"
    return client


def token(client: FlaskClient) -> str:
    return form_with(client.get("/transfer").text, "amount").fields["_csrf_token"]


def field(client: FlaskClient) -> str:
    return str(client.application.config["CSRF_COOKIE_NAME"])


def test_a_form_goes_through_a_step_up_over_https(client: FlaskClient) -> None:
    sent = {"amount": "5", field(client): token(client)}
    asked = client.post("/transfer", data=sent, headers=OWN, base_url="https://localhost")
    page = client.get(asked.location, base_url="https://localhost")
    form = form_with(page.text, "code")
    assert form.fields[field(client)] == sent[field(client)]
    code = {**form.fields, "code": testing.totp_code(client)}
    passed = client.post(form.action, data=code, headers=OWN, base_url="https://localhost")
    assert passed.status_code == 303
    confirm = client.get(passed.location, base_url="https://localhost")
    again = form_to(confirm.text, "/transfer")
    assert (
        client.post(again.action, data=again.fields, headers=OWN, base_url="https://localhost").text
        == "Sent"
    )


def test_a_code_without_the_apps_token_is_refused(client: FlaskClient) -> None:
    sent = {"amount": "5", field(client): token(client)}
    asked = client.post("/transfer", data=sent, headers=OWN)
    form = form_with(client.get(asked.location).text, "code")
    form.fields.pop(field(client))
    code = {**form.fields, "code": testing.totp_code(client)}
    assert client.post(form.action, data=code, headers=OWN).status_code == 403


def test_movement_needs_no_token_of_the_app(client: FlaskClient) -> None:
    answer = client.post("/zerotrust/events", json={}, headers=OWN)
    assert answer.status_code in (400, 401)
