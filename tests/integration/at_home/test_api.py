"""docs/integrations/api.md: an app of JSON alone, its page, and the person before it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from flask_zerotrust import testing

from .conftest import Visit

FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Referer": "http://localhost/app/pay"}


@pytest.fixture
def ada(visit: Visit) -> FlaskClient:
    # Movement alone opens a view here, so that a test sees that it was taken.
    client = visit("api", user=None, ZEROTRUST_NEW_BROWSER="movement")
    assert client.post("/api/login", json={"name": "ada"}, headers=FETCH).json == {"name": "ada"}
    return client


def test_a_guarded_call_says_where_to_step_up_and_works_afterwards(ada: FlaskClient) -> None:
    asked = ada.post("/api/transfers", json={"amount": 5}, headers=FETCH)
    assert (asked.status_code, asked.content_type) == (401, "application/problem+json")
    assert testing.pass_challenge(ada, asked).location == "/app/pay"
    assert ada.post("/api/transfers", json={"amount": 5}, headers=FETCH).json == {"sent": 5}


def test_a_visitor_is_told_in_json_too(visit: Visit) -> None:
    answer = visit("api", user=None).post("/api/transfers", json={}, headers=FETCH)
    assert answer.status_code == 401
    assert "challenge_url" not in answer.json


def test_movement_counts_from_the_login_on(ada: FlaskClient) -> None:
    path = "/zerotrust/token?page=" + "x" * 22
    assert ada.get(path, headers=FETCH).status_code == 200
    assert ada.application.test_client().get(path, headers=FETCH).status_code == 409
    testing.move(ada, testing.person())
    assert ada.post("/api/transfers", json={"amount": 5}, headers=FETCH).json == {"sent": 5}


def test_the_script_tag_of_the_page_is_the_one_to_write_by_hand(ada: FlaskClient) -> None:
    with ada.get("/zerotrust/static/collector.js", headers=FETCH) as answer:
        assert "javascript" in answer.content_type


def test_no_answer_opens_itself_to_other_origins(ada: FlaskClient) -> None:
    foreign = {**FETCH, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for answer in (
        ada.post("/api/transfers", json={}, headers=foreign),
        ada.options("/zerotrust/events", headers=foreign),
        ada.post("/zerotrust/events", data="{}", headers=foreign),
    ):
        assert not any(name.startswith("Access-Control") for name, _ in answer.headers)
