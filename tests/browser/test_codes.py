"""Codes in a real Chromium: sent after the last digit, read from a message, and keys that are copied."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect
from werkzeug.serving import make_server

from tests.integration.sites import FixedScorer, build_app, totp

#: A browser that reads the code of a text message, once the user allows it.
MESSAGE = """window.OTPCredential = class {};
navigator.credentials.get = async ({ otp }) => {
  document.documentElement.dataset.asked = otp.transport;
  await new Promise((allow) => (window.allow = allow));
  return { code: "123456" };
};"""
#: Types a code and presses Enter at once. Counts the times that the form would go.
TWICE = """() => {
  const field = document.querySelector("[name=code]");
  let sent = 0;
  addEventListener("submit", (event) => {
    sent += !event.defaultPrevented;
    event.preventDefault();
  });
  field.value = "123456";
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  field.form.requestSubmit();
  return sent;
}"""
Start = Callable[..., str]


@contextmanager
def running(**config: Any) -> Iterator[str]:
    """Run a site that sends codes to a terminal."""
    site = build_app(time.time, FixedScorer(), **config)  # type: ignore[arg-type]
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as open_sites:
        yield lambda **config: open_sites.enter_context(running(**config))


def open_as(page: Page, url: str, user: str, path: str) -> list[str]:
    """Log in, open a page, and return a list to which the forms sent from there are added."""
    page.goto(url + "/")
    page.evaluate(
        "(name) => fetch('/login', { method: 'POST', body: new URLSearchParams({ username: name }) })", user
    )
    page.goto(url + path)
    posts: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and not request.url.endswith(("/events", "/prove")):
            posts.append(request.url)

    page.on("request", note)
    return posts


def test_a_code_is_sent_after_its_last_digit_and_once(page: Page, start: Start) -> None:
    """Enter, pressed out of habit, sends nothing again. The page says it beside the field beforehand."""
    posts = open_as(page, start(ZEROTRUST_BROWSER_DAYS=0), "ada", "/secret")
    expect(page.get_by_label("6-digit code")).to_have_accessible_description(
        "Type the code that your app shows now. When you type the last digit, the code is sent."
    )
    page.keyboard.type(totp(time.time()))
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_text("the secret")
    assert len(posts) == 1


def test_enter_at_the_same_moment_sends_nothing_again(page: Page, start: Start) -> None:
    open_as(page, start(ZEROTRUST_BROWSER_DAYS=0), "ada", "/secret")
    expect(page.locator("[data-zt-sends]")).to_be_visible()
    assert page.evaluate(TWICE) == 1


def test_a_wrong_code_is_sent_once_too(page: Page, start: Start) -> None:
    posts = open_as(page, start(ZEROTRUST_BROWSER_DAYS=0), "ada", "/secret")
    expect(page.locator("[data-zt-sends]")).to_be_visible()
    page.keyboard.type("12345")
    page.keyboard.press("Backspace")
    page.keyboard.type("5 6")
    expect(page.get_by_role("alert")).to_contain_text("You have 4 tries left.")
    assert len(posts) == 1


def test_nothing_is_sent_before_the_user_has_chosen(page: Page, start: Start) -> None:
    posts = open_as(page, start(ZEROTRUST_NEW_BROWSER="challenge"), "ada", "/secret")
    remember = page.get_by_role("button", name="Confirm and remember this browser")
    expect(remember).to_be_visible()
    expect(page.locator("[data-zt-sends]")).to_be_hidden()
    page.fill("[name=code]", totp(time.time()))
    assert posts == []
    remember.click()
    expect(page.locator("body")).to_have_text("the secret")


def test_a_code_is_read_from_the_message(page: Page, start: Start) -> None:
    page.add_init_script(MESSAGE)
    url = start(ZEROTRUST_BROWSER_DAYS=0, ZEROTRUST_SMS_SENDER="console")
    posts = open_as(page, url, "sue", "/secret")
    assert page.locator("html[data-asked]").count() == 0
    page.get_by_role("button", name="Send the code").click()
    expect(page.locator("html[data-asked=sms]")).to_be_attached()
    page.evaluate("allow()")
    expect(page.get_by_role("alert")).to_contain_text("That code is not right")
    assert len(posts) == 2


def test_a_key_is_copied_or_opened_in_an_app_on_the_same_phone(page: Page, start: Start) -> None:
    url = start(ZEROTRUST_ENROL="first-use")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_as(page, url, "bob", "/zerotrust/enrol")
    page.locator("summary", has_text="Type a key").press("Enter")
    page.get_by_role("button", name="Copy the key").press("Enter")
    expect(page.get_by_role("status")).to_have_text("The key is copied.")
    secret = page.evaluate("navigator.clipboard.readText()")
    assert secret == page.locator(".zt-secret").inner_text().replace(" ", "")
    app = page.get_by_role("link", name="Open it in your app").get_attribute("href") or ""
    assert app.startswith("otpauth://totp/")
    assert f"secret={secret}" in app
