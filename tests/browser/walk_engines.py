"""The ways through the bank in Firefox and in WebKit, with a person's hand and keyboard: ``make engines``.

``ZEROTRUST_TEST_ENGINE`` names the browser.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from . import engines, os_input
from .engines import Eyes
from .harness import Bank, serve_bank
from .os_input import Desk
from .steps import STATUS
from .test_people import ENGINE, log_in, type_into

PAGES = ("/", "/transfer", "/security", "/phone", "/card", "/zerotrust/factors", "/zerotrust/recovery")
SIZES = {"wide": (1280, 800), "narrow": (320, 640)}
FITS = "document.documentElement.scrollWidth <= innerWidth"
CODE = "fetch('/phone').then(r => r.text()).then(t => /data-code>(\\d+)/.exec(t)?.[1] ?? '')"
FOCUSED = "s => document.activeElement.matches(s)"
SHOWN = "s => !!document.querySelector(s)?.checkVisibility()"
CHALLENGE = "/zerotrust/challenge/"


@pytest.fixture(scope="module")
def eyes(display: str) -> Iterator[Eyes]:
    with engines.ENGINES[os.environ[ENGINE]](display) as seen:
        yield seen


@pytest.fixture
def bank(tmp_path: Path, eyes: Eyes) -> Iterator[Bank]:
    """The bank under a name: browsers make no keys for numbers."""
    eyes.clear_cookies()
    with serve_bank(tmp_path, RESEND_S=0, ZEROTRUST_NEW_BROWSER="movement") as running:
        yield replace(running, url=running.url.replace("127.0.0.1", "localhost"))


@pytest.fixture
def ada(eyes: Eyes, desk: Desk, bank: Bank) -> Eyes:
    """The window at its whole size, with Ada logged in by keyboard."""
    eyes.resize(*os_input.SCREEN)
    log_in(eyes, desk, bank)
    return eyes


def tab_to(eyes: Eyes, desk: Desk, selector: str) -> None:
    for _ in range(40):
        if eyes.evaluate(FOCUSED, selector):
            return
        desk.press("Tab")
    raise AssertionError(f"the Tab key does not reach {selector}")


def push(eyes: Eyes, desk: Desk, selector: str) -> None:
    """Press a button or a link, by keyboard."""
    tab_to(eyes, desk, selector)
    desk.press("Return")


def answer(eyes: Eyes, desk: Desk, within: str = "main") -> None:
    """Have the code sent, and type what the phone shows."""
    push(eyes, desk, f"{within} form[action$='/send'] button")
    eyes.wait_for_function(FOCUSED, arg="[name=code]")
    desk.type(eyes.evaluate(CODE))
    desk.press("Return")


def test_a_form_comes_through_a_step_up(ada: Eyes, desk: Desk, bank: Bank) -> None:
    """Without any movement there is a code; the form is kept, shown, and sent by the person."""
    ada.goto(bank.url + "/transfer")
    type_into(ada, desk, "to", "grace")
    type_into(ada, desk, "amount", "25")
    desk.press("Return")
    ada.wait_for_url(lambda url: CHALLENGE in url)
    answer(ada, desk)
    ada.wait_for_url(lambda url: url.endswith("/confirm"))
    push(ada, desk, "main button")
    ada.wait_for_url(bank.url + "/")
    assert "is on its way to Grace" in ada.evaluate("document.querySelector('.notice.success').innerText")


def test_the_dialog_asks_answers_and_gives_the_focus_back(ada: Eyes, desk: Desk, bank: Bank) -> None:
    ada.goto(bank.url + "/card")
    push(ada, desk, "[data-pin] button")
    ada.wait_for_function(SHOWN, arg="dialog[open] form[action$='/send'] button")
    assert ada.evaluate(FOCUSED, "dialog h1")
    for _ in range(12):
        desk.press("Tab")
        # Past the last control comes the browser's own frame: then the body has the focus.
        assert ada.evaluate(FOCUSED, "body, dialog, dialog *")
    answer(ada, desk, within="dialog")
    ada.wait_for_function(SHOWN, arg="[data-zt-retry]")
    push(ada, desk, "[data-zt-retry]")
    ada.wait_for_function("document.querySelector('[data-answer]').textContent === 'Your PIN is 1210.'")
    assert not ada.evaluate(SHOWN, "dialog")
    assert ada.evaluate(FOCUSED, "[data-pin] button")


def test_escape_leaves_the_dialog(ada: Eyes, desk: Desk, bank: Bank) -> None:
    ada.goto(bank.url + "/card")
    push(ada, desk, "[data-pin] button")
    ada.wait_for_function(SHOWN, arg="dialog[open] form[action$='/send'] button")
    desk.press("Escape")
    ada.wait_for_function("document.querySelector('[data-answer]').textContent.includes('not shown')")
    assert ada.evaluate(FOCUSED, "[data-pin] button")


def test_a_passkey_is_made_and_used_or_the_page_says_that_it_cannot(
    ada: Eyes, desk: Desk, bank: Bank
) -> None:
    """WebKitGTK knows none: there the other ways are offered."""
    ada.goto(bank.url + "/zerotrust/factors")
    answer(ada, desk)
    ada.wait_for_url(lambda url: url.endswith("/factors"))
    ada.goto(bank.url + "/zerotrust/factors/add/passkey")
    if not ada.plug_in_key():
        assert ada.evaluate(SHOWN, "[data-passkey-missing]")
        assert not ada.evaluate(SHOWN, "form[data-passkey]")
        return
    push(ada, desk, "form[data-passkey] button")
    ada.wait_for_url(lambda url: "news=added" in url)
    ada.goto(bank.url + "/")
    push(ada, desk, "form[action$='/logout'] button")
    ada.wait_for_url(lambda url: url.endswith("/login"))
    log_in(ada, desk, bank)
    ada.goto(bank.url + "/statements")
    ada.goto(ada.url + "?factor=webauthn")
    push(ada, desk, "form[data-passkey] button")
    ada.wait_for_url(bank.url + "/statements")


def test_clicks_and_the_wheel_are_a_persons(ada: Eyes, desk: Desk, bank: Bank) -> None:
    """What the browser's stream says of a hand at this desk never speaks against it."""
    ada.resize(1280, 300)  # something to scroll
    rng = np.random.default_rng(5)
    for _ in range(10):
        desk.replay(reach(ada, rng))
        desk.turn(3)
        time.sleep(0.4)
    time.sleep(2.5)
    said = ada.evaluate(f"({STATUS})()")
    assert said["strokes"] >= 8
    assert not {"untrusted_events", "machine_like_timing"} & set(said["reasons"])


