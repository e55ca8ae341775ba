"""Nonces of an app's Content-Security-Policy, in the scripts of the extension's own pages."""

from __future__ import annotations

import pytest
from flask import Flask, Response, render_template_string

from flask_zerotrust import ZeroTrust
from flask_zerotrust.web.nonces import script_nonce


@pytest.mark.parametrize(
    ("policy", "nonce"),
    [
        ("script-src 'nonce-aB1+/_-=' 'strict-dynamic'", "aB1+/_-="),
        ("default-src 'nonce-a'", "a"),
        ("default-src 'nonce-a'; SCRIPT-SRC 'self' 'nonce-b'", "b"),
        ("script-src 'nonce-b'; script-src-elem 'nonce-c'", "c"),
        ("default-src 'nonce-a'; script-src 'self'", None),
        ("style-src 'nonce-a'", None),
        ("script-src 'nonce-\"onload=x'", None),
        (";; script-src ;", None),
        ("", None),
    ],
)
def test_the_nonce_of_scripts_is_found(policy: str, nonce: str | None) -> None:
    assert script_nonce(policy) == nonce


def page(policy: str | None, body: str = "<script{{ zt_nonce() }}></script>", **headers: str) -> Response:
    app = Flask("bank")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    ZeroTrust(app).user_id_loader(lambda: None)
    app.add_url_rule("/", "page", lambda: render_template_string(body))

    @app.after_request
    def set_policy(response: Response) -> Response:
        if policy is not None:
            response.headers["Content-Security-Policy"] = policy
        response.headers.update(headers)
        return response

    answer: Response = app.test_client().get("/")
    return answer


def test_scripts_get_the_nonce_that_the_app_sends() -> None:
    answer = page("script-src 'nonce-abc' 'strict-dynamic'")
    assert answer.text == '<script nonce="abc"></script>'
    assert answer.content_length == len(answer.data)


@pytest.mark.parametrize("policy", [None, "script-src 'self'"])
def test_without_a_nonce_scripts_have_no_attribute(policy: str | None) -> None:
    assert page(policy).text == "<script></script>"


def test_what_stands_in_for_the_nonce_is_known_to_nobody() -> None:
    answer = page("script-src 'nonce-abc'", "<p>flask_zerotrust.nonce</p><script{{ zt_nonce() }}></script>")
    assert answer.text == '<p>flask_zerotrust.nonce</p><script nonce="abc"></script>'


def test_a_page_that_was_compressed_stays_as_it_is() -> None:
    assert "abc" not in page("script-src 'nonce-abc'", **{"Content-Encoding": "gzip"}).text
