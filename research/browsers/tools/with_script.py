"""Events made by a script in the page, as an extension or a console snippet makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Page

from research.browsers.tools import with_playwright
from research.browsers.tools.hands import Hand, Tool, inside, middle
from tests.browser import movers
from tests.browser.movers import Point

_MOVE = """async points => {
  for (const [x, y] of points) {
    const hit = document.elementFromPoint(x, y) ?? document.body;
    for (const [kind, type] of [[PointerEvent, "pointermove"], [MouseEvent, "mousemove"]])
      hit.dispatchEvent(new kind(type, {clientX: x, clientY: y, pointerType: "mouse", bubbles: true}));
    await new Promise(requestAnimationFrame);
  }
}"""
_PRESS = """([x, y]) => {
  const hit = document.elementFromPoint(x, y) ?? document.body;
  for (const type of ["pointerdown", "pointerup"])
    hit.dispatchEvent(
      new PointerEvent(type, {clientX: x, clientY: y, pointerType: "mouse", bubbles: true}));
  hit.focus?.();
  hit.click();
}"""
_TYPE = """text => {
  const field = document.activeElement;
  field.value += text;
  field.dispatchEvent(new Event("input", {bubbles: true}));
}"""


class Script:
    """Playwright opens the pages; everything in them is done by ``dispatchEvent``."""

    def __init__(self, page: Page, seed: int) -> None:
        self._page = page
        self._rng = np.random.default_rng(seed)
        self._at: Point = (0.0, 0.0)

    def goto(self, url: str) -> None:
        self._page.goto(url)

    def evaluate(self, expression: str) -> Any:
        return self._page.evaluate(expression)

    def move(self, to: Point) -> None:
        points = [inside(at) for at, _ in movers.bezier(self._at, to, self._rng)]
        self._page.evaluate(_MOVE, points)
        self._at = to

    def press(self) -> None:
        self._page.evaluate(_PRESS, list(self._at))

    def click(self, selector: str) -> None:
        self.move(middle(self, selector))
        self.press()

    def type(self, text: str) -> None:
        self._page.evaluate(_TYPE, text)

    def enter(self, selector: str, text: str) -> None:
        field = f"document.querySelector({json.dumps(selector)})"
        self._page.evaluate(f"{field}.value = {json.dumps(text)}")

    def submit(self, selector: str) -> None:
        self._page.evaluate(f"document.querySelector({json.dumps(selector)}).form.requestSubmit()")


@contextmanager
def _open(chromium: str, seed: int) -> Iterator[Hand]:
    with with_playwright.page(chromium) as page:
        yield Script(page, seed)


TOOLS = (Tool("script", "Script events", "curves by dispatchEvent", _open, with_playwright.versions),)
