"""docs/integrations/flask-talisman.md, with the real Flask-Talisman; in Chromium: tests/browser."""

from __future__ import annotations

import re

from flask_zerotrust import testing

from .conftest import Load, Visit
from .pages import CONFIG, logged_in


def test_the_script_tag_carries_the_nonce_of_the_policy(visit: Visit) -> None:
    answer = visit("flask-talisman").get("/")
    (nonce,) = re.findall(r"<script [^>]*nonce=\"([^\"]+)\"", answer.text)
    assert f"script-src 'strict-dynamic' 'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]


def test_the_extensions_pages_stand_under_the_policy_and_in_no_frame(visit: Visit) -> None:
    client = visit("flask-talisman")
    challenge = client.get("/statements").location
    testing.trust(client)
    for page in (client.get(challenge), client.get("/zerotrust/enrol")):
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert re.findall(r"<script(?![^>]* src=\"/)|<style|style=|onclick", page.text) == []


def test_a_step_up_works_under_the_policy(visit: Visit) -> None:
    client = visit("flask-talisman")
    assert testing.pass_challenge(client, client.get("/statements")).location == "/statements"
    assert client.get("/statements").text == "the statements"


def test_plain_http_is_turned_away_before_any_guard(load: Load) -> None:
    page = load("flask-talisman")
    app = page.create_app(CONFIG)
    page.talisman.force_https = True
    client = logged_in(app.test_client(), "ada")
    assert client.get("/statements").location == "https://localhost/statements"
    client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    testing.trust(client)
    assert client.get("/statements").text == "the statements"
