"""Programs at the bank: whatever moves the pointer, they meet a one-time code before money moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import requests
from playwright.sync_api import Page

from example_app.seed import PASSWORDS
from tests.forms import form_to, form_with

from . import movers
from .harness import Bank
from .movers import Point
from .steps import answer_challenge, finish_transfer, log_in, settled_status

STROKES = 14


def naive(page: Page, start: Point, end: Point, rng: np.random.Generator) -> None:
    """A straight line at constant speed, as in Playwright's documentation."""
    page.mouse.move(*end, steps=25)


def bezier(page: Page, start: Point, end: Point, rng: np.random.Generator) -> None:
    """A curve with eased time, tremor and an overshoot now and then."""
    for at, rest_s in movers.bezier(start, end, rng):
        page.mouse.move(*at)
        time.sleep(rest_s)


def wander(page: Page, move: Callable[..., None], *, strokes: int, seed: int) -> Point:
    """Move between random places, resting in between, and return where the pointer is."""
    rng = np.random.default_rng(seed)
    at = (640.0, 400.0)
    page.mouse.move(*at)
    for _ in range(strokes):
        target = (float(rng.uniform(100, 1180)), float(rng.uniform(120, 760)))
        move(page, at, target, rng)
        time.sleep(float(rng.uniform(0.25, 0.5)))
        at = target
    return at


def middle(page: Page, selector: str) -> Point:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def fill_and_send(page: Page, move: Callable[..., None], at: Point, *, seed: int) -> None:
    """Move to the form's fields, click into them, type, and press its button."""
    rng = np.random.default_rng(seed)
    for selector, text in (("#to", "grace"), ("#amount", "25.00"), ("main button", "")):
        target = middle(page, selector)
        move(page, at, target, rng)
        at = target
        page.mouse.down()
        page.mouse.up()
        if text:
            page.keyboard.type(text, delay=60)


@pytest.mark.parametrize("move", [naive, pytest.param(bezier, marks=pytest.mark.slow)])
def test_moving_scripts_are_challenged_and_can_still_complete(
    page: Page, live_bank: Bank, move: Callable[..., None], report: Callable[[str], None]
) -> None:
    """A verdict by movement: there is plenty of it, and it does not pass for a person's.

    Whoever then answers with the code is let through with the form's values.
    """
    log_in(page, live_bank)
    page.goto(live_bank.url + "/transfer")
    at = wander(page, move, strokes=STROKES, seed=7)
    seen = settled_status(page)
    report(
        f"Playwright, {move.__name__} movement: {seen['strokes']} strokes, level {seen['level']}, "
        f"risk {seen['risk']:.3f}, reasons {', '.join(seen['reasons'])}"
    )
    assert seen["strokes"] >= STROKES // 2
    fill_and_send(page, move, at, seed=11)
    page.wait_for_url("**/zerotrust/challenge/*")
    answer_challenge(page, live_bank)
    finish_transfer(page, live_bank, to="grace", amount="25.00")


def test_a_script_without_a_pointer_is_challenged(page: Page, live_bank: Bank) -> None:
    """Filling fields and submitting by code leaves the session unknown, and unknown is asked."""
    log_in(page, live_bank)
    page.goto(live_bank.url + "/transfer")
    page.fill("#to", "grace")
    page.fill("#amount", "25.00")
    page.evaluate("document.querySelector('main form').requestSubmit()")
    page.wait_for_url("**/zerotrust/challenge/*")
    answer_challenge(page, live_bank)
    finish_transfer(page, live_bank, to="grace", amount="25.00")


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A client that is no browser."""
    with requests.Session() as session:
        yield session


def test_an_http_client_with_a_valid_login_is_challenged(http: requests.Session, live_bank: Bank) -> None:
    """The password alone moves no money."""
    login = form_with(http.get(live_bank.url + "/login", timeout=10).text, "username")
    data = {**login.fields, "username": "alan", "password": PASSWORDS["alan"]}
    assert "Log out" in http.post(live_bank.url + "/login", data=data, timeout=10).text
    transfer = form_with(http.get(live_bank.url + "/transfer", timeout=10).text, "to")
    data = {**transfer.fields, "to": "grace", "amount": "25.00"}
    answer = http.post(live_bank.url + "/transfer", data=data, timeout=10)
    assert "/zerotrust/challenge/" in answer.json()["challenge_url"]
    assert "on its way" not in http.get(live_bank.url + "/", timeout=10).text


def test_a_json_client_is_told_what_is_missing(http: requests.Session, live_bank: Bank) -> None:
    """401 with the RFC 9470 header, and where to step up, instead of a page for people."""
    login = form_with(http.get(live_bank.url + "/login", timeout=10).text, "username")
    data = {**login.fields, "username": "alan", "password": PASSWORDS["alan"]}
    http.post(live_bank.url + "/login", data=data, timeout=10)
    answer = http.get(live_bank.url + "/statements", headers={"Accept": "application/json"}, timeout=10)
    assert answer.status_code == 401
    assert "insufficient_user_authentication" in answer.headers["WWW-Authenticate"]
    assert "/zerotrust/challenge/" in answer.json()["challenge_url"]


def test_everything_works_without_scripts_by_plain_http(http: requests.Session, live_bank: Bank) -> None:
    """Challenge, code, confirm: each step is a form that a browser without JavaScript can post."""
    url, headers = live_bank.url, {"Origin": live_bank.url, "Accept": "text/html"}
    login = form_with(http.get(url + "/login", timeout=10).text, "username")
    data = {**login.fields, "username": "alan", "password": PASSWORDS["alan"]}
    http.post(url + "/login", data=data, timeout=10)
    transfer = form_with(http.get(url + "/transfer", timeout=10).text, "to")
    data = {**transfer.fields, "to": "grace", "amount": "25.00"}
    page = http.post(url + "/transfer", data=data, headers=headers, timeout=10)
    sending = form_to(page.text, "/send")
    page = http.post(url + sending.action, data=sending.fields, headers=headers, timeout=10)
    answering = form_with(page.text, "code")
    code = http.get(url + "/phone", timeout=10).text.split("data-code>")[1][:6]
    data = {**answering.fields, "code": code}
    page = http.post(url + answering.action, data=data, headers=headers, timeout=10)
    confirming = form_to(page.text, "/transfer")
    assert (confirming.fields["to"], confirming.fields["amount"]) == ("grace", "25.00")
    done = http.post(url + confirming.action, data=confirming.fields, headers=headers, timeout=10)
    assert "£25.00 is on its way to Grace Hopper." in done.text