def reach(eyes: Eyes, rng: np.random.Generator) -> os_input.Path:
    """Return one movement of the hand, with a press at its end where that presses nothing."""
    u = np.linspace(0, 1, 40)
    ease = u**3 * (10 - 15 * u + 6 * u * u)
    (x0, x1), (y0, y1) = rng.integers(100, 1_100, 2), rng.integers(100, 280, 2)
    (free,) = eyes.evaluate(os_input.EMPTY_GROUND, [[int(x1), int(y1)]])
    letters = "m" * 38 + ("du" if free else "mm")
    x, y = (start + ease * (end - start) for start, end in ((x0, x1), (y0, y1)))
    return os_input.Path(0.6 * u, x.astype(np.int64), y.astype(np.int64), letters)


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit(ada: Eyes, desk: Desk, bank: Bank, size: str) -> None:
    """Nothing is scrolled sideways; pictures of every page are kept for somebody to look at."""
    folder = os.environ.get("ZEROTRUST_TEST_PICTURES")
    ada.goto(bank.url + "/zerotrust/factors")
    answer(ada, desk)
    ada.wait_for_url(lambda url: url.endswith("/factors"))
    ada.resize(*SIZES[size])
    for path in (*PAGES, "/statements"):
        ada.goto(bank.url + path)
        assert ada.evaluate(FITS), path
        if folder:
            name = f"{os.environ[ENGINE]}-{size}{path.replace('/', '-')}.png"
            Path(folder, name).write_bytes(ada.picture())
