"""Guarded views asked for from a frame, by a service worker, by a library and for a file, in Chromium.

Turbo and Unpoly themselves are no part of the project. What they send is in tests/integration.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from flask import Response
from playwright.sync_api import Frame, Page, expect
from werkzeug.serving import make_server

from flask_zerotrust import step_up_required
from tests.integration.sites import FixedScorer, build_app, totp

SHELL = '<!doctype html><title>shell</title><h1>Shell</h1><iframe name="inner" src="/inner"></iframe>'
INNER = '<!doctype html><title>inner</title><a id="go" href="/wanted">Go</a>'
WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
self.addEventListener("fetch", (event) => {
  const { url, headers, mode } = event.request;
  const options = { headers, credentials: "include", redirect: "manual" };
  if (mode === "navigate") event.respondWith(fetch(url, options));
});"""
# As Unpoly does: the request names no HTML, and of the answer one element is put into the page.
UNPOLY = """async () => {
  const answer = await fetch("/wanted", { headers: { "X-Up-Version": "3.14.3" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceWith(page.querySelector("main"));
}"""


def wanted() -> str:
    return "<!doctype html><title>wanted</title><h1>What was wanted</h1>"


def statement() -> Response:
    return Response(b"%PDF-1.4", headers={"Content-Disposition": "attachment; filename=statement.pdf"})


@contextmanager
def served(**config: Any) -> Iterator[str]:
    """Serve a site with two guarded views, and give its address."""
    site = build_app(time.time, FixedScorer(), ZEROTRUST_NEW_BROWSER="challenge", **config)  # type: ignore[arg-type]
    for path, text in {"/shell": SHELL, "/inner": INNER, "/plain": "<main>plain</main>"}.items():
        site.app.add_url_rule(path, path, lambda text=text: text)
    site.app.add_url_rule("/worker.js", "worker", lambda: Response(WORKER, mimetype="text/javascript"))
    site.app.add_url_rule("/wanted", "wanted", step_up_required(wanted))
    site.app.add_url_rule("/statement", "statement", step_up_required(statement))
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url(page: Page) -> Iterator[str]:
    """A site where nobody may frame pages, and Ada is logged in."""
    with served() as url:
        log_in(page, url)
        yield url


def log_in(page: Page, url: str) -> None:
    page.goto(url + "/")
    page.evaluate("fetch('/login', { method: 'POST', body: new URLSearchParams({ username: 'ada' }) })")
    page.wait_for_load_state("networkidle")


def confirm(page: Page | Frame) -> None:
    """Type the code of the authenticator app."""
    page.fill("[name=code]", totp(time.time()))
    page.get_by_role("button", name="Confirm once").click()


def inner(page: Page) -> Frame:
    """Return the frame of the shell."""
    found = page.frame("inner")
    assert found is not None
    return found


def test_a_frame_goes_on_after_a_code_in_a_window_of_its_own(page: Page, url: str) -> None:
    page.goto(url + "/shell")
    inner(page).click("#go")
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("Open this in a new window")
    with page.expect_popup() as opened:
        inner(page).get_by_role("link", name="Open the window").click()
    confirm(opened.value)
    expect(opened.value.get_by_role("heading")).to_have_text("What was wanted")
    inner(page).get_by_role("link", name="I’ve done that, go on").click()
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("What was wanted")


def test_a_named_site_shows_the_challenge_in_its_frame(page: Page) -> None:
    with served(ZEROTRUST_FRAME_ANCESTORS=["'self'"]) as url:
        log_in(page, url)
        page.goto(url + "/shell")
        inner(page).click("#go")
        expect(page.frame_locator("iframe").locator("[name=code]")).to_be_visible()
        confirm(inner(page))
        expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("What was wanted")


def test_a_page_that_a_service_worker_fetches_is_a_page(page: Page, url: str) -> None:
    page.goto(url + "/plain")
    page.evaluate("navigator.serviceWorker.register('/worker.js')")
    page.wait_for_function("navigator.serviceWorker.controller")
    page.goto(url + "/wanted")
    page.wait_for_url("**/zerotrust/challenge/*")
    expect(page.locator("[name=code]")).to_be_visible()


def test_what_a_library_puts_into_a_page_opens_the_challenge(page: Page, url: str) -> None:
    page.goto(url + "/plain")
    page.evaluate(UNPOLY)
    page.wait_for_url("**/zerotrust/challenge/*")
    confirm(page)
    expect(page.get_by_role("heading")).to_have_text("What was wanted")


def test_a_file_leaves_a_page_with_a_link(page: Page, url: str) -> None:
    page.evaluate("void location.assign('/statement')")
    page.wait_for_url("**/zerotrust/challenge/*")
    with page.expect_download() as saved:
        confirm(page)
    assert saved.value.suggested_filename == "statement.pdf"
    expect(page.get_by_role("heading")).to_have_text("Thank you, that worked")
    with page.expect_download():
        page.get_by_role("link", name="Download the file").click()
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(url + "/")
