"""Playwright: as its documentation has it, and made to look like a person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from research.browsers.tools.hands import HIGH, KEY_PAUSE_S, WIDE, Hand, Tool, inside, middle
from tests.browser import movers
from tests.browser.harness import FLAGS
from tests.browser.movers import Point


class Playwright:
    """Straight lines of 25 steps, and Playwright's own clicks."""

    def __init__(self, page: Page, seed: int) -> None:
        self.page = page
        self.rng = np.random.default_rng(seed)
        self.at: Point = (0.0, 0.0)

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def evaluate(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def move(self, to: Point) -> None:
        self.page.mouse.move(*to, steps=25)
        self.at = to

    def press(self) -> None:
        self.page.mouse.down()
        self.page.mouse.up()

    def click(self, selector: str) -> None:
        self.page.click(selector)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=1e3 * KEY_PAUSE_S)

    def enter(self, selector: str, text: str) -> None:
        self.page.fill(selector, text)

    def submit(self, selector: str) -> None:
        self.page.press(selector, "Enter")


class Humanised(Playwright):
    """Bent, eased, trembling movement, and buttons that are held as people hold them."""

    def move(self, to: Point) -> None:
        for at, rest_s in movers.bezier(self.at, to, self.rng):
            self.page.mouse.move(*inside(at))
            time.sleep(rest_s)
        self.at = to

    def press(self) -> None:
        time.sleep(float(self.rng.uniform(0.08, 0.25)))
        self.page.mouse.down()
        time.sleep(float(self.rng.uniform(0.06, 0.13)))
        self.page.mouse.up()

    def click(self, selector: str) -> None:
        self.move(middle(self, selector))
        self.press()


@contextmanager
def page(chromium: str) -> Iterator[Page]:
    """Open a fresh browser with one page."""
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        try:
            yield browser.new_page(viewport={"width": WIDE, "height": HIGH})
        finally:
            browser.close()


def versions() -> dict[str, str]:
    """Return what drives the browser."""
    return {"playwright": version("playwright")}


@contextmanager
def _plain(chromium: str, seed: int) -> Iterator[Hand]:
    with page(chromium) as opened:
        yield Playwright(opened, seed)


@contextmanager
def _humanised(chromium: str, seed: int) -> Iterator[Hand]:
    with page(chromium) as opened:
        yield Humanised(opened, seed)


TOOLS = (
    Tool("playwright", "Playwright", "straight lines, its own clicks", _plain, versions),
    Tool("playwright-humanised", "Playwright", "curves, tremor, held buttons", _humanised, versions),
)
