"""Attackers with a browser of their own: Chromium at the example app, with the owner's password."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from research.browsers.tools import with_playwright
from tests.browser import os_input
from tests.browser.harness import FLAGS, Bank, serve_bank
from tests.browser.os_input import Desk
from tests.browser.steps import challenged, log_in
from tests.browser.test_known_browsers import again, remember, send_money
from tests.browser.test_people import chromium_window
from tests.browser.test_people import visit as visit_by_hand
from tests.integration.recorded import envelope

from .tools.hands import inside
from .tools.visit import visit

#: Reaches of a visit with made-up movement: as many as people make in half a minute.
REACHES = 10
#: A move that comes later than this is left out, or moves would come in clumps. In seconds.
LATE_S = 0.03
#: The collector sends what it holds back within this time, in ms.
FLUSH_MS = 4_500
_HUMANISED = next(tool for tool in with_playwright.TOOLS if tool.key == "playwright-humanised")


@contextmanager
def bank_of(rule: str) -> Iterator[Bank]:
    """Serve a fresh bank under a rule for new browsers."""
    with TemporaryDirectory() as folder, serve_bank(Path(folder), ZEROTRUST_NEW_BROWSER=rule) as bank:
        yield bank


# Movement


def curves(rule: str, seeds: Iterable[int], *, chromium: str) -> Iterator[bool]:
    """Move as ghost-cursor does: along curves, with tremor, overshoots and held buttons."""
    for seed in seeds:
        with bank_of(rule) as bank, _HUMANISED.open(chromium, seed) as hand:
            yield not visit(hand, bank, reaches=REACHES, seed=seed).stepped_up


def recorded(rule: str, parts: Iterable[Recording], *, chromium: str) -> Iterator[bool]:
    """Move as recorded, through Chromium's remote control."""
    for part in parts:
        with bank_of(rule) as bank, with_playwright.page(chromium) as page:
            log_in(page, bank)
            page.goto(bank.url + "/transfer")
            play(page, part)
            page.wait_for_timeout(FLUSH_MS)
            send_form(page)
            yield not challenged(page)


def play(page: Page, part: Recording) -> None:
    """Move at the recorded times. Presses are left out, which would press what lies under them."""
    began, first_ms = time.monotonic(), float(part.t[0])
    for t_ms, x, y, letter in zip(part.t, part.x, part.y, part.type, strict=True):
        wait_s = (t_ms - first_ms) / 1_000.0 - (time.monotonic() - began)
        if letter == "m" and wait_s > -LATE_S:
            time.sleep(max(0.0, wait_s))
            page.mouse.move(*inside((x, y)))


def send_form(page: Page) -> None:
    """Fill in the transfer without a pointer, and send it."""
    page.fill("#to", "grace")
    page.fill("#amount", "25.00")
    page.press("#amount", "Enter")
    page.wait_for_url(lambda url: not url.endswith("/transfer"))


def by_hand(rule: str, visits: Iterable[Recording], *, chromium: str) -> Iterator[bool]:
    """Move a real pointer as recorded.

    A machine that is too busy to give the events in time measures nothing. Such a visit is left out.
    """
    with os_input.screen() as display, sync_playwright() as playwright:
        desk = Desk(display)
        for part in visits:
            for window in chromium_window(playwright, chromium, display):
                with bank_of(rule) as bank:
                    seen = visit_by_hand(window.pages[0], desk, bank, part)
                if seen is not None:
                    yield not seen.asked
        desk.close()


# Copies


@dataclass
class Poster:
    """A script that posts movement with the cookies of a browser."""

    context: BrowserContext
    bank: Bank
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    seq: int = 0

    def post(self, recording: Recording) -> None:
        """Post a recording at once."""
        url = self.bank.url + "/zerotrust"
        token = self.context.request.get(f"{url}/token?page={self.nonce}").json()["token"]
        for batch in batches(recording):
            body: Any = envelope(self, token, batch)  # type: ignore[arg-type]
            assert self.context.request.post(f"{url}/events", data=body).status == 204


@contextmanager
def profile(playwright: Any, chromium: str, folder: Path) -> Iterator[BrowserContext]:
    """Open Chromium on a profile that stays on the disk."""
    context = playwright.chromium.launch_persistent_context(
        str(folder), executable_path=chromium, headless=True, args=list(FLAGS), env=dict(os.environ)
    )
    context.set_default_timeout(30_000)
    try:
        yield context
    finally:
        context.close()


def copies(rule: str, parts: Iterable[Recording], *, chromium: str, whole: bool) -> Iterator[bool]:
    """Copy all cookies of the owner's known browser to another profile, or the whole profile.

    The owner has logged out and in again, so the session is not proven. The thief posts recorded movement.
    """
    with sync_playwright() as playwright:
        for part in parts:
            with bank_of(rule) as bank, TemporaryDirectory() as folder:
                own, copy = Path(folder, "own"), Path(folder, "copy")
                with profile(playwright, chromium, own) as context:
                    remember(context.pages[0], bank)
                    again(context.pages[0], bank)
                    cookies = context.cookies()
                if whole:
                    shutil.copytree(own, copy, ignore=shutil.ignore_patterns("Singleton*"))
                with profile(playwright, chromium, copy) as context:
                    context.add_cookies(cookies)  # type: ignore[arg-type]
                    yield _sends(context, bank, part, known=whole)


def _sends(context: BrowserContext, bank: Bank, part: Recording, *, known: bool) -> bool:
    """Return whether money goes from a profile with the owner's cookies."""
    Poster(context, bank).post(part)
    page = context.new_page()
    send_money(page, bank, known=known)
    return not challenged(page)
