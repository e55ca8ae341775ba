"""docs/integrations/proxyfix.md, with the headers that the page's proxy sets."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_zerotrust import testing

from .conftest import Visit

#: A browser that tells where a form comes from in no other way, behind the page's nginx.
THROUGH = {
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "bank.example",
    "HTTP_X_FORWARDED_PREFIX": "/bank",
}
ORIGIN = {"Origin": "https://bank.example", "Accept": "text/html"}


@pytest.fixture
def ada(visit: Visit) -> FlaskClient:
    client = visit("proxyfix", user=None)
    client.application.extensions["zerotrust"].loaders.user_id = lambda: "ada"
    client.environ_base.update(THROUGH)
    return client


def test_links_lead_to_where_the_person_is(ada: FlaskClient) -> None:
    assert ada.get("/transfer").location.startswith("/bank/zerotrust/challenge/")


def test_a_form_of_an_older_browser_is_known_as_the_sites_own(ada: FlaskClient) -> None:
    asked = ada.post("/transfer", data={"to": "Grace"}, headers=ORIGIN)
    assert asked.status_code == 303
    path = asked.location.removeprefix("/bank")
    assert parked(ada, path)


def test_and_not_without_the_proxys_word(ada: FlaskClient) -> None:
    del ada.environ_base["HTTP_X_FORWARDED_PROTO"]
    asked = ada.post("/transfer", data={"to": "Grace"}, headers=ORIGIN)
    assert not parked(ada, asked.location.removeprefix("/bank"))


def parked(client: FlaskClient, path: str) -> bool:
    """Say whether a challenge keeps a form."""
    guard = client.application.extensions["zerotrust"]
    pending = guard.challenges._pending.get(path.rpartition("/")[2], now=guard.clock())
    return pending.parked is not None


def test_tries_are_counted_under_the_visitors_address(ada: FlaskClient, monkeypatch: Any) -> None:
    attempts = ada.application.extensions["zerotrust"].challenges.attempts
    seen: list[str] = []
    monkeypatch.setattr(attempts, "slow", lambda _user, _factor, address, **_: seen.append(address))
    path = ada.get("/transfer").location.removeprefix("/bank")
    form = testing.codes._hidden_fields(ada, path)
    ada.post(path, data={**form, "code": "000000"}, headers=ORIGIN)
    assert seen == ["203.0.113.9"]


def test_the_session_cookie_stays_on_https(ada: FlaskClient) -> None:
    cookies = ada.get("/transfer").headers.getlist("Set-Cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)
