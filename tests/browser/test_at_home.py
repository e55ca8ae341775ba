"""What the docs let people try, in a real Chromium: htmx, a strict policy with nonces, the tutorial."""

from __future__ import annotations

import importlib.util
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import ConsoleMessage, Page, expect
from werkzeug.serving import make_server

from flask_zerotrust import testing
from tests.integration.at_home.pages import CONFIG, loaded, logged_in

from .harness import ROOT, Bank
from .steps import answer_challenge, log_in


@contextmanager
def served(app: Flask, page: Page, user: str) -> Iterator[str]:
    """Serve an app on loopback, give its address, and log the page's browser in."""
    cookie = logged_in(app.test_client(), user).get_cookie("session")
    assert cookie is not None
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    page.context.add_cookies([{"name": "session", "value": cookie.value, "url": url}])
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(page: Page, app: Flask) -> None:
    """Type the code of the authenticator app."""
    page.wait_for_url("**/zerotrust/challenge/*")
    page.fill("[name=code]", testing.totp_code(app.test_client(), "ada"))
    page.keyboard.press("Enter")


@pytest.fixture(params=[2, 4])
def bank(request: pytest.FixtureRequest, page: Page, tmp_path: Path) -> Iterator[Flask]:
    """The app of the page on htmx, open in the browser; django-htmx brings both versions of htmx."""
    found = importlib.util.find_spec("django_htmx")
    assert found is not None
    assert found.origin is not None
    scripts = Path(found.origin).parent / "static" / "django_htmx"
    shutil.copy(scripts / f"htmx-{request.param}.min.js", tmp_path / "htmx.min.js")
    with loaded("htmx") as code:
        app: Flask = code.create_app(CONFIG, static_folder=str(tmp_path))
        with served(app, page, "ada") as url:
            page.goto(url)
            yield app


def test_htmx_opens_the_challenge_as_a_page_and_comes_back(page: Page, bank: Flask) -> None:
    page.click("#show")
    answer(page, bank)
    page.wait_for_url("**/")
    page.click("#show")
    expect(page.locator("#balance")).to_have_text("12.50")


def test_a_form_of_htmx_goes_through_the_step_up(page: Page, bank: Flask) -> None:
    page.click("form button")
    answer(page, bank)
    page.wait_for_url("**/confirm")
    page.click("main button")
    expect(page.locator("#sent")).to_have_text("5")
    page.fill("[name=amount]", "7")
    page.click("form button")
    expect(page.locator("#sent")).to_have_text("7")


def test_a_user_without_a_factor_reads_why_where_htmx_4_puts_it(page: Page, bank: Flask) -> None:
    bank.extensions["zerotrust"].loaders.factors = lambda user: []
    with page.expect_response("**/balance") as answered:
        page.click("#show")
    assert answered.value.status == 403
    if page.evaluate("htmx.version").startswith("4"):
        expect(page.locator("#balance [role=alert]")).to_contain_text("no way to confirm that it is you")


def test_everything_works_under_a_strict_policy_with_nonces(page: Page) -> None:
    """The collector loads and sends, the challenge shows with its style, and nothing is reported."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        said.append(f"{message.text} ({message.location['url']})")

    page.on("console", note)
    with loaded("flask-talisman") as code:
        app = code.create_app(CONFIG)
        with served(app, page, "ada") as url:
            page.goto(url)
            with page.expect_response("**/zerotrust/token*") as token:
                page.mouse.move(100, 100)
                page.mouse.move(300, 200, steps=10)
            assert token.value.status == 200
            with page.expect_response("**/zerotrust/events") as batch:
                page.mouse.move(500, 250, steps=10)
            assert batch.value.status == 204
            page.goto(url + "/statements")
            assert page.evaluate("document.styleSheets[0].cssRules.length > 0")
            answer(page, app)
            page.wait_for_url("**/statements")
            expect(page.locator("body")).to_have_text("the statements")
    # On a busy machine the test has filled in the field before the browser puts the focus there.
    assert [text for text in said if "favicon.ico" not in text and "Autofocus" not in text] == []


def test_the_tutorials_script_is_high_and_meets_a_code(page: Page, live_bank: Bank) -> None:
    """As the tutorial says, and the form is kept."""
    (script,) = re.findall(r"^```js\n(.*?)^```", (ROOT / "docs" / "tutorial.md").read_text(), re.M | re.S)
    log_in(page, live_bank)
    page.goto(live_bank.url + "/transfer")
    page.evaluate(script)
    expect(page.locator("[data-zerotrust-status]")).to_contain_text("high")
    page.fill("[name=to]", "grace")
    page.fill("[name=amount]", "5")
    page.press("[name=amount]", "Enter")
    page.wait_for_url("**/zerotrust/challenge/*")
    answer_challenge(page, live_bank)
    expect(page.locator("[name=to]")).to_have_value("grace")
