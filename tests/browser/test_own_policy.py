"""The policy that the extension's own pages carry, in a real Chromium: everything on them works."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from flask import Response
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from tests.integration.sites import FixedScorer, build_app, totp

from .steps import type_in


def set_strict_policy(response: Response) -> Response:
    """Let only scripts with the nonce of this answer run, and what they load."""
    sources = f"script-src 'nonce-{secrets.token_urlsafe(8)}' 'strict-dynamic'"
    response.headers["Content-Security-Policy"] = f"{sources}; object-src 'none'; base-uri 'none'"
    return response


CONFIG: dict[str, Any] = {"ZEROTRUST_NEW_BROWSER": "challenge", "ZEROTRUST_PASSKEYS": True}


@pytest.fixture(params=["its own", "a nonce"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A site without templates, without a policy of its own or with one of a nonce and strict-dynamic."""
    site = build_app(time.time, FixedScorer(), **CONFIG)  # type: ignore[arg-type]
    if request.param == "a nonce":
        site.app.after_request(set_strict_policy)
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_browser_is_remembered_and_an_app_is_added_under_the_policy(page: Page, url: str) -> None:
    told: list[str] = []
    page.on(
        "console",
        lambda said: told.append(said.text) if "Content Security Policy" in said.text else None,
    )
    page.goto(url + "/")
    page.evaluate("fetch('/login', { method: 'POST', body: new URLSearchParams({ username: 'ada' }) })")
    page.wait_for_load_state("networkidle")
    told.clear()  # of the app's own page, which gives its scripts no nonce
    page.goto(url + "/zerotrust/factors")
    page.fill("[name=code]", totp(time.time()))
    page.get_by_role("button", name="Confirm and remember this browser").click()
    expect(page.get_by_text("Browsers that we know")).to_be_visible()
    page.goto(url + "/zerotrust/enrol")
    expect(page.get_by_role("img").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") != "0px"
    type_in(page, "000000")
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(url + "/zerotrust/factors/add/passkey")
    expect(page.get_by_role("button", name="Add it")).to_be_visible()
    assert [text for text in told if "Content Security Policy" in text] == []
